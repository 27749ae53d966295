// SPDX-License-Identifier: MIT
#include "bundle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "strict.h"

#define TRUST_MAX_BYTES (64 << 10)
#define TRUST_KEYS (sizeof(((struct ml_trust *)0)->keys) / sizeof(struct ml_public_key))

/* Puts the file's name in front of what was found wrong in it. */
static int trust_refuse(const char *path, int code, struct ml_error *error)
{
	struct ml_error inner;

	if (!error)
		return code;
	inner = *error;
	return ml_error_set(error, code, "%s: %s", path, inner.text);
}

static bool trust_has(const struct ml_trust *trust, const struct ml_public_key *key)
{
	size_t i;

	for (i = 0; i < trust->key_count; i++)
		if (!memcmp(trust->keys[i].key, key->key, sizeof(key->key)))
			return true;
	return false;
}

static int trust_parse_keys(const json_t *json, struct ml_trust *trust,
			    struct ml_error *error)
{
	struct ml_public_key key;
	json_t *array, *entry;
	size_t i;
	int r;

	r = ml_strict_array(json, "trust", "keys", &array, error);
	if (r)
		return r;
	if (!json_array_size(array) || json_array_size(array) > TRUST_KEYS)
		return ml_error_set(error, -EBADMSG, "\"keys\" must name from 1 to %zu keys",
				    TRUST_KEYS);
	json_array_foreach(array, i, entry) {
		if (!json_is_string(entry))
			return ml_error_set(error, -EBADMSG, "\"keys\" must hold strings");
		if (ml_public_key_parse(json_string_value(entry), &key, error))
			return -EBADMSG;
		if (trust_has(trust, &key))
			return ml_error_set(error, -EBADMSG, "\"keys\" names one key twice");
		trust->keys[trust->key_count++] = key;
	}
	return 0;
}

static int trust_parse_node(const json_t *json, struct ml_trust *trust,
			    struct ml_error *error)
{
	const char *node;
	int r;

	r = ml_strict_string(json, "trust", "node", &node, error);
	if (r || !*node)
		return r;
	return ml_strict_name(json, "trust", "node", trust->node, error);
}

static int trust_parse_json(const json_t *json, struct ml_trust *trust,
			    struct ml_error *error)
{
	static const char *const keys[] = { "keys", "network", "node" };
	int r;

	r = ml_strict_keys(json, "trust", keys, 3, error);
	if (!r)
		r = ml_strict_name(json, "trust", "network", trust->network, error);
	if (!r)
		r = trust_parse_node(json, trust, error);
	if (!r)
		r = trust_parse_keys(json, trust, error);
	return r;
}

static int trust_parse(const uint8_t *text, size_t length, struct ml_trust *ret,
		       struct ml_error *error)
{
	struct ml_trust trust = { 0 };
	json_t *json;
	int r;

	r = ml_strict_load(text, length, "trust", &json, error);
	if (r)
		return r;
	r = trust_parse_json(json, &trust, error);
	json_decref(json);
	if (!r)
		*ret = trust;
	return r;
}

int ml_trust_read(const char *path, struct ml_trust *ret, struct ml_error *error)
{
	uint8_t *text;
	size_t length;
	int r;

	r = ml_file_read_guarded(path, ML_FILE_TRUSTED, TRUST_MAX_BYTES, &text, &length, error);
	if (r)
		return r;
	r = trust_parse(text, length, ret, error);
	free(text);
	return r ? trust_refuse(path, r, error) : 0;
}

static json_t *trust_keys_json(const struct ml_trust *trust)
{
	char text[ML_PUBLIC_KEY_TEXT];
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < trust->key_count; i++) {
		ml_public_key_format(&trust->keys[i], text);
		if (json_array_append_new(array, json_string(text))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* For people to read and edit: indented, with a newline at the end. */
static char *trust_format(const struct ml_trust *trust)
{
	json_t *json = json_pack("{s:o, s:s, s:s}", "keys", trust_keys_json(trust),
				 "network", trust->network, "node", trust->node);
	char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
	size_t length = text ? strlen(text) : 0;
	char *line = text ? realloc(text, length + 2) : NULL;

	json_decref(json);
	if (!line) {
		free(text);
		return NULL;
	}
	memcpy(line + length, "\n", 2);
	return line;
}

int ml_trust_write(const char *path, const struct ml_trust *trust, struct ml_error *error)
{
	struct ml_trust again;
	char *text;
	int r;

	if (trust->key_count > TRUST_KEYS)
		return ml_error_set(error, -EINVAL, "at most %zu keys can be trusted", TRUST_KEYS);
	text = trust_format(trust);
	if (!text)
		return ml_error_set(error, -ENOMEM, "%s: no memory to write it", path);
	/* What could not be read again is not written. */
	r = trust_parse((uint8_t *)text, strlen(text), &again, error);
	if (r)
		r = trust_refuse(path, -EINVAL, error);
	else
		r = ml_file_write_atomic(path, text, strlen(text), 0644, error);
	free(text);
	return r;
}
