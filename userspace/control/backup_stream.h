/* SPDX-License-Identifier: MIT */
/*
 * The file of a backup, from the outside in: who may read it (a passphrase), and named
 * parts one behind the other (docs/formats.md, "Backup of a control server").
 *
 * Argon2id makes a key of the passphrase; libsodium's secretstream (XChaCha20-Poly1305)
 * seals frame after frame, so that none can be changed, left out, moved or be missing
 * at the end. The head is readable, and is authenticated with the first frame.
 */
#ifndef MERLON_CONTROL_BACKUP_STREAM_H
#define MERLON_CONTROL_BACKUP_STREAM_H

#include <stdint.h>

#include "bundle.h"
#include "error.h"

#define BACKUP_PART_NAME	100	/* bytes, with NUL */

struct backup_head {
	char network[ML_NAME_MAX + 1];
	int64_t created;
};

/* ---- writing; any error ends it */

struct backup_out;

int backup_out_new(int fd, const struct backup_head *head, const char *passphrase,
		   struct backup_out **ret, struct ml_error *error);
void backup_out_free(struct backup_out *out);
/* A part begins; exactly @length bytes of it must follow. */
int backup_out_part(struct backup_out *out, const char *name, uint64_t length,
		    struct ml_error *error);
int backup_out_write(struct backup_out *out, const void *data, size_t length,
		     struct ml_error *error);
/* SHA-256 of all parts so far, with their names and lengths. */
void backup_out_digest(const struct backup_out *out, uint8_t ret[static 32]);
/* The last frame, synced. @ret: SHA-256 of the file */
int backup_out_end(struct backup_out *out, uint8_t ret[static 32], struct ml_error *error);

/* ---- reading: nothing that comes out was altered, but more may be to come that was */

struct backup_in;

/* -EBADMSG: no backup, or torn. What @ret says is believed when a frame has been read. */
int backup_in_new(int fd, struct backup_in **ret, struct backup_head *ret_head,
		  struct ml_error *error);
void backup_in_free(struct backup_in *in);
/* -EKEYREJECTED: a wrong passphrase, or an altered head: seen at the first read */
int backup_in_unlock(struct backup_in *in, const char *passphrase, struct ml_error *error);
/* From the first part, once more. */
int backup_in_rewind(struct backup_in *in, struct ml_error *error);
/* 1: a part; 0: that was the last, and the file ends there; -EBADMSG. */
int backup_in_part(struct backup_in *in, char ret_name[static BACKUP_PART_NAME],
		   uint64_t *ret_length, struct ml_error *error);
int backup_in_read(struct backup_in *in, void *data, size_t length, struct ml_error *error);
/* Of all parts before the one that was begun last. */
void backup_in_digest(const struct backup_in *in, uint8_t ret[static 32]);

#endif
