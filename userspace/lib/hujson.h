/* SPDX-License-Identifier: MIT */
/*
 * HuJSON: JSON for people. Besides RFC 8259 it takes line comments, block
 * comments, and one comma behind the last element of an array or object. The
 * reader keeps the place of every value and key, for errors of whoever reads
 * the values, and does not let a mistake pass:
 *
 *   - the text is UTF-8, comments included; no byte order mark
 *   - a key stands once in an object; the error names both places
 *   - integers fit in 64 bits with sign, other numbers in a double
 *   - no U+0000 in strings, so they are C strings
 *   - at most ML_HUJSON_MAX_DEPTH arrays and objects inside each other,
 *     ML_HUJSON_MAX_VALUES values, ML_HUJSON_MAX_STRING bytes in a string
 *
 * On text without comments and without trailing commas it agrees with jansson
 * (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY) on what is JSON and what it says,
 * but for the limits just named (jansson's depth is 2048) and for a zero byte
 * between values, which jansson takes for the end. A fuzzer holds it to that.
 */
#ifndef ML_HUJSON_H
#define ML_HUJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define ML_HUJSON_MAX_DEPTH	64u
#define ML_HUJSON_MAX_VALUES	(16u << 20)
#define ML_HUJSON_MAX_STRING	(64u << 10)

enum ml_hujson_type {
	ML_HUJSON_NULL,
	ML_HUJSON_BOOL,
	ML_HUJSON_INTEGER,
	ML_HUJSON_REAL,
	ML_HUJSON_STRING,
	ML_HUJSON_ARRAY,
	ML_HUJSON_OBJECT,
};

struct ml_hujson_value {
	uint8_t type;			/* enum ml_hujson_type */
	unsigned int line, column;	/* of its first byte, from 1; columns are bytes */
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct {
			const char *text;	/* NUL-terminated UTF-8 */
			size_t length;
		} string;
		struct {
			const struct ml_hujson_value *items;
			size_t count;
		} array;
		struct {
			const struct ml_hujson_member *members;	/* as written */
			size_t count;
		} object;
	};
};

struct ml_hujson_member {
	const char *key;
	size_t key_length;
	unsigned int line, column;	/* of the key */
	struct ml_hujson_value value;
};

struct ml_hujson;

/**
 * ml_hujson_parse - read a text
 * @file: its name, for errors
 * @ret: free with ml_hujson_free(); untouched on failure
 *
 * Return: 0, -EINVAL (not HuJSON; @error has the place), -E2BIG (a limit), -ENOMEM.
 */
int ml_hujson_parse(const char *file, const char *text, size_t length,
		    struct ml_hujson **ret, struct ml_error *error);
/* The same for plain JSON: comments and trailing commas are errors. */
int ml_json_parse(const char *file, const char *text, size_t length,
		  struct ml_hujson **ret, struct ml_error *error);
const struct ml_hujson_value *ml_hujson_root(const struct ml_hujson *document);
void ml_hujson_free(struct ml_hujson *document);

/* "a string", "an object", ... for errors */
const char *ml_hujson_type_name(const struct ml_hujson_value *value);

#endif
