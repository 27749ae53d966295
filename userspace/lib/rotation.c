// SPDX-License-Identifier: MIT
#include "rotation.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "document.h"
#include "request.h"
#include "strict.h"

static const char *const rotation_keys[] = {
	"counter", "identity", "network", "node", "proof", "signer", "wireguard",
};

static const struct ml_document_kind rotation_kind = {
	.what = "rotation",
	.type = ML_ROTATION_TYPE,
	.keys = rotation_keys,
	.key_count = sizeof(rotation_keys) / sizeof(rotation_keys[0]),
};

/* Names hold no NUL, so there is one way to read this. */
static void rotation_context(const char *network, const char *node, uint64_t counter,
			     uint8_t ret[static 32])
{
	uint64_t number = htole64(counter);
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)network, strlen(network) + 1);
	crypto_hash_sha256_update(&state, (const uint8_t *)node, strlen(node) + 1);
	crypto_hash_sha256_update(&state, (const uint8_t *)&number, sizeof(number));
	crypto_hash_sha256_final(&state, ret);
}

static void rotation_proof_content(const struct ml_rotation *rotation,
				   const struct ml_public_key *before,
				   struct ml_proof_content *ret)
{
	*ret = (struct ml_proof_content){ .label = "merlon-rotate-1" };
	rotation_context(rotation->network, rotation->node, rotation->counter, ret->context);
	memcpy(ret->identity, rotation->identity.key, sizeof(ret->identity));
	memcpy(ret->other, before->key, sizeof(ret->other));
}

/* ---------------------------------------------------------------- reading */

static int rotation_parse_keys(const json_t *json, struct ml_rotation *ret,
			       struct ml_error *error)
{
	int r;

	r = ml_strict_public_key(json, "rotation", "identity", &ret->identity, error);
	if (!r)
		r = ml_request_wireguard(json, "rotation", ret->wireguard, error);
	if (!r)
		r = ml_strict_key_id(json, "rotation", "signer", ret->signer, error);
	if (!r)
		r = ml_strict_base64(json, "rotation", "proof", ret->proof,
				     sizeof(ret->proof), error);
	return r;
}

static int rotation_parse(const json_t *json, struct ml_rotation *ret,
			  struct ml_error *error)
{
	int64_t counter = 0;
	int r;

	r = ml_strict_name(json, "rotation", "network", ret->network, error);
	if (!r)
		r = ml_strict_name(json, "rotation", "node", ret->node, error);
	if (!r)
		r = ml_strict_number(json, "rotation", "counter", 1, INT64_MAX, &counter,
				     error);
	if (!r)
		r = rotation_parse_keys(json, ret, error);
	ret->counter = (uint64_t)counter;
	return r;
}

int ml_rotation_peek(struct ml_bytes envelope, struct ml_rotation *ret,
		     struct ml_error *error)
{
	struct ml_rotation rotation = { 0 };
	json_t *json;
	int r;

	r = ml_document_peek(&rotation_kind, envelope, &json, rotation.digest, error);
	if (r)
		return r;
	r = rotation_parse(json, &rotation, error);
	json_decref(json);
	if (!r)
		*ret = rotation;
	return r;
}

/* The new key signs as well: nobody can put another's key in its own place. */
static int rotation_check_signed(struct ml_bytes envelope, const struct ml_rotation *rotation,
				 const struct ml_known_node *known, struct ml_error *error)
{
	const struct ml_public_key keys[] = { known->identity, rotation->identity };
	bool same = !memcmp(keys[0].key, keys[1].key, sizeof(keys[0].key));

	return ml_document_verify(&rotation_kind, envelope,
				  same ? "the node's identity key" :
					 "the node's identity key and the new one",
				  keys, same ? 1 : 2, same ? 1 : 2, error);
}

static int rotation_check_counter(const struct ml_rotation *rotation,
				  const struct ml_known_node *known, struct ml_error *error)
{
	if (rotation->counter > known->counter)
		return 0;
	return ml_error_set(error, -ESTALE,
			    "rotation: has number %llu, and number %llu of node \"%s\" is known already",
			    (unsigned long long)rotation->counter,
			    (unsigned long long)known->counter, known->node);
}

int ml_rotation_verify(struct ml_bytes envelope, const struct ml_known_node *known,
		       struct ml_rotation *ret, struct ml_error *error)
{
	struct ml_rotation rotation;
	int r;

	r = ml_rotation_peek(envelope, &rotation, error);
	if (!r)
		r = ml_request_check_node(&rotation_kind, rotation.network, rotation.node,
					  known, error);
	if (!r)
		r = rotation_check_signed(envelope, &rotation, known, error);
	if (!r)
		r = rotation_check_counter(&rotation, known, error);
	if (!r)
		*ret = rotation;
	return r;
}

int ml_rotation_check_proof(const struct ml_rotation *rotation,
			    const struct ml_known_node *known,
			    const struct ml_secret_key *signer, struct ml_error *error)
{
	struct ml_proof_content content;

	rotation_proof_content(rotation, &known->identity, &content);
	return ml_proof_check(&content, rotation->proof, rotation->wireguard, signer, error);
}

/* ---------------------------------------------------------------- writing */

static json_t *rotation_json(const struct ml_rotation *rotation)
{
	char identity[ML_PUBLIC_KEY_TEXT];

	ml_public_key_format(&rotation->identity, identity);
	return json_pack("{s:I, s:s, s:s, s:s, s:o, s:s, s:o}",
			 "counter", (json_int_t)rotation->counter, "identity", identity,
			 "network", rotation->network, "node", rotation->node,
			 "proof", ml_request_base64(rotation->proof, ML_PROOF_BYTES),
			 "signer", rotation->signer,
			 "wireguard", ml_request_base64(rotation->wireguard, 32));
}

static int rotation_fill(const struct ml_rotation_input *input, struct ml_rotation *ret,
			 struct ml_error *error)
{
	int r;

	r = ml_request_check_names(input->network, input->node, error);
	if (r)
		return r;
	if (!input->counter || input->counter > INT64_MAX)
		return ml_error_set(error, -EINVAL,
				    "rotation: its number must be from 1 to 2^63-1");
	memcpy(ret->network, input->network, strlen(input->network) + 1);
	memcpy(ret->node, input->node, strlen(input->node) + 1);
	ret->counter = input->counter;
	ml_secret_key_public(input->next ? input->next : input->identity, &ret->identity);
	ml_public_key_id(input->signer, ret->signer);
	crypto_scalarmult_base(ret->wireguard, input->wireguard);
	return 0;
}

int ml_rotation_make(const struct ml_rotation_input *input, uint8_t **ret,
		     size_t *ret_length, struct ml_error *error)
{
	const struct ml_secret_key *const keys[] = { input->identity, input->next };
	struct ml_rotation rotation = { 0 };
	struct ml_proof_content content;
	struct ml_public_key before;
	int r;

	r = rotation_fill(input, &rotation, error);
	if (r)
		return r;
	ml_secret_key_public(input->identity, &before);
	rotation_proof_content(&rotation, &before, &content);
	r = ml_proof_make(&content, input->wireguard, input->signer, rotation.proof, error);
	if (r)
		return r;
	return ml_document_sign(&rotation_kind, rotation_json(&rotation), keys,
				input->next ? 2 : 1, ret, ret_length, error);
}
