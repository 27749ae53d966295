// SPDX-License-Identifier: MIT
/*
 * The audit log does not go back: what the server that is there has told behind the
 * backup stays told, or its cosigner would refuse the log as rolled back, rightly.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "audit_check.h"
#include "audit_log.h"
#include "restore.h"

#define BATCH	256

struct batch {
	struct ml_bytes leaves[BATCH];
	size_t count;
	uint64_t first;
};

static void batch_clean(struct batch *batch)
{
	while (batch->count)
		free((void *)(uintptr_t)batch->leaves[--batch->count].data);
}

static int leaf_take(void *arg, uint64_t index, struct ml_bytes leaf)
{
	struct batch *batch = arg;
	uint8_t *copy = malloc(leaf.length + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, leaf.data, leaf.length);
	if (!batch->count)
		batch->first = index;
	batch->leaves[batch->count].data = copy;
	batch->leaves[batch->count++].length = leaf.length;
	return 0;
}

/* ------------------------------------------------- what the store has, to the log */

static int catch_up(struct audit_log *log, struct store *store, struct ml_error *error)
{
	struct batch batch = { .count = 0 };
	uint64_t at, size, sequenced;
	int r = store_audit_size(store, &size, &sequenced, error);

	for (at = audit_log_size(log); !r && at < size; at += BATCH) {
		r = store_audit_read(store, at, BATCH, leaf_take, &batch, error);
		if (!r && (!batch.count || batch.first != at))
			r = ml_error_set(error, -EBADMSG, "backup: its audit log ends at entry %" PRIu64 ", and its store does not go on there",
					 at);
		if (!r)
			r = audit_sequence(log, at, batch.leaves, batch.count, error);
		batch_clean(&batch);
	}
	return r;
}

/* --------------------------------------------- what was told since, to the store */

/* Salted entries that are the same at the same place: it is the same history. */
static int same_end(struct audit_log *log, struct store *now, uint64_t size,
		    struct ml_error *error)
{
	uint64_t from = size > BATCH ? size - BATCH : 0;
	struct batch batch = { .count = 0 };
	int r = store_audit_read(now, from, size - from, leaf_take, &batch, error);

	if (!r && batch.count)
		r = audit_sequence(log, batch.first, batch.leaves, batch.count, error);
	batch_clean(&batch);
	return r;
}

static int since_add(struct restore *restore, struct store *then, struct store *now,
		     uint64_t from, struct ml_error *error)
{
	struct batch batch = { .count = 0 };
	uint64_t index;
	int r;

	do {
		batch_clean(&batch);
		r = store_audit_read(now, from, BATCH, leaf_take, &batch, error);
		for (size_t i = 0; !r && i < batch.count; i++) {
			r = store_audit_append(then, batch.leaves[i], &index, error);
			restore->kept += !r;
		}
		from += batch.count;
	} while (!r && batch.count);
	batch_clean(&batch);
	return r;
}

static int since_keep(struct restore *restore, struct audit_log *log, struct store *then,
		      struct store *now, struct ml_error *error)
{
	uint64_t size = audit_log_size(log), more, sequenced;
	int r = store_audit_size(now, &more, &sequenced, error);

	if (r || more <= size)
		return r;
	r = same_end(log, now, size, error);
	if (r == -EBADMSG) {
		fprintf(stderr, "The audit log that is there is of another history: %" PRIu64 " entries of it stay behind.\n",
			more - size);
		return 0;
	}
	return r ? r : since_add(restore, then, now, size, error);
}

/* ------------------------------------- the same by its files, where there is no store */

struct files {
	struct restore *restore;
	struct store *then;
	uint64_t from;
};

static int file_entry(void *arg, uint64_t index, struct ml_bytes bytes, struct ml_error *error)
{
	struct files *files = arg;
	uint64_t at;
	int r;

	if (index < files->from)
		return 0;
	r = store_audit_append(files->then, bytes, &at, error);
	files->restore->kept += !r;
	return r;
}

/* Whole, of this key, and with the backup's log as its beginning. */
static int files_check(const struct restore *restore, const char *directory,
		       struct ml_audit_head *ret, struct ml_error *error)
{
	struct ml_tiles_verdict verdict;
	struct ml_audit_head made;
	char path[CONFIG_PATH];
	int r;

