// SPDX-License-Identifier: MIT
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "date.h"
#include "enrolment.h"
#include "file.h"
#include "strict.h"

_Thread_local struct ml_error failure;

void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, failure.text);
	exit(2);
}

void need(bool good, const char *what)
{
	if (!good)
		fail(what);
}

struct ml_key_string *key_string_read(void)
{
	char text[ML_KEY_STRING_TEXT];
	size_t length = fread(text, 1, sizeof(text) - 1, stdin);
	struct ml_key_string *key;

	need(!ml_key_string_parse(text, length, &key, &failure), "key string");
	return key;
}

/* ------------------------------------------------------------------ requests */

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
CURL *curl_of(const char *source, const char *directory)
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

void ask(CURL *curl, const char *url, const char *path, const char *body,
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

json_t *json_of(const struct reply *reply, const char *what)
{
	json_t *json = json_loadb(reply->body, reply->length, 0, NULL);

	snprintf(failure.text, sizeof(failure.text), "status %ld, %.300s%s", reply->status,
		 reply->body, reply->error ? reply->error : "");
	need(reply->status == 200 && json, what);
	return json;
}

/* ------------------------------------------------------------------- machines */

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
void machine_make(const char *name, struct machine *ret)
{
	uint8_t seed[32];

	snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->tls = EVP_EC_gen("P-256");
	tls_make(ret);
	crypto_hash_sha256(seed, (const uint8_t *)name, strlen(name));
	need(!ml_secret_key_from_seed(seed, &ret->identity, &failure), "identity");
	crypto_hash_sha256(ret->wireguard, seed, sizeof(seed));
}

void file_write(const char *directory, const char *name, const char *text)
{
	char path[1200];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	need(!ml_file_write_atomic(path, text, strlen(text), 0600, &failure), path);
}

char *file_read(const char *directory, const char *name)
{
	char path[1200];
	uint8_t *data;
	size_t length;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	need(!ml_file_read(path, 1 << 20, &data, &length, &failure), path);
	return (char *)data;
}

/* -------------------------------------------------------------------- joining */

char *root_follow(CURL *curl, const char *url, const uint8_t *digest, struct ml_root *ret)
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

char *root_get(const struct ml_key_string *key, CURL *curl, const char *url, struct ml_root *ret)
{
	return root_follow(curl, url, key->root_digest, ret);
}

bool challenge_try(CURL *curl, const char *url, const struct ml_root *root,
		   struct ml_challenge *ret)
{
	struct ml_bytes text = { NULL, 0 };
	struct reply reply;
	json_t *json;
	char *dump;
	bool good;

	ask(curl, url, "/v1/challenge", "{}", &reply);
	json = json_loadb(reply.body, reply.length, 0, NULL);
	dump = ml_strict_dump(json_object_get(json, "challenge"), &text.length);
	text.data = (uint8_t *)dump;
	snprintf(failure.text, sizeof(failure.text), "status %ld, %.300s%s", reply.status,
		 reply.body, reply.error ? reply.error : "");
	good = dump && reply.status == 200 && !ml_challenge_parse(text, root, ret, &failure);
	json_decref(json);
	free(dump);
	free(reply.body);
	return good;
}

void challenge_get(CURL *curl, const char *url, const struct ml_root *root,
		   struct ml_challenge *ret)
{
	need(challenge_try(curl, url, root, ret), "challenge");
}

char *body_of(const char *key, const uint8_t *envelope, size_t length,
		     const char *request)
{
	json_t *document = json_loadb((const char *)envelope, length, 0, NULL);
	json_t *json = json_pack("{s:s, s:o}", "certificateRequest", request, key, document);
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	return text;
}

char *join_body(const struct ml_key_string *key, const struct machine *machine,
		const struct ml_challenge *challenge)
{
	struct ml_secret_key *grant;
	struct ml_join_input input = { .challenge = challenge, .identity = machine->identity,
				       .wireguard = machine->wireguard, .name = machine->name,
				       .tls_key = machine->tls_digest, .time = ml_date_now() };
	uint8_t *envelope;
	size_t length;
	char *text;

	need(!ml_secret_key_from_seed(key->seed, &grant, &failure), "one-time key");
	input.grant = grant;
	need(!ml_join_make(&input, &envelope, &length, &failure), "join");
	text = body_of("join", envelope, length, machine->request);
	ml_secret_key_free(grant);
	free(envelope);
	return text;
}

void certificate_keep(const struct reply *reply, const struct machine *machine,
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
