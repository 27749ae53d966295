// SPDX-License-Identifier: MIT
#include "enrolment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "document.h"
#include "file.h"
#include "strict.h"

#define WHAT "enrolled.json"
#define ENROLLED_MAX_BYTES 4096

/* ------------------------------------------------------------ enrolled.json */

static bool is_address(const char *text)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static int parse_addresses(const json_t *json, char ret[static ML_ADDRESSES_TEXT],
			   struct ml_error *error)
{
	json_t *array, *entry;
	size_t i;
	int code = ml_strict_array(json, WHAT, "addresses", &array, error);

	if (code)
		return code;
	if (json_array_size(array) > ML_ADDRESSES)
		return ml_error_set(error, -EBADMSG, WHAT ": more than %d addresses",
				    ML_ADDRESSES);
	ret[0] = '\0';
	json_array_foreach(array, i, entry) {
		const char *text = json_string_value(entry);

		if (!text || !is_address(text))
			return ml_error_set(error, -EBADMSG, WHAT ": \"addresses\" must hold "
					    "literal addresses");
		strcat(ret, i ? "," : "");
		strcat(ret, text);
	}
	return 0;
}

static int parse_url(const json_t *json, char ret[static ML_URL_MAX + 1],
		     struct ml_error *error)
{
	const char *url;
	int code = ml_strict_string(json, WHAT, "url", &url, error);

	if (code)
		return code;
	if (strlen(url) > ML_URL_MAX || !ml_url_valid(url))
		return ml_error_set(error, -EBADMSG, WHAT ": \"url\" is no URL of a server");
	strcpy(ret, url);
	return 0;
}

static int parse(const json_t *json, struct ml_enrolment *enrolment, struct ml_error *error)
{
	static const char *const keys[] = { "addresses", "network", "node", "serverKey", "url" };
	int code = ml_strict_keys(json, WHAT, keys, 5, error);

	if (!code)
		code = parse_addresses(json, enrolment->addresses, error);
	if (!code)
		code = ml_strict_name(json, WHAT, "network", enrolment->network, error);
	if (!code)
		code = ml_strict_name(json, WHAT, "node", enrolment->node, error);
	if (!code)
		code = ml_strict_hash(json, WHAT, "serverKey", enrolment->server_key, error);
	return code ? code : parse_url(json, enrolment->url, error);
}

static int parse_text(const void *text, size_t length, struct ml_enrolment *ret,
		      struct ml_error *error)
{
	struct ml_enrolment enrolment;
	json_t *json;
	int code = ml_strict_load(text, length, WHAT, &json, error);

	if (code)
		return code;
	code = parse(json, &enrolment, error);
	json_decref(json);
	if (!code)
		*ret = enrolment;
	return code;
}

int ml_enrolment_read(const char *path, struct ml_enrolment *ret, struct ml_error *error)
{
	uint8_t *text;
	size_t length;
	int code = ml_file_read_guarded(path, ML_FILE_OWN, ENROLLED_MAX_BYTES, &text, &length,
					error);

	if (code)
		return code;
	code = parse_text(text, length, ret, error);
	free(text);
	return code;
}

static json_t *addresses_json(const char *addresses)
{
	json_t *array = json_array();

	while (*addresses) {
		size_t length = strcspn(addresses, ",");

		json_array_append_new(array, json_stringn(addresses, length));
		addresses += length + (addresses[length] == ',');
	}
	return array;
}

int ml_enrolment_write(const char *path, const struct ml_enrolment *enrolment,
		       struct ml_error *error)
{
	struct ml_enrolment again;
	char digest[65];
	json_t *json;
	size_t length;
	char *text;
	int code;

	sodium_bin2hex(digest, sizeof(digest), enrolment->server_key, 32);
	json = json_pack("{s:o, s:s, s:s, s:s, s:s}", "addresses",
			 addresses_json(enrolment->addresses), "network", enrolment->network,
			 "node", enrolment->node, "serverKey", digest, "url", enrolment->url);
	text = json ? ml_strict_dump(json, &length) : NULL;
	json_decref(json);
	if (!text)
		return ml_error_set(error, -ENOMEM, "%s: no memory to write it", path);
	code = parse_text(text, length, &again, error) ? -EINVAL : 0;
	if (!code)
		code = ml_file_write_atomic(path, text, length, 0600, error);
	free(text);
	return code;
}

