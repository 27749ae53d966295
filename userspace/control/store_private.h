/* SPDX-License-Identifier: MIT */
/*
 * What the files of the store share. store_sqlite.c and store_pg.c are drivers, and
 * alone know a database; the rest is written once, over their one way to run a
 * statement.
 *
 * Writers are serial in both. SQLite has BEGIN IMMEDIATE. In PostgreSQL the first thing
 * that a writing transaction does is to lock the row of `network`; it runs at READ
 * COMMITTED, so each of its statements sees what the writers before it did. (SERIALIZABLE
 * was the other way. Each audited change takes the next place in the log, so any two
 * would conflict, and a thousand joins at once would be mostly retries; and waiting for
 * a row gives both databases the same behaviour.) Readers never wait: one statement, or
 * REPEATABLE READ READ ONLY, is one snapshot.
 */
#ifndef MERLON_CONTROL_STORE_PRIVATE_H
#define MERLON_CONTROL_STORE_PRIVATE_H

#include "store.h"

enum store_statement_id {
#define STATEMENT(name, parameters, columns, sql) STATEMENT_##name,
#include "store_statements.h"
#undef STATEMENT
	STATEMENTS
};

struct store_statement {
	const char *name, *parameters, *columns, *sql;
};

extern const struct store_statement store_statements[STATEMENTS];

#define STORE_CELLS 16	/* columns or parameters, at most */

struct store_cell {
	char type;		/* 'i', 't', 'b'; 0: NULL */
	int64_t number;
	struct ml_bytes bytes;	/* of a text too; read from a store, a NUL is behind it */
};

static inline struct store_cell cell_int(int64_t number)
{
	return (struct store_cell){ .type = 'i', .number = number };
}

static inline struct store_cell cell_blob(const void *data, size_t length)
{
	return (struct store_cell){ .type = 'b', .bytes = { data, length } };
}

static inline struct store_cell cell_bytes(struct ml_bytes bytes)
{
	return cell_blob(bytes.data, bytes.length);
}

/* NULL becomes a text without data, which no statement takes. */
struct store_cell cell_text(const char *text);

static inline struct store_cell cell_null(void)
{
	return (struct store_cell){ 0 };
}

#define CELLS(...) ((const struct store_cell[]){ __VA_ARGS__ })

/* Not 0 ends the statement, and is its result. */
typedef int (*store_row_fn)(void *arg, const struct store_cell *cells);

enum store_mode {
	STORE_READ,	/* one snapshot */
	STORE_WRITE,	/* alone */
	STORE_SCHEMA,	/* alone, and there may be no tables yet */
};

struct store_driver {
	/* @create: the SQLite file may be missing */
	int (*open)(const char *target, bool create, struct store **ret,
		    struct ml_error *error);
	void (*close)(struct store *store);
	int (*begin)(struct store *store, enum store_mode mode, struct ml_error *error);
	/* Where it fails, nothing is open any more. @wake: other processes */
	int (*commit)(struct store *store, bool wake, struct ml_error *error);
	void (*rollback)(struct store *store);
	int (*run)(struct store *store, enum store_statement_id id,
		   const struct store_cell *parameters, store_row_fn row, void *arg,
		   struct ml_error *error);
	/* Statements of our own without values. */
	int (*script)(struct store *store, const char *sql, struct ml_error *error);
	/* 0: there are no tables. -EMEDIUMTYPE: there are, and not ours */
	int (*version)(struct store *store, int *ret, struct ml_error *error);
	/* Besides the table. */
	int (*note_version)(struct store *store, int version, struct ml_error *error);
	int (*check)(struct store *store, struct ml_error *error);
	int (*take_office)(struct store *store, struct ml_error *error);
	const char *schema;
};

struct store {
	const struct store_driver *driver;
	char network[ML_NAME_MAX + 1];
	bool broken;	/* may have forgotten: no more */
	bool wake;	/* the transaction is of interest to other processes */
};

