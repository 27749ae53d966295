// SPDX-License-Identifier: MIT
#include "leaf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "bundle_format.h"
#include "sha256.h"
#include "strict.h"

static json_t *block_json(struct ml_bytes block)
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	char hex[65];

	ml_sha256(digest, block.data, block.length);
	sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
	return json_pack("{s:I, s:s}", "bytes", (json_int_t)block.length, "sha256", hex);
}

static int leaf_check_input(const char *network, const char *node, const json_t *config,
			    struct ml_bytes image, struct ml_bytes rules,
			    struct ml_error *error)
{
	if (!ml_name_valid(network))
		return ml_error_set(error, -EINVAL, "network \"%.80s\": " ML_NAME_RULE, network);
	if (!ml_name_valid(node))
		return ml_error_set(error, -EINVAL, "node \"%.80s\": " ML_NAME_RULE, node);
	if (!json_is_object(config))
		return ml_error_set(error, -EINVAL,
				    "node \"%s\": its configuration must be a JSON object", node);
	if (image.length > ML_BUNDLE_MAX_IMAGE || rules.length > ML_BUNDLE_MAX_RULES)
		return ml_error_set(error, -E2BIG,
				    "node \"%s\": an image of at most %u bytes and rules of at most %u fit into a bundle",
				    node, ML_BUNDLE_MAX_IMAGE, ML_BUNDLE_MAX_RULES);
	return 0;
}

int ml_leaf_format(const char *network, const char *node, const json_t *config,
		   struct ml_bytes image, struct ml_bytes rules,
		   uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	char *text = NULL;
	size_t length;
	json_t *leaf;
	int r;

	r = leaf_check_input(network, node, config, image, rules, error);
	if (r)
		return r;
	leaf = json_pack("{s:{s:o, s:o}, s:O, s:i, s:s, s:s}",
			 "blocks", "image", block_json(image), "rules", block_json(rules),
			 "config", config, "format", 1, "network", network, "node", node);
	if (leaf)
		text = ml_strict_dump(leaf, &length);
	json_decref(leaf);
	if (!text)
		return ml_error_set(error, -ENOMEM, "node \"%s\": no memory for its leaf", node);
	if (length > ML_BUNDLE_MAX_LEAF) {
		free(text);
		return ml_error_set(error, -E2BIG,
				    "node \"%s\": its configuration takes more than %u bytes",
				    node, ML_BUNDLE_MAX_LEAF);
	}
	*ret = (uint8_t *)text;
	*ret_length = length;
	return 0;
}

static int block_parse(const json_t *blocks, const char *key, uint64_t limit,
		       struct ml_leaf_block *ret, struct ml_error *error)
{
	static const char *const keys[] = { "bytes", "sha256" };
	int64_t bytes = 0;
	json_t *block;
	int r;

	r = ml_strict_object(blocks, "leaf: blocks", key, &block, error);
	if (!r)
		r = ml_strict_keys(block, "leaf: block", keys, 2, error);
	if (!r)
		r = ml_strict_number(block, "leaf: block", "bytes", 0, limit, &bytes, error);
	if (!r)
		r = ml_strict_hash(block, "leaf: block", "sha256", ret->sha256, error);
	ret->bytes = bytes;
	return r;
}

static int blocks_parse(const json_t *json, struct ml_leaf *ret, struct ml_error *error)
{
	static const char *const keys[] = { "image", "rules" };
	json_t *blocks;
	int r;

	r = ml_strict_object(json, "leaf", "blocks", &blocks, error);
	if (!r)
		r = ml_strict_keys(blocks, "leaf: blocks", keys, 2, error);
	if (!r)
		r = block_parse(blocks, "image", ML_BUNDLE_MAX_IMAGE, &ret->image, error);
	if (!r)
		r = block_parse(blocks, "rules", ML_BUNDLE_MAX_RULES, &ret->rules, error);
	return r;
}

