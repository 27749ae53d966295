/* SPDX-License-Identifier: MIT */
/*
 * The signer cosigns the audit log: at once when the server starts, then every
 * COSIGN_SECONDS where entries came. Each is a record of its ledger, so not each entry
 * gets one. While it does not, the log goes on, and status and journal say why.
 */
#ifndef MERLON_CONTROL_COSIGN_H
#define MERLON_CONTROL_COSIGN_H

#include <stdint.h>

#include "error.h"
#include "note.h"

#define COSIGN_SECONDS	300
#define COSIGN_AGAIN	5	/* seconds, where the signer is not there or refused */

struct audit_log;
struct cosigning;
struct server;

int cosigning_new(struct server *server, const struct ml_note_key *log, struct cosigning **ret,
		  struct ml_error *error);
void cosigning_free(struct cosigning *cosigning);
/* At times, from the one thread that writes the log. */
void cosigning_tick(struct cosigning *cosigning, struct audit_log *log, const char *directory);

/* What status says of it (server_private.h). */
struct cosigned_said {
	uint64_t size;			/* entries under the newest cosignature */
	int64_t time;			/* of it, Unix seconds; 0: before this process */
	char key[ML_NOTE_KEY_TEXT];	/* of the signer; "": never seen by this process */
	char why[512];			/* not cosigned; "": all is well */
};

#endif
