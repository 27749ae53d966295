// SPDX-License-Identifier: MIT
/*
 * ager STORE COUNT DAYS: makes the store of a server that has never run one whose audit
 * log has COUNT entries of DAYS days ago, its own first entry among them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sqlite3.h>

#include "audit.h"
#include "keys.h"
#include "store.h"

static void need(int r, const char *what, const struct ml_error *error)
{
	if (!r)
		return;
	fprintf(stderr, "ager: %s: %s\n", what, error->text);
	exit(2);
}

static struct ml_bytes leaf_make(int64_t when)
{
	static const struct audit_form form = { .addresses = AUDIT_ADDRESS_WHOLE };
	const struct audit_event event = { .type = AUDIT_CONFIG_CHANGE, .time = when * 1000000,
					   .actor = "aged" };
	struct ml_error error;
	struct ml_bytes leaf;
	uint8_t *bytes;

	need(audit_leaf(&form, &event, &bytes, &leaf.length, &error), "leaf", &error);
	leaf.data = bytes;
	return leaf;
}

/* No operation of the store changes an entry. */
static void first_replace(const char *path, int64_t when)
{
	const struct ml_error error = { .text = "sqlite refuses" };
	struct ml_bytes leaf = leaf_make(when);
	sqlite3_stmt *statement;
	sqlite3 *database;
	int r = sqlite3_open(path, &database);

	if (!r)
		r = sqlite3_prepare_v2(database, "UPDATE audit_leaves SET leaf = ?1 WHERE position = 0",
				       -1, &statement, NULL);
	if (!r)
		r = sqlite3_bind_blob(statement, 1, leaf.data, (int)leaf.length, SQLITE_STATIC);
	if (!r)
		r = sqlite3_step(statement) != SQLITE_DONE;
	need(r, "first entry", &error);
	sqlite3_finalize(statement);
	sqlite3_close(database);
	free((void *)leaf.data);
}

int main(int argc, char **argv)
{
	struct store_config config = { .kind = STORE_SQLITE };
	struct ml_error error;
	struct store *store;
	int64_t when;

	if (argc != 4)
		return 2;
	need(ml_keys_setup(&error), "setup", &error);
	config.target = argv[1];
	when = time(NULL) - atoi(argv[3]) * INT64_C(86400);
	first_replace(argv[1], when);
	need(store_open(&config, NULL, &store, &error), "store", &error);
	for (int i = 1; i < atoi(argv[2]); i++) {
		struct ml_bytes leaf = leaf_make(when);

		need(store_audit_append(store, leaf, NULL, &error), "entry", &error);
		free((void *)leaf.data);
	}
	store_close(store);
	return 0;
}
