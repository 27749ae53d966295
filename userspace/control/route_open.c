// SPDX-License-Identifier: MIT
/* What anybody may ask: health, roots, a challenge. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "challenge.h"
#include "join_route.h"
#include "nonces.h"
#include "routes.h"
#include "server.h"
#include "server_private.h"
#include "strict.h"

#define ROOTS	32	/* in one answer */

static int64_t milliseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Says no more than that a person should look. */
static void health(struct call *call)
{
	struct signer_said signer;
	uint64_t size, sequenced;
	char why[256];
	const char *sentence = NULL;

	server_signer(call->server, &signer);
	if (server_is_stuck(call->server, why, sizeof(why)) ||
	    store_audit_size(call->store, &size, &sequenced, NULL))
		sentence = "nothing can be changed: see the journal";
	else if (!signer.there)
		sentence = "the signer is not there: what is signed stays in force";
	else if (signer.waiting[0])
		sentence = "there is no generation yet: see merlon-control status";
	if (sentence)
		call_answer(call, 200, json_pack("{s:s, s:s}", "status", "degraded", "sentence",
						 sentence));
	else
		call_answer(call, 200, json_pack("{s:s}", "status", "ok"));
}

static int root_add(struct call *call, json_t *list, uint64_t version, struct ml_error *error)
{
	struct store_document document;
	json_t *json = NULL;
	int r = store_root_get(call->store, version, &document, error);

	if (r)
		return r;
	r = ml_strict_load(document.envelope.data, document.envelope.length, "root", &json, error);
	store_free(document.memory);
	if (!r && json_array_append_new(list, json))
		r = ml_error_set(error, -ENOMEM, "out of memory");
	return r;
}

static void roots(struct call *call)
{
	json_t *list = json_array();
	struct ml_error error;
	int64_t after;
	int r = call_query_number(call, "after", INT64_MAX - ROOTS, &after, &error);

	for (int i = 1; i <= ROOTS && !r; i++)
		r = root_add(call, list, (uint64_t)(after + i), &error);
	if (r && r != -ENOENT) {
		json_decref(list);
		call_fail(call, r, &error);
		return;
	}
	call_answer(call, 200, json_pack("{s:o}", "roots", list));
}

/* The key that is at work, and by which a node's proof can be opened. */
static int signer_choose(struct call *call, struct ml_challenge *to, struct ml_error *error)
{
	const struct ml_public_key *key = NULL;
	struct signer_said signer;
	struct ml_root root;
	int r = server_root(call->server, &root, error);

	if (r)
		return r;
	server_signer(call->server, &signer);
	if (signer.key_id[0])
		key = ml_root_find_key(&root, ML_ROLE_SIGNING, signer.key_id);
	to->signer = key ? *key : root.roles[ML_ROLE_SIGNING].keys[0];
	memcpy(to->network, root.network, sizeof(to->network));
	return 0;
}

static void challenge(struct call *call)
{
	struct ml_challenge made = { .time = call->now };
	struct ml_error error;
	json_t *json = NULL;
	size_t length;
	char *text;
	int r;

	if (!call_keys(call, NULL, 0))
		return;
	r = signer_choose(call, &made, &error);
	if (!r) {
		nonces_make(server_nonces(call->server), milliseconds(), made.nonce);
		r = ml_challenge_format(&made, &text, &length, &error);
	}
	if (!r) {
		r = ml_strict_load(text, length, "challenge", &json, &error);
		free(text);
	}
	if (r)
		call_fail(call, -EIO, &error);
	else
		call_answer(call, 200, json_pack("{s:o}", "challenge", json));
}

static const struct route routes[] = {
	{ .method = "GET", .path = "/v1/health", .handle = health },
	{ .method = "GET", .path = "/v1/roots", .handle = roots },
	{ .method = "POST", .path = "/v1/challenge", .body = 1024, .handle = challenge },
	{ .method = "POST", .path = "/v1/join", .body = 160 << 10, .handle = join_route },
	{ .method = "POST", .path = "/v1/renew", .body = 160 << 10, .handle = renew_route },
};

const struct route_table route_open = { routes, sizeof(routes) / sizeof(routes[0]) };
