// SPDX-License-Identifier: MIT
/*
 * node-server DIR [PORT]: a server for tests of nodes, which says what DIR holds:
 *
 *   server.pem, server.key, ca.pem, ca.key	by pki_write(); made if missing
 *   roots/N		envelopes, by their versions
 *   grant		envelope; its uses are counted by the files in joined/
 *   joined/DIGEST	the answer to that join
 *   offer		a bundle file, offered in parts where it is newer than asked for,
 *   always		or at all events, if this is there
 *   answer		sent as it is instead, as the answer to every /v1/generation
 *   block		sent instead of every block
 *   die-joined		end after a join was kept, before it is answered; removed
 *   busy		answer the next join with "unavailable"; removed
 *   slow		do not answer /v1/generation
 *   lifetime		of certificates, in seconds (an hour)
 *
 * It writes "port" when it listens, and "log": METHOD PATH STATUS, a line each. A
 * request that waits looks at DIR every 20 ms. It believes what it should not believe:
 * what it is honest in is what selftests/node wants to see done right.
 */
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>

#include "bundle_format.h"
#include "document.h"
#include "enrolment.h"
#include "file.h"
#include "http.h"
#include "join.h"
#include "leaf.h"
#include "rotation.h"
#include "statement.h"
#include "strict.h"
#include "../control/http/pki.h"

#define NONCES 64
#define WAITERS 16

struct waiter {
	struct http_request *request;
	struct event *timer;
	int left_ms;
};

static struct {
	struct event_base *base;
	struct http_server *server;
	uint8_t nonces[NONCES][ML_NONCE_BYTES];
	size_t nonce_count;
	struct waiter waiters[WAITERS];
	FILE *log;
} self;

/* -------------------------------------------------------------------- replies */

static void reply(struct http_request *request, unsigned int status, const char *type,
		  const void *body, size_t length)
{
	const struct http_field field = { "content-type", type };
	const struct http_reply answer = {
		.status = status, .fields = &field, .field_count = 1, .body = body,
		.length = length,
	};

	fprintf(self.log, "%s %s %u\n", http_request_method(request),
		http_request_path(request), status);
	fflush(self.log);
	http_reply(request, &answer);
}

static void reply_json(struct http_request *request, unsigned int status, json_t *json)
{
	size_t length = 0;
	char *text = ml_strict_dump(json, &length);

	json_decref(json);
	reply(request, status, "application/json", text, length);
	free(text);
}

static void refuse(struct http_request *request, unsigned int status, const char *word,
		   const char *sentence)
{
	reply_json(request, status, json_pack("{s:s, s:s}", "error", word, "sentence",
					      sentence));
}

static void refuse_error(struct http_request *request, const struct ml_error *error)
{
	refuse(request, 403, "refused", error->text);
}

static json_t *base64_json(struct ml_bytes bytes)
{
	size_t size = sodium_base64_encoded_len(bytes.length, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(size);
	json_t *json;

	sodium_bin2base64(text, size, bytes.data, bytes.length,
			  sodium_base64_VARIANT_ORIGINAL);
	json = json_string(text);
	free(text);
	return json;
}

/* ------------------------------------------------------------------ documents */

static bool file_read(const char *name, struct ml_bytes *ret)
{
	uint8_t *data;

	if (ml_file_read(name, 512 << 20, &data, &ret->length, NULL))
		return false;
	ret->data = data;
	return true;
}

static bool last_root(struct ml_root *ret)
{
	struct ml_bytes envelope;
	bool found = false;
	char name[32];

	for (int version = 1; version < 100; version++) {
		snprintf(name, sizeof(name), "roots/%d", version);
		if (!file_read(name, &envelope))
			continue;
		found = !ml_root_peek(envelope, ret, NULL);
		free((void *)envelope.data);
	}
	return found;
}

static void roots(struct http_request *request)
{
	const char *after = http_request_query(request, "after");
	json_t *list = json_array();
	struct ml_bytes envelope;
	char name[32];

	for (int version = atoi(after ? after : "0") + 1; version < 100; version++) {
		snprintf(name, sizeof(name), "roots/%d", version);
		if (!file_read(name, &envelope))
			continue;
		json_array_append_new(list, json_loadb((const char *)envelope.data,
						       envelope.length, 0, NULL));
		free((void *)envelope.data);
	}
	reply_json(request, 200, json_pack("{s:o}", "roots", list));
}

static void challenge(struct http_request *request)
{
	struct ml_challenge made = { .time = time(NULL) };
	struct ml_error error;
	struct ml_root root;
	size_t length;
	char *text;

	if (!last_root(&root)) {
		refuse(request, 503, "unavailable", "there is no root");
		return;
	}
	randombytes_buf(made.nonce, sizeof(made.nonce));
	memcpy(self.nonces[self.nonce_count++ % NONCES], made.nonce, sizeof(made.nonce));
	strcpy(made.network, root.network);
	made.signer = root.roles[ML_ROLE_SIGNING].keys[0];
	if (ml_challenge_format(&made, &text, &length, &error)) {
		refuse_error(request, &error);
		return;
	}
	reply_json(request, 200, json_pack("{s:o}", "challenge",
					   json_loadb(text, length, 0, NULL)));
	free(text);
}

static bool nonce_known(const uint8_t nonce[static ML_NONCE_BYTES])
{
	for (size_t i = 0; i < NONCES; i++)
		if (!memcmp(self.nonces[i], nonce, ML_NONCE_BYTES)) {
			memset(self.nonces[i], 0, ML_NONCE_BYTES);
			return true;
		}
	return false;
}

/* --------------------------------------------------------------- certificates */

static char *certificate_text(X509 *one)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long length;

	PEM_write_bio_X509(bio, one);
	length = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)length);
	BIO_free(bio);
	return text;
}

