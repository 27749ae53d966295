// SPDX-License-Identifier: MIT
#include "dsse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "base64.h"
#include "strict.h"

static int no_memory(struct ml_error *error)
{
	return ml_error_set(error, -ENOMEM, "envelope: out of memory");
}

int ml_dsse_pae(const char *type, const void *body, size_t length, uint8_t **ret,
		size_t *ret_length, struct ml_error *error)
{
	size_t size = strlen(type) + length + 64;
	uint8_t *pae;
	int head;

	if (size < length)
		return no_memory(error);
	pae = malloc(size);
	if (!pae)
		return no_memory(error);
	head = snprintf((char *)pae, size, "DSSEv1 %zu %s %zu ", strlen(type), type, length);
	if (length)
		memcpy(pae + head, body, length);
	*ret = pae;
	*ret_length = head + length;
	return 0;
}

/* @size is room for what @text may decode to. */
static bool base64_decode(const char *text, bool canonical, uint8_t *ret, size_t size,
			  size_t *ret_length)
{
	size_t length = strlen(text);

	if (ml_base64_decode(text, length, ret, size, ret_length))
		return true;
	return !canonical && ml_base64_decode_variant(text, length, sodium_base64_VARIANT_URLSAFE,
						      ret, size, ret_length);
}

static json_t *signature_json(const struct ml_secret_key *key, const uint8_t *pae,
			      size_t length)
{
	struct ml_public_key public;
	uint8_t signature[64];
	char id[65];

	if (ml_secret_key_sign(key, pae, length, signature))
		return NULL;
	ml_secret_key_public(key, &public);
	ml_public_key_id(&public, id);
	return json_pack("{s:s, s:o}", "keyid", id, "sig",
			 ml_base64_json(signature, sizeof(signature)));
}

static json_t *signatures_json(const struct ml_secret_key *const *keys, size_t key_count,
			       const uint8_t *pae, size_t length)
{
	json_t *signatures = json_array();
	size_t i;

	for (i = 0; i < key_count; i++) {
		if (json_array_append_new(signatures, signature_json(keys[i], pae, length))) {
			json_decref(signatures);
			return NULL;
		}
	}
	return signatures;
}

/* Takes @signatures, which may be NULL where there was no memory. */
static int dsse_format(const char *type, const void *body, size_t length,
		       json_t *signatures, uint8_t **ret, size_t *ret_length,
		       struct ml_error *error)
{
	json_t *envelope;
	char *text;

	envelope = json_pack("{s:o, s:s, s:o}", "payload", ml_base64_json(body, length),
			     "payloadType", type, "signatures", signatures);
	text = envelope ? ml_strict_dump(envelope, ret_length) : NULL;
	json_decref(envelope);
	if (!text)
		return no_memory(error);
	*ret = (uint8_t *)text;
	return 0;
}

int ml_dsse_sign(const char *type, const void *body, size_t length,
		 const struct ml_secret_key *const *keys, size_t key_count, uint8_t **ret,
		 size_t *ret_length, struct ml_error *error)
{
	json_t *signatures;
	size_t pae_length = 0;
	uint8_t *pae = NULL;
	int r;

	if (!key_count || key_count > ML_DSSE_SIGNATURES)
		return ml_error_set(error, -EINVAL, "envelope: from 1 to %d keys can sign it",
				    ML_DSSE_SIGNATURES);
	r = ml_dsse_pae(type, body, length, &pae, &pae_length, error);
	if (r)
		return r;
	signatures = signatures_json(keys, key_count, pae, pae_length);
	free(pae);
	return dsse_format(type, body, length, signatures, ret, ret_length, error);
}

int ml_dsse_draft(const char *type, const void *body, size_t length, uint8_t **ret,
		  size_t *ret_length, struct ml_error *error)
{
	return dsse_format(type, body, length, json_array(), ret, ret_length, error);
}

static int dsse_check_type(const json_t *envelope, const char *type, struct ml_error *error)
{
	const char *text;
	int r;

	r = ml_strict_string(envelope, "envelope", "payloadType", &text, error);
	if (r)
		return r;
	if (strcmp(text, type) != 0)
		return ml_error_set(error, -EBADMSG,
				    "envelope: holds another kind of document than \"%s\"", type);
	return 0;
}

static int dsse_payload(const json_t *envelope, bool canonical, uint8_t **ret,
			size_t *ret_length, struct ml_error *error)
{
	const char *text;
	uint8_t *payload;
	size_t size;
	int r;

	r = ml_strict_string(envelope, "envelope", "payload", &text, error);
	if (r)
		return r;
	size = strlen(text) / 4 * 3 + 4;
	payload = malloc(size);
	if (!payload)
		return no_memory(error);
	if (!base64_decode(text, canonical, payload, size - 1, ret_length)) {
		free(payload);
		return ml_error_set(error, -EBADMSG, "envelope: \"payload\" is not base64");
	}
	payload[*ret_length] = 0;
	*ret = payload;
	return 0;
}

