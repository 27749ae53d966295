// SPDX-License-Identifier: MIT
#include "revocation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "date.h"
#include "document.h"
#include "strict.h"

static const char *const revocation_keys[] = { "grant", "network", "node", "time" };

static const struct ml_document_kind revocation_kind = {
	.what = "revocation",
	.type = ML_REVOCATION_TYPE,
	.keys = revocation_keys,
	.key_count = sizeof(revocation_keys) / sizeof(revocation_keys[0]),
};

static bool is_empty(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	return json_is_string(value) && !json_string_length(value);
}

static int revocation_parse(const json_t *json, struct ml_revocation *ret,
			    struct ml_error *error)
{
	bool of_node = is_empty(json, "grant");
	int r = ml_strict_name(json, "revocation", "network", ret->network, error);

	if (!r && of_node == is_empty(json, "node"))
		r = ml_error_set(error, -EBADMSG, "revocation: one of \"grant\" and \"node\" must be empty");
	if (!r)
		r = of_node ? ml_strict_name(json, "revocation", "node", ret->node, error) :
			ml_strict_key_id(json, "revocation", "grant", ret->grant, error);
	return r ? r : ml_strict_number(json, "revocation", "time", 0, ML_DATE_MAX, &ret->time,
					error);
}

int ml_revocation_sign(const struct ml_revocation *revocation,
		       const struct ml_secret_key *const *keys, size_t key_count, uint8_t **ret,
		       size_t *ret_length, struct ml_error *error)
{
	struct ml_revocation read = { .time = 0 };
	json_t *json = json_pack("{s:s, s:s, s:s, s:I}", "grant", revocation->grant, "network",
				 revocation->network, "node", revocation->node, "time",
				 (json_int_t)revocation->time);

	if (!json)
		return ml_error_set(error, -ENOMEM, "out of memory");
	if (revocation_parse(json, &read, error)) {
		json_decref(json);
		return -EINVAL;
	}
	return ml_document_sign(&revocation_kind, json, keys, key_count, ret, ret_length, error);
}

int ml_revocation_verify(const struct ml_root *root, struct ml_bytes envelope,
			 struct ml_revocation *ret, struct ml_error *error)
{
	const struct ml_role_keys *role = &root->roles[ML_ROLE_MEMBERSHIP];
	struct ml_revocation revocation = { .time = 0 };
	json_t *json;
	int r = ml_document_verify(&revocation_kind, envelope, "the membership keys", role->keys,
				   role->count, role->threshold, error);

	if (r)
		return r;
	r = ml_document_peek(&revocation_kind, envelope, &json, revocation.digest, error);
	if (r)
		return r;
	r = revocation_parse(json, &revocation, error);
	json_decref(json);
	if (!r)
		r = ml_document_check_network(&revocation_kind, revocation.network, root->network,
					      error);
	if (!r)
		*ret = revocation;
	return r;
}
