/* SPDX-License-Identifier: MIT */
/* What the files for PostgreSQL share. */
#ifndef MERLON_CONTROL_STORE_PG_H
#define MERLON_CONTROL_STORE_PG_H

#include <libpq-fe.h>

#include "store_private.h"

struct pg {
	struct store store;
	PGconn *connection;
	bool prepared[STATEMENTS];
	bool office;	/* has the lock of the sequencer; gone with the connection */
};

static inline struct pg *pg_of(struct store *store)
{
	return (struct pg *)store;
}

/* With the settings of a session of ours. -ECONNRESET: nobody answers */
int store_pg_connect(const char *target, PGconn **ret, struct ml_error *error);
/* The settings, on a connection that was just made. */
int store_pg_session(PGconn *connection, struct ml_error *error);
/* From a result that failed, or NULL for what the connection says. */
int store_pg_error(PGconn *connection, const PGresult *result, const char *doing,
		   struct ml_error *error);
/* One row of one column, as text, "" for NULL; @size bytes with NUL. */
int store_pg_ask(PGconn *connection, const char *sql, char *ret, size_t size,
		 struct ml_error *error);
int store_pg_check(struct store *store, struct ml_error *error);

#endif
