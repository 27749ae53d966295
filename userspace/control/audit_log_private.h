/* SPDX-License-Identifier: MIT */
/* What audit_log*.c and audit_prune.c share. */
#ifndef AUDIT_LOG_PRIVATE_H
#define AUDIT_LOG_PRIVATE_H

#include "audit_files.h"
#include "audit_log.h"
#include "tiles.h"

/* A log in memory: what its last tiles hold. */
struct audit_state {
	struct ml_tile_builder builder;
	uint8_t *bundle;	/* the last bundle, which is not whole */
	size_t bundle_length, bundle_room;
};

struct audit_log {
	char *directory;
	struct audit_files files;
	const struct ml_note_key *key;
	const struct ml_secret_key *secret;
	struct audit_state state;
	char *note;		/* the checkpoint */
	bool unsure;		/* writing failed: what the disk holds must be read again */
	char remark[256];
};

/* audit_log_load.c: the state from disk, and what is behind it cut. */
int audit_log_load(struct audit_log *log, unsigned int *ret_cut, struct ml_error *error);
/* Parts of tiles that are whole now; failures are left for the next time. */
void audit_log_tidy(struct audit_log *log, const struct ml_tile_builder *before);

/* audit_log.c: sign and write a checkpoint of @builder. */
int audit_log_publish(struct audit_log *log, const struct ml_tile_builder *builder,
		      struct ml_error *error);

int audit_state_copy(const struct audit_state *from, struct audit_state *ret,
		     struct ml_error *error);
void audit_state_clean(struct audit_state *state);
int audit_bundle_add(struct audit_state *state, struct ml_bytes leaf, struct ml_error *error);

#endif
