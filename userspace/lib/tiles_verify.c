// SPDX-License-Identifier: MIT
/*
 * Everything in a log's directory, against its root. First what the tree is made
 * of, from the entries up; then what else stands there.
 */
#include "tiles.h"

#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "file.h"

struct walk {
	struct ml_tiles *tiles;
	const char *directory;
	int (*entry)(void *arg, uint64_t index, struct ml_bytes bytes, struct ml_error *error);
	void *arg;
	struct ml_tile_builder builder;
	struct ml_tile_bundle bundle;
	struct ml_tiles_verdict verdict;
};

static int differs(const struct ml_tile *tile, const char *from, struct ml_error *error)
{
	char path[ML_TILE_PATH];

	return ml_error_set(error, -EBADMSG, "%s: is not what follows from %s: altered",
			    ml_tile_path(tile, path), from);
}

/* A tile that is whole, or the last of its level, against its file. */
static int compare_tile(void *arg, const struct ml_tile *tile,
			const struct ml_merkle_hash *hashes, struct ml_error *error)
{
	const struct ml_merkle_hash *found;
	struct walk *walk = arg;
	int r;

	r = ml_tiles_hashes(walk->tiles, tile->level, tile->index, &found, error);
	if (r)
		return r;
	if (memcmp(found, hashes, tile->width * sizeof(*hashes)) != 0)
		return differs(tile, "the tiles below", error);
	return 0;
}

/* ----------------------------------------------------------------- entries */

static int compare_entries(struct walk *walk, const struct ml_merkle_hash *hashes,
			   struct ml_error *error)
{
	struct ml_tile tile = { ML_TILE_ENTRIES, walk->bundle.index, walk->bundle.count };
	struct ml_merkle_hash hash;
	unsigned int i;
	int r = 0;

	for (i = 0; i < walk->bundle.count && !r; i++) {
		struct ml_bytes entry = walk->bundle.entries[i];

		ml_merkle_leaf(entry.data, entry.length, &hash);
		if (memcmp(hash.bytes, hashes[i].bytes, sizeof(hash.bytes)) != 0)
			return differs(&tile, "the hashes of its entries", error);
		if (walk->entry)
			r = walk->entry(walk->arg, tile.index * ML_TILE_WIDTH + i, entry, error);
	}
	return r;
}

/* Whether entries may be missing is the caller's to judge. */
static int take_bundle(struct walk *walk, uint64_t index, const struct ml_merkle_hash *hashes,
		       struct ml_error *error)
{
	int r;

	r = ml_tiles_bundle(walk->tiles, index, &walk->bundle, error);
	if (r == -ENOENT) {
		walk->verdict.first = index * ML_TILE_WIDTH +
				      ml_tile_width(ml_tiles_size(walk->tiles), 0, index);
		return 0;
	}
	return r ? r : compare_entries(walk, hashes, error);
}

static int take_leaves(struct walk *walk, uint64_t index, struct ml_error *error)
{
	unsigned int i, width = ml_tile_width(ml_tiles_size(walk->tiles), 0, index);
	const struct ml_merkle_hash *hashes;
	int r;

	r = ml_tiles_hashes(walk->tiles, 0, index, &hashes, error);
	if (!r)
		r = take_bundle(walk, index, hashes, error);
	for (i = 0; i < width && !r; i++)
		r = ml_tile_builder_add(&walk->builder, &hashes[i], compare_tile, walk, error);
	return r;
}

static int compare_root(struct walk *walk, const struct ml_merkle_hash *root,
			struct ml_error *error)
{
	struct ml_merkle_hash found;

	ml_tile_builder_root(&walk->builder, &found);
	if (!sodium_memcmp(found.bytes, root->bytes, sizeof(found.bytes)))
		return 0;
	return ml_error_set(error, -EBADMSG,
			    "%s: its entries do not give the root that was signed for %" PRIu64 " of them: altered, or of another log",
			    walk->directory, ml_tiles_size(walk->tiles));
}

static int take_tree(struct walk *walk, const struct ml_merkle_hash *root,
		     struct ml_error *error)
{
	uint64_t index, bundles = (ml_tiles_size(walk->tiles) + ML_TILE_WIDTH - 1) / ML_TILE_WIDTH;
	const struct ml_tile_row *row;
	int level, r = 0;

	for (index = 0; index < bundles && !r; index++)
		r = take_leaves(walk, index, error);
	for (level = 0; level < ML_TILE_LEVELS && !r; level++) {
		row = &walk->builder.rows[level];
		if (row->width)
			r = compare_tile(walk, &(struct ml_tile){ level, row->index, row->width },
					 row->hashes, error);
	}
	return r ? r : compare_root(walk, root, error);
}

