// SPDX-License-Identifier: MIT
/* The store in PostgreSQL, https://www.postgresql.org/docs/15/libpq.html */
#include "store.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_pg.h"

/* Of pg_type.dat: the server's headers are not libpq's. */
#define OID_BYTEA	17
#define OID_INT8	20
#define OID_INT4	23
#define OID_TEXT	25

/* "MERL" and what for: locks of the whole database. */
#define LOCK_SCHEMA_SQL	"SELECT pg_advisory_xact_lock(5567947000684478465)"
#define LOCK_OFFICE_SQL	"SELECT pg_try_advisory_lock(5567947000684478466)"

static int command(struct pg *pg, const char *sql, struct ml_error *error)
{
	PGresult *result = PQexec(pg->connection, sql);
	ExecStatusType status = PQresultStatus(result);
	int r = 0;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		r = store_pg_error(pg->connection, result, "run a command", error);
	PQclear(result);
	return r;
}

static int script(struct store *store, const char *sql, struct ml_error *error)
{
	return command(pg_of(store), sql, error);
}

/* -------------------------------------------------------------- statements */

static Oid oid_of(char type)
{
	return type == 'i' ? OID_INT8 : type == 't' ? OID_TEXT : OID_BYTEA;
}

static int prepare(struct pg *pg, enum store_statement_id id, struct ml_error *error)
{
	const struct store_statement *statement = &store_statements[id];
	Oid types[STORE_CELLS];
	PGresult *result;
	int count, r = 0;

	if (pg->prepared[id])
		return 0;
	for (count = 0; statement->parameters[count]; count++)
		types[count] = oid_of(statement->parameters[count]);
	result = PQprepare(pg->connection, statement->name, statement->sql, count, types);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		r = store_pg_error(pg->connection, result, statement->name, error);
	else
		pg->prepared[id] = true;
	PQclear(result);
	return r;
}

/* All in binary, numbers in network byte order. */
static int send(struct pg *pg, enum store_statement_id id,
		const struct store_cell *parameters)
{
	const struct store_statement *statement = &store_statements[id];
	int lengths[STORE_CELLS], formats[STORE_CELLS], i;
	const char *values[STORE_CELLS];
	uint64_t numbers[STORE_CELLS];

	for (i = 0; statement->parameters[i]; i++) {
		const struct store_cell *cell = &parameters[i];

		numbers[i] = htobe64(cell->number);
		formats[i] = 1;
		lengths[i] = cell->type == 'i' ? 8 : (int)cell->bytes.length;
		values[i] = cell->type == 'i' ? (const char *)&numbers[i] :
			    !cell->type ? NULL :
			    cell->bytes.data ? (const char *)cell->bytes.data : "";
	}
	return PQsendQueryPrepared(pg->connection, statement->name, i, values, lengths,
				   formats, 1) && PQsetSingleRowMode(pg->connection);
}

static int64_t number_of(const char *value, Oid type)
{
	uint64_t large;
	uint32_t small;

	if (type == OID_INT4) {
		memcpy(&small, value, sizeof(small));
		return (int32_t)be32toh(small);
	}
	memcpy(&large, value, sizeof(large));
	return (int64_t)be64toh(large);
}

/* Behind each value libpq puts a NUL. */
static int fetch(const PGresult *result, int row, const char *columns,
		 struct store_cell *cells)
{
	int i;

	for (i = 0; columns[i]; i++) {
		const char *value = PQgetvalue(result, row, i);
		Oid type = PQftype(result, i);

		cells[i] = (struct store_cell){ .type = columns[i] };
		if (columns[i] == 'i' ? type != OID_INT8 && type != OID_INT4 :
		    type != oid_of(columns[i]))
			return -EUCLEAN;
		if (PQgetisnull(result, row, i))
			cells[i].type = 0;
		else if (columns[i] == 'i')
			cells[i].number = number_of(value, type);
		else
			cells[i].bytes = (struct ml_bytes){
				(const uint8_t *)value, PQgetlength(result, row, i) };
	}
	return 0;
}

static int take(struct pg *pg, const PGresult *result, enum store_statement_id id,
		store_row_fn row, void *arg, struct ml_error *error)
{
	const struct store_statement *statement = &store_statements[id];
	struct store_cell cells[STORE_CELLS];
	ExecStatusType status = PQresultStatus(result);
	int i, r = 0;

	if (status == PGRES_COMMAND_OK)
		return 0;
	if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK)
		return store_pg_error(pg->connection, result, statement->name, error);
	for (i = 0; !r && i < PQntuples(result); i++) {
		r = fetch(result, i, statement->columns, cells);
		if (r)
			return ml_error_set(error, r,
					    "store: PostgreSQL has columns of other types than the schema: restore a backup");
		if (row)
			r = row(arg, cells);
	}
	return r;
}

static int run(struct store *store, enum store_statement_id id,
	       const struct store_cell *parameters, store_row_fn row, void *arg,
	       struct ml_error *error)
{
	struct pg *pg = pg_of(store);
	PGresult *result;
	int r, taken;

