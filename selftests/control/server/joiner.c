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
 *	race COUNT		COUNT machines, each from an address of its own, send
 *				their joins at once, by one key
 *	poll SOURCE DIR EPOCH SERIAL WAIT	GET /v1/generation
 *	fetch SOURCE DIR	the newest bundle, put together and verified: "EPOCH SERIAL NODE"
 *	renew SOURCE NAME DIR	a certificate by the identity key; DIR's takes its place
 *	revocation NETWORK NODE SECONDS KEYFILE	prints a body for POST /v1/revoke, dated
 *				SECONDS from now; the key's passphrase is read from descriptor 3
 *
 * Prints the answer's status, then its body on the next line (race: how many of each
 * status). SOURCE "-" is any. Status 0: there was an answer (race, fetch: all is well).
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "bundle.h"
#include "date.h"
#include "enrolment.h"
#include "file.h"
#include "join.h"
#include "key_string.h"
#include "passphrase.h"
#include "revocation.h"
#include "rotation.h"
#include "strict.h"

static struct ml_key_string *key_string;
static struct ml_error failure;

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "joiner: %s: %s\n", what, failure.text);
	exit(2);
}

static void need(bool good, const char *what)
{
	if (!good)
		fail(what);
}

static void key_string_read(void)
{
	char text[ML_KEY_STRING_TEXT];
	size_t length = fread(text, 1, sizeof(text) - 1, stdin);

	need(!ml_key_string_parse(text, length, &key_string, &failure), "key string");
}

/* ------------------------------------------------------------------ requests */

struct reply {
	long status;
	char *body;
	size_t length;
	const char *error;
};

static size_t on_body(char *data, size_t one, size_t length, void *arg)
{
	struct reply *reply = arg;

	(void)one;
	reply->body = realloc(reply->body, reply->length + length + 1);
	memcpy(reply->body + reply->length, data, length);
	reply->length += length;
	reply->body[reply->length] = '\0';
	return length;
}

/* One handle is one connection. */
static CURL *curl_of(const char *source, const char *directory)
{
	char text[1200];
	CURL *curl = curl_easy_init();

	need(curl, "curl");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);	/* key strings pin; merlon enrol checks */
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 90L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	if (strcmp(source, "-") != 0) {
		snprintf(text, sizeof(text), "host!%s", source);
		curl_easy_setopt(curl, CURLOPT_INTERFACE, text);
	}
	if (directory) {
		snprintf(text, sizeof(text), "%s/tls.pem", directory);
		curl_easy_setopt(curl, CURLOPT_SSLCERT, text);
		snprintf(text, sizeof(text), "%s/tls.key", directory);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, text);
	}
	return curl;
}

static void ask(CURL *curl, const char *url, const char *path, const char *body,
		struct reply *ret)
{
	char full[1024];
	CURLcode code;

	*ret = (struct reply){ .body = calloc(1, 1) };
	snprintf(full, sizeof(full), "%s%s", url, path);
	curl_easy_setopt(curl, CURLOPT_URL, full);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret);
	if (body)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	else
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	code = curl_easy_perform(curl);
	if (code)
		ret->error = curl_easy_strerror(code);
	else
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
}

static int tell(const struct reply *reply)
{
	if (reply->error) {
		fprintf(stderr, "joiner: %s\n", reply->error);
		return 2;
	}
	printf("%ld\n%s\n", reply->status, reply->body);
	return 0;
}

static json_t *json_of(const struct reply *reply, const char *what)
{
	json_t *json = json_loadb(reply->body, reply->length, 0, NULL);

	snprintf(failure.text, sizeof(failure.text), "status %ld, %.300s%s", reply->status,
		 reply->body, reply->error ? reply->error : "");
	need(reply->status == 200 && json, what);
	return json;
}

/* ------------------------------------------------------------------- machines */

struct machine {
	char name[65];
	EVP_PKEY *tls;
	uint8_t tls_digest[32];
	char *request;		/* PKCS #10, PEM */
	struct ml_secret_key *identity;
	uint8_t wireguard[32];
};

