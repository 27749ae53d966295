// SPDX-License-Identifier: MIT
#include "signer_ledger.h"

#include <errno.h>
#include <stdlib.h>

#include "signer_client.h"
#include "strict.h"

#define WHAT		"the signer's answer"
#define PATIENCE	30
#define ITEM_MAX	(64 << 10)	/* bytes of an envelope */

/* One kind of item: its JSON, with its envelope, to @arg. */
typedef int (*item_fn)(void *arg, const json_t *item, struct ml_bytes envelope,
		       struct ml_error *error);

static int items_give(const json_t *items, struct ml_bytes blob, item_fn each, void *arg,
		      struct ml_error *error)
{
	int64_t length;
	json_t *item;
	size_t i;
	int r = 0;

	json_array_foreach(items, i, item) {
		r = ml_strict_number(item, WHAT, "length", 0, ITEM_MAX, &length, error);
		if (!r && (size_t)length > blob.length)
			r = ml_error_set(error, -EPROTO, WHAT ": it has not the documents that it lists");
		if (!r)
			r = each(arg, item, (struct ml_bytes){ blob.data, (size_t)length }, error);
		if (r)
			return r;
		blob.data += length;
		blob.length -= (size_t)length;
	}
	return 0;
}

/* @from: how many were given; 1: there are more */
static int page(struct signer_client *client, const char *kind, uint64_t *from, item_fn each,
		void *arg, struct ml_error *error)
{
	json_t *answer, *items, *header = json_pack("{s:I, s:s, s:s}", "from", (json_int_t)*from,
						    "kind", kind, "request", "ledger");
	struct ml_bytes blob = { NULL, 0 };
	uint8_t *bytes;
	int r = signer_client_ask(client, header, blob, PATIENCE, &answer, &bytes, &blob.length,
				  error);

	if (r)
		return r;
	blob.data = bytes;
	r = ml_strict_array(answer, WHAT, "items", &items, error);
	if (!r) {
		*from += json_array_size(items);
		r = items_give(items, blob, each, arg, error);
	}
	if (!r)
		r = json_is_true(json_object_get(answer, "more")) && json_array_size(items);
	json_decref(answer);
	free(bytes);
	return r;
}

static int all(struct signer_client *client, const char *kind, item_fn each, void *arg,
	       struct ml_error *error)
{
	uint64_t from = 0;
	int r;

	do {
		r = page(client, kind, &from, each, arg, error);
	} while (r == 1);
	return r;
}

/* ---------------------------------------------------------------------- items */

struct grants {
	signer_grant_fn each;
	void *arg;
};

static int grant_take(void *arg, const json_t *item, struct ml_bytes envelope,
		      struct ml_error *error)
{
	struct signer_ledger_grant grant = { .envelope = envelope };
	const struct grants *grants = arg;
	int64_t used;
	int r = ml_strict_string(item, WHAT, "id", &grant.id, error);

	if (!r)
		r = ml_strict_number(item, WHAT, "used", 0, INT64_MAX, &used, error);
	if (r)
		return r;
	grant.used = (uint64_t)used;
	grant.revoked = json_is_true(json_object_get(item, "revoked"));
	return grants->each(grants->arg, &grant, error);
}

int signer_ledger_grants(struct signer_client *client, signer_grant_fn each, void *arg,
			 struct ml_error *error)
{
	struct grants grants = { each, arg };

	return all(client, "grant", grant_take, &grants, error);
}

struct nodes {
	signer_node_fn each;
	void *arg;
};

static int node_take(void *arg, const json_t *item, struct ml_bytes envelope,
		     struct ml_error *error)
{
	struct signer_ledger_node node = { .envelope = envelope };
	const struct nodes *nodes = arg;
	int r = ml_strict_string(item, WHAT, "name", &node.name, error);

	if (!r)
		r = ml_strict_string(item, WHAT, "grant", &node.grant, error);
	if (!r)
		r = ml_strict_hash(item, WHAT, "identity", node.identity, error);
	if (!r)
		r = ml_strict_hash(item, WHAT, "wireguard", node.wireguard, error);
	if (!r)
		r = ml_strict_array(item, WHAT, "addresses", &node.addresses, error);
	if (r)
		return r;
	node.revoked = json_is_true(json_object_get(item, "revoked"));
	return nodes->each(nodes->arg, &node, error);
}

int signer_ledger_nodes(struct signer_client *client, signer_node_fn each, void *arg,
			struct ml_error *error)
{
	struct nodes nodes = { each, arg };

	return all(client, "node", node_take, &nodes, error);
}
