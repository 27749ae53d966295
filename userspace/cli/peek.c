// SPDX-License-Identifier: MIT
#include "peek.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bundle_format.h"
#include "dsse.h"
#include "leaf.h"
#include "statement.h"
#include "strict.h"

bool bundle_is_one(struct ml_bytes file)
{
	return file.length >= ML_BUNDLE_MAGIC_BYTES &&
	       !memcmp(file.data, ML_BUNDLE_MAGIC, ML_BUNDLE_MAGIC_BYTES);
}

static int peek_index(struct ml_bytes proof, uint64_t *ret, struct ml_error *error)
{
	int64_t index = 0;
	json_t *json;
	int code;

	code = ml_strict_load(proof.data, proof.length, "inclusion proof", &json, error);
	if (code)
		return code;
	code = ml_strict_number(json, "inclusion proof", "index", 0, INT64_MAX, &index, error);
	json_decref(json);
	*ret = (uint64_t)index;
	return code;
}

static int peek_statement(struct ml_bundle *bundle, struct ml_error *error)
{
	uint8_t *payload;
	size_t length;
	int ret;

	ret = ml_dsse_peek(bundle->envelope.data, bundle->envelope.length, ML_STATEMENT_TYPE,
			   &payload, &length, error);
	if (ret)
		return ret;
	ret = ml_statement_parse(payload, length, &bundle->statement, error);
	free(payload);
	return ret;
}

static int peek_leaf(struct ml_bundle *bundle, struct ml_error *error)
{
	struct ml_leaf leaf;
	int ret;

	ret = ml_leaf_parse(bundle->leaf, &leaf, error);
	if (!ret)
		ret = ml_leaf_check_block(&leaf.image, bundle->image, "policy image", error);
	if (!ret)
		ret = ml_leaf_check_block(&leaf.rules, bundle->rules, "rules block", error);
	if (ret)
		return ret;
	memcpy(bundle->image_digest, leaf.image.sha256, sizeof(bundle->image_digest));
	memcpy(bundle->node, leaf.node, sizeof(bundle->node));
	return 0;
}

int bundle_peek(struct ml_bytes file, struct ml_bundle *ret, struct ml_error *error)
{
	struct ml_bundle bundle = { 0 };
	int code;

	code = ml_bundle_split(file, &bundle, error);
	if (!code)
		code = peek_statement(&bundle, error);
	if (!code)
		code = peek_index(bundle.proof, &bundle.index, error);
	if (!code)
		code = peek_leaf(&bundle, error);
	if (!code)
		*ret = bundle;
	return code;
}
