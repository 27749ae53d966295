// SPDX-License-Identifier: MIT
/*
 * key create: a one-time key is made here, and a grant for it signed by the membership
 * key, which the server never sees. What is printed is all that a machine needs.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "commands.h"
#include "date.h"
#include "grant.h"
#include "key_string.h"
#include "locked.h"
#include "strict.h"

#define DAY	86400

static const char usage[] =
"Usage: merlon-control key create [OPTION...]\n"
"Prints a one-time key: what 'merlon enrol' reads on the machine that is to join.\n"
"\n"
"      --tag NAME            of the node, as tag:web; may be said again\n"
"      --owner EMAIL         of the node, instead of tags\n"
"      --uses N              how many machines may use it: 1 to 25 (1)\n"
"      --expires TIME        after 30m, 24h, 7d (24h)\n"
"      --lifetime TIME       how long a machine that used it stays: 12h, 90d (for good)\n"
"      --membership-key FILE (" MEMBERSHIP_KEY_FILE ")\n"
"      --passphrase-fd N     where to read the key's passphrase; otherwise see SECRETS in merlon-control(8)\n"
"      --config FILE         (" CONFIG_FILE ")\n"
"      --json\n"
"  -h, --help\n";

enum { OPT_TAG = 256, OPT_OWNER, OPT_USES, OPT_EXPIRES, OPT_LIFETIME, OPT_KEY, OPT_PASSPHRASE };

static const struct option options[] = {
	{ "tag", required_argument, NULL, OPT_TAG },
	{ "owner", required_argument, NULL, OPT_OWNER },
	{ "uses", required_argument, NULL, OPT_USES },
	{ "expires", required_argument, NULL, OPT_EXPIRES },
	{ "lifetime", required_argument, NULL, OPT_LIFETIME },
	{ "membership-key", required_argument, NULL, OPT_KEY },
	{ "passphrase-fd", required_argument, NULL, OPT_PASSPHRASE },
	{ "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct given {
	const char *config, *key;
	int passphrase_fd;
	bool json;
	struct ml_grant grant;
	int64_t seconds;
};

/* ------------------------------------------------------------------ options */

static bool tag_add(struct ml_grant *grant, const char *tag)
{
	if (grant->tag_count == ML_GRANT_TAGS || strlen(tag) > ML_GRANT_TAG_MAX)
		return false;
	strcpy(grant->tags[grant->tag_count++], tag);
	return true;
}

static bool option_take(struct given *to, int option)
{
	switch (option) {
	case OPT_TAG: return tag_add(&to->grant, optarg);
	case OPT_OWNER:
		snprintf(to->grant.owner, sizeof(to->grant.owner), "%s", optarg);
		return strlen(optarg) <= ML_GRANT_OWNER_MAX;
	case OPT_USES:
		to->grant.uses = (unsigned int)strtoul(optarg, NULL, 10);
		return to->grant.uses >= 1 && to->grant.uses <= ML_GRANT_USES_MAX;
	case OPT_EXPIRES: return command_duration(optarg, 365 * DAY, &to->seconds);
	case OPT_LIFETIME:
		return command_duration(optarg, ML_LIFETIME_OF_NODE_MAX, &to->grant.lifetime);
	case OPT_KEY: to->key = optarg; return true;
	case OPT_PASSPHRASE: to->passphrase_fd = atoi(optarg); return true;
	case 'c': to->config = optarg; return true;
	case 'j': to->json = true; return true;
	default: return false;
	}
}

/* ---------------------------------------------------------------------- keys */

/* What the server says of itself; the person is root on its machine, and asks by its socket. */
static int place_fill(const json_t *status, struct ml_key_string *key, struct ml_grant *grant,
		      struct ml_error *error)
{
	const char *url;
	json_t *root;
	int r = ml_strict_object(status, "status", "root", &root, error);

	if (!r)
		r = ml_strict_hash(root, "status", "digest", key->root_digest, error);
	if (!r)
		r = ml_strict_hash(status, "status", "serverKey", key->server_digest, error);
	if (!r)
		r = ml_strict_name(status, "status", "network", grant->network, error);
	if (!r)
		r = ml_strict_string(status, "status", "url", &url, error);
	if (!r)
		snprintf(key->url, sizeof(key->url), "%s", url);
	return r;
}

