// SPDX-License-Identifier: MIT
/* Leaves of the audit log, and who puts them into tiles. */
#include "store.h"

#include <errno.h>

#include "store_private.h"

struct append {
	struct ml_bytes leaf;
	uint64_t index;
};

static int append(struct store *store, void *arg, struct ml_error *error)
{
	struct append *append = arg;

	return store_leaf_add(store, append->leaf, &append->index, error);
}

int store_audit_append(struct store *store, struct ml_bytes leaf, uint64_t *ret_index,
		       struct ml_error *error)
{
	struct append arg = { .leaf = leaf };
	int r;

	r = store_leaf_check(leaf, error);
	if (!r)
		r = store_transact(store, STORE_WRITE, append, &arg, error);
	if (!r && ret_index)
		*ret_index = arg.index;
	return r;
}

struct reader {
	store_leaf_fn each;
	void *arg;
};

static int leaf_row(void *arg, const struct store_cell *cells)
{
	struct reader *reader = arg;

	return reader->each(reader->arg, cells[0].number, cells[1].bytes);
}

int store_audit_read(struct store *store, uint64_t from, uint64_t count, store_leaf_fn each,
		     void *arg, struct ml_error *error)
{
	struct reader reader = { each, arg };

	if (from > INT64_MAX)
		return 0;
	if (count > INT64_MAX)
		count = INT64_MAX;
	return store_each(store, STATEMENT_AUDIT_EACH,
			  CELLS(cell_int(from), cell_int(count)), leaf_row, &reader, error);
}

static int forget(struct store *store, void *arg, struct ml_error *error)
{
	const uint64_t *minimum = arg;

	return store_do(store, STATEMENT_AUDIT_FORGET, CELLS(cell_int(*minimum)), NULL, error);
}

int store_audit_forget(struct store *store, uint64_t minimum, struct ml_error *error)
{
	uint64_t size, sequenced;
	int r = store_audit_size(store, &size, &sequenced, error);

	if (!r && (minimum % 256 || minimum > sequenced))
		r = ml_error_set(error, -EINVAL, "store: audit entries before %llu cannot be forgotten: %llu are in tiles",
				 (unsigned long long)minimum, (unsigned long long)sequenced);
	return r ? r : store_transact(store, STORE_WRITE, forget, &minimum, error);
}

int store_audit_size(struct store *store, uint64_t *ret_size, uint64_t *ret_sequenced,
		     struct ml_error *error)
{
	struct store_row row = { 0 };
	int r;

	r = store_lookup(store, STATEMENT_NETWORK_GET, NULL, &row, error);
	if (r)
		return r;
	*ret_size = row.cells[2].number;
	*ret_sequenced = row.cells[3].number;
	store_free(row.memory);
	return 0;
}

/* --------------------------------------------------------------- sequencer */

struct office {
	int64_t term, sequenced;
};

static int office_take(struct store *store, void *arg, struct ml_error *error)
{
	struct office *office = arg;
	struct store_row row = { 0 };
	int r;

	r = store_one(store, STATEMENT_SEQUENCER_TAKE, NULL, &row, error);
	if (r)
		return r;
	office->term = row.cells[0].number;
	office->sequenced = row.cells[1].number;
	store_free(row.memory);
	return 0;
}

int store_sequencer_take(struct store *store, uint64_t *ret_term, uint64_t *ret_sequenced,
			 struct ml_error *error)
{
	struct office office;
	int r;

	r = store->driver->take_office(store, error);
	if (!r)
		r = store_transact(store, STORE_WRITE, office_take, &office, error);
	if (r)
		return r;
	*ret_term = office.term;
	*ret_sequenced = office.sequenced;
	return 0;
}

int store_sequencer_hold(struct store *store, uint64_t term, struct ml_error *error)
{
	struct store_row row = { 0 };
	bool same;
	int r;

	/* ORDER: whether the connection is still there is only seen by asking something. */
	r = store_lookup(store, STATEMENT_NETWORK_GET, NULL, &row, error);
	if (r)
		return r;
	same = row.cells[4].number == (int64_t)term;
	store_free(row.memory);
	r = same ? store->driver->take_office(store, error) : -EALREADY;
	return r != -EALREADY ? r :
		ml_error_set(error, -ESTALE, "store: another process puts the audit log into tiles");
}

static int office_advance(struct store *store, void *arg, struct ml_error *error)
{
	struct office *office = arg;
	int64_t at;
	int r;

	r = store_number(store, STATEMENT_SEQUENCER_ADVANCE,
			 CELLS(cell_int(office->sequenced), cell_int(office->term)), &at,
			 error);
	if (r == -ENOENT)
		return ml_error_set(error, -ESTALE,
				    "store: the audit log cannot be at %lld now: another process puts it into tiles, or it has fewer entries",
				    (long long)office->sequenced);
	return r;
}

int store_sequencer_advance(struct store *store, uint64_t term, uint64_t sequenced,
			    struct ml_error *error)
{
	struct office office = { (int64_t)term, (int64_t)sequenced };

	return store_transact(store, STORE_WRITE, office_advance, &office, error);
}
