// SPDX-License-Identifier: MIT
/*
 * Documents that roles have signed: nobody needs to log in for them. ORDER: verified,
 * then kept with its entry in the audit log, then handed to the signer. Where that is
 * away it gets them when it is back (admit_again()), and the answer is 202.
 */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "admit.h"
#include "call_private.h"
#include "ends.h"
#include "extension.h"
#include "grant.h"
#include "join_route.h"
#include "policy_document.h"
#include "revocation.h"
#include "root.h"
#include "routes.h"
#include "server.h"
#include "server_private.h"
#include "signer_client.h"
#include "strict.h"

#define POLICY_MAX	(4u << 20)	/* bytes of a body: before anybody has proved himself */

/* The one that vouches for what comes now. */
static int root_in_force(const struct call *call, struct ml_root *ret, struct ml_error *error)
{
	int r = server_root(call->server, ret, error);

	return r ? r : ml_root_judge(ret, 0, call->now, error);
}

static void signature_failed(struct call *call, int r, const struct ml_error *error)
{
	if (r == -EKEYREJECTED)
		call_auth_failed(call, AUDIT_REASON_BAD_SIGNATURE, NULL, NULL);
	else
		call_fail(call, r, error);
}

/* @body is given away. @r: the signer's. */
static void signer_answered(struct call *call, int r, json_t *body, const struct ml_error *error)
{
	struct audit_event event = { .type = AUDIT_SIGNER_REFUSE, .reason = error->text };

	if (!r || r == -EHOSTDOWN || r == -EAGAIN) {
		call_answer(call, r ? 202 : 200, body);
		return;
	}
	json_decref(body);
	if (call_audit(call, &event))
		call_fail(call, r, error);
}

/* ------------------------------------------------------------------- policy */

static bool policy_is_last(struct call *call, struct ml_bytes envelope)
{
	struct store_document last;
	bool same;

	if (store_policy_get(call->store, 0, &last, NULL))
		return false;
	same = last.envelope.length == envelope.length &&
		!memcmp(last.envelope.data, envelope.data, envelope.length);
	store_free(last.memory);
	return same;
}

static bool policy_keep(struct call *call, struct ml_bytes envelope,
			const struct ml_policy_document *document)
{
	const struct audit_event event = { .type = AUDIT_POLICY_CHANGE,
					   .details = { .policy = document->digest,
							.epoch = (int64_t)document->epoch } };
	struct ml_error error;
	struct ml_bytes leaf;
	uint64_t id;
	int r;

	if (policy_is_last(call, envelope))
		return true;
	if (!call_leaf(call, &event, &leaf))
		return false;
	r = store_policy_add(call->store, envelope, call->now, leaf, &id, &error);
	call_leaf_free(&leaf);
	if (r)
		call_fail(call, r, &error);
	return !r;
}

static void policy_take(struct call *call, struct ml_bytes envelope)
{
	struct ml_policy_document document;
	struct ml_error error = { .text = "" };
	struct ml_root root;
	int r = root_in_force(call, &root, &error);

	if (!r)
		r = ml_policy_document_verify(&root, envelope, &document, &error);
	if (r) {
		signature_failed(call, r, &error);
		return;
	}
	snprintf(call->actor, sizeof(call->actor), "role:policy");
	if (policy_keep(call, envelope, &document)) {
		r = signer_client_submit(call->signer, "policy", envelope, NULL, &error);
		signer_answered(call, r ? r : -EAGAIN,
				json_pack("{s:I, s:I}", "epoch", (json_int_t)document.epoch,
					  "version", (json_int_t)document.version), &error);
	}
	ml_policy_document_clean(&document);
}

/* ------------------------------------------------------------------- grants */

static bool grant_keep(struct call *call, struct ml_bytes envelope, const struct ml_grant *grant,
		       int *ret)
{
	char tags[ML_GRANT_TAGS * (ML_GRANT_TAG_MAX + 1)] = "";
	uint8_t id[32];
	const struct audit_event event = {
		.type = AUDIT_KEY_CREATE,
		.details = { .grant = id, .tags = tags, .owner = grant->owner,
			     .uses = grant->uses, .expires = grant->expires * 1000000 } };
	const struct store_grant stored = { .id = grant->id, .envelope = envelope,
					    .uses = grant->uses, .expires = grant->expires,
					    .added = call->now };
	struct ml_error error;
	struct ml_bytes leaf;
	size_t used = 0;

	ml_strict_hex32(grant->id, id);
	for (size_t i = 0; i < grant->tag_count; i++)
		used += (size_t)snprintf(tags + used, sizeof(tags) - used, "%s%s", i ? "," : "",
					 grant->tags[i]);
	if (!call_leaf(call, &event, &leaf))
		return false;
	*ret = store_grant_add(call->store, &stored, leaf, &error);
	call_leaf_free(&leaf);
	if (*ret && *ret != -EEXIST)
		call_fail(call, *ret, &error);
	return !*ret || *ret == -EEXIST;
}

