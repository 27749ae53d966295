// SPDX-License-Identifier: MIT
/*
 * Connections to PostgreSQL: what every one of them is set to, what it must be able to
 * promise, and those that only wait for others.
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_pg.h"

/*
 * ORDER: pg_temp is looked into first unless it is named. A statement has no time
 * limit, because one that ends while a standby is waited for has committed and looks
 * as if it had; who waits for a lock and who forgets a transaction have one.
 */
#define SESSION \
	"SET search_path = merlon, pg_catalog, pg_temp; " \
	"SET lock_timeout = '20s'; " \
	"SET statement_timeout = 0; " \
	"SET idle_in_transaction_session_timeout = '30s'; " \
	"SET default_transaction_isolation = 'read committed'; " \
	"SET client_min_messages = error; " \
	"SET bytea_output = 'hex'"

static int state_code(const char *state)
{
	static const struct { const char *state; int code; } codes[] = {
		{ "23505", -EEXIST },		/* unique_violation */
		{ "23503", -ENOENT },		/* foreign_key_violation */
		{ "23", -EINVAL },		/* the other constraints */
		{ "22", -EINVAL },		/* data */
		{ "40", -ECONNRESET },		/* to be tried again: deadlock and its like */
		{ "55P03", -EBUSY },		/* lock_not_available */
		{ "53100", -ENOSPC },		/* disk_full */
		{ "53200", -ENOMEM },
		{ "25006", -EROFS },		/* read only, as a standby is */
		{ "42501", -EPERM },
		{ "42P01", -EUCLEAN },		/* undefined_table */
		{ "42703", -EUCLEAN },		/* undefined_column */
		{ "XX001", -EUCLEAN },		/* data_corrupted */
		{ "XX002", -EUCLEAN },		/* index_corrupted */
		{ "08", -ECONNRESET },
		{ "57P", -ECONNRESET },		/* shutting down */
		{ "25P03", -ECONNRESET },	/* idle for too long */
	};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (!strncmp(state, codes[i].state, strlen(codes[i].state)))
			return codes[i].code;
	return -EIO;
}

/* Its first line alone: a detail holds the values of a row. */
int store_pg_error(PGconn *connection, const PGresult *result, const char *doing,
		   struct ml_error *error)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	int code = state ? state_code(state) : -EIO;

	if (!text)
		text = PQerrorMessage(connection);
	if (PQstatus(connection) != CONNECTION_OK)
		code = -ECONNRESET;
	return ml_error_set(error, code, "store: PostgreSQL cannot %s: %.*s (%s)", doing,
			    (int)strcspn(text, "\n"), text, state ? state : "no state");
}

