// SPDX-License-Identifier: MIT
/*
 * A backup is the rows themselves, read in one snapshot: either database writes it and
 * either can restore it. (SQLite's own copy of its pages would do for SQLite alone, and
 * a reader of the write-ahead log holds no writer up either.)
 */
#include "store.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "store_file.h"
#include "strict.h"

const struct store_table store_tables[STORE_TABLES] = {
	{ "audit_leaves", STATEMENT_DUMP_AUDIT, STATEMENT_LOAD_AUDIT },
	{ "roots", STATEMENT_DUMP_ROOTS, STATEMENT_LOAD_ROOTS },
	{ "policies", STATEMENT_DUMP_POLICIES, STATEMENT_LOAD_POLICIES },
	{ "grants", STATEMENT_DUMP_GRANTS, STATEMENT_LOAD_GRANTS },
	{ "nodes", STATEMENT_DUMP_NODES, STATEMENT_LOAD_NODES },
	{ "joins", STATEMENT_DUMP_JOINS, STATEMENT_LOAD_JOINS },
	{ "blocks", STATEMENT_DUMP_BLOCKS, STATEMENT_LOAD_BLOCKS },
	{ "trees", STATEMENT_DUMP_TREES, STATEMENT_LOAD_TREES },
	{ "tree_blocks", STATEMENT_DUMP_TREE_BLOCKS, STATEMENT_LOAD_TREE_BLOCKS },
	{ "generations", STATEMENT_DUMP_GENERATIONS, STATEMENT_LOAD_GENERATIONS },
	{ "admins", STATEMENT_DUMP_ADMINS, STATEMENT_LOAD_ADMINS },
	{ "recovery_codes", STATEMENT_DUMP_RECOVERY, STATEMENT_LOAD_RECOVERY },
};

struct backup {
	int fd;
	int64_t now;
	struct store_file file;
	struct store_header header;
	const char *columns;
	struct ml_error *error;
};

static int backup_row(void *arg, const struct store_cell *cells)
{
	struct backup *backup = arg;

	backup->header.backup.rows++;
	return store_file_write_row(&backup->file, backup->columns, cells, backup->error);
}

static int backup_table(struct store *store, struct backup *backup,
			const struct store_table *table, struct ml_error *error)
{
	int r;

	backup->columns = store_statements[table->dump].columns;
	r = store_file_write(&backup->file, STORE_RECORD_TABLE, table->name,
			     strlen(table->name), error);
	return r ? r : store_run(store, table->dump, NULL, backup_row, backup, error);
}

static int header_write(struct backup *backup, struct ml_error *error)
{
	const struct store_header *header = &backup->header;
	json_t *json;
	size_t length;
	char *text;
	int r;

	json = json_pack("{s:I, s:I, s:I, s:I, s:i, s:s, s:i, s:I, s:I, s:I}", "auditSize",
			 (json_int_t)header->backup.audit_size, "born",
			 (json_int_t)header->born, "created",
			 (json_int_t)header->backup.created, "epoch",
			 (json_int_t)header->backup.epoch, "format", 1, "network",
			 header->backup.network, "schema", STORE_VERSION, "sequenced",
			 (json_int_t)header->sequenced, "serial",
			 (json_int_t)header->backup.serial, "term", (json_int_t)header->term);
	text = json ? ml_strict_dump(json, &length) : NULL;
	json_decref(json);
	if (!text)
		return store_no_memory(error);
	r = store_file_write(&backup->file, STORE_RECORD_HEADER, text, length, error);
	free(text);
	return r;
}

static int header_fill(struct store *store, struct backup *backup, struct ml_error *error)
{
	struct store_header *header = &backup->header;
	struct store_row row = { 0 };
	int r;

	memset(header, 0, sizeof(*header));
	memcpy(header->backup.network, store->network, sizeof(store->network));
	header->backup.created = backup->now;
	r = store_one(store, STATEMENT_NETWORK_GET, NULL, &row, error);
	if (r)
		return r;
	header->born = row.cells[1].number;
	header->backup.audit_size = row.cells[2].number;
	header->sequenced = row.cells[3].number;
	header->term = row.cells[4].number;
	store_free(row.memory);
	r = store_one(store, STATEMENT_GENERATION_LAST, NULL, &row, error);
	if (r)
		return r == -ENOENT ? 0 : r;
	header->backup.epoch = row.cells[0].number;
	header->backup.serial = row.cells[1].number;
	store_free(row.memory);
	return 0;
}

static int backup_all(struct store *store, struct backup *backup, struct ml_error *error)
{
	uint64_t rows;
	size_t i;
	int r;

	r = header_fill(store, backup, error);
	if (!r)
		r = header_write(backup, error);
	for (i = 0; !r && i < STORE_TABLES; i++)
		r = backup_table(store, backup, &store_tables[i], error);
	rows = htole64(backup->header.backup.rows);
	if (!r)
		r = store_file_write(&backup->file, STORE_RECORD_END, &rows, 8, error);
	if (!r)
		r = store_file_finish(&backup->file, backup->header.backup.digest, error);
	return r;
}

static int backup(struct store *store, void *arg, struct ml_error *error)
{
	struct backup *backup = arg;
	int r;

	backup->error = error;
	r = store_file_create(backup->fd, &backup->file, error);
	if (r)
		return r;
	r = backup_all(store, backup, error);
	store_file_close(&backup->file);
	return r;
}

int store_backup(struct store *store, int fd, int64_t now, struct store_backup *ret,
		 struct ml_error *error)
{
	struct backup arg = { .fd = fd, .now = now };
	int r;

	r = store_transact(store, STORE_READ, backup, &arg, error);
	if (!r)
		*ret = arg.header.backup;
	return r;
}
