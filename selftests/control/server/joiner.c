// SPDX-License-Identifier: MIT
/*
 * joiner COMMAND ARGUMENT...: machines that join a merlon-control, made of the library
 * and libcurl alone. Where a key string is wanted it is read from standard input.
 *
 *	join SOURCE NAME DIR	joins from address SOURCE; DIR gets the request (join.json),
 *				tls.key, tls.pem, authority.pem, root.json
 *	prepare SOURCE NAME DIR	the same, but for sending it
 *	twice SOURCE NAME	two machines by one challenge: both statuses
 *	again SOURCE DIR	the request of DIR once more
 *	post SOURCE DIR PATH FILE	FILE to PATH, with DIR's certificate
 *	poll SOURCE DIR EPOCH SERIAL WAIT	GET /v1/generation
 *	fetch SOURCE DIR	the newest bundle, put together and verified: "EPOCH SERIAL NODE"
 *	renew SOURCE NAME DIR	a certificate by the identity key; DIR's takes its place
 *	rotate SOURCE DIR NAME COUNTER	another WireGuard key for NAME, whose DIR it is
 *	revocation NETWORK NODE SECONDS KEYFILE	prints a body for POST /v1/revoke, dated
 *				SECONDS from now; the key's passphrase is read from descriptor 3
 *	extension NETWORK NODE GRANT TIME EXPIRES KEYFILE	the same for POST /v1/extend
 *
 * Prints the answer's status, then its body on the next line. SOURCE "-" is any. Status 0:
 * there was an answer (fetch: all is well).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <jansson.h>
#include <sodium.h>

#include "date.h"
#include "extension.h"
#include "machine.h"
#include "passphrase.h"
#include "revocation.h"
#include "rotation.h"
#include "strict.h"

static int tell(const struct reply *reply)
{
	if (reply->error) {
		fprintf(stderr, "joiner: %s\n", reply->error);
		return 2;
	}
	printf("%ld\n%s\n", reply->status, reply->body);
	return 0;
}

static void join_keep(CURL *curl, char **argv, struct machine *machine, char **ret)
{
	const struct ml_key_string *key = key_string_read();
	struct ml_challenge challenge;
	struct ml_root root;
	char *text;

	machine_make(argv[1], machine);
	text = root_get(key, curl, key->url, &root);
	challenge_get(curl, key->url, &root, &challenge);
	*ret = join_body(key, machine, &challenge);
	file_write(argv[2], "root.json", text);
	file_write(argv[2], "url", key->url);
	file_write(argv[2], "join.json", *ret);
}

static int run_prepare(int argc, char **argv)
{
	struct machine machine;
	char *body;

	(void)argc;
	join_keep(curl_of(argv[0], NULL), argv, &machine, &body);
	return 0;
}

static int run_twice(int argc, char **argv)
{
	const struct ml_key_string *key = key_string_read();
	CURL *curl = curl_of(argv[0], NULL);
	struct ml_challenge challenge;
	struct machine machine;
	struct ml_root root;
	struct reply reply;
	char name[64];

	(void)argc;
	root_get(key, curl, key->url, &root);
	challenge_get(curl, key->url, &root, &challenge);
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s-%d", argv[1], i);
		machine_make(name, &machine);
		ask(curl, key->url, "/v1/join", join_body(key, &machine, &challenge), &reply);
		printf("%ld%s", reply.status, i ? "\n" : " ");
	}
	return 0;
}

static int run_join(int argc, char **argv)
{
	CURL *curl = curl_of(argv[0], NULL);
	struct machine machine;
	struct reply reply;
	char *body;

	(void)argc;
	join_keep(curl, argv, &machine, &body);
	ask(curl, file_read(argv[2], "url"), "/v1/join", body, &reply);
	if (reply.status == 200)
		certificate_keep(&reply, &machine, argv[2]);
	return tell(&reply);
}

static int run_again(int argc, char **argv)
{
	struct reply reply;

	(void)argc;
	ask(curl_of(argv[0], NULL), file_read(argv[1], "url"), "/v1/join",
	    file_read(argv[1], "join.json"), &reply);
	return tell(&reply);
}

static int run_post(int argc, char **argv)
{
	struct reply reply;

	(void)argc;
	ask(curl_of(argv[0], argv[1]), file_read(argv[1], "url"), argv[2], file_read(".", argv[3]),
	    &reply);
	return tell(&reply);
}

static int run_poll(int argc, char **argv)
{
	struct reply reply;
	char path[200];

	(void)argc;
	snprintf(path, sizeof(path), "/v1/generation?epoch=%s&serial=%s&wait=%s", argv[2], argv[3],
		 argv[4]);
	ask(curl_of(argv[0], argv[1]), file_read(argv[1], "url"), path, NULL, &reply);
	return tell(&reply);
}

static int run_renew(int argc, char **argv)
{
	CURL *curl = curl_of(argv[0], NULL);
	char *url = file_read(argv[2], "url"), *text = file_read(argv[2], "root.json");
	struct ml_challenge challenge;
	struct machine machine;
	struct ml_root root;
	struct reply reply;
	uint8_t *envelope;
	size_t length;

	(void)argc;
	machine_make(argv[1], &machine);
	need(!ml_root_peek((struct ml_bytes){ (uint8_t *)text, strlen(text) }, &root, &failure),
	     "root");
	challenge_get(curl, url, &root, &challenge);
	need(!ml_renewal_make(&challenge, machine.name, machine.identity, machine.tls_digest,
			      ml_date_now(), &envelope, &length, &failure), "renewal");
	ask(curl, url, "/v1/renew", body_of("renewal", envelope, length, machine.request), &reply);
	if (reply.status == 200)
		certificate_keep(&reply, &machine, argv[2]);
	return tell(&reply);
}

static int run_rotate(int argc, char **argv)
{
	struct ml_rotation_input input = { .node = argv[2], .counter = strtoull(argv[3], NULL, 10) };
	char *text = file_read(argv[1], "root.json");
	struct machine machine;
	struct ml_root root;
	struct reply reply;
	uint8_t *envelope;
	size_t length;

	(void)argc;
	machine_make(argv[2], &machine);
	need(!ml_root_peek((struct ml_bytes){ (uint8_t *)text, strlen(text) }, &root, &failure),
	     "root");
	machine.wireguard[31] ^= (uint8_t)input.counter;
	input.network = root.network;
	input.signer = &root.roles[ML_ROLE_SIGNING].keys[0];
	input.identity = machine.identity;
	input.wireguard = machine.wireguard;
	need(!ml_rotation_make(&input, &envelope, &length, &failure), "rotation");
	text = malloc(length + 32);
	sprintf(text, "{\"rotation\":%.*s}", (int)length, envelope);
	ask(curl_of(argv[0], argv[1]), file_read(argv[1], "url"), "/v1/rotate", text, &reply);
	return tell(&reply);
}

static int run_revocation(int argc, char **argv)
{
	struct ml_revocation revocation = { .time = ml_date_now() + atoll(argv[2]) };
	struct ml_secret_key *key;
	char *passphrase;
	uint8_t *envelope;
	size_t length;

	(void)argc;
	snprintf(revocation.network, sizeof(revocation.network), "%s", argv[0]);
	snprintf(revocation.node, sizeof(revocation.node), "%s", argv[1]);
	need(!ml_passphrase_read_fd(3, &passphrase, &failure), "passphrase");
	need(!ml_secret_key_read(argv[3], passphrase, &key, &failure), argv[3]);
	need(!ml_revocation_sign(&revocation, (const struct ml_secret_key *const *)&key, 1,
				 &envelope, &length, &failure), "revocation");
	printf("{\"revocation\":%.*s}\n", (int)length, envelope);
	return 0;
}

/* NETWORK NODE GRANT TIME EXPIRES KEYFILE: seconds from now; EXPIRES 0: for good */
static int run_extension(int argc, char **argv)
{
	struct ml_extension extension = { .time = ml_date_now() + atoll(argv[3]) };
	struct ml_secret_key *key;
	char *passphrase;
	uint8_t *envelope;
	size_t length;

	(void)argc;
	if (atoll(argv[4]))
		extension.expires = ml_date_now() + atoll(argv[4]);
	snprintf(extension.network, sizeof(extension.network), "%s", argv[0]);
	snprintf(extension.node, sizeof(extension.node), "%s", argv[1]);
	snprintf(extension.grant, sizeof(extension.grant), "%s", argv[2]);
	need(!ml_passphrase_read_fd(3, &passphrase, &failure), "passphrase");
	need(!ml_secret_key_read(argv[5], passphrase, &key, &failure), argv[5]);
	need(!ml_extension_sign(&extension, (const struct ml_secret_key *const *)&key, 1,
				&envelope, &length, &failure), "extension");
	printf("{\"extension\":%.*s}\n", (int)length, envelope);
	return 0;
}

