// SPDX-License-Identifier: MIT
/* What is old enough goes: entries, never hashes. */
#include "audit_log_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit_entry.h"

#define DAY	(INT64_C(86400) * 1000000)

/* The time of an entry that is there. */
static int entry_time(struct ml_bytes entry, int64_t *ret, struct ml_error *error)
{
	struct ml_audit_entry parsed;
	int r;

	r = ml_audit_entry_parse(entry, &parsed, error);
	if (r)
		return r;
	*ret = parsed.time;
	ml_audit_entry_clean(&parsed);
	return 0;
}

/*
 * The clock may have stood anywhere: one entry that is not old enough, and the
 * whole bundle stays.
 */
static int bundle_is_old(const struct ml_tile_bundle *bundle, int64_t before, bool *ret,
			 struct ml_error *error)
{
	unsigned int i;
	int64_t time;
	int r;

	for (i = 0; i < bundle->count; i++) {
		r = entry_time(bundle->entries[i], &time, error);
		if (r)
			return r;
		if (time >= before) {
			*ret = false;
			return 0;
		}
	}
	*ret = true;
	return 0;
}

static int plan(struct audit_log *log, struct ml_tiles *tiles, int64_t before,
		uint64_t *ret_minimum, struct ml_error *error)
{
	uint64_t whole = audit_log_size(log) / ML_TILE_WIDTH, index;
	struct ml_tile_bundle bundle = { 0 };
	bool old = true;
	int r = 0;

	for (index = 0; index < whole; index++) {
		r = ml_tiles_bundle(tiles, index, &bundle, error);
		/* Pruned before. */
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (!r)
			r = bundle_is_old(&bundle, before, &old, error);
		if (r || !old)
			break;
	}
	ml_tile_bundle_clean(&bundle);
	if (!r)
		*ret_minimum = index * ML_TILE_WIDTH;
	return r;
}

int audit_prune_plan(struct audit_log *log, int64_t now, int days, uint64_t *ret_minimum,
		     struct ml_error *error)
{
	struct ml_tiles *tiles;
	int r;

	if (days < AUDIT_LOG_DAYS)
		return ml_error_set(error, -EINVAL,
				    "audit log: entries are kept for %d days at least, not for %d",
				    AUDIT_LOG_DAYS, days);
	r = ml_tiles_open(log->directory, audit_log_size(log), &tiles, error);
	if (r)
		return r;
	r = plan(log, tiles, now - days * DAY, ret_minimum, error);
	ml_tiles_close(tiles);
	return r;
}

static int minimum_of(struct ml_bytes bytes, uint64_t *ret, struct ml_error *error)
{
	struct ml_audit_entry entry;
	json_int_t minimum;
	bool is_prune;
	int r;

	r = ml_audit_entry_parse(bytes, &entry, error);
	if (r)
		return r;
	is_prune = !strcmp(entry.type, ML_AUDIT_TYPE_PRUNE);
	minimum = json_integer_value(json_object_get(entry.details, "minimum"));
	ml_audit_entry_clean(&entry);
	if (!is_prune || minimum <= 0 || minimum % ML_TILE_WIDTH)
		return ml_error_set(error, -EINVAL,
				    "audit log: the entry is not one of pruning to a multiple of %d",
				    ML_TILE_WIDTH);
	*ret = (uint64_t)minimum;
	return 0;
}

/* To where the event of index @event says. */
static int announced(struct audit_log *log, uint64_t event, uint64_t *ret,
		     struct ml_error *error)
{
	struct ml_tile_bundle bundle = { 0 };
	struct ml_tiles *tiles;
	int r;

	if (event >= audit_log_size(log))
		return ml_error_set(error, -EINVAL,
				    "audit log: has no entry %" PRIu64 ": pruning is told of first",
				    event);
	r = ml_tiles_open(log->directory, audit_log_size(log), &tiles, error);
	if (r)
		return r;
	r = ml_tiles_bundle(tiles, event / ML_TILE_WIDTH, &bundle, error);
	if (!r)
		r = minimum_of(bundle.entries[event % ML_TILE_WIDTH], ret, error);
	ml_tile_bundle_clean(&bundle);
	ml_tiles_close(tiles);
	return r;
}

static int remove_bundles(struct audit_log *log, uint64_t minimum, struct ml_error *error)
{
	char path[ML_TILE_PATH], parts[ML_TILE_PATH + 8];
	uint64_t index;
	int r = 0;

	for (index = 0; index < minimum / ML_TILE_WIDTH && r >= 0; index++) {
		ml_tile_path(&(struct ml_tile){ ML_TILE_ENTRIES, index, ML_TILE_WIDTH }, path);
		snprintf(parts, sizeof(parts), "%s.p", path);
		r = audit_files_prune(&log->files, parts, 0, error);
		if (r >= 0)
			r = audit_files_remove(&log->files, path, error);
	}
	return r < 0 ? r : audit_files_sync(&log->files, error);
}

int audit_prune(struct audit_log *log, uint64_t event, int64_t now, int days,
		struct ml_error *error)
{
	uint64_t minimum = 0, may = 0;
	int r;

	r = audit_prune_plan(log, now, days, &may, error);
	if (!r)
		r = announced(log, event, &minimum, error);
	if (r)
		return r;
	if (minimum > may)
		return ml_error_set(error, -EPERM,
				    "audit log: entries before %" PRIu64 " are old enough to go, not those before %" PRIu64,
				    may, minimum);
	return remove_bundles(log, minimum, error);
}
