/* SPDX-License-Identifier: MIT */
/*
 * Errors of the library: a negative errno for the program and a sentence for
 * the person: what is wrong, where, and what to do. The library prints nothing.
 */
#ifndef ML_ERROR_H
#define ML_ERROR_H

#include <stdarg.h>
#include <stddef.h>

struct ml_error {
	int code;		/* negative errno */
	unsigned int line;	/* of the source, from 1; 0: not about a place */
	unsigned int column;	/* from 1, in bytes */
	char file[256];		/* "" where it is not about a file */
	char text[512];		/* no trailing newline or full stop */
};

/**
 * ml_error_set - fill @error (which may be NULL) and return @code
 * @code: negative errno
 */
int ml_error_set(struct ml_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As ml_error_set(), with a place in a source text. */
int ml_error_at(struct ml_error *error, int code, const char *file,
		unsigned int line, unsigned int column, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* "file:line:column: text", or just "text"; @error must be filled. */
const char *ml_error_string(const struct ml_error *error, char *buffer, size_t size);

#endif
