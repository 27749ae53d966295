// SPDX-License-Identifier: MIT
/* Administrators, and the second factors that are good once. */
#include "store.h"

#include <errno.h>
#include <inttypes.h>

#include "store_private.h"

const char *const store_roles[STORE_ROLES] = {
	[STORE_VIEWER] = "viewer",
	[STORE_AUDITOR] = "auditor",
	[STORE_OPERATOR] = "operator",
	[STORE_OWNER] = "owner",
};

const char *store_role_name(enum store_role role)
{
	return (unsigned int)role < STORE_ROLES ? store_roles[role] : NULL;
}

static int no_admin(struct ml_error *error)
{
	return ml_error_set(error, -ENOENT, "there is no such administrator");
}

/* ------------------------------------------------------------------ reading */

static int admin_of(const struct store_cell *cells, struct store_admin *ret,
		    struct ml_error *error)
{
	struct store_admin admin = {
		.name = store_cell_text(&cells[0]),
		.password = store_cell_text(&cells[2]),
		.totp = cells[3].type ? cells[3].bytes : (struct ml_bytes){ 0 },
		.totp_step = cells[4].number,
		.added = cells[5].number,
	};
	int role = 0, r;

	r = store_cell_word(&cells[1], store_roles, STORE_ROLES, &role, error);
	if (r)
		return r;
	admin.role = role;
	*ret = admin;
	return 0;
}

int store_admin_get(struct store *store, const char *name, struct store_admin *ret,
		    struct ml_error *error)
{
	struct store_row row = { 0 };
	int r;

	r = store_lookup(store, STATEMENT_ADMIN_GET, CELLS(cell_text(name)), &row, error);
	if (r == -ENOENT)
		return no_admin(error);
	if (r)
		return r;
	r = admin_of(row.cells, ret, error);
	if (r)
		store_free(row.memory);
	else
		ret->memory = row.memory;
	return r;
}

struct admin_each {
	store_admin_fn each;
	void *arg;
	struct ml_error *error;
};

static int admin_row(void *arg, const struct store_cell *cells)
{
	struct admin_each *all = arg;
	struct store_admin admin;
	int r;

	r = admin_of(cells, &admin, all->error);
	return r ? r : all->each(all->arg, &admin);
}

int store_admin_each(struct store *store, store_admin_fn each, void *arg,
		     struct ml_error *error)
{
	struct admin_each all = { each, arg, error };

	return store_each(store, STATEMENT_ADMIN_EACH, NULL, admin_row, &all,
			  error);
}

/* ----------------------------------------------------------------- changing */

struct change {
	const struct store_admin *admin;
	const char *name;
	const struct store_admin_change *what;
	struct ml_bytes leaf;
	uint64_t step;
	const uint8_t *digest;
	int64_t left;
};

static int admin_add(struct store *store, void *arg, struct ml_error *error)
{
	const struct change *change = arg;
	const struct store_admin *admin = change->admin;
	uint64_t rows = 0;
	int r;

	r = store_do(store, STATEMENT_ADMIN_ADD,
		     CELLS(cell_text(admin->name), cell_text(store_role_name(admin->role)),
			   cell_text(admin->password),
			   admin->totp.length ? cell_bytes(admin->totp) : cell_null(),
			   cell_int(admin->added)), &rows, error);
	if (!r && !rows)
		r = ml_error_set(error, -EEXIST, "there is an administrator of that name");
	if (!r)
		r = store_leaf_add(store, change->leaf, NULL, error);
	return r;
}

int store_admin_add(struct store *store, const struct store_admin *admin,
		    struct ml_bytes leaf, struct ml_error *error)
{
	struct change change = { .admin = admin, .leaf = leaf };
	int r;

	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, admin_add, &change, error);
}

/* Runs a statement that returns the administrator it found. */
static int of_admin(struct store *store, enum store_statement_id id,
		    const struct store_cell *cells, struct ml_error *error)
{
	uint64_t rows = 0;
	int r;

	r = store_do(store, id, cells, &rows, error);
	return !r && !rows ? no_admin(error) : r;
}

static int check_owners(struct store *store, struct ml_error *error)
{
	int64_t owners = 0;
	int r;

	r = store_number(store, STATEMENT_OWNERS, NULL, &owners, error);
	if (!r && !owners)
		r = ml_error_set(error, -EPERM,
				 "that would leave no owner: make somebody else an owner first");
	return r;
}

static int replace_recovery(struct store *store, const struct change *change,
			    struct ml_error *error)
{
	struct store_cell name = cell_text(change->name);
	size_t i;
	int r;

	r = store_do(store, STATEMENT_RECOVERY_CLEAR, &name, NULL, error);
	for (i = 0; !r && i < change->what->recovery_count; i++)
		r = store_do(store, STATEMENT_RECOVERY_ADD,
			     CELLS(name, cell_blob(change->what->recovery[i], 32)), NULL, error);
	return r;
}

