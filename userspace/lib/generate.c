// SPDX-License-Identifier: MIT
#include "generate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "rules.h"

/* ------------------------------------------------------------------ parts */

void ml_parts_clean(struct ml_parts *parts)
{
	free(parts->leaf);
	free(parts->image);
	free(parts->rules);
	memset(parts, 0, sizeof(*parts));
}

/* @ruleset and @config are given away. */
static int parts_fill(struct ml_parts *parts, struct ml_ruleset *ruleset, json_t *config,
		      const char *network, const char *node, struct ml_error *error)
{
	char *rules = NULL;
	int r;

	parts->rule_count = ruleset->rule_count;
	r = ml_image_compile(ruleset, &parts->image, &parts->image_length, error);
	if (!r)
		r = ml_rules_format(ruleset, &rules, &parts->rules_length, error);
	parts->rules = (uint8_t *)rules;
	if (!r)
		r = ml_leaf_format(network, node, config,
				   (struct ml_bytes){ parts->image, parts->image_length },
				   (struct ml_bytes){ parts->rules, parts->rules_length },
				   &parts->leaf, &parts->leaf_length, error);
	ml_ruleset_free(ruleset);
	json_decref(config);
	return r;
}

static int parts_give(struct ml_parts *parts, int r, struct ml_parts *ret)
{
	if (r)
		ml_parts_clean(parts);
	else
		*ret = *parts;
	return r;
}

int ml_parts_make(const struct ml_policy *policy, const char *policy_name, const char *network,
		  const char *node, struct ml_parts *ret, struct ml_error *error)
{
	struct ml_parts parts = { 0 };
	struct ml_ruleset ruleset;
	json_t *config;
	int r;

	r = ml_policy_node_json(policy, policy_name, &config, error);
	if (r)
		return r;
	r = ml_policy_ruleset(policy, policy_name, &ruleset, error);
	if (r) {
		json_decref(config);
		return r;
	}
	r = parts_fill(&parts, &ruleset, config, network, node, error);
	return parts_give(&parts, r, ret);
}

int ml_parts_make_of(const struct ml_policy *policy, const struct ml_policy_reach *reach,
		     size_t index, const char *network, struct ml_parts *ret,
		     struct ml_error *error)
{
	struct ml_parts parts = { 0 };
	struct ml_ruleset ruleset;
	json_t *config;
	int r;

	r = ml_policy_node_json_of(reach, index, &config, error);
	if (r)
		return r;
	r = ml_policy_ruleset_of(reach, index, &ruleset, error);
	if (r) {
		json_decref(config);
		return r;
	}
	r = parts_fill(&parts, &ruleset, config, network, ml_policy_node_name(policy, index),
		       error);
	return parts_give(&parts, r, ret);
}

/* ------------------------------------------------------------- generation */

/* One that is being made. */
struct making {
	const struct ml_policy *policy;
	const struct ml_policy_reach *reach;
	const char *network;
	const struct ml_generation *before;	/* or NULL */
	size_t at;				/* in @before: both have the same order */
	struct ml_generation *generation;
};

static const struct ml_generation_node *node_before(struct making *making, const char *name)
{
	const struct ml_generation *before = making->before;

	while (before && making->at < before->count &&
	       strcmp(before->nodes[making->at].name, name) < 0)
		making->at++;
	if (!before || making->at == before->count ||
	    strcmp(before->nodes[making->at].name, name) != 0)
		return NULL;
	return &before->nodes[making->at];
}

static void node_share(struct ml_generation_node *node, const struct ml_generation_node *before)
{
	*node = *before;
	ml_block_hold(node->leaf);
	ml_block_hold(node->image);
	ml_block_hold(node->rules);
	node->changed = false;
}

static int node_make(struct making *making, size_t index, struct ml_generation_node *node,
		     struct ml_error *error)
{
	struct ml_blocks *blocks = making->generation->blocks;
	struct ml_parts parts;
	int r;

	r = ml_parts_make_of(making->policy, making->reach, index, making->network, &parts, error);
	if (r)
		return r;
	node->leaf = ml_blocks_put(blocks, parts.leaf, parts.leaf_length);
	node->image = ml_blocks_put(blocks, parts.image, parts.image_length);
	node->rules = ml_blocks_put(blocks, parts.rules, parts.rules_length);
	ml_merkle_leaf(parts.leaf, parts.leaf_length, &node->hash);
	ml_parts_clean(&parts);
	if (!node->leaf || !node->image || !node->rules)
		return ml_error_set(error, -ENOMEM, "out of memory");
	return 0;
}

