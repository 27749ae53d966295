// SPDX-License-Identifier: MIT
/* Who calls, and may he? In a thread, before the handler. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "call_private.h"
#include "ends.h"
#include "node_route.h"
#include "seen.h"
#include "server.h"

/* An authentication that was good is told of once an hour, per who and where from. */
static bool success_tell(struct call *call, const char *method)
{
	const struct audit_event event = { .type = AUDIT_AUTH_SUCCESS,
					   .details = { .method = method } };

	if (!seen_note(server_seen(call->server), call->actor, call->private->address, call->now))
		return true;
	if (call_audit(call, &event))
		return true;
	seen_forget(server_seen(call->server), call->actor, call->private->address);
	return false;
}

void call_auth_failed(struct call *call, enum audit_reason reason, const char *actor,
		      const char *identity)
{
	const struct audit_event event = { .type = AUDIT_AUTH_FAILURE, .actor = actor ? actor : "",
					   .reason = audit_reason_name(reason) };
	bool tell = true;

	if (server_guard.failed)
		server_guard.failed(call, reason, identity, &tell);
	else
		tell = server_failure(call->server, reason, (const struct sockaddr *)&call->source);
	if (tell && !call_audit(call, &event))
		return;
	call_refuse(call, CALL_REFUSED, " ");
}

bool call_authz_tell(struct call *call, enum audit_reason reason)
{
	const struct audit_event event = { .type = AUDIT_AUTHZ_FAILURE,
					   .reason = audit_reason_name(reason) };

	return !server_failure(call->server, reason, (const struct sockaddr *)&call->source) ||
		call_audit(call, &event);
}

static bool authz_failed(struct call *call, enum audit_reason reason)
{
	if (call_authz_tell(call, reason))
		call_refuse(call, CALL_REFUSED, " ");
	return false;
}

/* --------------------------------------------------------------------- nodes */

bool call_has_ended(struct call *call, const char *node, enum store_node_state state)
{
	return state == STORE_NODE_EXPIRED ||
		(state == STORE_NODE_ACTIVE &&
		 ends_has_ended(server_ends(call->server), node, call->now));
}

void call_ended(struct call *call, const char *node)
{
	if (call_authz_tell(call, AUDIT_REASON_EXPIRED_KEY))
		call_refuse(call, CALL_EXPIRED, "the membership of node \"%s\" has expired: who administers the network can renew it ('merlon-control node renew %s'); it keeps its keys and addresses until then",
			    node, node);
}

/* False: answered. */
static bool node_judge(struct call *call, const struct store_node *node)
{
	bool ended = call_has_ended(call, node->name, node->state);

	if (ended)
		call_ended(call, node->name);
	else if (node->state != STORE_NODE_ACTIVE)
		call_auth_failed(call, AUDIT_REASON_BAD_CERTIFICATE, call->actor, NULL);
	return !ended && node->state == STORE_NODE_ACTIVE;
}

static bool node_authenticate(struct call *call)
{
	struct ml_error error = { .text = "" };
	struct store_node node;
	bool active;
	int r;

	if (!call->has_certificate) {
		call_auth_failed(call, AUDIT_REASON_BAD_CERTIFICATE, NULL, NULL);
		return false;
	}
	r = store_node_by_certificate(call->store, call->spki, &node, &error);
	if (r == -ENOENT)
		call_auth_failed(call, AUDIT_REASON_UNKNOWN_KEY, NULL, NULL);
	else if (r)
		call_fail(call, r, &error);
	if (r)
		return false;
	snprintf(call->node, sizeof(call->node), "%s", node.name);
	snprintf(call->actor, sizeof(call->actor), "node:%s", node.name);
	active = node_judge(call, &node);
	store_free(node.memory);
	return active && success_tell(call, "certificate");
}

/* -------------------------------------------------------------------- people */

static bool person_find(struct call *call)
{
	enum audit_reason reason = AUDIT_REASON_BAD_TOKEN;
	struct ml_error error = { .text = "" };
	int r = -EKEYREJECTED;

	if (call->local && !call->uid) {
		snprintf(call->actor, sizeof(call->actor), "uid:0");
		call->role = STORE_OWNER;
		call->stepped_up = call->now;
		return success_tell(call, "local-socket");
	}
	if (call->token && server_guard.person)
		r = server_guard.person(call, &reason, &error);
	if (r == -EKEYREJECTED)
		call_auth_failed(call, reason, NULL, NULL);
	else if (r)
		call_fail(call, r, &error);
	return !r;
}

bool call_is_person(struct call *call, enum store_role role, bool step_up)
{
	if (!person_find(call))
		return false;
	if (call->role < role)
		return authz_failed(call, AUDIT_REASON_ROLE);
	if (step_up && (call->stepped_up > call->now ||
			       call->stepped_up <= call->now - ROUTE_STEP_UP))
		return authz_failed(call, AUDIT_REASON_NO_STEP_UP);
	return true;
}

static bool local_authenticate(struct call *call)
{
	if (call->local)
		snprintf(call->actor, sizeof(call->actor), "uid:%u", call->uid);
	if (call->local && !call->uid)
		return success_tell(call, "local-socket");
	return authz_failed(call, AUDIT_REASON_ROLE);
}

bool call_authenticate(struct call *call)
{
	switch (call->route->who) {
	case ROUTE_NODE:
		return node_authenticate(call);
	case ROUTE_PERSON:
		return call_is_person(call, call->route->role, call->route->step_up);
	case ROUTE_LOCAL:
		return local_authenticate(call);
	default:
		if (call->local)
			snprintf(call->actor, sizeof(call->actor), "uid:%u", call->uid);
		return true;
	}
}
