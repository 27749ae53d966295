/* SPDX-License-Identifier: MIT */
/*
 * A generation: from a policy to what all of its nodes are given. Blocks are held
 * by their digest, each once, and what did not change since the generation before
 * is not made again.
 */
#ifndef ML_GENERATE_H
#define ML_GENERATE_H

#include "block.h"
#include "bundle.h"
#include "merkle.h"
#include "policy.h"

/* What one node is given, but for the proof and the envelope. */
struct ml_parts {
	uint8_t *leaf, *image, *rules;	/* malloc()ed */
	size_t leaf_length, image_length, rules_length;
	size_t rule_count;
};

/**
 * ml_parts_make - for a node that knows all others
 * @policy_name: in the policy; NULL: of a policy without nodes
 * @node: in its leaf
 */
int ml_parts_make(const struct ml_policy *policy, const char *policy_name, const char *network,
		  const char *node, struct ml_parts *ret, struct ml_error *error);
/* The same for one that knows those it reaches. @index: in canonical order */
int ml_parts_make_of(const struct ml_policy *policy, const struct ml_policy_reach *reach,
		     size_t index, const char *network, struct ml_parts *ret,
		     struct ml_error *error);
void ml_parts_clean(struct ml_parts *parts);

struct ml_generation_node {
	char name[ML_NAME_MAX + 1];
	uint8_t inputs[32];		/* ml_policy_reach_digest() */
	struct ml_block *leaf, *image, *rules;
	struct ml_merkle_hash hash;	/* of the leaf */
	bool changed;			/* other than in the generation before */
};

struct ml_generation {
	struct ml_blocks *blocks;	/* that hold what the nodes share */
	struct ml_generation_node *nodes;	/* in canonical order */
	size_t count, changed;
	struct ml_merkle_tree *tree;	/* NULL where there are no nodes */
};

/**
 * ml_generation_build - all nodes of a policy
 * @before: of the same network, or NULL
 * @blocks: of @before, too; must stay as long as @ret
 *
 * Return: 0, -EINVAL, -E2BIG, -ENOMEM.
 */
int ml_generation_build(const struct ml_policy *policy, const char *network,
			const struct ml_generation *before, struct ml_blocks *blocks,
			struct ml_generation **ret, struct ml_error *error);
void ml_generation_free(struct ml_generation *generation);

/* The index of a node; SIZE_MAX: there is none. */
size_t ml_generation_find(const struct ml_generation *generation, const char *node);

/* A node's bundle file under @envelope, which was signed over the tree. */
int ml_generation_bundle(const struct ml_generation *generation, struct ml_bytes envelope,
			 size_t index, uint8_t **ret, size_t *ret_length,
			 struct ml_error *error);

#endif
