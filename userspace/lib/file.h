/* SPDX-License-Identifier: MIT */
/*
 * Whole files in and out: read with a limit, written so that a crash leaves
 * the old or the new content and never a part of either.
 */
#ifndef ML_FILE_H
#define ML_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* What a file's owner and mode must be; a guarded file must also be a regular one. */
enum ml_file_guard {
	ML_FILE_ANY,		/* pipes and devices too */
	ML_FILE_TRUSTED,	/* of root or the caller; nobody else can write it */
	ML_FILE_PRIVATE,	/* moreover nobody else can read it */
	ML_FILE_OWN,		/* as TRUSTED, and no symbolic link (-ELOOP) */
};

/**
 * ml_file_open - for reading, judged by what was opened and not by its name
 * @ret: a descriptor, close-on-exec
 *
 * Return: 0; -EACCES: @guard refuses its owner or mode; -EINVAL: guarded and
 * not a regular file; or the errno of open(2).
 */
int ml_file_open(const char *path, enum ml_file_guard guard, int *ret,
		 struct ml_error *error);

/* ML_FILE_PRIVATE for a descriptor that is open already; @path is for the error. */
int ml_file_check_private(int fd, const char *path, struct ml_error *error);

/**
 * ml_file_read - the whole file
 * @limit: in bytes; a longer file is -E2BIG
 * @ret: malloc()ed, with a NUL behind the content that @ret_length does not count
 */
int ml_file_read(const char *path, size_t limit, uint8_t **ret, size_t *ret_length,
		 struct ml_error *error);
int ml_file_read_guarded(const char *path, enum ml_file_guard guard, size_t limit,
			 uint8_t **ret, size_t *ret_length, struct ml_error *error);

/**
 * ml_file_read_into - the whole file into the caller's buffer, and nowhere else
 * @size: of @buffer; a file longer than that is -E2BIG
 */
int ml_file_read_into(int fd, const char *path, void *buffer, size_t size,
		      size_t *ret_length, struct ml_error *error);

/**
 * ml_file_write_atomic - replace a file: temporary file beside it, fsync, rename,
 * fsync of the directory
 * @mode: exactly, whatever the umask is
 *
 * A reader sees the old content or the new, also after a power failure. Killed
 * half-way, a complete or incomplete ".NAME.XXXXXXXX.tmp" may be left beside it,
 * which nothing ever reads.
 */
int ml_file_write_atomic(const char *path, const void *data, size_t length,
			 mode_t mode, struct ml_error *error);
/* As above, but never replaces: -EEXIST. */
int ml_file_write_new(const char *path, const void *data, size_t length,
		      mode_t mode, struct ml_error *error);

#endif
