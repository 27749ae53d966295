// SPDX-License-Identifier: MIT
/* The store in SQLite, https://www.sqlite.org/c3ref/intro.html */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "file.h"
#include "store_private.h"

#define APPLICATION	0x4d45524c	/* "MERL": application_id */

struct sqlite {
	struct store store;
	sqlite3 *db;
	sqlite3_stmt *prepared[STATEMENTS];
	char *path;
	int office;		/* lock of the sequencer, or -1 */
	int64_t waits_until;	/* CLOCK_MONOTONIC, milliseconds; 0: not waiting */
};

static struct sqlite *sqlite_of(struct store *store)
{
	return (struct sqlite *)store;
}

/* ------------------------------------------------------------------ errors */

static int constraint_code(int extended)
{
	switch (extended) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return -EEXIST;
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return -ENOENT;
	default:
		return -EINVAL;
	}
}

static int sqlite_code(int extended)
{
	switch (extended & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_CONSTRAINT:
		return constraint_code(extended);
	default:
		return -EIO;
	}
}

/*
 * A sync that failed once may succeed the next time without having written
 * anything, so nothing that follows it can be trusted.
 */
static int sqlite_error(struct sqlite *sqlite, const char *doing, struct ml_error *error)
{
	int extended = sqlite3_extended_errcode(sqlite->db);

	if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC)
		sqlite->store.broken = true;
	return ml_error_set(error, sqlite_code(extended), "store %s: cannot %s: %s (%d)",
			    sqlite->path, doing, sqlite3_errmsg(sqlite->db), extended);
}

/* ----------------------------------------------------------------- waiting */

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Short and uneven: SQLite's own handler sleeps longer the longer one waits. */
static int busy(void *arg, int count)
{
	struct sqlite *sqlite = arg;
	struct timespec pause = { 0 };
	uint16_t uneven = 0;

	if (!count)
		sqlite->waits_until = milliseconds() + STORE_WAIT * 1000;
	if (milliseconds() >= sqlite->waits_until)
		return 0;
	if (getrandom(&uneven, sizeof(uneven), GRND_NONBLOCK) < 0)
		uneven = 0;
	pause.tv_nsec = 500000 + uneven * 50L;
	nanosleep(&pause, NULL);
	return 1;
}

/* -------------------------------------------------------------- statements */

