// SPDX-License-Identifier: MIT
#include "document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"
#include "strict.h"

/* Puts the kind of document in front of what was found wrong with its envelope. */
static int document_refuse(const struct ml_document_kind *kind, int code,
			   const struct ml_error *inner, struct ml_error *error)
{
	return ml_error_set(error, code, "%s: %s", kind->what, inner->text);
}

static int document_check_size(const struct ml_document_kind *kind, struct ml_bytes envelope,
			       struct ml_error *error)
{
	if (envelope.length <= ML_DOCUMENT_MAX_BYTES)
		return 0;
	return ml_error_set(error, -E2BIG, "%s: has more than %u bytes", kind->what,
			    ML_DOCUMENT_MAX_BYTES);
}

static int document_check_keys(const struct ml_document_kind *kind, const json_t *json,
			       struct ml_error *error)
{
	size_t count = kind->key_count;

	if (kind->last_optional && !json_object_get(json, kind->keys[count - 1]))
		count--;
	return ml_strict_keys(json, kind->what, kind->keys, count, error);
}

static int document_load(const struct ml_document_kind *kind, const uint8_t *payload,
			 size_t length, json_t **ret, struct ml_error *error)
{
	json_t *json;
	int r;

	r = ml_strict_load(payload, length, kind->what, &json, error);
	if (r)
		return r;
	r = document_check_keys(kind, json, error);
	if (!r && !ml_strict_canonical(json, payload, length))
		r = ml_error_set(error, -EBADMSG,
				 "%s: not in canonical form (sorted keys, no spaces)", kind->what);
	if (r) {
		json_decref(json);
		return r;
	}
	*ret = json;
	return 0;
}

int ml_document_peek(const struct ml_document_kind *kind, struct ml_bytes envelope,
		     json_t **ret, uint8_t ret_digest[static 32], struct ml_error *error)
{
	struct ml_error inner = { 0 };
	size_t length = 0;
	uint8_t *payload;
	int r;

	r = document_check_size(kind, envelope, error);
	if (r)
		return r;
	r = ml_dsse_peek(envelope.data, envelope.length, kind->type, &payload, &length, &inner);
	if (r)
		return document_refuse(kind, r, &inner, error);
	r = document_load(kind, payload, length, ret, error);
	if (!r)
		ml_sha256(ret_digest, payload, length);
	free(payload);
	return r;
}

int ml_document_verify(const struct ml_document_kind *kind, struct ml_bytes envelope,
		       const char *who, const struct ml_public_key *keys, size_t key_count,
		       size_t threshold, struct ml_error *error)
{
	const struct ml_dsse_want want = {
		.type = kind->type,
		.keys = keys,
		.key_count = key_count,
		.threshold = threshold,
	};
	struct ml_error inner = { 0 };
	struct ml_dsse found;
	int r;

	r = document_check_size(kind, envelope, error);
	if (r)
		return r;
	r = ml_dsse_verify(envelope.data, envelope.length, &want, &found, &inner);
	if (r)
		return ml_error_set(error, r, "%s, by %s: %s", kind->what, who, inner.text);
	free(found.payload);
	return 0;
}

int ml_document_sign(const struct ml_document_kind *kind, json_t *json,
		     const struct ml_secret_key *const *keys, size_t key_count,
		     uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	char *text = NULL;
	size_t length = 0;
	int r;

	if (json)
		text = ml_strict_dump(json, &length);
	json_decref(json);
	if (!text)
		return ml_error_set(error, -ENOMEM, "%s: out of memory", kind->what);
	if (key_count)
		r = ml_dsse_sign(kind->type, text, length, keys, key_count, ret, ret_length,
				 error);
	else
		r = ml_dsse_draft(kind->type, text, length, ret, ret_length, error);
	free(text);
	return r;
}

int ml_document_check_network(const struct ml_document_kind *kind, const char *network,
			      const char *want, struct ml_error *error)
{
	if (!strcmp(network, want))
		return 0;
	return ml_error_set(error, -EXDEV, "%s: is for network \"%s\", and this is \"%s\"",
			    kind->what, network, want);
}
