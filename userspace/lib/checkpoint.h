/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints of a log (c2sp.org/tlog-checkpoint): a signed note whose text is
 *
 *	ORIGIN
 *	SIZE		decimal, without leading zeros
 *	base64(root)	of the RFC 6962 tree of SIZE leaves
 *
 * The log signs as ORIGIN (type 0x01). Extension lines, which the format allows,
 * are refused: nobody could check what they say.
 *
 * Cosigning (c2sp.org/tlog-witness): the log sends, in one text, the size that
 * the cosigner saw last, the proof from there, and its checkpoint:
 *
 *	old SIZE
 *	base64(hash)	none to 63 of them: RFC 6962, 2.1.2
 *	(empty line)
 *	the checkpoint
 *
 * and gets a signature line (type 0x04), which it adds to the checkpoint.
 */
#ifndef ML_CHECKPOINT_H
#define ML_CHECKPOINT_H

#include <stdint.h>

#include "error.h"
#include "merkle.h"
#include "note.h"

#define ML_CHECKPOINT_TEXT	(ML_NOTE_NAME + 80)	/* the text, with NUL */

struct ml_checkpoint {
	char origin[ML_NOTE_NAME + 1];
	uint64_t size;		/* at most ML_MERKLE_SIZE */
	struct ml_merkle_hash root;
};

/* The text that is signed; returns its length. */
size_t ml_checkpoint_format(const struct ml_checkpoint *checkpoint,
			    char ret[static ML_CHECKPOINT_TEXT]);

/* Of a note's text, whoever signed it. -EBADMSG */
int ml_checkpoint_parse(struct ml_bytes text, struct ml_checkpoint *ret,
			struct ml_error *error);

/**
 * ml_checkpoint_open - a checkpoint that @log signed
 * @log: its name must be the origin
 * @ret_note: for ml_note_verify() of cosigners; points into @bytes. May be NULL
 *
 * Return: 0; -EBADMSG, -E2BIG: no such note; -EKEYREJECTED: of another log.
 */
int ml_checkpoint_open(struct ml_bytes bytes, const struct ml_note_key *log,
		       struct ml_checkpoint *ret, struct ml_note *ret_note,
		       struct ml_error *error);

/**
 * ml_checkpoint_sign - the note: @checkpoint's text, and the log's signature
 * @log: its name is the origin
 * @ret: malloc()ed, NUL-terminated
 *
 * Return: 0; -EINVAL: the key does not fit; -ENOMEM.
 */
int ml_checkpoint_sign(const struct ml_checkpoint *checkpoint, const struct ml_note_key *log,
		       const struct ml_secret_key *secret, char **ret, struct ml_error *error);

/* ------------------------------------------------------------- cosigning */

/* cosign.c */
/* What a cosigner remembers of a log; all zero of one that it has not seen yet. */
struct ml_cosigned {
	uint64_t size;
	struct ml_merkle_hash root;	/* not looked at where @size is 0 */
	int64_t time;			/* of the last cosignature, Unix seconds */
};

#define ML_COSIGN_REQUEST_MAX	(ML_NOTE_MAX + 8192)

/**
 * ml_cosign_request - what to send to a cosigner
 * @old: the size that it saw last
 * @note: the log's checkpoint
 * @ret: malloc()ed, NUL-terminated
 */
int ml_cosign_request(uint64_t old, const struct ml_merkle_hash *proof, size_t proof_length,
		      const char *note, char **ret, struct ml_error *error);

/**
 * ml_cosign_judge - may a cosigner that saw @seen sign this?
 * @ret: the checkpoint; may be that of @seen once more
 * @ret_text: what to sign: the checkpoint's text, in @request
 *
 * Touches nothing but its arguments. Whoever signs must have stored @ret, synced,
 * before the signature leaves.
 *
 * Return: 0; -EBADMSG: not a request, or the log does not extend what was seen:
 * it was forked or altered; -EKEYREJECTED: of another log, or not signed by it;
 * -ESTALE: the proof is not from @seen's size on: make one from there, or, where
 * the log is shorter than that, it was rolled back.
 */
int ml_cosign_judge(const struct ml_cosigned *seen, const struct ml_note_key *log,
		    struct ml_bytes request, struct ml_checkpoint *ret,
		    struct ml_bytes *ret_text, struct ml_error *error);

#endif
