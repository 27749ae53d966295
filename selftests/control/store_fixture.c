// SPDX-License-Identifier: MIT
#include "store_test.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>
#include <sqlite3.h>

enum store_kind test_kind;
char test_directory[256];
const char *test_server;

static int places;

void place_make_of(struct place *place, enum store_kind kind)
{
	char sql[128];

	places++;
	place->config = (struct store_config){ kind, place->target };
	if (kind == STORE_SQLITE) {
		snprintf(place->target, sizeof(place->target), "%s/store-%d.db", test_directory,
			 places);
		return;
	}
	snprintf(sql, sizeof(sql), "CREATE DATABASE t%d_%d", (int)getpid(), places);
	raw_server(sql);
	snprintf(place->target, sizeof(place->target), "%s dbname=t%d_%d", test_server,
		 (int)getpid(), places);
}

void place_make(struct place *place)
{
	place_make_of(place, test_kind);
}

void store_make_new(struct place *place)
{
	place_make(place);
	WORKS(store_create(&place->config, NETWORK, NOW, &error));
}

struct store *store_open_at(const struct place *place)
{
	struct store *store = NULL;

	WORKS(store_open(&place->config, NETWORK, &store, &error));
	return store;
}

/* -------------------------------------------------------------------- raw */

static long raw_pg(const char *target, const char *sql)
{
	PGconn *connection = PQconnectdb(target);
	PGresult *result;
	long number = -1;

	if (PQstatus(connection) != CONNECTION_OK)
		fail_msg("%s: %s", target, PQerrorMessage(connection));
	PQclear(PQexec(connection, "SET search_path = merlon, pg_catalog"));
	result = PQexec(connection, sql);
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result))
		number = strtol(PQgetvalue(result, 0, 0), NULL, 10);
	else if (PQresultStatus(result) != PGRES_COMMAND_OK &&
		 PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(connection));
	PQclear(result);
	PQfinish(connection);
	return number;
}

static int first(void *arg, int count, char **values, char **names)
{
	(void)names;
	*(long *)arg = count && values[0] ? strtol(values[0], NULL, 10) : -1;
	return 0;
}

long raw_number(const struct place *place, const char *sql)
{
	long number = -1;
	sqlite3 *db;

	if (place->config.kind == STORE_POSTGRES)
		return raw_pg(place->target, sql);
	assert_int_equal(sqlite3_open(place->target, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, first, &number, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	return number;
}

void raw(const struct place *place, const char *sql)
{
	raw_number(place, sql);
}

void raw_server(const char *sql)
{
	raw_pg(test_server, sql);
}

/* ------------------------------------------------------------------- values */

struct ml_bytes bytes_of(const char *text)
{
	return (struct ml_bytes){ (const uint8_t *)text, strlen(text) };
}

struct ml_bytes leaf_of(const char *format, ...)
{
	static __thread char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return bytes_of(text);
}

void key_of(const char *what, unsigned int number, uint8_t ret[static 32])
{
	char text[128];

	snprintf(text, sizeof(text), "%s %u", what, number);
	crypto_hash_sha256(ret, (const uint8_t *)text, strlen(text));
}

void grant_make(struct store *store, const char *id, uint64_t uses)
{
	struct store_grant grant = { .id = id, .envelope = bytes_of("signed grant"),
				     .uses = uses, .expires = NOW + 86400, .added = NOW };

	WORKS(store_grant_add(store, &grant, leaf_of("grant %s", id), &error));
}

void node_make(struct store_node *ret, const char *grant, unsigned int number)
{
	static __thread char name[32];

	snprintf(name, sizeof(name), "node-%05u", number);
	*ret = (struct store_node){ .name = name, .tags = "[\"tag:web\"]", .owner = "alice",
				    .addresses = "[]", .grant = grant, .added = NOW };
	key_of("identity", number, ret->identity);
	key_of("wireguard", number, ret->wireguard);
}

int join(struct store *store, const char *grant, unsigned int number, struct ml_error *error)
{
	struct store_answer answer = { 0 };
	struct store_node node;
	char request[64];
	int r;

	node_make(&node, grant, number);
	snprintf(request, sizeof(request), "join of %s by %s", node.name, grant);
	r = store_grant_consume(store, &node, bytes_of(request), bytes_of("welcome"), NOW,
				leaf_of("join %s", node.name), &answer, error);
	if (!r)
		store_free(answer.memory);
	return r;
}

int backup_file(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", test_directory, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

void state_of(struct store *store, uint8_t ret[static 32])
{
	int fd = backup_file("state");
	struct store_backup backup;

	WORKS(store_backup(store, fd, NOW, &backup, &error));
	memcpy(ret, backup.digest, 32);
	close(fd);
}

double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}
