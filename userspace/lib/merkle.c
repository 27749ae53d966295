// SPDX-License-Identifier: MIT
#include "merkle.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "sha256.h"

void ml_merkle_join(const struct ml_merkle_hash *left, const struct ml_merkle_hash *right,
		    struct ml_merkle_hash *ret)
{
	uint8_t input[1 + 2 * ML_MERKLE_HASH];

	input[0] = 1;
	memcpy(input + 1, left->bytes, ML_MERKLE_HASH);
	memcpy(input + 1 + ML_MERKLE_HASH, right->bytes, ML_MERKLE_HASH);
	ml_sha256(ret->bytes, input, sizeof(input));
}

void ml_merkle_leaf(const void *leaf, size_t length, struct ml_merkle_hash *ret)
{
	static const uint8_t prefix = 0;
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, &prefix, 1);
	crypto_hash_sha256_update(&state, leaf, length);
	crypto_hash_sha256_final(&state, ret->bytes);
}

/* As a binary counter: each carry joins two subtrees of one size. */
void ml_merkle_add(struct ml_merkle *merkle, const struct ml_merkle_hash *leaf)
{
	struct ml_merkle_hash carry = *leaf;
	unsigned int level;

	for (level = 0; merkle->count >> level & 1; level++)
		ml_merkle_join(&merkle->peaks[level], &carry, &carry);
	merkle->peaks[level] = carry;
	merkle->count++;
}

void ml_merkle_root(const struct ml_merkle *merkle, struct ml_merkle_hash *ret)
{
	struct ml_merkle_hash root;
	unsigned int level;

	if (!merkle->count) {
		ml_sha256(ret->bytes, NULL, 0);
		return;
	}
	level = __builtin_ctzll(merkle->count);
	root = merkle->peaks[level];
	while (++level < 64)
		if (merkle->count >> level & 1)
			ml_merkle_join(&merkle->peaks[level], &root, &root);
	*ret = root;
}

/*
 * Level by level, each half as long as the one below and behind it in one
 * array. A last node without a sibling goes up as it is, which gives the same
 * tree as RFC 6962's split at the largest power of two.
 */
struct ml_merkle_tree {
	uint64_t count;
	struct ml_merkle_hash nodes[];
};

static uint64_t level_up(uint64_t width)
{
	return width / 2 + width % 2;
}

static void level_fill(const struct ml_merkle_hash *below, uint64_t width,
		       struct ml_merkle_hash *above)
{
	uint64_t i;

	for (i = 0; i < width / 2; i++)
		ml_merkle_join(&below[2 * i], &below[2 * i + 1], &above[i]);
	if (width % 2)
		above[i] = below[width - 1];
}

int ml_merkle_tree_build(const struct ml_merkle_hash *leaves, uint64_t count,
			 struct ml_merkle_tree **ret, struct ml_error *error)
{
	struct ml_merkle_tree *tree = NULL;
	struct ml_merkle_hash *level;
	uint64_t width;

	if (!count)
		return ml_error_set(error, -EINVAL, "a tree needs at least one leaf");
	/* All levels together: twice the leaves, and one more for each odd level. */
	if (count <= SIZE_MAX / (3 * ML_MERKLE_HASH) - 64)
		tree = malloc(sizeof(*tree) + (2 * count + 64) * sizeof(*leaves));
	if (!tree)
		return ml_error_set(error, -ENOMEM, "no memory for a tree of %llu leaves",
				    (unsigned long long)count);
	tree->count = count;
	level = tree->nodes;
	memcpy(level, leaves, count * sizeof(*leaves));
	for (width = count; width > 1; width = level_up(width)) {
		level_fill(level, width, level + width);
		level += width;
	}
	*ret = tree;
	return 0;
}

void ml_merkle_tree_free(struct ml_merkle_tree *tree)
{
	free(tree);
}

uint64_t ml_merkle_tree_count(const struct ml_merkle_tree *tree)
{
	return tree->count;
}

void ml_merkle_tree_root(const struct ml_merkle_tree *tree, struct ml_merkle_hash *ret)
{
	const struct ml_merkle_hash *level = tree->nodes;
	uint64_t width;

	for (width = tree->count; width > 1; width = level_up(width))
		level += width;
	*ret = *level;
}

size_t ml_merkle_tree_prove(const struct ml_merkle_tree *tree, uint64_t index,
			    struct ml_merkle_hash ret[static ML_MERKLE_DEPTH])
{
	const struct ml_merkle_hash *level = tree->nodes;
	uint64_t width;
	size_t length = 0;

	for (width = tree->count; width > 1; width = level_up(width)) {
		if ((index ^ 1) < width)
			ret[length++] = level[index ^ 1];
		level += width;
		index /= 2;
	}
	return length;
}

/* RFC 9162, 2.1.3.2. False: more hashes than the tree has levels. */
static bool merkle_climb(struct ml_merkle_hash *hash, uint64_t index, uint64_t last,
			 const struct ml_merkle_hash *proof, size_t proof_length)
{
	size_t i;

	for (i = 0; i < proof_length; i++) {
		if (!last)
			return false;
		if (index % 2 || index == last) {
			ml_merkle_join(&proof[i], hash, hash);
			while (index && !(index % 2)) {
				index /= 2;
				last /= 2;
			}
		} else {
			ml_merkle_join(hash, &proof[i], hash);
		}
		index /= 2;
		last /= 2;
	}
	return !last;
}

int ml_merkle_verify(const struct ml_merkle_hash *leaf, uint64_t index, uint64_t size,
		     const struct ml_merkle_hash *proof, size_t proof_length,
		     const struct ml_merkle_hash *root, struct ml_error *error)
{
	struct ml_merkle_hash hash = *leaf;

	if (index >= size)
		return ml_error_set(error, -EBADMSG,
				    "inclusion proof: leaf %llu of a tree that has %llu",
				    (unsigned long long)index, (unsigned long long)size);
	if (!merkle_climb(&hash, index, size - 1, proof, proof_length))
		return ml_error_set(error, -EBADMSG,
				    "inclusion proof: %zu hashes do not lead from leaf %llu to the root of %llu leaves",
				    proof_length, (unsigned long long)index,
				    (unsigned long long)size);
	if (sodium_memcmp(hash.bytes, root->bytes, ML_MERKLE_HASH))
		return ml_error_set(error, -EBADMSG,
				    "inclusion proof: does not lead to the root that was signed");
	return 0;
}
