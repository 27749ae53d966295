// SPDX-License-Identifier: MIT
/* Leaves into tiles, tiles onto the disk, and then the checkpoint. */
#include "audit_log_private.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_entry.h"
#include "file.h"

uint64_t audit_log_size(const struct audit_log *log)
{
	return log->state.builder.count;
}

const char *audit_log_checkpoint(const struct audit_log *log)
{
	return log->note;
}

const char *audit_log_remark(const struct audit_log *log)
{
	return log->remark;
}

static int no_memory(struct ml_error *error)
{
	return ml_error_set(error, -ENOMEM, "audit log: out of memory");
}

/* ------------------------------------------------------------------- state */

int audit_state_copy(const struct audit_state *from, struct audit_state *ret,
		     struct ml_error *error)
{
	uint8_t *bundle = malloc(from->bundle_room + 1);

	if (!bundle)
		return no_memory(error);
	if (from->bundle_length)
		memcpy(bundle, from->bundle, from->bundle_length);
	*ret = *from;
	ret->bundle = bundle;
	return 0;
}

void audit_state_clean(struct audit_state *state)
{
	free(state->bundle);
	memset(state, 0, sizeof(*state));
}

int audit_bundle_add(struct audit_state *state, struct ml_bytes leaf, struct ml_error *error)
{
	size_t need = state->bundle_length + 2 + leaf.length, room = state->bundle_room;
	uint8_t *grown, *at;

	if (need > room) {
		room = need * 2;
		grown = realloc(state->bundle, room);
		if (!grown)
			return no_memory(error);
		state->bundle = grown;
		state->bundle_room = room;
	}
	at = state->bundle + state->bundle_length;
	at[0] = (uint8_t)(leaf.length >> 8);
	at[1] = (uint8_t)leaf.length;
	memcpy(at + 2, leaf.data, leaf.length);
	state->bundle_length = need;
	return 0;
}

/* ------------------------------------------------------------------- tiles */

struct append {
	struct audit_log *log;
	struct audit_state *state;
};

static int write_tile(struct audit_log *log, const struct ml_tile *tile, const void *data,
		      size_t length, struct ml_error *error)
{
	char path[ML_TILE_PATH];

	return audit_files_write(&log->files, ml_tile_path(tile, path), data, length, error);
}

static int write_bundle(const struct append *append, uint64_t index, unsigned int width,
			struct ml_error *error)
{
	struct ml_tile tile = { ML_TILE_ENTRIES, index, width };

	return write_tile(append->log, &tile, append->state->bundle,
			  append->state->bundle_length, error);
}

/* A tile has become whole; at level 0, its entries have, too. */
static int take_whole(void *arg, const struct ml_tile *tile,
		      const struct ml_merkle_hash *hashes, struct ml_error *error)
{
	struct append *append = arg;
	int r;

	r = write_tile(append->log, tile, hashes, tile->width * sizeof(*hashes), error);
	if (!r && !tile->level) {
		r = write_bundle(append, tile->index, tile->width, error);
		append->state->bundle_length = 0;
	}
	return r;
}

static int append_leaf(struct append *append, struct ml_bytes leaf, struct ml_error *error)
{
	struct ml_merkle_hash hash;
	int r;

	if (leaf.length > ML_AUDIT_LEAF_MAX)
		return ml_error_set(error, -EINVAL, "audit log: an entry has at most %d bytes",
				    ML_AUDIT_LEAF_MAX);
	r = audit_bundle_add(append->state, leaf, error);
	if (r)
		return r;
	ml_merkle_leaf(leaf.data, leaf.length, &hash);
	return ml_tile_builder_add(&append->state->builder, &hash, take_whole, append, error);
}

/* The last tile of each level that has grown and is not whole. */
static int write_parts(const struct append *append, const struct ml_tile_builder *before,
		       struct ml_error *error)
{
	const struct ml_tile_builder *now = &append->state->builder;
	const struct ml_tile_row *row;
	struct ml_tile tile;
	int level, r = 0;

	for (level = 0; level < ML_TILE_LEVELS && !r; level++) {
		row = &now->rows[level];
		if (!row->width || (row->index == before->rows[level].index &&
				    row->width == before->rows[level].width))
			continue;
		tile = (struct ml_tile){ level, row->index, row->width };
		r = write_tile(append->log, &tile, row->hashes,
			       row->width * sizeof(row->hashes[0]), error);
		if (!r && !level)
			r = write_bundle(append, row->index, row->width, error);
	}
	return r;
}

/* -------------------------------------------------------------- checkpoint */

int audit_log_publish(struct audit_log *log, const struct ml_tile_builder *builder,
		      struct ml_error *error)
{
	struct ml_checkpoint checkpoint = { .size = builder->count };
	char *note;
	int r;

	strcpy(checkpoint.origin, log->key->name);
	ml_tile_builder_root(builder, &checkpoint.root);
	r = ml_checkpoint_sign(&checkpoint, log->key, log->secret, &note, error);
	if (r)
		return r;
	r = audit_files_write(&log->files, "checkpoint", note, strlen(note), error);
	if (!r)
		r = audit_files_sync(&log->files, error);
	if (r) {
		free(note);
		return r;
	}
	free(log->note);
	log->note = note;
	return 0;
}

/* ------------------------------------------------------------------ append */

static int append_all(struct append *append, const struct ml_bytes *leaves, size_t count,
		      struct ml_error *error)
{
	struct audit_log *log = append->log;
	size_t i;
	int r = 0;