static char *pem_of(BIO *bio)
{
	char *data, *text;
	long length = BIO_get_mem_data(bio, &data);

	text = strndup(data, (size_t)length);
	BIO_free(bio);
	return text;
}

static void tls_make(struct machine *machine)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;
	int length;

	X509_REQ_set_pubkey(request, machine->tls);
	need(X509_REQ_sign(request, machine->tls, EVP_sha256()), "request");
	PEM_write_bio_X509_REQ(bio, request);
	machine->request = pem_of(bio);
	length = i2d_PUBKEY(machine->tls, &der);
	crypto_hash_sha256(machine->tls_digest, der, (size_t)length);
	X509_REQ_free(request);
	OPENSSL_free(der);
}

/* The same name is the same machine, but for its TLS key. */
static void machine_make(const char *name, struct machine *ret)
{
	uint8_t seed[32];

	snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->tls = EVP_EC_gen("P-256");
	tls_make(ret);
	crypto_hash_sha256(seed, (const uint8_t *)name, strlen(name));
	need(!ml_secret_key_from_seed(seed, &ret->identity, &failure), "identity");
	crypto_hash_sha256(ret->wireguard, seed, sizeof(seed));
}

static void file_write(const char *directory, const char *name, const char *text)
{
	char path[1200];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	need(!ml_file_write_atomic(path, text, strlen(text), 0600, &failure), path);
}

static char *file_read(const char *directory, const char *name)
{
	char path[1200];
	uint8_t *data;
	size_t length;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	need(!ml_file_read(path, 1 << 20, &data, &length, &failure), path);
	return (char *)data;
}

/* -------------------------------------------------------------------- joining */

/* The last root, by the chain from the one with @digest; its envelope is returned. */
static char *root_follow(CURL *curl, const char *url, const uint8_t *digest, struct ml_root *ret)
{
	struct ml_roots roots;
	struct reply reply;
	json_t *json;
	size_t last;
	char *text;

	ask(curl, url, "/v1/roots?after=0", NULL, &reply);
	json = json_of(&reply, "roots");
	need(!ml_roots_parse(json, &roots, &failure), "roots");
	need(!ml_roots_pinned(&roots, digest, ret, &last, &failure), "root");
	text = strndup((const char *)roots.envelopes[last].data, roots.envelopes[last].length);
	ml_roots_free(&roots);
	json_decref(json);
	free(reply.body);
	return text;
}

static char *root_get(CURL *curl, const char *url, struct ml_root *ret)
{
	return root_follow(curl, url, key_string->root_digest, ret);
}

static void challenge_get(CURL *curl, const char *url, const struct ml_root *root,
			  struct ml_challenge *ret)
{
	struct ml_bytes text;
	struct reply reply;
	json_t *json;
	char *dump;

	ask(curl, url, "/v1/challenge", "{}", &reply);
	json = json_of(&reply, "challenge");
	dump = ml_strict_dump(json_object_get(json, "challenge"), &text.length);
	text.data = (uint8_t *)dump;
	need(!ml_challenge_parse(text, root, ret, &failure), "challenge");
	json_decref(json);
	free(dump);
	free(reply.body);
}

static char *body_of(const char *key, const uint8_t *envelope, size_t length,
		     const char *request)
{
	json_t *document = json_loadb((const char *)envelope, length, 0, NULL);
	json_t *json = json_pack("{s:s, s:o}", "certificateRequest", request, key, document);
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	return text;
}

static char *join_body(const struct machine *machine, const struct ml_challenge *challenge)
{
	struct ml_secret_key *grant;
	struct ml_join_input input = { .challenge = challenge, .identity = machine->identity,
				       .wireguard = machine->wireguard, .name = machine->name,
				       .tls_key = machine->tls_digest, .time = ml_date_now() };
	uint8_t *envelope;
	size_t length;
	char *text;

	need(!ml_secret_key_from_seed(key_string->seed, &grant, &failure), "one-time key");
	input.grant = grant;
	need(!ml_join_make(&input, &envelope, &length, &failure), "join");
	text = body_of("join", envelope, length, machine->request);
	ml_secret_key_free(grant);
	free(envelope);
	return text;
}