/* -------------------------------------------------------------------- roots */

void ml_roots_free(struct ml_roots *roots)
{
	while (roots->count)
		free((void *)roots->envelopes[--roots->count].data);
}

/* Signatures are over the payload, which is inside as base64: any text of it will do. */
static int take_root(const json_t *json, struct ml_roots *roots, struct ml_error *error)
{
	struct ml_bytes *envelope = &roots->envelopes[roots->count];
	char *text;

	if (!json_is_object(json))
		return ml_error_set(error, -EBADMSG, "roots: root %zu is no envelope",
				    roots->count);
	text = ml_strict_dump(json, &envelope->length);
	if (!text)
		return ml_error_set(error, -ENOMEM, "roots: no memory");
	envelope->data = (uint8_t *)text;
	roots->count++;
	return 0;
}

int ml_roots_parse(const json_t *json, struct ml_roots *ret, struct ml_error *error)
{
	static const char *const keys[] = { "roots" };
	struct ml_roots roots = { .count = 0 };
	json_t *array, *entry;
	size_t i;
	int code = ml_strict_keys(json, "roots", keys, 1, error);

	if (!code)
		code = ml_strict_array(json, "roots", "roots", &array, error);
	if (code)
		return code;
	if (json_array_size(array) > ML_ROOTS_MAX)
		return ml_error_set(error, -E2BIG, "roots: more than %d of them", ML_ROOTS_MAX);
	for (i = 0; i < json_array_size(array) && !code; i++) {
		entry = json_array_get(array, i);
		code = take_root(entry, &roots, error);
	}
	if (code)
		ml_roots_free(&roots);
	else
		*ret = roots;
	return code;
}

int ml_roots_pinned(const struct ml_roots *roots, const uint8_t digest[static 32],
		    struct ml_root *ret, size_t *ret_last, struct ml_error *error)
{
	struct ml_root root;
	size_t i;
	int code = -EKEYREJECTED;

	for (i = 0; i < roots->count && code; i++)
		code = ml_root_first(roots->envelopes[i], digest, &root, NULL);
	if (code)
		return ml_error_set(error, -EKEYREJECTED, "the server has no root document of "
				    "the digest that the key string names: it is of another "
				    "network, or an impostor");
	code = ml_root_chain(&root, roots->envelopes + i, roots->count - i, &root, error);
	if (code)
		return code;
	*ret = root;
	*ret_last = roots->count - 1;
	return 0;
}

int ml_root_read(const char *path, struct ml_root *ret, struct ml_error *error)
{
	struct ml_bytes envelope;
	uint8_t *text;
	int code = ml_file_read_guarded(path, ML_FILE_OWN, ML_DOCUMENT_MAX_BYTES, &text,
					&envelope.length, error);

	if (code)
		return code;
	envelope.data = text;
	code = ml_root_peek(envelope, ret, error);
	free(text);
	return code;
}

int ml_root_trust(const struct ml_root *root, const char *node, struct ml_trust *ret,
		  struct ml_error *error)
{
	const struct ml_role_keys *signing = &root->roles[ML_ROLE_SIGNING];
	struct ml_trust trust = { .key_count = signing->count };
	size_t i;

	if (signing->threshold != 1)
		return ml_error_set(error, -EINVAL, "root %ju asks for %zu signatures of the role "
				    "'signing', and a bundle has one: sign a root with a "
				    "threshold of 1", (uintmax_t)root->version,
				    signing->threshold);
	strcpy(trust.network, root->network);
	strcpy(trust.node, node);
	for (i = 0; i < signing->count; i++)
		trust.keys[i] = signing->keys[i];
	*ret = trust;
	return 0;
}