static int script(struct store *store, const char *sql, struct ml_error *error)
{
	struct sqlite *sqlite = sqlite_of(store);

	if (sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return sqlite_error(sqlite, "run a statement", error);
}

static int prepare(struct sqlite *sqlite, enum store_statement_id id, struct ml_error *error)
{
	if (sqlite->prepared[id])
		return 0;
	if (sqlite3_prepare_v3(sqlite->db, store_statements[id].sql, -1,
			       SQLITE_PREPARE_PERSISTENT, &sqlite->prepared[id],
			       NULL) == SQLITE_OK)
		return 0;
	return sqlite_error(sqlite, store_statements[id].name, error);
}

static int bind(sqlite3_stmt *statement, int place, const struct store_cell *cell)
{
	switch (cell->type) {
	case 'i':
		return sqlite3_bind_int64(statement, place, cell->number);
	case 't':
		return sqlite3_bind_text64(statement, place, (const char *)cell->bytes.data,
					   cell->bytes.length, SQLITE_STATIC, SQLITE_UTF8);
	case 'b':
		/* No data would be NULL, which is not the same as no bytes. */
		return sqlite3_bind_blob64(statement, place,
					   cell->bytes.data ? (void *)cell->bytes.data : "",
					   cell->bytes.length, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(statement, place);
	}
}

/* False: SQLite has no memory for a text. (A blob of no bytes has no data either.) */
static bool fetch(sqlite3_stmt *statement, int column, char type, struct store_cell *cell)
{
	*cell = (struct store_cell){ .type = type };
	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		cell->type = 0;
	else if (type == 'i')
		cell->number = sqlite3_column_int64(statement, column);
	else if (type == 't')
		cell->bytes.data = sqlite3_column_text(statement, column);
	else
		cell->bytes.data = sqlite3_column_blob(statement, column);
	if (cell->type && type != 'i')
		cell->bytes.length = sqlite3_column_bytes(statement, column);
	return cell->type != 't' || cell->bytes.data;
}

static int step(struct sqlite *sqlite, enum store_statement_id id, store_row_fn row,
		void *arg, struct ml_error *error)
{
	const char *columns = store_statements[id].columns;
	sqlite3_stmt *statement = sqlite->prepared[id];
	struct store_cell cells[STORE_CELLS];
	int i, code, r = 0;

	while (!r && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		for (i = 0; !r && columns[i]; i++)
			if (!fetch(statement, i, columns[i], &cells[i]))
				r = store_no_memory(error);
		if (!r && row)
			r = row(arg, cells);
	}
	if (!r && code != SQLITE_DONE)
		r = sqlite_error(sqlite, store_statements[id].name, error);
	return r;
}

static int run(struct store *store, enum store_statement_id id,
	       const struct store_cell *parameters, store_row_fn row, void *arg,
	       struct ml_error *error)
{
	const char *types = store_statements[id].parameters;
	struct sqlite *sqlite = sqlite_of(store);
	int i, r;

	r = prepare(sqlite, id, error);
	if (r)
		return r;
	for (i = 0; types[i]; i++)
		if (bind(sqlite->prepared[id], i + 1, &parameters[i]) != SQLITE_OK)
			r = sqlite_error(sqlite, store_statements[id].name, error);
	if (!r)
		r = step(sqlite, id, row, arg, error);
	sqlite3_reset(sqlite->prepared[id]);
	sqlite3_clear_bindings(sqlite->prepared[id]);
	return r;
}

/* ------------------------------------------------------------ transactions */

static int begin(struct store *store, enum store_mode mode, struct ml_error *error)
{
	return script(store, mode == STORE_READ ? "BEGIN" : "BEGIN IMMEDIATE", error);
}

static void rollback(struct store *store)
{
	struct sqlite *sqlite = sqlite_of(store);

	/* A full disk has ended it already. */
	if (!sqlite3_get_autocommit(sqlite->db) &&
	    sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		store->broken = true;
}

static int commit(struct store *store, bool wake, struct ml_error *error)
{
	int r;

	r = script(store, "COMMIT", error);
	if (r)
		rollback(store);
	else if (wake)
		store_sqlite_wake(sqlite_of(store)->path);
	return r;
}

/* ----------------------------------------------------------------- version */

static int first_number(void *arg, int count, char **values, char **names)
{
	(void)names;
	if (count < 1 || !values[0])
		return 1;
	*(long *)arg = strtol(values[0], NULL, 10);
	return 0;
}

static int pragma(struct sqlite *sqlite, const char *sql, long *ret, struct ml_error *error)
{
	*ret = -1;
	if (sqlite3_exec(sqlite->db, sql, first_number, ret, NULL) == SQLITE_OK)
		return 0;
	return sqlite_error(sqlite, "read", error);
}

static int version(struct store *store, int *ret, struct ml_error *error)
{
	struct sqlite *sqlite = sqlite_of(store);
	long application = 0, found = 0, tables = 0;
	int r;

	r = pragma(sqlite, "PRAGMA application_id", &application, error);
	if (!r)
		r = pragma(sqlite, "PRAGMA user_version", &found, error);
	if (!r)
		r = pragma(sqlite, "SELECT count(*) FROM sqlite_schema", &tables, error);
	if (r)
		return r;
	if (application != APPLICATION && (application || found || tables))
		return ml_error_set(error, -EMEDIUMTYPE,
				    "store %s: this is a database of something else",
				    sqlite->path);
	*ret = (int)found;
	return 0;
}

static int note_version(struct store *store, int number, struct ml_error *error)
{
	char sql[96];

	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 APPLICATION, number);
	return script(store, sql, error);
}

/* -------------------------------------------------------------------- open */

/* What a database file says is data, never a program. */
static int configure(struct sqlite *sqlite, struct ml_error *error)
{
	static const struct { int option, value; } options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
	};
	size_t i;
	int value;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (sqlite3_db_config(sqlite->db, options[i].option, options[i].value,
				      &value) != SQLITE_OK || value != options[i].value)
			return ml_error_set(error, -ENOTSUP,
					    "store: this SQLite (%s) lacks option %d",
					    sqlite3_libversion(), options[i].option);
	sqlite3_extended_result_codes(sqlite->db, 1);
	sqlite3_busy_handler(sqlite->db, busy, sqlite);
	return script(&sqlite->store,
		      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
		      "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON; "
		      "PRAGMA journal_size_limit = 16777216", error);
}

/* That the settings took: 2 is FULL. */
static int check(struct store *store, struct ml_error *error)
{
	struct sqlite *sqlite = sqlite_of(store);
	long synchronous = -1, keys = -1, wal = -1;
	int r;

	r = pragma(sqlite, "PRAGMA synchronous", &synchronous, error);
	if (!r)
		r = pragma(sqlite, "PRAGMA foreign_keys", &keys, error);
	if (!r)
		r = pragma(sqlite, "SELECT journal_mode = 'wal' FROM pragma_journal_mode",
			   &wal, error);
	if (!r && (synchronous != 2 || keys != 1 || wal != 1))
		r = ml_error_set(error, -ENOTSUP,
				 "store %s: SQLite would not take its settings (is it on a network file system?)",
				 sqlite->path);
	return r;
}

/* Made here, so that it never has another mode. */
static int make_file(const char *path, struct ml_error *error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	else if (errno != EEXIST)
		return ml_error_set(error, -errno, "store %s: cannot make it: %s", path,
				    strerror(errno));
	return 0;
}

/*
 * By O_PATH: a process that closes a real descriptor of a file loses every POSIX lock
 * that it has there, and with them SQLite's, whose log then goes under its feet.
 */
static int check_file(const char *path, struct ml_error *error)
{
	int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;
	int r = 0;

	if (fd < 0)
		return ml_error_set(error, -errno, "store %s: %s%s", path, strerror(errno),
				    errno == ENOENT ? ": merlon-control init makes one" : "");
	if (!fstat(fd, &status) && S_ISLNK(status.st_mode))
		r = ml_error_set(error, -ELOOP, "store %s: a symbolic link: name the file itself",
				 path);
	if (!r)
		r = ml_file_check_private(fd, path, error);
	close(fd);
	return r;
}

static void sqlite_close(struct store *store)
{
	struct sqlite *sqlite = sqlite_of(store);
	size_t i;

	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(sqlite->prepared[i]);
	sqlite3_close(sqlite->db);
	if (sqlite->office >= 0)
		close(sqlite->office);
	free(sqlite->path);
	free(sqlite);
}

static int connect_to(struct sqlite *sqlite, struct ml_error *error)
{
	if (sqlite3_open_v2(sqlite->path, &sqlite->db, SQLITE_OPEN_READWRITE |
			    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
			    SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
		return ml_error_set(error, -EIO, "store %s: cannot open it: %s", sqlite->path,
				    sqlite->db ? sqlite3_errmsg(sqlite->db) : "no memory");
	return configure(sqlite, error);
}

static int sqlite_open(const char *path, bool create, struct store **ret,
		       struct ml_error *error)
{
	struct sqlite *sqlite;
	int r;

	r = create ? make_file(path, error) : 0;
	if (!r)
		r = check_file(path, error);
	if (r)
		return r;
	sqlite = calloc(1, sizeof(*sqlite));
	if (!sqlite)
		return store_no_memory(error);
	sqlite->store.driver = &store_sqlite_driver;
	sqlite->office = -1;
	/* SQLite opens no symbolic link, on all of the way. */
	sqlite->path = realpath(path, NULL);
	r = sqlite->path ? connect_to(sqlite, error) : store_no_memory(error);
	if (r) {
		sqlite_close(&sqlite->store);
		return r;
	}
	*ret = &sqlite->store;
	return 0;
}

/* --------------------------------------------------------------- sequencer */

static int take_office(struct store *store, struct ml_error *error)
{
	struct sqlite *sqlite = sqlite_of(store);
	char path[4096];
	int fd;

	if (sqlite->office >= 0)
		return 0;
	snprintf(path, sizeof(path), "%s-sequencer", sqlite->path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ml_error_set(error, -errno, "store: cannot open %s: %s", path,
				    strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return ml_error_set(error, -EALREADY,
				    "store: another process puts the audit log into tiles");
	}
	sqlite->office = fd;
	return 0;
}

const struct store_driver store_sqlite_driver = {
	.open = sqlite_open,
	.close = sqlite_close,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.run = run,
	.script = script,
	.version = version,
	.note_version = note_version,
	.check = check,
	.take_office = take_office,
	.schema = store_schema_sqlite,
};
