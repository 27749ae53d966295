// SPDX-License-Identifier: MIT
#include "store.h"

#include <errno.h>
#include <string.h>

#include "store_private.h"

static const char *const states[] = {
	[STORE_NODE_PENDING] = "pending",
	[STORE_NODE_ACTIVE] = "active",
	[STORE_NODE_EXPIRED] = "expired",
	[STORE_NODE_REVOKED] = "revoked",
};

const char *store_node_state_name(enum store_node_state state)
{
	return (unsigned int)state < STORE_NODE_STATES ? states[state] : NULL;
}

/* ------------------------------------------------------------------ reading */

static int node_of(const struct store_cell *cells, struct store_node *ret,
		   struct ml_error *error)
{
	struct store_node node = {
		.name = store_cell_text(&cells[0]),
		.tags = store_cell_text(&cells[3]),
		.owner = store_cell_text(&cells[4]),
		.addresses = store_cell_text(&cells[5]),
		.has_certificate = cells[7].type,
		.grant = store_cell_text(&cells[8]),
		.added = cells[9].number,
		.seen = cells[10].number,
	};
	int state = 0, r;

	r = store_cell_key(&cells[1], node.identity, error);
	if (!r)
		r = store_cell_key(&cells[2], node.wireguard, error);
	if (!r && node.has_certificate)
		r = store_cell_key(&cells[7], node.certificate, error);
	if (!r)
		r = store_cell_word(&cells[6], states, STORE_NODE_STATES, &state, error);
	if (r)
		return r;
	node.state = state;
	*ret = node;
	return 0;
}

static int no_node(struct ml_error *error)
{
	return ml_error_set(error, -ENOENT, "there is no such node");
}

static int node_get(struct store *store, enum store_statement_id id, struct store_cell by,
		    struct store_node *ret, struct ml_error *error)
{
	struct store_row row = { 0 };
	int r;

	r = store_lookup(store, id, &by, &row, error);
	if (r == -ENOENT)
		return no_node(error);
	if (r)
		return r;
	r = node_of(row.cells, ret, error);
	if (r)
		store_free(row.memory);
	else
		ret->memory = row.memory;
	return r;
}

int store_node_get(struct store *store, const char *name, struct store_node *ret,
		   struct ml_error *error)
{
	return node_get(store, STATEMENT_NODE_GET, cell_text(name), ret, error);
}

int store_node_by_identity(struct store *store, const uint8_t identity[static 32],
			   struct store_node *ret, struct ml_error *error)
{
	return node_get(store, STATEMENT_NODE_BY_IDENTITY, cell_blob(identity, 32), ret, error);
}

int store_node_by_certificate(struct store *store, const uint8_t spki[static 32],
			      struct store_node *ret, struct ml_error *error)
{
	return node_get(store, STATEMENT_NODE_BY_CERTIFICATE, cell_blob(spki, 32), ret, error);
}

struct node_each {
	store_node_fn each;
	void *arg;
	struct ml_error *error;
};

static int node_row(void *arg, const struct store_cell *cells)
{
	struct node_each *all = arg;
	struct store_node node;
	int r;

	r = node_of(cells, &node, all->error);
	return r ? r : all->each(all->arg, &node);
}

int store_node_each(struct store *store, store_node_fn each, void *arg,
		    struct ml_error *error)
{
	struct node_each all = { each, arg, error };

	return store_each(store, STATEMENT_NODE_EACH, NULL, node_row, &all,
			  error);
}

/* ----------------------------------------------------------------- changing */

struct change {
	const char *name;
	struct ml_bytes leaf;
	enum store_statement_id id;
	const struct store_cell *cells;
	const char *stale;	/* the sentence where the node is there, and is not so */
};

