// SPDX-License-Identifier: MIT
#include "audit_entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "date.h"
#include "strict.h"
#include "utf8.h"

#define WHAT		"audit entry"
#define MICRO		1000000
#define ELLIPSIS	"\xe2\x80\xa6"
#define REPLACEMENT	"\xef\xbf\xbd"

/* -------------------------------------------------------------------- text */

/* jansson escapes what is below U+0020 and beyond U+007F; DEL is left. */
static char *escape_delete(char *text, size_t *length)
{
	size_t deletes = 0, i, at = 0;
	char *ret;

	for (i = 0; i < *length; i++)
		deletes += text[i] == 0x7f;
	ret = malloc(*length + 5 * deletes + 1);
	for (i = 0; ret && i <= *length; i++) {
		if (text[i] == 0x7f)
			at += (size_t)sprintf(ret + at, "\\u007F");
		else
			ret[at++] = text[i];
	}
	free(text);
	*length += 5 * deletes;
	return ret;
}

char *ml_audit_dump(const json_t *json, size_t *ret_length)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII |
					 JSON_ENCODE_ANY);
	size_t length;

	if (!text)
		return NULL;
	length = strlen(text);
	text = escape_delete(text, &length);
	if (text)
		*ret_length = length;
	return text;
}

/* One character of @text, or what stands for a byte that begins none. */
static size_t text_next(const uint8_t *text, size_t left, const char **ret, size_t *ret_length)
{
	uint32_t point;
	size_t n = ml_utf8_decode(text, left, &point);

	*ret = n ? (const char *)text : REPLACEMENT;
	*ret_length = n ? n : strlen(REPLACEMENT);
	return n ? n : 1;
}

/* Bytes of @text once it is UTF-8, or more than @limit. */
static size_t text_length(const uint8_t *text, size_t left, size_t limit)
{
	size_t length = 0, n, add;
	const char *character;

	for (; left && length <= limit; text += n, left -= n) {
		n = text_next(text, left, &character, &add);
		length += add;
	}
	return length;
}

json_t *ml_audit_text(const char *text, size_t limit)
{
	const uint8_t *at = (const uint8_t *)(text ? text : "");
	size_t left = strlen((const char *)at), used = 0, n, add;
	bool cut = text_length(at, left, limit) > limit;
	char *ret = malloc(limit + 1);
	const char *character;
	json_t *json;

	for (; ret && left; at += n, left -= n) {
		n = text_next(at, left, &character, &add);
		if (used + add + (cut ? strlen(ELLIPSIS) : 0) > limit)
			break;
		memcpy(ret + used, character, add);
		used += add;
	}
	if (ret && cut) {
		memcpy(ret + used, ELLIPSIS, strlen(ELLIPSIS));
		used += strlen(ELLIPSIS);
	}
	json = ret ? json_stringn(ret, used) : NULL;
	free(ret);
	return json;
}

/* -------------------------------------------------------------------- time */

const char *ml_audit_time_format(int64_t time, char ret[static ML_AUDIT_TIME_TEXT])
{
	char date[ML_DATE_TEXT];

	ml_date_format(time / MICRO, date);
	snprintf(ret, ML_AUDIT_TIME_TEXT, "%.19s.%06dZ", date, (int)(time % MICRO));
	return ret;
}

int64_t ml_audit_time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * (int64_t)MICRO + now.tv_nsec / 1000;
}

/* Whatever does not come out as it went in is none. */
static bool time_parse(const char *text, int64_t *ret)
{
	char again[ML_AUDIT_TIME_TEXT];
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t time;

	if (!end || *end != '.' || strlen(end) != 8 || strspn(end + 1, "0123456789") != 6)
		return false;
	time = (int64_t)timegm(&tm) * MICRO + atoi(end + 1);
	if (time < 0 || time / MICRO > ML_DATE_MAX ||
	    strcmp(ml_audit_time_format(time, again), text) != 0)
		return false;
	*ret = time;
	return true;
}