static int leaf_parse_json(const json_t *json, struct ml_leaf *ret, struct ml_error *error)
{
	static const char *const keys[] = { "blocks", "config", "format", "network", "node" };
	int64_t format;
	json_t *config;
	int r;

	/* The format first: a later one may well have other keys. */
	r = ml_strict_number(json, "leaf", "format", 1, 1, &format, error);
	if (!r)
		r = ml_strict_keys(json, "leaf", keys, 5, error);
	if (!r)
		r = ml_strict_object(json, "leaf", "config", &config, error);
	if (!r)
		r = ml_strict_name(json, "leaf", "network", ret->network, error);
	if (!r)
		r = ml_strict_name(json, "leaf", "node", ret->node, error);
	if (!r)
		r = blocks_parse(json, ret, error);
	return r;
}

int ml_leaf_parse(struct ml_bytes text, struct ml_leaf *ret, struct ml_error *error)
{
	struct ml_leaf leaf = { 0 };
	json_t *json;
	int r;

	r = ml_strict_load(text.data, text.length, "leaf", &json, error);
	if (r)
		return r;
	r = leaf_parse_json(json, &leaf, error);
	json_decref(json);
	if (!r)
		*ret = leaf;
	return r;
}

int ml_leaf_check_block(const struct ml_leaf_block *leaf, struct ml_bytes block,
			const char *what, struct ml_error *error)
{
	uint8_t digest[crypto_hash_sha256_BYTES];

	if (block.length == leaf->bytes) {
		ml_sha256(digest, block.data, block.length);
		if (!sodium_memcmp(digest, leaf->sha256, sizeof(digest)))
			return 0;
	}
	return ml_error_set(error, -EBADMSG,
			    "bundle: its %s is not the one that was signed: altered or damaged, fetch it again",
			    what);
}

static int leaves_check_one(const char *network, const struct ml_leaf_input *leaf,
			    const struct ml_leaf_input *before, struct ml_error *error)
{
	struct ml_leaf parsed;
	int r;

	if (before && strcmp(before->node, leaf->node) >= 0)
		return ml_error_set(error, -EINVAL,
				    "leaves are not in the order of their nodes: \"%.64s\" comes before \"%.64s\"",
				    before->node, leaf->node);
	r = ml_leaf_parse(leaf->leaf, &parsed, error);
	if (r)
		return r;
	if (strcmp(parsed.node, leaf->node) != 0 || strcmp(parsed.network, network) != 0)
		return ml_error_set(error, -EINVAL,
				    "the leaf of node \"%.64s\" is for node \"%s\" of network \"%s\"",
				    leaf->node, parsed.node, parsed.network);
	return 0;
}

int ml_leaves_root(const char *network, const struct ml_leaf_input *leaves, size_t count,
		   struct ml_merkle_hash *ret, struct ml_error *error)
{
	struct ml_merkle merkle = { 0 };
	struct ml_merkle_hash hash;
	size_t i;
	int r;

	if (!count)
		return ml_error_set(error, -EINVAL, "a generation needs at least one node");
	for (i = 0; i < count; i++) {
		r = leaves_check_one(network, &leaves[i], i ? &leaves[i - 1] : NULL, error);
		if (r)
			return r;
		ml_merkle_leaf(leaves[i].leaf.data, leaves[i].leaf.length, &hash);
		ml_merkle_add(&merkle, &hash);
	}
	ml_merkle_root(&merkle, ret);
	return 0;
}

int ml_leaf_tree(const struct ml_leaf_input *leaves, size_t count,
		 struct ml_merkle_tree **ret, struct ml_error *error)
{
	struct ml_merkle_hash *hashes = calloc(count ? count : 1, sizeof(*hashes));
	size_t i;
	int r;

	if (!hashes)
		return ml_error_set(error, -ENOMEM, "no memory for a tree of %zu leaves", count);
	for (i = 0; i < count; i++)
		ml_merkle_leaf(leaves[i].leaf.data, leaves[i].leaf.length, &hashes[i]);
	r = ml_merkle_tree_build(hashes, count, ret, error);
	free(hashes);
	return r;
}
