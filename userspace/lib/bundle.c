// SPDX-License-Identifier: MIT
/* Making bundle files; bundle_verify.c reads them. */
#include "bundle.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "bundle_format.h"
#include "dsse.h"
#include "leaf.h"
#include "merkle.h"
#include "statement.h"
#include "strict.h"

static json_t *hashes_json(const struct ml_merkle_hash *hashes, size_t count)
{
	json_t *array = json_array();
	char hex[65];
	size_t i;

	for (i = 0; i < count; i++) {
		sodium_bin2hex(hex, sizeof(hex), hashes[i].bytes, sizeof(hashes[i].bytes));
		if (json_array_append_new(array, json_string(hex))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int proof_format(const struct ml_merkle_tree *tree, uint64_t index, char **ret,
			size_t *ret_length, struct ml_error *error)
{
	struct ml_merkle_hash hashes[ML_MERKLE_DEPTH];
	char *text = NULL;
	json_t *proof;
	size_t count;

	count = ml_merkle_tree_prove(tree, index, hashes);
	proof = json_pack("{s:o, s:I}", "hashes", hashes_json(hashes, count),
			  "index", (json_int_t)index);
	if (proof)
		text = ml_strict_dump(proof, ret_length);
	json_decref(proof);
	if (!text)
		return ml_error_set(error, -ENOMEM, "bundle: out of memory");
	*ret = text;
	return 0;
}

/* The envelope must be of this very tree: a mistake here would only show at a node. */
static int bundle_check_envelope(struct ml_bytes envelope, const struct ml_merkle_tree *tree,
				 struct ml_error *error)
{
	struct ml_statement statement;
	struct ml_merkle_hash root;
	uint8_t *payload;
	size_t length;
	int r;

	r = ml_dsse_peek(envelope.data, envelope.length, ML_STATEMENT_TYPE, &payload, &length,
			 error);
	if (r)
		return r;
	r = ml_statement_parse(payload, length, &statement, error);
	free(payload);
	if (r)
		return r;
	ml_merkle_tree_root(tree, &root);
	if (statement.tree_size != ml_merkle_tree_count(tree) ||
	    memcmp(statement.root, root.bytes, sizeof(root.bytes)) != 0)
		return ml_error_set(error, -EINVAL,
				    "bundle: the envelope was signed over other leaves than these");
	return 0;
}

static int bundle_check_leaf(struct ml_bytes text, struct ml_bytes image,
			     struct ml_bytes rules, struct ml_error *error)
{
	struct ml_leaf leaf;
	int r;

	r = ml_leaf_parse(text, &leaf, error);
	if (!r)
		r = ml_leaf_check_block(&leaf.image, image, "policy image", error);
	if (!r)
		r = ml_leaf_check_block(&leaf.rules, rules, "rules block", error);
	return r;
}

static uint8_t *record_put(uint8_t *at, uint32_t type, struct ml_bytes content)
{
	const struct ml_bundle_header header = {
		.type = htole32(type),
		.bytes = htole64(content.length),
	};
	size_t padding = ml_bundle_padding(content.length);

	memcpy(at, &header, sizeof(header));
	at += sizeof(header);
	if (content.length)
		memcpy(at, content.data, content.length);
	at += content.length;
	memset(at, 0, padding);
	return at + padding;
}

static int records_write(const struct ml_bytes records[static __ML_BUNDLE_RECORD_MAX],
			 uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	uint64_t size = ML_BUNDLE_MAGIC_BYTES;
	uint8_t *file, *at;
	uint32_t type;

	for (type = ML_BUNDLE_ENVELOPE; type < __ML_BUNDLE_RECORD_MAX; type++)
		size += sizeof(struct ml_bundle_header) + (uint64_t)records[type].length +
			ml_bundle_padding(records[type].length);
	if (size > ML_BUNDLE_MAX_BYTES)
		return ml_error_set(error, -E2BIG, "bundle: longer than %u bytes",
				    ML_BUNDLE_MAX_BYTES);
	file = malloc(size);
	if (!file)
		return ml_error_set(error, -ENOMEM, "bundle: out of memory");
	memcpy(file, ML_BUNDLE_MAGIC, ML_BUNDLE_MAGIC_BYTES);
	at = file + ML_BUNDLE_MAGIC_BYTES;
	for (type = ML_BUNDLE_ENVELOPE; type < __ML_BUNDLE_RECORD_MAX; type++)
		at = record_put(at, type, records[type]);
	*ret = file;
	*ret_length = size;
	return 0;
}

int ml_bundle_format_in(struct ml_bytes envelope, const struct ml_merkle_tree *tree,
			const struct ml_leaf_input *leaf, size_t index,
			struct ml_bytes image, struct ml_bytes rules, uint8_t **ret,
			size_t *ret_length, struct ml_error *error)
{
	struct ml_bytes records[__ML_BUNDLE_RECORD_MAX] = {
		[ML_BUNDLE_ENVELOPE] = envelope,
		[ML_BUNDLE_LEAF] = leaf->leaf,
		[ML_BUNDLE_IMAGE] = image,
		[ML_BUNDLE_RULES] = rules,
	};
	size_t length;
	char *proof;
	int r;

	if (index >= ml_merkle_tree_count(tree))
		return ml_error_set(error, -EINVAL, "bundle: leaf %zu of a tree that has %llu",
				    index, (unsigned long long)ml_merkle_tree_count(tree));
	r = bundle_check_envelope(envelope, tree, error);
	if (!r)
		r = bundle_check_leaf(leaf->leaf, image, rules, error);
	if (!r)
		r = proof_format(tree, index, &proof, &length, error);
	if (r)
		return r;
	records[ML_BUNDLE_PROOF] = (struct ml_bytes){ (uint8_t *)proof, length };
	r = records_write(records, ret, ret_length, error);
	free(proof);
	return r;
}

int ml_bundle_format(struct ml_bytes envelope, const struct ml_leaf_input *leaves,
		     size_t leaf_count, size_t index, struct ml_bytes image,
		     struct ml_bytes rules, uint8_t **ret, size_t *ret_length,
		     struct ml_error *error)
{
	struct ml_merkle_tree *tree;
	int r;

	if (index >= leaf_count)
		return ml_error_set(error, -EINVAL, "bundle: leaf %zu of %zu", index, leaf_count);
	r = ml_leaf_tree(leaves, leaf_count, &tree, error);
	if (r)
		return r;
	r = ml_bundle_format_in(envelope, tree, &leaves[index], index, image, rules, ret,
				ret_length, error);
	ml_merkle_tree_free(tree);
	return r;
}
