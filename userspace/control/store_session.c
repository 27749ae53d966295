// SPDX-License-Identifier: MIT
/* Sessions, and how often somebody failed. */
#include "store.h"

#include <errno.h>

#include "store_private.h"

#define FAILURES_KEPT 3600	/* seconds: a streak is remembered for a while */

struct session {
	const uint8_t *digest, *to;
	const char *admin;
	int64_t now, stepped_up, expires;
	struct ml_bytes leaf;
};

static int no_session(struct ml_error *error)
{
	return ml_error_set(error, -ENOENT, "there is no such session: log in");
}

static int session_start(struct store *store, void *arg, struct ml_error *error)
{
	const struct session *session = arg;
	int r;

	r = store_do(store, STATEMENT_SESSION_ADD,
		     CELLS(cell_blob(session->digest, 32), cell_text(session->admin),
			   cell_int(session->now), cell_int(session->stepped_up),
			   cell_int(session->expires)), NULL, error);
	if (r == -ENOENT)
		return ml_error_set(error, r, "there is no such administrator");
	return r ? r : store_leaf_add(store, session->leaf, NULL, error);
}

int store_session_start(struct store *store, const uint8_t digest[static 32],
			const char *admin, int64_t now, int64_t stepped_up,
			int64_t expires, struct ml_bytes leaf, struct ml_error *error)
{
	struct session session = { .digest = digest, .admin = admin, .now = now,
				   .stepped_up = stepped_up, .expires = expires, .leaf = leaf };
	int r;

	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, session_start, &session, error);
}

int store_session_get(struct store *store, const uint8_t digest[static 32], int64_t now,
		      struct store_session *ret, struct ml_error *error)
{
	struct store_row row = { 0 };
	int role = 0, r;

	r = store_lookup(store, STATEMENT_SESSION_GET,
			 CELLS(cell_blob(digest, 32), cell_int(now)), &row, error);
	if (r == -ENOENT)
		return no_session(error);
	if (r)
		return r;
	r = store_cell_word(&row.cells[4], store_roles, STORE_ROLES, &role, error);
	if (r) {
		store_free(row.memory);
		return r;
	}
	*ret = (struct store_session){ store_cell_text(&row.cells[0]), role,
				       row.cells[1].number, row.cells[2].number,
				       row.cells[3].number, row.memory };
	return 0;
}

static int session_rotate(struct store *store, void *arg, struct ml_error *error)
{
	const struct session *session = arg;
	uint64_t rows = 0;
	int r;

	r = store_do(store, STATEMENT_SESSION_ROTATE,
		     CELLS(cell_blob(session->to, 32), cell_int(session->now),
			   cell_int(session->now), cell_blob(session->digest, 32)), &rows,
		     error);
	if (!r && !rows)
		r = no_session(error);
	return r ? r : store_leaf_add(store, session->leaf, NULL, error);
}

int store_session_rotate(struct store *store, const uint8_t from[static 32],
			 const uint8_t to[static 32], int64_t now, struct ml_bytes leaf,
			 struct ml_error *error)
{
	struct session session = { .digest = from, .to = to, .now = now, .leaf = leaf };
	int r;

	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, session_rotate, &session, error);
}

static int session_touch(struct store *store, void *arg, struct ml_error *error)
{
	const struct session *session = arg;
	uint64_t rows = 0;
	int r;

	r = store_do(store, STATEMENT_SESSION_TOUCH,
		     CELLS(cell_int(session->expires), cell_blob(session->digest, 32)), &rows,
		     error);
	return !r && !rows ? no_session(error) : r;
}

int store_session_touch(struct store *store, const uint8_t digest[static 32],
			int64_t expires, struct ml_error *error)
{
	struct session session = { .digest = digest, .expires = expires };

	return store_transact(store, STORE_WRITE, session_touch, &session, error);
}

static int session_end(struct store *store, void *arg, struct ml_error *error)
{
	const struct session *session = arg;
	uint64_t rows = 0;
	int r;

	r = store_do(store, STATEMENT_SESSION_END, CELLS(cell_blob(session->digest, 32)), &rows,
		     error);
	if (!r && !rows)
		r = no_session(error);
	return r ? r : store_leaf_add(store, session->leaf, NULL, error);
}

int store_session_end(struct store *store, const uint8_t digest[static 32],
		      struct ml_bytes leaf, struct ml_error *error)
{
	struct session session = { .digest = digest, .leaf = leaf };
	int r;

