/* SPDX-License-Identifier: MIT */
/*
 * The server: what all of it shares. One thread runs the event loop; a few work at
 * calls, each with a store and a signer of its own; one asks the signer for
 * generations (watch_signer.c), one puts leaves into the audit log (sequence.c).
 */
#ifndef MERLON_CONTROL_SERVER_H
#define MERLON_CONTROL_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "audit_failures.h"
#include "bundle.h"
#include "error.h"
#include "root.h"
#include "route.h"
#include "store.h"

struct calls;
struct config;
struct http_refusal;
struct server;
struct work;

/*
 * What people and limits plug in (server_guard, in guard.c). Each runs in a thread, before the
 * handler. A member may be NULL: nobody has a session then, and nothing is limited.
 */
struct server_guard {
	/*
	 * May this address ask at all? Not called for the local socket. False: too many
	 * failures; @ret_seconds: how long to stay away.
	 */
	bool (*admit)(struct call *call, int64_t *ret_seconds);
	/*
	 * Whose is call->token? Fills person, actor, role and stepped_up. 0;
	 * -EKEYREJECTED: nobody's, @ret_reason says why.
	 */
	int (*person)(struct call *call, enum audit_reason *ret_reason, struct ml_error *error);
	/*
	 * An authentication failed. @ret_told: leave it true, and it is an event of its
	 * own; false: it was counted, and will be told of in a summary.
	 */
	void (*failed)(struct call *call, enum audit_reason reason, const char *identity,
		       bool *ret_told);
	/* Once a second or so, in a thread: summaries to write, sessions to forget. */
	void (*tick)(struct server *server, struct store *store, int64_t now);
	/* State of one server process, made before the threads. May be NULL. */
	int (*start)(struct server *server, void **ret, struct ml_error *error);
	void (*stop)(void *state);
};
extern const struct server_guard server_guard;
void *server_guard_state(const struct server *server);

/* ---- what any thread may ask */

const struct config *server_config(const struct server *server);
const char *server_network(const struct server *server);
const struct audit_form *server_audit_form(const struct server *server);
/* The last root that was verified. A copy. -ENOENT: there is none. */
int server_root(struct server *server, struct ml_root *ret, struct ml_error *error);

struct work *server_work(const struct server *server);
struct calls *server_calls(const struct server *server);
const struct authority *server_authority(const struct server *server);
struct nonces *server_nonces(const struct server *server);
struct ends *server_ends(const struct server *server);
struct seen *server_seen(const struct server *server);
/* A failure, counted where struct server_guard does not. True: an event of its own. */
bool server_failure(struct server *server, enum audit_reason reason,
		    const struct sockaddr *source);
/* The HTTP core refused something. In the loop. */
void server_refused(struct server *server, const struct http_refusal *refusal);

/* An event that belongs to no call. 0: it stands in the store. */
int server_audit(struct server *server, struct store *store, const struct audit_event *event,
		 struct ml_error *error);

/* Calls that wait run again: those of one node, or (NULL) all. */
void server_wake(struct server *server, const char *node);

/* Is there a reason not to change anything (the log cannot be written)? A sentence */
bool server_is_stuck(struct server *server, char *ret, size_t size);

/* CLOCK_REALTIME, microseconds since 1970. */
int64_t server_microseconds(void);

/* A line for the journal; @level as syslog(3), @event: one word. */
void server_log(int level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
