// SPDX-License-Identifier: MIT
/* A log from disk: to its checkpoint, and not one file further. */
#include "audit_log_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "file.h"

/* A batch completes at most this many tiles of level 0: at level 1 it may complete one. */
_Static_assert(AUDIT_LOG_BATCH / ML_TILE_WIDTH <= ML_TILE_WIDTH, "what cut_level() looks for");

/* ----------------------------------------------------------------- cutting */

/* Those that are wider than @width. Returns how many. */
static int drop_parts(struct audit_log *log, int level, uint64_t index, unsigned int width,
		      struct ml_error *error)
{
	char path[ML_TILE_PATH], parts[ML_TILE_PATH + 8];

	ml_tile_path(&(struct ml_tile){ level, index, ML_TILE_WIDTH }, path);
	snprintf(parts, sizeof(parts), "%s.p", path);
	return audit_files_prune(&log->files, parts, width, error);
}

/* Tile @index of @level, of which @width hashes count. */
static int cut_tile(struct audit_log *log, int level, uint64_t index, unsigned int width,
		    struct ml_error *error)
{
	char path[ML_TILE_PATH];
	int whole, rest;

	ml_tile_path(&(struct ml_tile){ level, index, ML_TILE_WIDTH }, path);
	whole = audit_files_remove(&log->files, path, error);
	if (whole < 0)
		return whole;
	rest = drop_parts(log, level, index, width, error);
	return rest < 0 ? rest : whole + rest;
}

/* So far a batch can have come at this level; a power failure may have left gaps. */
static int cut_level(struct audit_log *log, uint64_t size, int level, struct ml_error *error)
{
	unsigned int shift = level > 0 ? 8 * (unsigned int)level : 0;
	uint64_t first = (size >> shift) / ML_TILE_WIDTH, i;
	uint64_t span = level > 0 ? 2 : AUDIT_LOG_BATCH / ML_TILE_WIDTH + 2;
	int count = 0, r;

	/* A crash may also have come before the parts of what is whole were removed. */
	r = first ? drop_parts(log, level, first - 1, 0, error) : 0;
	if (r < 0)
		return r;
	for (i = 0; i < span; i++) {
		r = cut_tile(log, level, first + i, ml_tile_width(size, level, first + i), error);
		if (r < 0)
			return r;
		count += r;
	}
	return count;
}

static int cut(struct audit_log *log, uint64_t size, unsigned int *ret_cut,
	       struct ml_error *error)
{
	int level, r, count = 0;

	for (level = ML_TILE_ENTRIES; level < ML_TILE_LEVELS; level++) {
		r = cut_level(log, size, level, error);
		if (r < 0)
			return r;
		count += r;
	}
	log->remark[0] = '\0';
	if (count)
		snprintf(log->remark, sizeof(log->remark),
			 "audit log: %d files behind the checkpoint of %" PRIu64 " entries were removed: the server ended before it could sign them; the store hands them over again",
			 count, size);
	*ret_cut = (unsigned int)count;
	return audit_files_sync(&log->files, error);
}

/* ----------------------------------------------------------------- loading */

static int load_rows(struct ml_tiles *tiles, struct ml_tile_builder *builder,
		     struct ml_error *error)
{
	const struct ml_merkle_hash *hashes;
	struct ml_tile_row *row;
	int level, r;

	for (level = 0; level < ML_TILE_LEVELS; level++) {
		row = &builder->rows[level];
		row->index = (builder->count >> (8 * level)) / ML_TILE_WIDTH;
		row->width = ml_tile_width(builder->count, level, row->index);
		if (!row->width)
			continue;
		r = ml_tiles_hashes(tiles, level, row->index, &hashes, error);
		if (r)
			return r;
		memcpy(row->hashes, hashes, row->width * sizeof(*hashes));
	}
	return 0;
}

static int load_bundle(struct audit_state *state, struct ml_tiles *tiles,
		       struct ml_error *error)
{
	const struct ml_tile_row *row = &state->builder.rows[0];
	struct ml_tile_bundle bundle = { 0 };
	struct ml_merkle_hash hash;
	unsigned int i;
	int r;

	if (!row->width)
		return 0;
	r = ml_tiles_bundle(tiles, row->index, &bundle, error);
	for (i = 0; i < bundle.count && !r; i++) {
		ml_merkle_leaf(bundle.entries[i].data, bundle.entries[i].length, &hash);
		if (memcmp(hash.bytes, row->hashes[i].bytes, sizeof(hash.bytes)) != 0)
			r = ml_error_set(error, -EBADMSG,
					 "audit log: entry %" PRIu64 " is not the one that was hashed: altered; restore the log",
					 row->index * ML_TILE_WIDTH + i);
		else
			r = audit_bundle_add(state, bundle.entries[i], error);
	}
	ml_tile_bundle_clean(&bundle);
	return r;
}

