/* SPDX-License-Identifier: MIT */
/*
 * From :path to a path and a query that have one meaning. Pure functions of
 * untrusted bytes.
 */
#ifndef MERLON_CONTROL_HTTP_TARGET_H
#define MERLON_CONTROL_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "http.h"

#define HTTP_QUERY_PAIRS 32

/* What is wrong with a request. All of them are constants. */
struct http_problem {
	enum http_reason reason;
	unsigned int status;	/* the answer; 0: it is no HTTP, the stream is reset */
	const char *detail;	/* in words */
};

struct http_target {
	const char *path;
	struct {
		const char *name, *value;
	} query[HTTP_QUERY_PAIRS];
	size_t query_count;
};

/* UTF-8 (no surrogates, nothing overlong) without control characters. */
bool http_text_is_clean(const char *text, size_t length);

/**
 * http_target_parse - split and decode a :path, in place
 * @text: NUL-terminated behind @length; @ret points into it
 *
 * Return: NULL, or what is wrong; @text is then undefined.
 */
const struct http_problem *http_target_parse(char *text, size_t length,
					     struct http_target *ret);

#endif
