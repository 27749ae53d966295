/* SPDX-License-Identifier: MIT */
/*
 * A backup of this server: all that it needs to go on when its machine is lost, and
 * no key of a role. docs/operations.md has what is in it and why; its parts are:
 *
 *	control.json	the configuration
 *	state/NAME	authority, server certificate, the keys of the audit log and of codes
 *	audit/PATH	the audit log's checkpoint, tiles and entries
 *	store		a snapshot of the store (store_backup()), taken last
 *	manifest	signed by the audit log's key: what all of this is
 */
#ifndef MERLON_CONTROL_BACKUP_H
#define MERLON_CONTROL_BACKUP_H

#include "backup_stream.h"
#include "config.h"
#include "keys.h"

#define BACKUP_CONFIG	"control.json"
#define BACKUP_STATE	"state/"
#define BACKUP_AUDIT	"audit/"
#define BACKUP_STORE	"store"
#define BACKUP_MANIFEST	"manifest"
#define BACKUP_FILE_MAX	(64u << 10)	/* bytes of a part of state/ */

/* Files of the state directory; @needed: without it there is no server. */
struct backup_file {
	const char *name;
	bool needed;
	mode_t mode;
};
extern const struct backup_file backup_files[];
extern const size_t backup_file_count;

struct backup_manifest {
	char network[ML_NAME_MAX + 1];
	char version[32];		/* of the program */
	int64_t created;
	int64_t audit_size, epoch, serial;
	uint8_t digest[32];		/* of all parts before it */
};

/* backup_manifest.c */
int backup_manifest_sign(const struct backup_manifest *manifest, const struct ml_secret_key *key,
			 uint8_t **ret, size_t *ret_length, struct ml_error *error);
/* -EKEYREJECTED: @key did not sign it */
int backup_manifest_verify(struct ml_bytes envelope, const struct ml_public_key *key,
			   struct backup_manifest *ret, struct ml_error *error);

/**
 * backup_make - the whole backup, while the server runs or not
 * @config_file: as it is on disk
 * @fd: an empty file
 * @ret_file: SHA-256 of the file
 *
 * As the server's user.
 */
int backup_make(const struct config *config, struct ml_bytes config_file, int fd,
		const char *passphrase, struct backup_manifest *ret, uint8_t ret_file[static 32],
		struct ml_error *error);
/* Tells the audit log of it; without that there is no backup. */
int backup_tell(const struct config *config, const char *name,
		const struct backup_manifest *manifest, const uint8_t file[static 32],
		struct ml_error *error);

/* backup_audit.c: the audit log's files, as of its newest checkpoint */
int backup_audit(const struct config *config, struct backup_out *out, struct ml_error *error);

/* backup_secret.c: --passphrase-fd, systemd's credential "backup-passphrase", or asked for */
int backup_passphrase(int fd, bool new, char **ret, struct ml_error *error);

#endif
