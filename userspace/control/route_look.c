// SPDX-License-Identifier: MIT
/* What there is: nodes, grants, generations. */
#include <errno.h>
#include <string.h>

#include "base64.h"
#include "ends.h"
#include "grant.h"
#include "route.h"
#include "routes.h"
#include "server.h"
#include "strict.h"

#define LOOK_COUNT 1000		/* entries of one answer */

/* A page of a list in order of names: those behind @after. */
struct page {
	struct call *call;
	json_t *list;
	const char *after;
	int64_t count;
	bool more;
};

static bool page_begin(struct call *call, struct page *ret)
{
	struct ml_error error = { .text = "" };
	int r = 0;

	*ret = (struct page){ .call = call, .after = call_query(call, "after"),
			      .count = LOOK_COUNT };
	if (call_query(call, "count"))
		r = call_query_number(call, "count", LOOK_COUNT, &ret->count, &error);
	if (r)
		call_fail(call, r, &error);
	else
		ret->list = json_array();
	return !r;
}

/* 1: it is full. */
static int page_add(struct page *page, const char *name,
		    json_t *(*make)(struct call *call, const void *what), const void *what)
{
	if (page->after && strcmp(name, page->after) <= 0)
		return 0;
	if ((int64_t)json_array_size(page->list) >= page->count) {
		page->more = true;
		return 1;
	}
	return json_array_append_new(page->list, make(page->call, what)) ? -ENOMEM : 0;
}

static void page_answer(struct call *call, struct page *page, const char *name, int r,
			const struct ml_error *error)
{
	if (r < 0) {
		json_decref(page->list);
		call_fail(call, r, error);
	} else {
		call_answer(call, 200, json_pack("{s:o, s:b}", name, page->list, "more",
						 page->more));
	}
}

/* --------------------------------------------------------------------- nodes */

/* What the server keeps as JSON; as a text where it is none. */
static json_t *inner_json(const char *text)
{
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	return value ? value : json_string(text);
}

/* 0: never; null: the signer was not there to say. */
static json_t *expires_json(struct call *call, const char *node)
{
	int64_t date;

	return ends_get(server_ends(call->server), node, &date) ? json_integer((json_int_t)date) :
		json_null();
}

static json_t *node_json(struct call *call, const void *what)
{
	const struct store_node *node = what;

	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:s, s:I, s:I}", "name",
			 node->name, "expires", expires_json(call, node->name), "state", store_node_state_name(node->state), "identity",
			 ml_base64_json(node->identity, 32), "wireguard", ml_base64_json(node->wireguard, 32),
			 "tags", inner_json(node->tags), "owner", node->owner, "addresses",
			 inner_json(node->addresses), "certificate",
			 node->has_certificate ? ml_strict_hash_json(node->certificate) : json_null(),
			 "grant", node->grant, "added", (json_int_t)node->added, "seen",
			 (json_int_t)node->seen);
}

static int node_add(void *arg, const struct store_node *node)
{
	return page_add(arg, node->name, node_json, node);
}

static void nodes_get(struct call *call)
{
	struct ml_error error = { .text = "out of memory" };
	struct page page;

	if (page_begin(call, &page))
		page_answer(call, &page, "nodes",
			    store_node_each(call->store, node_add, &page, &error), &error);
}

static void node_get(struct call *call)
{
	struct ml_error error = { .text = "" };
	struct store_node node;
	int r;

	r = store_node_get(call->store, call->parameters[0], &node, &error);
	if (r) {
		call_fail(call, r, &error);
		return;
	}
	call_answer(call, 200, node_json(call, &node));
	store_free(node.memory);
}

/* -------------------------------------------------------------------- grants */

static json_t *tags_json(const struct ml_grant *grant)
{
	json_t *tags = json_array();
	size_t i;

	for (i = 0; i < grant->tag_count; i++)
		json_array_append_new(tags, json_string(grant->tags[i]));
	return tags;
}

static json_t *grant_json(struct call *call, const void *what)
{
	const struct store_grant *grant = what;
	struct ml_grant inside = { 0 };

	(void)call;
	/* It was verified when it came. */
	ml_grant_peek(grant->envelope, &inside, NULL);
	return json_pack("{s:s, s:I, s:s, s:o, s:i, s:I, s:I, s:I, s:b, s:I}", "id", grant->id,
			 "lifetime", (json_int_t)inside.lifetime, "owner", inside.owner, "tags", tags_json(&inside), "uses",
			 (int)inside.uses, "left", (json_int_t)grant->uses, "expires",
			 (json_int_t)grant->expires, "added", (json_int_t)grant->added,
			 "revoked", (int)grant->revoked, "refusals",
			 (json_int_t)grant->refusals);
}

static int grant_add(void *arg, const struct store_grant *grant)
{
	return page_add(arg, grant->id, grant_json, grant);
}

static void grants_get(struct call *call)
{
	struct ml_error error = { .text = "out of memory" };
	struct page page;

	if (page_begin(call, &page))
		page_answer(call, &page, "grants",
			    store_grant_each(call->store, grant_add, &page, &error), &error);
}

/* --------------------------------------------------------------- generations */

static json_t *generation_json(const struct store_generation *generation)
{
	return json_pack("{s:I, s:I, s:o, s:I, s:o}", "epoch", (json_int_t)generation->epoch,
			 "serial", (json_int_t)generation->serial, "root",
			 ml_strict_hash_json(generation->root), "added", (json_int_t)generation->added,
			 "envelope", json_loadb((const char *)generation->envelope.data,
						generation->envelope.length, 0, NULL));
}

/* The last one; or the one that is asked for. */
static int generation_find(struct call *call, struct store_generation *ret,
			   struct ml_error *error)
{
	int64_t epoch, serial;
	int r;

	if (!call_query(call, "epoch") && !call_query(call, "serial"))
		return store_generation_last(call->store, ret, error);
	r = call_query_number(call, "epoch", INT64_MAX, &epoch, error);
	if (!r)
		r = call_query_number(call, "serial", INT64_MAX, &serial, error);
	return r ? r : store_generation_get(call->store, (uint64_t)epoch, (uint64_t)serial, ret,
					    error);
}

static void generations_get(struct call *call)
{
	struct ml_error error = { .text = "" };
	struct store_generation generation;
	int r;

	r = generation_find(call, &generation, &error);
	if (r == -ENOENT) {
		call_answer(call, 200, json_pack("{s:[]}", "generations"));
	} else if (r) {
		call_fail(call, r, &error);
	} else {
		call_answer(call, 200, json_pack("{s:[o]}", "generations",
						 generation_json(&generation)));
		store_free(generation.memory);
	}
}

static const struct route routes[] = {
	{ "GET", "/v1/nodes", ROUTE_PERSON, STORE_VIEWER, .handle = nodes_get },
	{ "GET", "/v1/nodes/{}", ROUTE_PERSON, STORE_VIEWER, .handle = node_get },
	{ "GET", "/v1/grants", ROUTE_PERSON, STORE_VIEWER, .handle = grants_get },
	{ "GET", "/v1/generations", ROUTE_PERSON, STORE_VIEWER, .handle = generations_get },
};

const struct route_table route_look = { routes, sizeof(routes) / sizeof(routes[0]) };
