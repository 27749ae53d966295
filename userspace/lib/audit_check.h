/* SPDX-License-Identifier: MIT */
/* A directory of the audit log, against keys that are known. What `merlon audit` does. */
#ifndef ML_AUDIT_CHECK_H
#define ML_AUDIT_CHECK_H

#include "audit_entry.h"
#include "checkpoint.h"

struct ml_audit_head {
	struct ml_checkpoint checkpoint;	/* the newest */
	bool has_cosigned;
	struct ml_checkpoint cosigned;		/* the newest that has a cosignature */
	int64_t cosigned_time;			/* Unix seconds; 0: by whom is not known */
};

/**
 * ml_audit_head_read - the checkpoints of @directory
 * @cosigner: must have signed one of them. NULL: whether one is there is told, and
 *	that it is the log's, no more
 *
 * Return: 0; -EBADMSG: altered; -EKEYREJECTED: of another log, or not cosigned by
 * @cosigner; -ENOENT: there is no log; other errnos of reading.
 */
int ml_audit_head_read(const char *directory, const struct ml_note_key *log,
		       const struct ml_note_key *cosigner, struct ml_audit_head *ret,
		       struct ml_error *error);

/**
 * ml_audit_check - the whole log: ml_audit_verify(), and every checkpoint against it
 * @head: as read
 * @other: a checkpoint from elsewhere, that of a node or a witness, which must be of
 *	the same history; NULL: none
 *
 * Return: 0; -EBADMSG: altered, or of another history; others of ml_audit_verify().
 */
int ml_audit_check(const char *directory, const struct ml_audit_head *head,
		   const struct ml_checkpoint *other,
		   int (*entry)(void *arg, uint64_t index, const struct ml_audit_entry *entry,
				struct ml_error *error),
		   void *arg, struct ml_tiles_verdict *ret, struct ml_error *error);

#endif
