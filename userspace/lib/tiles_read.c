// SPDX-License-Identifier: MIT
/* A log's directory, read tile by tile. */
#include "tiles.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#define BUNDLE_MAX	(ML_TILE_WIDTH * (2 + (size_t)ML_TILE_ENTRY))

struct ml_tiles {
	char *directory;
	uint64_t size;
	struct ml_merkle_source source;
	/* The tile of each level that was read last. */
	struct held {
		bool valid;
		uint64_t index;
		struct ml_merkle_hash hashes[ML_TILE_WIDTH];
	} held[ML_TILE_LEVELS];
};

static int source_node(void *arg, unsigned int level, uint64_t index,
		       struct ml_merkle_hash *ret, struct ml_error *error);

int ml_tiles_open(const char *directory, uint64_t size, struct ml_tiles **ret,
		  struct ml_error *error)
{
	size_t length = strlen(directory);
	struct ml_tiles *tiles;

	if (size > ML_MERKLE_SIZE)
		return ml_error_set(error, -EINVAL, "%s: no log has so many entries", directory);
	tiles = calloc(1, sizeof(*tiles));
	while (length > 1 && directory[length - 1] == '/')
		length--;
	if (tiles)
		tiles->directory = strndup(directory, length);
	if (!tiles || !tiles->directory) {
		free(tiles);
		return ml_error_set(error, -ENOMEM, "%s: no memory to read it", directory);
	}
	tiles->size = size;
	tiles->source = (struct ml_merkle_source){ source_node, tiles };
	*ret = tiles;
	return 0;
}

void ml_tiles_close(struct ml_tiles *tiles)
{
	if (!tiles)
		return;
	free(tiles->directory);
	free(tiles);
}

uint64_t ml_tiles_size(const struct ml_tiles *tiles)
{
	return tiles->size;
}

const char *ml_tiles_directory(const struct ml_tiles *tiles)
{
	return tiles->directory;
}

const struct ml_merkle_source *ml_tiles_source(const struct ml_tiles *tiles)
{
	return &tiles->source;
}

static int tile_open(const struct ml_tiles *tiles, const struct ml_tile *tile, int *ret,
		     char path[static PATH_MAX], struct ml_error *error)
{
	char name[ML_TILE_PATH];

	if (snprintf(path, PATH_MAX, "%s/%s", tiles->directory, ml_tile_path(tile, name)) >=
	    PATH_MAX)
		return ml_error_set(error, -ENAMETOOLONG, "%s: name too long", tiles->directory);
	return ml_file_open(path, ML_FILE_ANY, ret, error);
}

/* A part of a tile is also the beginning of the whole, by which it may be replaced. */
static int tile_find(const struct ml_tiles *tiles, struct ml_tile *tile, int *ret,
		     char path[static PATH_MAX], struct ml_error *error)
{
	struct ml_tile whole = { tile->level, tile->index, ML_TILE_WIDTH };
	struct ml_error again;
	int r;

	r = tile_open(tiles, tile, ret, path, error);
	if (r != -ENOENT || tile->width == ML_TILE_WIDTH ||
	    tile_open(tiles, &whole, ret, path, &again))
		return r;
	tile->width = ML_TILE_WIDTH;
	return 0;
}

/* ------------------------------------------------------------------ hashes */

static int tile_read(const struct ml_tiles *tiles, struct ml_tile *tile,
		     struct ml_merkle_hash ret[static ML_TILE_WIDTH], struct ml_error *error)
{
	size_t length = 0, most = ML_TILE_WIDTH * sizeof(*ret);
	char path[PATH_MAX];
	int fd = -1, r;

	r = tile_find(tiles, tile, &fd, path, error);
	if (r)
		return r;
	r = ml_file_read_into(fd, path, ret, most, &length, error);
	close(fd);
	if (r == -E2BIG || (!r && length != tile->width * sizeof(*ret)))
		return ml_error_set(error, -EBADMSG, "%s: a tile of %u hashes has %zu bytes",
				    path, tile->width, tile->width * sizeof(*ret));
	return r;
}