/* ------------------------------------------------------------- other files */

static int compare_bytes(const struct ml_tile *tile, const char *path, const void *want,
			 size_t length, struct ml_error *error)
{
	size_t found_length;
	uint8_t *found;
	bool same;
	int r;

	r = ml_file_read(path, length, &found, &found_length, error);
	if (r == -E2BIG)
		return differs(tile, "the tree", error);
	/* The log goes on meanwhile: the whole tile took its place. */
	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	same = found_length == length && !memcmp(found, want, length);
	free(found);
	return same ? 0 : differs(tile, "the tree", error);
}

static int compare_bundle(struct walk *walk, const struct ml_tile *tile, const char *path,
			  struct ml_error *error)
{
	const struct ml_bytes *last;
	int r = 0;

	if (!walk->bundle.data || walk->bundle.index != tile->index)
		r = ml_tiles_bundle(walk->tiles, tile->index, &walk->bundle, error);
	if (r)
		return r == -ENOENT ? 0 : r;	/* it was counted as missing */
	last = &walk->bundle.entries[tile->width - 1];
	return compare_bytes(tile, path, walk->bundle.data,
			     (size_t)(last->data + last->length - walk->bundle.data), error);
}

/* What stood here as long as the tile was smaller. */
static int compare_older(struct walk *walk, const struct ml_tile *tile, const char *path,
			 struct ml_error *error)
{
	const struct ml_merkle_hash *hashes;
	int r;

	if (tile->level == ML_TILE_ENTRIES)
		return compare_bundle(walk, tile, path, error);
	r = ml_tiles_hashes(walk->tiles, tile->level, tile->index, &hashes, error);
	return r ? r : compare_bytes(tile, path, hashes, tile->width * sizeof(*hashes), error);
}

static bool is_temporary(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !fnmatch(".*.tmp", slash ? slash + 1 : path, FNM_PERIOD);
}

static int take_file(struct walk *walk, const char *path, struct ml_error *error)
{
	const char *name = path + strlen(walk->directory) + 1;
	struct ml_tile tile;
	unsigned int width;

	if (!strcmp(name, "checkpoint") || !strcmp(name, "cosigned") || is_temporary(name))
		return 0;
	if (!ml_tile_path_parse(name, &tile))
		return ml_error_set(error, -EBADMSG, "%s: no file of a log has that name: who put it there?",
				    path);
	width = ml_tile_width(ml_tiles_size(walk->tiles), tile.level, tile.index);
	if (tile.width > width) {
		walk->verdict.beyond++;
		return 0;
	}
	/* The others were compared on the way to the root. */
	return tile.width < width ? compare_older(walk, &tile, path, error) : 0;
}

static int take_node(struct walk *walk, const FTSENT *node, struct ml_error *error)
{
	switch (node->fts_info) {
	case FTS_D:
	case FTS_DP:
		return 0;
	case FTS_F:
		return take_file(walk, node->fts_path, error);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return ml_error_set(error, -node->fts_errno, "%s: cannot read: %s",
				    node->fts_path, strerror(node->fts_errno));
	default:
		return ml_error_set(error, -EBADMSG, "%s: neither a file nor a directory",
				    node->fts_path);
	}
}

static int take_files(struct walk *walk, struct ml_error *error)
{
	char *const paths[] = { (char *)walk->directory, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *node;
	int r = 0;

	if (!tree)
		return ml_error_set(error, -errno, "%s: cannot read: %s", walk->directory,
				    strerror(errno));
	while (!r && (errno = 0, node = fts_read(tree)))
		r = take_node(walk, node, error);
	if (!r && errno)
		r = ml_error_set(error, -errno, "%s: cannot read: %s", walk->directory,
				 strerror(errno));
	fts_close(tree);
	return r;
}

int ml_tiles_verify(struct ml_tiles *tiles, const struct ml_merkle_hash *root,
		    int (*entry)(void *arg, uint64_t index, struct ml_bytes bytes,
				 struct ml_error *error),
		    void *arg, struct ml_tiles_verdict *ret, struct ml_error *error)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	int r;

	if (!walk)
		return ml_error_set(error, -ENOMEM, "no memory to verify the log");
	walk->tiles = tiles;
	walk->directory = ml_tiles_directory(tiles);
	walk->entry = entry;
	walk->arg = arg;
	r = take_tree(walk, root, error);
	if (!r)
		r = take_files(walk, error);
	if (!r)
		*ret = walk->verdict;
	ml_tile_bundle_clean(&walk->bundle);
	free(walk);
	return r;
}
