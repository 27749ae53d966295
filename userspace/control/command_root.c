// SPDX-License-Identifier: MIT
/*
 * root renew: the root document that follows the one in force, where enough root keys are
 * here to sign it. What was not asked for stays as it is.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "date.h"
#include "init.h"
#include "root.h"
#include "strict.h"

#define KEY_FILE	INIT_KEYS "/root.key"
#define KEYS		4	/* root keys that sign */
#define DAYS_MAX	3650
#define DAY		INT64_C(86400)

static const char usage[] =
"Usage: merlon-control root renew [OPTION...]\n"
"Signs the next root document and hands it to the server. Without options it says the same\n"
"as the one before, for another 365 days.\n"
"\n"
"      --days N              how long it is good (365)\n"
"      --replace ROLE=FILE   a new key for root, policy, membership or signing, made by\n"
"                            'merlon key generate --output FILE'; raises the epoch; may be said again\n"
"      --raise-epoch         ends all that was signed before: publish a policy then\n"
"      --root-key FILE       (" KEY_FILE "); may be said again: the new one, too\n"
"      --passphrase-fd N     where to read the keys' passphrase; otherwise see SECRETS in merlon-control(8)\n"
"      --config FILE         (" CONFIG_FILE ")\n"
"  -h, --help\n";

enum { OPT_DAYS = 256, OPT_REPLACE, OPT_RAISE };

