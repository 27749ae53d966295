/* SPDX-License-Identifier: MIT */
/*
 * Files below one directory, written so that the caller says when they are there:
 * each is synced before it gets its name, the names at audit_files_sync().
 */
#ifndef AUDIT_FILES_H
#define AUDIT_FILES_H

#include <stddef.h>

#include "error.h"

#define AUDIT_FILES_DIRTY	32

struct audit_files {
	int fd;			/* of the directory */
	const char *directory;	/* its name, for errors */
	size_t dirty_count;	/* directories whose names are not synced, "" is itself */
	char dirty[AUDIT_FILES_DIRTY][80];
};

/* Opens the directory, which must be there, for one writer alone: -EBUSY. */
int audit_files_open(const char *directory, struct audit_files *ret, struct ml_error *error);
void audit_files_close(struct audit_files *files);

/*
 * Writes @path ("tile/0/x001/002"), with the directories to it; replaces what
 * stood there. A process that is killed may leave ".NAME.tmp" beside it.
 */
int audit_files_write(struct audit_files *files, const char *path, const void *data,
		      size_t length, struct ml_error *error);
/* Whatever was written or removed is on disk, with its name. */
int audit_files_sync(struct audit_files *files, struct ml_error *error);
/* 1: removed; 0: it was not there. */
int audit_files_remove(struct audit_files *files, const char *path, struct ml_error *error);

/*
 * Removes of the directory @path the files whose name is a number larger than
 * @beyond, and temporary ones; and the directory, if it is empty then. Returns how
 * many; 0 where it is not there.
 */
int audit_files_prune(struct audit_files *files, const char *path, unsigned int beyond,
		      struct ml_error *error);

#endif
