// SPDX-License-Identifier: MIT
/* The root document as text, both ways. */
#include "root_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "strict.h"

static const char *const root_keys[] = {
	"epoch", "expires", "keys", "network", "roles", "version",
};

const struct ml_document_kind ml_root_kind = {
	.what = "root document",
	.type = ML_ROOT_TYPE,
	.keys = root_keys,
	.key_count = sizeof(root_keys) / sizeof(root_keys[0]),
};

static const char *const role_names[__ML_ROLE_MAX] = {
	[ML_ROLE_MEMBERSHIP] = "membership",
	[ML_ROLE_POLICY] = "policy",
	[ML_ROLE_ROOT] = "root",
	[ML_ROLE_SIGNING] = "signing",
};

const char *ml_role_name(enum ml_role role)
{
	return role_names[role];
}

/* ---------------------------------------------------------------- reading */

/* A key id that is not its key's would let one key count as two. */
static int key_parse(const json_t *keys, const char *id, struct ml_public_key *ret,
		     struct ml_error *error)
{
	char text[65];
	int r;

	r = ml_strict_public_key(keys, "root document: keys", id, ret, error);
	if (r)
		return r;
	ml_public_key_id(ret, text);
	if (strcmp(text, id) != 0)
		return ml_error_set(error, -EBADMSG,
				    "root document: \"keys\" has the key %s under another id",
				    text);
	return 0;
}

/* Sorted, so that there is one text, and no key twice. */
static int role_parse_ids(const json_t *role, const char *name, const json_t *keys,
			  struct ml_role_keys *ret, struct ml_error *error)
{
	const char *before = "", *id;
	json_t *ids, *entry;
	size_t i;
	int r;

	r = ml_strict_array(role, name, "keyids", &ids, error);
	if (r)
		return r;
	if (!json_array_size(ids) || json_array_size(ids) > ML_ROLE_KEYS)
		return ml_error_set(error, -EBADMSG,
				    "root document: role \"%s\" must have from 1 to %d keys",
				    name, ML_ROLE_KEYS);
	json_array_foreach(ids, i, entry) {
		id = json_string_value(entry);
		if (!id || !json_object_get(keys, id) || strcmp(before, id) >= 0)
			return ml_error_set(error, -EBADMSG,
					    "root document: role \"%s\": \"keyids\" must hold ids of \"keys\", in their order and each once",
					    name);
		r = key_parse(keys, id, &ret->keys[ret->count++], error);
		if (r)
			return r;
		before = id;
	}
	return 0;
}

static int role_parse(const json_t *roles, const char *name, const json_t *keys,
		      struct ml_role_keys *ret, struct ml_error *error)
{
	static const char *const members[] = { "keyids", "threshold" };
	int64_t threshold = 0;
	json_t *role;
	int r;

	r = ml_strict_object(roles, "root document: roles", name, &role, error);
	if (!r)
		r = ml_strict_keys(role, name, members, 2, error);
	if (!r)
		r = role_parse_ids(role, name, keys, ret, error);
	if (!r)
		r = ml_strict_number(role, name, "threshold", 1, (int64_t)ret->count,
				     &threshold, error);
	ret->threshold = (size_t)threshold;
	return r;
}

static bool root_uses(const struct ml_root *root, const char *id)
{
	size_t role;

	for (role = 0; role < __ML_ROLE_MAX; role++)
		if (ml_root_find_key(root, role, id))
			return true;
	return false;
}

static int root_check_unused(const struct ml_root *root, const json_t *keys,
			     struct ml_error *error)
{
	const char *id;
	json_t *value;

	json_object_foreach((json_t *)keys, id, value)
		if (!root_uses(root, id))
			return ml_error_set(error, -EBADMSG,
					    "root document: \"keys\" names a key that no role has");
	return 0;
}

static int root_check_signing(const struct ml_root *root, struct ml_error *error)
{
	const struct ml_role_keys *signing = &root->roles[ML_ROLE_SIGNING];
	size_t role, i;

	for (role = 0; role < ML_ROLE_SIGNING; role++)
		for (i = 0; i < signing->count; i++)
			if (ml_root_has_key(root, role, &signing->keys[i]))
				return ml_error_set(error, -EBADMSG,
						    "root document: roles \"%s\" and \"signing\" share a key: the signer's is online, and must have no other role",
						    role_names[role]);
	return 0;
}

static int root_parse_roles(const json_t *json, struct ml_root *root, struct ml_error *error)
{
	json_t *roles = NULL, *keys = NULL;
	size_t role;
	int r;

	r = ml_strict_object(json, "root document", "keys", &keys, error);
	if (!r)
		r = ml_strict_object(json, "root document", "roles", &roles, error);
	if (!r)
		r = ml_strict_keys(roles, "root document: roles", role_names, __ML_ROLE_MAX,
				   error);
	for (role = 0; !r && role < __ML_ROLE_MAX; role++)
		r = role_parse(roles, role_names[role], keys, &root->roles[role], error);
	if (!r)
		r = root_check_unused(root, keys, error);
	if (!r)
		r = root_check_signing(root, error);
	return r;
}

int ml_root_parse(const json_t *json, struct ml_root *ret, struct ml_error *error)
{
	int64_t version = 0, epoch = 0;
	int r;

	r = ml_strict_name(json, "root document", "network", ret->network, error);
	if (!r)
		r = ml_strict_number(json, "root document", "version", 1, INT64_MAX, &version,
				     error);
	if (!r)
		r = ml_strict_number(json, "root document", "epoch", 0, INT64_MAX, &epoch,
				     error);
	if (!r)
		r = ml_strict_number(json, "root document", "expires", 0, ML_DATE_MAX,
				     &ret->expires, error);
	if (!r)
		r = root_parse_roles(json, ret, error);
	ret->version = (uint64_t)version;
	ret->epoch = (uint64_t)epoch;
	return r;
}

/* ---------------------------------------------------------------- writing */

static int id_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static json_t *ids_json(const struct ml_role_keys *role)
{
	char ids[ML_ROLE_KEYS][65];
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < role->count; i++)
		ml_public_key_id(&role->keys[i], ids[i]);
	qsort(ids, role->count, sizeof(ids[0]), id_compare);
	for (i = 0; i < role->count; i++) {
		if (json_array_append_new(array, json_string(ids[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *role_json(const struct ml_role_keys *role)
{
	return json_pack("{s:o, s:I}", "keyids", ids_json(role), "threshold",
			 (json_int_t)role->threshold);
}

static int keys_add(json_t *keys, const struct ml_role_keys *role)
{
	char id[65], text[ML_PUBLIC_KEY_TEXT];
	size_t i;

	for (i = 0; i < role->count; i++) {
		ml_public_key_id(&role->keys[i], id);
		ml_public_key_format(&role->keys[i], text);
		if (json_object_set_new(keys, id, json_string(text)))
			return -ENOMEM;
	}
	return 0;
}

json_t *ml_root_json(const struct ml_root *root)
{
	json_t *keys = json_object(), *roles = json_object();
	size_t role;

	for (role = 0; role < __ML_ROLE_MAX; role++) {
		if (keys_add(keys, &root->roles[role]) ||
		    json_object_set_new(roles, role_names[role],
					role_json(&root->roles[role]))) {
			json_decref(keys);
			json_decref(roles);
			return NULL;
		}
	}
	return json_pack("{s:I, s:I, s:o, s:s, s:o, s:I}",
			 "epoch", (json_int_t)root->epoch,
			 "expires", (json_int_t)root->expires, "keys", keys,
			 "network", root->network, "roles", roles,
			 "version", (json_int_t)root->version);
}
