// SPDX-License-Identifier: MIT
#include "statement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "date.h"
#include "dsse.h"
#include "leaf.h"
#include "strict.h"

static int statement_check_dates(const struct ml_statement *statement, int code,
				 struct ml_error *error)
{
	const int64_t dates[] = { statement->issued, statement->not_before, statement->expires };
	size_t i;

	for (i = 0; i < 3; i++)
		if (dates[i] < 0 || dates[i] > ML_DATE_MAX)
			return ml_error_set(error, code,
					    "statement: a date is outside of 1970 to 9999");
	if (statement->not_before > statement->expires || statement->issued > statement->expires)
		return ml_error_set(error, code,
				    "statement: expires before it is issued or valid");
	return 0;
}

static int statement_parse_numbers(const json_t *json, struct ml_statement *ret,
				   struct ml_error *error)
{
	const struct {
		const char *key;
		int64_t min, max;
		void *ret;
	} fields[] = {
		{ "epoch", 0, INT64_MAX, &ret->epoch },
		{ "serial", 1, INT64_MAX, &ret->serial },
		{ "treeSize", 1, INT64_MAX, &ret->tree_size },
		{ "issued", 0, ML_DATE_MAX, &ret->issued },
		{ "notBefore", 0, ML_DATE_MAX, &ret->not_before },
		{ "expires", 0, ML_DATE_MAX, &ret->expires },
	};
	int64_t number;
	size_t i;
	int r;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		r = ml_strict_number(json, "statement", fields[i].key, fields[i].min,
				     fields[i].max, &number, error);
		if (r)
			return r;
		memcpy(fields[i].ret, &number, sizeof(number));
	}
	return 0;
}

static int statement_parse_json(const json_t *json, struct ml_statement *ret,
				struct ml_error *error)
{
	static const char *const keys[] = {
		"epoch", "expires", "issued", "network", "notBefore", "root", "serial",
		"treeSize",
	};
	int r;

	r = ml_strict_keys(json, "statement", keys, sizeof(keys) / sizeof(keys[0]), error);
	if (!r)
		r = ml_strict_name(json, "statement", "network", ret->network, error);
	if (!r)
		r = ml_strict_hash(json, "statement", "root", ret->root, error);
	if (!r)
		r = statement_parse_numbers(json, ret, error);
	if (!r)
		r = statement_check_dates(ret, -EBADMSG, error);
	return r;
}

int ml_statement_parse(const void *payload, size_t length, struct ml_statement *ret,
		       struct ml_error *error)
{
	struct ml_statement statement = { 0 };
	json_t *json;
	int r;

	r = ml_strict_load(payload, length, "statement", &json, error);
	if (r)
		return r;
	r = statement_parse_json(json, &statement, error);
	json_decref(json);
	if (!r)
		*ret = statement;
	return r;
}

static char *statement_format(const struct ml_statement *statement, size_t *ret_length)
{
	char root[65], *text = NULL;
	json_t *json;

	sodium_bin2hex(root, sizeof(root), statement->root, sizeof(statement->root));
	json = json_pack("{s:I, s:I, s:I, s:s, s:I, s:s, s:I, s:I}",
			 "epoch", (json_int_t)statement->epoch,
			 "expires", (json_int_t)statement->expires,
			 "issued", (json_int_t)statement->issued,
			 "network", statement->network,
			 "notBefore", (json_int_t)statement->not_before,
			 "root", root,
			 "serial", (json_int_t)statement->serial,
			 "treeSize", (json_int_t)statement->tree_size);
	if (json)
		text = ml_strict_dump(json, ret_length);
	json_decref(json);
	return text;
}

static int statement_check(const struct ml_statement *statement, struct ml_error *error)
{
	if (!ml_name_valid(statement->network))
		return ml_error_set(error, -EINVAL, "network \"%.64s\": " ML_NAME_RULE,
				    statement->network);
	if (statement->epoch > INT64_MAX || statement->serial > INT64_MAX)
		return ml_error_set(error, -EINVAL, "epoch and serial must be below 2^63");
	if (!statement->serial)
		return ml_error_set(error, -EINVAL, "serials start at 1");
	return statement_check_dates(statement, -EINVAL, error);
}

static int statement_sign(struct ml_statement *statement, const struct ml_merkle_hash *root,
			  uint64_t count, const struct ml_secret_key *key, uint8_t **ret,
			  size_t *ret_length, struct ml_error *error)
{
	struct ml_statement signed_ = *statement;
	size_t length;
	char *text;
	int r;

	signed_.tree_size = count;
	memcpy(signed_.root, root->bytes, sizeof(signed_.root));
	text = statement_format(&signed_, &length);
	if (!text)
		return ml_error_set(error, -ENOMEM, "statement: out of memory");
	r = ml_dsse_sign(ML_STATEMENT_TYPE, text, length, &key, 1, ret, ret_length, error);
	free(text);
	if (!r)
		*statement = signed_;
	return r;
}

int ml_statement_sign(struct ml_statement *statement, const struct ml_leaf_input *leaves,
		      size_t leaf_count, const struct ml_secret_key *key,
		      uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	struct ml_merkle_hash root;
	int r;

	r = statement_check(statement, error);
	if (!r)
		r = ml_leaves_root(statement->network, leaves, leaf_count, &root, error);
	if (!r)
		r = statement_sign(statement, &root, leaf_count, key, ret, ret_length, error);
	return r;
}

int ml_statement_sign_tree(struct ml_statement *statement, const struct ml_merkle_tree *tree,
			   const struct ml_secret_key *key, uint8_t **ret, size_t *ret_length,
			   struct ml_error *error)
{
	struct ml_merkle_hash root;
	int r;

	r = statement_check(statement, error);
	if (r)
		return r;
	ml_merkle_tree_root(tree, &root);
	return statement_sign(statement, &root, ml_merkle_tree_count(tree), key, ret, ret_length,
			      error);
}
