// SPDX-License-Identifier: MIT
#include "http_fields.h"

#include <string.h>

#define BAD(name, status, text)							\
	static const struct http_problem name = { HTTP_REFUSED_MALFORMED, status, text }

BAD(bad_name, 0, "a field name with upper case, or that is no token");
BAD(bad_value, 0, "a control character, or space around it, in a field's value");
BAD(bad_pseudo, 0, "a pseudo-header that requests do not have");
BAD(bad_order, 0, "a pseudo-header behind a regular field");
BAD(bad_hop, 0, "a field of HTTP/1.1's connections");
BAD(bad_twice, 0, "a field that may occur once occurs twice");
BAD(bad_length, 0, "a content-length that is no number");
BAD(bad_missing, 0, "a request without method, scheme or path");
BAD(bad_scheme, 400, "a scheme that is not https");
BAD(bad_method, 501, "a method that the server does not know");
BAD(bad_authority, 400, "no host, two hosts, or one with a name in front");
BAD(bad_expect, 417, "an expectation");

static const struct http_problem too_large = { HTTP_REFUSED_HEADER, 431,
					       "fields beyond the limit" };
static const struct http_problem no_memory = { HTTP_REFUSED_MEMORY, 503,
					       "no memory for a request's fields" };

static bool is_one_of(const char *name, size_t length, const char *const *list)
{
	for (; *list; list++)
		if (strlen(*list) == length && !memcmp(*list, name, length))
			return true;
	return false;
}

/* RFC 9110, 5.6.2, without upper case. */
static bool is_token(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!name[i] || !strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz",
					name[i]))
			return false;
	return length > 0;
}

static const struct http_problem *name_check(struct http_fields *fields, const char *name,
					     size_t length)
{
	static const char *const pseudo[] = { ":method", ":scheme", ":authority", ":path",
					      NULL };
	/* RFC 9113, 8.2.2 */
	static const char *const hop[] = { "connection", "proxy-connection", "keep-alive",
					   "transfer-encoding", "upgrade", "http2-settings",
					   NULL };

	if (length && name[0] == ':') {
		if (!is_one_of(name, length, pseudo))
			return &bad_pseudo;
		return fields->regular ? &bad_order : NULL;
	}
	fields->regular = true;
	if (!is_token(name, length))
		return &bad_name;
	return is_one_of(name, length, hop) ? &bad_hop : NULL;
}

/* RFC 9113, 8.2.1, and moreover UTF-8; a tab is as a space. */
static const struct http_problem *value_check(const char *value, size_t length)
{
	size_t i, begin = 0;

	if (length && (strchr(" \t", value[0]) || strchr(" \t", value[length - 1])))
		return &bad_value;
	for (i = 0; i <= length; i++) {
		if (i < length && value[i] != '\t')
			continue;
		if (!http_text_is_clean(value + begin, i - begin))
			return &bad_value;
		begin = i + 1;
	}
	return NULL;
}

/* The digits alone: no sign, no list, no space; below 2^50. */
static const struct http_problem *length_check(const char *value, size_t length)
{
	size_t i;

	if (!length || length > 15)
		return &bad_length;
	for (i = 0; i < length; i++)
		if (value[i] < '0' || value[i] > '9')
			return &bad_length;
	return NULL;
}

static const struct http_problem *special_check(const char *name, size_t name_length,
						const char *value, size_t value_length)
{
	static const char *const length[] = { "content-length", NULL };
	static const char *const te[] = { "te", NULL };
	static const char *const expect[] = { "expect", NULL };

	if (is_one_of(name, name_length, length))
		return length_check(value, value_length);
	if (is_one_of(name, name_length, expect))
		return &bad_expect;
	if (is_one_of(name, name_length, te) &&
	    (value_length != 8 || memcmp(value, "trailers", 8) != 0))
		return &bad_hop;
	return NULL;
}

static bool text_room(struct http_fields *fields, size_t more)
{
	size_t size = fields->text_size ? fields->text_size : 512;
	char *text;

	while (size < fields->text_used + more)
		size *= 2;
	if (size == fields->text_size)
		return true;
	text = http_resize(fields->account, fields->text, size);
	if (!text)
		return false;
	fields->text = text;
	fields->text_size = size;
	return true;
}

static uint32_t text_put(struct http_fields *fields, const char *bytes, size_t length)
{
	size_t at = fields->text_used;

	if (length)
		memcpy(fields->text + at, bytes, length);
	fields->text[at + length] = 0;
	fields->text_used += length + 1;
	return (uint32_t)at;
}

static struct http_field_place *place_find(const struct http_fields *fields,
					   const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < fields->count; i++) {
		const char *have = fields->text + fields->places[i].name;

		if (!strncmp(have, name, length) && !have[length])
			return &fields->places[i];
	}
	return NULL;
}

