// SPDX-License-Identifier: MIT
/*
 * Sessions: begun with a password and a second factor, stepped up, ended. A token is
 * made anew each time; one that the client brings to a login is ended, never adopted.
 *
 * Who is refused does not learn why, and cannot tell it from the time it took: a name
 * that nobody has costs a password's work, too.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "guard.h"
#include "people_routes.h"
#include "routes.h"

/* ------------------------------------------------------------ second factors */

struct factor {
	const char *totp, *recovery;	/* one of them is not "" */
	uint64_t left;			/* recovery codes, once one was used */
};

static bool factor_read(struct call *call, struct factor *ret)
{
	if (!guard_text(call, "totp", &ret->totp) || !guard_text(call, "recovery", &ret->recovery))
		return false;
	if (!*ret->totp == !*ret->recovery) {
		call_refuse(call, CALL_BAD_REQUEST, "the body needs \"totp\" or \"recovery\"");
		return false;
	}
	return true;
}

/* Both return 0, and what is not 0 is refused, but for @ret_reason UNSPEC: failed. */
static int totp_use(struct call *call, const struct store_admin *admin, const char *code,
		    struct ml_bytes leaf, enum audit_reason *ret_reason, struct ml_error *error)
{
	uint64_t step;
	int r;

	if (!people_code_is(guard_people(call), admin->name, admin->totp.data, admin->totp.length,
			    code, call->now, &step)) {
		*ret_reason = AUDIT_REASON_BAD_CODE;
		return -EKEYREJECTED;
	}
	r = store_totp_accept(call->store, admin->name, step, leaf, error);
	*ret_reason = r == -EALREADY ? AUDIT_REASON_REPLAYED_CODE : AUDIT_REASON_UNSPEC;
	return r;
}

static int recovery_use(struct call *call, const struct store_admin *admin,
			struct factor *factor, struct ml_bytes leaf,
			enum audit_reason *ret_reason, struct ml_error *error)
{
	uint8_t digest[32];
	int r = -ENOENT;

	if (!people_recovery_digest(factor->recovery, digest))
		r = store_recovery_use(call->store, admin->name, digest, leaf, &factor->left, error);
	*ret_reason = r == -ENOENT ? AUDIT_REASON_BAD_CODE : AUDIT_REASON_UNSPEC;
	return r;
}

/* False: it was wrong, or used, and the call is answered. */
static bool factor_use(struct call *call, const struct store_admin *admin, const char *actor,
		       struct factor *factor)
{
	const bool totp = *factor->totp;
	const struct audit_event event = { .type = AUDIT_AUTH_SUCCESS, .actor = actor,
					   .details.method = totp ? "totp" : "recovery-code" };
	enum audit_reason reason = AUDIT_REASON_UNSPEC;
	struct ml_error error = { .text = "" };
	struct ml_bytes leaf;
	int r;

	/* Recovery codes are too long to be guessed. */
	if ((totp && !guard_may(call, admin->name, true)) || !call_leaf(call, &event, &leaf))
		return false;
	r = totp ? totp_use(call, admin, factor->totp, leaf, &reason, &error) :
		   recovery_use(call, admin, factor, leaf, &reason, &error);
	call_leaf_free(&leaf);
	if (r && reason)
		call_auth_failed(call, reason, actor, admin->name);
	else if (r)
		call_fail(call, -EIO, &error);
	return !r;
}

/* -------------------------------------------------------------------- begun */

static void session_answer(struct call *call, const char *token,
			   const struct store_session *session, const struct factor *factor)
{
	json_t *body = json_pack("{s:s, s:s, s:I, s:I}", "token", token, "role",
				 store_role_name(session->role), "expires",
				 (json_int_t)session->expires, "steppedUp",
				 (json_int_t)session->stepped_up);

	if (*factor->recovery)
		json_object_set_new(body, "recoveryLeft", json_integer((json_int_t)factor->left));
	guard_answer(call, body);
}

/* The token that came with a login is worth nothing behind it. */
static bool session_replace(struct call *call, const char *actor)
{
	const struct audit_event event = { .type = AUDIT_SESSION_END, .actor = actor,
					   .reason = "another login" };
	struct ml_error error = { .text = "" };
	struct ml_bytes leaf;
	uint8_t digest[32];
	int r;

	if (!call->token || !people_token_digest(call->token, digest))
		return true;
	if (!call_leaf(call, &event, &leaf))
		return false;
	r = store_session_end(call->store, digest, leaf, &error);
	call_leaf_free(&leaf);
	if (r && r != -ENOENT)
		call_fail(call, r, &error);
	return !r || r == -ENOENT;
}

static void session_begin(struct call *call, const struct store_admin *admin, const char *actor,
			  const struct factor *factor)
{
	const struct store_session session = { .role = admin->role, .stepped_up = call->now,
					       .expires = call->now + PEOPLE_IDLE };
	const struct audit_event event = {
		.type = AUDIT_SESSION_START, .actor = actor,
		.details = { .role = store_role_name(admin->role),
			     .expires = (call->now + PEOPLE_SESSION) * 1000000 },
	};
	struct ml_error error = { .text = "" };
	char token[PEOPLE_TOKEN_TEXT];
	struct ml_bytes leaf;
	uint8_t digest[32];
	int r;

	if (!session_replace(call, actor) || !call_leaf(call, &event, &leaf))
		return;
	people_token_make(token, digest);
	r = store_session_start(call->store, digest, admin->name, call->now, call->now,
				session.expires, leaf, &error);
	call_leaf_free(&leaf);
	if (r)
		call_fail(call, -EIO, &error);
	else
		session_answer(call, token, &session, factor);
	sodium_memzero(token, sizeof(token));
}

