// SPDX-License-Identifier: MIT
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

static int file_errno(struct ml_error *error, const char *path, const char *what)
{
	int code = -errno;

	return ml_error_set(error, code, "%s: cannot %s: %s", path, what, strerror(-code));
}

static int file_check_mode(const struct stat *st, mode_t forbidden, const char *path,
			   struct ml_error *error)
{
	if (!S_ISREG(st->st_mode))
		return ml_error_set(error, -EINVAL, "%s: not a regular file", path);
	if (st->st_uid && st->st_uid != geteuid())
		return ml_error_set(error, -EACCES,
				    "%s: belongs to user %u; it must belong to root or to user %u, who runs this: chown it",
				    path, st->st_uid, geteuid());
	if (st->st_mode & forbidden)
		return ml_error_set(error, -EACCES,
				    "%s: mode %04o lets others %s it: chmod %s it", path,
				    st->st_mode & 07777, forbidden & 0044 ? "at" : "write",
				    forbidden & 0044 ? "0600" : "0644");
	return 0;
}

static int file_check(int fd, enum ml_file_guard guard, const char *path,
		      struct ml_error *error)
{
	struct stat st;

	if (guard == ML_FILE_ANY)
		return 0;
	if (fstat(fd, &st))
		return file_errno(error, path, "look at its mode");
	return file_check_mode(&st, guard == ML_FILE_PRIVATE ? 0077 : 0022, path, error);
}

int ml_file_check_private(int fd, const char *path, struct ml_error *error)
{
	return file_check(fd, ML_FILE_PRIVATE, path, error);
}

int ml_file_open(const char *path, enum ml_file_guard guard, int *ret,
		 struct ml_error *error)
{
	/* A FIFO in the place of a guarded file must not hang its reader. */
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (guard == ML_FILE_ANY ? 0 : O_NONBLOCK);
	int fd, r;

	if (guard == ML_FILE_OWN)
		flags |= O_NOFOLLOW;
	fd = open(path, flags);
	if (fd < 0)
		return file_errno(error, path, "open");
	r = file_check(fd, guard, path, error);
	if (r) {
		close(fd);
		return r;
	}
	*ret = fd;
	return 0;
}