/* --------------------------------------------------------------------- bundles */

static void record_add(FILE *to, uint32_t type, const void *data, uint64_t length)
{
	static const uint8_t zeros[8];
	uint32_t zero = 0;

	fwrite(&type, 4, 1, to);
	fwrite(&zero, 4, 1, to);
	fwrite(&length, 8, 1, to);
	fwrite(data, 1, length, to);
	fwrite(zeros, 1, (8 - length % 8) % 8, to);
}

static void encoded_add(FILE *to, uint32_t type, const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));
	size_t length, size = text ? strlen(text) : 0;
	uint8_t *data = malloc(size + 1);

	need(text && !sodium_base642bin(data, size, text, size, NULL, &length, NULL,
					sodium_base64_VARIANT_ORIGINAL), key);
	record_add(to, type, data, length);
	free(data);
}

static void block_add(FILE *to, uint32_t type, CURL *curl, const char *url, const json_t *json,
		      const char *key)
{
	const json_t *block = json_object_get(json_object_get(json, "blocks"), key);
	struct reply reply;
	char path[200];

	snprintf(path, sizeof(path), "/v1/blocks/%s",
		 json_string_value(json_object_get(block, "sha256")));
	ask(curl, url, path, NULL, &reply);
	snprintf(failure.text, sizeof(failure.text), "status %ld", reply.status);
	need(reply.status == 200, path);
	record_add(to, type, reply.body, reply.length);
	free(reply.body);
}