	for (i = 0; i < count && !r; i++)
		r = append_leaf(append, leaves[i], error);
	if (!r)
		r = write_parts(append, &log->state.builder, error);
	if (!r)
		r = audit_files_sync(&log->files, error);
	return r ? r : audit_log_publish(log, &append->state->builder, error);
}

static int append(struct audit_log *log, const struct ml_bytes *leaves, size_t count,
		  struct ml_error *error)
{
	struct audit_state *draft = calloc(1, sizeof(*draft)), before;
	struct append job = { log, draft };
	int r;

	if (!draft)
		return no_memory(error);
	r = audit_state_copy(&log->state, draft, error);
	if (!r)
		r = append_all(&job, leaves, count, error);
	if (r) {
		log->unsure = true;
		audit_state_clean(draft);
	} else {
		before = log->state;
		log->state = *draft;
		audit_log_tidy(log, &before.builder);
		free(before.bundle);
	}
	free(draft);
	return r;
}

/* Leaves that are there already: the same as these? */
static int compare(struct audit_log *log, uint64_t index, const struct ml_bytes *leaves,
		   size_t count, struct ml_error *error)
{
	struct ml_merkle_hash want, found;
	const struct ml_merkle_source *source;
	struct ml_tiles *tiles;
	size_t i;
	int r;

	r = ml_tiles_open(log->directory, audit_log_size(log), &tiles, error);
	if (r)
		return r;
	source = ml_tiles_source(tiles);
	for (i = 0; i < count && !r; i++) {
		ml_merkle_leaf(leaves[i].data, leaves[i].length, &want);
		r = source->node(source->arg, 0, index + i, &found, error);
		if (!r && memcmp(want.bytes, found.bytes, sizeof(want.bytes)) != 0)
			r = ml_error_set(error, -EBADMSG,
					 "audit log: entry %" PRIu64 " of the store is another than the log's: the store was altered or restored; nothing is written",
					 index + i);
	}
	ml_tiles_close(tiles);
	return r;
}

int audit_sequence(struct audit_log *log, uint64_t index, const struct ml_bytes *leaves,
		   size_t count, struct ml_error *error)
{
	uint64_t size, known;
	int r = 0;

	if (!count || count > AUDIT_LOG_BATCH)
		return ml_error_set(error, -EINVAL, "audit log: 1 to %d entries at a time",
				    AUDIT_LOG_BATCH);
	if (log->unsure)
		r = audit_log_load(log, NULL, error);
	if (r)
		return r;
	size = audit_log_size(log);
	if (index > size)
		return ml_error_set(error, -ERANGE,
				    "audit log: has %" PRIu64 " entries, and is given entry %" PRIu64 ": those between are missing",
				    size, index);
	known = size - index < count ? size - index : count;
	r = known ? compare(log, index, leaves, known, error) : 0;
	if (r || known == count)
		return r;
	return append(log, leaves + known, count - known, error);
}

/* --------------------------------------------------------------- cosigning */

int audit_log_request(struct audit_log *log, uint64_t old, char **ret, struct ml_error *error)
{
	struct ml_merkle_hash proof[ML_MERKLE_DEPTH];
	struct ml_tiles *tiles;
	size_t length;
	int r;

	r = ml_tiles_open(log->directory, audit_log_size(log), &tiles, error);
	if (r)
		return r;
	r = ml_merkle_source_extend(ml_tiles_source(tiles), old, audit_log_size(log), proof,
				    &length, error);
	ml_tiles_close(tiles);
	return r ? r : ml_cosign_request(old, proof, length, log->note, ret, error);
}

static int cosigned_check(const char *text, const struct audit_log *log,
			  const struct ml_note_key *cosigner, struct ml_error *error)
{
	struct ml_bytes bytes = { (const uint8_t *)text, strlen(text) };
	struct ml_checkpoint checkpoint;
	struct ml_note note;
	int r;

	r = ml_checkpoint_open(bytes, log->key, &checkpoint, &note, error);
	return r ? r : ml_note_verify(&note, cosigner, NULL, error);
}

static int cosigned_write(struct audit_log *log, const char *text, struct ml_error *error)
{
	int r;

	r = audit_files_write(&log->files, "cosigned", text, strlen(text), error);
	if (!r)
		r = audit_files_write(&log->files, "checkpoint", text, strlen(text), error);
	return r ? r : audit_files_sync(&log->files, error);
}

/* The log's note with @line, and no other of @cosigner. */
static int cosigned_put(const struct audit_log *log, const struct ml_note_key *cosigner,
			const char *line, char **ret, struct ml_error *error)
{
	struct ml_bytes bytes = { (const uint8_t *)log->note, strlen(log->note) };
	struct ml_note note;
	char *before;
	int r;

	r = ml_note_parse(bytes, &note, error);
	if (!r)
		r = ml_note_without(&note, cosigner, &before, error);
	if (r)
		return r;
	r = asprintf(ret, "%s%s", before, line);
	free(before);
	return r < 0 ? no_memory(error) : 0;
}

int audit_log_cosigned(struct audit_log *log, const struct ml_note_key *cosigner,
		       const char *line, struct ml_error *error)
{
	char *text = NULL;
	int r;

	r = cosigned_put(log, cosigner, line, &text, error);
	if (r)
		return r;
	r = cosigned_check(text, log, cosigner, error);
	if (!r)
		r = cosigned_write(log, text, error);
	if (r) {
		free(text);
		return r;
	}
	free(log->note);
	log->note = text;
	return 0;
}
