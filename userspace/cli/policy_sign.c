// SPDX-License-Identifier: MIT
/* policy sign, policy renew */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "secret.h"
#include "signing.h"
#include "units.h"

static int network_read(const struct cli *cli, struct ml_statement *statement,
			struct ml_error *error)
{
	const char *network = cli_option(cli, "network");

	if (!network)
		return ml_error_set(error, -EINVAL, "say for which network: --network NAME");
	if (!ml_name_valid(network))
		return ml_error_set(error, -EINVAL, "--network is '%.80s': " ML_NAME_RULE, network);
	strcpy(statement->network, network);
	return 0;
}

static int epoch_read(const struct cli *cli, struct ml_statement *statement,
		      struct ml_error *error)
{
	const char *text = cli_option(cli, "epoch");

	statement->epoch = 1;
	return text ? units_number_parse("--epoch", text, 1, INT64_MAX, &statement->epoch,
					 error) : 0;
}

/* What the command line says; an error in it is misuse. */
static int sign_read(const struct cli *cli, struct signing *signing, struct ml_error *error)
{
	int code = network_read(cli, &signing->statement, error);

	if (!code)
		code = epoch_read(cli, &signing->statement, error);
	if (!code)
		code = signing_dates(cli, &signing->statement, error);
	if (!code && !cli_option(cli, "key"))
		code = ml_error_set(error, -EINVAL, "say which key signs: --key KEY");
	return code;
}

/* What can be refused before a passphrase is asked for. */
static int sign_prepare(struct cli *cli, const struct source *source, struct signing *signing,
			struct ml_error *error)
{
	int code = ml_policy_test(source->policy, NULL, NULL, error);

	return code ? code : signing_add_source(signing, source, cli_option(cli, "node"), error);
}

static int sign(struct cli *cli, const struct source *source, struct signing *signing)
{
	const char *directory = cli_option(cli, "output");
	struct ml_error error;

	if (sign_read(cli, signing, &error))
		return cli_fail(cli, &error);
	if (sign_prepare(cli, source, signing, &error))
		return error.code == -EPERM ? cli_refuse(cli, &error) : cli_judge(cli, &error);
	if (secret_open(cli, cli_option(cli, "key"), &signing->key, &error))
		return cli_fail(cli, &error);
	if (signing_serial(cli, signing, directory, NULL, &error))
		return cli_judge(cli, &error);
	if (signing_write(signing, directory, &error))
		return cli_fail(cli, &error);
	signing_answer(cli, signing, directory);
	return CLI_YES;
}

static int sign_run(struct cli *cli)
{
	struct signing signing = { 0 };
	struct source source;
	struct ml_error error;
	int status;

	if (!cli_option(cli, "output"))
		return cli_failf(cli, "say where to write the bundles: --output DIR");
	if (source_open_policy(cli_operand(cli, 0), &source, &error))
		return cli_judge(cli, &error);
	status = sign(cli, &source, &signing);
	signing_clean(&signing);
	source_close(&source);
	return status;
}

static const struct cli_option sign_options[] = {
	{ "network", 0, "NAME", "the network that it is for" },
	{ "node", 'n', "NODE", "whose it is, where the policy has no section \"nodes\"" },
	{ "epoch", 'e', "N", "of the generation (default: 1)" },
	{ "output", 'o', "DIR", "where to write NODE.bundle for each node" },
	SIGNING_OPTIONS,
	SECRET_OPTIONS,
	{ 0 },
};

const struct cli_command cli_policy_sign = {
	.name = "policy sign", .operands = "FILE", .least = 1, .most = 1,
	.summary = "compile a policy for each of its nodes, and sign it",
	.notes = "The policy's own tests must pass first. One signature covers all nodes.",
	.options = sign_options,
	.run = sign_run,
};

/* ------------------------------------------------------------------ renew */

static int renew_prepare(struct cli *cli, struct signing *signing, const char *from,
			 const char *to, struct ml_error *error)
{
	int code = signing_add_directory(signing, from, error);

	/* It brought the old statement along, dates included. */
	if (!code)
		code = signing_dates(cli, &signing->statement, error);
	return code ? code : signing_serial(cli, signing, from, to, error);
}

static int renew(struct cli *cli, struct signing *signing, const char *from, const char *to)
{
	struct ml_statement dates;
	struct ml_error error;

	if (!cli_option(cli, "key"))
		return cli_failf(cli, "say which key signs: --key KEY");
	if (signing_dates(cli, &dates, &error) ||
	    secret_open(cli, cli_option(cli, "key"), &signing->key, &error))
		return cli_fail(cli, &error);
	if (renew_prepare(cli, signing, from, to, &error) ||
	    signing_write(signing, to, &error))
		return cli_judge(cli, &error);
	signing_answer(cli, signing, to);
	return CLI_YES;
}

static int renew_run(struct cli *cli)
{
	const char *from = cli_operand(cli, 0), *to = cli_option(cli, "output");
	struct signing signing = { 0 };
	int status = renew(cli, &signing, from, to ? to : from);

	signing_clean(&signing);
	return status;
}

static const struct cli_option renew_options[] = {
	{ "output", 'o', "DIR", "where to write the bundles (default: where they are)" },
	SIGNING_OPTIONS,
	SECRET_OPTIONS,
	{ 0 },
};

const struct cli_command cli_policy_renew = {
	.name = "policy renew", .operands = "DIR", .least = 1, .most = 1,
	.summary = "sign the newest generation of a directory again, with new dates",
	.notes = "The bundles say what they said before, so a node reloads nothing. Only bundles\n"
		 "that the same key signed are renewed.",
	.options = renew_options,
	.run = renew_run,
};