static void certificate_keep(const struct reply *reply, const struct machine *machine,
			     const char *directory)
{
	json_t *json = json_of(reply, "answer");
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(bio, machine->tls, NULL, NULL, 0, NULL, NULL);
	file_write(directory, "tls.key", pem_of(bio));
	file_write(directory, "tls.pem", json_string_value(json_object_get(json, "certificate")));
	file_write(directory, "authority.pem",
		   json_string_value(json_object_get(json, "authority")));
	json_decref(json);
}

static void join_keep(CURL *curl, char **argv, struct machine *machine, char **ret)
{
	struct ml_challenge challenge;
	struct ml_root root;
	char *text;

	key_string_read();
	machine_make(argv[1], machine);
	text = root_get(curl, key_string->url, &root);
	challenge_get(curl, key_string->url, &root, &challenge);
	*ret = join_body(machine, &challenge);
	file_write(argv[2], "root.json", text);
	file_write(argv[2], "url", key_string->url);
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
	CURL *curl = curl_of(argv[0], NULL);
	struct ml_challenge challenge;
	struct machine machine;
	struct ml_root root;
	struct reply reply;
	char name[64];

	(void)argc;
	key_string_read();
	root_get(curl, key_string->url, &root);
	challenge_get(curl, key_string->url, &root, &challenge);
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s-%d", argv[1], i);
		machine_make(name, &machine);
		ask(curl, key_string->url, "/v1/join", join_body(&machine, &challenge), &reply);
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
	ask(curl, key_string->url, "/v1/join", body, &reply);
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

/* ------------------------------------------------------------------- the race */

static pthread_barrier_t barrier;
static struct ml_root race_root;

struct runner {
	pthread_t thread;
	int index;
	struct reply reply;
};

static void *runner_main(void *arg)
{
	struct runner *runner = arg;
	struct ml_challenge challenge;
	struct machine machine;
	char source[32], name[32], *body;
	CURL *curl;

	snprintf(source, sizeof(source), "127.1.%d.%d", runner->index / 200, 1 + runner->index % 200);
	snprintf(name, sizeof(name), "racer-%d", runner->index);
	curl = curl_of(source, NULL);
	machine_make(name, &machine);
	challenge_get(curl, key_string->url, &race_root, &challenge);
	body = join_body(&machine, &challenge);
	pthread_barrier_wait(&barrier);
	ask(curl, key_string->url, "/v1/join", body, &runner->reply);
	curl_easy_cleanup(curl);
	return NULL;
}

static int run_race(int argc, char **argv)
{
	int count = atoi(argv[0]), statuses[600] = { 0 };
	struct runner *runners = calloc((size_t)count, sizeof(*runners));

	(void)argc;
	key_string_read();
	root_get(curl_of("-", NULL), key_string->url, &race_root);
	pthread_barrier_init(&barrier, NULL, (unsigned int)count);
	for (int i = 0; i < count; i++) {
		runners[i].index = i;
		need(!pthread_create(&runners[i].thread, NULL, runner_main, &runners[i]), "thread");
	}
	for (int i = 0; i < count; i++) {
		pthread_join(runners[i].thread, NULL);
		statuses[runners[i].reply.status]++;
		if (runners[i].reply.error)
			fprintf(stderr, "joiner: %d: %s\n", i, runners[i].reply.error);
	}
	for (int i = 0; i < 600; i++)
		if (statuses[i])
			printf("%d %d\n", i, statuses[i]);
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
		{ "race", 1, run_race }, { "poll", 5, run_poll }, { "fetch", 2, run_fetch },
		{ "renew", 3, run_renew }, { "revocation", 4, run_revocation }, { "prepare", 3, run_prepare }, { "twice", 2, run_twice },
	};

	need(!ml_keys_setup(&failure), "libraries");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, argv[1]) && argc - 2 == commands[i].arguments)
			return commands[i].run(argc - 2, argv + 2);
	fputs("joiner: which command? See the top of joiner.c\n", stderr);
	return 2;
}
