// SPDX-License-Identifier: MIT
/*
 * A backup is read three times: all of it for its digest; then as what it says it is;
 * and while it is restored, when the digest is looked at once more before the commit.
 */
#include "store.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "store_file.h"
#include "strict.h"

static int malformed(struct ml_error *error)
{
	return ml_error_set(error, -EBADMSG,
			    "backup: it is whole, but not what merlon-control writes");
}

/* ------------------------------------------------------------------- header */

static int header_numbers(const json_t *json, struct store_header *header,
			  struct ml_error *error)
{
	const struct { const char *key; void *value; } numbers[] = {
		{ "auditSize", &header->backup.audit_size }, { "born", &header->born },
		{ "created", &header->backup.created }, { "epoch", &header->backup.epoch },
		{ "sequenced", &header->sequenced }, { "serial", &header->backup.serial },
		{ "term", &header->term },
	};
	int64_t value;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		r = ml_strict_number(json, "backup", numbers[i].key, 0, INT64_MAX, &value,
				     error);
		if (!r)
			memcpy(numbers[i].value, &value, sizeof(value));
	}
	return r;
}

static int header_check_form(const json_t *json, struct ml_error *error)
{
	static const char *const keys[] = { "auditSize", "born", "created", "epoch", "format",
					    "network", "schema", "sequenced", "serial", "term" };
	int64_t format = 0, schema = 0;
	int r;

	r = ml_strict_number(json, "backup", "format", 0, INT64_MAX, &format, error);
	if (!r)
		r = ml_strict_number(json, "backup", "schema", 0, INT64_MAX, &schema, error);
	if (!r && (format != 1 || schema != STORE_VERSION))
		return ml_error_set(error, -EPROTO,
				    "backup: it is of format %" PRId64 " and schema %" PRId64 ", not 1 and %d: restore it with the program that wrote it, then migrate",
				    format, schema, STORE_VERSION);
	return r ? r : ml_strict_keys(json, "backup", keys, 10, error);
}

static int header_parse(struct ml_bytes text, struct store_header *ret,
			struct ml_error *error)
{
	json_t *json;
	int r;

	r = ml_strict_load(text.data, text.length, "backup", &json, error);
	if (r)
		return r;
	r = header_check_form(json, error);
	if (!r)
		r = ml_strict_name(json, "backup", "network", ret->backup.network, error);
	if (!r)
		r = header_numbers(json, ret, error);
	json_decref(json);
	return r;
}

/* ------------------------------------------------------------------- parsing */

typedef int (*table_row_fn)(void *arg, const struct store_table *table,
			    const struct store_cell *cells, struct ml_error *error);

struct parse {
	struct store_file file;
	struct store_header header;
	size_t table;		/* how many have begun */
	uint64_t first;		/* leaf of the log that was not forgotten */
	bool end;
	table_row_fn row;	/* may be NULL */
	void *arg;
};

static int parse_row(struct parse *parse, struct ml_bytes content, struct ml_error *error)
{
	const struct store_table *table = &store_tables[parse->table - 1];
	struct store_cell cells[STORE_CELLS];
	int r;

	r = store_file_row(content, store_statements[table->dump].columns, cells, error);
	if (r)
		return r;
	/* The log has no gaps, and ends where the header says. */
	if (parse->table == 1 && !parse->header.backup.rows)
		parse->first = (uint64_t)cells[0].number;
	if (parse->table == 1 &&
	    cells[0].number != (int64_t)(parse->first + parse->header.backup.rows))
		return malformed(error);
	parse->header.backup.rows++;
	return parse->row ? parse->row(parse->arg, table, cells, error) : 0;
}

static int parse_table(struct parse *parse, struct ml_bytes content, struct ml_error *error)
{
	const char *name;

	if (parse->table == 1 && (parse->first % 256 || parse->first > (uint64_t)parse->header.sequenced ||
				  parse->first + parse->header.backup.rows !=
				  parse->header.backup.audit_size))
		return malformed(error);
	if (parse->table == STORE_TABLES)
		return malformed(error);
	name = store_tables[parse->table++].name;
	if (content.length != strlen(name) || memcmp(content.data, name, content.length) != 0)
		return malformed(error);
	return 0;
}

