// SPDX-License-Identifier: MIT
/*
 * Administrators: listed, made, changed, removed. Whoever makes one, or gives one new
 * secrets, is shown these once; nobody can have them shown again.
 */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "bundle.h"
#include "guard.h"
#include "people_routes.h"
#include "routes.h"
#include "server.h"

/* What is made of a password that was chosen: shown once, and stored in other forms. */
struct secrets {
	char password[PEOPLE_PASSWORD_TEXT];
	char codes[PEOPLE_CODES][PEOPLE_CODE_TEXT];
	uint8_t digests[PEOPLE_CODES][32];
	uint8_t sealed[PEOPLE_SEALED];
	char uri[PEOPLE_URI];
};

/* -------------------------------------------------------------------- listed */

static int admin_add(void *arg, const struct store_admin *admin)
{
	json_t *entry = json_pack("{s:s, s:s, s:b, s:I}", "name", admin->name, "role",
				  store_role_name(admin->role), "secondFactor",
				  (int)(admin->totp.length > 0), "added",
				  (json_int_t)admin->added);

	return json_array_append_new(arg, entry) ? -ENOMEM : 0;
}

static void admins_get(struct call *call)
{
	struct ml_error error = { .text = "out of memory" };
	json_t *list = json_array();
	int r;

	r = store_admin_each(call->store, admin_add, list, &error);
	if (!r) {
		call_answer(call, 200, json_pack("{s:o}", "admins", list));
		return;
	}
	json_decref(list);
	call_fail(call, r, &error);
}

/* ------------------------------------------------------------------- secrets */

static int codes_make(struct call *call, const char *name, struct secrets *ret,
		      struct ml_error *error)
{
	uint8_t secret[PEOPLE_SECRET];
	int r;

	people_recovery_make(ret->codes, ret->digests);
	r = people_secret_make(guard_people(call), name, secret, ret->sealed, error);
	if (!r)
		r = people_secret_uri(server_network(call->server), name, secret, ret->uri, error);
	sodium_memzero(secret, sizeof(secret));
	return r;
}

/* False: the call is answered. */
static bool secrets_make(struct call *call, const char *name, const char *password,
			 struct secrets *ret)
{
	struct ml_error error = { .text = "" };
	int r;

	r = people_password_check(name, password, &error);
	if (!r && !guard_slot(call))
		return false;
	if (!r) {
		r = people_password_hash(password, ret->password, &error);
		people_slot_give(guard_people(call));
	}
	if (!r)
		r = codes_make(call, name, ret, &error);
	if (r)
		call_fail(call, r, &error);
	return !r;
}

static void secrets_answer(struct call *call, const char *name,
			   const struct secrets *secrets)
{
	json_t *codes = json_array();
	size_t i;

	for (i = 0; i < PEOPLE_CODES; i++)
		json_array_append_new(codes, json_string(secrets->codes[i]));
	guard_answer(call, json_pack("{s:s, s:s, s:o}", "name", name, "totp", secrets->uri,
				     "recovery", codes));
}

/* ---------------------------------------------------------------------- made */

static bool role_read(struct call *call, enum store_role *ret)
{
	const char *text;

	if (!guard_text(call, "role", &text))
		return false;
	for (int role = 0; role < STORE_ROLES; role++) {
		if (!strcmp(store_role_name(role), text)) {
			*ret = role;
			return true;
		}
	}
	call_refuse(call, CALL_BAD_REQUEST, "\"role\" is viewer, auditor, operator or owner");
	return false;
}

/* Runs @change of @name, and tells of it. False: the call is answered. */
static bool admin_change(struct call *call, const char *name,
			 const struct store_admin_change *change, const char *setting)
{
	const struct audit_event event = {
		.type = AUDIT_ADMIN_CHANGE,
		.details = { .administrator = name, .setting = setting,
			     .role = change->set_role ? store_role_name(change->role) : NULL },
	};
	struct ml_error error = { .text = "" };
	struct ml_bytes leaf;
	int r;

	if (!call_leaf(call, &event, &leaf))
		return false;
	r = store_admin_change(call->store, name, change, leaf, &error);
	call_leaf_free(&leaf);
	if (r == -EPERM)
		call_refuse(call, CALL_CONFLICT, "%s", error.text);
	else if (r)
		call_fail(call, r, &error);
	return !r;
}

