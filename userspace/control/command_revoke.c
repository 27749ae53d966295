// SPDX-License-Identifier: MIT
/* revoke: by the local socket, where root is owner. People elsewhere: a signed revocation. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "commands.h"

static const char usage[] =
"Usage: merlon-control revoke --node NAME | --key ID\n"
"Turns a node out, at once and for good; or ends a one-time key, whose nodes stay.\n"
"\n"
"      --node NAME     its grant is ended, too\n"
"      --key ID        of the grant, as the audit log and /v1/grants name it\n"
"      --config FILE   (" CONFIG_FILE ")\n"
"  -h, --help\n";

static const struct option options[] = {
	{ "node", required_argument, NULL, 'n' },
	{ "key", required_argument, NULL, 'k' },
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int revoke(const char *config, const char *what, const char *name, struct ml_error *error)
{
	struct ml_client *client;
	int r = command_connect(config, &client, error);

	if (r)
		return r;
	r = command_ask(client, "POST", "/v1/revoke", json_pack("{s:s}", what, name), NULL, error);
	ml_client_free(client);
	return r;
}

int command_revoke(int argc, char **argv)
{
	const char *config = CONFIG_FILE, *node = NULL, *key = NULL;
	struct ml_error error;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'n': node = optarg; break;
		case 'k': key = optarg; break;
		case 'c': config = optarg; break;
		case 'h': return fputs(usage, stdout) < 0 ? 2 : 0;
		default: return command_usage("revoke", "wrong options");
		}
	}
	if (optind < argc || !node == !key)
		return command_usage("revoke", "expected --node or --key");
	if (revoke(config, node ? "node" : "grant", node ? node : key, &error))
		return command_failed(&error);
	printf("%s is revoked\n", node ? node : key);
	return 0;
}
