// SPDX-License-Identifier: MIT
/* trust init: whom this node believes */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "commands.h"
#include "daemon.h"
#include "secret.h"

#define KEYS_MAX (sizeof(((struct ml_trust *)0)->keys) / sizeof(struct ml_public_key))

static int name_copy(const struct cli *cli, const char *option, char ret[static ML_NAME_MAX + 1],
		     struct ml_error *error)
{
	const char *name = cli_option(cli, option);

	if (!name)
		return ml_error_set(error, -EINVAL, "say --%s", option);
	if (strlen(name) > ML_NAME_MAX || !*name)
		return ml_error_set(error, -EINVAL, "--%s is '%.80s': expected 1 to %d characters",
				    option, name, ML_NAME_MAX);
	strcpy(ret, name);
	return 0;
}

static int keys_read(const struct cli *cli, struct ml_trust *trust, struct ml_error *error)
{
	size_t cursor = 0;
	const char *text;
	int code;

	while ((text = cli_option_next(cli, "key", &cursor))) {
		if (trust->key_count == KEYS_MAX)
			return ml_error_set(error, -E2BIG, "more than %zu keys", KEYS_MAX);
		code = secret_public(text, &trust->keys[trust->key_count], error);
		if (code)
			return code;
		trust->key_count++;
	}
	if (!trust->key_count)
		return ml_error_set(error, -EINVAL, "say whose policy this node takes: --key PUBLIC");
	return 0;
}

static void trust_answer(struct ml_output *out, const char *path, const struct ml_trust *trust)
{
	json_t *ids = json_array();
	char id[65];

	ml_output_field(out, "file", ml_output_text(path), "file", ML_STRONG, "%s", path);
	ml_output_field(out, "network", ml_output_text(trust->network), "network", ML_PLAIN,
			"%s", trust->network);
	ml_output_field(out, "node", ml_output_text(trust->node), "node", ML_PLAIN, "%s",
			trust->node);
	for (size_t i = 0; i < trust->key_count; i++) {
		ml_public_key_id(&trust->keys[i], id);
		json_array_append_new(ids, json_string(id));
		ml_output_field(out, NULL, NULL, i ? "" : "key", ML_PLAIN, "%s", id);
	}
	ml_output_value(out, "keys", ids);
}

static int init_run(struct cli *cli)
{
	const char *path = cli_option(cli, "trust");
	struct ml_trust trust = { 0 };
	struct ml_error error;

	if (!path)
		path = ML_DAEMON_TRUST;
	if (name_copy(cli, "network", trust.network, &error) ||
	    name_copy(cli, "node", trust.node, &error) || keys_read(cli, &trust, &error))
		return cli_fail(cli, &error);
	if (!cli_option(cli, "replace") && access(path, F_OK) == 0)
		return cli_refusef(cli, "%s exists: whom a node trusts is not replaced by accident; use --replace",
				   path);
	if (ml_trust_write(path, &trust, &error))
		return cli_fail(cli, &error);
	trust_answer(cli->output, path, &trust);
	return CLI_YES;
}

static const struct cli_option init_options[] = {
	{ "network", 0, "NAME", "the network that this node is in" },
	{ "node", 'n', "NODE", "this node's name in it" },
	{ "key", 'k', "PUBLIC", "a key that may sign its policy (key show), up to eight times" },
	{ "trust", 't', "FILE", "file to write (default: " ML_DAEMON_TRUST ")" },
	{ "replace", 0, NULL, "replace the file" },
	{ 0 },
};

const struct cli_command cli_trust_init = {
	.name = "trust init", .operands = "",
	.summary = "say whose policy this node takes",
	.options = init_options,
	.run = init_run,
};