static X509 *certificate_of(X509_REQ *asked, X509 *ca, EVP_PKEY *key, long seconds)
{
	static long serial = 1000;
	X509 *one = X509_new();

	X509_set_version(one, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(one), serial++);
	X509_gmtime_adj(X509_getm_notBefore(one), 0);
	X509_gmtime_adj(X509_getm_notAfter(one), seconds);
	X509_set_subject_name(one, X509_REQ_get_subject_name(asked));
	X509_set_issuer_name(one, X509_get_subject_name(ca));
	X509_set_pubkey(one, X509_REQ_get0_pubkey(asked));
	X509_sign(one, key, EVP_sha256());
	return one;
}

static void *pem_read(const char *name, void *(*read)(FILE *file))
{
	FILE *file = fopen(name, "r");
	void *value = file ? read(file) : NULL;

	if (file)
		fclose(file);
	return value;
}

static void *read_certificate(FILE *file)
{
	return PEM_read_X509(file, NULL, NULL, NULL);
}

static void *read_key(FILE *file)
{
	return PEM_read_PrivateKey(file, NULL, NULL, NULL);
}

static long lifetime(void)
{
	FILE *file = fopen("lifetime", "r");
	long seconds = 3600;

	if (file && fscanf(file, "%ld", &seconds) != 1)
		seconds = 3600;
	if (file)
		fclose(file);
	return seconds;
}

/* NULL: it is not for @tls_key, where that is given, or no request. malloc()ed. */
static char *certify(const char *pem, const uint8_t *tls_key)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509_REQ *asked = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	X509 *ca = pem_read("ca.pem", read_certificate), *one;
	EVP_PKEY *key = pem_read("ca.key", read_key);
	unsigned char *der = NULL;
	uint8_t digest[32];
	char *text = NULL;
	int length;

	BIO_free(bio);
	if (asked && X509_REQ_verify(asked, X509_REQ_get0_pubkey(asked)) == 1) {
		length = i2d_PUBKEY(X509_REQ_get0_pubkey(asked), &der);
		crypto_hash_sha256(digest, der, (size_t)length);
		OPENSSL_free(der);
		if (!tls_key || !memcmp(digest, tls_key, 32)) {
			one = certificate_of(asked, ca, key, lifetime());
			text = certificate_text(one);
			X509_free(one);
		}
	}
	X509_REQ_free(asked);
	X509_free(ca);
	EVP_PKEY_free(key);
	return text;
}

static json_t *authority_json(void)
{
	struct ml_bytes text;
	json_t *json;

	if (!file_read("ca.pem", &text))
		abort();
	json = json_stringn((const char *)text.data, text.length);
	free((void *)text.data);
	return json;
}

/* ----------------------------------------------------------------------- join */