	config_path(&restore->staged, "audit", path);
	r = ml_audit_head_read(directory, &restore->key, NULL, ret, error);
	if (!r)
		r = ml_audit_head_read(path, &restore->key, NULL, &made, error);
	if (r || ret->checkpoint.size <= made.checkpoint.size)
		return r;
	return ml_audit_check(directory, ret, &made.checkpoint, NULL, NULL, &verdict, error);
}

static int files_add(struct files *files, const char *directory,
		     const struct ml_audit_head *head, struct ml_error *error)
{
	struct ml_tiles_verdict verdict;
	struct ml_tiles *tiles;
	int r = ml_tiles_open(directory, head->checkpoint.size, &tiles, error);

	if (r)
		return r;
	r = ml_tiles_verify(tiles, &head->checkpoint.root, file_entry, files, &verdict, error);
	ml_tiles_close(tiles);
	return r;
}

static int files_keep(struct restore *restore, struct audit_log *log, struct store *then,
		      struct ml_error *error)
{
	struct files files = { restore, then, audit_log_size(log) };
	struct ml_audit_head head;
	char directory[CONFIG_PATH];
	int r;

	config_path(&restore->config, "audit", directory);
	r = files_check(restore, directory, &head, error);
	if (r == -ENOENT)
		return 0;	/* one of them was never written */
	if (r) {
		fprintf(stderr, "The audit log that is there stays behind: %s\n", error->text);
		return 0;
	}
	return head.checkpoint.size > files.from ? files_add(&files, directory, &head, error) : 0;
}

/* ----------------------------------------------------------------------- whole */

static int tell(const struct restore *restore, struct store *store, struct ml_error *error)
{
	static const struct audit_form form = { .addresses = AUDIT_ADDRESS_WHOLE };
	char actor[32];
	const struct audit_event event = {
		.type = AUDIT_BACKUP_RESTORE, .time = (int64_t)time(NULL) * 1000000, .actor = actor,
		.details = { .digest = restore->manifest.digest, .count = (int64_t)restore->kept,
			     .size = restore->manifest.audit_size,
			     .from = restore->manifest.created * 1000000,
			     .epoch = restore->manifest.epoch, .serial = restore->manifest.serial } };
	struct ml_bytes leaf;
	uint8_t *bytes;
	int r;

	snprintf(actor, sizeof(actor), "uid:%u", getuid());
	r = audit_leaf(&form, &event, &bytes, &leaf.length, error);
	if (r)
		return r;
	leaf.data = bytes;
	r = store_audit_append(store, leaf, NULL, error);
	free(bytes);
	return r;
}

static int check(const struct restore *restore, const char *directory, struct ml_error *error)
{
	struct ml_tiles_verdict verdict;
	struct ml_audit_head head;
	int r = ml_audit_head_read(directory, &restore->key, NULL, &head, error);

	if (r == -ENOENT)
		return 0;	/* the server had never run */
	return r ? r : ml_audit_check(directory, &head, NULL, NULL, NULL, &verdict, error);
}

static int with_log(struct restore *restore, struct audit_log *log, struct store *then,
		    struct store *now, struct ml_error *error)
{
	int r = catch_up(log, then, error);

	if (!r && now)
		r = since_keep(restore, log, then, now, error);
	else if (!r && restore->has_state)
		r = files_keep(restore, log, then, error);
	if (!r)
		r = tell(restore, then, error);
	return r ? r : catch_up(log, then, error);
}

int restore_audit(struct restore *restore, struct store *then, struct store *now,
		  struct ml_error *error)
{
	struct ml_secret_key *secret;
	char directory[CONFIG_PATH], path[CONFIG_PATH];
	struct audit_log *log;
	int r;

	config_path(&restore->staged, "audit", directory);
	config_path(&restore->staged, "audit.key", path);
	r = check(restore, directory, error);
	if (!r)
		r = ml_secret_key_read(path, NULL, &secret, error);
	if (r)
		return r;
	r = audit_log_open(directory, &restore->key, secret, &log, NULL, error);
	if (!r) {
		r = with_log(restore, log, then, now, error);
		audit_log_close(log);
	}
	ml_secret_key_free(secret);
	return r;
}
