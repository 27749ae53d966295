// SPDX-License-Identifier: MIT
#include "policy_document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dsse.h"
#include "policy.h"
#include "sha256.h"
#include "strict.h"

#define WHAT "policy document"

static json_t *document_json(const struct ml_policy_document *document)
{
	return json_pack("{s:I, s:s, s:s%, s:I}", "epoch", (json_int_t)document->epoch,
			 "network", document->network, "source", document->source,
			 document->source_length, "version", (json_int_t)document->version);
}

static int document_check(const struct ml_policy_document *document, struct ml_error *error)
{
	if (!ml_name_valid(document->network))
		return ml_error_set(error, -EINVAL, WHAT ": network \"%.64s\": " ML_NAME_RULE,
				    document->network);
	if (document->epoch > INT64_MAX || document->version > INT64_MAX || !document->version)
		return ml_error_set(error, -EINVAL,
				    WHAT ": versions start at 1; version and epoch are below 2^63");
	if (document->source_length > ML_POLICY_MAX_BYTES)
		return ml_error_set(error, -EINVAL, WHAT ": its source has more than %u bytes",
				    ML_POLICY_MAX_BYTES);
	return 0;
}

int ml_policy_document_sign(const struct ml_policy_document *document,
			    const struct ml_secret_key *const *keys, size_t key_count,
			    uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	size_t length;
	json_t *json;
	char *text;
	int r;

	r = document_check(document, error);
	if (r)
		return r;
	json = document_json(document);
	if (!json)
		return ml_error_set(error, -EINVAL, WHAT ": its source is not UTF-8, or has a zero byte");
	text = ml_strict_dump(json, &length);
	json_decref(json);
	if (!text)
		return ml_error_set(error, -ENOMEM, WHAT ": out of memory");
	r = ml_dsse_sign(ML_POLICY_TYPE, text, length, keys, key_count, ret, ret_length, error);
	free(text);
	return r;
}

static int source_parse(const json_t *json, struct ml_policy_document *ret,
			struct ml_error *error)
{
	const char *source;
	int r;

	r = ml_strict_string(json, WHAT, "source", &source, error);
	if (r)
		return r;
	ret->source_length = json_string_length(json_object_get(json, "source"));
	if (ret->source_length > ML_POLICY_MAX_BYTES)
		return ml_error_set(error, -E2BIG, WHAT ": its source has more than %u bytes",
				    ML_POLICY_MAX_BYTES);
	ret->source = strdup(source);
	return ret->source ? 0 : ml_error_set(error, -ENOMEM, WHAT ": out of memory");
}

static int document_parse(const json_t *json, struct ml_policy_document *ret,
			  struct ml_error *error)
{
	static const char *const keys[] = { "epoch", "network", "source", "version" };
	int64_t epoch = 0, version = 0;
	int r;

	r = ml_strict_keys(json, WHAT, keys, 4, error);
	if (!r)
		r = ml_strict_name(json, WHAT, "network", ret->network, error);
	if (!r)
		r = ml_strict_number(json, WHAT, "epoch", 0, INT64_MAX, &epoch, error);
	if (!r)
		r = ml_strict_number(json, WHAT, "version", 1, INT64_MAX, &version, error);
	ret->epoch = (uint64_t)epoch;
	ret->version = (uint64_t)version;
	return r ? r : source_parse(json, ret, error);
}

/* The payload is signed already: what it says is meant. */
static int payload_parse(const uint8_t *payload, size_t length, const struct ml_root *root,
			 struct ml_policy_document *ret, struct ml_error *error)
{
	json_t *json;
	int r;

	r = ml_strict_load(payload, length, WHAT, &json, error);
	if (r)
		return r;
	r = document_parse(json, ret, error);
	json_decref(json);
	if (!r && strcmp(ret->network, root->network) != 0)
		r = ml_error_set(error, -EXDEV, WHAT ": is for network \"%s\", and this is \"%s\"",
				 ret->network, root->network);
	if (!r)
		r = ml_root_check_epoch(root, ret->epoch, error);
	return r;
}

int ml_policy_document_verify(const struct ml_root *root, struct ml_bytes envelope,
			      struct ml_policy_document *ret, struct ml_error *error)
{
	struct ml_policy_document document = { .epoch = 0 };
	uint8_t *payload;
	size_t length;
	int r;

	r = ml_root_check(root, ML_ROLE_POLICY, ML_POLICY_TYPE, envelope, &payload, &length, error);
	if (r)
		return r;
	ml_sha256(document.digest, payload, length);
	r = payload_parse(payload, length, root, &document, error);
	free(payload);
	if (r)
		ml_policy_document_clean(&document);
	else
		*ret = document;
	return r;
}

void ml_policy_document_clean(struct ml_policy_document *document)
{
	free(document->source);
	document->source = NULL;
}
