/* SPDX-License-Identifier: MIT */
/* Leaves, for the files that make and check bundles. */
#ifndef ML_LEAF_H
#define ML_LEAF_H

#include "bundle.h"
#include "merkle.h"

struct ml_leaf_block {
	uint64_t bytes;
	uint8_t sha256[32];
};

/* A leaf without its config, which is its reader's business. */
struct ml_leaf {
	char network[ML_NAME_MAX + 1];
	char node[ML_NAME_MAX + 1];
	struct ml_leaf_block image, rules;
};

/* -EBADMSG; for bytes that a signature covers or that are about to be signed. */
int ml_leaf_parse(struct ml_bytes text, struct ml_leaf *ret, struct ml_error *error);
/* Is @block what @leaf says? @what names it. -EBADMSG */
int ml_leaf_check_block(const struct ml_leaf_block *leaf, struct ml_bytes block,
			const char *what, struct ml_error *error);

/* Root of the tree; every leaf must be of @network, in order. -EINVAL, -EBADMSG */
int ml_leaves_root(const char *network, const struct ml_leaf_input *leaves, size_t count,
		   struct ml_merkle_hash *ret, struct ml_error *error);

#endif