/* ----------------------------------------------------------------- parsing */

static int check_details(const json_t *details, struct ml_error *error)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)details, key, value)
		if (!json_is_string(value) && !json_is_integer(value))
			return ml_error_set(error, -EBADMSG,
					    WHAT ": \"details\" has numbers and texts alone");
	return 0;
}

static bool type_is_good(const char *type)
{
	size_t length = strlen(type);

	return length && length <= ML_AUDIT_TYPE_MAX &&
	       strspn(type, "abcdefghijklmnopqrstuvwxyz_.") == length;
}

static int check_level(const json_t *json, struct ml_error *error)
{
	const char *level = json_string_value(json_object_get(json, "level"));

	if (!level || strcmp(level, "AUDIT") != 0)
		return ml_error_set(error, -EBADMSG, WHAT ": its level is not \"AUDIT\"");
	return 0;
}

static int take_texts(struct ml_audit_entry *entry, struct ml_error *error)
{
	const struct {
		const char *key, **to;
	} texts[] = {
		{ "actor", &entry->actor },	{ "endpoint", &entry->endpoint },
		{ "reason", &entry->reason },	{ "source_ip", &entry->source },
		{ "user_agent", &entry->user_agent }, { "event_type", &entry->type },
	};
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]) && !r; i++)
		r = ml_strict_string(entry->json, WHAT, texts[i].key, texts[i].to, error);
	if (!r && !type_is_good(entry->type))
		r = ml_error_set(error, -EBADMSG, WHAT ": its type is malformed");
	return r;
}

static int take_fields(struct ml_audit_entry *entry, struct ml_error *error)
{
	static const char *const keys[] = {
		"actor", "details", "endpoint", "event_type", "level",
		"reason", "salt", "source_ip", "timestamp", "user_agent",
	};
	const char *time = "", *salt;
	json_t *details = NULL;
	int r;

	r = ml_strict_keys(entry->json, WHAT, keys, sizeof(keys) / sizeof(keys[0]), error);
	if (!r)
		r = take_texts(entry, error);
	if (!r)
		r = ml_strict_string(entry->json, WHAT, "timestamp", &time, error);
	if (!r && !time_parse(time, &entry->time))
		r = ml_error_set(error, -EBADMSG, WHAT ": its timestamp is malformed");
	if (!r)
		r = check_level(entry->json, error);
	if (!r)
		r = ml_strict_string(entry->json, WHAT, "salt", &salt, error);
	if (!r)
		r = ml_strict_object(entry->json, WHAT, "details", &details, error);
	entry->details = details;
	return r ? r : check_details(details, error);
}

static int check_canonical(const json_t *json, struct ml_bytes bytes, struct ml_error *error)
{
	size_t length = 0;
	char *text = ml_audit_dump(json, &length);
	bool same = text && length == bytes.length && !memcmp(text, bytes.data, length);

	free(text);
	return same ? 0 : ml_error_set(error, -EBADMSG, WHAT ": not in canonical form");
}

int ml_audit_entry_parse(struct ml_bytes bytes, struct ml_audit_entry *ret,
			 struct ml_error *error)
{
	struct ml_audit_entry entry = { 0 };
	int r;

	if (bytes.length > ML_AUDIT_LEAF_MAX)
		return ml_error_set(error, -E2BIG, WHAT ": longer than %d bytes",
				    ML_AUDIT_LEAF_MAX);
	r = ml_strict_load(bytes.data, bytes.length, WHAT, &entry.json, error);
	if (r)
		return r;
	r = check_canonical(entry.json, bytes, error);
	if (!r)
		r = take_fields(&entry, error);
	if (r) {
		json_decref(entry.json);
		return r;
	}
	*ret = entry;
	return 0;
}

void ml_audit_entry_clean(struct ml_audit_entry *entry)
{
	json_decref(entry->json);
	memset(entry, 0, sizeof(*entry));
}