/* What may occur several times, and then means one list. */
static const char *separator_of(const char *name, size_t length)
{
	static const char *const cookie[] = { "cookie", NULL };
	static const char *const lists[] = { "accept", "accept-encoding", "accept-language",
					     "cache-control", "forwarded", "if-match",
					     "if-none-match", "pragma", "via",
					     "x-forwarded-for", NULL };

	if (is_one_of(name, length, cookie))
		return "; ";	/* RFC 9113, 8.2.3 */
	return is_one_of(name, length, lists) ? ", " : NULL;
}

/* The whole value once more, behind all others, unless it is the last already. */
static const struct http_problem *place_extend(struct http_fields *fields,
					       struct http_field_place *place,
					       const char *separator, const char *value,
					       size_t length)
{
	size_t have = strlen(fields->text + place->value);
	bool last = place->value + have + 1 == fields->text_used;

	if (!last) {
		fields->bytes += have;
		if (fields->bytes > fields->limit)
			return &too_large;
	}
	if (!text_room(fields, have + 1 + strlen(separator) + length + 1))
		return &no_memory;
	if (!last)
		place->value = text_put(fields, fields->text + place->value, have);
	fields->text_used--;
	text_put(fields, separator, strlen(separator));
	fields->text_used--;
	text_put(fields, value, length);
	return NULL;
}

static const struct http_problem *place_add(struct http_fields *fields, const char *name,
					    size_t name_length, const char *value,
					    size_t value_length)
{
	struct http_field_place *places;
	size_t room = fields->room ? 2 * fields->room : 16;

	if (fields->count == fields->room) {
		places = http_resize(fields->account, fields->places,
				     room * sizeof(*places));
		if (!places)
			return &no_memory;
		fields->places = places;
		fields->room = room;
	}
	if (!text_room(fields, name_length + value_length + 2))
		return &no_memory;
	places = &fields->places[fields->count++];
	places->name = text_put(fields, name, name_length);
	places->value = text_put(fields, value, value_length);
	return NULL;
}

const struct http_problem *http_fields_add(struct http_fields *fields, const char *name,
					   size_t name_length, const char *value,
					   size_t value_length)
{
	const char *separator = separator_of(name, name_length);
	const struct http_problem *problem;
	struct http_field_place *place;

	fields->bytes += name_length + value_length + 32;
	if (fields->bytes > fields->limit)
		return &too_large;
	problem = name_check(fields, name, name_length);
	if (!problem)
		problem = value_check(value, value_length);
	if (!problem)
		problem = special_check(name, name_length, value, value_length);
	if (problem)
		return problem;
	place = place_find(fields, name, name_length);
	if (!place)
		return place_add(fields, name, name_length, value, value_length);
	if (!separator)
		return &bad_twice;
	return place_extend(fields, place, separator, value, value_length);
}

const char *http_fields_find(const struct http_fields *fields, const char *name)
{
	const struct http_field_place *place = place_find(fields, name, strlen(name));

	return place ? fields->text + place->value : NULL;
}

int64_t http_fields_content_length(const struct http_fields *fields)
{
	const char *text = http_fields_find(fields, "content-length");
	int64_t length = 0;

	if (!text)
		return -1;
	for (; *text; text++)
		length = length * 10 + (*text - '0');
	return length;
}

static const struct http_problem *method_check(const char *method)
{
	static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE",
					     "OPTIONS", NULL };

	return is_one_of(method, strlen(method), known) ? NULL : &bad_method;
}

/* host[:port] of RFC 3986, in what must be :authority, host, or both and the same. */
static const struct http_problem *authority_check(const struct http_fields *fields)
{
	const char *authority = http_fields_find(fields, ":authority");
	const char *host = http_fields_find(fields, "host");

	if (authority && host && strcmp(authority, host) != 0)
		return &bad_authority;
	if (!authority)
		authority = host;
	if (!authority || !*authority || strpbrk(authority, "@/?#\\ \t,"))
		return &bad_authority;
	return NULL;
}

const struct http_problem *http_fields_check(const struct http_fields *fields)
{
	const char *method = http_fields_find(fields, ":method");
	const char *scheme = http_fields_find(fields, ":scheme");
	const char *path = http_fields_find(fields, ":path");
	const struct http_problem *problem;

	if (method && !strcmp(method, "CONNECT"))
		return &bad_method;
	if (!method || !scheme || !path || !*path)
		return &bad_missing;
	if (strcmp(scheme, "https") != 0 && !(fields->local && !strcmp(scheme, "http")))
		return &bad_scheme;
	problem = method_check(method);
	return problem ? problem : authority_check(fields);
}

void http_fields_free(struct http_fields *fields)
{
	http_release(fields->account, fields->text);
	http_release(fields->account, fields->places);
	fields->text = NULL;
	fields->places = NULL;
	fields->count = 0;
}
