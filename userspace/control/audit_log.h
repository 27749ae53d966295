/* SPDX-License-Identifier: MIT */
/*
 * The log itself: leaves in order, in tiles (tiles.h), under checkpoints that the
 * log's key signs and the signer cosigns (checkpoint.h).
 *
 * Two files beside the tiles: "checkpoint" is the newest; "cosigned" the newest
 * that a cosigner has signed, too, which may be an older one.
 *
 * ORDER: tiles are written and synced, their names synced, and only then the
 * checkpoint takes the place of the one before. Whatever a crash leaves behind the
 * checkpoint was acknowledged to nobody: opening the log removes it, and the store,
 * which has the leaves, hands them over again.
 */
#ifndef AUDIT_LOG_H
#define AUDIT_LOG_H

#include <stdint.h>

#include "bundle.h"
#include "checkpoint.h"
#include "error.h"
#include "keys.h"

/* Leaves that one call may bring: what a crash can leave behind is looked for so far. */
#define AUDIT_LOG_BATCH		4096

/* Entries are kept so long at least, whatever the configuration says. */
#define AUDIT_LOG_DAYS		365

struct audit_log;

/**
 * audit_log_open - the log in @directory, for one writer
 * @key: the log's name and public key; @secret: its other half. Both must live as
 *	long as the log
 * @ret_cut: files behind the checkpoint that were removed; audit_log_remark() says
 *	more. May be NULL
 *
 * An empty directory becomes an empty log, with its checkpoint. What the last tiles
 * hold is compared with the checkpoint's root; ml_tiles_verify() compares all.
 * Return: 0; -EBUSY: another process writes; -EBADMSG: altered, or tiles without a
 * checkpoint: restore it; -EKEYREJECTED: another key signed it; other errnos.
 */
int audit_log_open(const char *directory, const struct ml_note_key *key,
		   const struct ml_secret_key *secret, struct audit_log **ret,
		   unsigned int *ret_cut, struct ml_error *error);
void audit_log_close(struct audit_log *log);

/* Leaves in it: the index of the next. */
uint64_t audit_log_size(const struct audit_log *log);
/* Its newest checkpoint, a signed note; valid until the log changes. */
const char *audit_log_checkpoint(const struct audit_log *log);
/* A sentence on what opening has cut; "" where it has not. */
const char *audit_log_remark(const struct audit_log *log);

/**
 * audit_sequence - put committed leaves into the log
 * @index: of the first of @leaves; at most audit_log_size()
 * @count: 1 to AUDIT_LOG_BATCH
 *
 * Those that are there already must be the same, and stay. When this returns 0,
 * all are on disk under a signed checkpoint. When it fails, none may be taken for
 * written, and the caller must do nothing that has to be told of until a call, of
 * the same leaves, succeeds: each tries again from what the disk holds.
 *
 * Return: 0; -EBADMSG: other leaves stand under these indices: the store was
 * altered or rolled back; -ERANGE: leaves before @index are missing; -EINVAL: a
 * leaf is longer than ML_AUDIT_LEAF_MAX, or @count; or the errno of writing.
 */
int audit_sequence(struct audit_log *log, uint64_t index, const struct ml_bytes *leaves,
		   size_t count, struct ml_error *error);

/* ------------------------------------------------------------- cosigning */

/**
 * audit_log_request - what to send to the cosigner (ml_cosign_request())
 * @old: the size that it saw last: at most the log's
 * @ret: malloc()ed text
 */
int audit_log_request(struct audit_log *log, uint64_t old, char **ret, struct ml_error *error);

/**
 * audit_log_cosigned - add the cosigner's signature line to the checkpoint
 * @line: as the cosigner gave it; takes the place of one that it gave before
 *
 * Return: 0; -EKEYREJECTED, -EBADMSG: not @cosigner's, or not of this checkpoint:
 * it may be of the one before; or the errno of writing.
 */
int audit_log_cosigned(struct audit_log *log, const struct ml_note_key *cosigner,
		       const char *line, struct ml_error *error);

/*
 * The cosigner's side (audit_cosign.c): one file of what it saw of one log. It is
 * made on purpose, once; a cosigner that has lost it refuses, since it could be
 * shown another history. One process at a time.
 */
int audit_cosign_init(const char *path, const struct ml_note_key *log, struct ml_error *error);
int audit_cosign_seen(const char *path, const struct ml_note_key *log, struct ml_cosigned *ret,
		      struct ml_error *error);
/**
 * audit_cosign - judge @request, remember it, sign it
 * @now: Unix seconds; a signature is never dated before the last one
 * @ret_line: malloc()ed; given out only once the state is on disk
 *
 * Return: 0; those of ml_cosign_judge(); -ENOENT: there is no state; or the errno
 * of reading or writing it.
 */
int audit_cosign(const char *path, const struct ml_note_key *log,
		 const struct ml_note_key *cosigner, const struct ml_secret_key *secret,
		 struct ml_bytes request, int64_t now, char **ret_line,
		 struct ml_error *error);

/* ------------------------------------------------------------- retention */

/**
 * audit_prune_plan - which entries are old enough to be pruned
 * @now: microseconds since 1970
 * @days: to keep them; below AUDIT_LOG_DAYS is -EINVAL
 * @ret_minimum: the first entry that must stay: a multiple of 256
 */
int audit_prune_plan(struct audit_log *log, int64_t now, int days, uint64_t *ret_minimum,
		     struct ml_error *error);

/**
 * audit_prune - delete the bundles of old entries; their hashes stay
 * @event: the index of the AUDIT_LOG_PRUNE event that says so, in the log already:
 *	details.minimum is the first entry that stays
 *
 * Verifiers take missing entries for pruned only where such an event says so.
 * Return: 0; -EINVAL: there is no such event; -EPERM: it would prune what is not
 * old enough; or the errno of removing.
 */
int audit_prune(struct audit_log *log, uint64_t event, int64_t now, int days,
		struct ml_error *error);

#endif
