// SPDX-License-Identifier: MIT
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "store_private.h"

#define ATTEMPTS 5	/* of a transaction whose connection was lost */

const struct store_statement store_statements[STATEMENTS] = {
#define STATEMENT(name, parameters, columns, sql) { #name, parameters, columns, sql },
#include "store_statements.h"
#undef STATEMENT
};

int store_no_memory(struct ml_error *error)
{
	return ml_error_set(error, -ENOMEM, "store: out of memory");
}

const struct store_driver *store_driver_of(const struct store_config *config)
{
	return config->kind == STORE_POSTGRES ? &store_pg_driver : &store_sqlite_driver;
}

/* ------------------------------------------------------------------- cells */

struct store_cell cell_text(const char *text)
{
	return (struct store_cell){ .type = 't',
				    .bytes = { (const uint8_t *)text,
					       text ? strlen(text) : 0 } };
}

/* Bytes of the sequence that starts at @p, 0: none is well-formed (RFC 3629). */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
	size_t length = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 :
			*p < 0xf5 ? 4 : 0;
	size_t i;

	if (!*p || length > left)
		return 0;
	for (i = 1; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what is above U+10FFFF. */
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return length;
}

bool store_utf8(struct ml_bytes text)
{
	size_t i, length;

	for (i = 0; i < text.length; i += length) {
		length = utf8_sequence(text.data + i, text.length - i);
		if (!length)
			return false;
	}
	return true;
}

static int cell_check_text(struct ml_bytes text, struct ml_error *error)
{
	if (!text.data)
		return ml_error_set(error, -EINVAL, "store: a text is missing");
	if (text.length > STORE_TEXT_MAX)
		return ml_error_set(error, -E2BIG, "store: a text has %zu bytes, %d are possible",
				    text.length, STORE_TEXT_MAX);
	if (!store_utf8(text))
		return ml_error_set(error, -EILSEQ,
				    "store: a text is not UTF-8, or has a NUL in it");
	return 0;
}

static int cell_check(const struct store_cell *cell, char type, struct ml_error *error)
{
	if (!cell->type)
		return 0;
	if (cell->type != type)
		return ml_error_set(error, -EINVAL, "store: a value is of type '%c', not '%c'",
				    cell->type, type);
	if (type == 't')
		return cell_check_text(cell->bytes, error);
	if (type == 'b' && cell->bytes.length > STORE_BLOB_MAX)
		return ml_error_set(error, -E2BIG, "store: a value has more than %u bytes",
				    STORE_BLOB_MAX);
	return 0;
}

int store_cell_key(const struct store_cell *cell, uint8_t ret[static 32],
		   struct ml_error *error)
{
	if (cell->type != 'b' || cell->bytes.length != 32)
		return ml_error_set(error, -EUCLEAN,
				    "store: a key or digest has not 32 bytes: the database was changed by something else; restore a backup");
	memcpy(ret, cell->bytes.data, 32);
	return 0;
}

const char *store_cell_text(const struct store_cell *cell)
{
	return cell->type == 't' ? (const char *)cell->bytes.data : "";
}

int store_cell_word(const struct store_cell *cell, const char *const *words, int count,
		    int *ret, struct ml_error *error)
{
	int i;

	for (i = 0; i < count; i++) {
		if (strcmp(store_cell_text(cell), words[i]) != 0)
			continue;
		*ret = i;
		return 0;
	}
	return ml_error_set(error, -EUCLEAN,
			    "store: a state or role is of no kind that Merlon knows: the database was changed by something else; restore a backup");
}

/* -------------------------------------------------------------- statements */

int store_run(struct store *store, enum store_statement_id id,
	      const struct store_cell *parameters, store_row_fn row, void *arg,
	      struct ml_error *error)
{
	const char *types = store_statements[id].parameters;
	size_t i;
	int r;

	for (i = 0; types[i]; i++) {
		r = cell_check(&parameters[i], types[i], error);
		if (r)
			return r;
	}
	return store->driver->run(store, id, parameters, row, arg, error);
}

static int row_count(void *arg, const struct store_cell *cells)
{
	(void)cells;
	++*(uint64_t *)arg;
	return 0;
}

int store_do(struct store *store, enum store_statement_id id,
	     const struct store_cell *parameters, uint64_t *ret_rows, struct ml_error *error)
{
	uint64_t rows = 0;
	int r;

	r = store_run(store, id, parameters, row_count, &rows, error);
	if (!r && ret_rows)
		*ret_rows = rows;
	return r;
}

/* The size is in front, so that store_free() can wipe what was in there. */
#define SIZE_ROOM 16	/* as malloc() aligns */

void *store_alloc(size_t size)
{
	uint8_t *memory = size < SIZE_MAX - SIZE_ROOM ? malloc(SIZE_ROOM + size) : NULL;

	if (!memory)
		return NULL;
	memcpy(memory, &size, sizeof(size));
	return memory + SIZE_ROOM;
}

void store_free(void *bytes)
{
	uint8_t *memory = bytes;
	size_t size;

	if (!bytes)
		return;
	memory -= SIZE_ROOM;
	memcpy(&size, memory, sizeof(size));
	sodium_memzero(memory, SIZE_ROOM + size);
	free(memory);
}

struct copy {
	struct store_row *row;
	size_t count;
	bool found;
};

