// SPDX-License-Identifier: MIT
/* Paths of tiles, and what is in one that is being filled. */
#include "tiles.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lines.h"

/* ------------------------------------------------------------------- paths */

static void index_format(uint64_t index, char *ret, size_t size)
{
	unsigned int groups[8];
	size_t count = 0, at = 0;

	do {
		groups[count++] = (unsigned int)(index % 1000);
		index /= 1000;
	} while (index);
	while (count--)
		at += (size_t)snprintf(ret + at, size - at, count ? "x%03u/" : "%03u",
				       groups[count]);
}

const char *ml_tile_path(const struct ml_tile *tile, char ret[static ML_TILE_PATH])
{
	char level[12] = "entries", part[16] = "", index[40];

	if (tile->level != ML_TILE_ENTRIES)
		snprintf(level, sizeof(level), "%d", tile->level);
	if (tile->width < ML_TILE_WIDTH)
		snprintf(part, sizeof(part), ".p/%u", tile->width);
	index_format(tile->index, index, sizeof(index));
	snprintf(ret, ML_TILE_PATH, "tile/%s/%s%s", level, index, part);
	return ret;
}

static bool index_parse(const char *text, uint64_t *ret, const char **end)
{
	uint64_t index = 0;
	bool more;

	do {
		more = *text == 'x';
		text += more;
		if (strspn(text, "0123456789") != 3 || index > UINT64_MAX / 1000 - 1)
			return false;
		index = index * 1000 + (uint64_t)((text[0] - '0') * 100 + (text[1] - '0') * 10 +
						  text[2] - '0');
		text += 3;
		if (more && *text++ != '/')
			return false;
	} while (more);
	*ret = index;
	*end = text;
	return true;
}

static bool number_parse(const char *text, size_t length, uint64_t most, uint64_t *ret)
{
	return ml_decimal_parse((struct ml_bytes){ (const uint8_t *)text, length }, most, ret);
}

bool ml_tile_path_parse(const char *path, struct ml_tile *ret)
{
	struct ml_tile tile = { .level = ML_TILE_ENTRIES, .width = ML_TILE_WIDTH };
	uint64_t level, width = ML_TILE_WIDTH;
	char again[ML_TILE_PATH];
	const char *slash, *rest;

	if (strncmp(path, "tile/", 5) != 0)
		return false;
	path += 5;
	slash = strchr(path, '/');
	if (!slash)
		return false;
	if (strncmp(path, "entries/", 8) != 0) {
		if (!number_parse(path, (size_t)(slash - path), ML_TILE_LEVELS - 1, &level))
			return false;
		tile.level = (int)level;
	}
	if (!index_parse(slash + 1, &tile.index, &rest))
		return false;
	if (*rest && (strncmp(rest, ".p/", 3) != 0 ||
		      !number_parse(rest + 3, strlen(rest + 3), ML_TILE_WIDTH - 1, &width) || !width))
		return false;
	tile.width = (unsigned int)width;
	/* One path for one tile: "x000/001" is none. */
	if (strcmp(ml_tile_path(&tile, again) + 5, path) != 0)
		return false;
	*ret = tile;
	return true;
}

unsigned int ml_tile_width(uint64_t size, int level, uint64_t index)
{
	uint64_t hashes = level > 0 ? size >> (8 * level) : size;

	if (index < hashes / ML_TILE_WIDTH)
		return ML_TILE_WIDTH;
	return index == hashes / ML_TILE_WIDTH ? hashes % ML_TILE_WIDTH : 0;
}

/* ----------------------------------------------------------------- builder */

void ml_tile_root(const struct ml_merkle_hash *hashes, size_t count,
		  struct ml_merkle_hash *ret)
{
	struct ml_merkle merkle = { 0 };
	size_t i;

	for (i = 0; i < count; i++)
		ml_merkle_add(&merkle, &hashes[i]);
	ml_merkle_root(&merkle, ret);
}

int ml_tile_builder_add(struct ml_tile_builder *builder, const struct ml_merkle_hash *leaf,
			ml_tile_take *take, void *arg, struct ml_error *error)
{
	struct ml_merkle_hash hash = *leaf;
	struct ml_tile_row *row;
	struct ml_tile tile;
	int level, r;

	if (builder->count >= ML_MERKLE_SIZE)
		return ml_error_set(error, -EFBIG, "the log is full");
	builder->count++;
	for (level = 0; level < ML_TILE_LEVELS; level++) {
		row = &builder->rows[level];
		row->hashes[row->width++] = hash;
		if (row->width < ML_TILE_WIDTH)
			break;
		tile = (struct ml_tile){ level, row->index, ML_TILE_WIDTH };
		r = take(arg, &tile, row->hashes, error);
		if (r)
			return r;
		ml_tile_root(row->hashes, ML_TILE_WIDTH, &hash);
		row->index++;
		row->width = 0;
	}
	return 0;
}

/* What is not whole hangs on the right, the smaller the lower. */
void ml_tile_builder_root(const struct ml_tile_builder *builder, struct ml_merkle_hash *ret)
{
	struct ml_merkle all = { 0 };
	const struct ml_tile_row *row;
	unsigned int level, bit, at;

	/* The peaks of the tree are those of its rows: 8 bits of its size each. */
	all.count = builder->count;
	for (level = 0; level < ML_TILE_LEVELS; level++) {
		row = &builder->rows[level];
		for (at = 0, bit = 8; bit--; ) {
			if (!(row->width >> bit & 1))
				continue;
			ml_tile_root(row->hashes + at, 1u << bit, &all.peaks[level * 8 + bit]);
			at += 1u << bit;
		}
	}
	ml_merkle_root(&all, ret);
}
