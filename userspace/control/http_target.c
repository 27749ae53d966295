// SPDX-License-Identifier: MIT
#include "http_target.h"

#include <string.h>

#include <jansson.h>

#define BAD(name, text)								\
	static const struct http_problem name = { HTTP_REFUSED_MALFORMED, 400, text }

BAD(bad_form, "a path that does not begin with a slash");
BAD(bad_byte, "a byte in the path that must be percent-encoded");
BAD(bad_percent, "a percent sign without two hex digits");
BAD(bad_slash, "an encoded slash in the path");
BAD(bad_segment, "an empty segment or one of dots in the path");
BAD(bad_text, "a path or query that is no clean UTF-8");
BAD(bad_query, "a query with too many pairs, or one without a name");
BAD(bad_twice, "a name that occurs twice in the query");

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

bool http_text_is_clean(const char *text, size_t length)
{
	bool plain = true;
	json_t *string;
	size_t i;

	for (i = 0; i < length; i++) {
		if (is_control((unsigned char)text[i]))
			return false;
		plain = plain && !(text[i] & 0x80);
	}
	if (plain)
		return true;
	/* jansson takes no string that is not UTF-8. */
	string = json_stringn(text, length);
	json_decref(string);
	return string != NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* NUL-terminated text in place, which never becomes longer; %00 is no clean text. */
static const struct http_problem *decode(char *text, bool is_path)
{
	const char *from = text;
	char *to = text;
	int value;

	while (*from) {
		if (*from != '%') {
			*to++ = *from++;
			continue;
		}
		value = hex(from[1]) < 0 || hex(from[2]) < 0 ? -1 :
			hex(from[1]) << 4 | hex(from[2]);
		if (value < 0)
			return &bad_percent;
		if (is_path && value == '/')
			return &bad_slash;
		*to++ = (char)value;
		from += 3;
	}
	*to = 0;
	return http_text_is_clean(text, to - text) ? NULL : &bad_text;
}

/* "/a/b" and "/a/b/", but never "//", "/./" or "/../". */
static bool segments_are_plain(const char *path)
{
	const char *segment = path + 1, *end;
	size_t length;

	for (;; segment = end + 1) {
		end = strchrnul(segment, '/');
		length = end - segment;
		if ((!length && *end) || (length == 1 && segment[0] == '.') ||
		    (length == 2 && segment[0] == '.' && segment[1] == '.'))
			return false;
		if (!*end)
			return true;
	}
}

static const struct http_problem *path_parse(char *path, struct http_target *ret)
{
	const struct http_problem *problem;

	if (path[0] != '/')
		return &bad_form;
	problem = decode(path, true);
	if (problem)
		return problem;
	ret->path = path;
	return segments_are_plain(path) ? NULL : &bad_segment;
}

static const struct http_problem *pair_add(char *pair, struct http_target *ret)
{
	char *value = strchrnul(pair, '=');
	const struct http_problem *problem;
	size_t i;

	if (ret->query_count == HTTP_QUERY_PAIRS || value == pair)
		return &bad_query;
	if (*value)
		*value++ = 0;
	problem = decode(pair, false);
	if (!problem)
		problem = decode(value, false);
	if (problem)
		return problem;
	for (i = 0; i < ret->query_count; i++)
		if (!strcmp(ret->query[i].name, pair))
			return &bad_twice;
	ret->query[ret->query_count].name = pair;
	ret->query[ret->query_count++].value = value;
	return NULL;
}

static const struct http_problem *query_parse(char *query, struct http_target *ret)
{
	const struct http_problem *problem;
	char *pair;

	while (query) {
		pair = strsep(&query, "&");
		problem = pair_add(pair, ret);
		if (problem)
			return problem;
	}
	return NULL;
}

/* RFC 3986's characters, roughly: what is visible, and has no other meaning. */
static bool byte_is_allowed(char c)
{
	return c > 0x20 && c < 0x7f && !strchr("\"#<>\\^`{|}", c);
}

const struct http_problem *http_target_parse(char *text, size_t length,
					     struct http_target *ret)
{
	const struct http_problem *problem;
	char *query;
	size_t i;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < length; i++)
		if (!byte_is_allowed(text[i]))
			return &bad_byte;
	query = strchr(text, '?');
	if (query)
		*query++ = 0;
	problem = path_parse(text, ret);
	if (problem || !query || !*query)
		return problem;
	return query_parse(query, ret);
}
