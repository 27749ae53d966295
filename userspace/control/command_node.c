// SPDX-License-Identifier: MIT
/* node list, node revoke: by the server's local socket. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "commands.h"
#include "output.h"

#define PAGE	"1000"

static const char usage[] =
"Usage: merlon-control node list [OPTION...]\n"
"       merlon-control node revoke [OPTION...] NAME\n"
"The nodes, and the end of one: it is in nobody's next generation, and never comes back.\n"
"\n"
"      --config FILE         (/etc/merlon/control.json)\n"
"      --json\n"
"  -h, --help\n";

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct given {
	const char *config, *name;
	bool json, help;
};

static int options_read(int argc, char **argv, bool named, struct given *ret)
{
	int option;

	*ret = (struct given){ .config = CONFIG_FILE };
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'c')
			ret->config = optarg;
		else if (option == 'j')
			ret->json = true;
		else if (option == 'h')
			ret->help = true;
		else
			return command_usage("node", "wrong options");
	}
	if (ret->help)
		return 0;
	if (argc - optind != named)
		return command_usage("node", named ? "revoke wants one name" :
				     "list takes no arguments");
	ret->name = named ? argv[optind] : NULL;
	if (named && !ml_name_valid(ret->name))
		return command_usage("node", "'%s': " ML_NAME_RULE, ret->name);
	return 0;
}

/* ------------------------------------------------------------------------- list */

static const struct ml_column columns[] = {
	{ "name", "NAME", false },
	{ "state", "STATE", false },
	{ "tags", "TAGS", false },
	{ "owner", "OWNER", false },
	{ "addresses", "ADDRESSES", false },
};

static const char *text(const json_t *node, const char *key)
{
	const char *value = json_string_value(json_object_get(node, key));

	return value ? value : "";
}

static void cell(struct ml_output *output, const json_t *node, const char *key,
		 enum ml_colour colour)
{
	ml_output_cell(output, ml_output_text(text(node, key)), colour, "%s", text(node, key));
}

static void show(struct ml_output *output, const json_t *node)
{
	cell(output, node, "name", ML_STRONG);
	cell(output, node, "state", strcmp(text(node, "state"), "active") ? ML_WARN : ML_PLAIN);
	cell(output, node, "tags", ML_PLAIN);
	cell(output, node, "owner", ML_PLAIN);
	cell(output, node, "addresses", ML_PLAIN);
}

/* A page behind @after, which becomes the last name. Return: 1: there is more; 0; errors */
static int page(struct ml_client *client, struct ml_output *output, char after[static 65],
		struct ml_error *error)
{
	json_t *answer, *list;
	const json_t *node;
	char path[120];
	size_t i;
	int r;

	snprintf(path, sizeof(path), "/v1/nodes?count=" PAGE "%s%s", *after ? "&after=" : "",
		 after);
	r = command_ask(client, "GET", path, NULL, &answer, error);
	if (r)
		return r;
	list = json_object_get(answer, "nodes");
	json_array_foreach(list, i, node) {
		show(output, node);
		snprintf(after, 65, "%s", text(node, "name"));
	}
	r = json_is_true(json_object_get(answer, "more"));
	json_decref(answer);
	return r;
}

static int list(const struct given *given, struct ml_error *error)
{
	struct ml_output *output;
	struct ml_client *client;
	char after[65] = "";
	int r = command_connect(given->config, &client, error);

	if (r)
		return r;
	output = ml_output_open(stdout, given->json);
	ml_output_table(output, "nodes", columns, sizeof(columns) / sizeof(columns[0]));
	do
		r = page(client, output, after, error);
	while (r > 0);
	ml_output_table_end(output);
	if (r)
		ml_output_discard(output);
	if (ml_output_close(output) && !r)
		r = ml_error_set(error, -EIO, "the answer could not be written");
	ml_client_free(client);
	return r;
}

/* ----------------------------------------------------------------------- revoke */

static int revoke(const struct given *given, struct ml_error *error)
{
	struct ml_client *client;
	json_t *answer;
	int r = command_connect(given->config, &client, error);

	if (r)
		return r;
	r = command_ask(client, "POST", "/v1/revoke", json_pack("{s:s}", "node", given->name),
			&answer, error);
	ml_client_free(client);
	if (r)
		return r;
	json_decref(answer);
	if (given->json)
		printf("{\"node\":\"%s\"}\n", given->name);
	else
		printf("%s is revoked: the generation that follows is without it\n", given->name);
	return 0;
}

int command_node(int argc, char **argv)
{
	bool named = argc > 1 && !strcmp(argv[1], "revoke");
	struct ml_error error;
	struct given given;
	int r;

	if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
		return fputs(usage, stdout) < 0 ? 2 : 0;
	if (!named && (argc < 2 || strcmp(argv[1], "list")))
		return command_usage("node", "expected 'list' or 'revoke'");
	r = options_read(argc - 1, argv + 1, named, &given);
	if (r)
		return r;
	if (given.help)
		return fputs(usage, stdout) < 0 ? 2 : 0;
	r = named ? revoke(&given, &error) : list(&given, &error);
	return r ? command_failed(&error) : 0;
}
