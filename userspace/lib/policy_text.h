/* SPDX-License-Identifier: MIT */
/*
 * A text that grows, and JSON strings in it.
 */
#ifndef ML_POLICY_TEXT_H
#define ML_POLICY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Zero is an empty text. Once @failed (no memory), nothing more is added. */
struct ml_text {
	char *data;	/* NUL-terminated where length is not 0 */
	size_t length, room;
	bool failed;
};

void ml_text_add(struct ml_text *text, const char *more);
void ml_text_add_bytes(struct ml_text *text, const char *more, size_t length);
void ml_text_format(struct ml_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* @string in double quotes, escaped in the one way that canonical forms use. */
void ml_text_json(struct ml_text *text, const char *string);
/* Control characters become "?"; a UTF-8 sequence that was cut goes. */
void ml_text_printable(char *text);
void ml_text_clean(struct ml_text *text);

#endif
