// SPDX-License-Identifier: MIT
/* merlon-control: which command, and what all of them have in common. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "keys.h"
#include "passphrase.h"

static const char usage[] =
"Usage: merlon-control COMMAND [OPTION...]\n"
"The control server of a Merlon network: enrols nodes, hands out what was signed.\n"
"\n"
"  init     keys, certificates, store, audit log and configuration of a new network\n"
"  serve    the server itself, in the foreground\n"
"  health   is it well? Status 0: yes; 1: no, and why\n"
"  status   how it is\n"
"  key      create: a one-time key, by which a machine becomes a node\n"
"  node     renew: a node stays longer than its key said\n"
"  nodes    every node\n"
"  policy   publish: sign a policy, and hand it to the server\n"
"  revoke   a node, or a one-time key\n"
"  root     renew: the next root document; new keys of roles, another epoch\n"
"  backup   all that this server needs on another machine, in one sealed file\n"
"  restore  a server of such a file\n"
"  migrate  the store, behind an upgrade\n"
"\n"
"  --version\n"
"  -h, --help       of a command too\n";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "backup", command_backup }, { "health", command_health }, { "init", command_init },
	{ "key", command_key }, { "migrate", command_migrate }, { "node", command_node },
	{ "nodes", command_nodes },
	{ "policy", command_policy }, { "restore", command_restore }, { "revoke", command_revoke },
	{ "root", command_root }, { "serve", command_serve }, { "status", command_status },
};

int command_failed(const struct ml_error *error)
{
	char text[1024];

	fprintf(stderr, "merlon-control: %s\n", ml_error_string(error, text, sizeof(text)));
	return 2;
}

int command_usage(const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "merlon-control %s: ", command);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": try 'merlon-control %s --help'\n", command);
	va_end(args);
	return 2;
}

/* What was given is there once, and opens all keys; what a person types opens one. */
static int passphrase_open(const char *path, int fd, struct ml_secret_key **ret,
			   struct ml_error *error)
{
	static char *given;
	char prompt[300], *typed;
	int r = given ? 0 : ml_passphrase_given(fd, COMMAND_CREDENTIAL, &given, error);

	if (!r)
		return ml_secret_key_read(path, given, ret, error);
	if (r != -ENOENT)
		return r;
	snprintf(prompt, sizeof(prompt), "Passphrase for %.256s: ", path);
	r = ml_passphrase_ask(prompt, &typed, error);
	if (r)
		return r;
	r = ml_secret_key_read(path, typed, ret, error);
	ml_passphrase_free(typed);
	return r;
}

int command_secret(const char *path, int fd, struct ml_secret_key **ret, struct ml_error *error)
{
	int r = ml_secret_key_read(path, NULL, ret, error);

	return r == -ENOKEY ? passphrase_open(path, fd, ret, error) : r;
}

bool command_duration(const char *text, int64_t max, int64_t *ret)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	long long number = strtoll(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end != units[i].unit || end[1] || number <= 0 ||
		    number > max / units[i].seconds)
			continue;
		*ret = number * units[i].seconds;
		return true;
	}
	return false;
}

int command_connect(const char *config_file, struct ml_client **ret, struct ml_error *error)
{
	struct ml_client_options options = { .connect_ms = 0 };
	struct config config;
	int r = config_read(config_file, &config, error);

	if (r)
		return r;
	options.socket = config.admin_socket;
	r = ml_client_setup(error);
	return r ? r : ml_client_new(&options, ret, error);
}

int command_ask(struct ml_client *client, const char *method, const char *path, json_t *body,
		json_t **ret, struct ml_error *error)
{
	const struct ml_client_request request = { .method = method, .path = path, .body = body };
	struct ml_client_answer answer;
	int r = ml_client_do(client, &request, &answer, error);

	json_decref(body);
	if (r)
		return r;
	if (ret)
		*ret = json_incref(answer.json);
	ml_client_answer_clean(&answer);
	return 0;
}

int main(int argc, char **argv)
{
	struct ml_error error;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		fputs(usage, argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("merlon-control " MERLON_VERSION);
		return 0;
	}
	if (ml_keys_setup(&error))
		return command_failed(&error);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, argv[1]))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "merlon-control: there is no command '%s': try 'merlon-control --help'\n",
		argv[1]);
	return 2;
}
