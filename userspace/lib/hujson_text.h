/* SPDX-License-Identifier: MIT */
/*
 * The characters of a HuJSON text: white space, comments, strings, numbers,
 * UTF-8, places. Used by hujson.c alone.
 */
#ifndef ML_HUJSON_TEXT_H
#define ML_HUJSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hujson.h"

struct ml_hujson_text {
	const char *file;
	const char *begin, *next, *end;
	const char *line_begin;
	unsigned int line;
	bool plain;		/* no comments, no trailing commas */
	struct ml_error *error;
};

void ml_hujson_text_init(struct ml_hujson_text *text, const char *file, const char *begin,
			 size_t length, struct ml_error *error);
void ml_hujson_place(const struct ml_hujson_text *text, unsigned int *line, unsigned int *column);

/* Errors: "unexpected X, expected WHAT" here; about a value; about a limit. */
int ml_hujson_unexpected(const struct ml_hujson_text *text, const char *expected);
int ml_hujson_fail(const struct ml_hujson_text *text, const struct ml_hujson_value *value,
		   const char *what);
int ml_hujson_limit(const struct ml_hujson_text *text, unsigned int limit, const char *of);

/* All of the text, before anything else is read. */
int ml_hujson_utf8_check(struct ml_hujson_text *text);
/* White space and comments. */
int ml_hujson_space(struct ml_hujson_text *text);
/* The character @wanted, if it is next. */
bool ml_hujson_take(struct ml_hujson_text *text, char wanted);
/* The letters of @word and no letter behind them, if they are next. */
bool ml_hujson_word(struct ml_hujson_text *text, const char *word);

/* At '"': room that the decoded string needs at most, without the NUL. */
int ml_hujson_string_measure(struct ml_hujson_text *text, size_t *ret_room);
/* Decodes what was measured, and goes behind it. */
int ml_hujson_string_decode(struct ml_hujson_text *text, char *buffer, size_t *ret_length);

int ml_hujson_number_scan(struct ml_hujson_text *text, size_t *ret_length, bool *ret_integer);
int ml_hujson_integer_decode(const char *digits, size_t length, int64_t *ret);

#endif