static void grant_drop(struct call *call, const struct ml_grant *grant)
{
	uint8_t id[32];
	const struct audit_event event = { .type = AUDIT_KEY_REVOKE, .actor = "signer",
					   .details = { .grant = id } };
	struct ml_bytes leaf;

	ml_strict_hex32(grant->id, id);
	if (!call_leaf(call, &event, &leaf))
		return;
	store_grant_revoke(call->store, grant->id, leaf, NULL);
	call_leaf_free(&leaf);
}

static void grant_take(struct call *call, struct ml_bytes envelope)
{
	struct ml_error error = { .text = "" };
	struct ml_grant grant;
	struct ml_root root;
	int r = root_in_force(call, &root, &error), kept;

	if (!r)
		r = ml_grant_verify(&root, envelope, &grant, &error);
	if (!r)
		r = ml_grant_judge(&grant, 0, call->now, &error);
	if (r) {
		signature_failed(call, r, &error);
		return;
	}
	if (!call->actor[0])
		snprintf(call->actor, sizeof(call->actor), "role:membership");
	if (!grant_keep(call, envelope, &grant, &kept))
		return;
	r = signer_client_submit(call->signer, "grant", envelope, NULL, &error);
	if (r && r != -EHOSTDOWN && r != -EAGAIN && !kept)
		grant_drop(call, &grant);
	signer_answered(call, r, json_pack("{s:s}", "id", grant.id), &error);
}

/* -------------------------------------------------------------------- roots */

static int root_keep(struct call *call, struct ml_bytes envelope, struct ml_root *ret,
		     struct ml_error *error)
{
	struct audit_event event = { .type = AUDIT_ROOT_CHANGE, .details = { .root = ret->digest } };
	struct ml_bytes leaf;
	int r = server_root(call->server, ret, error);

	if (!r)
		r = ml_root_succeed(ret, envelope, ret, error);
	if (r)
		return r;
	event.details.epoch = (int64_t)ret->epoch;
	event.actor = "role:root";
	if (!call_leaf(call, &event, &leaf))
		return -EIO;
	r = store_root_add(call->store, ret->version, envelope, call->now, leaf, error);
	call_leaf_free(&leaf);
	return r;
}

static void root_take(struct call *call, struct ml_bytes envelope)
{
	struct ml_error error = { .text = "" };
	struct ml_root root = { .version = 0 };
	int r = root_keep(call, envelope, &root, &error);

	if (r) {
		signature_failed(call, r, &error);
		return;
	}
	server_set_root(call->server, &root);
	r = signer_client_submit(call->signer, "root", envelope, NULL, &error);
	signer_answered(call, r, json_pack("{s:I, s:I}", "epoch", (json_int_t)root.epoch,
					   "version", (json_int_t)root.version), &error);
}

/* ----------------------------------------------------------------- revocation */

/* The signer ends it, too: who had the node's key must not come again by it. */
static int grant_close(struct call *call, const char *id, struct ml_error *error)
{
	uint8_t digest[32];
	const struct audit_event event = { .type = AUDIT_KEY_REVOKE, .details = { .grant = digest } };
	struct ml_bytes leaf;
	int r;

	ml_strict_hex32(id, digest);
	if (!call_leaf(call, &event, &leaf))
		return -EIO;
	r = store_grant_revoke(call->store, id, leaf, error);
	call_leaf_free(&leaf);
	return r == -EALREADY ? 0 : r;
}

/* @by: of the revocation: a node that came later is another. */
static int node_revoke(struct call *call, const char *name, int64_t by, struct ml_error *error)
{
	const struct audit_event event = { .type = AUDIT_NODE_REVOKE,
					   .details = { .node = name } };
	struct store_node node;
	enum store_node_state state;
	struct ml_bytes leaf;
	char grant[65];
	int r = store_node_get(call->store, name, &node, error);

	if (r)
		return r;
	state = node.state;
	snprintf(grant, sizeof(grant), "%s", node.grant);
	if (node.added > by)
		r = ml_error_set(error, -ESTALE, "the node \"%s\" came in behind this revocation: sign another",
				 name);
	store_free(node.memory);
	if (r)
		return r;
	if (state == STORE_NODE_REVOKED)
		return grant_close(call, grant, error);
	if (!call_leaf(call, &event, &leaf))
		return -EIO;
	r = store_node_set_state(call->store, name, state, STORE_NODE_REVOKED, leaf, error);
	call_leaf_free(&leaf);
	return r ? r : grant_close(call, grant, error);
}