extern const struct store_driver store_sqlite_driver, store_pg_driver;
/* schema/NAME.sql, as it is in the tree */
extern const char store_schema_sqlite[], store_schema_postgres[];

struct store_watch {
	int fd;
	int (*read)(struct store_watch *watch, bool *ret, struct ml_error *error);
	void (*close)(struct store_watch *watch);
};

/* Whoever watches the database at @path: it has changed. */
void store_sqlite_wake(const char *path);
int store_pg_watch(const char *target, struct store_watch **ret, struct ml_error *error);

/* ---- store_common.c */

int store_no_memory(struct ml_error *error);
/* For store_free(). NULL: no memory */
void *store_alloc(size_t size);
const struct store_driver *store_driver_of(const struct store_config *config);

typedef int (*store_fn)(struct store *store, void *arg, struct ml_error *error);

/**
 * store_transact - all of @fn, or nothing of it
 *
 * Tried again where the database lost the connection before it was asked to commit, so
 * @fn must be fit to run more than once.
 */
int store_transact(struct store *store, enum store_mode mode, store_fn fn, void *arg,
		   struct ml_error *error);

/* Runs a statement of the table; each cell must be of the type that the table says. */
int store_run(struct store *store, enum store_statement_id id,
	      const struct store_cell *parameters, store_row_fn row, void *arg,
	      struct ml_error *error);
/* @ret_rows: how many came back; may be NULL */
int store_do(struct store *store, enum store_statement_id id,
	     const struct store_cell *parameters, uint64_t *ret_rows, struct ml_error *error);

/* A row of its own: the cells point into @memory. */
struct store_row {
	struct store_cell cells[STORE_CELLS];
	void *memory;
};

/* The first row. -ENOENT, without a sentence, where there is none. */
int store_one(struct store *store, enum store_statement_id id,
	      const struct store_cell *parameters, struct store_row *ret,
	      struct ml_error *error);
/* The same, of one number. */
int store_number(struct store *store, enum store_statement_id id,
		 const struct store_cell *parameters, int64_t *ret, struct ml_error *error);
/* One row in a transaction of its own. */
int store_lookup(struct store *store, enum store_statement_id id,
		 const struct store_cell *parameters, struct store_row *ret,
		 struct ml_error *error);
/* A whole table in a transaction of its own. */
int store_each(struct store *store, enum store_statement_id id,
	       const struct store_cell *parameters, store_row_fn row, void *arg,
	       struct ml_error *error);

/* 32 bytes of a cell. -EUCLEAN */
int store_cell_key(const struct store_cell *cell, uint8_t ret[static 32],
		   struct ml_error *error);
/* The place of a word in a list; -EUCLEAN */
int store_cell_word(const struct store_cell *cell, const char *const *words, int count,
		    int *ret, struct ml_error *error);
const char *store_cell_text(const struct store_cell *cell);
bool store_utf8(struct ml_bytes text);

/* Inside a writing transaction, after which other processes are woken. */
int store_leaf_add(struct store *store, struct ml_bytes leaf, uint64_t *ret_index,
		   struct ml_error *error);
/* Is it of a fit size? Before a transaction begins. */
int store_leaf_check(struct ml_bytes leaf, struct ml_error *error);

/* ---- store_admin.c */

extern const char *const store_roles[STORE_ROLES];

/* ---- store_schema.c */

/* From what is there to @to; inside a transaction of STORE_SCHEMA. */
int store_schema_walk(struct store *store, int from, int to, struct ml_error *error);
/* Makes an empty store of STORE_VERSION, and lets @fill put the rows in. */
int store_make(const struct store_config *config, store_fn fill, void *arg,
	       struct ml_error *error);

/* ---- store_backup.c: pairs of statements, one for each table of a backup */

struct store_table {
	const char *name;
	enum store_statement_id dump, load;
};

#define STORE_TABLES 12
extern const struct store_table store_tables[STORE_TABLES];

#endif