static int one_time_make(struct ml_key_string *key, struct ml_grant *grant,
			 struct ml_error *error)
{
	struct ml_secret_key *secret;
	int r;

	randombytes_buf(key->seed, sizeof(key->seed));
	r = ml_secret_key_from_seed(key->seed, &secret, error);
	if (r)
		return r;
	ml_secret_key_public(secret, &grant->key);
	ml_secret_key_free(secret);
	return 0;
}

static int grant_send(struct ml_client *client, struct given *given, struct ml_error *error)
{
	struct ml_secret_key *membership;
	size_t length;
	uint8_t *envelope;
	json_t *json;
	int r = command_secret(given->key, given->passphrase_fd, &membership, error);

	if (r)
		return r;
	given->grant.created = ml_date_now();
	given->grant.expires = given->grant.created + given->seconds;
	r = ml_grant_sign(&given->grant, (const struct ml_secret_key *const *)&membership, 1,
			  &envelope, &length, error);
	ml_secret_key_free(membership);
	if (r)
		return r;
	r = ml_strict_load(envelope, length, "grant", &json, error);
	free(envelope);
	return r ? r : command_ask(client, "POST", "/v1/grants", json_pack("{s:o}", "grant", json),
				   NULL, error);
}

static void show(const struct given *given, const char *text)
{
	char until[ML_DATE_TEXT];
	json_t *json;

	ml_date_format(given->grant.expires, until);
	if (given->json) {
		json = json_pack("{s:I, s:s, s:I, s:i}", "expires",
				 (json_int_t)given->grant.expires, "key", text, "lifetime",
				 (json_int_t)given->grant.lifetime, "uses", (int)given->grant.uses);
		json_dumpf(json, stdout, JSON_COMPACT | JSON_SORT_KEYS);
		json_decref(json);
		putchar('\n');
		return;
	}
	puts(text);
	fprintf(stderr, "Good for %u machine%s, until %s. Give it to 'merlon enrol' there; who has it can join.\n",
		given->grant.uses, given->grant.uses == 1 ? "" : "s", until);
	if (given->grant.lifetime)
		fprintf(stderr, "A machine that has joined stays for %lld days and %lld hours, unless 'merlon-control node renew' says otherwise.\n",
			(long long)given->grant.lifetime / DAY,
			(long long)given->grant.lifetime % DAY / 3600);
}

static int create_by(struct ml_client *client, struct given *given, struct ml_key_string *key,
		     struct ml_error *error)
{
	json_t *status;
	char *text;
	int r = command_ask(client, "GET", "/v1/status", NULL, &status, error);

	if (r)
		return r;
	r = place_fill(status, key, &given->grant, error);
	json_decref(status);
	if (!r)
		r = one_time_make(key, &given->grant, error);
	if (!r)
		r = ml_key_string_format(key, &text, error);
	if (r)
		return r;
	r = grant_send(client, given, error);
	if (!r)
		show(given, text);
	ml_locked_free(text);
	return r;
}

static int create(struct given *given, struct ml_error *error)
{
	struct ml_key_string *key = ml_locked_alloc(sizeof(*key), "a one-time key", error);
	struct ml_client *client;
	int r;

	if (!key)
		return -ENOMEM;
	r = command_connect(given->config, &client, error);
	if (!r) {
		r = create_by(client, given, key, error);
		ml_client_free(client);
	}
	ml_locked_free(key);
	return r;
}

int command_key(int argc, char **argv)
{
	struct given given = { .config = CONFIG_FILE, .key = MEMBERSHIP_KEY_FILE, .passphrase_fd = -1,
			       .seconds = DAY, .grant = { .uses = 1 } };
	struct ml_error error;
	int option;

	if (argc > 1 && !strcmp(argv[1], "create")) {
		argc--;
		argv++;
	} else if (argc < 2 || argv[1][0] != '-') {
		return command_usage("key", "expected 'key create'");
	}
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? 2 : 0;
		if (!option_take(&given, option))
			return command_usage("key", "wrong options");
	}
	if (optind < argc)
		return command_usage("key", "takes no other arguments");
	if (given.grant.tag_count && given.grant.owner[0])
		return command_usage("key", "a node has tags or an owner, not both");
	return create(&given, &error) ? command_failed(&error) : 0;
}
