// SPDX-License-Identifier: MIT
/*
 * A node is let in. ORDER: the signatures are verified, the nonce is used up, the
 * certificate is made; then one transaction of the store takes the use, and keeps the
 * join with its answer; then the signer judges it; and only when that has accepted, the
 * answer goes out. Killed anywhere, the same join again finds what is there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "admit.h"
#include "authority.h"
#include "grant.h"
#include "join.h"
#include "join_route.h"
#include "route.h"
#include "server.h"
#include "strict.h"

struct joining {
	struct call *call;
	struct ml_bytes request;	/* the envelope */
	struct ml_join join;		/* peeked, then verified */
	struct ml_grant grant;
	struct authority_issued certificate;
	struct ml_bytes answer;		/* malloc()ed */
};

static void joining_clean(struct joining *joining)
{
	document_free(&joining->request);
	document_free(&joining->answer);
	free(joining->certificate.pem);
}

static void refuse(struct joining *joining, enum audit_reason reason)
{
	char actor[80];

	snprintf(actor, sizeof(actor), "key:%s", joining->join.grant);
	call_auth_failed(joining->call, reason, actor, joining->join.grant);
}

/* --------------------------------------------------------- an identical join */

static int answer_find(void *arg, const struct store_join *stored)
{
	struct joining *joining = arg;
	uint8_t digest[32];
	uint8_t *copy;

	crypto_hash_sha256(digest, joining->request.data, joining->request.length);
	if (memcmp(digest, stored->digest, sizeof(digest)) != 0)
		return 0;
	copy = malloc(stored->answer.length + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, stored->answer.data, stored->answer.length);
	joining->answer.data = copy;
	joining->answer.length = stored->answer.length;
	return 1;
}

/* 1: this very join was taken, and joining->answer is what it was answered. */
static int repeated(struct joining *joining, struct ml_error *error)
{
	int r = store_join_each(joining->call->store, joining->join.name, answer_find, joining,
				error);

	return r == -ENOENT ? 0 : r;
}

/* ------------------------------------------------------------------- judging */

static int grant_find(struct joining *joining, struct ml_error *error)
{
	struct call *call = joining->call;
	struct store_grant stored;
	struct ml_root root;
	int r = store_grant_get(call->store, joining->join.grant, &stored, error);

	if (r)
		return r;
	r = server_root(call->server, &root, error);
	if (!r)
		r = ml_root_judge(&root, 0, call->now, error);
	if (!r)
		r = ml_grant_verify(&root, stored.envelope, &joining->grant, error);
	store_free(stored.memory);
	return r;
}

static enum audit_reason reason_of(int r)
{
	switch (r) {
	case -ENOENT: return AUDIT_REASON_UNKNOWN_KEY;
	case -ETIME: return AUDIT_REASON_EXPIRED_KEY;
	case -EDQUOT: return AUDIT_REASON_USED_KEY;
	case -EKEYREVOKED: return AUDIT_REASON_UNKNOWN_KEY;
	default: return AUDIT_REASON_BAD_SIGNATURE;
	}
}

/* False: answered. */
static bool judge(struct joining *joining)
{
	struct call *call = joining->call;
	uint8_t nonce[ML_NONCE_BYTES];
	struct ml_error error;
	struct ml_fresh fresh;
	int r = grant_find(joining, &error);

	if (r && r != -ENOENT && r != -ETIME && r != -EKEYREJECTED && r != -EXDEV) {
		call_fail(call, r, &error);
		return false;
	}
	if (r) {
		refuse(joining, reason_of(r));
		return false;
	}
	memcpy(nonce, joining->join.nonce, sizeof(nonce));
	fresh_fill(call, nonce, &fresh);
	r = ml_join_verify(joining->request, &joining->grant, &fresh, &joining->join, &error);
	if (r) {
		refuse(joining, r == -ETIME ? AUDIT_REASON_CLOCK : AUDIT_REASON_BAD_SIGNATURE);
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------ consuming */

static int answer_make(struct joining *joining, struct ml_error *error)
{
	const struct authority *authority = server_authority(joining->call->server);
	json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "authority", authority_pem(authority),
				 "certificate", joining->certificate.pem, "node",
				 joining->join.name, "state", "active");
	char *text = json ? ml_strict_dump(json, &joining->answer.length) : NULL;

	json_decref(json);
	if (!text)
		return ml_error_set(error, -ENOMEM, "out of memory");
	joining->answer.data = (uint8_t *)text;
	return 0;
}

static void tags_join(const struct ml_grant *grant, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < grant->tag_count && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s", i ? "," : "",
					 grant->tags[i]);
}

