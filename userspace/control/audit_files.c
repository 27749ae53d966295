// SPDX-License-Identifier: MIT
#include "audit_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const struct audit_files *files, const char *path, const char *what,
		  struct ml_error *error)
{
	int code = -errno;

	return ml_error_set(error, code, "audit log: %s%s%s: cannot %s: %s", files->directory,
			    *path ? "/" : "", path, what, strerror(-code));
}

int audit_files_open(const char *directory, struct audit_files *ret, struct ml_error *error)
{
	struct audit_files files = { .directory = directory };
	int r;

	files.fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files.fd < 0)
		return failed(&files, "", "open", error);
	if (flock(files.fd, LOCK_EX | LOCK_NB)) {
		r = errno != EWOULDBLOCK ? failed(&files, "", "lock", error) :
		    ml_error_set(error, -EBUSY, "audit log: %s: another process writes to it",
				 directory);
		close(files.fd);
		return r;
	}
	*ret = files;
	return 0;
}

void audit_files_close(struct audit_files *files)
{
	close(files->fd);
	files->fd = -1;
}

/* ----------------------------------------------------------------- syncing */

static int sync_one(struct audit_files *files, const char *path, struct ml_error *error)
{
	int fd = openat(files->fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	/* It may have been removed since: then its parent is dirty. */
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fsync(fd))
		r = failed(files, path, "write the directory to disk", error);
	if (fd >= 0)
		close(fd);
	return r;
}

int audit_files_sync(struct audit_files *files, struct ml_error *error)
{
	int r;

	while (files->dirty_count) {
		r = sync_one(files, files->dirty[files->dirty_count - 1], error);
		if (r)
			return r;
		files->dirty_count--;
	}
	return 0;
}

/* The name of what @path is in; "" at the top. */
static void parent_of(const char *path, char ret[static 80])
{
	const char *slash = strrchr(path, '/');

	snprintf(ret, 80, "%.*s", slash ? (int)(slash - path) : 0, path);
}

static int mark_dirty(struct audit_files *files, const char *path, struct ml_error *error)
{
	char parent[80];
	size_t i;
	int r;

	parent_of(path, parent);
	for (i = 0; i < files->dirty_count; i++)
		if (!strcmp(files->dirty[i], parent))
			return 0;
	if (files->dirty_count == AUDIT_FILES_DIRTY) {
		r = audit_files_sync(files, error);
		if (r)
			return r;
	}
	strcpy(files->dirty[files->dirty_count++], parent);
	return 0;
}

/* ----------------------------------------------------------------- writing */

static int make_parents(struct audit_files *files, const char *path, struct ml_error *error)
{
	const char *slash;
	char part[80];
	int r;

	for (slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdirat(files->fd, part, 0750)) {
			if (errno == EEXIST)
				continue;
			return failed(files, part, "make the directory", error);
		}
		r = mark_dirty(files, part, error);
		if (r)
			return r;
	}
	return 0;
}

static int open_temporary(struct audit_files *files, const char *path, const char *temporary,
			  int *ret, struct ml_error *error)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, r;

	*ret = openat(files->fd, temporary, flags, 0640);
	if (*ret < 0 && errno == ENOENT) {
		r = make_parents(files, path, error);
		if (r)
			return r;
		*ret = openat(files->fd, temporary, flags, 0640);
	}
	return *ret < 0 ? failed(files, path, "create", error) : 0;
}

static int fill(struct audit_files *files, const char *path, int fd, const uint8_t *data,
		size_t length, struct ml_error *error)
{
	ssize_t n;

	for (; length; data += n, length -= (size_t)n) {
		n = write(fd, data, length);
		if (n < 0 && errno != EINTR)
			return failed(files, path, "write", error);
		n = n < 0 ? 0 : n;
	}
	return fsync(fd) ? failed(files, path, "write it to disk", error) : 0;
}

int audit_files_write(struct audit_files *files, const char *path, const void *data,
		      size_t length, struct ml_error *error)
{
	char parent[80], temporary[160];
	int fd = -1, r;

	parent_of(path, parent);
	snprintf(temporary, sizeof(temporary), "%s/.%s.tmp", *parent ? parent : ".",
		 path + strlen(parent) + (*parent ? 1 : 0));
	r = open_temporary(files, path, temporary, &fd, error);
	if (r)
		return r;
	r = fill(files, path, fd, data, length, error);
	close(fd);
	if (!r && renameat(files->fd, temporary, files->fd, path))
		r = failed(files, path, "put it in its place", error);
	if (r)
		unlinkat(files->fd, temporary, 0);
	return r ? r : mark_dirty(files, path, error);
}

/* ---------------------------------------------------------------- removing */

int audit_files_remove(struct audit_files *files, const char *path, struct ml_error *error)
{
	int r;

	if (!unlinkat(files->fd, path, 0)) {
		r = mark_dirty(files, path, error);
		return r ? r : 1;
	}
	return errno == ENOENT || errno == ENOTDIR ? 0 : failed(files, path, "remove", error);
}

static bool is_beyond(const char *name, unsigned int beyond)
{
	size_t length = strlen(name);

	if (name[0] == '.')
		return length > 4 && !strcmp(name + length - 4, ".tmp");
	return strspn(name, "0123456789") == length && strtoul(name, NULL, 10) > beyond;
}

static int prune_entries(struct audit_files *files, const char *path, DIR *directory,
			 unsigned int beyond, struct ml_error *error)
{
	const struct dirent *entry;
	char name[80 + NAME_MAX + 2];
	int count = 0, r;

	while ((entry = readdir(directory))) {
		if (!is_beyond(entry->d_name, beyond))
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		r = audit_files_remove(files, name, error);
		if (r < 0)
			return r;
		count += r;
	}
	return count;
}

int audit_files_prune(struct audit_files *files, const char *path, unsigned int beyond,
		      struct ml_error *error)
{
	int fd = openat(files->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r, marked = 0;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory) {
		r = errno == ENOENT ? 0 : failed(files, path, "read", error);
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = prune_entries(files, path, directory, beyond, error);
	closedir(directory);
	if (r >= 0 && !unlinkat(files->fd, path, AT_REMOVEDIR))
		marked = mark_dirty(files, path, error);
	return marked ? marked : r;
}
