/* SPDX-License-Identifier: MIT */
/*
 * Machines that join a merlon-control, made of the library and libcurl alone. What cannot
 * be done ends the program, with a sentence.
 */
#ifndef SERVER_TEST_MACHINE_H
#define SERVER_TEST_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "bundle.h"
#include "join.h"
#include "key_string.h"
#include "root.h"

extern _Thread_local struct ml_error failure;
void __attribute__((noreturn)) fail(const char *what);
void need(bool good, const char *what);

/* From standard input. */
struct ml_key_string *key_string_read(void);

/* ------------------------------------------------------------------ requests */

struct reply {
	long status;
	char *body;
	size_t length;
	const char *error;
};

/*
 * One handle is one connection. @source: an address of 127/8, or "-"; @directory: of
 * tls.pem and tls.key, or NULL.
 */
CURL *curl_of(const char *source, const char *directory);
/* @body NULL: GET. */
void ask(CURL *curl, const char *url, const char *path, const char *body, struct reply *ret);
/* Of a reply of status 200. */
json_t *json_of(const struct reply *reply, const char *what);

/* ------------------------------------------------------------------ machines */

struct machine {
	char name[65];
	EVP_PKEY *tls;
	uint8_t tls_digest[32];
	char *request;		/* PKCS #10, PEM */
	struct ml_secret_key *identity;
	uint8_t wireguard[32];
};

/* The same name is the same machine, but for its TLS key. */
void machine_make(const char *name, struct machine *ret);
void file_write(const char *directory, const char *name, const char *text);
char *file_read(const char *directory, const char *name);

/* The last root, by the chain from the one with @digest; its envelope is returned. */
char *root_follow(CURL *curl, const char *url, const uint8_t *digest, struct ml_root *ret);
/* The same, from the root that @key names. */
char *root_get(const struct ml_key_string *key, CURL *curl, const char *url, struct ml_root *ret);
/* False: there was none; failure says why. */
bool challenge_try(CURL *curl, const char *url, const struct ml_root *root,
		   struct ml_challenge *ret);
void challenge_get(CURL *curl, const char *url, const struct ml_root *root,
		   struct ml_challenge *ret);
/* {"certificateRequest":@request,@key:@envelope} */
char *body_of(const char *key, const uint8_t *envelope, size_t length, const char *request);
/* Of POST /v1/join. */
char *join_body(const struct ml_key_string *key, const struct machine *machine,
		const struct ml_challenge *challenge);
/* tls.key, tls.pem and authority.pem. */
void certificate_keep(const struct reply *reply, const struct machine *machine,
		      const char *directory);

#endif
