// SPDX-License-Identifier: MIT
/* What a node may ask by its certificate: its part of the newest generation, and new keys. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "authority.h"
#include "base64.h"
#include "distribution.h"
#include "ends.h"
#include "guard.h"
#include "join_route.h"
#include "leaf.h"
#include "node_route.h"
#include "rotation.h"
#include "routes.h"
#include "server.h"
#include "server_private.h"
#include "signer_client.h"
#include "strict.h"
#include "whereabouts.h"

#define WAIT_MAX	55	/* seconds */

/* --------------------------------------------------------------- generation */

static json_t *block_json(const struct ml_leaf_block *block)
{
	char hex[65];

	sodium_bin2hex(hex, sizeof(hex), block->sha256, 32);
	return json_pack("{s:I, s:s}", "bytes", (json_int_t)block->bytes, "sha256", hex);
}

static json_t *generation_json(const struct distribution *from, size_t index,
			       struct ml_bytes leaf, struct ml_error *error)
{
	struct ml_leaf parsed;
	size_t length;
	json_t *json;
	char *proof;

	if (ml_leaf_parse(leaf, &parsed, error))
		return NULL;
	proof = distribution_proof(from, index, &length);
	if (!proof)
		return NULL;
	json = json_pack("{s:{s:o, s:o}, s:o, s:o, s:o}", "blocks",
			 "image", block_json(&parsed.image), "rules", block_json(&parsed.rules),
			 "envelope", ml_base64_json(from->envelope.data, from->envelope.length),
			 "leaf", ml_base64_json(leaf.data, leaf.length),
			 "proof", ml_base64_json(proof, length));
	free(proof);
	return json;
}

static void generation_give(struct call *call, const struct distribution *from,
			    const struct distribution_node *node, size_t index)
{
	struct ml_error error = { .text = "out of memory" };
	struct ml_bytes leaf;
	uint8_t *content;
	json_t *json;
	int r = store_block_get(call->store, node->leaf, &content, &leaf.length, &error);

	if (r) {
		call_fail(call, -EIO, &error);
		return;
	}
	leaf.data = content;
	json = generation_json(from, index, leaf, &error);
	free(content);
	if (json)
		call_answer(call, 200, json);
	else
		call_fail(call, -EIO, &error);
}

int node_leaf_get(struct call *call, struct ml_bytes *ret, struct ml_error *error)
{
	struct distribution *newest = server_get_distribution(call->server, false);
	const struct distribution_node *node;
	uint8_t digest[32], *content;
	size_t index;
	int r;

	node = newest ? distribution_find(newest, call->node, &index) : NULL;
	if (node)
		memcpy(digest, node->leaf, sizeof(digest));
	server_put_distribution(call->server, newest);
	if (!node)
		return ml_error_set(error, -ENOENT, "no generation names this node yet");
	r = store_block_get(call->store, digest, &content, &ret->length, error);
	if (!r)
		ret->data = content;
	return r;
}

/*
 * Where this node's peers can be reached, if that is something else than what it knows.
 * False: nothing to say.
 */
static bool endpoints_give(struct call *call, const char *known)
{
	struct ml_error error = { .text = "" };
	char digest[65] = "";
	struct ml_bytes leaf;
	json_t *json;
	int r = node_leaf_get(call, &leaf, &error);

	if (r == -ENOENT)
		return false;
	if (r) {
		call_fail(call, r, &error);
		return true;
	}
	json = whereabouts_json(call, leaf, digest, &error);
	free((void *)(uintptr_t)leaf.data);
	if (!json) {
		call_fail(call, -EIO, &error);
		return true;
	}
	if (!strcmp(digest, known)) {
		json_decref(json);
		return false;
	}
	call_answer(call, 200, json_pack("{s:o}", "endpoints", json));
	return true;
}

/* When it ends, if that is another day than it knows. False: nothing to say. */
static bool ends_give(struct call *call, int64_t known)
{
	int64_t date;

	if (!call_query(call, "ends") || !ends_get(server_ends(call->server), call->node, &date) ||
	    date == known)
		return false;
	call_answer(call, 200, json_pack("{s:I}", "ends", (json_int_t)date));
	return true;
}

