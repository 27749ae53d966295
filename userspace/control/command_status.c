// SPDX-License-Identifier: MIT
/* health and status: what the server says of itself, by its local socket. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "date.h"
#include "output.h"

static const char health_usage[] =
"Usage: merlon-control health [--config FILE]\n"
"Status 0: all is well; 1: not all, and what; 2: the server does not answer.\n";

static const char status_usage[] =
"Usage: merlon-control status [--json] [--config FILE]\n"
"Network, root, generation, signer, audit log, and whom the network must trust.\n";

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct given {
	const char *config;
	bool json, help;
};

static int options_read(int argc, char **argv, struct given *ret)
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
			return command_usage(argv[0], "wrong options");
	}
	return optind < argc ? command_usage(argv[0], "takes no arguments") : 0;
}

static int ask(const struct given *given, const char *path, json_t **ret, struct ml_error *error)
{
	struct ml_client *client;
	int r = command_connect(given->config, &client, error);

	if (r)
		return r;
	r = command_ask(client, "GET", path, NULL, ret, error);
	ml_client_free(client);
	return r;
}

int command_health(int argc, char **argv)
{
	struct ml_error error;
	struct given given;
	const char *sentence;
	json_t *answer;
	int r = options_read(argc, argv, &given);

	if (r)
		return r;
	if (given.help)
		return fputs(health_usage, stdout) < 0 ? 2 : 0;
	if (ask(&given, "/v1/health", &answer, &error))
		return command_failed(&error);
	sentence = json_string_value(json_object_get(answer, "sentence"));
	if (given.json)
		json_dumpf(answer, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	else
		printf("%s", sentence ? sentence : "ok");
	putchar('\n');
	r = sentence ? 1 : 0;
	json_decref(answer);
	return r;
}

/* ------------------------------------------------------------------- status */

static const json_t *part(const json_t *answer, const char *object, const char *key)
{
	const json_t *json = object ? json_object_get(answer, object) : answer;

	return json_object_get(json, key);
}

static long long number(const json_t *answer, const char *object, const char *key)
{
	return (long long)json_integer_value(part(answer, object, key));
}

static const char *text(const json_t *answer, const char *object, const char *key)
{
	const char *value = json_string_value(part(answer, object, key));

	return value ? value : "";
}

static void generation_show(struct ml_output *output, const json_t *answer)
{
	char until[ML_DATE_TEXT];

	if (!json_is_object(json_object_get(answer, "generation"))) {
		ml_output_field(output, NULL, NULL, "generation", ML_WARN, "none yet%s%s",
				*text(answer, "signer", "waiting") ? ": " : "",
				text(answer, "signer", "waiting"));
		return;
	}
	ml_date_format(number(answer, "generation", "expires"), until);
	ml_output_field(output, NULL, NULL, "generation",
			json_is_true(part(answer, "generation", "stale")) ? ML_WARN : ML_GOOD,
			"%lld.%lld, %lld nodes, until %s%s", number(answer, "generation", "epoch"),
			number(answer, "generation", "serial"), number(answer, "generation", "nodes"),
			until, json_is_true(part(answer, "generation", "stale")) ? ": stale" : "");
}

static void membership_show(struct ml_output *output, const json_t *answer)
{
	long long expired = number(answer, "membership", "expired");
	long long soon = number(answer, "membership", "soon");
	char date[ML_DATE_TEXT];

	if (expired)
		ml_output_field(output, NULL, NULL, "expired", ML_WARN, "%lld node%s: 'merlon-control nodes' names them",
				expired, expired == 1 ? "" : "s");
	if (soon)
		ml_output_field(output, NULL, NULL, "expire soon", ML_WARN, "%lld node%s, %s first: %s",
				soon, soon == 1 ? "" : "s", text(answer, "membership", "nextNode"),
				ml_date_format(number(answer, "membership", "nextDate"), date));
}

static void audit_show(struct ml_output *output, const json_t *answer)
{
	ml_output_field(output, NULL, NULL, "audit log", ML_PLAIN, "%lld entries, %lld written, %lld cosigned",
			number(answer, "audit", "entries"), number(answer, "audit", "written"),
			number(answer, "audit", "cosigned"));
	if (*text(answer, "audit", "cosigner"))
		ml_output_field(output, NULL, NULL, "cosigner", ML_PLAIN, "%s",
				text(answer, "audit", "cosigner"));
	if (*text(answer, "audit", "uncosigned"))
		ml_output_field(output, NULL, NULL, "not cosigned", ML_BAD, "%s",
				text(answer, "audit", "uncosigned"));
}

static void show(struct ml_output *output, const json_t *answer)
{
	bool hosted = !strcmp(text(answer, NULL, "trust"), "hosted");
	bool there = json_is_true(part(answer, "signer", "connected"));

	ml_output_field(output, NULL, NULL, "network", ML_STRONG, "%s", text(answer, NULL, "network"));
	ml_output_field(output, NULL, NULL, "url", ML_PLAIN, "%s", text(answer, NULL, "url"));
	ml_output_field(output, NULL, NULL, "trust", hosted ? ML_WARN : ML_GOOD, "%s",
			hosted ? "hosted, this server can invent" :
			"separate keys: this server can withhold, not invent");
	ml_output_field(output, NULL, NULL, "root", ML_PLAIN, "version %lld, epoch %lld, %s",
			number(answer, "root", "version"), number(answer, "root", "epoch"),
			text(answer, "root", "digest"));
	ml_output_field(output, NULL, NULL, "signer", there ? ML_GOOD : ML_BAD, "%s",
			there ? "connected" : "not there");
	generation_show(output, answer);
	membership_show(output, answer);
	audit_show(output, answer);
	if (*text(answer, NULL, "stuck"))
		ml_output_field(output, NULL, NULL, "stuck", ML_BAD, "%s", text(answer, NULL, "stuck"));
}

int command_status(int argc, char **argv)
{
	struct ml_output *output;
	struct ml_error error;
	struct given given;
	json_t *answer;
	int r = options_read(argc, argv, &given);

	if (r)
		return r;
	if (given.help)
		return fputs(status_usage, stdout) < 0 ? 2 : 0;
	if (ask(&given, "/v1/status", &answer, &error))
		return command_failed(&error);
	if (given.json) {
		json_dumpf(answer, stdout, JSON_COMPACT | JSON_SORT_KEYS);
		putchar('\n');
	} else {
		output = ml_output_open(stdout, false);
		show(output, answer);
		r = ml_output_close(output) ? 2 : 0;
	}
	json_decref(answer);
	return r;
}