static int admin_change(struct store *store, void *arg, struct ml_error *error)
{
	const struct change *change = arg;
	const struct store_admin_change *what = change->what;
	struct store_cell name = cell_text(change->name);
	struct store_row row = { 0 };
	int r;

	r = store_one(store, STATEMENT_ADMIN_GET, &name, &row, error);
	if (r)
		return r == -ENOENT ? no_admin(error) : r;
	store_free(row.memory);
	if (what->set_role)
		r = of_admin(store, STATEMENT_ADMIN_ROLE,
			     CELLS(cell_text(store_role_name(what->role)), name), error);
	if (!r && what->set_role)
		r = check_owners(store, error);
	if (!r && what->password)
		r = of_admin(store, STATEMENT_ADMIN_PASSWORD,
			     CELLS(cell_text(what->password), name), error);
	if (!r && what->totp.data)
		r = of_admin(store, STATEMENT_ADMIN_TOTP,
			     CELLS(what->totp.length ? cell_bytes(what->totp) : cell_null(),
				   name), error);
	if (!r && what->set_recovery)
		r = replace_recovery(store, change, error);
	if (!r)
		r = store_do(store, STATEMENT_SESSION_END_ALL, &name, NULL, error);
	return r ? r : store_leaf_add(store, change->leaf, NULL, error);
}

int store_admin_change(struct store *store, const char *name,
		       const struct store_admin_change *what, struct ml_bytes leaf,
		       struct ml_error *error)
{
	struct change change = { .name = name, .what = what, .leaf = leaf };
	int r;

	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, admin_change, &change, error);
}

static int admin_remove(struct store *store, void *arg, struct ml_error *error)
{
	const struct change *change = arg;
	struct store_cell name = cell_text(change->name);
	int r;

	r = store_do(store, STATEMENT_SESSION_END_ALL, &name, NULL, error);
	if (!r)
		r = store_do(store, STATEMENT_RECOVERY_CLEAR, &name, NULL, error);
	if (!r)
		r = of_admin(store, STATEMENT_ADMIN_REMOVE, &name, error);
	if (!r)
		r = check_owners(store, error);
	return r ? r : store_leaf_add(store, change->leaf, NULL, error);
}

int store_admin_remove(struct store *store, const char *name, struct ml_bytes leaf,
		       struct ml_error *error)
{
	struct change change = { .name = name, .leaf = leaf };
	int r;

	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, admin_remove, &change, error);
}

/* ----------------------------------------------------------- second factors */

static int totp_accept(struct store *store, void *arg, struct ml_error *error)
{
	const struct change *change = arg;
	struct store_row row = { 0 };
	int64_t step;
	int r;

	r = store_number(store, STATEMENT_ADMIN_STEP,
			 CELLS(cell_int(change->step), cell_text(change->name)), &step, error);
	if (!r)
		return store_leaf_add(store, change->leaf, NULL, error);
	if (r != -ENOENT)
		return r;
	r = store_one(store, STATEMENT_ADMIN_GET, CELLS(cell_text(change->name)), &row, error);
	if (r)
		return r == -ENOENT ? no_admin(error) : r;
	store_free(row.memory);
	return ml_error_set(error, -EALREADY, "this code was used already: wait for the next");
}

int store_totp_accept(struct store *store, const char *name, uint64_t step,
		      struct ml_bytes leaf, struct ml_error *error)
{
	struct change change = { .name = name, .leaf = leaf, .step = step };
	int r;

	if (!step || step > INT64_MAX)
		return ml_error_set(error, -EINVAL, "a step is a time from 1 on");
	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, totp_accept, &change, error);
}

static int recovery_use(struct store *store, void *arg, struct ml_error *error)
{
	struct change *change = arg;
	uint64_t rows = 0;
	int r;

	r = store_do(store, STATEMENT_RECOVERY_USE,
		     CELLS(cell_text(change->name), cell_blob(change->digest, 32)), &rows, error);
	if (!r && !rows)
		r = ml_error_set(error, -ENOENT, "there is no such recovery code");
	if (!r)
		r = store_number(store, STATEMENT_RECOVERY_COUNT, CELLS(cell_text(change->name)),
				 &change->left, error);
	return r ? r : store_leaf_add(store, change->leaf, NULL, error);
}

int store_recovery_use(struct store *store, const char *name,
		       const uint8_t digest[static 32], struct ml_bytes leaf,
		       uint64_t *ret_left, struct ml_error *error)
{
	struct change change = { .name = name, .leaf = leaf, .digest = digest };
	int r;

	r = store_leaf_check(leaf, error);
	if (!r)
		r = store_transact(store, STORE_WRITE, recovery_use, &change, error);
	if (!r)
		*ret_left = change.left;
	return r;
}
