// SPDX-License-Identifier: MIT
/* A new certificate by the identity key: for a node whose own has ended. */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "authority.h"
#include "guard.h"
#include "join_route.h"
#include "node_route.h"
#include "rotation.h"
#include "route.h"
#include "server.h"

void certificate_give(struct call *call, const struct node_key *node, const char *request,
		      const uint8_t *spki)
{
	struct authority_issued issued;
	struct ml_error error = { .text = "" };
	struct audit_event event = { .type = AUDIT_CERT_RENEW,
				     .details = { .node = node->name } };
	struct ml_bytes leaf;
	int r = authority_issue(server_authority(call->server), request, spki,
				server_network(call->server), node->name, call->now, &issued,
				&error);

	if (r) {
		call_fail(call, r, &error);
		return;
	}
	event.details.certificate = issued.spki;
	event.details.expires = issued.until * 1000000;
	if (!call_leaf(call, &event, &leaf)) {
		free(issued.pem);
		return;
	}
	r = store_node_set_certificate(call->store, node->name, node->identity, issued.spki, leaf,
				       &error);
	call_leaf_free(&leaf);
	if (r)
		call_fail(call, r, &error);
	else
		call_answer(call, 200, json_pack("{s:s, s:s}", "authority",
						 authority_pem(server_authority(call->server)),
						 "certificate", issued.pem));
	free(issued.pem);
}

int node_key_get(struct call *call, const char *name, struct node_key *ret,
		 struct ml_error *error)
{
	struct store_node node;
	int r = store_node_get(call->store, name, &node, error);

	if (r)
		return r;
	snprintf(ret->name, sizeof(ret->name), "%s", node.name);
	memcpy(ret->identity, node.identity, sizeof(ret->identity));
	memcpy(ret->wireguard, node.wireguard, sizeof(ret->wireguard));
	ret->state = node.state;
	store_free(node.memory);
	return 0;
}

static void failed(struct call *call, const char *name, enum audit_reason reason)
{
	char actor[80];

	snprintf(actor, sizeof(actor), "node:%s", name);
	call_auth_failed(call, reason, actor, name);
}

/* False: answered. */
static bool judge(struct call *call, struct ml_bytes envelope, const struct node_key *node,
		  struct ml_renewal *ret)
{
	struct ml_known_node known = { .counter = 0 };
	uint8_t nonce[ML_NONCE_BYTES];
	struct ml_fresh fresh;
	struct ml_error error;
	int r;

	memcpy(nonce, ret->nonce, sizeof(nonce));
	fresh_fill(call, nonce, &fresh);
	snprintf(known.network, sizeof(known.network), "%s", server_network(call->server));
	snprintf(known.node, sizeof(known.node), "%s", node->name);
	memcpy(known.identity.key, node->identity, sizeof(known.identity.key));
	r = ml_renewal_verify(envelope, &known, &fresh, ret, &error);
	if (!r && !nonce_use(call, ret->nonce))
		failed(call, node->name, AUDIT_REASON_BAD_NONCE);
	else if (!r)
		return true;
	else
		failed(call, node->name, r == -ETIME ? AUDIT_REASON_CLOCK :
		       AUDIT_REASON_BAD_SIGNATURE);
	return false;
}

/* It has proved who it is. */
static void give(struct call *call, const struct node_key *node, const char *request,
		 const uint8_t *spki)
{
	snprintf(call->actor, sizeof(call->actor), "node:%s", node->name);
	if (call_has_ended(call, node->name, node->state))
		call_ended(call, node->name);
	else if (guard_node(call, node->name))
		certificate_give(call, node, request, spki);
}

static void renew(struct call *call, struct ml_bytes envelope, const char *request)
{
	struct ml_renewal renewal;
	struct node_key node;
	struct ml_error error = { .text = "" };
	int r = ml_renewal_peek(envelope, &renewal, &error);

	if (!r)
		r = node_key_get(call, renewal.node, &node, &error);
	if (r == -ENOENT)
		failed(call, renewal.node, AUDIT_REASON_UNKNOWN_NAME);
	else if (r)
		call_fail(call, r, &error);
	else if (node.state != STORE_NODE_ACTIVE && node.state != STORE_NODE_EXPIRED)
		failed(call, node.name, AUDIT_REASON_EXPIRED_KEY);
	else if (judge(call, envelope, &node, &renewal))
		give(call, &node, request, renewal.tls_key);
}

void renew_route(struct call *call)
{
	static const char *const keys[] = { "certificateRequest", "renewal" };
	struct ml_bytes envelope;
	const char *request;

	if (!call_keys(call, keys, 2))
		return;
	request = text_take(call, "certificateRequest", AUTHORITY_REQUEST_MAX);
	if (!request || !document_take(call, "renewal", &envelope))
		return;
	renew(call, envelope, request);
	document_free(&envelope);
}
