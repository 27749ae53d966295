// SPDX-License-Identifier: MIT
/*
 * From untrusted bytes to a bundle. What is parsed without being covered by a
 * signature: the framing, the envelope's JSON and the proof's JSON, all small.
 *
 * No byte of a file can be changed without being noticed: framing has one form,
 * envelope and proof must be in canonical form, and the statement, by its
 * signature, fixes everything else.
 */
#include "bundle.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bundle_format.h"
#include "dsse.h"
#include "leaf.h"
#include "merkle.h"
#include "statement.h"
#include "strict.h"

static const struct record_rule {
	const char *name;
	uint64_t limit;
} record_rules[__ML_BUNDLE_RECORD_MAX] = {
	[ML_BUNDLE_ENVELOPE] = { "envelope", ML_BUNDLE_MAX_ENVELOPE },
	[ML_BUNDLE_PROOF] = { "inclusion proof", ML_BUNDLE_MAX_PROOF },
	[ML_BUNDLE_LEAF] = { "leaf", ML_BUNDLE_MAX_LEAF },
	[ML_BUNDLE_IMAGE] = { "policy image", ML_BUNDLE_MAX_IMAGE },
	[ML_BUNDLE_RULES] = { "rules block", ML_BUNDLE_MAX_RULES },
};

static int record_cut_short(const char *name, struct ml_error *error)
{
	return ml_error_set(error, -EBADMSG,
			    "bundle: ends within its %s: cut short, fetch it again", name);
}

static int record_check_padding(const uint8_t *padding, uint64_t bytes, const char *name,
				struct ml_error *error)
{
	while (bytes--)
		if (*padding++)
			return ml_error_set(error, -EBADMSG,
					    "bundle: padding behind its %s is not zero", name);
	return 0;
}

/* Takes one record off the front of @rest. */
static int record_take(struct ml_bytes *rest, uint32_t type, struct ml_bytes *ret,
		       struct ml_error *error)
{
	const struct record_rule *rule = &record_rules[type];
	struct ml_bundle_header header;
	uint64_t bytes, padding;

	if (rest->length < sizeof(header))
		return record_cut_short(rule->name, error);
	memcpy(&header, rest->data, sizeof(header));
	bytes = le64toh(header.bytes);
	if (le32toh(header.type) != type || header.zero)
		return ml_error_set(error, -EBADMSG, "bundle: no %s where it must be", rule->name);
	if (bytes > rule->limit)
		return ml_error_set(error, -E2BIG, "bundle: its %s has more than %llu bytes",
				    rule->name, (unsigned long long)rule->limit);
	padding = ml_bundle_padding(bytes);
	if (bytes + padding > rest->length - sizeof(header))
		return record_cut_short(rule->name, error);
	ret->data = rest->data + sizeof(header);
	ret->length = bytes;
	rest->data = ret->data + bytes + padding;
	rest->length -= sizeof(header) + bytes + padding;
	return record_check_padding(ret->data + bytes, padding, rule->name, error);
}

int ml_bundle_split(struct ml_bytes file, struct ml_bundle *bundle, struct ml_error *error)
{
	struct ml_bytes *const records[__ML_BUNDLE_RECORD_MAX] = {
		[ML_BUNDLE_ENVELOPE] = &bundle->envelope,
		[ML_BUNDLE_PROOF] = &bundle->proof,
		[ML_BUNDLE_LEAF] = &bundle->leaf,
		[ML_BUNDLE_IMAGE] = &bundle->image,
		[ML_BUNDLE_RULES] = &bundle->rules,
	};
	struct ml_bytes rest = file;
	uint32_t type;
	int r;

	if (file.length > ML_BUNDLE_MAX_BYTES)
		return ml_error_set(error, -E2BIG, "bundle: longer than %u bytes",
				    ML_BUNDLE_MAX_BYTES);
	if (file.length < ML_BUNDLE_MAGIC_BYTES ||
	    memcmp(file.data, ML_BUNDLE_MAGIC, ML_BUNDLE_MAGIC_BYTES) != 0)
		return ml_error_set(error, -EBADMSG, "not a bundle of Merlon");
	rest.data += ML_BUNDLE_MAGIC_BYTES;
	rest.length -= ML_BUNDLE_MAGIC_BYTES;
	for (type = ML_BUNDLE_ENVELOPE; type < __ML_BUNDLE_RECORD_MAX; type++) {
		r = record_take(&rest, type, records[type], error);
		if (r)
			return r;
	}
	if (rest.length)
		return ml_error_set(error, -EBADMSG, "bundle: %zu bytes behind its end",
				    rest.length);
	return 0;
}

static int bundle_check_statement(struct ml_bundle *bundle, const struct ml_trust *trust,
				  struct ml_error *error)
{
	const struct ml_dsse_want want = {
		.type = ML_STATEMENT_TYPE,
		.keys = trust->keys,
		.key_count = trust->key_count,
		.threshold = 1,
		.canonical = true,
	};
	struct ml_dsse found;
	int r;

