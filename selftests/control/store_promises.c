// SPDX-License-Identifier: MIT
/* The statements, the schemas, who is woken, who is in office, and what a server is worth. */
#include "store_test.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>
#include <sqlite3.h>

/* --------------------------------------------------------------- statements */

/* $1, $2, … as they are first used: SQLite would number them otherwise. */
static void test_parameter_order(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < STATEMENTS; i++) {
		const char *at = store_statements[i].sql;
		long next = 1, number;

		while ((at = strchr(at, '$')) != NULL) {
			number = strtol(at + 1, (char **)&at, 10);
			if (number < 1 || number > next)
				fail_msg("%s: $%ld", store_statements[i].name, number);
			next += number == next;
		}
		assert_int_equal(next - 1, strlen(store_statements[i].parameters));
		assert_true(strlen(store_statements[i].parameters) <= STORE_CELLS);
		assert_true(strlen(store_statements[i].columns) <= STORE_CELLS);
	}
}

static void describe_sqlite(const struct place *place, const struct store_statement *statement)
{
	sqlite3_stmt *prepared;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(place->target, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, statement->sql, -1, &prepared, NULL) != SQLITE_OK)
		fail_msg("%s: %s", statement->name, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_bind_parameter_count(prepared), strlen(statement->parameters));
	assert_int_equal(sqlite3_column_count(prepared), strlen(statement->columns));
	sqlite3_finalize(prepared);
	sqlite3_close(db);
}

static void describe_pg(PGconn *connection, const struct store_statement *statement)
{
	static const struct { char letter; Oid oid; } types[] = {
		{ 'i', 20 }, { 'i', 23 }, { 't', 25 }, { 'b', 17 },
	};
	PGresult *result = PQprepare(connection, statement->name, statement->sql, 0, NULL);
	size_t i, k;

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", statement->name, PQerrorMessage(connection));
	PQclear(result);
	result = PQdescribePrepared(connection, statement->name);
	assert_int_equal(PQnparams(result), strlen(statement->parameters));
	assert_int_equal(PQnfields(result), strlen(statement->columns));
	for (i = 0; statement->columns[i]; i++) {
		for (k = 0; k < COUNT(types); k++)
			if (types[k].letter == statement->columns[i] &&
			    types[k].oid == PQftype(result, i))
				break;
		if (k == COUNT(types))
			fail_msg("%s: column %zu", statement->name, i);
	}
	PQclear(result);
}

/* Each is what the table says it is, to the database itself. */
static void test_statements(void **state)
{
	PGconn *connection;
	struct place place;
	size_t i;

	(void)state;
	store_make_new(&place);
	if (test_kind == STORE_SQLITE) {
		for (i = 0; i < STATEMENTS; i++)
			describe_sqlite(&place, &store_statements[i]);
		return;
	}
	connection = PQconnectdb(place.target);
	PQclear(PQexec(connection, "SET search_path = merlon"));
	for (i = 0; i < STATEMENTS; i++)
		describe_pg(connection, &store_statements[i]);
	PQfinish(connection);
	print_message("# %d statements\n", STATEMENTS);
}

/* ------------------------------------------------------------------ schemas */

/* @line as PostgreSQL has it. */
static void translate(const char *line, size_t length, char *ret, size_t size)
{
	static const struct { const char *from, *to; } words[] = {
		{ "INTEGER", "BIGINT" }, { "TEXT", "TEXT COLLATE \"C\"" }, { "BLOB", "BYTEA" },
		{ ") STRICT;", ");" },
	};
	const char *end = line + length;
	size_t i, used = 0;

	while (line < end && used + 32 < size) {
		for (i = 0; i < COUNT(words); i++)
			if (!strncmp(line, words[i].from, strlen(words[i].from)))
				break;
		if (i == COUNT(words)) {
			ret[used++] = *line++;
			continue;
		}
		used += snprintf(ret + used, size - used, "%s", words[i].to);
		line += strlen(words[i].from);
	}
	ret[used] = 0;
}

static void test_schemas_agree(void **state)
{
	const char *one = strstr(store_schema_sqlite, "\n-- up 1\n");
	const char *two = strstr(store_schema_postgres, "\n-- up 1\n");
	unsigned int lines = 0;
	char want[256];

	(void)state;
	assert_non_null(one);
	assert_non_null(two);
	while (*one && *two) {
		one++;
		two++;
		translate(one, strcspn(one, "\n"), want, sizeof(want));
		if (strlen(want) != strcspn(two, "\n") || strncmp(want, two, strlen(want)) != 0)
			fail_msg("'%s' in SQLite is '%.*s' in PostgreSQL", want,
				 (int)strcspn(two, "\n"), two);
		one += strcspn(one, "\n");
		two += strcspn(two, "\n");
		lines++;
	}
	assert_true(!*one && !*two);
	assert_true(lines > 100);
}

