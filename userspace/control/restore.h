/* SPDX-License-Identifier: MIT */
/*
 * A server of a backup. ORDER: all of the file is read and judged before a byte is used;
 * then everything is made in a directory beside the server's; then both change places in
 * one step. Killed anywhere before that, nothing has changed.
 */
#ifndef MERLON_CONTROL_RESTORE_H
#define MERLON_CONTROL_RESTORE_H

#include <sys/types.h>

#include "audit_files.h"
#include "backup.h"
#include "store.h"

struct restore {
	const char *file, *config_file, *user;
	const char *key_file;		/* the audit log's public key, from elsewhere; may be NULL */
	bool force;
	int passphrase_fd;

	int fd;
	struct backup_in *in;
	struct backup_head head;
	struct backup_manifest manifest;
	struct ml_note_key key;		/* that signed it, as the backup has it */
	uint8_t *config_text;		/* of the backup */
	size_t config_length;

	bool has_config, has_state;	/* there is a configuration; a server's directory */
	struct config config, staged;	/* staged: the same, in the other directory */
	uid_t uid;
	gid_t gid;
	struct audit_files lock;	/* where has_state: nobody else writes there */
	uint64_t kept;			/* audit entries that were behind the backup's */
};

/* ---- restore_read.c: the first reading */

/* All of it, to the last byte: @restore->manifest, key and config_text are true then. */
int restore_verify(struct restore *restore, struct ml_error *error);

/* ---- restore_write.c: the second */

/* Everything but the log's newest entries, in @restore->staged.directory. */
int restore_write(struct restore *restore, struct ml_error *error);

/* ---- restore_audit.c */

/*
 * The audit log, whole, against its key; what the store has more; and what the server that
 * is there has told since, if it is of the same history: by its store @now or, where that is
 * NULL, by the files of its log.
 */
int restore_audit(struct restore *restore, struct store *then, struct store *now,
		  struct ml_error *error);

/* ---- restore_loss.c */

/*
 * Says on standard error what happened behind the backup, by @now (may be NULL) and by the
 * signer. @ret_any: something did, or nobody could tell.
 */
int restore_loss(const struct restore *restore, struct store *then, struct store *now,
		 bool *ret_any, struct ml_error *error);

/* ---- restore.c */

int restore_open(struct restore *restore, struct ml_error *error);
void restore_clean(struct restore *restore);
/* Into place. @ret_before: what was there, kept beside it; "" where nothing was */
int restore_run(struct restore *restore, char ret_before[static CONFIG_PATH],
		struct ml_error *error);
/* A question that wants "yes". @instead: what answers it where there is no terminal. -ECANCELED; -ENXIO */
int restore_ask(const char *question, const char *instead, struct ml_error *error);

#endif
