// SPDX-License-Identifier: MIT
#include "guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include <sodium.h>

#include "config.h"
#include "limits_failed.h"
#include "server.h"

#define SLOT_WAIT_MS	2000
#define TOUCH		60	/* seconds: a session is not written for less */
#define EXPIRE		60	/* seconds between two looks for what is over */

struct guard {
	struct people *people;
	pthread_mutex_t lock;	/* of what follows */
	struct limits *limits;
	int64_t expired;	/* when it was looked last */
};

static struct guard *guard_of(const struct server *server)
{
	return server_guard_state(server);
}

struct people *guard_people(const struct call *call)
{
	return guard_of(call->server)->people;
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ failures */

/* Of an authentication; who is known and may not is no attack on anybody's secrets. */
static bool is_counted(enum audit_reason reason)
{
	return reason != AUDIT_REASON_RATE && reason != AUDIT_REASON_ROLE &&
	       reason != AUDIT_REASON_NO_STEP_UP && reason != AUDIT_REASON_CLOCK &&
	       reason != AUDIT_REASON_MALFORMED;
}

static bool is_code(enum audit_reason reason)
{
	return reason == AUDIT_REASON_BAD_CODE || reason == AUDIT_REASON_REPLAYED_CODE;
}

static void failed(struct call *call, enum audit_reason reason, const char *identity,
		   bool *ret_told)
{
	struct guard *guard = guard_of(call->server);
	const struct limits_who who = { (const struct sockaddr *)&call->source, identity };
	bool alert = false;

	pthread_mutex_lock(&guard->lock);
	if (is_counted(reason))
		alert = limits_failed(guard->limits, &who, is_code(reason), milliseconds());
	pthread_mutex_unlock(&guard->lock);
	*ret_told = server_failure(call->server, reason, who.address);
	if (alert)
		server_log(LOG_WARNING, "alert",
			   "%d failures within a minute of one address or name, the last: %s",
			   LIMITS_ALERT, audit_reason_name(reason));
}

static int64_t judge(struct call *call, const char *name, bool code, int64_t now)
{
	struct guard *guard = guard_of(call->server);
	const struct limits_who who = { (const struct sockaddr *)&call->source, name };
	int64_t until;

	pthread_mutex_lock(&guard->lock);
	until = code ? limits_judge_code(guard->limits, &who, now) :
		       limits_judge(guard->limits, &who, now);
	pthread_mutex_unlock(&guard->lock);
	return until;
}

/* False: it cannot be told of, and was answered. */
static bool rate_tell(struct call *call)
{
	const struct audit_event event = {
		.type = AUDIT_AUTH_FAILURE,
		.reason = audit_reason_name(AUDIT_REASON_RATE),
		.actor = call->actor[0] ? call->actor : "",
	};
	bool told = false;

	failed(call, AUDIT_REASON_RATE, NULL, &told);
	return !told || call_audit(call, &event);
}

static bool may(struct call *call, const char *what, int64_t now, int64_t until)
{
	long long seconds = (until - now + 999) / 1000;

	if (!until)
		return true;
	if (!rate_tell(call))
		return false;
	call_retry_after(call, seconds);
	call_refuse(call, CALL_TOO_MANY, "too many %s: wait %lld seconds", what, seconds);
	return false;
}

bool guard_may(struct call *call, const char *name, bool code)
{
	int64_t now = milliseconds();

	return may(call, "failures", now, judge(call, name, code, now));
}

bool guard_node(struct call *call, const char *name)
{
	struct guard *guard = guard_of(call->server);
	int64_t now = milliseconds(), until;

	pthread_mutex_lock(&guard->lock);
	until = limits_node(guard->limits, name, now);
	pthread_mutex_unlock(&guard->lock);
	return may(call, "certificates and keys", now, until);
}

/*
 * Whoever shows a certificate or needs a token is asked for nothing that could be
 * guessed, and must not suffer from others behind the same address.
 */
static bool admit(struct call *call, int64_t *ret_seconds)
{
	int64_t now = milliseconds(), until;

	if (call->has_certificate || call->route->who != ROUTE_ANYBODY ||
	    !strcmp(call->method, "GET"))
		return true;
	until = judge(call, NULL, false, now);
	if (!until)
		return true;
	rate_tell(call);
	*ret_seconds = (until - now + 999) / 1000;
	return false;
}

static enum people_class class_of(struct call *call)
{
	struct guard *guard = guard_of(call->server);
	const struct limits_who who = { (const struct sockaddr *)&call->source, NULL };
	bool has_failed;