/* -------------------------------------------------------------------- watch */

static bool woken(struct store_watch *watch, int milliseconds)
{
	struct pollfd wait = { .fd = store_watch_fd(watch), .events = POLLIN };
	bool changed = false;

	if (poll(&wait, 1, milliseconds) == 1)
		WORKS(store_watch_read(watch, &changed, &error));
	return changed;
}

static void test_watch(void **state)
{
	struct store_watch *watch;
	struct place place;
	struct store *store;
	int64_t until;
	double start;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	WORKS(store_watch_open(&place.config, &watch, &error));
	assert_false(woken(watch, 0));
	WORKS(store_failure_add(store, "x", &(struct store_limit){ 1, 1, 1, 1 }, NOW, &until,
				&error));
	assert_false(woken(watch, 0));
	start = seconds_now();
	WORKS(store_audit_append(store, leaf_of("x"), NULL, &error));
	assert_true(woken(watch, 5000));
	print_message("# woken in %.1f ms\n", (seconds_now() - start) * 1000);
	assert_false(woken(watch, 0));
	store_watch_close(watch);
	store_close(store);
}

/* ---------------------------------------------------------------- sequencer */

static void test_sequencer(void **state)
{
	uint64_t term, later, sequenced;
	struct store *one, *two;
	struct place place;
	int i;

	(void)state;
	store_make_new(&place);
	one = store_open_at(&place);
	two = store_open_at(&place);
	for (i = 0; i < 5; i++)
		WORKS(store_audit_append(one, leaf_of("%d", i), NULL, &error));
	WORKS(store_sequencer_take(one, &term, &sequenced, &error));
	assert_int_equal(sequenced, 0);
	REFUSED(-EALREADY, store_sequencer_take(two, &later, &sequenced, &error));
	WORKS(store_sequencer_advance(one, term, 3, &error));
	REFUSED(-ESTALE, store_sequencer_advance(one, term, 2, &error));
	REFUSED(-ESTALE, store_sequencer_advance(one, term, 6, &error));
	store_close(one);
	WORKS(store_sequencer_take(two, &later, &sequenced, &error));
	assert_int_equal(sequenced, 3);
	assert_true(later > term);
	/* Who was in office before, and has not heard of it. */
	one = store_open_at(&place);
	REFUSED(-ESTALE, store_sequencer_advance(one, term, 4, &error));
	WORKS(store_sequencer_advance(two, later, 5, &error));
	store_close(one);
	store_close(two);
}

const struct CMUnitTest promise_tests[] = {
	cmocka_unit_test(test_parameter_order),
	cmocka_unit_test(test_statements),
	cmocka_unit_test(test_schemas_agree),
	cmocka_unit_test(test_watch),
	cmocka_unit_test(test_sequencer),
};
const size_t promise_tests_count = COUNT(promise_tests);

/* ------------------------------------------------------ PostgreSQL's promises */

static void set(const struct place *place, const char *setting)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET %s",
		 strrchr(place->target, '=') + 1, setting);
	raw_server(sql);
}

static void test_not_synced(void **state)
{
	struct place place;
	struct store *store;

	(void)state;
	store_make_new(&place);
	set(&place, "synchronous_commit = off");
	REFUSED(-ENOTSUP, store_open(&place.config, NETWORK, &store, &error));
	set(&place, "synchronous_commit = local");
	store_close(store_open_at(&place));
	set(&place, "synchronous_commit = on");
	store_close(store_open_at(&place));
}

/* The server forgets its connections: nothing was begun, so all goes on. */
static void test_lost_connection(void **state)
{
	uint64_t term, sequenced;
	struct place place;
	struct store *store;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	WORKS(store_sequencer_take(store, &term, &sequenced, &error));
	WORKS(store_audit_append(store, leaf_of("one"), NULL, &error));
	raw(&place, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
	    "datname = current_database() AND pid <> pg_backend_pid()");
	WORKS(store_audit_append(store, leaf_of("two"), NULL, &error));
	assert_int_equal(raw_number(&place, "SELECT count(*) FROM audit_leaves"), 2);
	store_close(store);
}

/* Ends the connection that waits in a commit. */
static void end_committer(const struct place *place)
{
	while (raw_number(place, "SELECT count(pg_terminate_backend(pid)) FROM "
			  "pg_stat_activity WHERE datname = current_database() AND "
			  "wait_event = 'PgSleep'") < 1)
		usleep(20000);
	_exit(0);
}

/*
 * The connection is lost while it commits, which a trigger makes slow: the caller is told
 * that nobody knows, not that it failed, and that it may repeat it.
 */