static void bundle_verify(CURL *curl, const char *directory, const char *data, size_t length)
{
	char *text = file_read(directory, "root.json"), *url = file_read(directory, "url");
	struct ml_trust trust = { .key_count = 1 };
	struct ml_bundle bundle;
	struct ml_root known, root;

	need(!ml_root_peek((struct ml_bytes){ (uint8_t *)text, strlen(text) }, &known, &failure),
	     "root");
	root_follow(curl, url, known.digest, &root);
	strcpy(trust.network, root.network);
	trust.keys[0] = root.roles[ML_ROLE_SIGNING].keys[0];
	need(!ml_bundle_verify((struct ml_bytes){ (const uint8_t *)data, length }, &trust, &bundle,
			       &failure), "bundle");
	printf("%llu %llu %s\n", (unsigned long long)bundle.statement.epoch,
	       (unsigned long long)bundle.statement.serial, bundle.node);
}

static int run_fetch(int argc, char **argv)
{
	char *url = file_read(argv[1], "url"), *data;
	CURL *curl = curl_of(argv[0], argv[1]);
	struct reply reply;
	json_t *json;
	size_t length;
	FILE *to = open_memstream(&data, &length);

	(void)argc;
	ask(curl, url, "/v1/generation?epoch=0&serial=0&wait=10", NULL, &reply);
	json = json_of(&reply, "generation");
	fwrite("MERLONB1", 8, 1, to);
	encoded_add(to, 1, json, "envelope");
	encoded_add(to, 2, json, "proof");
	encoded_add(to, 3, json, "leaf");
	block_add(to, 4, curl, url, json, "image");
	block_add(to, 5, curl, url, json, "rules");
	fclose(to);
	bundle_verify(curl, argv[1], data, length);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int arguments;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "join", 3, run_join }, { "again", 2, run_again }, { "post", 4, run_post },
		{ "poll", 5, run_poll }, { "fetch", 2, run_fetch },
		{ "renew", 3, run_renew }, { "revocation", 4, run_revocation },
		{ "extension", 6, run_extension },
		{ "prepare", 3, run_prepare }, { "twice", 2, run_twice }, { "rotate", 4, run_rotate },
	};

	need(!ml_keys_setup(&failure), "libraries");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, argv[1]) && argc - 2 == commands[i].arguments)
			return commands[i].run(argc - 2, argv + 2);
	fputs("joiner: which command? See the top of joiner.c\n", stderr);
	return 2;
}
