// SPDX-License-Identifier: MIT
#include "join.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "date.h"
#include "document.h"
#include "request.h"
#include "strict.h"

static const char *const join_keys[] = {
	"grant", "identity", "name", "network", "nonce", "proof", "signer", "time", "tlsKey",
	"wireguard",
};

static const struct ml_document_kind join_kind = {
	.what = "join",
	.type = ML_JOIN_TYPE,
	.keys = join_keys,
	.key_count = sizeof(join_keys) / sizeof(join_keys[0]),
};

static void join_proof_content(const uint8_t nonce[static ML_NONCE_BYTES],
			       const struct ml_public_key *identity,
			       const struct ml_public_key *grant,
			       struct ml_proof_content *ret)
{
	*ret = (struct ml_proof_content){ .label = "merlon-join-1" };
	memcpy(ret->context, nonce, sizeof(ret->context));
	memcpy(ret->identity, identity->key, sizeof(ret->identity));
	memcpy(ret->other, grant->key, sizeof(ret->other));
}

/* ---------------------------------------------------------------- reading */

static int join_parse_keys(const json_t *json, struct ml_join *ret, struct ml_error *error)
{
	int r;

	r = ml_strict_key_id(json, "join", "grant", ret->grant, error);
	if (!r)
		r = ml_strict_key_id(json, "join", "signer", ret->signer, error);
	if (!r)
		r = ml_strict_public_key(json, "join", "identity", &ret->identity, error);
	if (!r)
		r = ml_request_wireguard(json, "join", ret->wireguard, error);
	if (!r)
		r = ml_strict_base64(json, "join", "proof", ret->proof, sizeof(ret->proof),
				     error);
	if (!r)
		r = ml_strict_hash(json, "join", "tlsKey", ret->tls_key, error);
	return r;
}

static int join_parse(const json_t *json, struct ml_join *ret, struct ml_error *error)
{
	int r;

	r = ml_strict_name(json, "join", "network", ret->network, error);
	if (!r)
		r = ml_strict_name(json, "join", "name", ret->name, error);
	if (!r)
		r = ml_strict_base64(json, "join", "nonce", ret->nonce, sizeof(ret->nonce),
				     error);
	if (!r)
		r = ml_strict_number(json, "join", "time", 0, ML_DATE_MAX, &ret->time, error);
	if (!r)
		r = join_parse_keys(json, ret, error);
	return r;
}

int ml_join_peek(struct ml_bytes envelope, struct ml_join *ret, struct ml_error *error)
{
	struct ml_join join = { 0 };
	json_t *json;
	int r;

	r = ml_document_peek(&join_kind, envelope, &json, join.digest, error);
	if (r)
		return r;
	r = join_parse(json, &join, error);
	json_decref(json);
	if (!r)
		*ret = join;
	return r;
}

/* Two keys that are one would be one signature. */
static int join_check_grant(const struct ml_join *join, const struct ml_grant *grant,
			    struct ml_error *error)
{
	if (strcmp(join->grant, grant->id) != 0)
		return ml_error_set(error, -EKEYREJECTED, "join: names another grant");
	if (!memcmp(join->identity.key, grant->key.key, sizeof(grant->key.key)))
		return ml_error_set(error, -EBADMSG,
				    "join: the node's identity is the one-time key: it must have a key of its own");
	return 0;
}

int ml_join_verify(struct ml_bytes envelope, const struct ml_grant *grant,
		   const struct ml_fresh *fresh, struct ml_join *ret,
		   struct ml_error *error)
{
	struct ml_public_key keys[2];
	struct ml_join join;
	int r;

	r = ml_join_peek(envelope, &join, error);
	if (!r)
		r = ml_document_check_network(&join_kind, join.network, grant->network, error);
	if (!r)
		r = join_check_grant(&join, grant, error);
	if (r)
		return r;
	keys[0] = grant->key;
	keys[1] = join.identity;
	r = ml_document_verify(&join_kind, envelope, "the one-time key and the node's", keys,
			       2, 2, error);
	if (!r)
		r = ml_fresh_check(fresh, "join", join.nonce, join.time, error);
	if (!r)
		*ret = join;
	return r;
}

int ml_join_check_proof(const struct ml_join *join, const struct ml_grant *grant,
			const struct ml_secret_key *signer, struct ml_error *error)
{
	struct ml_proof_content content;

	join_proof_content(join->nonce, &join->identity, &grant->key, &content);
	return ml_proof_check(&content, join->proof, join->wireguard, signer, error);
}

/* ---------------------------------------------------------------- writing */

static json_t *join_json(const struct ml_join_input *input,
			 const struct ml_public_key *grant,
			 const struct ml_public_key *identity,
			 const uint8_t wireguard[static 32],
			 const uint8_t proof[static ML_PROOF_BYTES])
{
	char grant_id[65], signer[65], tls_key[65], public[ML_PUBLIC_KEY_TEXT];

	ml_public_key_id(grant, grant_id);
	ml_public_key_id(&input->challenge->signer, signer);
	ml_public_key_format(identity, public);
	sodium_bin2hex(tls_key, sizeof(tls_key), input->tls_key, 32);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:I, s:s, s:o}",
			 "grant", grant_id, "identity", public, "name", input->name,
			 "network", input->challenge->network,
			 "nonce", ml_request_base64(input->challenge->nonce, ML_NONCE_BYTES),
			 "proof", ml_request_base64(proof, ML_PROOF_BYTES),
			 "signer", signer, "time", (json_int_t)input->time,
			 "tlsKey", tls_key, "wireguard", ml_request_base64(wireguard, 32));
}

int ml_join_make(const struct ml_join_input *input, uint8_t **ret, size_t *ret_length,
		 struct ml_error *error)
{
	const struct ml_secret_key *const keys[] = { input->grant, input->identity };
	uint8_t wireguard[32], proof[ML_PROOF_BYTES];
	struct ml_public_key grant, identity;
	struct ml_proof_content content;
	int r;

	r = ml_request_check_names(input->challenge->network, input->name, error);
	if (!r)
		r = ml_request_check_time(input->time, error);
	if (r)
		return r;
	ml_secret_key_public(input->grant, &grant);
	ml_secret_key_public(input->identity, &identity);
	crypto_scalarmult_base(wireguard, input->wireguard);
	join_proof_content(input->challenge->nonce, &identity, &grant, &content);
	r = ml_proof_make(&content, input->wireguard, &input->challenge->signer, proof, error);
	if (r)
		return r;
	return ml_document_sign(&join_kind,
				join_json(input, &grant, &identity, wireguard, proof), keys, 2,
				ret, ret_length, error);
}
