/* SPDX-License-Identifier: MIT */
/*
 * jansson as judge of the HuJSON reader. Comments and trailing commas are
 * taken out by a scanner of its own; then both must agree on whether the text
 * is JSON and on every value. Known differences are the limits that hujson.h
 * names, and that jansson takes a zero byte between values for the end of the
 * text: here it is a byte that stands nowhere.
 */
#ifndef HUJSON_ORACLE_H
#define HUJSON_ORACLE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "hujson.h"

/* Copies the string at @at to @out; returns what stands behind it. */
static inline size_t oracle_string(const char *text, size_t length, size_t at, char *out)
{
	size_t begin = at;

	for (at++; at < length && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	at = at < length ? at + 1 : length;
	memcpy(out + begin, text + begin, at - begin);
	return at;
}

/* The end of the comment at @at, or @at where there is none. */
static inline size_t oracle_comment(const char *text, size_t length, size_t at)
{
	const char *end;

	if (at + 1 >= length || text[at] != '/')
		return at;
	if (text[at + 1] == '/') {
		end = memchr(text + at, '\n', length - at);
		return end ? (size_t)(end - text) : length;
	}
	if (text[at + 1] != '*')
		return at;
	end = memmem(text + at + 2, length - at - 2, "*/", 2);
	return end ? (size_t)(end - text) + 2 : at;
}

/* Blanks commas that only a bracket follows, where a value stands before them. */
static inline void oracle_commas(char *text, size_t length)
{
	size_t comma = SIZE_MAX;
	char before = '\0';

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			continue;
		if ((c == ']' || c == '}') && comma != SIZE_MAX)
			text[comma] = ' ';
		comma = c == ',' && before && !strchr("[{,:", before) ? i : SIZE_MAX;
		before = c;
		if (c == '"')
			i = oracle_string(text, length, i, text) - 1;
	}
}

/* @text as plain JSON of the same length; malloc()ed. */
static inline char *oracle_plain(const char *text, size_t length)
{
	char *out = malloc(length + 1);
	size_t at = 0;

	if (!out)
		abort();
	while (at < length) {
		size_t end = oracle_comment(text, length, at);

		if (text[at] == '"') {
			at = oracle_string(text, length, at, out);
		} else if (end > at) {
			memset(out + at, ' ', end - at);
			at = end;
		} else {
			out[at] = text[at] ? text[at] : 1;
			at++;
		}
	}
	oracle_commas(out, length);
	return out;
}

static inline unsigned int oracle_depth(const json_t *json)
{
	unsigned int deepest = 0, depth;
	const char *key;
	json_t *value;
	size_t i;

	if (!json_is_array(json) && !json_is_object(json))
		return 0;
	json_array_foreach((json_t *)json, i, value) {
		depth = oracle_depth(value);
		deepest = depth > deepest ? depth : deepest;
	}
	json_object_foreach((json_t *)json, key, value) {
		depth = oracle_depth(value);
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

static inline bool oracle_same(const struct ml_hujson_value *value, const json_t *json);

static inline bool oracle_same_array(const struct ml_hujson_value *value, const json_t *json)
{
	if (!json_is_array(json) || json_array_size(json) != value->array.count)
		return false;
	for (size_t i = 0; i < value->array.count; i++)
		if (!oracle_same(&value->array.items[i], json_array_get(json, i)))
			return false;
	return true;
}

static inline bool oracle_same_object(const struct ml_hujson_value *value, const json_t *json)
{
	if (!json_is_object(json) || json_object_size(json) != value->object.count)
		return false;
	for (size_t i = 0; i < value->object.count; i++) {
		const struct ml_hujson_member *member = &value->object.members[i];

		if (!oracle_same(&member->value, json_object_get(json, member->key)))
			return false;
	}
	return true;
}

static inline bool oracle_same(const struct ml_hujson_value *value, const json_t *json)
{
	switch ((enum ml_hujson_type)value->type) {
	case ML_HUJSON_NULL:
		return json_is_null(json);
	case ML_HUJSON_BOOL:
		return json_is_boolean(json) && json_is_true(json) == value->boolean;
	case ML_HUJSON_INTEGER:
		return json_is_integer(json) && json_integer_value(json) == value->integer;
	case ML_HUJSON_REAL:
		return json_is_real(json) && json_real_value(json) == value->real;
	case ML_HUJSON_STRING:
		return json_is_string(json) && json_string_length(json) == value->string.length &&
		       !memcmp(json_string_value(json), value->string.text, value->string.length + 1);
	case ML_HUJSON_ARRAY:
		return oracle_same_array(value, json);
	case ML_HUJSON_OBJECT:
		return oracle_same_object(value, json);
	}
	return false;
}

static inline bool oracle_utf8(const char *text, size_t length)
{
	json_t *string = json_stringn(text, length);

	json_decref(string);
	return string;
}

/* The plain reader against jansson, the text as it is. */
static inline const char *oracle_judge_plain(const char *text, size_t length)
{
	struct ml_hujson *document = NULL;
	int err = ml_json_parse("text", text, length, &document, NULL);
	const char *verdict = NULL;
	json_t *json;

	if (length && memchr(text, 0, length)) {
		ml_hujson_free(document);
		return err ? NULL : "accepted a zero byte";
	}
	json = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (!err && !json)
		verdict = "accepted as plain what jansson refuses";
	else if (!err && !oracle_same(ml_hujson_root(document), json))
		verdict = "read other values than jansson from plain JSON";
	else if (err == -22 && json)
		verdict = "refused plain JSON";
	ml_hujson_free(document);
	json_decref(json);
	return verdict;
}

/* NULL: both agree; else what they do not agree on. */
static inline const char *oracle_judge(const char *text, size_t length)
{
	char *plain = oracle_plain(text, length);
	json_t *json = json_loadb(plain, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	struct ml_hujson *document = NULL;
	struct ml_error error = { 0 };
	const char *verdict = NULL;
	int err = ml_hujson_parse("text", text, length, &document, &error);

	if (!err && !json)
		verdict = "accepted what jansson refuses";
	else if (!err && !oracle_same(ml_hujson_root(document), json))
		verdict = "read other values than jansson";
	else if (err == -22 && json && oracle_utf8(text, length))
		verdict = "refused what jansson accepts";
	else if (err == -7 && oracle_depth(json) <= ML_HUJSON_MAX_DEPTH &&
		 length < ML_HUJSON_MAX_STRING && json)
		verdict = "named a limit that was not reached";
	else if (err && (!error.text[0] || !error.line || !error.column))
		verdict = "refused without a place";
	ml_hujson_free(document);
	json_decref(json);
	free(plain);
	return verdict ? verdict : oracle_judge_plain(text, length);
}

#endif
