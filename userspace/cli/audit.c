// SPDX-License-Identifier: MIT
/* audit verify; and what the other commands of the audit log need, too. */
#include "audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "file.h"
#include "lines.h"
#include "units.h"

/* ------------------------------------------------------------------ opening */

/* A key's text, or the first line of a file. */
static int key_read(const char *text, struct ml_note_key *ret, struct ml_error *error)
{
	uint8_t *data;
	size_t length;
	int code;

	if (strchr(text, '+'))
		return ml_note_key_parse(text, ret, error);
	code = ml_file_read(text, 4096, &data, &length, error);
	if (code)
		return code;
	data[strcspn((char *)data, "\n")] = '\0';
	code = ml_note_key_parse((char *)data, ret, error);
	free(data);
	return code;
}

static int keys_read(struct cli *cli, struct audit *audit, struct ml_error *error)
{
	const char *key = cli_option(cli, "key"), *cosigner = cli_option(cli, "cosigner");
	int code;

	if (!key)
		return ml_error_set(error, -EINVAL,
				    "say whose log it is: --key NAME+ID+KEY, as the server's administrator has told you");
	code = key_read(key, &audit->key, error);
	if (!code && audit->key.type != ML_NOTE_ED25519)
		code = ml_error_set(error, -EINVAL, "--key is a cosigner's: give it by --cosigner");
	if (code || !cosigner)
		return code;
	audit->has_cosigner = true;
	code = key_read(cosigner, &audit->cosigner, error);
	if (!code && audit->cosigner.type != ML_NOTE_COSIGNATURE)
		code = ml_error_set(error, -EINVAL, "--cosigner is the key of a log: give it by --key");
	return code;
}

int audit_open(struct cli *cli, struct audit *ret)
{
	struct ml_error error;

	memset(ret, 0, sizeof(*ret));
	ret->directory = cli_operand(cli, 0);
	if (keys_read(cli, ret, &error))
		return cli_fail(cli, &error);
	if (ml_audit_head_read(ret->directory, &ret->key,
			       ret->has_cosigner ? &ret->cosigner : NULL, &ret->head, &error))
		return cli_judge(cli, &error);
	return CLI_YES;
}

int audit_checkpoint_read(struct cli *cli, const struct audit *audit, const char *path,
			  struct ml_checkpoint *ret)
{
	struct ml_error error, why;
	uint8_t *data;
	size_t length;
	int code;

	if (ml_file_read(path, ML_NOTE_MAX, &data, &length, &error))
		return cli_judge(cli, &error);
	code = ml_checkpoint_open((struct ml_bytes){ data, length }, &audit->key, ret, NULL, &why);
	free(data);
	if (!code)
		return CLI_YES;
	ml_error_at(&error, code, path, 0, 0, "%s", why.text);
	return cli_judge(cli, &error);
}

/* -------------------------------------------------------------------- words */

char *audit_visible(const char *text)
{
	json_t *json = json_string(text);
	size_t length = 0;
	char *visible = json ? ml_audit_dump(json, &length) : NULL;

	json_decref(json);
	if (!visible)
		return NULL;
	memmove(visible, visible + 1, length - 2);
	visible[length - 2] = '\0';
	return visible;
}

json_t *audit_hash_json(const struct ml_merkle_hash *hash)
{
	char text[ML_HASH_TEXT];

	return json_string(ml_hash_format(hash, text));
}

void audit_checkpoint_fields(struct ml_output *out, const struct ml_checkpoint *checkpoint)
{
	char root[ML_HASH_TEXT];

	ml_output_field(out, "origin", ml_output_text(checkpoint->origin), "log", ML_STRONG, "%s",
			checkpoint->origin);
	ml_output_field(out, "size", json_integer((json_int_t)checkpoint->size), "entries",
			ML_PLAIN, "%" PRIu64, checkpoint->size);
	ml_output_field(out, "root", audit_hash_json(&checkpoint->root), "root", ML_PLAIN, "%s",
			ml_hash_format(&checkpoint->root, root));
}

/* ------------------------------------------------------------------- verify */

static void cosigned_fields(struct ml_output *out, const struct audit *audit)
{
	const struct ml_audit_head *head = &audit->head;
	char time[UNITS_TEXT];

	if (!audit->has_cosigner) {
		ml_output_value(out, "cosigned", json_null());
		ml_output_field(out, NULL, NULL, "cosigned", ML_WARN,
				"not looked at: give the signer's key by --cosigner");
		return;
	}
	ml_output_object(out, "cosigned");
	ml_output_value(out, "size", json_integer((json_int_t)head->cosigned.size));
	ml_output_value(out, "time", units_time_json(head->cosigned_time));
	ml_output_value(out, "by", json_string(audit->cosigner.name));
	ml_output_end(out);
	ml_output_field(out, NULL, NULL, "cosigned",
			head->cosigned.size == head->checkpoint.size ? ML_GOOD : ML_WARN,
			"the first %" PRIu64 ", at %s, by %s", head->cosigned.size,
			units_time_format(head->cosigned_time, time), audit->cosigner.name);
}

static void verdict_fields(struct ml_output *out, const struct audit *audit,
			   const struct ml_tiles_verdict *verdict)
{
	ml_output_value(out, "verified", json_true());
	audit_checkpoint_fields(out, &audit->head.checkpoint);
	cosigned_fields(out, audit);
	ml_output_value(out, "first", json_integer((json_int_t)verdict->first));
	if (verdict->first)
		ml_output_field(out, NULL, NULL, "pruned", ML_PLAIN,
				"entries before %" PRIu64 ", as the log itself says",
				verdict->first);
	ml_output_value(out, "uncommitted", json_integer((json_int_t)verdict->beyond));
	if (verdict->beyond)
		ml_output_field(out, NULL, NULL, "uncommitted", ML_WARN,
				"%" PRIu64 " files behind the checkpoint: being written, or a crash",
				verdict->beyond);
	ml_output_say(out, ML_GOOD, "Every entry and every hash is what was signed.");
}

static int verify_run(struct cli *cli)
{
	const char *path = cli_option(cli, "checkpoint");
	struct ml_tiles_verdict verdict;
	struct ml_checkpoint other;
	struct ml_error error;
	struct audit audit;
	int status, code;

	status = audit_open(cli, &audit);
	if (!status && path)
		status = audit_checkpoint_read(cli, &audit, path, &other);
	if (status)
		return status;
	code = ml_audit_check(audit.directory, &audit.head, path ? &other : NULL, NULL, NULL,
			      &verdict, &error);
	/* A part that is missing is no failure to look: the log is not whole. */
	if (code == -ENOENT)
		return cli_refuse(cli, &error);
	if (code)
		return cli_judge(cli, &error);
	verdict_fields(cli->output, &audit, &verdict);
	return CLI_YES;
}

static const struct cli_option verify_options[] = {
	AUDIT_OPTIONS,
	{ "checkpoint", 0, "FILE", "a checkpoint kept elsewhere: the log must still have its history" },
	{ 0 },
};

const struct cli_command cli_audit_verify = {
	.name = "audit verify", .operands = "DIRECTORY", .least = 1, .most = 1,
	.summary = "say whether an audit log is whole and unaltered",
	.notes = "Every entry against its hash, every tile against those below, the whole against its\n"
		 "signed checkpoints. Needs no server: a copy of the directory will do.",
	.options = verify_options,
	.run = verify_run,
};