static int node_add(struct making *making, size_t index, struct ml_error *error)
{
	struct ml_generation_node *node = &making->generation->nodes[index];
	const struct ml_generation_node *before;
	int r;

	making->generation->count = index + 1;
	snprintf(node->name, sizeof(node->name), "%s", ml_policy_node_name(making->policy, index));
	ml_policy_reach_digest(making->reach, index, node->inputs);
	before = node_before(making, node->name);
	if (before && !memcmp(before->inputs, node->inputs, sizeof(node->inputs))) {
		node_share(node, before);
		return 0;
	}
	r = node_make(making, index, node, error);
	/* A leaf has the digests of image and rules: where it is the same, all is. */
	node->changed = !r && (!before || memcmp(&before->hash, &node->hash,
						 sizeof(node->hash)) != 0);
	making->generation->changed += node->changed;
	return r;
}

static int tree_make(struct ml_generation *generation, struct ml_error *error)
{
	struct ml_merkle_hash *hashes;
	int r;

	if (!generation->count)
		return 0;
	hashes = calloc(generation->count, sizeof(*hashes));
	if (!hashes)
		return ml_error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < generation->count; i++)
		hashes[i] = generation->nodes[i].hash;
	r = ml_merkle_tree_build(hashes, generation->count, &generation->tree, error);
	free(hashes);
	return r;
}

static int generation_fill(struct making *making, struct ml_error *error)
{
	struct ml_generation *generation = making->generation;
	size_t count = ml_policy_node_count(making->policy);
	int r = 0;

	generation->nodes = calloc(count + 1, sizeof(*generation->nodes));
	if (!generation->nodes)
		return ml_error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; !r && i < count; i++)
		r = node_add(making, i, error);
	return r ? r : tree_make(generation, error);
}

int ml_generation_build(const struct ml_policy *policy, const char *network,
			const struct ml_generation *before, struct ml_blocks *blocks,
			struct ml_generation **ret, struct ml_error *error)
{
	struct making making = { .policy = policy, .network = network, .before = before };
	struct ml_policy_reach *reach;
	int r;

	r = ml_policy_reach_build(policy, &reach, error);
	if (r)
		return r;
	making.reach = reach;
	making.generation = calloc(1, sizeof(*making.generation));
	if (making.generation) {
		making.generation->blocks = blocks;
		r = generation_fill(&making, error);
	} else {
		r = ml_error_set(error, -ENOMEM, "out of memory");
	}
	ml_policy_reach_free(reach);
	if (r)
		ml_generation_free(making.generation);
	else
		*ret = making.generation;
	return r;
}

void ml_generation_free(struct ml_generation *generation)
{
	if (!generation)
		return;
	for (size_t i = 0; generation->nodes && i < generation->count; i++) {
		ml_blocks_drop(generation->blocks, generation->nodes[i].leaf);
		ml_blocks_drop(generation->blocks, generation->nodes[i].image);
		ml_blocks_drop(generation->blocks, generation->nodes[i].rules);
	}
	ml_merkle_tree_free(generation->tree);
	free(generation->nodes);
	free(generation);
}

size_t ml_generation_find(const struct ml_generation *generation, const char *node)
{
	size_t low = 0, high = generation->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(generation->nodes[middle].name, node) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < generation->count && !strcmp(generation->nodes[low].name, node))
		return low;
	return SIZE_MAX;
}

static struct ml_bytes bytes_of(const struct ml_block *block)
{
	return (struct ml_bytes){ block->data, block->length };
}

int ml_generation_bundle(const struct ml_generation *generation, struct ml_bytes envelope,
			 size_t index, uint8_t **ret, size_t *ret_length,
			 struct ml_error *error)
{
	const struct ml_generation_node *node = &generation->nodes[index];
	const struct ml_leaf_input leaf = { node->name, bytes_of(node->leaf) };

	return ml_bundle_format_in(envelope, generation->tree, &leaf, index,
				   bytes_of(node->image), bytes_of(node->rules), ret, ret_length,
				   error);
}
