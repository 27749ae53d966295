// SPDX-License-Identifier: MIT
/* key generate, key show */
#include <errno.h>
#include <string.h>

#include "commands.h"
#include "passphrase.h"
#include "secret.h"

static void public_fields(struct ml_output *out, const struct ml_public_key *key)
{
	char text[ML_PUBLIC_KEY_TEXT], id[65];

	ml_public_key_format(key, text);
	ml_public_key_id(key, id);
	ml_output_field(out, "public", json_string(text), "public key", ML_PLAIN, "%s", text);
	ml_output_field(out, "id", json_string(id), "key id", ML_PLAIN, "%s", id);
}

static int generate(const struct cli *cli, const char *path, struct ml_secret_key **ret,
		    struct ml_error *error)
{
	char *passphrase;
	int code;

	code = secret_choose(cli, path, &passphrase, error);
	if (code)
		return code;
	code = ml_secret_key_generate(ret, error);
	if (!code) {
		code = ml_secret_key_write(path, *ret, passphrase, error);
		if (code)
			ml_secret_key_free(*ret);
	}
	if (passphrase)
		ml_passphrase_free(passphrase);
	return code;
}

static int generate_run(struct cli *cli)
{
	const char *path = cli_option(cli, "output");
	struct ml_public_key public;
	struct ml_secret_key *key;
	struct ml_error error;

	if (!path)
		path = "policy.key";
	if (generate(cli, path, &key, &error))
		return cli_fail(cli, &error);
	ml_secret_key_public(key, &public);
	ml_secret_key_free(key);
	ml_output_field(cli->output, "file", ml_output_text(path), "secret key", ML_STRONG,
			"%s", path);
	ml_output_field(cli->output, "protected", json_boolean(!cli_option(cli, "no-passphrase")),
			"protection", ML_PLAIN, "%s",
			cli_option(cli, "no-passphrase") ? "none but the file's mode" :
							   "passphrase (Argon2id)");
	public_fields(cli->output, &public);
	return CLI_YES;
}

static const struct cli_option generate_options[] = {
	{ "output", 'o', "FILE", "file to write, never overwritten (default: policy.key)" },
	{ "no-passphrase", 0, NULL, "do not encrypt it: for credentials and machines without a person" },
	SECRET_OPTIONS,
	{ 0 },
};

const struct cli_command cli_key_generate = {
	.name = "key generate", .operands = "",
	.summary = "make a key that signs policy",
	.notes = "The file has mode 0600. Keep it away from the machines that it speaks to.",
	.options = generate_options,
	.run = generate_run,
};

static int show_run(struct cli *cli)
{
	struct ml_public_key key;
	struct ml_error error;

	if (secret_public(cli_operand(cli, 0), &key, &error))
		return error.code == -EBADMSG || error.code == -EINVAL ? cli_refuse(cli, &error) :
									 cli_fail(cli, &error);
	public_fields(cli->output, &key);
	return CLI_YES;
}

const struct cli_command cli_key_show = {
	.name = "key show", .operands = "FILE", .least = 1, .most = 1,
	.summary = "show the public half of a key, and its id",
	.notes = "No passphrase is needed. FILE may also be a public key's text.",
	.run = show_run,
};
