// SPDX-License-Identifier: MIT
#include "audit_entry.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct reading {
	int (*entry)(void *arg, uint64_t index, const struct ml_audit_entry *entry,
		     struct ml_error *error);
	void *arg;
	uint64_t minimum;	/* what was before it may be missing */
};

static void note_minimum(struct reading *reading, uint64_t index,
			 const struct ml_audit_entry *entry)
{
	json_int_t minimum = json_integer_value(json_object_get(entry->details, "minimum"));

	if (strcmp(entry->type, ML_AUDIT_TYPE_PRUNE) || minimum <= 0)
		return;
	/* It cannot speak of what came behind it. */
	if ((uint64_t)minimum <= index && (uint64_t)minimum > reading->minimum)
		reading->minimum = (uint64_t)minimum;
}

static int read_entry(void *arg, uint64_t index, struct ml_bytes bytes, struct ml_error *error)
{
	struct reading *reading = arg;
	struct ml_audit_entry entry;
	struct ml_error why = { 0 };
	int r;

	r = ml_audit_entry_parse(bytes, &entry, &why);
	if (r)
		return ml_error_set(error, r, "entry %" PRIu64 ": %s", index, why.text);
	note_minimum(reading, index, &entry);
	if (reading->entry)
		r = reading->entry(reading->arg, index, &entry, error);
	ml_audit_entry_clean(&entry);
	return r;
}

int ml_audit_verify(struct ml_tiles *tiles, const struct ml_merkle_hash *root,
		    int (*entry)(void *arg, uint64_t index, const struct ml_audit_entry *entry,
				 struct ml_error *error),
		    void *arg, struct ml_tiles_verdict *ret, struct ml_error *error)
{
	struct reading reading = { .entry = entry, .arg = arg };
	struct ml_tiles_verdict verdict;
	int r;

	r = ml_tiles_verify(tiles, root, read_entry, &reading, &verdict, error);
	if (r)
		return r;
	if (verdict.first > reading.minimum)
		return ml_error_set(error, -EBADMSG,
				    "%s: entries before %" PRIu64 " are missing, and no entry tells of their pruning: somebody removed them",
				    ml_tiles_directory(tiles), verdict.first);
	*ret = verdict;
	return 0;
}
