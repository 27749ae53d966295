// SPDX-License-Identifier: MIT
/* audit prove: that an entry is in a log, or that a log extends an older checkpoint. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "commands.h"
#include "file.h"
#include "lines.h"
#include "units.h"

struct proof {
	struct ml_merkle_hash hashes[ML_MERKLE_DEPTH];
	size_t count;
};

static void proof_value(struct ml_output *out, const struct proof *proof)
{
	size_t i;

	ml_output_list(out, "hashes");
	for (i = 0; i < proof->count; i++)
		ml_output_value(out, NULL, audit_hash_json(&proof->hashes[i]));
	ml_output_end(out);
}

/* Text as the C2SP has it: @head, the hashes, an empty line, the checkpoint. */
static int proof_print(struct ml_output *out, const struct audit *audit, const char *head,
		       const struct proof *proof, struct ml_error *error)
{
	char path[PATH_MAX], hash[ML_HASH_TEXT + 1];
	uint8_t *note;
	size_t length, i;
	int code;

	snprintf(path, sizeof(path), "%s/checkpoint", audit->directory);
	code = ml_file_read(path, ML_NOTE_MAX, &note, &length, error);
	if (code)
		return code;
	ml_output_raw(out, head);
	for (i = 0; i < proof->count; i++) {
		ml_hash_format(&proof->hashes[i], hash);
		strcat(hash, "\n");
		ml_output_raw(out, hash);
	}
	ml_output_raw(out, "\n");
	ml_output_raw(out, (char *)note);
	ml_output_value(out, "checkpoint", json_string((char *)note));
	free(note);
	return 0;
}

/* ----------------------------------------------------------------- an entry */

static int leaf_find(struct ml_tiles *tiles, uint64_t index, struct ml_merkle_hash *ret,
		     json_t **ret_entry, struct ml_error *error)
{
	struct ml_tile_bundle bundle = { 0 };
	const struct ml_bytes *entry;
	int code;

	code = ml_tiles_bundle(tiles, index / ML_TILE_WIDTH, &bundle, error);
	if (code == -ENOENT)
		return ml_error_set(error, -ENOENT, "entry %" PRIu64 " was pruned", index);
	if (code)
		return code;
	entry = &bundle.entries[index % ML_TILE_WIDTH];
	ml_merkle_leaf(entry->data, entry->length, ret);
	*ret_entry = json_stringn((const char *)entry->data, entry->length);
	ml_tile_bundle_clean(&bundle);
	return 0;
}

static int entry_prove(const struct audit *audit, struct ml_tiles *tiles, uint64_t index,
		       struct ml_output *out, struct ml_error *error)
{
	const struct ml_checkpoint *checkpoint = &audit->head.checkpoint;
	struct ml_merkle_hash leaf;
	struct proof proof;
	json_t *entry = NULL;
	char head[80];
	int code;

	code = leaf_find(tiles, index, &leaf, &entry, error);
	if (code)
		return code;
	code = ml_merkle_source_prove(ml_tiles_source(tiles), index, checkpoint->size,
				      proof.hashes, &proof.count, error);
	if (!code)
		code = ml_merkle_verify(&leaf, index, checkpoint->size, proof.hashes, proof.count,
					&checkpoint->root, error);
	if (code) {
		json_decref(entry);
		return code;
	}
	snprintf(head, sizeof(head), "c2sp.org/tlog-proof@v1\nindex %" PRIu64 "\n", index);
	ml_output_value(out, "index", json_integer((json_int_t)index));
	ml_output_value(out, "entry", entry);
	ml_output_value(out, "leaf", audit_hash_json(&leaf));
	proof_value(out, &proof);
	return proof_print(out, audit, head, &proof, error);
}

/* ------------------------------------------------------------ a checkpoint */

static int older_prove(const struct audit *audit, struct ml_tiles *tiles,
		       const struct ml_checkpoint *old, struct ml_output *out,
		       struct ml_error *error)
{
	const struct ml_checkpoint *new = &audit->head.checkpoint;
	struct proof proof;
	char head[40];
	int code;

	if (old->size > new->size)
		return ml_error_set(error, -ESTALE,
				    "the log has %" PRIu64 " entries, and had %" PRIu64 " once: it was rolled back",
				    new->size, old->size);
	code = ml_merkle_source_extend(ml_tiles_source(tiles), old->size, new->size, proof.hashes,
				       &proof.count, error);
	if (!code)
		code = ml_merkle_verify_extends(old->size, &old->root, new->size, &new->root,
						proof.hashes, proof.count, error);
	if (code)
		return code;
	snprintf(head, sizeof(head), "old %" PRIu64 "\n", old->size);
	ml_output_value(out, "old", json_integer((json_int_t)old->size));
	proof_value(out, &proof);
	return proof_print(out, audit, head, &proof, error);
}

/* --------------------------------------------------------------------- run */

static int prove(struct cli *cli, const struct audit *audit, uint64_t index,
		 const struct ml_checkpoint *old)
{
	struct ml_tiles *tiles;
	struct ml_error error;
	int code;

	if (ml_tiles_open(audit->directory, audit->head.checkpoint.size, &tiles, &error))
		return cli_fail(cli, &error);
	if (!old && index >= audit->head.checkpoint.size)
		code = ml_error_set(&error, -EBADMSG, "the log has %" PRIu64 " entries: there is no entry %" PRIu64,
				    audit->head.checkpoint.size, index);
	else if (old)
		code = older_prove(audit, tiles, old, cli->output, &error);
	else
		code = entry_prove(audit, tiles, index, cli->output, &error);
	ml_tiles_close(tiles);
	return code ? cli_judge(cli, &error) : CLI_YES;
}

static int prove_run(struct cli *cli)
{
	const char *from = cli_option(cli, "from"), *number = cli_operand(cli, 1);
	struct ml_checkpoint old;
	struct ml_error error;
	struct audit audit;
	uint64_t index = 0;
	int status;

	if (!from == !number)
		return cli_failf(cli, "say what to prove: the number of an entry, or --from an older checkpoint");
	if (number && units_number_parse("the entry", number, 0, INT64_MAX, &index, &error))
		return cli_fail(cli, &error);
	status = audit_open(cli, &audit);
	if (!status && from)
		status = audit_checkpoint_read(cli, &audit, from, &old);
	return status ? status : prove(cli, &audit, index, from ? &old : NULL);
}

static const struct cli_option prove_options[] = {
	AUDIT_OPTIONS,
	{ "from", 'f', "FILE", "an older checkpoint, which the log must extend" },
	{ 0 },
};

const struct cli_command cli_audit_prove = {
	.name = "audit prove", .operands = "DIRECTORY [ENTRY]", .least = 1, .most = 2,
	.summary = "prove that an entry is in an audit log, or that the log only grew",
	.notes = "Prints a proof that others can check without the log: of an entry as\n"
		 "c2sp.org/tlog-proof has it; from a checkpoint on as c2sp.org/tlog-witness does.",
	.options = prove_options,
	.run = prove_run,
};
