// SPDX-License-Identifier: MIT
/* Grants, and the joins that consume them. */
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "sha256.h"
#include "store_private.h"

static void grant_of(const struct store_cell *cells, struct store_grant *grant)
{
	*grant = (struct store_grant){
		.id = store_cell_text(&cells[0]),
		.envelope = cells[1].bytes,
		.uses = cells[2].number,
		.expires = cells[3].number,
		.revoked = cells[4].number,
		.added = cells[5].number,
		.refusals = cells[6].number,
	};
}

static int no_grant(struct ml_error *error)
{
	return ml_error_set(error, -ENOENT, "there is no such grant here");
}

struct change {
	const struct store_grant *grant;
	const char *id;
	uint64_t left;
	struct ml_bytes leaf;
};

static int grant_add(struct store *store, void *arg, struct ml_error *error)
{
	const struct change *change = arg;
	const struct store_grant *grant = change->grant;
	uint64_t rows = 0;
	int r;

	r = store_do(store, STATEMENT_GRANT_ADD,
		     CELLS(cell_text(grant->id), cell_bytes(grant->envelope),
			   cell_int(grant->uses), cell_int(grant->expires),
			   cell_int(grant->added)), &rows, error);
	if (!r && !rows)
		r = ml_error_set(error, -EEXIST,
				 "this grant is here already: its one-time key is in another one");
	if (!r)
		r = store_leaf_add(store, change->leaf, NULL, error);
	return r;
}

int store_grant_add(struct store *store, const struct store_grant *grant,
		    struct ml_bytes leaf, struct ml_error *error)
{
	struct change change = { .grant = grant, .leaf = leaf };
	int r;

	if (!grant->uses || grant->uses > INT64_MAX)
		return ml_error_set(error, -EINVAL, "a grant has at least one use");
	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, grant_add, &change, error);
}

int store_grant_get(struct store *store, const char *id, struct store_grant *ret,
		    struct ml_error *error)
{
	struct store_row row = { 0 };
	int r;

	r = store_lookup(store, STATEMENT_GRANT_GET, CELLS(cell_text(id)), &row, error);
	if (r == -ENOENT)
		return no_grant(error);
	if (r)
		return r;
	grant_of(row.cells, ret);
	ret->memory = row.memory;
	return 0;
}

struct grant_each {
	store_grant_fn each;
	void *arg;
};

static int grant_row(void *arg, const struct store_cell *cells)
{
	struct grant_each *all = arg;
	struct store_grant grant;

	grant_of(cells, &grant);
	return all->each(all->arg, &grant);
}

int store_grant_each(struct store *store, store_grant_fn each, void *arg,
		     struct ml_error *error)
{
	struct grant_each all = { each, arg };

	return store_each(store, STATEMENT_GRANT_EACH, NULL, grant_row, &all,
			  error);
}

static int grant_revoke(struct store *store, void *arg, struct ml_error *error)
{
	const struct change *change = arg;
	struct store_row row = { 0 };
	uint64_t rows = 0;
	int r;

	r = store_do(store, STATEMENT_GRANT_REVOKE, CELLS(cell_text(change->id)), &rows, error);
	if (!r && !rows) {
		r = store_one(store, STATEMENT_GRANT_GET, CELLS(cell_text(change->id)), &row,
			      error);
		if (r == -ENOENT)
			return no_grant(error);
		if (r)
			return r;
		store_free(row.memory);
		return ml_error_set(error, -EALREADY, "this grant is revoked already");
	}
	if (!r)
		r = store_leaf_add(store, change->leaf, NULL, error);
	return r;
}

int store_grant_revoke(struct store *store, const char *id, struct ml_bytes leaf,
		       struct ml_error *error)
{
	struct change change = { .id = id, .leaf = leaf };
	int r;

	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, grant_revoke, &change, error);
}

static int grant_settle(struct store *store, void *arg, struct ml_error *error)
{
	const struct change *change = arg;
	uint64_t rows = 0;
	int r = store_do(store, STATEMENT_GRANT_SETTLE,
			 CELLS(cell_int(change->left), cell_text(change->id)), &rows, error);

	return r || !rows ? r : store_leaf_add(store, change->leaf, NULL, error);
}

int store_grant_settle(struct store *store, const char *id, uint64_t left,
		       struct ml_bytes leaf, struct ml_error *error)
{
	struct change change = { .id = id, .left = left, .leaf = leaf };
	int r;

	if (left > INT64_MAX)
		return ml_error_set(error, -EINVAL, "a grant with too many uses");
	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, grant_settle, &change, error);
}

/* ------------------------------------------------------------------ consume */

struct consume {
	const struct store_node *node;
	struct ml_bytes request, answer, leaf;
	uint8_t digest[32];
	int64_t now;
	int refusal;			/* counted, so committed: no error of the store */
	struct store_answer result;
};

/* 1: it was, and @consume->result is what was answered. */
static int answered_before(struct store *store, struct consume *consume,
			   struct ml_error *error)
{
	struct store_row row = { 0 };
	int r;