int store_pg_ask(PGconn *connection, const char *sql, char *ret, size_t size,
		 struct ml_error *error)
{
	PGresult *result = PQexec(connection, sql);
	int r = 0;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		r = store_pg_error(connection, result, "answer", error);
	else if (PQntuples(result) != 1)
		r = ml_error_set(error, -EIO, "store: PostgreSQL gave %d answers, not one",
				 PQntuples(result));
	else
		snprintf(ret, size, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return r;
}

/* The library prints nothing. */
static void silent(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

int store_pg_session(PGconn *connection, struct ml_error *error)
{
	char encoding[32];
	PGresult *result;
	int r;

	if (PQstatus(connection) != CONNECTION_OK)
		return store_pg_error(connection, NULL, "be reached", error);
	PQsetNoticeReceiver(connection, silent, NULL);
	if (PQserverVersion(connection) < 130000)
		return ml_error_set(error, -ENOTSUP,
				    "store: PostgreSQL 13 or later is needed, this is %d",
				    PQserverVersion(connection) / 10000);
	r = store_pg_ask(connection, "SHOW server_encoding", encoding, sizeof(encoding), error);
	if (!r && strcmp(encoding, "UTF8") != 0)
		r = ml_error_set(error, -ENOTSUP,
				 "store: the database must be UTF8, this is %s: createdb -E UTF8",
				 encoding);
	if (r)
		return r;
	result = PQexec(connection, SESSION);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		r = store_pg_error(connection, result, "take its settings", error);
	PQclear(result);
	return r;
}

int store_pg_connect(const char *target, PGconn **ret, struct ml_error *error)
{
	static const char *const words[] = { "dbname", "client_encoding", "application_name",
					     "connect_timeout", "tcp_user_timeout",
					     "keepalives_idle", NULL };
	const char *const values[] = { target, "UTF8", "merlon-control", "10", "10000", "10",
				       NULL };
	PGconn *connection = PQconnectdbParams(words, values, 1);
	int r;

	if (!connection)
		return store_no_memory(error);
	r = store_pg_session(connection, error);
	if (r) {
		PQfinish(connection);
		return r;
	}
	*ret = connection;
	return 0;
}

/* ------------------------------------------------------------------ promises */

static int check_setting(PGconn *connection, const char *name, bool local_is_well,
			 struct ml_error *error)
{
	char sql[64], value[32];
	int r;

	snprintf(sql, sizeof(sql), "SHOW %s", name);
	r = store_pg_ask(connection, sql, value, sizeof(value), error);
	if (r)
		return r;
	if (!strcmp(value, "off") || (!local_is_well && !strcmp(value, "local")))
		return ml_error_set(error, -ENOTSUP,
				    "store: PostgreSQL runs with %s = %s: what it acknowledges could be lost; set it to on",
				    name, value);
	return 0;
}

/*
 * A backup that is being taken is no standby, and one that is `potential` stands behind
 * a synchronous one. Who may not see the state of a standby sees that there is one.
 */
static int check_standbys(PGconn *connection, bool *ret, struct ml_error *error)
{
	char count[32];
	int r;

	r = store_pg_ask(connection, "SELECT count(*) FROM pg_stat_replication "
			 "WHERE state IS NULL OR sync_state IS NULL", count, sizeof(count), error);
	if (!r && strcmp(count, "0") != 0)
		r = ml_error_set(error, -EPERM,
				 "store: PostgreSQL has standbys, and this role may not see whether they are synchronous: GRANT pg_monitor TO it");
	if (!r)
		r = store_pg_ask(connection, "SELECT count(*) FROM pg_stat_replication "
				 "WHERE state <> 'backup' AND sync_state = 'async'", count,
				 sizeof(count), error);
	if (!r && strcmp(count, "0") != 0)
		r = ml_error_set(error, -ENOTSUP,
				 "store: PostgreSQL has an asynchronous standby (%s of them): after a failover joins and revocations would be undone; name it in synchronous_standby_names, or stop it",
				 count);
	if (!r)
		r = store_pg_ask(connection, "SELECT count(*) + length(current_setting("
				 "'synchronous_standby_names')) FROM pg_stat_replication "
				 "WHERE state <> 'backup'", count, sizeof(count), error);
	if (!r)
		*ret = strcmp(count, "0") != 0;
	return r;
}

int store_pg_check(struct store *store, struct ml_error *error)
{
	PGconn *connection = pg_of(store)->connection;
	bool standbys = false;
	char standby[8];
	int r;

	r = store_pg_ask(connection, "SELECT pg_is_in_recovery()", standby, sizeof(standby),
			 error);
	if (!r && *standby == 't')
		r = ml_error_set(error, -EROFS,
				 "store: this PostgreSQL is a standby: connect to the primary (target_session_attrs=read-write)");
	if (!r)
		r = check_setting(connection, "fsync", true, error);
	if (!r)
		r = check_setting(connection, "full_page_writes", true, error);
	if (!r)
		r = check_standbys(connection, &standbys, error);
	if (!r)
		r = check_setting(connection, "synchronous_commit", !standbys, error);
	return r;
}

/* --------------------------------------------------------------------- watch */

struct pg_watch {
	struct store_watch watch;
	PGconn *connection;
};

static int watch_read(struct store_watch *watch, bool *ret, struct ml_error *error)
{
	struct pg_watch *self = (struct pg_watch *)watch;
	bool changed = false;
	PGnotify *notify;

	if (!PQconsumeInput(self->connection))
		return store_pg_error(self->connection, NULL, "be listened to", error);
	while ((notify = PQnotifies(self->connection)) != NULL) {
		changed = true;
		PQfreemem(notify);
	}
	*ret = changed;
	return 0;
}

static void watch_close(struct store_watch *watch)
{
	struct pg_watch *self = (struct pg_watch *)watch;

	PQfinish(self->connection);
	free(self);
}

int store_pg_watch(const char *target, struct store_watch **ret, struct ml_error *error)
{
	struct pg_watch *self = calloc(1, sizeof(*self));
	PGresult *result;
	int r;

	if (!self)
		return store_no_memory(error);
	r = store_pg_connect(target, &self->connection, error);
	if (r) {
		free(self);
		return r;
	}
	result = PQexec(self->connection, "LISTEN merlon");
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		r = store_pg_error(self->connection, result, "be listened to", error);
	PQclear(result);
	self->watch = (struct store_watch){ PQsocket(self->connection), watch_read,
					    watch_close };
	if (r) {
		watch_close(&self->watch);
		return r;
	}
	*ret = &self->watch;
	return 0;
}
