// SPDX-License-Identifier: MIT
#include "strict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base64.h"
#include "bundle.h"

/* Text of a stranger, made fit for a terminal. */
static const char *strict_tame(const char *text, char *buffer, size_t size)
{
	size_t i;

	snprintf(buffer, size, "%s", text);
	for (i = 0; buffer[i]; i++)
		if (buffer[i] < ' ' || buffer[i] > '~')
			buffer[i] = '?';
	return buffer;
}

int ml_strict_load(const void *data, size_t length, const char *what, json_t **ret,
		   struct ml_error *error)
{
	json_error_t reason;
	char text[100];
	json_t *value;

	value = json_loadb(data, length, JSON_REJECT_DUPLICATES, &reason);
	if (!value)
		return ml_error_set(error, -EBADMSG, "%s: not JSON, line %d, column %d: %s",
				    what, reason.line, reason.column,
				    strict_tame(reason.text, text, sizeof(text)));
	if (!json_is_object(value)) {
		json_decref(value);
		return ml_error_set(error, -EBADMSG, "%s: must be a JSON object", what);
	}
	*ret = value;
	return 0;
}

char *ml_strict_dump(const json_t *value, size_t *ret_length)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);

	if (text)
		*ret_length = strlen(text);
	return text;
}

bool ml_strict_canonical(const json_t *value, const void *data, size_t length)
{
	size_t canonical_length;
	char *text = ml_strict_dump(value, &canonical_length);
	bool same = text && canonical_length == length && !memcmp(text, data, length);

	free(text);
	return same;
}

static bool strict_listed(const char *const *keys, size_t count, const char *key)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

int ml_strict_keys(const json_t *object, const char *what, const char *const *keys,
		   size_t count, struct ml_error *error)
{
	char text[50];
	const char *key;
	json_t *value;
	size_t i;

	for (i = 0; i < count; i++)
		if (!json_object_get(object, keys[i]))
			return ml_error_set(error, -EBADMSG, "%s: \"%s\" is missing", what,
					    keys[i]);
	json_object_foreach((json_t *)object, key, value)
		if (!strict_listed(keys, count, key))
			return ml_error_set(error, -EBADMSG, "%s: unknown key \"%s\"", what,
					    strict_tame(key, text, sizeof(text)));
	return 0;
}

int ml_strict_number(const json_t *object, const char *what, const char *key, int64_t min,
		     int64_t max, int64_t *ret, struct ml_error *error)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < min ||
	    json_integer_value(value) > max)
		return ml_error_set(error, -EBADMSG,
				    "%s: \"%s\" must be a whole number from %lld to %lld",
				    what, key, (long long)min, (long long)max);
	*ret = json_integer_value(value);
	return 0;
}

int ml_strict_string(const json_t *object, const char *what, const char *key,
		     const char **ret, struct ml_error *error)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value))
		return ml_error_set(error, -EBADMSG, "%s: \"%s\" must be a string", what, key);
	*ret = json_string_value(value);
	return 0;
}

int ml_strict_object(const json_t *object, const char *what, const char *key,
		     json_t **ret, struct ml_error *error)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_object(value))
		return ml_error_set(error, -EBADMSG, "%s: \"%s\" must be an object", what, key);
	*ret = value;
	return 0;
}

int ml_strict_array(const json_t *object, const char *what, const char *key,
		    json_t **ret, struct ml_error *error)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_array(value))
		return ml_error_set(error, -EBADMSG, "%s: \"%s\" must be an array", what, key);
	*ret = value;
	return 0;
}

static bool name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool ml_name_valid(const char *name)
{
	size_t i;

	if (!name_start(name[0]))
		return false;
	for (i = 1; name[i]; i++)
		if (i == ML_NAME_MAX ||
		    !(name_start(name[i]) || name[i] == '.' || name[i] == '_' || name[i] == '-'))
			return false;
	return true;
}

int ml_strict_name(const json_t *object, const char *what, const char *key,
		   char ret[static 65], struct ml_error *error)
{
	const char *name = "";
	int r;

	r = ml_strict_string(object, what, key, &name, error);
	if (r)
		return r;
	if (!ml_name_valid(name))
		return ml_error_set(error, -EBADMSG, "%s: \"%s\": " ML_NAME_RULE, what, key);
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

bool ml_strict_hex32(const char *text, uint8_t ret[static 32])
{
	size_t length;

	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64 &&
	       !sodium_hex2bin(ret, 32, text, 64, NULL, &length, NULL);
}

int ml_strict_hash(const json_t *object, const char *what, const char *key,
		   uint8_t ret[static 32], struct ml_error *error)
{
	const char *text = "";
	int r;

	r = ml_strict_string(object, what, key, &text, error);
	if (r)
		return r;
	if (!ml_strict_hex32(text, ret))
		return ml_error_set(error, -EBADMSG,
				    "%s: \"%s\" must be a SHA-256 in 64 lower-case hex digits",
				    what, key);
	return 0;
}

json_t *ml_strict_hash_json(const uint8_t hash[static 32])
{
	char text[65];

	return json_string(sodium_bin2hex(text, sizeof(text), hash, 32));
}

int ml_strict_base64(const json_t *object, const char *what, const char *key, uint8_t *ret,
		     size_t size, struct ml_error *error)
{
	const char *text = "";
	size_t length;
	int r;

	r = ml_strict_string(object, what, key, &text, error);
	if (r)
		return r;
	if (!ml_base64_decode(text, strlen(text), ret, size, &length) || length != size)
		return ml_error_set(error, -EBADMSG, "%s: \"%s\" must be %zu bytes in base64",
				    what, key, size);
	return 0;
}

int ml_strict_public_key(const json_t *object, const char *what, const char *key,
			 struct ml_public_key *ret, struct ml_error *error)
{
	struct ml_error inner = { 0 };
	const char *text = "";
	int r;

	r = ml_strict_string(object, what, key, &text, error);
	if (r)
		return r;
	if (ml_public_key_parse(text, ret, &inner))
		return ml_error_set(error, -EBADMSG, "%s: \"%s\": %s", what, key, inner.text);
	return 0;
}

int ml_strict_key_id(const json_t *object, const char *what, const char *key,
		     char ret[static 65], struct ml_error *error)
{
	uint8_t digest[32];
	int r;

	r = ml_strict_hash(object, what, key, digest, error);
	if (!r)
		sodium_bin2hex(ret, 65, digest, sizeof(digest));
	return r;
}