	r = prepare(pg, id, error);
	if (r)
		return r;
	if (!send(pg, id, parameters))
		r = store_pg_error(pg->connection, NULL, store_statements[id].name, error);
	/* To the end, whatever happened: the connection is of use again only then. */
	while ((result = PQgetResult(pg->connection)) != NULL) {
		taken = r ? 0 : take(pg, result, id, row, arg, error);
		if (taken)
			r = taken;
		PQclear(result);
	}
	return r;
}

/* ------------------------------------------------------------ transactions */

static int reconnect(struct pg *pg, struct ml_error *error)
{
	int r;

	if (PQstatus(pg->connection) == CONNECTION_OK)
		return 0;
	pg->office = false;
	memset(pg->prepared, 0, sizeof(pg->prepared));
	PQreset(pg->connection);
	r = store_pg_session(pg->connection, error);
	if (!r)
		r = store_pg_check(&pg->store, error);
	/* Nobody there: to try again at once would only hold the caller up. */
	return r == -ECONNRESET ? -EHOSTDOWN : r;
}

static int begin(struct store *store, enum store_mode mode, struct ml_error *error)
{
	static const char *const sql[] = {
		[STORE_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		[STORE_WRITE] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
				"SELECT id FROM network WHERE id = 1 FOR UPDATE",
		[STORE_SCHEMA] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
				 LOCK_SCHEMA_SQL,
	};
	struct pg *pg = pg_of(store);
	int r;

	r = reconnect(pg, error);
	if (r)
		return r;
	r = command(pg, sql[mode], error);
	if (r)
		store->driver->rollback(store);
	return r;
}

static void rollback(struct store *store)
{
	struct pg *pg = pg_of(store);

	/* Where that fails, so does the connection, and the server does the same. */
	PQclear(PQexec(pg->connection, "ROLLBACK"));
}

/* COMMIT of a transaction that had failed answers ROLLBACK, as a success. */
static int commit(struct store *store, bool wake, struct ml_error *error)
{
	struct pg *pg = pg_of(store);
	PGresult *result;
	int r = 0;

	if (wake)
		r = command(pg, "NOTIFY merlon", error);
	if (r) {
		rollback(store);
		return r;
	}
	result = PQexec(pg->connection, "COMMIT");
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		r = store_pg_error(pg->connection, result, "commit", error);
	else if (strcmp(PQcmdStatus(result), "COMMIT") != 0)
		r = ml_error_set(error, -EIO, "store: PostgreSQL rolled back: try again");
	PQclear(result);
	if (r == -ECONNRESET && PQstatus(pg->connection) != CONNECTION_OK)
		return ml_error_set(error, -ECONNABORTED,
				    "store: PostgreSQL went away while it committed: nobody knows whether that happened; repeat it");
	return r;
}

/* ----------------------------------------------------------- open and close */

static int version(struct store *store, int *ret, struct ml_error *error)
{
	char there[8];
	int64_t found = 0;
	int r;

	r = store_pg_ask(pg_of(store)->connection,
			 "SELECT to_regclass('merlon.schema_version') IS NOT NULL", there,
			 sizeof(there), error);
	if (!r && *there == 't')
		r = store_number(store, STATEMENT_VERSION_GET, NULL, &found, error);
	if (r == -ENOENT)
		r = ml_error_set(error, -EUCLEAN,
				 "store: the schema has no version; restore a backup");
	if (!r)
		*ret = (int)found;
	return r;
}

/* The table says it all. */
static int note_version(struct store *store, int number, struct ml_error *error)
{
	(void)store;
	(void)number;
	(void)error;
	return 0;
}

static void pg_close(struct store *store)
{
	struct pg *pg = pg_of(store);

	/* The server may notice only later that the connection is gone. */
	if (pg->office)
		PQclear(PQexec(pg->connection, "SELECT pg_advisory_unlock_all()"));
	PQfinish(pg->connection);
	free(pg);
}

static int pg_open(const char *target, bool create, struct store **ret,
		   struct ml_error *error)
{
	struct pg *pg = calloc(1, sizeof(*pg));
	int r;

	if (!pg)
		return store_no_memory(error);
	pg->store.driver = &store_pg_driver;
	r = store_pg_connect(target, &pg->connection, error);
	if (!r && create)
		r = command(pg, "CREATE SCHEMA IF NOT EXISTS merlon", error);
	if (r) {
		pg_close(&pg->store);
		return r;
	}
	*ret = &pg->store;
	return 0;
}

/* Held by the session: with the connection it is gone. */
static int take_office(struct store *store, struct ml_error *error)
{
	struct pg *pg = pg_of(store);
	char taken[8];
	int r;

	r = reconnect(pg, error);
	if (r || pg->office)
		return r;
	r = store_pg_ask(pg->connection, LOCK_OFFICE_SQL, taken, sizeof(taken), error);
	if (!r && *taken != 't')
		r = ml_error_set(error, -EALREADY,
				 "store: another process puts the audit log into tiles");
	if (!r)
		pg->office = true;
	return r;
}

const struct store_driver store_pg_driver = {
	.open = pg_open,
	.close = pg_close,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.run = run,
	.script = script,
	.version = version,
	.note_version = note_version,
	.check = store_pg_check,
	.take_office = take_office,
	.schema = store_schema_postgres,
};
