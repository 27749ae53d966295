// SPDX-License-Identifier: MIT
#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

const char *pins_path(const char *directory, const char *name, char buffer[static PINS_PATH])
{
	snprintf(buffer, PINS_PATH, "%s/%s", directory, name);
	return buffer;
}

int pins_lock(const char *root, struct ml_error *error)
{
	struct statfs status;
	int fd;

	if (geteuid())
		return ml_error_set(error, -EPERM, "only root can load and see BPF programs");
	if (statfs("/sys/fs/bpf", &status) || status.f_type != BPF_FS_MAGIC)
		return ml_error_set(error, -ENOENT, "/sys/fs/bpf is no bpf file system (with "
				    "'ip netns exec' it is not; 'nsenter --net=' leaves it); "
				    "run 'mount -t bpf bpf /sys/fs/bpf'");
	if (mkdir(root, 0700) && errno != EEXIST)
		return ml_error_set(error, -errno, "cannot make %s: %s", root, strerror(errno));
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX))
		return ml_error_set(error, -errno, "cannot lock %s: %s", root, strerror(errno));
	return 0;
}

int pins_put(const char *directory, const char *name, int fd, struct ml_error *error)
{
	char path[PINS_PATH];

	pins_path(directory, name, path);
	unlink(path);
	if (bpf_obj_pin(fd, path))
		return ml_error_set(error, -errno, "cannot pin %s: %s", path, strerror(errno));
	return 0;
}

int pins_settle(const char *directory, const char *from, const char *to, struct ml_error *error)
{
	char a[PINS_PATH], b[PINS_PATH];

	if (rename(pins_path(directory, from, a), pins_path(directory, to, b)))
		return ml_error_set(error, -errno, "cannot rename %s: %s", a, strerror(errno));
	return 0;
}

int pins_remove(const char *directory, struct ml_error *error)
{
	DIR *opened = opendir(directory);
	char path[PINS_PATH];
	struct dirent *entry;

	if (!opened)
		return ml_error_set(error, -errno, "%s: %s", directory, strerror(errno));
	while ((entry = readdir(opened)))
		if (entry->d_name[0] != '.')
			unlink(pins_path(directory, entry->d_name, path));
	closedir(opened);
	if (rmdir(directory))
		return ml_error_set(error, -errno, "%s: %s", directory, strerror(errno));
	return 0;
}