	r = ml_dsse_verify(bundle->envelope.data, bundle->envelope.length, &want, &found, error);
	if (r)
		return r;
	r = ml_statement_parse(found.payload, found.payload_length, &bundle->statement, error);
	free(found.payload);
	memcpy(bundle->key_id, found.key_id, sizeof(bundle->key_id));
	if (!r && strcmp(bundle->statement.network, trust->network) != 0)
		r = ml_error_set(error, -EXDEV,
				 "bundle: is for network \"%s\", and this node trusts \"%s\"",
				 bundle->statement.network, trust->network);
	return r;
}

static int proof_parse_hashes(const json_t *json, struct ml_merkle_hash *hashes,
			      size_t *ret_count, struct ml_error *error)
{
	json_t *array, *entry;
	size_t i;
	int r;

	r = ml_strict_array(json, "inclusion proof", "hashes", &array, error);
	if (r)
		return r;
	if (json_array_size(array) > ML_MERKLE_DEPTH)
		return ml_error_set(error, -EBADMSG, "inclusion proof: more than %d hashes",
				    ML_MERKLE_DEPTH);
	json_array_foreach(array, i, entry)
		if (!json_is_string(entry) ||
		    !ml_strict_hex32(json_string_value(entry), hashes[i].bytes))
			return ml_error_set(error, -EBADMSG,
					    "inclusion proof: hash %zu is malformed", i);
	*ret_count = json_array_size(array);
	return 0;
}

static int proof_parse(struct ml_bytes text, struct ml_merkle_hash *hashes,
		       size_t *ret_count, uint64_t *ret_index, struct ml_error *error)
{
	static const char *const keys[] = { "hashes", "index" };
	int64_t index = 0;
	json_t *json;
	int r;

	r = ml_strict_load(text.data, text.length, "inclusion proof", &json, error);
	if (r)
		return r;
	r = ml_strict_keys(json, "inclusion proof", keys, 2, error);
	if (!r)
		r = ml_strict_number(json, "inclusion proof", "index", 0, INT64_MAX, &index,
				     error);
	if (!r)
		r = proof_parse_hashes(json, hashes, ret_count, error);
	if (!r && !ml_strict_canonical(json, text.data, text.length))
		r = ml_error_set(error, -EBADMSG,
				 "inclusion proof: not in canonical form (sorted keys, no spaces)");
	json_decref(json);
	*ret_index = index;
	return r;
}

static int bundle_check_proof(struct ml_bundle *bundle, struct ml_error *error)
{
	struct ml_merkle_hash hashes[ML_MERKLE_DEPTH], leaf, root;
	size_t count = 0;
	int r;

	r = proof_parse(bundle->proof, hashes, &count, &bundle->index, error);
	if (r)
		return r;
	ml_merkle_leaf(bundle->leaf.data, bundle->leaf.length, &leaf);
	memcpy(root.bytes, bundle->statement.root, sizeof(root.bytes));
	return ml_merkle_verify(&leaf, bundle->index, bundle->statement.tree_size, hashes,
				count, &root, error);
}

static int bundle_check_node(const struct ml_leaf *leaf, const struct ml_trust *trust,
			     struct ml_error *error)
{
	if (strcmp(leaf->network, trust->network) != 0)
		return ml_error_set(error, -EXDEV,
				    "bundle: its leaf is for network \"%s\", and this node trusts \"%s\"",
				    leaf->network, trust->network);
	if (trust->node[0] && strcmp(leaf->node, trust->node) != 0)
		return ml_error_set(error, -EXDEV,
				    "bundle: is for node \"%s\", and this is \"%s\"",
				    leaf->node, trust->node);
	return 0;
}

static int bundle_check_leaf(struct ml_bundle *bundle, const struct ml_trust *trust,
			     struct ml_error *error)
{
	struct ml_leaf leaf;
	int r;

	r = ml_leaf_parse(bundle->leaf, &leaf, error);
	if (!r)
		r = bundle_check_node(&leaf, trust, error);
	if (!r)
		r = ml_leaf_check_block(&leaf.image, bundle->image, "policy image", error);
	if (!r)
		r = ml_leaf_check_block(&leaf.rules, bundle->rules, "rules block", error);
	if (r)
		return r;
	memcpy(bundle->image_digest, leaf.image.sha256, sizeof(bundle->image_digest));
	memcpy(bundle->node, leaf.node, sizeof(bundle->node));
	return 0;
}

int ml_bundle_verify(struct ml_bytes file, const struct ml_trust *trust,
		     struct ml_bundle *ret, struct ml_error *error)
{
	struct ml_bundle bundle = { 0 };
	int r;

	r = ml_bundle_split(file, &bundle, error);
	if (!r)
		r = bundle_check_statement(&bundle, trust, error);
	if (!r)
		r = bundle_check_proof(&bundle, error);
	if (!r)
		r = bundle_check_leaf(&bundle, trust, error);
	if (!r)
		*ret = bundle;
	return r;
}
