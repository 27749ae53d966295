// SPDX-License-Identifier: MIT
#include "block.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "sha256.h"

struct ml_blocks {
	struct ml_block **slots;
	size_t slot_count;		/* a power of two */
	size_t count, bytes;
};

/* A digest is as good as random: its first bytes are a hash. */
static struct ml_block **slot_of(const struct ml_blocks *blocks, const uint8_t digest[static 32])
{
	uint64_t head;

	memcpy(&head, digest, sizeof(head));
	return &blocks->slots[head & (blocks->slot_count - 1)];
}

struct ml_blocks *ml_blocks_new(void)
{
	struct ml_blocks *blocks = calloc(1, sizeof(*blocks));

	if (!blocks)
		return NULL;
	blocks->slot_count = 1024;
	blocks->slots = calloc(blocks->slot_count, sizeof(*blocks->slots));
	if (!blocks->slots) {
		free(blocks);
		return NULL;
	}
	return blocks;
}

void ml_blocks_free(struct ml_blocks *blocks)
{
	if (!blocks)
		return;
	free(blocks->slots);
	free(blocks);
}

/* Where there is no memory for more slots, chains get longer. */
static void blocks_grow(struct ml_blocks *blocks)
{
	struct ml_blocks grown = { .slot_count = 4 * blocks->slot_count };

	grown.slots = calloc(grown.slot_count, sizeof(*grown.slots));
	if (!grown.slots)
		return;
	for (size_t i = 0; i < blocks->slot_count; i++) {
		struct ml_block *block, *next;

		for (block = blocks->slots[i]; block; block = next) {
			struct ml_block **slot = slot_of(&grown, block->sha256);

			next = block->next;
			block->next = *slot;
			*slot = block;
		}
	}
	free(blocks->slots);
	blocks->slots = grown.slots;
	blocks->slot_count = grown.slot_count;
}

static struct ml_block *block_new(struct ml_blocks *blocks, const uint8_t digest[static 32],
				  const void *data, size_t length)
{
	struct ml_block *block = malloc(sizeof(*block) + length);
	struct ml_block **slot;

	if (!block)
		return NULL;
	if (blocks->count >= blocks->slot_count)
		blocks_grow(blocks);
	slot = slot_of(blocks, digest);
	*block = (struct ml_block){ .length = length, .held = 1, .next = *slot };
	memcpy(block->sha256, digest, sizeof(block->sha256));
	if (length)
		memcpy(block->data, data, length);
	*slot = block;
	blocks->count++;
	blocks->bytes += length;
	return block;
}

struct ml_block *ml_blocks_find(const struct ml_blocks *blocks, const uint8_t digest[static 32])
{
	struct ml_block *block = *slot_of(blocks, digest);

	while (block && memcmp(block->sha256, digest, sizeof(block->sha256)) != 0)
		block = block->next;
	return block;
}

struct ml_block *ml_blocks_put(struct ml_blocks *blocks, const void *data, size_t length)
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	struct ml_block *block;

	ml_sha256(digest, data, length);
	block = ml_blocks_find(blocks, digest);
	return block ? ml_block_hold(block) : block_new(blocks, digest, data, length);
}

struct ml_block *ml_block_hold(struct ml_block *block)
{
	block->held++;
	return block;
}

void ml_blocks_drop(struct ml_blocks *blocks, struct ml_block *block)
{
	struct ml_block **link;

	if (!block || --block->held)
		return;
	link = slot_of(blocks, block->sha256);
	while (*link != block)
		link = &(*link)->next;
	*link = block->next;
	blocks->count--;
	blocks->bytes -= block->length;
	free(block);
}

size_t ml_blocks_count(const struct ml_blocks *blocks)
{
	return blocks->count;
}

size_t ml_blocks_bytes(const struct ml_blocks *blocks)
{
	return blocks->bytes;
}