int ml_tiles_hashes(struct ml_tiles *tiles, int level, uint64_t index,
		    const struct ml_merkle_hash **ret, struct ml_error *error)
{
	struct ml_tile tile = { level, index, ml_tile_width(tiles->size, level, index) };
	struct held *held = &tiles->held[level];
	int r;

	if (!tile.width)
		return ml_error_set(error, -EINVAL, "a log of %" PRIu64 " entries has no tile %" PRIu64 " of level %d",
				    tiles->size, index, level);
	if (!held->valid || held->index != index) {
		held->valid = false;
		r = tile_read(tiles, &tile, held->hashes, error);
		if (r)
			return r;
		held->valid = true;
		held->index = index;
	}
	*ret = held->hashes;
	return 0;
}

static int source_node(void *arg, unsigned int level, uint64_t index,
		       struct ml_merkle_hash *ret, struct ml_error *error)
{
	unsigned int height = level % 8, at;
	const struct ml_merkle_hash *hashes;
	int r;

	at = (unsigned int)(index << height) % ML_TILE_WIDTH;
	r = ml_tiles_hashes(arg, (int)(level / 8), index >> (8 - height), &hashes, error);
	if (!r)
		ml_tile_root(hashes + at, (size_t)1 << height, ret);
	return r;
}

/* ----------------------------------------------------------------- entries */

int ml_tile_bundle_split(const uint8_t *data, size_t length, unsigned int width,
			 struct ml_bytes ret[static ML_TILE_WIDTH])
{
	unsigned int i;
	size_t bytes;

	for (i = 0; i < width; i++) {
		if (length < 2)
			return -EBADMSG;
		bytes = (size_t)data[0] << 8 | data[1];
		if (bytes > length - 2)
			return -EBADMSG;
		ret[i] = (struct ml_bytes){ data + 2, bytes };
		data += 2 + bytes;
		length -= 2 + bytes;
	}
	return length ? -EBADMSG : 0;
}

static int bundle_take(const struct ml_tiles *tiles, const struct ml_tile *tile,
		       const char *path, size_t length, struct ml_tile_bundle *bundle,
		       struct ml_error *error)
{
	if (ml_tile_bundle_split(bundle->data, length, tile->width, bundle->entries))
		return ml_error_set(error, -EBADMSG, "%s: not %u entries, each behind its length",
				    path, tile->width);
	bundle->index = tile->index;
	bundle->count = ml_tile_width(tiles->size, ML_TILE_ENTRIES, tile->index);
	return 0;
}

int ml_tiles_bundle(struct ml_tiles *tiles, uint64_t index, struct ml_tile_bundle *ret,
		    struct ml_error *error)
{
	struct ml_tile tile = { ML_TILE_ENTRIES, index,
				ml_tile_width(tiles->size, ML_TILE_ENTRIES, index) };
	struct ml_tile_bundle bundle = { 0 };
	char path[PATH_MAX];
	int fd = -1, r;
	size_t length;

	if (!tile.width)
		return ml_error_set(error, -EINVAL, "a log of %" PRIu64 " entries has no bundle %" PRIu64,
				    tiles->size, index);
	r = tile_find(tiles, &tile, &fd, path, error);
	if (r)
		return r;
	close(fd);
	r = ml_file_read(path, BUNDLE_MAX, &bundle.data, &length, error);
	if (!r)
		r = bundle_take(tiles, &tile, path, length, &bundle, error);
	if (r) {
		ml_tile_bundle_clean(&bundle);
		return r;
	}
	ml_tile_bundle_clean(ret);
	*ret = bundle;
	return 0;
}

void ml_tile_bundle_clean(struct ml_tile_bundle *bundle)
{
	free(bundle->data);
	bundle->data = NULL;
	bundle->count = 0;
}
