// SPDX-License-Identifier: MIT
/* Making, opening and migrating a store. */
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_private.h"

/* The text behind the line "-- up 2" or its like, up to the next such line. */
static char *schema_section(const char *schema, const char *way, int version)
{
	const char *from, *up, *down, *to;
	char head[32];

	snprintf(head, sizeof(head), "\n-- %s %d\n", way, version);
	from = strstr(schema, head);
	if (!from)
		return NULL;
	from += strlen(head);
	up = strstr(from, "\n-- up ");
	down = strstr(from, "\n-- down ");
	to = up && (!down || up < down) ? up : down;
	return to ? strndup(from, to - from) : strdup(from);
}

static int schema_step(struct store *store, const char *way, int version, int result,
		       struct ml_error *error)
{
	char *script = schema_section(store->driver->schema, way, version);
	int r;

	if (!script)
		return ml_error_set(error, -EPROTO,
				    "store: there is no way %s for version %d of the schema",
				    way, version);
	r = store->driver->script(store, script, error);
	free(script);
	if (!r)
		r = store->driver->note_version(store, result, error);
	if (r || !result)
		return r;
	r = store_do(store, STATEMENT_VERSION_CLEAR, NULL, NULL, error);
	if (!r)
		r = store_do(store, STATEMENT_VERSION_SET, CELLS(cell_int(result)), NULL,
			     error);
	return r;
}

int store_schema_walk(struct store *store, int from, int to, struct ml_error *error)
{
	int r = 0;

	for (; !r && from < to; from++)
		r = schema_step(store, "up", from + 1, from + 1, error);
	for (; !r && from > to; from--)
		r = schema_step(store, "down", from, from - 1, error);
	return r;
}

static int schema_version(struct store *store, int *ret, struct ml_error *error)
{
	int64_t noted;
	int version, r;

	r = store->driver->version(store, &version, error);
	if (!r && version) {
		r = store_number(store, STATEMENT_VERSION_GET, NULL, &noted, error);
		if (r == -ENOENT || (!r && noted != version))
			r = ml_error_set(error, -EUCLEAN,
					 "store: its version is noted in two ways: the database was changed by something else; restore a backup");
	}
	if (!r)
		*ret = version;
	return r;
}

/* ------------------------------------------------------------------ create */

struct make {
	store_fn fill;
	void *arg;
};

static int make(struct store *store, void *arg, struct ml_error *error)
{
	struct make *make = arg;
	int version = 0, r;

	r = store->driver->version(store, &version, error);
	if (!r && version)
		r = ml_error_set(error, -EEXIST,
				 "store: there is one already; move it away first");
	if (!r)
		r = store_schema_walk(store, 0, STORE_VERSION, error);
	if (!r)
		r = make->fill(store, make->arg, error);
	return r;
}

int store_make(const struct store_config *config, store_fn fill, void *arg,
	       struct ml_error *error)
{
	const struct store_driver *driver = store_driver_of(config);
	struct make all = { fill, arg };
	struct store *store;
	int r;

	r = driver->open(config->target, true, &store, error);
	if (r)
		return r;
	r = driver->check(store, error);
	if (!r)
		r = store_transact(store, STORE_SCHEMA, make, &all, error);
	driver->close(store);
	return r;
}

struct birth {
	const char *network;
	int64_t now;
};

static int birth(struct store *store, void *arg, struct ml_error *error)
{
	struct birth *birth = arg;

	return store_do(store, STATEMENT_NETWORK_ADD,
			CELLS(cell_text(birth->network), cell_int(birth->now), cell_int(0),
			      cell_int(0), cell_int(0)), NULL, error);
}

int store_create(const struct store_config *config, const char *network, int64_t now,
		 struct ml_error *error)
{
	struct birth arg = { network, now };

	if (!ml_name_valid(network))
		return ml_error_set(error, -EINVAL, "store: the network's name: " ML_NAME_RULE);
	return store_make(config, birth, &arg, error);
}

/* -------------------------------------------------------------------- open */

static int check_version(int version, struct ml_error *error)
{
	if (!version)
		return ml_error_set(error, -ENOENT,
				    "store: there is none yet: merlon-control init makes one");
	if (version != STORE_VERSION)
		return ml_error_set(error, -EPROTO,
				    "store: its schema is version %d, this program's is %d: %s",
				    version, STORE_VERSION, version < STORE_VERSION ?
				    "merlon-control migrate brings it up" :
				    "upgrade the program, or migrate down with the one that wrote it");
	return 0;
}

static int open_look(struct store *store, void *arg, struct ml_error *error)
{
	struct store_row row = { 0 };
	int version, r;

	(void)arg;
	r = schema_version(store, &version, error);
	if (!r)
		r = check_version(version, error);
	if (!r) {
		r = store_one(store, STATEMENT_NETWORK_GET, NULL, &row, error);
		if (r == -ENOENT)
			r = ml_error_set(error, -EUCLEAN,
					 "store: it does not say which network it is of; restore a backup");
	}
	if (r)
		return r;
	snprintf(store->network, sizeof(store->network), "%s",
		 store_cell_text(&row.cells[0]));
	store_free(row.memory);
	return 0;
}

int store_open(const struct store_config *config, const char *network, struct store **ret,
	       struct ml_error *error)
{
	const struct store_driver *driver = store_driver_of(config);
	struct store *store;
	int r;

	r = driver->open(config->target, false, &store, error);
	if (r)
		return r;
	r = driver->check(store, error);
	if (!r)
		r = store_transact(store, STORE_READ, open_look, NULL, error);
	if (!r && network && strcmp(network, store->network) != 0)
		r = ml_error_set(error, -EXDEV,
				 "store: it is of the network \"%s\", not of \"%s\"",
				 store->network, network);
	if (r) {
		driver->close(store);
		return r;
	}
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (store)
		store->driver->close(store);
}

const char *store_network(const struct store *store)
{
	return store->network;
}

int store_check(struct store *store, struct ml_error *error)
{
	return store->driver->check(store, error);
}

/* ----------------------------------------------------------------- migrate */

struct migration {
	int to, from;
};

static int migrate(struct store *store, void *arg, struct ml_error *error)
{
	struct migration *migration = arg;
	int r;

	r = schema_version(store, &migration->from, error);
	if (!r && !migration->from)
		r = check_version(0, error);
	if (!r && migration->from > STORE_VERSION)
		r = check_version(migration->from, error);
	if (!r)
		r = store_schema_walk(store, migration->from, migration->to, error);
	return r;
}

int store_migrate(const struct store_config *config, int version, int *ret_from,
		  struct ml_error *error)
{
	const struct store_driver *driver = store_driver_of(config);
	struct migration migration = { .to = version };
	struct store *store;
	int r;

	if (version < 1 || version > STORE_VERSION)
		return ml_error_set(error, -EINVAL,
				    "store: versions of the schema go from 1 to %d, not %d",
				    STORE_VERSION, version);
	r = driver->open(config->target, false, &store, error);
	if (r)
		return r;
	r = driver->check(store, error);
	if (!r)
		r = store_transact(store, STORE_SCHEMA, migrate, &migration, error);
	driver->close(store);
	if (!r && ret_from)
		*ret_from = migration.from;
	return r;
}