static int parse_end(struct parse *parse, struct ml_bytes content, struct ml_error *error)
{
	uint64_t rows = htole64(parse->header.backup.rows);

	if (parse->table != STORE_TABLES || content.length != 8 ||
	    memcmp(content.data, &rows, 8) != 0)
		return malformed(error);
	parse->end = true;
	return 0;
}

static int parse_record(struct parse *parse, struct ml_error *error)
{
	enum store_record type;
	struct ml_bytes content;
	int r;

	r = store_file_read(&parse->file, &type, &content, error);
	if (r)
		return r;
	if (type == STORE_RECORD_TABLE)
		return parse_table(parse, content, error);
	if (type == STORE_RECORD_ROW && parse->table)
		return parse_row(parse, content, error);
	if (type == STORE_RECORD_END)
		return parse_end(parse, content, error);
	return malformed(error);
}

static int parse_header(struct parse *parse, struct ml_error *error)
{
	enum store_record type;
	struct ml_bytes content;
	int r;

	r = store_file_read(&parse->file, &type, &content, error);
	if (!r && type != STORE_RECORD_HEADER)
		r = malformed(error);
	return r ? r : header_parse(content, &parse->header, error);
}

static int parse(int fd, table_row_fn row, void *arg, struct store_header *ret,
		 struct ml_error *error)
{
	struct parse parse = { .row = row, .arg = arg };
	int r;

	r = store_file_open(fd, &parse.file, error);
	if (r)
		return r;
	r = parse_header(&parse, error);
	while (!r && !parse.end)
		r = parse_record(&parse, error);
	if (!r)
		r = store_file_check(&parse.file, parse.header.backup.digest, error);
	store_file_close(&parse.file);
	if (!r)
		*ret = parse.header;
	return r;
}

static int verify(int fd, const char *network, struct store_header *ret,
		  struct ml_error *error)
{
	struct store_header header;
	uint8_t digest[32];
	int r;

	r = store_file_check_all(fd, digest, error);
	if (!r)
		r = parse(fd, NULL, NULL, &header, error);
	if (r)
		return r;
	if (network && strcmp(network, header.backup.network) != 0)
		return ml_error_set(error, -EXDEV,
				    "backup: it is of the network \"%s\", not of \"%s\"",
				    header.backup.network, network);
	*ret = header;
	return 0;
}

int store_backup_verify(int fd, const char *network, struct store_backup *ret,
			struct ml_error *error)
{
	struct store_header header;
	int r;

	r = verify(fd, network, &header, error);
	if (!r)
		*ret = header.backup;
	return r;
}

/* ------------------------------------------------------------------ restore */

struct restore {
	int fd;
	struct store *store;
	struct store_header header;
};

static int restore_row(void *arg, const struct store_table *table,
		       const struct store_cell *cells, struct ml_error *error)
{
	struct restore *restore = arg;
	int r;

	r = store_do(restore->store, table->load, cells, NULL, error);
	return r == -EEXIST || r == -ENOENT || r == -EINVAL ? malformed(error) : r;
}

static int restore(struct store *store, void *arg, struct ml_error *error)
{
	struct restore *restore = arg;
	struct store_header *header = &restore->header;
	struct store_header again;
	int r;

	restore->store = store;
	r = store_do(store, STATEMENT_NETWORK_ADD,
		     CELLS(cell_text(header->backup.network), cell_int(header->born),
			   cell_int(header->backup.audit_size), cell_int(header->sequenced),
			   cell_int(header->term)), NULL, error);
	if (!r)
		r = parse(restore->fd, restore_row, restore, &again, error);
	if (!r && memcmp(again.backup.digest, header->backup.digest, 32) != 0)
		r = ml_error_set(error, -EBADMSG,
				 "backup: it changed while it was read: nothing of it was used");
	return r;
}

int store_restore(const struct store_config *config, const char *network, int fd,
		  struct store_backup *ret, struct ml_error *error)
{
	struct restore arg = { .fd = fd };
	int r;

	r = verify(fd, network, &arg.header, error);
	if (!r)
		r = store_make(config, restore, &arg, error);
	if (!r)
		*ret = arg.header.backup;
	return r;
}
