// SPDX-License-Identifier: MIT
#include "rotation.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "date.h"
#include "document.h"
#include "request.h"
#include "strict.h"

static const char *const renewal_keys[] = { "network", "node", "nonce", "time", "tlsKey" };

static const struct ml_document_kind renewal_kind = {
	.what = "renewal",
	.type = ML_RENEWAL_TYPE,
	.keys = renewal_keys,
	.key_count = sizeof(renewal_keys) / sizeof(renewal_keys[0]),
};

static int renewal_parse(const json_t *json, struct ml_renewal *ret, struct ml_error *error)
{
	int r;

	r = ml_strict_name(json, "renewal", "network", ret->network, error);
	if (!r)
		r = ml_strict_name(json, "renewal", "node", ret->node, error);
	if (!r)
		r = ml_strict_base64(json, "renewal", "nonce", ret->nonce, sizeof(ret->nonce),
				     error);
	if (!r)
		r = ml_strict_number(json, "renewal", "time", 0, ML_DATE_MAX, &ret->time,
				     error);
	if (!r)
		r = ml_strict_hash(json, "renewal", "tlsKey", ret->tls_key, error);
	return r;
}

int ml_renewal_peek(struct ml_bytes envelope, struct ml_renewal *ret,
		    struct ml_error *error)
{
	struct ml_renewal renewal = { 0 };
	json_t *json;
	int r;

	r = ml_document_peek(&renewal_kind, envelope, &json, renewal.digest, error);
	if (r)
		return r;
	r = renewal_parse(json, &renewal, error);
	json_decref(json);
	if (!r)
		*ret = renewal;
	return r;
}

int ml_renewal_verify(struct ml_bytes envelope, const struct ml_known_node *known,
		      const struct ml_fresh *fresh, struct ml_renewal *ret,
		      struct ml_error *error)
{
	struct ml_renewal renewal;
	int r;

	r = ml_renewal_peek(envelope, &renewal, error);
	if (!r)
		r = ml_request_check_node(&renewal_kind, renewal.network, renewal.node, known,
					  error);
	if (!r)
		r = ml_document_verify(&renewal_kind, envelope, "the node's identity key",
				       &known->identity, 1, 1, error);
	if (!r)
		r = ml_fresh_check(fresh, "renewal", renewal.nonce, renewal.time, error);
	if (!r)
		*ret = renewal;
	return r;
}

int ml_renewal_make(const struct ml_challenge *challenge, const char *node,
		    const struct ml_secret_key *identity, const uint8_t tls_key[static 32],
		    int64_t time, uint8_t **ret, size_t *ret_length,
		    struct ml_error *error)
{
	char hex[65];
	json_t *json;
	int r;

	r = ml_request_check_names(challenge->network, node, error);
	if (!r)
		r = ml_request_check_time(time, error);
	if (r)
		return r;
	sodium_bin2hex(hex, sizeof(hex), tls_key, 32);
	json = json_pack("{s:s, s:s, s:o, s:I, s:s}", "network", challenge->network,
			 "node", node,
			 "nonce", ml_request_base64(challenge->nonce, ML_NONCE_BYTES),
			 "time", (json_int_t)time, "tlsKey", hex);
	return ml_document_sign(&renewal_kind, json, &identity, 1, ret, ret_length, error);
}
