/* SPDX-License-Identifier: MIT */
/* What the commands of `merlon audit` share. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "audit_check.h"
#include "cli.h"

/* For tables of options. */
#define AUDIT_OPTIONS \
	{ "key", 'k', "KEY", "the log's public key (NAME+ID+KEY), or a file with it" }, \
	{ "cosigner", 0, "KEY", "the signer's: it must have cosigned" }

/* A log whose checkpoints were found good. */
struct audit {
	const char *directory;
	struct ml_note_key key, cosigner;
	bool has_cosigner;
	struct ml_audit_head head;
};

/* Keys by the options, checkpoints of the first operand. CLI_YES, or what was said. */
int audit_open(struct cli *cli, struct audit *ret);

/* A checkpoint in a file, which the log's key must have signed. CLI_YES, or what was said. */
int audit_checkpoint_read(struct cli *cli, const struct audit *audit, const char *path,
			  struct ml_checkpoint *ret);

/* Whatever is in @text, as ASCII on one line; malloc()ed, NULL: no memory. */
char *audit_visible(const char *text);

/* Size and root of @checkpoint, as fields of their own or under @key. */
void audit_checkpoint_fields(struct ml_output *out, const struct ml_checkpoint *checkpoint);
json_t *audit_hash_json(const struct ml_merkle_hash *hash);

#endif
