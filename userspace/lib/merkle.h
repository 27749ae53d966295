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
/* A node of its two children; @ret may be one of them. */
void ml_merkle_join(const struct ml_merkle_hash *left, const struct ml_merkle_hash *right,
		    struct ml_merkle_hash *ret);

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

/*
 * A log's tree is too large to be held: it is asked for node by node.
 */
#define ML_MERKLE_SIZE	(UINT64_C(1) << 62)	/* at most: no proof has more than 63 hashes then */

struct ml_merkle_source {
	/*
	 * The root of the 2^@level leaves from leaf @index * 2^@level on, all of
	 * which are in the tree. Return: 0, or a negative errno and @error.
	 */
	int (*node)(void *arg, unsigned int level, uint64_t index,
		    struct ml_merkle_hash *ret, struct ml_error *error);
	void *arg;
};

/* merkle_prove.c: RFC 6962, 2.1. Each asks for O(log^2 n) nodes at most. */
/* The root of the first @size leaves. */
int ml_merkle_source_root(const struct ml_merkle_source *source, uint64_t size,
			  struct ml_merkle_hash *ret, struct ml_error *error);
/**
 * ml_merkle_source_prove - the path of leaf @index in the tree of @size leaves (2.1.1)
 * @ret: from the leaf up; undefined on failure
 *
 * Return: 0; -EINVAL: no such leaf; or what @source returned.
 */
int ml_merkle_source_prove(const struct ml_merkle_source *source, uint64_t index, uint64_t size,
			   struct ml_merkle_hash ret[static ML_MERKLE_DEPTH],
			   size_t *ret_length, struct ml_error *error);
/**
 * ml_merkle_source_extend - proof that the first @old leaves of @size are still the same (2.1.2)
 * @ret: undefined on failure; empty where @old is 0 or @size
 *
 * Return: 0; -EINVAL: @old is larger than @size; or what @source returned.
 */
int ml_merkle_source_extend(const struct ml_merkle_source *source, uint64_t old, uint64_t size,
			    struct ml_merkle_hash ret[static ML_MERKLE_DEPTH],
			    size_t *ret_length, struct ml_error *error);

/**
 * ml_merkle_verify_extends - does the tree of @size and @root begin with that of @old and @old_root?
 *
 * RFC 9162, 2.1.4.2. Every tree begins with the empty one, whose root is the
 * SHA-256 of nothing: that needs no proof, and takes none.
 * Return: 0; -EBADMSG: it does not, or the proof has too many or too few hashes.
 */
int ml_merkle_verify_extends(uint64_t old, const struct ml_merkle_hash *old_root,
			     uint64_t size, const struct ml_merkle_hash *root,
			     const struct ml_merkle_hash *proof, size_t proof_length,
			     struct ml_error *error);

#endif