/*
 * Byte for byte what ml_dsse_sign() writes, and one signature: an envelope then
 * has one text, and nobody can change a byte of it that no signature covers.
 */
static int dsse_check_canonical(const json_t *envelope, const void *data, size_t length,
				struct ml_error *error)
{
	static const char *const keys[] = { "payload", "payloadType", "signatures" };
	int r;

	r = ml_strict_keys(envelope, "envelope", keys, 3, error);
	if (r)
		return r;
	if (!ml_strict_canonical(envelope, data, length))
		return ml_error_set(error, -EBADMSG,
				    "envelope: not in canonical form (sorted keys, no spaces)");
	return 0;
}

static int dsse_load(const void *data, size_t length, const char *type, bool canonical,
		     json_t **ret, struct ml_error *error)
{
	json_t *envelope;
	int r;

	r = ml_strict_load(data, length, "envelope", &envelope, error);
	if (r)
		return r;
	r = dsse_check_type(envelope, type, error);
	if (!r && canonical)
		r = dsse_check_canonical(envelope, data, length, error);
	if (r) {
		json_decref(envelope);
		return r;
	}
	*ret = envelope;
	return 0;
}

/* One verification: which keys of the list have signed so far. */
struct dsse_check {
	const struct ml_dsse_want *want;
	const uint8_t *pae;
	size_t pae_length;
	bool broken;		/* a wanted key's signature does not fit */
	size_t good;
	char good_ids[ML_DSSE_SIGNATURES][65];
};

static void check_count(struct dsse_check *check, const char id[static 65])
{
	size_t i;

	for (i = 0; i < check->good; i++)
		if (!strcmp(check->good_ids[i], id))
			return;
	if (check->good == ML_DSSE_SIGNATURES)
		return;
	memcpy(check->good_ids[check->good++], id, 65);
}

static void check_signature(struct dsse_check *check, const char *key_id,
			    const uint8_t signature[static 64], bool fits_length)
{
	const struct ml_dsse_want *want = check->want;
	char id[65];
	size_t i;

	for (i = 0; i < want->key_count; i++) {
		ml_public_key_id(&want->keys[i], id);
		if (*key_id && strcmp(key_id, id) != 0)
			continue;
		if (fits_length && ml_public_key_verify(&want->keys[i], check->pae,
							check->pae_length, signature))
			check_count(check, id);
		else if (*key_id)
			check->broken = true;
	}
}

static int check_one(struct dsse_check *check, const json_t *entry, struct ml_error *error)
{
	static const char *const keys[] = { "keyid", "sig" };
	const char *key_id = "", *text;
	bool canonical = check->want->canonical;
	uint8_t signature[1024], id[32];
	size_t length;
	int r = 0;

	if (canonical)
		r = ml_strict_keys(entry, "envelope: signature", keys, 2, error);
	if (!r && json_object_get(entry, "keyid"))
		r = ml_strict_string(entry, "envelope: signature", "keyid", &key_id, error);
	if (!r)
		r = ml_strict_string(entry, "envelope: signature", "sig", &text, error);
	if (r)
		return r;
	if (!base64_decode(text, canonical, signature, sizeof(signature), &length) ||
	    (canonical && (length != 64 || !ml_strict_hex32(key_id, id))))
		return ml_error_set(error, -EBADMSG, "envelope: a signature is malformed");
	check_signature(check, key_id, signature, length == 64);
	return 0;
}

static int check_all(struct dsse_check *check, const json_t *envelope,
		     struct ml_error *error)
{
	json_t *signatures, *entry;
	size_t i;
	int r;

	r = ml_strict_array(envelope, "envelope", "signatures", &signatures, error);
	if (r)
		return r;
	if (json_array_size(signatures) > ML_DSSE_SIGNATURES)
		return ml_error_set(error, -EBADMSG, "envelope: more than %d signatures",
				    ML_DSSE_SIGNATURES);
	if (check->want->canonical && json_array_size(signatures) != 1)
		return ml_error_set(error, -EBADMSG, "envelope: must have exactly one signature");
	json_array_foreach(signatures, i, entry) {
		r = check_one(check, entry, error);
		if (r)
			return r;
	}
	return 0;
}

static int check_judge(const struct dsse_check *check, struct ml_error *error)
{
	if (check->good && check->good >= check->want->threshold)
		return 0;
	if (check->broken)
		return ml_error_set(error, -EBADMSG,
				    "envelope: the signature of a trusted key does not fit: altered after it was signed, fetch it again");
	return ml_error_set(error, -EKEYREJECTED,
			    "envelope: signed by %zu of the trusted keys, %zu needed: either it is from somebody else, or the list of trusted keys is out of date",
			    check->good, check->want->threshold ? check->want->threshold : 1);
}