	if (call->local)
		return PEOPLE_LOCAL;
	pthread_mutex_lock(&guard->lock);
	has_failed = limits_has_failed(guard->limits, &who, milliseconds());
	pthread_mutex_unlock(&guard->lock);
	return has_failed ? PEOPLE_FAILED : PEOPLE_CLEAN;
}

bool guard_slot(struct call *call)
{
	if (people_slot_take(guard_people(call), class_of(call), SLOT_WAIT_MS))
		return true;
	call_retry_after(call, 1);
	call_refuse(call, CALL_UNAVAILABLE, "others log in just now: try again in a second");
	return false;
}

/* ------------------------------------------------------------------ sessions */

static int touch(struct call *call, const uint8_t digest[static 32],
		 const struct store_session *session, struct ml_error *error)
{
	int64_t expires = call->now + PEOPLE_IDLE;

	if (expires > session->created + PEOPLE_SESSION)
		expires = session->created + PEOPLE_SESSION;
	if (expires < session->expires + TOUCH)
		return 0;
	return store_session_touch(call->store, digest, expires, error);
}

static int person(struct call *call, enum audit_reason *ret_reason, struct ml_error *error)
{
	struct store_session session;
	uint8_t digest[32];
	int r;

	*ret_reason = AUDIT_REASON_BAD_TOKEN;
	if (!call->token || !people_token_digest(call->token, digest))
		return ml_error_set(error, -EKEYREJECTED, "this is no token of a session: log in");
	r = store_session_get(call->store, digest, call->now, &session, error);
	if (r)
		return r == -ENOENT ? -EKEYREJECTED : r;
	r = touch(call, digest, &session, error);
	if (!r) {
		snprintf(call->person, sizeof(call->person), "%s", session.admin);
		snprintf(call->actor, sizeof(call->actor), "admin:%.120s", session.admin);
		call->role = session.role;
		call->stepped_up = session.stepped_up;
	}
	store_free(session.memory);
	return r == -ENOENT ? -EKEYREJECTED : r;
}

/* --------------------------------------------------------------------- texts */

bool guard_text(struct call *call, const char *key, const char **ret)
{
	const json_t *value = json_object_get(call->body, key);

	*ret = "";
	if (!value)
		return true;
	if (json_is_string(value)) {
		*ret = json_string_value(value);
		return true;
	}
	call_refuse(call, CALL_BAD_REQUEST, "\"%s\" must be a text", key);
	return false;
}

/* The texts of an object, and of lists in it. */
static void texts_wipe(json_t *value)
{
	const char *key;
	json_t *inner;
	size_t i;

	if (json_is_string(value))
		sodium_memzero((char *)(uintptr_t)json_string_value(value),
			       json_string_length(value));
	json_array_foreach(value, i, inner)
		if (json_is_string(inner))
			texts_wipe(inner);
	json_object_foreach(value, key, inner)
		texts_wipe(inner);
}

void guard_wipe(struct call *call)
{
	texts_wipe(call->body);
}

void guard_answer(struct call *call, json_t *body)
{
	const size_t flags = JSON_COMPACT | JSON_SORT_KEYS;
	size_t length = body ? json_dumpb(body, NULL, 0, flags) : 0;
	char *text = length ? malloc(length) : NULL;

	/* Not json_dumps(), which leaves parts of it where it had no room any more. */
	if (text && json_dumpb(body, text, length, flags) == length)
		call_answer_bytes(call, "application/json", (uint8_t *)text, length);
	else
		free(text);
	texts_wipe(body);
	json_decref(body);
}

/* --------------------------------------------------------------------- whole */

static void tick(struct server *server, struct store *store, int64_t now)
{
	struct guard *guard = guard_of(server);
	struct ml_error error;
	bool due;

	pthread_mutex_lock(&guard->lock);
	due = now >= guard->expired + EXPIRE || now < guard->expired;
	if (due)
		guard->expired = now;
	pthread_mutex_unlock(&guard->lock);
	if (due && store_expire(store, now, &error))
		server_log(LOG_WARNING, "expire", "%s", error.text);
}

static void stop(void *state)
{
	struct guard *guard = state;

	if (!guard)
		return;
	people_close(guard->people);
	limits_free(guard->limits);
	pthread_mutex_destroy(&guard->lock);
	free(guard);
}

static int start(struct server *server, void **ret, struct ml_error *error)
{
	struct guard *guard = calloc(1, sizeof(*guard));
	char path[CONFIG_PATH];
	int r;

	if (!guard)
		return ml_error_set(error, -ENOMEM, "out of memory");
	pthread_mutex_init(&guard->lock, NULL);
	guard->limits = limits_new();
	config_path(server_config(server), "totp.key", path);
	if (guard->limits)
		r = people_open(path, &guard->people, error);
	else
		r = ml_error_set(error, -ENOMEM, "out of memory");
	if (r)
		stop(guard);
	else
		*ret = guard;
	return r;
}

const struct server_guard server_guard = {
	.admit = admit,
	.person = person,
	.failed = failed,
	.tick = tick,
	.start = start,
	.stop = stop,
};