	r = store_leaf_check(leaf, error);
	return r ? r : store_transact(store, STORE_WRITE, session_end, &session, error);
}

/* ----------------------------------------------------------------- failures */

struct failure {
	const char *who;
	const struct store_limit *limit;
	int64_t now, until;
};

static int failure_load(struct store *store, const char *who, struct store_cell cells[3],
			struct ml_error *error)
{
	struct store_row row = { 0 };
	int i, r;

	r = store_one(store, STATEMENT_FAILURE_GET, CELLS(cell_text(who)), &row, error);
	if (r && r != -ENOENT)
		return r;
	for (i = 0; i < 3; i++)
		cells[i] = cell_int(r ? 0 : row.cells[i].number);
	if (!r)
		store_free(row.memory);
	return 0;
}

static int64_t block_time(const struct store_limit *limit, int64_t streak)
{
	int64_t block = limit->block;

	while (--streak > 0 && block < limit->block_max)
		block *= 2;
	return block < limit->block_max ? block : limit->block_max;
}

/*
 * One number holds the bucket: when it will be empty (the generic cell rate algorithm of
 * ITU-T I.371). The streak begins anew when the bucket and a block as long are over.
 */
static int failure_add(struct store *store, void *arg, struct ml_error *error)
{
	struct failure *failure = arg;
	const struct store_limit *limit = failure->limit;
	struct store_cell cells[3];
	int64_t empty, streak, until;
	int r;

	r = failure_load(store, failure->who, cells, error);
	if (r)
		return r;
	empty = cells[0].number > failure->now ? cells[0].number : failure->now;
	streak = cells[0].number + limit->block_max > failure->now ? cells[1].number : 0;
	until = cells[2].number;
	empty += limit->interval;
	if (empty - failure->now > limit->burst * limit->interval) {
		empty = failure->now + limit->burst * limit->interval;
		if (until <= failure->now)
			until = failure->now + block_time(limit, ++streak);
	}
	failure->until = until > failure->now ? until : 0;
	return store_do(store, STATEMENT_FAILURE_SET,
			CELLS(cell_text(failure->who), cell_int(empty), cell_int(streak),
			      cell_int(until)), NULL, error);
}

int store_failure_add(struct store *store, const char *who, const struct store_limit *limit,
		      int64_t now, int64_t *ret_until, struct ml_error *error)
{
	struct failure failure = { who, limit, now, 0 };
	int r;

	if (limit->burst < 1 || limit->interval < 1 || limit->block < 1 ||
	    limit->block_max < 1 || limit->block > INT32_MAX || limit->block_max > INT32_MAX ||
	    limit->burst > INT32_MAX || limit->interval > INT32_MAX)
		return ml_error_set(error, -EINVAL, "limits are from 1 to 2^31-1");
	r = store_transact(store, STORE_WRITE, failure_add, &failure, error);
	if (!r)
		*ret_until = failure.until;
	return r;
}

static int failure_get(struct store *store, void *arg, struct ml_error *error)
{
	struct failure *failure = arg;
	struct store_cell cells[3];
	int r;

	r = failure_load(store, failure->who, cells, error);
	if (!r)
		failure->until = cells[2].number > failure->now ? cells[2].number : 0;
	return r;
}

int store_failure_get(struct store *store, const char *who, int64_t now, int64_t *ret_until,
		      struct ml_error *error)
{
	struct failure failure = { who, NULL, now, 0 };
	int r;

	r = store_transact(store, STORE_READ, failure_get, &failure, error);
	if (!r)
		*ret_until = failure.until;
	return r;
}

static int failure_clear(struct store *store, void *arg, struct ml_error *error)
{
	return store_do(store, STATEMENT_FAILURE_CLEAR, CELLS(cell_text(arg)), NULL, error);
}

int store_failure_clear(struct store *store, const char *who, struct ml_error *error)
{
	return store_transact(store, STORE_WRITE, failure_clear, (void *)who, error);
}

static int expire(struct store *store, void *arg, struct ml_error *error)
{
	struct store_cell now = cell_int(*(int64_t *)arg);
	struct store_cell then = cell_int(now.number - FAILURES_KEPT);
	int r;

	r = store_do(store, STATEMENT_SESSION_EXPIRE, &now, NULL, error);
	if (!r)
		r = store_do(store, STATEMENT_FAILURE_EXPIRE, CELLS(then, now), NULL, error);
	return r;
}

int store_expire(struct store *store, int64_t now, struct ml_error *error)
{
	return store_transact(store, STORE_WRITE, expire, &now, error);
}
