// SPDX-License-Identifier: MIT
#include "extension.h"

#include <errno.h>

#include "date.h"
#include "document.h"
#include "strict.h"

static const char *const extension_keys[] = { "expires", "grant", "network", "node", "time" };

static const struct ml_document_kind extension_kind = {
	.what = "extension",
	.type = ML_EXTENSION_TYPE,
	.keys = extension_keys,
	.key_count = sizeof(extension_keys) / sizeof(extension_keys[0]),
};

static int extension_parse(const json_t *json, struct ml_extension *ret, struct ml_error *error)
{
	int r = ml_strict_name(json, "extension", "network", ret->network, error);

	if (!r)
		r = ml_strict_name(json, "extension", "node", ret->node, error);
	if (!r)
		r = ml_strict_key_id(json, "extension", "grant", ret->grant, error);
	if (!r)
		r = ml_strict_number(json, "extension", "expires", 0, ML_DATE_MAX, &ret->expires,
				     error);
	if (!r)
		r = ml_strict_number(json, "extension", "time", 0, ML_DATE_MAX, &ret->time, error);
	if (!r && ret->expires && ret->time >= ret->expires)
		r = ml_error_set(error, -EBADMSG, "extension: expires before it was signed");
	return r;
}

int ml_extension_sign(const struct ml_extension *extension,
		      const struct ml_secret_key *const *keys, size_t key_count, uint8_t **ret,
		      size_t *ret_length, struct ml_error *error)
{
	struct ml_extension read = { .time = 0 };
	json_t *json = json_pack("{s:I, s:s, s:s, s:s, s:I}", "expires",
				 (json_int_t)extension->expires, "grant", extension->grant,
				 "network", extension->network, "node", extension->node, "time",
				 (json_int_t)extension->time);

	if (!json)
		return ml_error_set(error, -ENOMEM, "out of memory");
	if (extension_parse(json, &read, error)) {
		json_decref(json);
		return -EINVAL;
	}
	return ml_document_sign(&extension_kind, json, keys, key_count, ret, ret_length, error);
}

int ml_extension_verify(const struct ml_root *root, struct ml_bytes envelope,
			struct ml_extension *ret, struct ml_error *error)
{
	const struct ml_role_keys *role = &root->roles[ML_ROLE_MEMBERSHIP];
	struct ml_extension extension = { .time = 0 };
	json_t *json;
	int r = ml_document_verify(&extension_kind, envelope, "the membership keys", role->keys,
				   role->count, role->threshold, error);

	if (r)
		return r;
	r = ml_document_peek(&extension_kind, envelope, &json, extension.digest, error);
	if (r)
		return r;
	r = extension_parse(json, &extension, error);
	json_decref(json);
	if (!r)
		r = ml_document_check_network(&extension_kind, extension.network, root->network,
					      error);
	if (!r)
		*ret = extension;
	return r;
}
