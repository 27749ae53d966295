// SPDX-License-Identifier: MIT
/* policy publish: signed here, by the policy key, which the server never sees. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "date.h"
#include "file.h"
#include "policy_document.h"
#include "strict.h"

#define KEY_FILE	"/etc/merlon/keys/policy.key"
#define SOURCE_MAX	(3u << 20)	/* bytes: with its base64 it fits what the server takes */

static const char usage[] =
"Usage: merlon-control policy publish [OPTION...] FILE\n"
"Signs the policy in FILE and hands it to the server, whose signer judges it.\n"
"\n"
"      --policy-key FILE     (" KEY_FILE ")\n"
"      --passphrase-fd N     where to read the key's passphrase; otherwise see SECRETS in merlon-control(8)\n"
"      --config FILE         (" CONFIG_FILE ")\n"
"  -h, --help\n";

static const struct option options[] = {
	{ "policy-key", required_argument, NULL, 'k' },
	{ "passphrase-fd", required_argument, NULL, 'p' },
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct given {
	const char *config, *key, *file;
	int passphrase_fd;
	bool help;
};

/*
 * Versions rise by any step: seconds do, and nobody has to remember the last. Where that
 * was made by a clock that was ahead, or a moment ago, it is the one behind it.
 */
static uint64_t version_after(const json_t *status)
{
	const json_t *signer = json_object_get(status, "signer");
	json_int_t last = json_integer_value(json_object_get(signer, "policyVersion"));
	int64_t now = ml_date_now();

	return (uint64_t)(now > last ? now : last + 1);
}

static int place_fill(struct ml_client *client, struct ml_policy_document *to,
		      struct ml_error *error)
{
	json_t *status, *root;
	int64_t epoch;
	int r = command_ask(client, "GET", "/v1/status", NULL, &status, error);

	if (r)
		return r;
	r = ml_strict_name(status, "status", "network", to->network, error);
	if (!r)
		r = ml_strict_object(status, "status", "root", &root, error);
	if (!r)
		r = ml_strict_number(root, "status", "epoch", 0, INT64_MAX, &epoch, error);
	if (!r) {
		to->epoch = (uint64_t)epoch;
		to->version = version_after(status);
	}
	json_decref(status);
	return r;
}

static int document_sign(const struct given *given, const struct ml_policy_document *document,
			 json_t **ret, struct ml_error *error)
{
	struct ml_secret_key *key;
	size_t length;
	uint8_t *envelope;
	int r = command_secret(given->key, given->passphrase_fd, &key, error);

	if (r)
		return r;
	r = ml_policy_document_sign(document, (const struct ml_secret_key *const *)&key, 1,
				    &envelope, &length, error);
	ml_secret_key_free(key);
	if (r)
		return r;
	r = ml_strict_load(envelope, length, "policy", ret, error);
	free(envelope);
	return r;
}

static int publish_by(struct ml_client *client, const struct given *given,
		      struct ml_policy_document *document, struct ml_error *error)
{
	json_t *json = NULL;
	int r = place_fill(client, document, error);

	if (!r)
		r = document_sign(given, document, &json, error);
	if (!r)
		r = command_ask(client, "POST", "/v1/policy", json_pack("{s:o}", "policy", json), NULL,
				error);
	if (!r)
		printf("policy version %llu of epoch %llu is with the signer\n",
		       (unsigned long long)document->version, (unsigned long long)document->epoch);
	return r;
}

static int publish(const struct given *given, struct ml_error *error)
{
	struct ml_policy_document document = { .version = 0 };
	struct ml_client *client;
	uint8_t *source;
	int r = ml_file_read(given->file, SOURCE_MAX, &source, &document.source_length, error);

	if (r)
		return r;
	document.source = (char *)source;
	r = command_connect(given->config, &client, error);
	if (!r) {
		r = publish_by(client, given, &document, error);
		ml_client_free(client);
	}
	free(source);
	return r;
}

static bool options_take(int argc, char **argv, struct given *to)
{
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'k': to->key = optarg; break;
		case 'p': to->passphrase_fd = atoi(optarg); break;
		case 'c': to->config = optarg; break;
		case 'h': to->help = true; break;
		default: return false;
		}
	}
	to->file = argv[optind];
	return to->help || optind + 1 == argc;
}

int command_policy(int argc, char **argv)
{
	struct given given = { .config = CONFIG_FILE, .key = KEY_FILE, .passphrase_fd = -1 };
	struct ml_error error;
	bool publishing = argc > 1 && !strcmp(argv[1], "publish");

	if (publishing) {
		argc--;
		argv++;
	}
	if (!options_take(argc, argv, &given) || (!publishing && !given.help))
		return command_usage("policy", "expected 'policy publish FILE'");
	if (given.help)
		return fputs(usage, stdout) < 0 ? 2 : 0;
	return publish(&given, &error) ? command_failed(&error) : 0;
}
