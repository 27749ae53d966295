// SPDX-License-Identifier: MIT
/* admin list, create, role, reset, remove */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin.h"
#include "bundle.h"
#include "commands.h"
#include "passphrase.h"
#include "units.h"

/* ----------------------------------------------------------------------- list */

static const struct ml_column columns[] = {
	{ "name", "NAME", false },
	{ "role", "ROLE", false },
	{ "secondFactor", "SECOND FACTOR", false },
	{ "added", "SINCE", false },
};

static void list_show(struct ml_output *out, const json_t *list)
{
	char time[UNITS_TEXT];

	ml_output_table(out, "admins", columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *admin = json_array_get(list, i);
		const char *name = admin_text(admin, "name"), *role = admin_text(admin, "role");
		bool factor = json_is_true(json_object_get(admin, "secondFactor"));
		int64_t added = json_integer_value(json_object_get(admin, "added"));

		ml_output_cell(out, ml_output_text(name), ML_STRONG, "%s", name);
		ml_output_cell(out, ml_output_text(role), ML_PLAIN, "%s", role);
		ml_output_cell(out, json_boolean(factor), factor ? ML_PLAIN : ML_BAD, "%s",
			       factor ? "yes" : "no");
		ml_output_cell(out, units_time_json(added), ML_PLAIN, "%s",
			       units_time_format(added, time));
	}
	ml_output_table_end(out);
}

static int list_run(struct cli *cli)
{
	struct ml_error error = { 0 };
	json_t *answer = NULL;
	struct admin *admin;
	int r;

	r = admin_open(cli, false, &admin, &error);
	if (!r)
		r = admin_ask(admin, "GET", "/v1/admins", NULL, &answer, &error);
	if (!r)
		list_show(cli->output, json_object_get(answer, "admins"));
	admin_answer_free(answer);
	return admin_end(cli, admin, r, &error);
}

/* -------------------------------------------------------------------- changing */

/* The name that is meant, which becomes part of a path. */
static int name_check(const char *name, struct ml_error *error)
{
	return ml_name_valid(name) ? 0 : ml_error_set(error, -EINVAL, "'%s': " ML_NAME_RULE, name);
}

/* Asks with a new password of @name's, and shows what comes of it. */
static int with_password(struct admin *admin, const char *name, const char *path,
			 const char *role, struct ml_error *error)
{
	json_t *answer = NULL, *body;
	char *password;
	int r;

	r = admin_step_up(admin, error);
	if (!r)
		r = admin_prompt_new(admin, name, &password, error);
	if (r)
		return r;
	body = role ? json_pack("{s:s, s:s, s:s}", "name", name, "role", role, "password",
				password) : json_pack("{s:s}", "password", password);
	ml_passphrase_free(password);
	r = admin_ask(admin, "POST", path, body, &answer, error);
	if (!r && !admin_show_secrets(admin->cli, answer))
		r = ml_error_set(error, -ENOMEM, "out of memory");
	admin_answer_free(answer);
	return r;
}

static int create_run(struct cli *cli)
{
	const char *name = cli_operand(cli, 0), *role = cli_option(cli, "role");
	struct ml_error error = { 0 };
	struct admin *admin = NULL;
	int r;

	r = name_check(name, &error);
	if (!r)
		r = admin_open(cli, false, &admin, &error);
	if (!r)
		r = with_password(admin, name, "/v1/admins", role ? role : "viewer", &error);
	return admin_end(cli, admin, r, &error);
}

static int path_of(const char *name, const char *end, char ret[static 160],
		   struct ml_error *error)
{
	int r = name_check(name, error);

	if (!r)
		snprintf(ret, 160, "/v1/admins/%s%s", name, end);
	return r;
}

static int reset_run(struct cli *cli)
{
	const char *name = cli_operand(cli, 0);
	struct ml_error error = { 0 };
	struct admin *admin = NULL;
	char path[160];
	int r;

	r = path_of(name, "/reset", path, &error);
	if (!r)
		r = admin_open(cli, false, &admin, &error);
	if (!r)
		r = with_password(admin, name, path, NULL, &error);
	return admin_end(cli, admin, r, &error);
}

/* Without an answer of its own. @body is given away. */
static int plain(struct cli *cli, const char *method, const char *end, json_t *body)
{
	struct ml_error error = { 0 };
	struct admin *admin = NULL;
	char path[160];
	int r;

	r = path_of(cli_operand(cli, 0), end, path, &error);
	if (!r)
		r = admin_open(cli, false, &admin, &error);
	if (!r)
		r = admin_step_up(admin, &error);
	if (!r)
		r = admin_ask(admin, method, path, json_incref(body), NULL, &error);
	json_decref(body);
	return admin_end(cli, admin, r, &error);
}

static int role_run(struct cli *cli)
{
	return plain(cli, "POST", "/role", json_pack("{s:s}", "role", cli_operand(cli, 1)));
}

static int remove_run(struct cli *cli)
{
	return plain(cli, "DELETE", "", NULL);
}

/* -------------------------------------------------------------------- commands */

static const struct cli_option options[] = {
	ADMIN_SERVER_OPTIONS,
	ADMIN_OPTIONS,
	{ 0 },
};

static const struct cli_option create_options[] = {
	{ "role", 'r', "ROLE", "viewer (default), auditor, operator or owner" },
	ADMIN_SERVER_OPTIONS,
	ADMIN_OPTIONS,
	{ 0 },
};

const struct cli_command cli_admin_list = {
	.name = "admin list", .operands = "",
	.summary = "show who administers the network",
	.options = options,
	.run = list_run,
};

const struct cli_command cli_admin_create = {
	.name = "admin create", .operands = "NAME", .least = 1, .most = 1,
	.summary = "make an administrator",
	.notes = "Asks for a password, and shows what sets up an authenticator, and recovery codes.",
	.options = create_options,
	.run = create_run,
};

const struct cli_command cli_admin_role = {
	.name = "admin role", .operands = "NAME ROLE", .least = 2, .most = 2,
	.summary = "change what an administrator may do",
	.options = options,
	.run = role_run,
};

const struct cli_command cli_admin_reset = {
	.name = "admin reset", .operands = "NAME", .least = 1, .most = 1,
	.summary = "give an administrator a new password and new codes",
	.options = options,
	.run = reset_run,
};

const struct cli_command cli_admin_remove = {
	.name = "admin remove", .operands = "NAME", .least = 1, .most = 1,
	.summary = "remove an administrator",
	.options = options,
	.run = remove_run,
};