static int check_root(const struct ml_tile_builder *builder, const struct ml_merkle_hash *root,
		      struct ml_error *error)
{
	struct ml_merkle_hash found;

	ml_tile_builder_root(builder, &found);
	if (!sodium_memcmp(found.bytes, root->bytes, sizeof(found.bytes)))
		return 0;
	return ml_error_set(error, -EBADMSG,
			    "audit log: its tiles do not give the root of its checkpoint: altered; restore the log");
}

static int load_state(struct audit_log *log, const struct ml_checkpoint *checkpoint,
		      struct audit_state *state, struct ml_error *error)
{
	struct ml_tiles *tiles;
	int r;

	r = ml_tiles_open(log->directory, checkpoint->size, &tiles, error);
	if (r)
		return r;
	state->builder.count = checkpoint->size;
	r = load_rows(tiles, &state->builder, error);
	if (!r)
		r = load_bundle(state, tiles, error);
	if (!r)
		r = check_root(&state->builder, &checkpoint->root, error);
	ml_tiles_close(tiles);
	return r;
}

/* Without a checkpoint there must be nothing at all. */
static int begin(struct audit_log *log, struct ml_error *error)
{
	const struct ml_tile_builder *empty = &log->state.builder;

	if (!faccessat(log->files.fd, "tile", F_OK, 0) ||
	    !faccessat(log->files.fd, "cosigned", F_OK, 0))
		return ml_error_set(error, -EBADMSG,
				    "audit log: %s: there are entries, and no checkpoint: restore it, since what it said is not known",
				    log->directory);
	return audit_log_publish(log, empty, error);
}

static int load_note(struct audit_log *log, char **ret, struct ml_checkpoint *checkpoint,
		     struct ml_error *error)
{
	char path[PATH_MAX];
	uint8_t *data;
	size_t length;
	int r;

	snprintf(path, sizeof(path), "%s/checkpoint", log->directory);
	r = ml_file_read(path, ML_NOTE_MAX, &data, &length, error);
	if (r)
		return r;
	r = ml_checkpoint_open((struct ml_bytes){ data, length }, log->key, checkpoint, NULL,
			       error);
	if (r)
		free(data);
	else
		*ret = (char *)data;
	return r;
}

int audit_log_load(struct audit_log *log, unsigned int *ret_cut, struct ml_error *error)
{
	struct audit_state *state;
	struct ml_checkpoint checkpoint;
	unsigned int count = 0;
	char *note;
	int r;

	r = load_note(log, &note, &checkpoint, error);
	if (r == -ENOENT && !log->note)
		return begin(log, error);
	if (r)
		return r;
	state = calloc(1, sizeof(*state));
	r = state ? cut(log, checkpoint.size, &count, error) :
		    ml_error_set(error, -ENOMEM, "audit log: out of memory");
	if (!r)
		r = load_state(log, &checkpoint, state, error);
	if (r) {
		if (state)
			audit_state_clean(state);
		free(state);
		free(note);
		return r;
	}
	audit_state_clean(&log->state);
	free(log->note);
	log->state = *state;
	log->note = note;
	log->unsure = false;
	free(state);
	if (ret_cut)
		*ret_cut = count;
	return 0;
}

/* ------------------------------------------------------------------- other */

void audit_log_tidy(struct audit_log *log, const struct ml_tile_builder *before)
{
	struct ml_error ignored;
	int level, row;

	for (level = ML_TILE_ENTRIES; level < ML_TILE_LEVELS; level++) {
		row = level > 0 ? level : 0;
		if (before->rows[row].index != log->state.builder.rows[row].index)
			drop_parts(log, level, before->rows[row].index, 0, &ignored);
	}
}

int audit_log_open(const char *directory, const struct ml_note_key *key,
		   const struct ml_secret_key *secret, struct audit_log **ret,
		   unsigned int *ret_cut, struct ml_error *error)
{
	struct audit_log *log = calloc(1, sizeof(*log));
	unsigned int count = 0;
	int r;

	if (log)
		log->directory = strdup(directory);
	if (!log || !log->directory) {
		free(log);
		return ml_error_set(error, -ENOMEM, "audit log: out of memory");
	}
	log->key = key;
	log->secret = secret;
	r = audit_files_open(log->directory, &log->files, error);
	if (r) {
		log->files.fd = -1;
		audit_log_close(log);
		return r;
	}
	r = audit_log_load(log, &count, error);
	if (r) {
		audit_log_close(log);
		return r;
	}
	if (ret_cut)
		*ret_cut = count;
	*ret = log;
	return 0;
}

void audit_log_close(struct audit_log *log)
{
	if (!log)
		return;
	if (log->files.fd >= 0)
		audit_files_close(&log->files);
	audit_state_clean(&log->state);
	free(log->note);
	free(log->directory);
	free(log);
}
