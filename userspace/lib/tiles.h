/* SPDX-License-Identifier: MIT */
/*
 * A log on disk, as c2sp.org/tlog-tiles lays it out for readers:
 *
 *	checkpoint		of what is below, checkpoint.h
 *	tile/L/N[.p/W]		hashes of 32 bytes: at level 0 those of the leaves, at
 *				level L those of whole tiles of level L - 1
 *	tile/entries/N[.p/W]	leaves, each behind its length (2 bytes, big-endian)
 *
 * A tile is 256 wide. N is written in groups of three digits, each but the last
 * behind an "x": 1234067 is x001/x234/067. The last tile of a level, where it is
 * not whole, is N.p/W with its W hashes; what once stood there under a smaller W
 * may stay until the whole tile is there. Nothing is ever changed, only added;
 * bundles of old entries may be deleted, from the first on; hashes stay.
 */
#ifndef ML_TILES_H
#define ML_TILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "error.h"
#include "merkle.h"

#define ML_TILE_WIDTH	256
#define ML_TILE_LEVELS	8		/* 256^8 leaves are more than ML_MERKLE_SIZE */
#define ML_TILE_ENTRIES	(-1)		/* in the place of a level */
#define ML_TILE_PATH	80		/* bytes of a path, with NUL */
#define ML_TILE_ENTRY	65535		/* bytes of an entry, at most */

struct ml_tile {
	int level;		/* 0 to ML_TILE_LEVELS - 1, or ML_TILE_ENTRIES */
	uint64_t index;
	unsigned int width;	/* 1 to ML_TILE_WIDTH: hashes or entries in it */
};

/* Below the log's directory: "tile/0/x001/x234/067.p/5". Returns @ret. */
const char *ml_tile_path(const struct ml_tile *tile, char ret[static ML_TILE_PATH]);
/* The one path of a tile and no other text; @ret is untouched where it is not. */
bool ml_tile_path_parse(const char *path, struct ml_tile *ret);
/* How wide tile @index of @level is in a tree of @size leaves; 0: it is not there. */
unsigned int ml_tile_width(uint64_t size, int level, uint64_t index);

/* ------------------------------------------------------------------ making */

/* The tiles of a tree that grows; zero is the empty one. 64 KiB. */
struct ml_tile_builder {
	uint64_t count;		/* leaves */
	struct ml_tile_row {
		uint64_t index;		/* of the tile that is being filled */
		unsigned int width;	/* so far, below ML_TILE_WIDTH */
		struct ml_merkle_hash hashes[ML_TILE_WIDTH];
	} rows[ML_TILE_LEVELS];
};

/* Takes a tile; what it returns, if not 0, ends what called it, with that. */
typedef int ml_tile_take(void *arg, const struct ml_tile *tile,
			 const struct ml_merkle_hash *hashes, struct ml_error *error);

/* Adds a leaf; @take gets each tile that becomes whole by it. */
int ml_tile_builder_add(struct ml_tile_builder *builder, const struct ml_merkle_hash *leaf,
			ml_tile_take *take, void *arg, struct ml_error *error);
/* The root of what is in it. */
void ml_tile_builder_root(const struct ml_tile_builder *builder, struct ml_merkle_hash *ret);
/* The root of @count hashes, at least 1. */
void ml_tile_root(const struct ml_merkle_hash *hashes, size_t count,
		  struct ml_merkle_hash *ret);

/* ----------------------------------------------------------------- reading */

struct ml_tiles;

/**
 * ml_tiles_open - the first @size leaves of the log in @directory
 *
 * Reads nothing yet. @size is the caller's to believe: from a checkpoint.
 */
int ml_tiles_open(const char *directory, uint64_t size, struct ml_tiles **ret,
		  struct ml_error *error);
void ml_tiles_close(struct ml_tiles *tiles);
uint64_t ml_tiles_size(const struct ml_tiles *tiles);
const char *ml_tiles_directory(const struct ml_tiles *tiles);

/* Its nodes, as its files have them: proofs made of them must be verified. */
const struct ml_merkle_source *ml_tiles_source(const struct ml_tiles *tiles);

/**
 * ml_tiles_hashes - a tile's hashes, as many as the tree has there
 * @ret: valid until the next call for this level
 *
 * Return: 0; -ENOENT: the file is missing; -EBADMSG: of another length; other
 * errnos of reading it.
 */
int ml_tiles_hashes(struct ml_tiles *tiles, int level, uint64_t index,
		    const struct ml_merkle_hash **ret, struct ml_error *error);

/* The entries of a bundle; point into @data. */
struct ml_tile_bundle {
	uint8_t *data;		/* NULL: none is held */
	uint64_t index;
	unsigned int count;
	struct ml_bytes entries[ML_TILE_WIDTH];
};

/**
 * ml_tiles_bundle - bundle @index, of which the tree has entries
 * @ret: ml_tile_bundle_clean() frees what it held, and what it holds then
 *
 * The entries are as the file has them: compare with their leaf hashes.
 * Return: 0; -ENOENT: pruned, or missing; -EBADMSG: malformed.
 */
int ml_tiles_bundle(struct ml_tiles *tiles, uint64_t index, struct ml_tile_bundle *ret,
		    struct ml_error *error);
void ml_tile_bundle_clean(struct ml_tile_bundle *bundle);

/* Splits @length bytes into @width entries, to the last byte. -EBADMSG */
int ml_tile_bundle_split(const uint8_t *data, size_t length, unsigned int width,
			 struct ml_bytes ret[static ML_TILE_WIDTH]);

/* --------------------------------------------------------------- verifying */

struct ml_tiles_verdict {
	uint64_t first;		/* from here on every entry is there: 0 unless some were pruned */
	uint64_t beyond;	/* files that are not below the checkpoint yet */
};

/**
 * ml_tiles_verify - are these the entries and the tiles of the tree with @root?
 * @entry: is given every entry that is there, in order, once its hash was found in
 *	its tile; what it returns, if not 0, ends the walk. NULL: nobody
 *
 * Compares every tile with what follows from the tiles below it, those with the
 * entries, and the whole with @root; then every other file of the directory with
 * what it should be. One bundle is in memory at a time.
 *
 * Return: 0, also where entries are missing: @ret says; -EBADMSG: something does
 * not fit, @error names the file; -ENOENT: a tile is missing; or an errno of reading.
 */
int ml_tiles_verify(struct ml_tiles *tiles, const struct ml_merkle_hash *root,
		    int (*entry)(void *arg, uint64_t index, struct ml_bytes bytes,
				 struct ml_error *error),
		    void *arg, struct ml_tiles_verdict *ret, struct ml_error *error);

#endif