static int change(struct store *store, void *arg, struct ml_error *error)
{
	const struct change *change = arg;
	struct store_row row = { 0 };
	uint64_t rows = 0;
	int r;

	r = store_do(store, change->id, change->cells, &rows, error);
	if (r == -EEXIST)
		return ml_error_set(error, -EEXIST,
				    "another node has one of these keys or the certificate");
	if (r)
		return r;
	if (rows)
		return store_leaf_add(store, change->leaf, NULL, error);
	r = store_one(store, STATEMENT_NODE_GET, CELLS(cell_text(change->name)), &row, error);
	if (r == -ENOENT)
		return no_node(error);
	if (r)
		return r;
	store_free(row.memory);
	return ml_error_set(error, -ESTALE, "node \"%s\": %s", change->name, change->stale);
}

static int node_change(struct store *store, const char *name, struct ml_bytes leaf,
		       enum store_statement_id id, const struct store_cell *cells,
		       const char *stale, struct ml_error *error)
{
	struct change arg = { name, leaf, id, cells, stale };
	int r;

	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, change, &arg, error);
}

/* A revocation is for ever: who is to come back joins anew, with new keys. */
int store_node_set_state(struct store *store, const char *name, enum store_node_state from,
			 enum store_node_state to, struct ml_bytes leaf,
			 struct ml_error *error)
{
	if (from == STORE_NODE_REVOKED || from == to)
		return ml_error_set(error, -EINVAL, "a node cannot go from %s to %s",
				    store_node_state_name(from), store_node_state_name(to));
	return node_change(store, name, leaf, STATEMENT_NODE_STATE,
			   CELLS(cell_text(store_node_state_name(to)), cell_text(name),
				 cell_text(store_node_state_name(from))),
			   "is in another state by now", error);
}

int store_node_set_addresses(struct store *store, const char *name, const char *addresses,
			     struct ml_bytes leaf, struct ml_error *error)
{
	return node_change(store, name, leaf, STATEMENT_NODE_ADDRESSES,
			   CELLS(cell_text(addresses), cell_text(name)), "cannot be changed",
			   error);
}

int store_node_set_certificate(struct store *store, const char *name,
			       const uint8_t identity[static 32],
			       const uint8_t spki[static 32], struct ml_bytes leaf,
			       struct ml_error *error)
{
	return node_change(store, name, leaf, STATEMENT_NODE_CERTIFICATE,
			   CELLS(cell_blob(spki, 32), cell_text(name), cell_blob(identity, 32)),
			   "has another identity key, or is revoked", error);
}

int store_node_rotate(struct store *store, const char *name,
		      const struct store_node_keys *from, const struct store_node_keys *to,
		      struct ml_bytes leaf, struct ml_error *error)
{
	return node_change(store, name, leaf, STATEMENT_NODE_ROTATE,
			   CELLS(cell_blob(to->identity, 32), cell_blob(to->wireguard, 32),
				 cell_text(name), cell_blob(from->identity, 32),
				 cell_blob(from->wireguard, 32)),
			   "has other keys by now, or is revoked", error);
}

int store_node_remove(struct store *store, const char *name, struct ml_bytes leaf,
		      struct ml_error *error)
{
	int r;

	r = node_change(store, name, leaf, STATEMENT_NODE_REMOVE, CELLS(cell_text(name)), "",
			error);
	if (r == -ESTALE)
		return ml_error_set(error, -ENOENT,
				    "node \"%s\" is neither revoked nor expired: revoke it first",
				    name);
	return r;
}

/* --------------------------------------------------------------------- seen */

struct seen {
	const char *const *names;
	size_t count;
	int64_t now;
};

static int seen(struct store *store, void *arg, struct ml_error *error)
{
	const struct seen *seen = arg;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < seen->count; i++)
		r = store_do(store, STATEMENT_NODE_SEEN,
			     CELLS(cell_int(seen->now), cell_text(seen->names[i])), NULL,
			     error);
	return r;
}

int store_node_seen(struct store *store, const char *const *names, size_t count,
		    int64_t now, struct ml_error *error)
{
	struct seen arg = { names, count, now };

	return store_transact(store, STORE_WRITE, seen, &arg, error);
}
