// SPDX-License-Identifier: MIT
/* Root documents and policies, as they were signed. */
#include "store.h"

#include <errno.h>
#include <inttypes.h>

#include "store_private.h"

struct addition {
	uint64_t id;
	struct ml_bytes envelope, leaf;
	int64_t now;
};

static int add(struct store *store, enum store_statement_id id,
	       const struct addition *addition, struct ml_error *error)
{
	int r;

	r = store_do(store, id, CELLS(cell_int(addition->id), cell_bytes(addition->envelope),
				      cell_int(addition->now)), NULL, error);
	if (!r)
		r = store_leaf_add(store, addition->leaf, NULL, error);
	return r;
}

static int root_add(struct store *store, void *arg, struct ml_error *error)
{
	const struct addition *addition = arg;
	int64_t last;
	int r;

	r = store_number(store, STATEMENT_ROOT_LAST, NULL, &last, error);
	if (!r && addition->id != (uint64_t)last + 1)
		return ml_error_set(error, -ESTALE,
				    "store: root document %" PRIu64 " does not follow %lld: versions rise by exactly one",
				    addition->id, (long long)last);
	if (r && r != -ENOENT)
		return r;
	return add(store, STATEMENT_ROOT_ADD, addition, error);
}

int store_root_add(struct store *store, uint64_t version, struct ml_bytes envelope,
		   int64_t now, struct ml_bytes leaf, struct ml_error *error)
{
	struct addition addition = { version, envelope, leaf, now };
	int r;

	if (!version || version > INT64_MAX)
		return ml_error_set(error, -EINVAL, "store: a root's version is 1 to 2^63-1");
	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, root_add, &addition, error);
}

static int policy_add(struct store *store, void *arg, struct ml_error *error)
{
	struct addition *addition = arg;
	int64_t last = 0;
	int r;

	r = store_number(store, STATEMENT_POLICY_LAST, NULL, &last, error);
	if (r && r != -ENOENT)
		return r;
	addition->id = last + 1;
	return add(store, STATEMENT_POLICY_ADD, addition, error);
}

int store_policy_add(struct store *store, struct ml_bytes envelope, int64_t now,
		     struct ml_bytes leaf, uint64_t *ret_id, struct ml_error *error)
{
	struct addition addition = { 0, envelope, leaf, now };
	int r;

	r = store_leaf_check(leaf, error);
	if (!r)
		r = store_transact(store, STORE_WRITE, policy_add, &addition, error);
	if (!r && ret_id)
		*ret_id = addition.id;
	return r;
}

static int document_get(struct store *store, enum store_statement_id one,
			enum store_statement_id last, const char *what, uint64_t id,
			struct store_document *ret, struct ml_error *error)
{
	struct store_row row = { 0 };
	int r;

	r = store_lookup(store, id ? one : last, CELLS(cell_int(id)), &row, error);
	if (r == -ENOENT)
		return ml_error_set(error, -ENOENT, "store: there is no such %s", what);
	if (r)
		return r;
	*ret = (struct store_document){ row.cells[0].number, row.cells[1].bytes,
					row.cells[2].number, row.memory };
	return 0;
}

int store_root_get(struct store *store, uint64_t version, struct store_document *ret,
		   struct ml_error *error)
{
	return document_get(store, STATEMENT_ROOT_GET, STATEMENT_ROOT_GET_LAST,
			    "root document", version, ret, error);
}

int store_policy_get(struct store *store, uint64_t id, struct store_document *ret,
		     struct ml_error *error)
{
	return document_get(store, STATEMENT_POLICY_GET, STATEMENT_POLICY_GET_LAST, "policy",
			    id, ret, error);
}
