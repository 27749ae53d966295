/* SPDX-License-Identifier: MIT */
/*
 * RFC 6962 Merkle trees over SHA-256: a leaf is hashed behind a byte 0, two
 * children behind a byte 1, so that neither can be taken for the other.
 */
#ifndef ML_MERKLE_H
#define ML_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define ML_MERKLE_HASH	32
#define ML_MERKLE_DEPTH	63	/* hashes in a proof, at most: indices are int64 in JSON */

struct ml_merkle_hash {
	uint8_t bytes[ML_MERKLE_HASH];
};

void ml_merkle_leaf(const void *leaf, size_t length, struct ml_merkle_hash *ret);

/* A root as leaf hashes come by: constant memory. Start from all zero. */
struct ml_merkle {
	uint64_t count;
	struct ml_merkle_hash peaks[64];	/* of the perfect subtrees in @count's bits */
};

void ml_merkle_add(struct ml_merkle *merkle, const struct ml_merkle_hash *leaf);
void ml_merkle_root(const struct ml_merkle *merkle, struct ml_merkle_hash *ret);

/* A whole tree, for many proofs: about 64 bytes a leaf, a proof in O(log n). */
struct ml_merkle_tree;

/**
 * ml_merkle_tree_build - from the leaves' hashes, which are copied
 * @count: at least 1
 * Return: 0, -EINVAL, -ENOMEM.
 */
int ml_merkle_tree_build(const struct ml_merkle_hash *leaves, uint64_t count,
			 struct ml_merkle_tree **ret, struct ml_error *error);
void ml_merkle_tree_free(struct ml_merkle_tree *tree);
uint64_t ml_merkle_tree_count(const struct ml_merkle_tree *tree);
void ml_merkle_tree_root(const struct ml_merkle_tree *tree, struct ml_merkle_hash *ret);

/* The path of RFC 6962, 2.1.1, from the leaf up. Returns how many; @index must be in range. */
size_t ml_merkle_tree_prove(const struct ml_merkle_tree *tree, uint64_t index,
			    struct ml_merkle_hash ret[static ML_MERKLE_DEPTH]);

/**
 * ml_merkle_verify - is @leaf the leaf @index of the tree of @size leaves with @root?
 *
 * Return: 0; -EBADMSG: it is not, or the proof has too many or too few hashes.
 */
int ml_merkle_verify(const struct ml_merkle_hash *leaf, uint64_t index, uint64_t size,
		     const struct ml_merkle_hash *proof, size_t proof_length,
		     const struct ml_merkle_hash *root, struct ml_error *error);

#endif