static const struct option options[] = {
	{ "days", required_argument, NULL, OPT_DAYS },
	{ "replace", required_argument, NULL, OPT_REPLACE },
	{ "raise-epoch", no_argument, NULL, OPT_RAISE },
	{ "root-key", required_argument, NULL, 'k' },
	{ "passphrase-fd", required_argument, NULL, 'p' },
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct given {
	const char *config, *keys[KEYS], *replace[__ML_ROLE_MAX];
	size_t key_count;
	long days;
	int passphrase_fd;
	bool raise;
};

/* ------------------------------------------------------------------- options */

static bool replace_take(struct given *to, const char *text)
{
	const char *equal = strchr(text, '=');

	for (int role = 0; equal && role < __ML_ROLE_MAX; role++) {
		const char *name = ml_role_name(role);

		if (strlen(name) != (size_t)(equal - text) || strncmp(name, text, strlen(name)) != 0)
			continue;
		to->replace[role] = equal + 1;
		return true;
	}
	return false;
}

static bool key_take(struct given *to)
{
	if (to->key_count == KEYS)
		return false;
	to->keys[to->key_count++] = optarg;
	return true;
}

static bool option_take(struct given *to, int option)
{
	switch (option) {
	case OPT_DAYS:
		to->days = strtol(optarg, NULL, 10);
		return to->days > 0 && to->days <= DAYS_MAX;
	case OPT_REPLACE: return replace_take(to, optarg);
	case OPT_RAISE: to->raise = true; return true;
	case 'k': return key_take(to);
	case 'p': to->passphrase_fd = atoi(optarg); return true;
	case 'c': to->config = optarg; return true;
	default: return false;
	}
}

/* ------------------------------------------------------------------ document */

static int envelope_peek(const json_t *json, struct ml_root *ret, struct ml_error *error)
{
	struct ml_bytes envelope;
	char *text = ml_strict_dump(json, &envelope.length);
	int r;

	if (!text)
		return ml_error_set(error, -ENOMEM, "out of memory");
	envelope.data = (uint8_t *)text;
	r = ml_root_peek(envelope, ret, error);
	free(text);
	return r;
}

/* The last of the chain, whose version status names. */
static int root_get(struct ml_client *client, struct ml_root *ret, struct ml_error *error)
{
	json_t *status, *root, *answer, *list;
	int64_t version = 0;
	char path[64];
	int r = command_ask(client, "GET", "/v1/status", NULL, &status, error);

	if (r)
		return r;
	r = ml_strict_object(status, "status", "root", &root, error);
	if (!r)
		r = ml_strict_number(root, "status", "version", 1, INT64_MAX, &version, error);
	json_decref(status);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/v1/roots?after=%lld", (long long)version - 1);
	r = command_ask(client, "GET", path, NULL, &answer, error);
	if (r)
		return r;
	r = ml_strict_array(answer, "roots", "roots", &list, error);
	if (!r)
		r = envelope_peek(json_array_get(list, 0), ret, error);
	json_decref(answer);
	return r;
}

static int next_fill(const struct given *given, const struct ml_root *old, struct ml_root *next,
		     struct ml_error *error)
{
	bool raise = given->raise;
	int r = 0;

	*next = *old;
	for (int role = 0; role < __ML_ROLE_MAX && !r; role++) {
		struct ml_role_keys *keys = &next->roles[role];

		if (!given->replace[role])
			continue;
		r = ml_secret_key_read_public(given->replace[role], &keys->keys[0], error);
		keys->count = keys->threshold = 1;
		raise = true;
	}
	next->version++;
	next->epoch += raise;
	next->expires = ml_date_now() + given->days * DAY;
	return r;
}

/* Descriptor N has one line: the same passphrase opens all. */
static int signed_by(const struct given *given, const struct ml_root *old, const char *path,
		     uint8_t **envelope, size_t *length, struct ml_error *error)
{
	struct ml_secret_key *key;
	uint8_t *more;
	size_t more_length;
	int r = command_secret(path, given->passphrase_fd, &key, error);

	if (r)
		return r;
	r = ml_root_sign(old, (struct ml_bytes){ *envelope, *length }, key, &more, &more_length,
			 error);
	ml_secret_key_free(key);
	if (r)
		return r;
	free(*envelope);
	*envelope = more;
	*length = more_length;
	return 0;
}

static int next_make(const struct given *given, const struct ml_root *old,
		     const struct ml_root *next, json_t **ret, struct ml_error *error)
{
	uint8_t *envelope;
	size_t length;
	int r = ml_root_draft(old, next, &envelope, &length, error);

	if (r)
		return r;
	for (size_t i = 0; i < given->key_count && !r; i++)
		r = signed_by(given, old, given->keys[i], &envelope, &length, error);
	if (!r)
		r = ml_strict_load(envelope, length, "root document", ret, error);
	free(envelope);
	return r;
}

static int renew(const struct given *given, struct ml_client *client, struct ml_error *error)
{
	struct ml_root old, next;
	char until[ML_DATE_TEXT];
	json_t *json = NULL;
	int r = root_get(client, &old, error);

	if (!r)
		r = next_fill(given, &old, &next, error);
	if (!r)
		r = next_make(given, &old, &next, &json, error);
	if (!r)
		r = command_ask(client, "POST", "/v1/root", json_pack("{s:o}", "root", json), NULL, error);
	if (r)
		return r;
	printf("root version %llu, epoch %llu, until %s\n", (unsigned long long)next.version,
	       (unsigned long long)next.epoch, ml_date_format(next.expires, until));
	if (next.epoch != old.epoch)
		printf("next         merlon-control policy publish: nothing is signed in this epoch before\n");
	if (given->replace[ML_ROLE_SIGNING])
		printf("next         give merlon-signer the new key, and restart it\n");
	return 0;
}

int command_root(int argc, char **argv)
{
	struct given given = { .config = CONFIG_FILE, .days = INIT_ROOT_DAYS, .passphrase_fd = -1 };
	struct ml_client *client;
	struct ml_error error;
	int option, r;

	if (argc > 1 && !strcmp(argv[1], "renew")) {
		argc--;
		argv++;
	} else if (argc < 2 || argv[1][0] != '-') {
		return command_usage("root", "expected 'root renew'");
	}
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? 2 : 0;
		if (!option_take(&given, option))
			return command_usage("root", "wrong options");
	}
	if (optind < argc)
		return command_usage("root", "takes no other arguments");
	if (!given.key_count)
		given.keys[given.key_count++] = KEY_FILE;
	r = command_connect(given.config, &client, &error);
	if (!r) {
		r = renew(&given, client, &error);
		ml_client_free(client);
	}
	return r ? command_failed(&error) : 0;
}
