// SPDX-License-Identifier: MIT
#include "cgroups.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "watch.h"

#define FILEID_KERNFS	0xfe	/* linux/exportfs.h: the id alone */

/* The id is the file handle. */
static int open_id(int root, uint64_t id)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + sizeof(id)];
	} buffer = { .handle = { .handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS } };

	memcpy(buffer.bytes + sizeof(struct file_handle), &id, sizeof(id));
	return open_by_handle_at(root, &buffer.handle, O_PATH | O_CLOEXEC);
}

/* What the descriptor @fd is called, below @root. */
static void name_of(int fd, const char *root, char *ret, size_t size)
{
	char link[32], path[4096];
	size_t skip = strlen(root);
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return;
	path[length] = '\0';
	if (!strncmp(path, root, skip))
		snprintf(ret, size, "%s", path[skip] ? path + skip : "/");
}

void cgroups_path(uint64_t id, char *ret, size_t size)
{
	const char *root = ml_watch_cgroups();
	int mount, fd = -1;

	*ret = '\0';
	mount = *root ? open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (mount >= 0)
		fd = open_id(mount, id);
	if (fd >= 0) {
		name_of(fd, root, ret, size);
		close(fd);
	}
	if (mount >= 0)
		close(mount);
}