static void test_lost_commit(void **state)
{
	struct place place;
	struct store *store;
	int status;
	pid_t child;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "g", 9);
	raw(&place, "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
	    "$$BEGIN PERFORM pg_sleep(60); RETURN NULL; END$$");
	raw(&place, "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON joins DEFERRABLE INITIALLY "
	    "DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()");
	child = fork();
	assert_true(child >= 0);
	if (!child)
		end_committer(&place);
	REFUSED(-ECONNABORTED, join(store, "g", 1, &error));
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	raw(&place, "DROP TRIGGER slow ON joins");
	WORKS(join(store, "g", 1, &error));
	assert_int_equal(raw_number(&place, "SELECT uses FROM grants"), 8);
	store_close(store);
}

/* What streams the log of this server away, as a standby does. */
static pid_t standby_start(const char *name, const char *synchronous)
{
	char program[300], target[600], directory[300];
	pid_t child;

	snprintf(program, sizeof(program), "%s/pg_receivewal", getenv("PG_BIN"));
	snprintf(target, sizeof(target), "%s application_name=%s", test_server, name);
	snprintf(directory, sizeof(directory), "%s/%s", test_directory, name);
	mkdir(directory, 0700);
	child = fork();
	assert_true(child >= 0);
	if (child)
		return child;
	execl(program, program, "-d", target, "-D", directory, "--no-loop", synchronous, NULL);
	_exit(127);
}

static void wait_for(const char *sql, long want)
{
	double end = seconds_now() + 20;
	struct place server = { .config = { STORE_POSTGRES, NULL } };

	snprintf(server.target, sizeof(server.target), "%s", test_server);
	while (raw_number(&server, sql) != want) {
		if (seconds_now() > end)
			fail_msg("never %ld: %s", want, sql);
		usleep(20000);
	}
}

static void standby_end(pid_t standby)
{
	int status;

	kill(standby, SIGKILL);
	waitpid(standby, &status, 0);
	wait_for("SELECT count(*) FROM pg_stat_replication", 0);
}

static void test_asynchronous_standby(void **state)
{
	struct store *store, *open;
	struct place place;
	pid_t standby;

	(void)state;
	store_make_new(&place);
	open = store_open_at(&place);
	standby = standby_start("slow", "--no-sync");
	wait_for("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", 1);
	REFUSED(-ENOTSUP, store_open(&place.config, NETWORK, &store, &error));
	REFUSED(-ENOTSUP, store_check(open, &error));
	standby_end(standby);
	WORKS(store_check(open, &error));
	store_close(open);
}

/* Who may not see what kind of standby there is must not take it for a good one. */
static void test_blind_role(void **state)
{
	struct store *store;
	struct place place;
	pid_t standby;
	char *user;

	(void)state;
	store_make_new(&place);
	raw(&place, "CREATE ROLE blind LOGIN");
	raw(&place, "GRANT USAGE ON SCHEMA merlon TO blind");
	raw(&place, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA merlon TO blind");
	user = strstr(place.target, "user=merlon");
	assert_non_null(user);
	memcpy(user, "user=blind ", 11);
	store_close(store_open_at(&place));
	standby = standby_start("hidden", "--no-sync");
	wait_for("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", 1);
	REFUSED(-EPERM, store_open(&place.config, NETWORK, &store, &error));
	standby_end(standby);
}

static void test_synchronous_standby(void **state)
{
	struct place place;
	struct store *store;
	pid_t standby;

	(void)state;
	store_make_new(&place);
	standby = standby_start("good", "--synchronous");
	raw_server("ALTER SYSTEM SET synchronous_standby_names = 'good'");
	raw_server("SELECT pg_reload_conf()");
	wait_for("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", 1);
	store = store_open_at(&place);
	WORKS(store_audit_append(store, leaf_of("x"), NULL, &error));
	store_close(store);
	set(&place, "synchronous_commit = local");
	REFUSED(-ENOTSUP, store_open(&place.config, NETWORK, &store, &error));
	/* ORDER: a commit would wait for a standby that is gone. */
	raw_server("ALTER SYSTEM RESET synchronous_standby_names");
	raw_server("SELECT pg_reload_conf()");
	wait_for("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'async'", 1);
	standby_end(standby);
}

const struct CMUnitTest server_tests[] = {
	cmocka_unit_test(test_not_synced),
	cmocka_unit_test(test_lost_connection),
	cmocka_unit_test(test_lost_commit),
	cmocka_unit_test(test_asynchronous_standby),
	cmocka_unit_test(test_blind_role),
	cmocka_unit_test(test_synchronous_standby),
};
const size_t server_tests_count = COUNT(server_tests);