/* @found holds the payload, and is the caller's to free. */
static int dsse_check(const json_t *envelope, const struct ml_dsse_want *want,
		      struct ml_dsse *found, struct ml_error *error)
{
	struct dsse_check check = { .want = want };
	uint8_t *pae = NULL;
	int r;

	r = ml_dsse_pae(want->type, found->payload, found->payload_length, &pae,
			&check.pae_length, error);
	if (r)
		return r;
	check.pae = pae;
	r = check_all(&check, envelope, error);
	free(pae);
	if (!r)
		r = check_judge(&check, error);
	if (r)
		return r;
	found->good = check.good;
	memcpy(found->key_id, check.good_ids[0], sizeof(found->key_id));
	return 0;
}

int ml_dsse_verify(const void *envelope, size_t length, const struct ml_dsse_want *want,
		   struct ml_dsse *ret, struct ml_error *error)
{
	struct ml_dsse found = { 0 };
	json_t *json;
	int r;

	r = dsse_load(envelope, length, want->type, want->canonical, &json, error);
	if (r)
		return r;
	r = dsse_payload(json, want->canonical, &found.payload, &found.payload_length, error);
	if (!r)
		r = dsse_check(json, want, &found, error);
	json_decref(json);
	if (r) {
		free(found.payload);
		return r;
	}
	*ret = found;
	return 0;
}

int ml_dsse_peek(const void *envelope, size_t length, const char *type, uint8_t **ret,
		 size_t *ret_length, struct ml_error *error)
{
	json_t *json;
	int r;

	r = dsse_load(envelope, length, type, false, &json, error);
	if (r)
		return r;
	r = dsse_payload(json, false, ret, ret_length, error);
	json_decref(json);
	return r;
}

static json_t *signature_copy(const char *key_id, const char *text)
{
	return *key_id ? json_pack("{s:s, s:s}", "keyid", key_id, "sig", text) :
			 json_pack("{s:s}", "sig", text);
}

/* The signatures of @envelope without those that say they are @without's. */
static int signatures_copy(const json_t *envelope, const char *without, json_t *ret,
			   struct ml_error *error)
{
	json_t *signatures, *entry;
	size_t i;
	int r;

	r = ml_strict_array(envelope, "envelope", "signatures", &signatures, error);
	if (r)
		return r;
	json_array_foreach(signatures, i, entry) {
		const char *key_id = "", *text;

		if (json_object_get(entry, "keyid"))
			r = ml_strict_string(entry, "envelope: signature", "keyid", &key_id,
					     error);
		if (!r)
			r = ml_strict_string(entry, "envelope: signature", "sig", &text, error);
		if (r)
			return r;
		if (strcmp(key_id, without) != 0 &&
		    json_array_append_new(ret, signature_copy(key_id, text)))
			return no_memory(error);
	}
	return 0;
}

static int signatures_add(const json_t *envelope, const struct ml_secret_key *key,
			  const uint8_t *pae, size_t pae_length, json_t *ret,
			  struct ml_error *error)
{
	struct ml_public_key public;
	char id[65];
	int r;

	ml_secret_key_public(key, &public);
	ml_public_key_id(&public, id);
	r = signatures_copy(envelope, id, ret, error);
	if (r)
		return r;
	if (json_array_size(ret) >= ML_DSSE_SIGNATURES)
		return ml_error_set(error, -E2BIG,
				    "envelope: has %d signatures, and no room for another",
				    ML_DSSE_SIGNATURES);
	if (json_array_append_new(ret, signature_json(key, pae, pae_length)))
		return no_memory(error);
	return 0;
}

static int dsse_add(const json_t *envelope, const char *type, const struct ml_secret_key *key,
		    const uint8_t *payload, size_t payload_length, uint8_t **ret,
		    size_t *ret_length, struct ml_error *error)
{
	json_t *signatures = json_array();
	size_t pae_length = 0;
	uint8_t *pae = NULL;
	int r;

	r = ml_dsse_pae(type, payload, payload_length, &pae, &pae_length, error);
	if (!r)
		r = signatures_add(envelope, key, pae, pae_length, signatures, error);
	free(pae);
	if (!r)
		return dsse_format(type, payload, payload_length, signatures, ret, ret_length,
				   error);
	json_decref(signatures);
	return r;
}

int ml_dsse_add(const void *envelope, size_t length, const char *type,
		const struct ml_secret_key *key, uint8_t **ret, size_t *ret_length,
		struct ml_error *error)
{
	size_t payload_length = 0;
	uint8_t *payload = NULL;
	json_t *json;
	int r;

	r = dsse_load(envelope, length, type, false, &json, error);
	if (r)
		return r;
	r = dsse_payload(json, false, &payload, &payload_length, error);
	if (!r)
		r = dsse_add(json, type, key, payload, payload_length, ret, ret_length, error);
	json_decref(json);
	free(payload);
	return r;
}
