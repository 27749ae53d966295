// SPDX-License-Identifier: MIT
/* Generations, and the blocks that their trees refer to. */
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"
#include "store_private.h"

/* ------------------------------------------------------------------ publish */

struct publish {
	const struct store_generation *generation;
	const struct store_kept *kept;
	const struct store_block *blocks;
	size_t count;
	struct ml_bytes leaf;
};

static int check_order(struct store *store, const struct store_generation *generation,
		       struct ml_error *error)
{
	struct store_row row = { 0 };
	uint64_t epoch, serial;
	int r;

	r = store_one(store, STATEMENT_GENERATION_LAST, NULL, &row, error);
	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	epoch = row.cells[0].number;
	serial = row.cells[1].number;
	store_free(row.memory);
	if (generation->epoch > epoch ||
	    (generation->epoch == epoch && generation->serial > serial))
		return 0;
	return ml_error_set(error, -ESTALE,
			    "generation %" PRIu64 ".%" PRIu64 " is not above %" PRIu64 ".%" PRIu64 ", which is here already",
			    generation->epoch, generation->serial, epoch, serial);
}

static int block_add(struct store *store, const struct store_block *block,
		     struct ml_error *error)
{
	int64_t length;
	int r;

	if (block->content.data)
		return store_do(store, STATEMENT_BLOCK_ADD,
				CELLS(cell_blob(block->digest, 32), cell_bytes(block->content)),
				NULL, error);
	r = store_number(store, STATEMENT_BLOCK_HAS, CELLS(cell_blob(block->digest, 32)),
			 &length, error);
	if (r == -ENOENT)
		return ml_error_set(error, -ENOENT,
				    "the generation refers to a block that was neither sent nor is here: send it with the generation");
	return r;
}

static int blocks_add(struct store *store, const struct publish *publish,
		      struct ml_error *error)
{
	struct store_cell root = cell_blob(publish->generation->root, 32);
	size_t i;
	int r = 0;

	for (i = 0; !r && i < publish->count; i++) {
		r = block_add(store, &publish->blocks[i], error);
		if (!r)
			r = store_do(store, STATEMENT_TREE_BLOCK_ADD,
				     CELLS(root, cell_blob(publish->blocks[i].digest, 32)),
				     NULL, error);
	}
	return r;
}

/* What refers to the blocks of @kept refers to them from now on for this tree, too. */
static int kept_add(struct store *store, const struct publish *publish, struct ml_error *error)
{
	struct store_cell root = cell_blob(publish->generation->root, 32);
	const struct store_kept *kept = publish->kept;
	struct store_row row = { 0 };
	int r;

	r = store_one(store, STATEMENT_TREE_HAS, CELLS(cell_blob(kept->root, 32)), &row, error);
	store_free(row.memory);
	if (r == -ENOENT)
		return ml_error_set(error, r, "the generation that this one follows is not here: send all of its blocks");
	if (!r)
		r = store_do(store, STATEMENT_TREE_BLOCKS_COPY,
			     CELLS(root, cell_blob(kept->root, 32)), NULL, error);
	for (size_t i = 0; !r && i < kept->gone_count; i++)
		r = store_do(store, STATEMENT_TREE_BLOCK_DROP,
			     CELLS(root, cell_blob(kept->gone[i], 32)), NULL, error);
	return r;
}

static int publish(struct store *store, void *arg, struct ml_error *error)
{
	const struct publish *publish = arg;
	const struct store_generation *generation = publish->generation;
	uint64_t rows = 0;
	int r;

	r = check_order(store, generation, error);
	if (!r)
		r = store_do(store, STATEMENT_TREE_ADD,
			     CELLS(cell_blob(generation->root, 32),
				   cell_bytes(generation->tree)), &rows, error);
	if (!r && rows && publish->kept)
		r = kept_add(store, publish, error);
	if (!r && rows)
		r = blocks_add(store, publish, error);
	if (!r)
		r = store_do(store, STATEMENT_GENERATION_ADD,
			     CELLS(cell_int(generation->epoch), cell_int(generation->serial),
				   cell_bytes(generation->envelope),
				   cell_blob(generation->root, 32),
				   cell_int(generation->added)), NULL, error);
	if (!r)
		r = store_leaf_add(store, publish->leaf, NULL, error);
	return r;
}

static int check_blocks(const struct store_block *blocks, size_t count,
			struct ml_error *error)
{
	uint8_t digest[32];
	size_t i;

	for (i = 0; i < count; i++) {
		if (!blocks[i].content.data)
			continue;
		ml_sha256(digest, blocks[i].content.data, blocks[i].content.length);
		if (memcmp(digest, blocks[i].digest, 32) != 0)
			return ml_error_set(error, -EBADMSG,
					    "block %zu of the generation is not what its digest says: altered, send it again",
					    i);
	}
	return 0;
}

