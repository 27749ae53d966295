// SPDX-License-Identifier: MIT
/* admin login, logout, recover */
#include <errno.h>
#include <string.h>

#include "admin.h"
#include "bundle.h"
#include "commands.h"
#include "passphrase.h"

static int login(struct admin *admin, const char *name, const char *factor, const char *prompt,
		 char **ret_password, struct ml_error *error)
{
	json_t *answer = NULL;
	char *password, *code;
	int r;

	r = admin_prompt(admin, "Password: ", &password, error);
	if (r)
		return r;
	r = admin_prompt(admin, prompt, &code, error);
	if (!r) {
		r = admin_ask(admin, "POST", "/v1/session",
			      json_pack("{s:s, s:s, s:s}", "name", name, "password", password,
					factor, code), &answer, error);
		ml_passphrase_free(code);
	}
	if (!r)
		r = admin_take_session(admin, answer, error);
	admin_answer_free(answer);
	if (!r && ret_password)
		*ret_password = password;
	else
		ml_passphrase_free(password);
	return r;
}

static int login_save(struct admin *admin, const char *name, struct ml_error *error)
{
	int r;

	if (strlen(name) >= sizeof(admin->name))
		return ml_error_set(error, -EINVAL, "%s", ML_NAME_RULE);
	strcpy(admin->name, name);
	r = login(admin, name, "totp", "Code: ", NULL, error);
	return r ? r : admin_save(admin, error);
}

static int login_run(struct cli *cli)
{
	const char *name = cli_operand(cli, 0);
	struct ml_error error = { 0 };
	struct admin *admin;
	int r;

	r = admin_open(cli, true, &admin, &error);
	if (!r)
		r = login_save(admin, name, &error);
	if (!r)
		ml_output_field(cli->output, "session", ml_output_text(admin->file), "session",
				ML_PLAIN, "%s", admin->file);
	return admin_end(cli, admin, r, &error);
}

static int logout_run(struct cli *cli)
{
	struct ml_error error = { 0 };
	struct admin *admin;
	int r;

	r = admin_open(cli, false, &admin, &error);
	if (!r && !admin->token[0])
		r = ml_error_set(&error, -ENOENT, "there is no session");
	if (!r)
		r = admin_ask(admin, "DELETE", "/v1/session", NULL, NULL, &error);
	/* One that the server does not know any more is over, too. */
	if (!r || r == -EACCES)
		r = admin_forget(admin, &error);
	return admin_end(cli, admin, r, &error);
}

/* New secrets in the place of those that are lost; that ends the session, too. */
static int recover(struct admin *admin, const char *name, json_t **ret, struct ml_error *error)
{
	char *password;
	int r;

	r = login(admin, name, "recovery", "Recovery code: ", &password, error);
	if (r)
		return r;
	r = admin_ask(admin, "POST", "/v1/session/secrets",
		      json_pack("{s:s}", "password", password), ret, error);
	ml_passphrase_free(password);
	return r;
}

static int recover_run(struct cli *cli)
{
	struct ml_error error = { 0 };
	json_t *answer = NULL;
	struct admin *admin;
	int r;

	r = admin_open(cli, true, &admin, &error);
	if (!r)
		r = recover(admin, cli_operand(cli, 0), &answer, &error);
	if (!r && !admin_show_secrets(cli, answer))
		r = ml_error_set(&error, -ENOMEM, "out of memory");
	admin_answer_free(answer);
	return admin_end(cli, admin, r, &error);
}

static const struct cli_option login_options[] = {
	ADMIN_SERVER_OPTIONS,
	ADMIN_OPTIONS,
	{ 0 },
};

static const struct cli_option session_options[] = {
	ADMIN_OPTIONS,
	{ 0 },
};

const struct cli_command cli_admin_login = {
	.name = "admin login", .operands = "NAME", .least = 1, .most = 1,
	.summary = "begin a session with a control server",
	.notes = "Asks for the password and the authenticator's code.",
	.options = login_options,
	.run = login_run,
};

const struct cli_command cli_admin_logout = {
	.name = "admin logout", .operands = "",
	.summary = "end the session",
	.options = session_options,
	.run = logout_run,
};

const struct cli_command cli_admin_recover = {
	.name = "admin recover", .operands = "NAME", .least = 1, .most = 1,
	.summary = "get new secrets for a recovery code",
	.notes = "Asks for the password and a recovery code. The authenticator is set up anew; all\n"
		 "sessions and recovery codes that were are over.",
	.options = login_options,
	.run = recover_run,
};
