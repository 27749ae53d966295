// SPDX-License-Identifier: MIT
/*
 * node renew: a node may stay longer than its grant said, or for good. Signed here by the
 * membership key, which the server never sees: so a server cannot have it stay.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "date.h"
#include "extension.h"
#include "grant.h"
#include "strict.h"

static const char usage[] =
"Usage: merlon-control node renew NAME --lifetime TIME|none [OPTION...]\n"
"Has a node stay in the network, before its membership ends or behind that.\n"
"\n"
"      --lifetime TIME       from now on: 12h, 90d; none: for good\n"
"      --membership-key FILE (" MEMBERSHIP_KEY_FILE ")\n"
"      --passphrase-fd N     where to read the key's passphrase; otherwise see SECRETS in merlon-control(8)\n"
"      --config FILE         (" CONFIG_FILE ")\n"
"  -h, --help\n";

enum { OPT_LIFETIME = 256, OPT_KEY, OPT_PASSPHRASE };

static const struct option options[] = {
	{ "lifetime", required_argument, NULL, OPT_LIFETIME },
	{ "membership-key", required_argument, NULL, OPT_KEY },
	{ "passphrase-fd", required_argument, NULL, OPT_PASSPHRASE },
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct given {
	const char *config, *key, *name;
	int passphrase_fd;
	bool has_lifetime;
	int64_t lifetime;		/* seconds; 0: for good */
};

/* Which grant let it in: what is signed speaks of this node, and of none that has its name later. */
static int grant_find(struct ml_client *client, const char *name, struct ml_extension *ret,
		      struct ml_error *error)
{
	char path[100];
	json_t *node;
	int r;

	snprintf(path, sizeof(path), "/v1/nodes/%s", name);
	r = command_ask(client, "GET", path, NULL, &node, error);
	if (r)
		return r;
	r = ml_strict_key_id(node, "node", "grant", ret->grant, error);
	json_decref(node);
	return r;
}

static int network_find(struct ml_client *client, struct ml_extension *ret,
			struct ml_error *error)
{
	json_t *status;
	int r = command_ask(client, "GET", "/v1/status", NULL, &status, error);

	if (r)
		return r;
	r = ml_strict_name(status, "status", "network", ret->network, error);
	json_decref(status);
	return r;
}

static int extension_send(struct ml_client *client, const struct given *given,
			  const struct ml_extension *extension, struct ml_error *error)
{
	struct ml_secret_key *membership;
	uint8_t *envelope;
	size_t length;
	json_t *json;
	int r = command_secret(given->key, given->passphrase_fd, &membership, error);

	if (r)
		return r;
	r = ml_extension_sign(extension, (const struct ml_secret_key *const *)&membership, 1,
			      &envelope, &length, error);
	ml_secret_key_free(membership);
	if (r)
		return r;
	r = ml_strict_load(envelope, length, "extension", &json, error);
	free(envelope);
	return r ? r : command_ask(client, "POST", "/v1/extend",
				   json_pack("{s:o}", "extension", json), NULL, error);
}

static int renew(const struct given *given, struct ml_extension *extension,
		 struct ml_error *error)
{
	struct ml_client *client;
	int r = command_connect(given->config, &client, error);

	if (r)
		return r;
	snprintf(extension->node, sizeof(extension->node), "%s", given->name);
	extension->time = ml_date_now();
	extension->expires = given->lifetime ? extension->time + given->lifetime : 0;
	r = network_find(client, extension, error);
	if (!r)
		r = grant_find(client, given->name, extension, error);
	if (!r)
		r = extension_send(client, given, extension, error);
	ml_client_free(client);
	return r;
}

static bool lifetime_read(struct given *to)
{
	to->has_lifetime = true;
	if (!strcmp(optarg, "none"))
		return true;
	return command_duration(optarg, ML_LIFETIME_OF_NODE_MAX, &to->lifetime);
}

static bool option_take(struct given *to, int option)
{
	switch (option) {
	case OPT_LIFETIME: return lifetime_read(to);
	case OPT_KEY: to->key = optarg; return true;
	case OPT_PASSPHRASE: to->passphrase_fd = atoi(optarg); return true;
	case 'c': to->config = optarg; return true;
	default: return false;
	}
}

static int said(const struct given *given, const struct ml_extension *extension)
{
	char until[ML_DATE_TEXT];
	int r;

	if (extension->expires)
		r = printf("%s is a node until %s\n", given->name,
			   ml_date_format(extension->expires, until));
	else
		r = printf("%s is a node for good\n", given->name);
	return r < 0 ? 2 : 0;
}

int command_node(int argc, char **argv)
{
	struct given given = { .config = CONFIG_FILE, .key = MEMBERSHIP_KEY_FILE,
			       .passphrase_fd = -1 };
	struct ml_extension extension = { .time = 0 };
	struct ml_error error;
	int option;

	if (argc > 1 && !strcmp(argv[1], "renew")) {
		argc--;
		argv++;
	} else if (argc < 2 || argv[1][0] != '-') {
		return command_usage("node", "expected 'node renew'");
	}
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? 2 : 0;
		if (!option_take(&given, option))
			return command_usage("node", "wrong options");
	}
	if (optind + 1 != argc || !ml_name_valid(argv[optind]) || !given.has_lifetime)
		return command_usage("node", "expected the name of a node, and --lifetime");
	given.name = argv[optind];
	return renew(&given, &extension, &error) ? command_failed(&error) :
		said(&given, &extension);
}
