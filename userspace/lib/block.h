/* SPDX-License-Identifier: MIT */
/*
 * Blocks by their digest: what is the same is held once, for as long as somebody
 * holds it.
 */
#ifndef ML_BLOCK_H
#define ML_BLOCK_H

#include <stddef.h>
#include <stdint.h>

struct ml_block {
	uint8_t sha256[32];
	size_t length, held;		/* held: how often */
	struct ml_block *next;		/* of the same slot */
	uint8_t data[];
};

struct ml_blocks;

struct ml_blocks *ml_blocks_new(void);	/* NULL: no memory */
/* Nobody may hold one any more. */
void ml_blocks_free(struct ml_blocks *blocks);

/* A copy of @data, or the one that is there already. NULL: no memory. */
struct ml_block *ml_blocks_put(struct ml_blocks *blocks, const void *data, size_t length);
/* NULL: nobody holds one. */
struct ml_block *ml_blocks_find(const struct ml_blocks *blocks, const uint8_t digest[static 32]);
struct ml_block *ml_block_hold(struct ml_block *block);
/* @block may be NULL. */
void ml_blocks_drop(struct ml_blocks *blocks, struct ml_block *block);

size_t ml_blocks_count(const struct ml_blocks *blocks);
size_t ml_blocks_bytes(const struct ml_blocks *blocks);

#endif
