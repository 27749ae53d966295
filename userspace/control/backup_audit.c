// SPDX-License-Identifier: MIT
/*
 * The audit log as it was at its newest checkpoint, while the server goes on writing: a
 * part of a tile that has become whole meanwhile is read as the beginning of the whole.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_check.h"
#include "backup.h"
#include "file.h"
#include "tiles.h"

struct copying {
	struct backup_out *out;
	struct ml_tiles *tiles;
};

static int part_put(struct backup_out *out, const char *path, const void *data, size_t length,
		    struct ml_error *error)
{
	char name[BACKUP_PART_NAME];
	int r;

	snprintf(name, sizeof(name), BACKUP_AUDIT "%.80s", path);
	r = backup_out_part(out, name, length, error);
	return r ? r : backup_out_write(out, data, length, error);
}

static int hashes_put(struct copying *copying, const struct ml_tile *tile, struct ml_error *error)
{
	const struct ml_merkle_hash *hashes;
	char path[ML_TILE_PATH];
	int r = ml_tiles_hashes(copying->tiles, tile->level, tile->index, &hashes, error);

	return r ? r : part_put(copying->out, ml_tile_path(tile, path), hashes,
				tile->width * sizeof(*hashes), error);
}

static int entries_put(struct copying *copying, const struct ml_tile *tile, struct ml_error *error)
{
	struct ml_tile_bundle bundle = { .data = NULL };
	const struct ml_bytes *last;
	char path[ML_TILE_PATH];
	int r = ml_tiles_bundle(copying->tiles, tile->index, &bundle, error);

	if (r)
		return r == -ENOENT ? 0 : r;	/* pruned */
	last = &bundle.entries[tile->width - 1];
	r = part_put(copying->out, ml_tile_path(tile, path), bundle.data,
		     (size_t)(last->data + last->length - bundle.data), error);
	ml_tile_bundle_clean(&bundle);
	return r;
}

static int level_put(struct copying *copying, int level, struct ml_error *error)
{
	uint64_t size = ml_tiles_size(copying->tiles);
	struct ml_tile tile = { .level = level };
	int r = 0;

	for (; !r; tile.index++) {
		tile.width = ml_tile_width(size, level, tile.index);
		if (!tile.width)
			return 0;
		r = level == ML_TILE_ENTRIES ? entries_put(copying, &tile, error) :
			hashes_put(copying, &tile, error);
	}
	return r;
}

static int note_put(const char *directory, const char *name, struct backup_out *out,
		    uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	char path[CONFIG_PATH + 16];
	int r;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	r = ml_file_read(path, ML_NOTE_MAX, ret, ret_length, error);
	if (r)
		return r;
	r = part_put(out, name, *ret, *ret_length, error);
	if (r)
		free(*ret);
	return r;
}

/* It may be older than the checkpoint, and never newer: it is read first. */
static int cosigned_put(const char *directory, struct backup_out *out, struct ml_error *error)
{
	size_t length;
	uint8_t *note;
	int r = note_put(directory, "cosigned", out, &note, &length, error);

	if (!r)
		free(note);
	return r == -ENOENT ? 0 : r;
}

static int tiles_put(const char *directory, uint64_t size, struct backup_out *out,
		     struct ml_error *error)
{
	struct copying copying = { .out = out };
	int r = ml_tiles_open(directory, size, &copying.tiles, error);

	for (int level = ML_TILE_ENTRIES; !r && level < ML_TILE_LEVELS; level++)
		r = level_put(&copying, level, error);
	ml_tiles_close(copying.tiles);
	return r;
}

static uint64_t size_of(const uint8_t *note, size_t length)
{
	struct ml_checkpoint checkpoint = { .size = 0 };
	struct ml_note parsed;

	if (!ml_note_parse((struct ml_bytes){ note, length }, &parsed, NULL))
		ml_checkpoint_parse(parsed.text, &checkpoint, NULL);
	return checkpoint.size;
}

int backup_audit(const struct config *config, struct backup_out *out, struct ml_error *error)
{
	char directory[CONFIG_PATH];
	uint64_t size;
	size_t length;
	uint8_t *note;
	int r;

	config_path(config, "audit", directory);
	r = cosigned_put(directory, out, error);
	if (!r)
		r = note_put(directory, "checkpoint", out, &note, &length, error);
	if (r == -ENOENT)
		return 0;	/* the server has never run */
	if (r)
		return r;
	size = size_of(note, length);
	free(note);
	return tiles_put(directory, size, out, error);
}
