// SPDX-License-Identifier: MIT
/* Proofs of trees that are asked for node by node, and that one tree extends another. */
#include "merkle.h"
#include "sha256.h"

#include <errno.h>
#include <stdbool.h>

#include <sodium.h>

/* The largest power of two below @n, which is at least 2: where RFC 6962 splits. */
static uint64_t split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/*
 * The root of the leaves from @begin to @end, one of the ranges that come of
 * splitting: perfect subtrees, each smaller than the one to its left.
 */
static int range_root(const struct ml_merkle_source *source, uint64_t begin, uint64_t end,
		      struct ml_merkle_hash *ret, struct ml_error *error)
{
	uint64_t rest = end - begin;
	struct ml_merkle_hash root, left;
	bool first = true;
	unsigned int level;
	int r;

	for (; rest; rest &= rest - 1) {
		level = (unsigned int)__builtin_ctzll(rest);
		r = source->node(source->arg, level, (begin + (rest & (rest - 1))) >> level,
				 first ? &root : &left, error);
		if (r)
			return r;
		if (!first)
			ml_merkle_join(&left, &root, &root);
		first = false;
	}
	*ret = root;
	return 0;
}

int ml_merkle_source_root(const struct ml_merkle_source *source, uint64_t size,
			  struct ml_merkle_hash *ret, struct ml_error *error)
{
	if (size)
		return range_root(source, 0, size, ret, error);
	ml_sha256(ret->bytes, NULL, 0);
	return 0;
}

/* A walk from the root down, which collects the roots of what it leaves aside. */
struct descent {
	const struct ml_merkle_source *source;
	uint64_t begin, width;	/* of the subtree it is in */
	struct ml_merkle_hash *aside;
	size_t count;
};

static int descend(struct descent *descent, bool left, struct ml_error *error)
{
	uint64_t middle = descent->begin + split(descent->width);
	uint64_t end = descent->begin + descent->width;
	int r;

	r = range_root(descent->source, left ? middle : descent->begin, left ? end : middle,
		       &descent->aside[descent->count], error);
	if (r)
		return r;
	descent->count++;
	descent->width = left ? middle - descent->begin : end - middle;
	if (!left)
		descent->begin = middle;
	return 0;
}

/* Proofs go from the leaf up. */
static void descent_reverse(struct descent *descent)
{
	struct ml_merkle_hash swap;
	size_t i, last = descent->count - 1;

	for (i = 0; i < descent->count / 2; i++) {
		swap = descent->aside[i];
		descent->aside[i] = descent->aside[last - i];
		descent->aside[last - i] = swap;
	}
}

int ml_merkle_source_prove(const struct ml_merkle_source *source, uint64_t index, uint64_t size,
			   struct ml_merkle_hash ret[static ML_MERKLE_DEPTH],
			   size_t *ret_length, struct ml_error *error)
{
	struct descent descent = { .source = source, .width = size, .aside = ret };
	int r;

	if (index >= size || size > ML_MERKLE_SIZE)
		return ml_error_set(error, -EINVAL, "there is no leaf %llu in a tree of %llu",
				    (unsigned long long)index, (unsigned long long)size);
	while (descent.width > 1) {
		r = descend(&descent, index - descent.begin < split(descent.width), error);
		if (r)
			return r;
	}
	descent_reverse(&descent);
	*ret_length = descent.count;
	return 0;
}

int ml_merkle_source_extend(const struct ml_merkle_source *source, uint64_t old, uint64_t size,
			    struct ml_merkle_hash ret[static ML_MERKLE_DEPTH],
			    size_t *ret_length, struct ml_error *error)
{
	struct descent descent = { .source = source, .width = size, .aside = ret };
	int r = 0;

	if (old > size || size > ML_MERKLE_SIZE)
		return ml_error_set(error, -EINVAL, "a tree of %llu does not extend one of %llu",
				    (unsigned long long)size, (unsigned long long)old);
	while (!r && old && descent.begin + descent.width != old)
		r = descend(&descent, old - descent.begin <= split(descent.width), error);
	/* What is left is a subtree of both; only where it is all of the old is it known. */
	if (!r && descent.begin)
		r = range_root(source, descent.begin, old, &ret[descent.count++], error);
	if (r)
		return r;
	descent_reverse(&descent);
	*ret_length = descent.count;
	return 0;
}

/* Both roots, from one proof. */
struct climb {
	uint64_t old, last;	/* positions, at the height that was reached */
	struct ml_merkle_hash old_root, root;
};

static void climb_up(struct climb *climb)
{
	climb->old /= 2;
	climb->last /= 2;
}

static bool climb_step(struct climb *climb, const struct ml_merkle_hash *hash)
{
	if (!climb->last)
		return false;
	if (climb->old % 2 || climb->old == climb->last) {
		ml_merkle_join(hash, &climb->old_root, &climb->old_root);
		ml_merkle_join(hash, &climb->root, &climb->root);
		while (climb->old && !(climb->old % 2))
			climb_up(climb);
	} else {
		ml_merkle_join(&climb->root, hash, &climb->root);
	}
	climb_up(climb);
	return true;
}

/* False: the number of hashes is not that of a proof for these sizes. */
static bool climb_all(struct climb *climb, const struct ml_merkle_hash *old_root,
		      const struct ml_merkle_hash *proof, size_t length)
{
	bool perfect = !((climb->old + 1) & climb->old);
	size_t i = perfect ? 0 : 1;

	if (!length)
		return false;
	while (climb->old % 2)
		climb_up(climb);
	climb->old_root = climb->root = perfect ? *old_root : proof[0];
	for (; i < length; i++)
		if (!climb_step(climb, &proof[i]))
			return false;
	return !climb->last;
}

static bool same(const struct ml_merkle_hash *a, const struct ml_merkle_hash *b)
{
	return !sodium_memcmp(a->bytes, b->bytes, ML_MERKLE_HASH);
}

static bool is_empty_root(const struct ml_merkle_hash *root)
{
	struct ml_merkle_hash empty;

	ml_sha256(empty.bytes, NULL, 0);
	return same(root, &empty);
}

static int not_extended(uint64_t old, uint64_t size, const char *why, struct ml_error *error)
{
	return ml_error_set(error, -EBADMSG,
			    "consistency proof: the tree of %llu leaves is not shown to begin with the one of %llu: %s",
			    (unsigned long long)size, (unsigned long long)old, why);
}

int ml_merkle_verify_extends(uint64_t old, const struct ml_merkle_hash *old_root,
			     uint64_t size, const struct ml_merkle_hash *root,
			     const struct ml_merkle_hash *proof, size_t proof_length,
			     struct ml_error *error)
{
	struct climb climb = { .old = old - 1, .last = size - 1 };

	if (old > size)
		return not_extended(old, size, "it is smaller", error);
	if ((!old && !is_empty_root(old_root)) || (!size && !is_empty_root(root)))
		return not_extended(old, size, "an empty tree has another root", error);
	if (!old || old == size) {
		if (proof_length)
			return not_extended(old, size, "it takes no hashes", error);
		if (old == size && !same(old_root, root))
			return not_extended(old, size, "their roots differ", error);
		return 0;
	}
	if (!climb_all(&climb, old_root, proof, proof_length))
		return not_extended(old, size, "it has too many or too few hashes", error);
	if (!same(&climb.old_root, old_root) || !same(&climb.root, root))
		return not_extended(old, size, "its hashes do not lead to both roots", error);
	return 0;
}
