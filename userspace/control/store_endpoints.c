// SPDX-License-Identifier: MIT
#include "store.h"

#include <errno.h>

#include "store_private.h"

struct set {
	const char *node, *endpoints;
	int64_t now;
	bool changed;
};

static int set(struct store *store, void *arg, struct ml_error *error)
{
	struct set *set = arg;
	struct store_row row = { 0 };
	uint64_t rows = 0;
	int r;

	r = store_one(store, STATEMENT_NODE_GET, CELLS(cell_text(set->node)), &row, error);
	if (r == -ENOENT)
		return ml_error_set(error, -ENOENT, "there is no such node");
	if (r)
		return r;
	store_free(row.memory);
	r = store_do(store, STATEMENT_ENDPOINTS_SET,
		     CELLS(cell_text(set->node), cell_text(set->endpoints), cell_int(set->now)),
		     &rows, error);
	set->changed = rows;
	return r;
}

int store_endpoints_set(struct store *store, const char *node, const char *endpoints,
			int64_t now, bool *ret_changed, struct ml_error *error)
{
	struct set arg = { node, endpoints, now, false };
	int r = store_transact(store, STORE_WRITE, set, &arg, error);

	*ret_changed = !r && arg.changed;
	return r;
}

struct each {
	const uint8_t (*keys)[32];
	size_t count;
	store_endpoints_fn each;
	void *arg;
};

static int each(struct store *store, void *arg, struct ml_error *error)
{
	const struct each *all = arg;
	struct store_row row;
	size_t i;
	int r;

	for (i = 0; i < all->count; i++) {
		row = (struct store_row){ 0 };
		r = store_one(store, STATEMENT_ENDPOINTS_GET, CELLS(cell_blob(all->keys[i], 32)),
			      &row, error);
		if (r == -ENOENT)
			continue;
		if (!r)
			r = all->each(all->arg, i, store_cell_text(&row.cells[0]));
		store_free(row.memory);
		if (r)
			return r;
	}
	return 0;
}

int store_endpoints_each(struct store *store, const uint8_t (*keys)[32], size_t count,
			 store_endpoints_fn fn, void *arg, struct ml_error *error)
{
	struct each all = { keys, count, fn, arg };

	return store_transact(store, STORE_READ, each, &all, error);
}
