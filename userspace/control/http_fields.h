/* SPDX-License-Identifier: MIT */
/*
 * The fields of a request, as HTTP/2 brings them one by one (RFC 9113, 8.2 and
 * 8.3), and what makes them ambiguous. nghttp2 refuses most of it before; here
 * it is refused once more, and in one place, so that it holds with any version.
 */
#ifndef MERLON_CONTROL_HTTP_FIELDS_H
#define MERLON_CONTROL_HTTP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_memory.h"
#include "http_target.h"

struct http_fields {
	struct http_account *account;
	size_t limit;		/* of bytes, as RFC 9113, 6.5.2 counts */
	size_t bytes;
	bool local;		/* without TLS: the scheme may be "http" */
	bool regular;		/* a field without a colon was seen */
	char *text;		/* names and values, each with a NUL */
	size_t text_used, text_size;
	struct http_field_place {
		uint32_t name, value;	/* offsets in text */
	} *places;
	size_t count, room;
};

/* NULL, or what is wrong; no field may be added after that. */
const struct http_problem *http_fields_add(struct http_fields *fields, const char *name,
					   size_t name_length, const char *value,
					   size_t value_length);
/* Whether all of them together are a request. */
const struct http_problem *http_fields_check(const struct http_fields *fields);
/* NULL where it does not occur. */
const char *http_fields_find(const struct http_fields *fields, const char *name);
/* -1: none */
int64_t http_fields_content_length(const struct http_fields *fields);
void http_fields_free(struct http_fields *fields);

#endif
