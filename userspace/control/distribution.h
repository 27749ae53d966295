/* SPDX-License-Identifier: MIT */
/*
 * The newest generation, as it is handed out: who has which leaf, and the tree that
 * proves it. Counted references; never changed once it is made.
 */
#ifndef MERLON_CONTROL_DISTRIBUTION_H
#define MERLON_CONTROL_DISTRIBUTION_H

#include <jansson.h>

#include "bundle.h"
#include "error.h"
#include "merkle.h"
#include "root.h"
#include "store.h"

struct distribution_node {
	char name[ML_NAME_MAX + 1];
	uint8_t image[32], leaf[32], rules[32];	/* SHA-256 of blocks */
	struct ml_merkle_hash hash;		/* of the leaf, RFC 6962 */
	bool kept;				/* as it was in the generation before */
};

struct distribution {
	unsigned int references;		/* guarded by its holder's lock */
	struct ml_statement statement;
	struct ml_bytes envelope;		/* owned */
	struct distribution_node *nodes;	/* in canonical order */
	size_t count;
	struct ml_merkle_tree *tree;		/* NULL where there are no nodes */
};

struct distribution *distribution_new(size_t room);
void distribution_free(struct distribution *distribution);

/**
 * distribution_seal - the statement judged, the tree built and compared with it
 * @root: whose role `signing` must have signed, and whose epoch it must have
 * @envelope: copied
 *
 * -EBADMSG: the tree is not the statement's; -EKEYREJECTED; -EXDEV; -ESTALE, -ENOENT: ml_root_check_epoch()
 */
int distribution_seal(struct distribution *distribution, const struct ml_root *root,
		      struct ml_bytes envelope, struct ml_error *error);
/* NULL: not in this generation. */
const struct distribution_node *distribution_find(const struct distribution *distribution,
						  const char *name, size_t *ret_index);
/* {"hashes":["hex"…],"index":N}, canonical, as in a bundle. malloc()ed; NULL: no memory */
char *distribution_proof(const struct distribution *distribution, size_t index,
			 size_t *ret_length);

/* As the store keeps it: docs/formats.md, "The tree in the store". */
char *distribution_tree_text(const struct distribution *distribution, size_t *ret_length);
int distribution_load(const struct store_generation *stored, const struct ml_root *root,
		      struct distribution **ret, struct ml_error *error);

#endif