static bool is_newer(const struct distribution *one, int64_t epoch, int64_t serial)
{
	return one->statement.epoch > (uint64_t)epoch ||
		(one->statement.epoch == (uint64_t)epoch &&
		 one->statement.serial > (uint64_t)serial);
}

struct polled {
	int64_t epoch, serial, wait, ends;
};

static void generation_answer(struct call *call, const struct polled *polled)
{
	const char *endpoints = call_query(call, "endpoints");
	struct distribution *newest = server_get_distribution(call->server, false);
	const struct distribution_node *node = NULL;
	size_t index = 0;

	if (newest && is_newer(newest, polled->epoch, polled->serial))
		node = distribution_find(newest, call->node, &index);
	if (node)
		generation_give(call, newest, node, index);
	else if (ends_give(call, polled->ends))
		;
	else if (endpoints && endpoints_give(call, endpoints))
		;
	else if (polled->wait && !call_waited(call))
		call_wait(call, call_begun(call) + polled->wait * 1000);
	else
		call_answer_empty(call, 204);
	server_put_distribution(call->server, newest);
}

static void generation(struct call *call)
{
	struct polled polled = { .wait = 0 };
	struct ml_error error;
	int r = call_query_number(call, "epoch", INT64_MAX, &polled.epoch, &error);

	if (!r)
		r = call_query_number(call, "serial", INT64_MAX, &polled.serial, &error);
	if (!r && call_query(call, "wait"))
		r = call_query_number(call, "wait", WAIT_MAX, &polled.wait, &error);
	if (!r && call_query(call, "ends"))
		r = call_query_number(call, "ends", INT64_MAX, &polled.ends, &error);
	if (r)
		call_fail(call, r, &error);
	else
		generation_answer(call, &polled);
}

/* ------------------------------------------------------------------- blocks */

static bool names_block(struct call *call, bool previous, const uint8_t digest[static 32])
{
	struct distribution *from = server_get_distribution(call->server, previous);
	const struct distribution_node *node;
	bool named = false;
	size_t index;

	node = from ? distribution_find(from, call->node, &index) : NULL;
	if (node)
		named = !memcmp(node->image, digest, 32) || !memcmp(node->rules, digest, 32) ||
			!memcmp(node->leaf, digest, 32);
	server_put_distribution(call->server, from);
	return named;
}

/* Of its own leaf alone, the newest and the one before: others are as if they were not. */
static void blocks(struct call *call)
{
	struct ml_error error;
	uint8_t digest[32], *content;
	size_t length;
	int r;

	if (!ml_strict_hex32(call->parameters[0], digest)) {
		call_refuse(call, CALL_BAD_REQUEST, "a block is named by 64 lower-case hex digits");
		return;
	}
	if (!names_block(call, false, digest) && !names_block(call, true, digest)) {
		if (call_authz_tell(call, AUDIT_REASON_ROLE))
			call_refuse(call, CALL_NOT_FOUND, "this node's leaf names no such block");
		return;
	}
	r = store_block_get(call->store, digest, &content, &length, &error);
	if (r)
		call_fail(call, r, &error);
	else
		call_answer_bytes(call, "application/octet-stream", content, length);
}

/* -------------------------------------------------------------- certificates */

static void certificate(struct call *call)
{
	static const char *const keys[] = { "certificateRequest" };
	struct ml_error error;
	struct node_key node;
	const char *request;
	int r;

	if (!call_keys(call, keys, 1))
		return;
	request = text_take(call, "certificateRequest", AUTHORITY_REQUEST_MAX);
	if (!request || !guard_node(call, call->node))
		return;
	r = node_key_get(call, call->node, &node, &error);
	if (r)
		call_fail(call, r, &error);
	else
		certificate_give(call, &node, request, NULL);
}

/* ------------------------------------------------------------------ rotation */

static int rotation_judge(struct call *call, struct ml_bytes envelope,
			  const struct node_key *node, struct ml_rotation *ret,
			  struct ml_error *error)
{
	struct ml_known_node known = { .counter = 0 };	/* the signer's ledger knows it */
	int r = ml_rotation_peek(envelope, ret, error);