static void node_take(struct call *call, const char *name, int64_t by)
{
	struct ml_error error = { .text = "" };
	int r = node_revoke(call, name, by, &error);

	if (r) {
		call_fail(call, r, &error);
		return;
	}
	server_wake(call->server, name);
	r = admit_revoke(call->signer, "node", name, &error);
	signer_answered(call, r, json_pack("{s:s}", "node", name), &error);
}

static void grant_end(struct call *call, const char *id)
{
	struct ml_error error = { .text = "" };
	int r = grant_close(call, id, &error);

	if (r) {
		call_fail(call, r, &error);
		return;
	}
	r = admit_revoke(call->signer, "grant", id, &error);
	signer_answered(call, r, json_pack("{s:s}", "grant", id), &error);
}

static void revocation_take(struct call *call, struct ml_bytes envelope)
{
	struct ml_revocation revocation;
	struct ml_error error = { .text = "" };
	struct ml_root root;
	int r = server_root(call->server, &root, &error);

	if (!r)
		r = ml_revocation_verify(&root, envelope, &revocation, &error);
	if (r) {
		signature_failed(call, r, &error);
		return;
	}
	snprintf(call->actor, sizeof(call->actor), "role:membership");
	if (revocation.node[0])
		node_take(call, revocation.node, revocation.time);
	else
		grant_end(call, revocation.grant);
}

/* ----------------------------------------------------------------- extension */

/* Not kept here: the signer's ledger has it, or it did not happen. */
static void extension_hand_on(struct call *call, struct ml_bytes envelope,
			      const struct ml_extension *extension)
{
	const struct audit_event event = {
		.type = AUDIT_NODE_RENEW,
		.details = { .node = extension->node, .expires = extension->expires * 1000000 } };
	struct ml_error error = { .text = "" };
	const struct audit_event refused = { .type = AUDIT_SIGNER_REFUSE, .reason = error.text };
	int r;

	if (!call_audit(call, &event))
		return;
	r = signer_client_submit(call->signer, "extension", envelope, NULL, &error);
	if (r && !call_audit(call, &refused))
		return;
	if (r == -EHOSTDOWN) {
		call_refuse(call, CALL_UNAVAILABLE, "the signer is not there, and nobody else can renew a membership: send it again when it is");
	} else if (r) {
		call_fail(call, r, &error);
	} else {
		ends_put(server_ends(call->server), extension->node, extension->expires);
		call_answer(call, 200, json_pack("{s:I, s:s}", "expires",
						 (json_int_t)extension->expires, "node",
						 extension->node));
	}
}

static void extension_take(struct call *call, struct ml_bytes envelope)
{
	struct ml_extension extension;
	struct ml_error error = { .text = "" };
	struct ml_root root;
	int r = root_in_force(call, &root, &error);

	if (!r)
		r = ml_extension_verify(&root, envelope, &extension, &error);
	if (r) {
		signature_failed(call, r, &error);
		return;
	}
	snprintf(call->actor, sizeof(call->actor), "role:membership");
	extension_hand_on(call, envelope, &extension);
}

/* -------------------------------------------------------------------- whole */

static void take(struct call *call, const char *key,
		 void (*taker)(struct call *call, struct ml_bytes envelope))
{
	struct ml_bytes envelope;

	if (!call_keys(call, &key, 1) || !document_take(call, key, &envelope))
		return;
	taker(call, envelope);
	document_free(&envelope);
}

/* By signature from anybody, or by a person's word. */
static void revoke(struct call *call)
{
	static const char *const keys[] = { "node" };
	const char *name;

	if (json_object_get(call->body, "revocation")) {
		take(call, "revocation", revocation_take);
		return;
	}
	if (!call_is_person(call, STORE_OPERATOR, true) || !call_keys(call, keys, 1))
		return;
	name = text_take(call, "node", ML_NAME_MAX);
	if (name)
		node_take(call, name, INT64_MAX);
}

static void policy(struct call *call)
{
	take(call, "policy", policy_take);
}

static void grants(struct call *call)
{
	take(call, "grant", grant_take);
}

static void extend(struct call *call)
{
	take(call, "extension", extension_take);
}

static void root(struct call *call)
{
	take(call, "root", root_take);
}

static const struct route routes[] = {
	{ .method = "POST", .path = "/v1/policy", .body = POLICY_MAX, .handle = policy },
	{ .method = "POST", .path = "/v1/grants", .body = 128 << 10, .handle = grants },
	{ .method = "POST", .path = "/v1/extend", .body = 128 << 10, .handle = extend },
	{ .method = "POST", .path = "/v1/root", .body = 128 << 10, .handle = root },
	{ .method = "POST", .path = "/v1/revoke", .body = 128 << 10, .handle = revoke },
};

const struct route_table route_documents = { routes, sizeof(routes) / sizeof(routes[0]) };
