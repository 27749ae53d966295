// SPDX-License-Identifier: MIT
#include "distribution.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policy_text.h"
#include "statement.h"
#include "strict.h"

#define WHAT	"the store's tree"

struct distribution *distribution_new(size_t room)
{
	struct distribution *distribution = calloc(1, sizeof(*distribution));

	if (!distribution)
		return NULL;
	distribution->references = 1;
	distribution->nodes = calloc(room ? room : 1, sizeof(*distribution->nodes));
	if (distribution->nodes)
		return distribution;
	free(distribution);
	return NULL;
}

void distribution_free(struct distribution *distribution)
{
	if (!distribution)
		return;
	ml_merkle_tree_free(distribution->tree);
	free((void *)(uintptr_t)distribution->envelope.data);
	free(distribution->nodes);
	free(distribution);
}

/* ------------------------------------------------------------------- sealing */

static int statement_check(const struct ml_root *root, struct ml_bytes envelope,
			   struct ml_statement *ret, struct ml_error *error)
{
	size_t length;
	uint8_t *payload;
	int r = ml_root_check(root, ML_ROLE_SIGNING, ML_STATEMENT_TYPE, envelope, &payload,
			      &length, error);

	if (r)
		return r;
	r = ml_statement_parse(payload, length, ret, error);
	free(payload);
	if (!r && strcmp(ret->network, root->network) != 0)
		r = ml_error_set(error, -EXDEV, "the generation is of network \"%s\"", ret->network);
	return r ? r : ml_root_check_epoch(root, ret->epoch, error);
}

static int tree_build(struct distribution *distribution, struct ml_error *error)
{
	struct ml_merkle_hash *hashes = calloc(distribution->count, sizeof(*hashes));
	int r;

	if (!hashes)
		return ml_error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < distribution->count; i++)
		hashes[i] = distribution->nodes[i].hash;
	r = ml_merkle_tree_build(hashes, distribution->count, &distribution->tree, error);
	free(hashes);
	return r;
}

static int tree_check(const struct distribution *distribution, struct ml_error *error)
{
	struct ml_merkle_hash root = { { 0 } };

	if (distribution->tree)
		ml_merkle_tree_root(distribution->tree, &root);
	if (distribution->count == distribution->statement.tree_size && distribution->tree &&
	    !memcmp(root.bytes, distribution->statement.root, sizeof(root.bytes)))
		return 0;
	return ml_error_set(error, -EBADMSG, "the %zu leaves are not those of the statement's tree",
			    distribution->count);
}

int distribution_seal(struct distribution *distribution, const struct ml_root *root,
		      struct ml_bytes envelope, struct ml_error *error)
{
	uint8_t *copy;
	int r = statement_check(root, envelope, &distribution->statement, error);

	if (!r && distribution->count)
		r = tree_build(distribution, error);
	if (!r)
		r = tree_check(distribution, error);
	if (r)
		return r;
	copy = malloc(envelope.length + 1);
	if (!copy)
		return ml_error_set(error, -ENOMEM, "out of memory");
	memcpy(copy, envelope.data, envelope.length);
	distribution->envelope.data = copy;
	distribution->envelope.length = envelope.length;
	return 0;
}

/* -------------------------------------------------------------------- asking */

const struct distribution_node *distribution_find(const struct distribution *distribution,
						  const char *name, size_t *ret_index)
{
	size_t low = 0, high = distribution->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, distribution->nodes[middle].name);

		if (!order) {
			*ret_index = middle;
			return &distribution->nodes[middle];
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

char *distribution_proof(const struct distribution *distribution, size_t index,
			 size_t *ret_length)
{
	struct ml_merkle_hash path[ML_MERKLE_DEPTH];
	size_t count = ml_merkle_tree_prove(distribution->tree, index, path);
	json_t *hashes = json_array(), *json;
	char *text = NULL;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(hashes, ml_strict_hash_json(path[i].bytes));
	json = json_pack("{s:o, s:I}", "hashes", hashes, "index", (json_int_t)index);
	if (json && json_array_size(hashes) == count)
		text = ml_strict_dump(json, ret_length);
	json_decref(json);
	return text;
}

/* ------------------------------------------------------------------ the store */

static void hash_add(struct ml_text *text, const char *key, const uint8_t hash[static 32])
{
	char hex[65];

	sodium_bin2hex(hex, sizeof(hex), hash, 32);
	ml_text_add(text, key);
	ml_text_add_bytes(text, hex, 64);
}

/* By hand: of ten thousand nodes a tree of JSON values costs more than all the rest. */
char *distribution_tree_text(const struct distribution *distribution, size_t *ret_length)
{
	struct ml_text text = { .data = NULL };

	ml_text_add(&text, "{\"nodes\":[");
	for (size_t i = 0; i < distribution->count; i++) {
		const struct distribution_node *node = &distribution->nodes[i];

		hash_add(&text, i ? ",{\"hash\":\"" : "{\"hash\":\"", node->hash.bytes);
		hash_add(&text, "\",\"image\":\"", node->image);
		hash_add(&text, "\",\"leaf\":\"", node->leaf);
		ml_text_add(&text, "\",\"name\":");
		ml_text_json(&text, node->name);
		hash_add(&text, ",\"rules\":\"", node->rules);
		ml_text_add(&text, "\"}");
	}
	ml_text_add(&text, "]}");
	if (text.failed) {
		ml_text_clean(&text);
		return NULL;
	}
	*ret_length = text.length;
	return text.data;
}

static int node_load(const json_t *json, struct distribution_node *ret, struct ml_error *error)
{
	int r = ml_strict_name(json, WHAT, "name", ret->name, error);

	if (!r)
		r = ml_strict_hash(json, WHAT, "hash", ret->hash.bytes, error);
	if (!r)
		r = ml_strict_hash(json, WHAT, "image", ret->image, error);
	if (!r)
		r = ml_strict_hash(json, WHAT, "leaf", ret->leaf, error);
	return r ? r : ml_strict_hash(json, WHAT, "rules", ret->rules, error);
}

static int nodes_load(const json_t *json, struct distribution **ret, struct ml_error *error)
{
	struct distribution *distribution;
	json_t *nodes, *item;
	size_t i;
	int r = ml_strict_array(json, WHAT, "nodes", &nodes, error);

	if (r)
		return r;
	distribution = distribution_new(json_array_size(nodes));
	if (!distribution)
		return ml_error_set(error, -ENOMEM, "out of memory");
	json_array_foreach(nodes, i, item) {
		r = node_load(item, &distribution->nodes[i], error);
		if (r)
			break;
		distribution->count++;
	}
	if (r)
		distribution_free(distribution);
	else
		*ret = distribution;
	return r;
}

int distribution_load(const struct store_generation *stored, const struct ml_root *root,
		      struct distribution **ret, struct ml_error *error)
{
	struct distribution *distribution = NULL;
	json_t *json;
	int r = ml_strict_load(stored->tree.data, stored->tree.length, WHAT, &json, error);

	if (r)
		return r;
	r = nodes_load(json, &distribution, error);
	json_decref(json);
	if (r)
		return r;
	r = distribution_seal(distribution, root, stored->envelope, error);
	if (r)
		distribution_free(distribution);
	else
		*ret = distribution;
	return r;
}
