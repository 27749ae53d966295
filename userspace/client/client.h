/* SPDX-License-Identifier: MIT */
/*
 * Asking merlon-control: HTTP/2 (RFC 9113) by libcurl, over TLS 1.3 (RFC 8446) to a
 * server whose public key is known beforehand, or over a Unix socket of this machine.
 *
 * JSON goes out and comes in; the answer's size is bounded, its objects are strict
 * (no key twice, nothing behind them). An error of the server is
 * {"error":"word","sentence":"…"} and becomes a struct ml_error. No proxies, no
 * redirects, no cookies, no session resumption; nothing is taken from the
 * environment or from files of the machine but, where no address is given, DNS.
 *
 * The server is believed by the SHA-256 of its SubjectPublicKeyInfo alone (RFC 7469,
 * 2.4): no authority of the machine's can stand in for it, and no clock that is
 * wrong keeps a node from its server.
 *
 * A client has one connection, and does one thing at a time; one thread.
 */
#ifndef ML_CLIENT_H
#define ML_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"

#define ML_CLIENT_LIMIT		(64u << 10)	/* bytes of an answer, unless asked otherwise */
#define ML_CLIENT_TIMEOUT_MS	30000u

struct event_base;
struct ml_client;

struct ml_client_options {
	const char *url;	/* ml_url_valid(); or NULL, and: */
	const char *socket;	/* path of a Unix socket: HTTP/2 without TLS, by prior knowledge */
	const uint8_t *pin;	/* with @url: SHA-256, 32 bytes, of the server's key */
	/*
	 * With @url: literal addresses of its host, separated by commas; DNS is not
	 * asked then. NULL: DNS, by a thread that libcurl makes.
	 */
	const char *addresses;
	/* PEM text, or NULL: no client certificate. Must outlive the client. */
	const char *certificate, *key;
	unsigned int connect_ms;	/* until TLS is up; 0: 10 s */
};

/*
 * Once, before ml_client_new() and before rights are given up: libcurl's own setup.
 * Takes what libcurl and OpenSSL would obey out of the environment (SSLKEYLOGFILE …).
 */
int ml_client_setup(struct ml_error *error);

/* All options are copied, but certificate and key. -EINVAL, -ENOMEM */
int ml_client_new(const struct ml_client_options *options, struct ml_client **ret,
		  struct ml_error *error);
/* NULL is allowed. What was under way is dropped; its done() is not called. */
void ml_client_free(struct ml_client *client);

/* From the next request on, by a new connection. NULL for both: none. */
void ml_client_set_certificate(struct ml_client *client, const char *certificate,
			       const char *key);
/* "Authorization: Bearer @token" from the next request on; NULL: none. Copied. -ENOMEM */
int ml_client_set_token(struct ml_client *client, const char *token, struct ml_error *error);

struct ml_client_request {
	const char *method;	/* "GET", "POST", "PUT", "DELETE" */
	const char *path;	/* "/v1/roots?after=3": escaped already (RFC 3986) */
	const json_t *body;	/* an object; NULL: none */
	bool raw;		/* the answer is bytes, not JSON */
	size_t limit;		/* bytes of the answer; 0: ML_CLIENT_LIMIT */
	unsigned int timeout_ms;	/* of the whole; 0: ML_CLIENT_TIMEOUT_MS */
};

struct ml_client_answer {
	unsigned int status;	/* 200 to 299 */
	json_t *json;		/* an object; NULL: @raw, or an empty body */
	uint8_t *data;		/* @raw: malloc()ed; NULL where it is empty */
	size_t length;
};

/* From which address the last answer was asked for, in text; "": there is none, or a Unix socket. */
const char *ml_client_local_address(const struct ml_client *client);

void ml_client_answer_clean(struct ml_client_answer *answer);

/**
 * ml_client_do - ask, and wait for the answer
 *
 * Return: 0. By the server, with its sentence: -EINVAL (bad-request), -EACCES
 * (refused), -ENOENT (not-found), -EEXIST (conflict), -EBUSY (too-many, unavailable),
 * -E2BIG (too-large), -EPROTO (another error). Of the way there: -EKEYREJECTED
 * (another key than the pin), -EHOSTUNREACH (no such host), -ECONNREFUSED (nobody
 * listens), -ETIMEDOUT, -ECONNRESET (the connection broke), -EPROTO (no TLS 1.3 or
 * HTTP/2). Of the answer: -EMSGSIZE (beyond the limit), -EBADMSG (no JSON). -ENOMEM.
 */
int ml_client_do(struct ml_client *client, const struct ml_client_request *request,
		 struct ml_client_answer *ret, struct ml_error *error);

/* ---- in an event loop (libevent) */

/* @answer is empty where @code, as of ml_client_do(), is not 0; done() may take it. */
typedef void (*ml_client_done)(void *data, int code, struct ml_client_answer *answer,
			       const struct ml_error *error);

/* Once for a client that is to use @base, before a system call filter. -ENOMEM */
int ml_client_attach(struct ml_client *client, struct event_base *base,
		     struct ml_error *error);
/* @done is called from the loop, once, unless this fails. -EBUSY: one is under way; -ENOMEM */
int ml_client_start(struct ml_client *client, const struct ml_client_request *request,
		    ml_client_done done, void *data, struct ml_error *error);
void ml_client_cancel(struct ml_client *client);

#endif