/* Up to @size bytes from where @fd stands. */
static int file_fill(int fd, const char *path, uint8_t *buffer, size_t size,
		     size_t *ret_length, struct ml_error *error)
{
	size_t length = 0;
	ssize_t n;

	while (length < size) {
		n = read(fd, buffer + length, size - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_errno(error, path, "read");
		if (!n)
			break;
		length += n;
	}
	*ret_length = length;
	return 0;
}

static int file_too_long(struct ml_error *error, const char *path, size_t limit)
{
	return ml_error_set(error, -E2BIG, "%s: longer than the %zu bytes that are allowed",
			    path, limit);
}

int ml_file_read_into(int fd, const char *path, void *buffer, size_t size,
		      size_t *ret_length, struct ml_error *error)
{
	uint8_t more;
	size_t length, extra = 0;
	int r;

	r = file_fill(fd, path, buffer, size, &length, error);
	if (!r && length == size)
		r = file_fill(fd, path, &more, 1, &extra, error);
	if (r)
		return r;
	if (extra)
		return file_too_long(error, path, size);
	*ret_length = length;
	return 0;
}

/* How much to allocate first: a regular file says how long it is. */
static size_t file_guess(int fd, size_t limit)
{
	struct stat st;
	size_t guess = 64 << 10;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		guess = (uint64_t)st.st_size > limit ? limit : (size_t)st.st_size;
	return guess > limit ? limit : guess;
}

static int file_slurp(int fd, const char *path, size_t limit, uint8_t **ret,
		      size_t *ret_length, struct ml_error *error)
{
	/* One byte more than allowed tells a file at the limit from one beyond. */
	size_t size = file_guess(fd, limit) + 1, length = 0, n = 0;
	uint8_t *data = NULL, *grown;
	int r;

	for (;;) {
		grown = realloc(data, size + 1);
		if (!grown) {
			r = ml_error_set(error, -ENOMEM, "%s: no memory to read it", path);
			break;
		}
		data = grown;
		r = file_fill(fd, path, data + length, size - length, &n, error);
		if (r)
			break;
		length += n;
		if (length > limit) {
			r = file_too_long(error, path, limit);
			break;
		}
		if (length < size) {
			data[length] = 0;
			*ret = data;
			*ret_length = length;
			return 0;
		}
		size = size > limit / 2 ? limit + 1 : size * 2;
	}
	free(data);
	return r;
}

int ml_file_read_guarded(const char *path, enum ml_file_guard guard, size_t limit,
			 uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	int fd = -1, r;

	r = ml_file_open(path, guard, &fd, error);
	if (r)
		return r;
	r = file_slurp(fd, path, limit, ret, ret_length, error);
	close(fd);
	return r;
}

int ml_file_read(const char *path, size_t limit, uint8_t **ret, size_t *ret_length,
		 struct ml_error *error)
{
	return ml_file_read_guarded(path, ML_FILE_ANY, limit, ret, ret_length, error);
}

/* A file on its way: its directory, its name there, and the temporary's. */
struct file_draft {
	const char *path;
	const char *name;
	char temporary[NAME_MAX + 1];
	int directory;
	int fd;
};

static int draft_open_directory(struct file_draft *draft, struct ml_error *error)
{
	const char *slash = strrchr(draft->path, '/');
	char directory[PATH_MAX];
	size_t length = slash ? (size_t)(slash - draft->path) : 0;

	draft->name = slash ? slash + 1 : draft->path;
	if (length >= sizeof(directory) || strlen(draft->name) > NAME_MAX - 16)
		return ml_error_set(error, -ENAMETOOLONG, "%s: name too long", draft->path);
	if (!*draft->name)
		return ml_error_set(error, -EISDIR, "%s: names a directory, not a file",
				    draft->path);
	memcpy(directory, draft->path, length);
	directory[length] = 0;
	draft->directory = open(length ? directory : slash ? "/" : ".",
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (draft->directory < 0)
		return file_errno(error, draft->path, "open its directory");
	return 0;
}

static int draft_create(struct file_draft *draft, mode_t mode, struct ml_error *error)
{
	uint32_t random = randombytes_random();

	snprintf(draft->temporary, sizeof(draft->temporary), ".%s.%08x.tmp",
		 draft->name, random);
	/* Never wider than @mode, not even for a moment. */
	draft->fd = openat(draft->directory, draft->temporary,
			   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0600);
	if (draft->fd < 0)
		return file_errno(error, draft->path, "create a file beside it");
	return 0;
}

static int draft_fill(const struct file_draft *draft, const uint8_t *data, size_t length,
		      mode_t mode, struct ml_error *error)
{
	ssize_t n;

	while (length) {
		n = write(draft->fd, data, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_errno(error, draft->path, "write");
		data += n;
		length -= n;
	}
	if (fchmod(draft->fd, mode))
		return file_errno(error, draft->path, "set its mode");
	if (fsync(draft->fd))
		return file_errno(error, draft->path, "write it to disk");
	return 0;
}

/* RENAME_NOREPLACE for file systems that lack it. */
static int draft_link(const struct file_draft *draft)
{
	if (linkat(draft->directory, draft->temporary, draft->directory, draft->name, 0))
		return -1;
	return unlinkat(draft->directory, draft->temporary, 0);
}

static int draft_publish(const struct file_draft *draft, bool replace,
			 struct ml_error *error)
{
	int r;

	r = renameat2(draft->directory, draft->temporary, draft->directory, draft->name,
		      replace ? 0 : RENAME_NOREPLACE);
	if (r && !replace && errno == EINVAL)
		r = draft_link(draft);
	if (r && errno == EEXIST)
		return ml_error_set(error, -EEXIST,
				    "%s: exists already and is not overwritten: move it away or choose another name",
				    draft->path);
	if (r)
		return file_errno(error, draft->path, "put the new file in its place");
	if (fsync(draft->directory))
		return file_errno(error, draft->path, "write its directory to disk");
	return 0;
}

static int draft_write(struct file_draft *draft, const void *data, size_t length,
		       mode_t mode, bool replace, struct ml_error *error)
{
	int r;

	r = draft_create(draft, mode, error);
	if (r)
		return r;
	r = draft_fill(draft, data, length, mode, error);
	if (!r)
		r = draft_publish(draft, replace, error);
	if (r)
		unlinkat(draft->directory, draft->temporary, 0);
	close(draft->fd);
	return r;
}

static int file_write(const char *path, const void *data, size_t length, mode_t mode,
		      bool replace, struct ml_error *error)
{
	struct file_draft draft = { .path = path };
	int r;

	r = draft_open_directory(&draft, error);
	if (r)
		return r;
	r = draft_write(&draft, data, length, mode, replace, error);
	close(draft.directory);
	return r;
}

int ml_file_write_atomic(const char *path, const void *data, size_t length,
			 mode_t mode, struct ml_error *error)
{
	return file_write(path, data, length, mode, true, error);
}

int ml_file_write_new(const char *path, const void *data, size_t length,
		      mode_t mode, struct ml_error *error)
{
	return file_write(path, data, length, mode, false, error);
}