	r = store_one(store, STATEMENT_JOIN_GET, CELLS(cell_blob(consume->digest, 32)), &row,
		      error);
	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	consume->result = (struct store_answer){ true, row.cells[0].bytes, row.memory };
	return 1;
}

/* Why there was no use to be had, which is counted. */
static int refuse(struct store *store, struct consume *consume, struct ml_error *error)
{
	struct store_row row = { 0 };
	int r;

	r = store_one(store, STATEMENT_GRANT_REFUSE, CELLS(cell_text(consume->node->grant)),
		      &row, error);
	if (r == -ENOENT) {
		consume->refusal = no_grant(error);
		return 0;
	}
	if (r)
		return r;
	if (row.cells[2].number)
		consume->refusal = ml_error_set(error, -EKEYREVOKED, "this key was revoked");
	else if (row.cells[1].number <= consume->now)
		consume->refusal = ml_error_set(error, -ETIME, "this key has expired");
	else
		consume->refusal = ml_error_set(error, -EDQUOT,
						"this key has been used as often as it may be");
	store_free(row.memory);
	return 0;
}

static int node_add(struct store *store, const struct consume *consume,
		    struct ml_error *error)
{
	const struct store_node *node = consume->node;
	uint64_t rows = 0;
	int r;

	r = store_do(store, STATEMENT_NODE_ADD,
		     CELLS(cell_text(node->name), cell_blob(node->identity, 32),
			   cell_blob(node->wireguard, 32), cell_text(node->tags),
			   cell_text(node->owner), cell_text(node->addresses),
			   cell_text(store_node_state_name(node->state)),
			   node->has_certificate ? cell_blob(node->certificate, 32) : cell_null(),
			   cell_text(node->grant), cell_int(node->added), cell_int(node->seen)),
		     &rows, error);
	if (!r && !rows)
		r = ml_error_set(error, -EEXIST,
				 "another node has the name \"%s\" or one of these keys: choose another name, or remove that node",
				 node->name);
	return r;
}

static int admit(struct store *store, struct consume *consume, struct ml_error *error)
{
	int r;

	r = node_add(store, consume, error);
	if (!r)
		r = store_do(store, STATEMENT_JOIN_ADD,
			     CELLS(cell_blob(consume->digest, 32),
				   cell_text(consume->node->grant),
				   cell_text(consume->node->name), cell_bytes(consume->request),
				   cell_bytes(consume->answer), cell_int(consume->now)), NULL,
			     error);
	if (!r)
		r = store_leaf_add(store, consume->leaf, NULL, error);
	return r;
}

static int consume(struct store *store, void *arg, struct ml_error *error)
{
	struct consume *consume = arg;
	uint64_t rows = 0;
	int r;

	consume->refusal = 0;
	store_free(consume->result.memory);	/* of an attempt that was lost */
	consume->result = (struct store_answer){ 0 };
	r = answered_before(store, consume, error);
	if (r)
		return r < 0 ? r : 0;
	r = store_do(store, STATEMENT_GRANT_CONSUME,
		     CELLS(cell_text(consume->node->grant), cell_int(consume->now)), &rows,
		     error);
	if (r)
		return r;
	return rows ? admit(store, consume, error) : refuse(store, consume, error);
}

int store_grant_consume(struct store *store, const struct store_node *node,
			struct ml_bytes request, struct ml_bytes answer, int64_t now,
			struct ml_bytes leaf, struct store_answer *ret,
			struct ml_error *error)
{
	struct consume arg = { .node = node, .request = request, .answer = answer,
			       .leaf = leaf, .now = now };
	int r;

	if (!request.length)
		return ml_error_set(error, -EINVAL, "a join without a request");
	r = store_leaf_check(leaf, error);
	if (r)
		return r;
	ml_sha256(arg.digest, request.data, request.length);
	r = store_transact(store, STORE_WRITE, consume, &arg, error);
	if (!r)
		r = arg.refusal;
	if (r) {
		store_free(arg.result.memory);
		return r;
	}
	if (!arg.result.repeated)
		arg.result.bytes = answer;
	*ret = arg.result;
	return 0;
}

/* -------------------------------------------------------------------- joins */

struct join_each {
	store_join_fn each;
	void *arg;
};

static int join_row(void *arg, const struct store_cell *cells)
{
	struct join_each *all = arg;
	struct store_join join = {
		.grant = store_cell_text(&cells[1]),
		.node = store_cell_text(&cells[2]),
		.request = cells[3].bytes,
		.answer = cells[4].bytes,
		.added = cells[5].number,
	};
	int r;

	r = store_cell_key(&cells[0], join.digest, NULL);
	return r ? r : all->each(all->arg, &join);
}

int store_join_each(struct store *store, const char *node, store_join_fn each, void *arg,
		    struct ml_error *error)
{
	struct join_each all = { each, arg };

	return store_each(store, STATEMENT_JOIN_EACH, CELLS(cell_text(node)), join_row, &all,
			  error);
}