int store_generation_publish(struct store *store, const struct store_generation *generation,
			     const struct store_kept *kept, const struct store_block *blocks,
			     size_t count, struct ml_bytes leaf, struct ml_error *error)
{
	struct publish arg = { generation, kept, blocks, count, leaf };
	int r;

	if (generation->epoch > INT64_MAX || !generation->serial ||
	    generation->serial > INT64_MAX)
		return ml_error_set(error, -EINVAL,
				    "a generation has an epoch below 2^63, and a serial from 1 on");
	r = store_leaf_check(leaf, error);
	if (!r)
		r = check_blocks(blocks, count, error);
	return r ? r : store_transact(store, STORE_WRITE, publish, &arg, error);
}

/* ------------------------------------------------------------------ reading */

static int generation_get(struct store *store, enum store_statement_id id,
			  const struct store_cell *cells, struct store_generation *ret,
			  struct ml_error *error)
{
	struct store_generation generation;
	struct store_row row = { 0 };
	int r;

	r = store_lookup(store, id, cells, &row, error);
	if (r == -ENOENT)
		return ml_error_set(error, -ENOENT, "there is no such generation here");
	if (r)
		return r;
	generation = (struct store_generation){
		.epoch = row.cells[0].number,
		.serial = row.cells[1].number,
		.envelope = row.cells[2].bytes,
		.added = row.cells[4].number,
		.tree = row.cells[5].bytes,
		.memory = row.memory,
	};
	r = store_cell_key(&row.cells[3], generation.root, error);
	if (r)
		store_free(row.memory);
	else
		*ret = generation;
	return r;
}

int store_generation_last(struct store *store, struct store_generation *ret,
			  struct ml_error *error)
{
	return generation_get(store, STATEMENT_GENERATION_LAST, NULL, ret, error);
}

int store_generation_get(struct store *store, uint64_t epoch, uint64_t serial,
			 struct store_generation *ret, struct ml_error *error)
{
	return generation_get(store, STATEMENT_GENERATION_GET,
			      CELLS(cell_int(epoch), cell_int(serial)), ret, error);
}

struct block {
	const uint8_t *digest;
	uint8_t *content;
	size_t length;
};

static int block_row(void *arg, const struct store_cell *cells)
{
	struct ml_bytes content = cells[0].bytes;
	struct block *block = arg;
	uint8_t digest[32];

	ml_sha256(digest, content.data, content.length);
	if (memcmp(digest, block->digest, 32) != 0)
		return -EUCLEAN;
	block->content = malloc(content.length + 1);
	if (!block->content)
		return -ENOMEM;
	if (content.length)
		memcpy(block->content, content.data, content.length);
	block->content[content.length] = 0;
	block->length = content.length;
	return 0;
}

int store_block_get(struct store *store, const uint8_t digest[static 32], uint8_t **ret,
		    size_t *ret_length, struct ml_error *error)
{
	struct block block = { .digest = digest };
	int r;

	r = store_each(store, STATEMENT_BLOCK_GET, CELLS(cell_blob(digest, 32)), block_row,
		       &block, error);
	if (r == -EUCLEAN)
		ml_error_set(error, r,
			     "store: a block is not what its digest says: the database was changed by something else; restore a backup");
	if (r == -ENOMEM)
		store_no_memory(error);
	if (!r && !block.content)
		r = ml_error_set(error, -ENOENT, "there is no such block here");
	if (r) {
		free(block.content);
		return r;
	}
	*ret = block.content;
	*ret_length = block.length;
	return 0;
}

/* ------------------------------------------------------------------ collect */

struct collect {
	int64_t before;
	uint64_t blocks;
};

static int collect(struct store *store, void *arg, struct ml_error *error)
{
	struct collect *collect = arg;
	struct store_row row = { 0 };
	uint64_t generations;
	int r;

	r = store_one(store, STATEMENT_GENERATION_LAST, NULL, &row, error);
	if (r)
		return r == -ENOENT ? 0 : r;
	r = store_do(store, STATEMENT_COLLECT_GENERATIONS,
		     CELLS(cell_int(collect->before), row.cells[0], row.cells[1]), &generations, error);
	store_free(row.memory);
	if (r || !generations)
		return r;
	r = store_do(store, STATEMENT_COLLECT_TREE_BLOCKS, NULL, NULL, error);
	if (!r)
		r = store_do(store, STATEMENT_COLLECT_TREES, NULL, NULL, error);
	if (!r)
		r = store_do(store, STATEMENT_COLLECT_BLOCKS, NULL, &collect->blocks, error);
	return r;
}

int store_generation_collect(struct store *store, int64_t before, uint64_t *ret_blocks,
			     struct ml_error *error)
{
	struct collect arg = { .before = before };
	int r;

	r = store_transact(store, STORE_WRITE, collect, &arg, error);
	if (!r)
		*ret_blocks = arg.blocks;
	return r;
}
