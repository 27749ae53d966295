// SPDX-License-Identifier: MIT
/* nodes: by the server's local socket. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "date.h"
#include "output.h"

#define PAGE	"1000"

static const char usage[] =
"Usage: merlon-control nodes [OPTION...]\n"
"Every node: state, tags or owner, addresses, when its membership ends.\n"
"\n"
"      --config FILE         (" CONFIG_FILE ")\n"
"      --json\n"
"  -h, --help\n";

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const struct ml_column columns[] = {
	{ "name", "NAME", false },
	{ "state", "STATE", false },
	{ "tags", "TAGS", false },
	{ "owner", "OWNER", false },
	{ "addresses", "ADDRESSES", false },
	{ "expires", "EXPIRES", false },
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

/* Nothing: never, or the signer was not there to say. */
static void cell_expires(struct ml_output *output, const json_t *node)
{
	json_t *date = json_object_get(node, "expires");
	char text[ML_DATE_TEXT] = "";

	if (json_integer_value(date))
		ml_date_format(json_integer_value(date), text);
	ml_output_cell(output, json_incref(date), ML_PLAIN, "%s", text);
}

static void show(struct ml_output *output, const json_t *node)
{
	cell(output, node, "name", ML_STRONG);
	cell(output, node, "state", strcmp(text(node, "state"), "active") ? ML_WARN : ML_PLAIN);
	cell(output, node, "tags", ML_PLAIN);
	cell(output, node, "owner", ML_PLAIN);
	cell(output, node, "addresses", ML_PLAIN);
	cell_expires(output, node);
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

static int list(const char *config, bool json, struct ml_error *error)
{
	struct ml_output *output;
	struct ml_client *client;
	char after[65] = "";
	int r = command_connect(config, &client, error);

	if (r)
		return r;
	output = ml_output_open(stdout, json);
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

int command_nodes(int argc, char **argv)
{
	const char *config = CONFIG_FILE;
	struct ml_error error;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'c': config = optarg; break;
		case 'j': json = true; break;
		case 'h': return fputs(usage, stdout) < 0 ? 2 : 0;
		default: return command_usage("nodes", "wrong options");
		}
	}
	if (optind < argc)
		return command_usage("nodes", "takes no arguments");
	return list(config, json, &error) ? command_failed(&error) : 0;
}
