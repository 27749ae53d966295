/* SPDX-License-Identifier: MIT */
/*
 * Routes: what can be asked of the server, by whom, and who answers.
 *
 * A handler is a plain function. It runs in one of the server's threads, so that it
 * may wait for the store, the signer or Argon2id; it has a store and a signer of its
 * own, and everything of the request as a copy. It answers by call_answer(),
 * call_refuse() or call_fail(), once, and returns; the loop sends it.
 *
 *	socket → http core → loop: route_find() → thread: admit, who is it, may he,
 *	body, handle() → loop: http_reply()
 *
 * A table of routes is added to route_tables (routes.c). docs/protocol.md is the same
 * for readers.
 */
#ifndef MERLON_CONTROL_ROUTE_H
#define MERLON_CONTROL_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <jansson.h>

#include "audit.h"
#include "bundle.h"
#include "error.h"
#include "store.h"

struct server;
struct signer_client;

#define ROUTE_PARAMETERS	2	/* of one path */
#define ROUTE_BODY		(64u << 10)	/* bytes, where a route says nothing else */
#define ROUTE_STEP_UP		300	/* seconds that a second factor is good for */

/* ------------------------------------------------------------------ routes */

enum route_who {
	ROUTE_ANYBODY,
	ROUTE_NODE,	/* an active node, by its client certificate */
	ROUTE_PERSON,	/* a session with @role or more; root by the local socket is owner */
	ROUTE_LOCAL,	/* root by the local socket, alone */
};

struct call;

struct route {
	const char *method;	/* "GET" */
	/* Segments as they are; "{}" is any one segment, "{*}" the rest, as the last. */
	const char *path;	/* "/v1/nodes/{}" */
	enum route_who who;
	enum store_role role;	/* of ROUTE_PERSON */
	bool step_up;		/* the second factor must be younger than ROUTE_STEP_UP */
	size_t body;		/* bytes at most; 0: ROUTE_BODY */
	void (*handle)(struct call *call);
};

struct route_table {
	const struct route *routes;
	size_t count;
};

/* NULL-terminated, in routes.c. */
extern const struct route_table *const route_tables[];

/* -------------------------------------------------------------------- calls */

struct call {
	struct server *server;
	const struct route *route;
	struct store *store;		/* of this thread */
	struct signer_client *signer;	/* of this thread */
	int64_t now;			/* Unix seconds */

	/* What was asked. Texts are valid while handle() runs. */
	const char *method, *path;
	const char *parameters[ROUTE_PARAMETERS];	/* what stood in the place of "{}" */
	json_t *body;			/* an object, by ml_strict_load(); NULL: no body was sent */
	const char *user_agent;		/* "" where there is none */
	const char *token;		/* behind "Authorization: Bearer "; NULL: none */

	/* Where from. */
	struct sockaddr_storage source;	/* AF_UNSPEC by the local socket */
	bool local;
	uid_t uid;			/* by the local socket: who connected */
	bool has_certificate;
	uint8_t spki[32];		/* of the client certificate: SHA-256 */

	/* Who: set before handle(), as the route wants. */
	char actor[129];		/* for the audit log: "node:gamma", "admin:anna", "uid:0" */
	char node[ML_NAME_MAX + 1];	/* ROUTE_NODE; "": none */
	char person[129];		/* ROUTE_PERSON by a session: the administrator's name */
	enum store_role role;		/* ROUTE_PERSON */
	int64_t stepped_up;		/* ROUTE_PERSON: when; 0: never */

	struct call_private *private;
};

/* A value of the query, decoded; NULL: it does not occur. */
const char *call_query(const struct call *call, const char *name);
/* A number in decimal without sign, at most @max. -EBADMSG, also where it is missing. */
int call_query_number(const struct call *call, const char *name, int64_t max, int64_t *ret,
		      struct ml_error *error);
/*
 * Exactly these keys (a name that ends in "?" may be missing); a missing body has none.
 * False: refused already with 400, and the handler only returns.
 */
bool call_keys(struct call *call, const char *const *keys, size_t count);

/* ------------------------------------------------------------------ answers */

/* 200 to 299; @body is given away, NULL: none, or (json_pack() failed) 503. */
void call_answer(struct call *call, unsigned int status, json_t *body);
void call_answer_empty(struct call *call, unsigned int status);
/* Bytes, malloc()ed and given away; @type: "application/octet-stream". */
void call_answer_bytes(struct call *call, const char *type, uint8_t *bytes, size_t length);

/*
 * The words of docs/protocol.md: {"error":"word","sentence":"…"}. Who is refused learns
 * nothing: the sentence of CALL_REFUSED is always the same one.
 */
enum call_word {
	CALL_BAD_REQUEST,	/* 400 */
	CALL_REFUSED,		/* 403 */
	CALL_EXPIRED,		/* 403: a node that has proved who it is, and is none any more */
	CALL_NOT_FOUND,		/* 404 */
	CALL_CONFLICT,		/* 409 */
	CALL_TOO_LARGE,		/* 413 */
	CALL_TOO_MANY,		/* 429 */
	CALL_UNAVAILABLE,	/* 503 */
};
void call_refuse(struct call *call, enum call_word word, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * What an errno of the store or the library comes to: -ENOENT 404; -EEXIST, -EALREADY,
 * -ESTALE 409; -EBADMSG, -EINVAL, -EILSEQ, -EXDEV, -ETIME 400; -EKEYREJECTED, -EKEYREVOKED,
 * -EPERM, -EDQUOT 403 (uniform); -E2BIG 413; everything else 503, logged, with no word of the inside.
 */
void call_fail(struct call *call, int code, const struct ml_error *error);
/* One more field of the answer: 429's "retry-after", seconds. */
void call_retry_after(struct call *call, int64_t seconds);

/* -------------------------------------------------------------------- audit */

/*
 * The leaf of an event of this call, for a store operation. Source, user agent,
 * endpoint, time and (where @event has none) actor are filled in.
 * False: it cannot be told of, was answered with 503, and must not be done.
 */
bool call_leaf(struct call *call, const struct audit_event *event, struct ml_bytes *ret);
void call_leaf_free(struct ml_bytes *leaf);
/* The event alone, in a transaction of its own. False: as above. */
bool call_audit(struct call *call, const struct audit_event *event);
/*
 * Somebody could not prove who he is: told of, counted by the guard, answered with
 * the uniform refusal. @actor: NULL, or as struct audit_event wants it. @identity: what
 * the guard counts beside the address (a name as it was typed); NULL: none.
 */
void call_auth_failed(struct call *call, enum audit_reason reason, const char *actor,
		      const char *identity);

/*
 * For a ROUTE_ANYBODY that also takes what nobody signed: is it a person with @role or more,
 * as for ROUTE_PERSON? False: answered.
 */
bool call_is_person(struct call *call, enum store_role role, bool step_up);
/*
 * Who is known asked for what is not his: told of, or counted where there are many. The
 * handler answers. False: as above.
 */
bool call_authz_tell(struct call *call, enum audit_reason reason);

/* ------------------------------------------------------------------ waiting */

/*
 * Ends this run of handle() without an answer. It runs again, on a fresh view of things,
 * when server_wake() is called or at the deadline; call_waited() is then true at the
 * deadline. @deadline: milliseconds of CLOCK_MONOTONIC, the same at each run.
 */
void call_wait(struct call *call, int64_t deadline);
bool call_waited(const struct call *call);
/* When this call came in, milliseconds of CLOCK_MONOTONIC. */
int64_t call_begun(const struct call *call);

#endif