static size_t joined_count(void)
{
	struct dirent *entry;
	DIR *directory = opendir("joined");
	size_t count = 0;

	while (directory && (entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	if (directory)
		closedir(directory);
	return count;
}

static void joined_name(const struct ml_join *join, char ret[static 80])
{
	char digest[65];

	sodium_bin2hex(digest, sizeof(digest), join->digest, 32);
	snprintf(ret, 80, "joined/%s", digest);
}

/* What the server can check of it; the signer is not here. */
static int judge(struct ml_bytes envelope, struct ml_join *ret, struct ml_error *error)
{
	struct ml_bytes document;
	struct ml_fresh fresh = { .synchronised = true, .now = time(NULL), .skew = ML_SKEW };
	struct ml_grant grant;
	struct ml_root root;
	int code;

	if (!last_root(&root) || !file_read("grant", &document))
		return ml_error_set(error, -ENOENT, "no such grant");
	code = ml_grant_verify(&root, document, &grant, error);
	free((void *)document.data);
	if (!code)
		code = ml_grant_judge(&grant, 0, fresh.now, error);
	if (!code)
		code = ml_join_verify(envelope, &grant, &fresh, ret, error);
	if (!code && !nonce_known(ret->nonce))
		code = ml_error_set(error, -EKEYREJECTED, "the nonce is none of this server's");
	if (!code && joined_count() >= grant.uses)
		code = ml_error_set(error, -EKEYREJECTED, "the key is used up");
	return code;
}

static void join_new(struct http_request *request, struct ml_bytes envelope, const char *pem)
{
	struct ml_error error;
	struct ml_join join;
	char name[80], *certificate;
	size_t length;
	json_t *json;
	char *text;

	if (judge(envelope, &join, &error)) {
		refuse_error(request, &error);
		return;
	}
	certificate = certify(pem, join.tls_key);
	if (!certificate) {
		refuse(request, 403, "refused", "the certificate request is for another key");
		return;
	}
	json = json_pack("{s:o, s:s, s:s, s:s}", "authority", authority_json(), "certificate",
			 certificate, "node", join.name, "state", "active");
	free(certificate);
	text = ml_strict_dump(json, &length);
	joined_name(&join, name);
	if (ml_file_write_new(name, text, length, 0600, &error))
		abort();
	free(text);
	if (!unlink("die-joined"))
		_exit(3);
	reply_json(request, 200, json);
}

static void join(struct http_request *request, const json_t *body)
{
	const char *pem = json_string_value(json_object_get(body, "certificateRequest"));
	struct ml_bytes envelope, answer;
	struct ml_error error;
	struct ml_join peeked;
	char name[80], *text;

	text = ml_strict_dump(json_object_get(body, "join"), &envelope.length);
	envelope.data = (uint8_t *)text;
	if (!text || !pem || ml_join_peek(envelope, &peeked, &error)) {
		refuse(request, 400, "bad-request", "that is no join");
		free(text);
		return;
	}
	joined_name(&peeked, name);
	if (!unlink("busy")) {
		refuse(request, 503, "unavailable", "the signer is away");
		free(text);
		return;
	}
	if (file_read(name, &answer)) {
		reply(request, 200, "application/json", answer.data, answer.length);
		free((void *)answer.data);
	} else {
		join_new(request, envelope, pem);
	}
	free(text);
}

/* -------------------------------------------------------------- certificates */

static void certificate(struct http_request *request, const json_t *body)
{
	const char *pem = json_string_value(json_object_get(body, "certificateRequest"));
	char *text = pem ? certify(pem, NULL) : NULL;

	if (!http_request_certificate(request) || !text)
		refuse(request, 403, "refused", "a client certificate is needed");
	else
		reply_json(request, 200, json_pack("{s:o, s:s}", "authority", authority_json(),
						   "certificate", text));
	free(text);
}

/* Signed by an identity that joined; the test has one node. */
static int judge_renewal(struct ml_bytes envelope, struct ml_renewal *ret,
			 struct ml_error *error)
{
	struct ml_bytes identity;
	struct ml_known_node known = { .counter = 0 };
	struct ml_fresh fresh = { .synchronised = true, .now = time(NULL), .skew = ML_SKEW };
	int code = ml_renewal_peek(envelope, ret, error);

	if (code)
		return code;
	if (!file_read("identity", &identity))
		return ml_error_set(error, -ENOENT, "nobody joined");
	code = ml_public_key_parse((const char *)identity.data, &known.identity, error);
	free((void *)identity.data);
	strcpy(known.network, ret->network);
	strcpy(known.node, ret->node);
	if (!code)
		code = ml_renewal_verify(envelope, &known, &fresh, ret, error);
	if (!code && !nonce_known(ret->nonce))
		code = ml_error_set(error, -EKEYREJECTED, "the nonce is none of this server's");
	return code;
}

static void renew(struct http_request *request, const json_t *body)
{
	const char *pem = json_string_value(json_object_get(body, "certificateRequest"));
	struct ml_renewal renewal;
	struct ml_bytes envelope;
	struct ml_error error;
	char *text, *made = NULL;

	text = ml_strict_dump(json_object_get(body, "renewal"), &envelope.length);
	envelope.data = (uint8_t *)text;
	if (!text || !pem || judge_renewal(envelope, &renewal, &error))
		refuse_error(request, &error);
	else if ((made = certify(pem, renewal.tls_key)))
		reply_json(request, 200, json_pack("{s:o, s:s}", "authority", authority_json(),
						   "certificate", made));
	else
		refuse(request, 403, "refused", "another key");
	free(made);
	free(text);
}

/* ---------------------------------------------------------------- generations */

static uint64_t number(struct http_request *request, const char *name)
{
	const char *text = http_request_query(request, name);

	return text ? strtoull(text, NULL, 10) : 0;
}

/* Whose payload nobody has proved, but this is a test. */
static bool newer(struct http_request *request, const struct ml_bundle *bundle)
{
	struct ml_statement statement;
	uint8_t *payload;
	size_t length;
	int code;

	if (!access("always", F_OK))
		return true;
	if (ml_dsse_peek(bundle->envelope.data, bundle->envelope.length, ML_STATEMENT_TYPE,
			 &payload, &length, NULL))
		return true;
	code = ml_statement_parse(payload, length, &statement, NULL);
	free(payload);
	if (code || statement.epoch != number(request, "epoch"))
		return code || statement.epoch > number(request, "epoch");
	return statement.serial > number(request, "serial");
}

static json_t *block_json(struct ml_bytes block)
{
	uint8_t digest[32];
	char hex[65];

	crypto_hash_sha256(digest, block.data, block.length);
	sodium_bin2hex(hex, sizeof(hex), digest, 32);
	return json_pack("{s:I, s:s}", "bytes", (json_int_t)block.length, "sha256", hex);
}

static void offer(struct http_request *request, const struct ml_bundle *bundle)
{
	json_t *blocks = json_pack("{s:o, s:o}", "image", block_json(bundle->image), "rules",
				   block_json(bundle->rules));

	reply_json(request, 200, json_pack("{s:o, s:o, s:o, s:o}", "blocks", blocks, "envelope",
					   base64_json(bundle->envelope), "leaf",
					   base64_json(bundle->leaf), "proof",
					   base64_json(bundle->proof)));
}

/* False: there is nothing to say yet. */
static bool generation_try(struct http_request *request)
{
	struct ml_bundle bundle;
	struct ml_bytes file;
	bool told = false;

	if (!access("slow", F_OK))
		return false;
	if (file_read("answer", &file)) {
		reply(request, 200, "application/json", file.data, file.length);
		free((void *)file.data);
		return true;
	}
	if (!file_read("offer", &file))
		return false;
	if (!ml_bundle_split(file, &bundle, NULL) && newer(request, &bundle)) {
		offer(request, &bundle);
		told = true;
	}
	free((void *)file.data);
	return told;
}

static void wait_over(struct waiter *waiter)
{
	waiter->request = NULL;
	event_del(waiter->timer);
}

static void gone(struct http_request *request, void *data)
{
	(void)data;
	for (size_t i = 0; i < WAITERS; i++)
		if (self.waiters[i].request == request)
			wait_over(&self.waiters[i]);
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
	struct waiter *waiter = arg;
	struct http_request *request = waiter->request;

	(void)fd;
	(void)what;
	waiter->left_ms -= 20;
	if (generation_try(request)) {
		wait_over(waiter);
	} else if (waiter->left_ms <= 0 && access("slow", F_OK)) {
		wait_over(waiter);
		reply(request, 204, "application/json", NULL, 0);
	}
}

static void generation(struct http_request *request)
{
	static const struct timeval often = { 0, 20000 };

	if (!http_request_certificate(request)) {
		refuse(request, 403, "refused", "a client certificate is needed");
		return;
	}
	if (generation_try(request))
		return;
	for (size_t i = 0; i < WAITERS; i++) {
		struct waiter *waiter = &self.waiters[i];

		if (waiter->request)
			continue;
		waiter->request = request;
		waiter->left_ms = (int)number(request, "wait") * 1000;
		if (!waiter->timer)
			waiter->timer = event_new(self.base, -1, EV_PERSIST, tick, waiter);
		event_add(waiter->timer, &often);
		http_request_keep(request, gone, NULL);
		return;
	}
	refuse(request, 429, "too-many", "too many wait");
}

static void block(struct http_request *request, const char *digest)
{
	struct ml_bundle bundle;
	struct ml_bytes file, *one = NULL, whole;
	uint8_t computed[32];
	char hex[65];

	if (file_read("block", &whole)) {
		reply(request, 200, "application/octet-stream", whole.data, whole.length);
		free((void *)whole.data);
		return;
	}
	if (!file_read("offer", &file) || ml_bundle_split(file, &bundle, NULL)) {
		refuse(request, 404, "not-found", "there is no such block");
		return;
	}
	for (int i = 0; i < 2 && !one; i++) {
		struct ml_bytes *candidate = i ? &bundle.rules : &bundle.image;

		crypto_hash_sha256(computed, candidate->data, candidate->length);
		sodium_bin2hex(hex, sizeof(hex), computed, 32);
		if (!strcmp(hex, digest))
			one = candidate;
	}
	if (one)
		reply(request, 200, "application/octet-stream", one->data, one->length);
	else
		refuse(request, 404, "not-found", "there is no such block");
	free((void *)file.data);
}

/* ----------------------------------------------------------------------- life */

static void post(struct http_request *request, const char *path)
{
	size_t length;
	const uint8_t *data = http_request_body(request, &length);
	json_t *body = json_loadb((const char *)data, length, 0, NULL);

	if (!strcmp(path, "/v1/challenge"))
		challenge(request);
	else if (!strcmp(path, "/v1/join"))
		join(request, body);
	else if (!strcmp(path, "/v1/certificate"))
		certificate(request, body);
	else if (!strcmp(path, "/v1/renew"))
		renew(request, body);
	else
		refuse(request, 404, "not-found", "there is nothing");
	json_decref(body);
}

static void handle(struct http_request *request, void *data)
{
	const char *path = http_request_path(request);

	(void)data;
	if (!strcmp(http_request_method(request), "POST"))
		post(request, path);
	else if (!strcmp(path, "/v1/health"))
		reply_json(request, 200, json_pack("{s:s}", "status", "ok"));
	else if (!strcmp(path, "/v1/roots"))
		roots(request);
	else if (!strcmp(path, "/v1/generation"))
		generation(request);
	else if (!strncmp(path, "/v1/blocks/", 11))
		block(request, path + 11);
	else
		refuse(request, 404, "not-found", "there is \033[31mnothing");
}

static void listen_at(const char *port)
{
	static const struct http_handler handler = { .handle = handle };
	struct http_limits limits = http_limits_default;
	char address[32];
	const char *const addresses[] = { address };
	struct http_config config = {
		.listen = addresses, .listen_count = 1, .limits = &limits,
		.files = { "server.pem", "server.key", "ca.pem" },
	};
	struct ml_error error;

	limits.backlog_bytes = limits.memory = 512u << 20;
	snprintf(address, sizeof(address), "127.0.0.1:%s", port);
	if (http_server_new(self.base, &config, &handler, NULL, &self.server, &error)) {
		fprintf(stderr, "node-server: %s\n", error.text);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	char port[8];

	if (argc < 2 || chdir(argv[1]) || ml_keys_setup(NULL))
		return 2;
	signal(SIGPIPE, SIG_IGN);
	if (access("server.pem", F_OK))
		pki_write(".");
	mkdir("joined", 0700);
	mkdir("roots", 0700);
	self.log = fopen("log", "a");
	self.base = event_base_new();
	listen_at(argc > 2 ? argv[2] : "0");
	snprintf(port, sizeof(port), "%u", http_server_port(self.server, 0));
	if (ml_file_write_atomic("port", port, strlen(port), 0600, NULL))
		return 1;
	event_base_dispatch(self.base);
	return 0;
}