static int consume(struct joining *joining, struct ml_error *error)
{
	struct call *call = joining->call;
	const struct ml_join *join = &joining->join;
	char tags[ML_GRANT_TAGS * (ML_GRANT_TAG_MAX + 1)];
	uint8_t id[32];
	const struct audit_event event = {
		.type = AUDIT_NODE_ENROL,
		.details = { .node = join->name, .tags = tags, .owner = joining->grant.owner,
			     .grant = id, .certificate = joining->certificate.spki,
			     .expires = joining->certificate.until * 1000000 } };
	struct store_node node = { .name = join->name, .tags = tags, .owner = joining->grant.owner,
				   .addresses = "", .state = STORE_NODE_PENDING,
				   .has_certificate = true, .grant = join->grant,
				   .added = call->now, .seen = call->now };
	struct store_answer stored;
	struct ml_bytes leaf;
	int r;

	tags_join(&joining->grant, tags, sizeof(tags));
	ml_strict_hex32(join->grant, id);
	memcpy(node.identity, join->identity.key, sizeof(node.identity));
	memcpy(node.wireguard, join->wireguard, sizeof(node.wireguard));
	memcpy(node.certificate, joining->certificate.spki, sizeof(node.certificate));
	snprintf(call->actor, sizeof(call->actor), "key:%s", join->grant);
	if (!call_leaf(call, &event, &leaf))
		return -EIO;
	r = store_grant_consume(call->store, &node, joining->request, joining->answer, call->now,
				leaf, &stored, error);
	call_leaf_free(&leaf);
	if (!r)
		store_free(stored.memory);
	return r;
}

/* By a thread that had the very same join, a moment ago: then it is there. False: answered. */
static bool was_taken(struct joining *joining)
{
	struct ml_error error;

	document_free(&joining->answer);
	if (repeated(joining, &error) > 0)
		return true;
	refuse(joining, AUDIT_REASON_BAD_NONCE);
	return false;
}

/* A grant is used, or the reason is known and told. False: answered. */
static bool take(struct joining *joining, const char *request)
{
	struct call *call = joining->call;
	struct ml_error error = { .text = "" };
	int r = authority_issue(server_authority(call->server), request, joining->join.tls_key,
				server_network(call->server), joining->join.name, call->now,
				&joining->certificate, &error);

	if (r == -EKEYREJECTED) {
		refuse(joining, AUDIT_REASON_BAD_CERTIFICATE);
		return false;
	}
	if (!r)
		r = answer_make(joining, &error);
	if (!r && !nonce_use(call, joining->join.nonce))
		return was_taken(joining);
	if (!r)
		r = consume(joining, &error);
	if (r == -EDQUOT || r == -ETIME || r == -EKEYREVOKED || r == -ENOENT)
		refuse(joining, reason_of(r));
	else if (r)
		call_fail(call, r, &error);
	return !r;
}

/* ------------------------------------------------------------------ the answer */

static enum store_node_state state_of(struct joining *joining, int *ret, struct ml_error *error)
{
	enum store_node_state state = STORE_NODE_REVOKED;
	struct store_node node;

	*ret = store_node_get(joining->call->store, joining->join.name, &node, error);
	if (*ret)
		return state;
	if (!memcmp(node.identity, joining->join.identity.key, sizeof(node.identity)))
		state = node.state;
	store_free(node.memory);
	return state;
}

static void give(struct joining *joining)
{
	struct ml_error error;
	json_t *json;

	if (ml_strict_load(joining->answer.data, joining->answer.length, "answer", &json, &error))
		call_fail(joining->call, -EIO, &error);
	else
		call_answer(joining->call, 200, json);
}

static void finish(struct joining *joining)
{
	struct call *call = joining->call;
	struct ml_error error = { .text = "" };
	int r = 0;
	enum store_node_state state = state_of(joining, &r, &error);

	if (r && r != -ENOENT) {
		call_fail(call, -EIO, &error);
		return;
	}
	if (state == STORE_NODE_PENDING)
		r = admit_join(call->server, call->store, call->signer, joining->join.name,
			       joining->request, &error);
	else if (state == STORE_NODE_REVOKED)
		r = -EKEYREVOKED;
	if (!r)
		give(joining);
	else if (r == -EHOSTDOWN || r == -EAGAIN || r == -ENOSPC)
		call_refuse(call, CALL_UNAVAILABLE, "the join is kept, and the signer cannot take it yet: send it again in a while");
	else if (r == -EEXIST || r == -EINVAL)
		call_refuse(call, CALL_CONFLICT, "the signer does not take this name or these keys: %s",
			    error.text);
	else if (r == -EIO)
		call_fail(call, r, &error);
	else
		call_refuse(call, CALL_REFUSED, " ");
}

static void join(struct joining *joining, const char *request)
{
	struct ml_error error;
	int r = ml_join_peek(joining->request, &joining->join, &error);

	if (!r)
		r = repeated(joining, &error);
	if (r < 0)
		call_fail(joining->call, r, &error);
	else if (r || (judge(joining) && take(joining, request)))
		finish(joining);
}

void join_route(struct call *call)
{
	static const char *const keys[] = { "certificateRequest", "join" };
	struct joining joining = { .call = call };
	const char *request;

	if (!call_keys(call, keys, 2))
		return;
	request = text_take(call, "certificateRequest", AUTHORITY_REQUEST_MAX);
	if (request && document_take(call, "join", &joining.request))
		join(&joining, request);
	joining_clean(&joining);
}