static int row_copy(void *arg, const struct store_cell *cells)
{
	struct copy *copy = arg;
	struct store_row *row = copy->row;
	size_t size = 1, i;
	uint8_t *at;

	if (copy->found)
		return 0;
	for (i = 0; i < copy->count; i++)
		size += cells[i].bytes.length + 1;
	at = row->memory = store_alloc(size);
	if (!at)
		return -ENOMEM;
	copy->found = true;
	for (i = 0; i < copy->count; i++) {
		row->cells[i] = cells[i];
		if (cells[i].bytes.length)
			memcpy(at, cells[i].bytes.data, cells[i].bytes.length);
		row->cells[i].bytes.data = at;
		at += cells[i].bytes.length;
		*at++ = 0;
	}
	return 0;
}

int store_one(struct store *store, enum store_statement_id id,
	      const struct store_cell *parameters, struct store_row *ret,
	      struct ml_error *error)
{
	struct store_row row = { 0 };
	struct copy copy = { &row, strlen(store_statements[id].columns), false };
	int r;

	r = store_run(store, id, parameters, row_copy, &copy, error);
	if (r == -ENOMEM)
		store_no_memory(error);
	if (!r && !copy.found)
		r = -ENOENT;
	if (r) {
		store_free(row.memory);
		return r;
	}
	*ret = row;
	return 0;
}

int store_number(struct store *store, enum store_statement_id id,
		 const struct store_cell *parameters, int64_t *ret, struct ml_error *error)
{
	struct store_row row = { 0 };
	int r;

	r = store_one(store, id, parameters, &row, error);
	if (r)
		return r;
	*ret = row.cells[0].number;
	store_free(row.memory);
	return 0;
}

/* ------------------------------------------------------------ transactions */

static int transact_once(struct store *store, enum store_mode mode, store_fn fn, void *arg,
			 struct ml_error *error)
{
	int r;

	store->wake = false;
	r = store->driver->begin(store, mode, error);
	if (r)
		return r;
	r = fn(store, arg, error);
	if (r)
		store->driver->rollback(store);
	else
		r = store->driver->commit(store, store->wake, error);
	return r;
}

int store_transact(struct store *store, enum store_mode mode, store_fn fn, void *arg,
		   struct ml_error *error)
{
	int attempt, r = 0;

	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		if (store->broken)
			return ml_error_set(error, -EIO,
					    "store: an earlier write may have been lost, so nothing more is written: look at the disk, then start again");
		r = transact_once(store, mode, fn, arg, error);
		if (r == -EUCLEAN)
			store->broken = true;
		if (r != -ECONNRESET)
			break;
	}
	return r;
}

struct lookup {
	enum store_statement_id id;
	const struct store_cell *parameters;
	struct store_row *row;
};

static int lookup(struct store *store, void *arg, struct ml_error *error)
{
	struct lookup *lookup = arg;

	return store_one(store, lookup->id, lookup->parameters, lookup->row, error);
}

int store_lookup(struct store *store, enum store_statement_id id,
		 const struct store_cell *parameters, struct store_row *ret,
		 struct ml_error *error)
{
	struct lookup arg = { id, parameters, ret };

	return store_transact(store, STORE_READ, lookup, &arg, error);
}

struct each {
	enum store_statement_id id;
	const struct store_cell *parameters;
	store_row_fn row;
	void *arg;
	bool begun;	/* what a caller was told cannot be told again */
};

static int each_row(void *arg, const struct store_cell *cells)
{
	struct each *each = arg;

	each->begun = true;
	return each->row(each->arg, cells);
}

static int each(struct store *store, void *arg, struct ml_error *error)
{
	struct each *each = arg;
	int r = store_run(store, each->id, each->parameters, each_row, each, error);

	return r == -ECONNRESET && each->begun ? -ECONNABORTED : r;
}

int store_each(struct store *store, enum store_statement_id id,
	       const struct store_cell *parameters, store_row_fn row, void *arg,
	       struct ml_error *error)
{
	struct each all = { id, parameters, row, arg, false };

	return store_transact(store, STORE_READ, each, &all, error);
}

/* ------------------------------------------------------------------- leaves */

int store_leaf_check(struct ml_bytes leaf, struct ml_error *error)
{
	if (leaf.data && leaf.length && leaf.length <= STORE_LEAF_MAX)
		return 0;
	return ml_error_set(error, -EINVAL,
			    "store: an entry of the audit log has from 1 to %d bytes, not %zu: what is not in the log does not happen",
			    STORE_LEAF_MAX, leaf.length);
}

int store_leaf_add(struct store *store, struct ml_bytes leaf, uint64_t *ret_index,
		   struct ml_error *error)
{
	int64_t index = 0;
	int r;

	r = store_leaf_check(leaf, error);
	if (r)
		return r;
	r = store_number(store, STATEMENT_AUDIT_TAKE, NULL, &index, error);
	if (!r)
		r = store_do(store, STATEMENT_AUDIT_ADD,
			     CELLS(cell_int(index), cell_bytes(leaf)), NULL, error);
	if (r == -EEXIST || r == -ENOENT)
		return ml_error_set(error, -EUCLEAN,
				    "store: the audit log has no place %lld: the database was changed by something else; restore a backup",
				    (long long)index);
	if (r)
		return r;
	store->wake = true;
	if (ret_index)
		*ret_index = index;
	return 0;
}