	snprintf(known.network, sizeof(known.network), "%s", server_network(call->server));
	snprintf(known.node, sizeof(known.node), "%s", node->name);
	memcpy(known.identity.key, node->identity, sizeof(known.identity.key));
	/* It came before, and the store has it already: the signer will say so. */
	if (!r && !memcmp(ret->identity.key, node->identity, 32) &&
	    !memcmp(ret->wireguard, node->wireguard, 32))
		return 0;
	return r ? r : ml_rotation_verify(envelope, &known, ret, error);
}

static int rotation_keep(struct call *call, const struct node_key *node,
			 const struct ml_rotation *rotation, struct ml_error *error)
{
	const struct audit_event event = { .type = AUDIT_NODE_ROTATE,
					   .details = { .node = node->name } };
	struct store_node_keys from, to;
	struct ml_bytes leaf;
	int r;

	memcpy(from.identity, node->identity, 32);
	memcpy(from.wireguard, node->wireguard, 32);
	memcpy(to.identity, rotation->identity.key, 32);
	memcpy(to.wireguard, rotation->wireguard, 32);
	if (!memcmp(&from, &to, sizeof(from)))
		return 0;
	if (!call_leaf(call, &event, &leaf))
		return -EIO;
	r = store_node_rotate(call->store, node->name, &from, &to, leaf, error);
	call_leaf_free(&leaf);
	return r;
}

/*
 * ORDER: that it is tried is told of, then the signer decides, then the store follows:
 * the signer's ledger wins. The same again after a death between them is answered alike.
 */
static void rotate_by(struct call *call, struct ml_bytes envelope, struct node_key *node)
{
	const struct audit_event event = { .type = AUDIT_KEY_ROTATE,
					   .details = { .node = node->name } };
	const json_t *request = json_object_get(call->body, "certificateRequest");
	struct ml_rotation rotation;
	struct ml_error error = { .text = "" };
	int r = rotation_judge(call, envelope, node, &rotation, &error);

	if (r == -EKEYREJECTED) {
		call_auth_failed(call, AUDIT_REASON_BAD_SIGNATURE, NULL, NULL);
		return;
	}
	if (!r && (!guard_node(call, node->name) || !call_audit(call, &event)))
		return;
	if (!r)
		r = signer_client_submit(call->signer, "rotation", envelope, NULL, &error);
	if (!r)
		r = rotation_keep(call, node, &rotation, &error);
	if (r) {
		call_fail(call, r, &error);
		return;
	}
	memcpy(node->identity, rotation.identity.key, 32);
	if (request)
		certificate_give(call, node, json_string_value(request), NULL);
	else
		call_answer(call, 200, json_pack("{s:s}", "node", node->name));
}

static void rotate(struct call *call)
{
	static const char *const keys[] = { "certificateRequest?", "rotation" };
	struct ml_bytes envelope;
	struct ml_error error;
	struct node_key node;
	int r;

	if (!call_keys(call, keys, 2) ||
	    (json_object_get(call->body, "certificateRequest") &&
	     !text_take(call, "certificateRequest", AUTHORITY_REQUEST_MAX)) ||
	    !document_take(call, "rotation", &envelope))
		return;
	r = node_key_get(call, call->node, &node, &error);
	if (r)
		call_fail(call, r, &error);
	else
		rotate_by(call, envelope, &node);
	document_free(&envelope);
}

static const struct route routes[] = {
	{ .method = "GET", .path = "/v1/generation", .who = ROUTE_NODE, .handle = generation },
	{ .method = "GET", .path = "/v1/blocks/{}", .who = ROUTE_NODE, .handle = blocks },
	{ .method = "POST", .path = "/v1/certificate", .who = ROUTE_NODE, .handle = certificate },
	{ .method = "POST", .path = "/v1/rotate", .who = ROUTE_NODE, .body = 160 << 10,
	  .handle = rotate },
};

const struct route_table route_node = { routes, sizeof(routes) / sizeof(routes[0]) };