static bool admin_store(struct call *call, const char *name, enum store_role role,
			const struct secrets *secrets)
{
	const struct store_admin admin = { .name = name, .role = role,
					   .password = secrets->password,
					   .totp = { secrets->sealed, PEOPLE_SEALED },
					   .added = call->now };
	const struct audit_event event = {
		.type = AUDIT_ADMIN_CREATE,
		.details = { .administrator = name, .role = store_role_name(role) },
	};
	struct ml_error error = { .text = "" };
	struct ml_bytes leaf;
	int r;

	if (!call_leaf(call, &event, &leaf))
		return false;
	r = store_admin_add(call->store, &admin, leaf, &error);
	call_leaf_free(&leaf);
	if (r)
		call_fail(call, r, &error);
	return !r;
}

static void admin_make(struct call *call, const char *name, const char *password,
		       enum store_role role)
{
	struct secrets secrets;
	const struct store_admin_change codes = { .set_recovery = true,
						  .recovery = secrets.digests,
						  .recovery_count = PEOPLE_CODES };

	if (!ml_name_valid(name))
		call_refuse(call, CALL_BAD_REQUEST, "\"name\": " ML_NAME_RULE);
	else if (secrets_make(call, name, password, &secrets) &&
		 admin_store(call, name, role, &secrets) &&
		 admin_change(call, name, &codes, "recovery-codes"))
		secrets_answer(call, name, &secrets);
	sodium_memzero(&secrets, sizeof(secrets));
}

static void admins_post(struct call *call)
{
	static const char *const keys[] = { "name", "role", "password" };
	const char *name, *password;
	enum store_role role;

	if (call_keys(call, keys, 3) && guard_text(call, "name", &name) &&
	    guard_text(call, "password", &password) && role_read(call, &role))
		admin_make(call, name, password, role);
	guard_wipe(call);
}

/* ------------------------------------------------------------------- changed */

static void role_post(struct call *call)
{
	static const char *const keys[] = { "role" };
	struct store_admin_change change = { .set_role = true };

	if (call_keys(call, keys, 1) && role_read(call, &change.role) &&
	    admin_change(call, call->parameters[0], &change, "role"))
		call_answer_empty(call, 204);
}

/* All of @name's secrets anew; that ends his sessions. */
static void admin_reset(struct call *call, const char *name)
{
	static const char *const keys[] = { "password" };
	struct store_admin_change change = { .set_recovery = true,
					     .recovery_count = PEOPLE_CODES };
	struct secrets secrets;
	const char *password;

	if (!call_keys(call, keys, 1) || !guard_text(call, "password", &password))
		return;
	/* Also of a name that nobody has, which the store will say. */
	if (secrets_make(call, name, password, &secrets)) {
		change.password = secrets.password;
		change.totp = (struct ml_bytes){ secrets.sealed, PEOPLE_SEALED };
		change.recovery = secrets.digests;
		if (admin_change(call, name, &change, "secrets"))
			secrets_answer(call, name, &secrets);
	}
	sodium_memzero(&secrets, sizeof(secrets));
	guard_wipe(call);
}

static void reset_post(struct call *call)
{
	admin_reset(call, call->parameters[0]);
}

/* One's own: who has lost a telephone, and has logged in with a recovery code. */
static void secrets_post(struct call *call)
{
	if (call->person[0])
		admin_reset(call, call->person);
	else
		call_refuse(call, CALL_BAD_REQUEST, "root at the local socket has no secrets");
}

static void admin_delete(struct call *call)
{
	const char *name = call->parameters[0];
	const struct audit_event event = { .type = AUDIT_ADMIN_REMOVE,
					   .details.administrator = name };
	struct ml_error error = { .text = "" };
	struct ml_bytes leaf;
	int r;

	if (!call_leaf(call, &event, &leaf))
		return;
	r = store_admin_remove(call->store, name, leaf, &error);
	call_leaf_free(&leaf);
	if (r == -EPERM)
		call_refuse(call, CALL_CONFLICT, "%s", error.text);
	else if (r)
		call_fail(call, r, &error);
	else
		call_answer_empty(call, 204);
}

static const struct route routes[] = {
	{ "GET", "/v1/admins", ROUTE_PERSON, STORE_AUDITOR, .handle = admins_get },
	{ "POST", "/v1/admins", ROUTE_PERSON, STORE_OWNER, true, 8192, admins_post },
	{ "POST", "/v1/admins/{}/role", ROUTE_PERSON, STORE_OWNER, true, 4096, role_post },
	{ "POST", "/v1/admins/{}/reset", ROUTE_PERSON, STORE_OWNER, true, 8192, reset_post },
	{ "DELETE", "/v1/admins/{}", ROUTE_PERSON, STORE_OWNER, true, 0, admin_delete },
	{ "POST", "/v1/session/secrets", ROUTE_PERSON, STORE_VIEWER, true, 8192, secrets_post },
};

const struct route_table route_people = { routes, sizeof(routes) / sizeof(routes[0]) };
