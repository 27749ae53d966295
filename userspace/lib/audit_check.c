// SPDX-License-Identifier: MIT
#include "audit_check.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

/* One of the two notes; *@ret_time: 0 where @cosigner has not signed it. */
static int note_read(const char *directory, const char *name, const struct ml_note_key *log,
		     const struct ml_note_key *cosigner, struct ml_checkpoint *ret,
		     int64_t *ret_time, struct ml_error *error)
{
	struct ml_error reason = { 0 };
	struct ml_note note;
	char path[PATH_MAX];
	uint8_t *data;
	size_t length;
	int r;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	r = ml_file_read(path, ML_NOTE_MAX, &data, &length, error);
	if (r)
		return r;
	r = ml_checkpoint_open((struct ml_bytes){ data, length }, log, ret, &note, &reason);
	*ret_time = 0;
	if (!r && cosigner)
		r = ml_note_verify(&note, cosigner, ret_time, &reason);
	/* Who has not cosigned the newest may have cosigned one before. */
	if (r == -EKEYREJECTED && !strcmp(ret->origin, log->name))
		r = 0;
	free(data);
	return r ? ml_error_set(error, r, "%s: %s", path, reason.text) : 0;
}

int ml_audit_head_read(const char *directory, const struct ml_note_key *log,
		       const struct ml_note_key *cosigner, struct ml_audit_head *ret,
		       struct ml_error *error)
{
	struct ml_audit_head head = { 0 };
	int64_t time;
	int r;

	r = note_read(directory, "checkpoint", log, cosigner, &head.checkpoint, &time, error);
	if (r)
		return r;
	r = note_read(directory, "cosigned", log, cosigner, &head.cosigned,
		      &head.cosigned_time, error);
	if (r && r != -ENOENT)
		return r;
	head.has_cosigned = !r;
	if (cosigner && (r || !head.cosigned_time))
		return ml_error_set(error, -EKEYREJECTED,
				    "%s: no checkpoint of it was cosigned by %s: nobody but the server vouches for it",
				    directory, cosigner->name);
	*ret = head;
	return 0;
}

/* Is @checkpoint one of this tree, which was found good? */
static int belongs(struct ml_tiles *tiles, const struct ml_checkpoint *checkpoint,
		   const char *what, struct ml_error *error)
{
	struct ml_merkle_hash root;
	int r;

	if (checkpoint->size > ml_tiles_size(tiles))
		return ml_error_set(error, -EBADMSG,
				    "%s: %s has %" PRIu64 " entries, and the log %" PRIu64 ": it was rolled back",
				    ml_tiles_directory(tiles), what, checkpoint->size,
				    ml_tiles_size(tiles));
	r = ml_merkle_source_root(ml_tiles_source(tiles), checkpoint->size, &root, error);
	if (r)
		return r;
	if (memcmp(root.bytes, checkpoint->root.bytes, sizeof(root.bytes)) != 0)
		return ml_error_set(error, -EBADMSG,
				    "%s: %s is of another history: its first %" PRIu64 " entries are not the log's",
				    ml_tiles_directory(tiles), what, checkpoint->size);
	return 0;
}

int ml_audit_check(const char *directory, const struct ml_audit_head *head,
		   const struct ml_checkpoint *other,
		   int (*entry)(void *arg, uint64_t index, const struct ml_audit_entry *entry,
				struct ml_error *error),
		   void *arg, struct ml_tiles_verdict *ret, struct ml_error *error)
{
	struct ml_tiles_verdict verdict;
	struct ml_tiles *tiles;
	int r;

	r = ml_tiles_open(directory, head->checkpoint.size, &tiles, error);
	if (r)
		return r;
	r = ml_audit_verify(tiles, &head->checkpoint.root, entry, arg, &verdict, error);
	if (!r && head->has_cosigned)
		r = belongs(tiles, &head->cosigned, "the cosigned checkpoint", error);
	if (!r && other)
		r = belongs(tiles, other, "the checkpoint that it is compared with", error);
	ml_tiles_close(tiles);
	if (!r)
		*ret = verdict;
	return r;
}
