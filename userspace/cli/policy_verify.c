// SPDX-License-Identifier: MIT
/* policy verify: what a node would make of a bundle. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "daemon.h"
#include "date.h"
#include "file.h"
#include "generation.h"
#include "source.h"

/* Dates alone: what the node has seen before, only the node knows. */
static int dates_judge(const struct ml_statement *statement, const char *path,
		       struct ml_error *error)
{
	struct ml_watermark none = { 0 };
	uint64_t lifetime;
	int code;

	code = ml_statement_judge(statement, &none, ml_date_now(), &lifetime, error);
	if (code == -ETIME)
		return ml_error_at(error, code, path, 0, 0, "%s",
				   "the signature is good, but it has expired: ask for a renewal");
	return 0;
}

static int verify(struct cli *cli, const struct source *source)
{
	const struct ml_bundle *bundle = &source->bundle;
	const struct ml_watermark none = { 0 };
	struct ml_output *out = cli->output;
	struct ml_error error;
	struct sheet sheet;

	if (dates_judge(&bundle->statement, source->path, &error))
		return cli_judge(cli, &error);
	if (sheet_open(source, bundle->node, &sheet, &error))
		return cli_judge(cli, &error);
	ml_output_value(out, "verified", json_true());
	ml_output_field(out, "file", ml_output_text(source->path), "verified", ML_GOOD, "%s",
			source->path);
	ml_output_field(out, "node", ml_output_text(bundle->node), "node", ML_STRONG, "%s",
			bundle->node);
	generation_fields(out, &bundle->statement);
	ml_output_field(out, "key", json_string(bundle->key_id), "signed by", ML_PLAIN, "%s",
			bundle->key_id);
	generation_digest_field(out, "image", "image", bundle->image_digest);
	sheet_close(&sheet);
	generation_ahead(cli, &bundle->statement);
	if (bundle->statement.not_before > ml_statement_now(&bundle->statement, &none, ml_date_now()))
		ml_output_say(out, ML_WARN, "It is not to be applied before its time.");
	return CLI_YES;
}

static int verify_run(struct cli *cli)
{
	const char *trust_path = cli_option(cli, "trust");
	const char *path = cli_operand(cli, 0);
	struct ml_trust trust;
	struct source source;
	struct ml_error error;
	int status;

	if (ml_trust_read(trust_path ? trust_path : ML_DAEMON_TRUST, &trust, &error))
		return cli_fail(cli, &error);
	if (cli_option(cli, "any-node"))
		trust.node[0] = '\0';
	if (source_open(path, &trust, &source, &error))
		return cli_judge(cli, &error);
	if (source.policy)
		status = cli_refusef(cli, "%s: not a bundle: it is a policy source, which nobody signs", path);
	else
		status = verify(cli, &source);
	source_close(&source);
	return status;
}

static const struct cli_option verify_options[] = {
	{ "trust", 't', "FILE", "whom to trust (default: " ML_DAEMON_TRUST ")" },
	{ "any-node", 0, NULL, "whichever node of the network it is for" },
	{ 0 },
};

const struct cli_command cli_policy_verify = {
	.name = "policy verify", .operands = "BUNDLE", .least = 1, .most = 1,
	.summary = "say whether a bundle would be taken, and why not",
	.notes = "Signature, network, node, proof, digests, dates, and the image itself. What was\n"
		 "applied before is not looked at.",
	.options = verify_options,
	.run = verify_run,
};