/* The administrator, if the password is his; the caller's to free. */
static bool password_right(struct call *call, const char *name, const char *password,
			   struct store_admin *ret)
{
	struct store_admin admin = { 0 };
	struct ml_error error = { .text = "" };
	char actor[129] = "";
	bool right;
	int r;

	if (!guard_slot(call))
		return false;
	r = store_admin_get(call->store, name, &admin, &error);
	right = people_password_is(guard_people(call), r ? NULL : admin.password, password);
	people_slot_give(guard_people(call));
	if (right) {
		*ret = admin;
		return true;
	}
	if (!r)
		people_actor(name, actor);
	if (r && r != -ENOENT)
		call_fail(call, -EIO, &error);
	else
		call_auth_failed(call, r ? AUDIT_REASON_UNKNOWN_NAME : AUDIT_REASON_BAD_PASSWORD,
				 actor, name);
	store_free(admin.memory);
	return false;
}

static void login(struct call *call, const char *name, const char *password,
		  struct factor *factor)
{
	struct store_admin admin = { 0 };
	char actor[129];

	/* What blocks a name is judged before anything of it is looked at. */
	if (!guard_may(call, name, false) || !password_right(call, name, password, &admin))
		return;
	people_actor(admin.name, actor);
	if (factor_use(call, &admin, actor, factor))
		session_begin(call, &admin, actor, factor);
	store_free(admin.memory);
}

static void session_post(struct call *call)
{
	static const char *const keys[] = { "name", "password", "totp?", "recovery?" };
	const char *name, *password;
	struct factor factor = { 0 };

	if (call_keys(call, keys, 4) && guard_text(call, "name", &name) &&
	    guard_text(call, "password", &password) && factor_read(call, &factor))
		login(call, name, password, &factor);
	guard_wipe(call);
}

/* ---------------------------------------------------------------- stepped up */

/* By a session; root at the local socket has none. */
static bool has_session(struct call *call, uint8_t ret[static 32])
{
	if (call->person[0] && call->token && people_token_digest(call->token, ret))
		return true;
	call_refuse(call, CALL_BAD_REQUEST, "root at the local socket has no session");
	return false;
}

static int rotate(struct call *call, const uint8_t from[static 32], struct ml_bytes leaf,
		  char token[static PEOPLE_TOKEN_TEXT], struct store_session *ret,
		  struct ml_error *error)
{
	uint8_t to[32];
	int r;

	people_token_make(token, to);
	r = store_session_rotate(call->store, from, to, call->now, leaf, error);
	return r ? r : store_session_get(call->store, to, call->now, ret, error);
}

static void token_rotate(struct call *call, const uint8_t from[static 32],
			 const struct factor *factor)
{
	const struct audit_event event = { .type = AUDIT_SESSION_STEP_UP };
	struct ml_error error = { .text = "" };
	char token[PEOPLE_TOKEN_TEXT];
	struct store_session session;
	struct ml_bytes leaf;
	int r;

	if (!call_leaf(call, &event, &leaf))
		return;
	r = rotate(call, from, leaf, token, &session, &error);
	call_leaf_free(&leaf);
	if (r) {
		call_fail(call, r, &error);
	} else {
		session_answer(call, token, &session, factor);
		store_free(session.memory);
	}
	sodium_memzero(token, sizeof(token));
}

static void step_up_post(struct call *call)
{
	static const char *const keys[] = { "totp?", "recovery?" };
	struct ml_error error = { .text = "" };
	struct factor factor = { 0 };
	struct store_admin admin;
	uint8_t digest[32];
	int r;

	if (!call_keys(call, keys, 2) || !factor_read(call, &factor) || !has_session(call, digest))
		return;
	r = store_admin_get(call->store, call->person, &admin, &error);
	if (r) {
		call_fail(call, r, &error);
		return;
	}
	if (factor_use(call, &admin, call->actor, &factor))
		token_rotate(call, digest, &factor);
	store_free(admin.memory);
	guard_wipe(call);
}

/* --------------------------------------------------------------- shown, ended */

static void session_get(struct call *call)
{
	int64_t left = call->stepped_up + ROUTE_STEP_UP - call->now;

	if (left < 0 || left > ROUTE_STEP_UP)
		left = 0;
	call_answer(call, 200, json_pack("{s:s, s:s, s:I}", "name",
					 call->person[0] ? call->person : call->actor, "role",
					 store_role_name(call->role), "stepUpLeft",
					 (json_int_t)left));
}

static void session_delete(struct call *call)
{
	const struct audit_event event = { .type = AUDIT_SESSION_END, .reason = "logout" };
	struct ml_error error = { .text = "" };
	struct ml_bytes leaf;
	uint8_t digest[32];
	int r;

	if (!has_session(call, digest) || !call_leaf(call, &event, &leaf))
		return;
	r = store_session_end(call->store, digest, leaf, &error);
	call_leaf_free(&leaf);
	if (r)
		call_fail(call, r, &error);
	else
		call_answer_empty(call, 204);
}

static const struct route routes[] = {
	{ "POST", "/v1/session", ROUTE_ANYBODY, .body = 4096, .handle = session_post },
	{ "POST", "/v1/session/step-up", ROUTE_PERSON, STORE_VIEWER, .body = 4096,
	  .handle = step_up_post },
	{ "GET", "/v1/session", ROUTE_PERSON, STORE_VIEWER, .handle = session_get },
	{ "DELETE", "/v1/session", ROUTE_PERSON, STORE_VIEWER, .handle = session_delete },
};

const struct route_table route_session = { routes, sizeof(routes) / sizeof(routes[0]) };
