// SPDX-License-Identifier: MIT
#include "root.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "date.h"
#include "root_parse.h"

#define ROLE_DOCUMENT_MAX_BYTES (128u << 20)	/* a policy source of 64 MiB, in base64 */

typedef unsigned long long ull;

static bool keys_same(const struct ml_public_key *a, const struct ml_public_key *b)
{
	return !memcmp(a->key, b->key, sizeof(a->key));
}

bool ml_root_has_key(const struct ml_root *root, enum ml_role role,
		     const struct ml_public_key *key)
{
	const struct ml_role_keys *keys = &root->roles[role];
	size_t i;

	for (i = 0; i < keys->count; i++)
		if (keys_same(&keys->keys[i], key))
			return true;
	return false;
}

const struct ml_public_key *ml_root_find_key(const struct ml_root *root, enum ml_role role,
					     const char *key_id)
{
	const struct ml_role_keys *keys = &root->roles[role];
	char id[65];
	size_t i;

	for (i = 0; i < keys->count; i++) {
		ml_public_key_id(&keys->keys[i], id);
		if (!strcmp(id, key_id))
			return &keys->keys[i];
	}
	return NULL;
}

int ml_root_peek(struct ml_bytes envelope, struct ml_root *ret, struct ml_error *error)
{
	struct ml_root root = { 0 };
	json_t *json;
	int r;

	r = ml_document_peek(&ml_root_kind, envelope, &json, root.digest, error);
	if (r)
		return r;
	r = ml_root_parse(json, &root, error);
	json_decref(json);
	if (!r)
		*ret = root;
	return r;
}

static int root_check_signed(const struct ml_root *by, struct ml_bytes envelope,
			     struct ml_error *error)
{
	const struct ml_role_keys *role = &by->roles[ML_ROLE_ROOT];
	char who[64];

	snprintf(who, sizeof(who), "the root keys of version %llu", (ull)by->version);
	return ml_document_verify(&ml_root_kind, envelope, who, role->keys, role->count,
				  role->threshold, error);
}

int ml_root_first(struct ml_bytes envelope, const uint8_t digest[static 32],
		  struct ml_root *ret, struct ml_error *error)
{
	struct ml_root root;
	int r;

	r = ml_root_peek(envelope, &root, error);
	if (r)
		return r;
	if (sodium_memcmp(root.digest, digest, sizeof(root.digest)))
		return ml_error_set(error, -EKEYREJECTED,
				    "root document: not the one that this machine was told to trust: the server is another one, or somebody stands between");
	r = root_check_signed(&root, envelope, error);
	if (!r)
		*ret = root;
	return r;
}

static int root_check_version(const struct ml_root *old, const struct ml_root *next,
			      struct ml_error *error)
{
	if (next->version <= old->version)
		return ml_error_set(error, -ESTALE,
				    "root document: has version %llu, and version %llu is known already: fetch the newest",
				    (ull)next->version, (ull)old->version);
	if (next->version != old->version + 1)
		return ml_error_set(error, -ENOENT,
				    "root document: has version %llu, and version %llu is the last one known: fetch those between, each vouches for the next",
				    (ull)next->version, (ull)old->version);
	return 0;
}

static bool root_drops_key(const struct ml_root *old, const struct ml_root *next,
			   enum ml_role role)
{
	const struct ml_role_keys *keys = &old->roles[role];
	size_t i;

	for (i = 0; i < keys->count; i++)
		if (!ml_root_has_key(next, role, &keys->keys[i]))
			return true;
	return false;
}

static int root_check_order(const struct ml_root *old, const struct ml_root *next,
			    struct ml_error *error)
{
	if (next->epoch < old->epoch)
		return ml_error_set(error, -EBADMSG,
				    "root document: its epoch %llu is lower than %llu, that of version %llu: epochs never fall",
				    (ull)next->epoch, (ull)old->epoch, (ull)old->version);
	if (next->epoch == old->epoch && (root_drops_key(old, next, ML_ROLE_POLICY) ||
					  root_drops_key(old, next, ML_ROLE_SIGNING)))
		return ml_error_set(error, -EBADMSG,
				    "root document: takes a key of \"policy\" or \"signing\" away and keeps epoch %llu: raise the epoch",
				    (ull)old->epoch);
	return 0;
}

/* All that can be said without signatures. */
static int root_check_follows(const struct ml_root *old, const struct ml_root *next,
			      struct ml_error *error)
{
	int r;

	r = ml_document_check_network(&ml_root_kind, next->network, old->network, error);
	if (!r)
		r = root_check_version(old, next, error);
	if (!r)
		r = root_check_order(old, next, error);
	return r;
}

int ml_root_succeed(const struct ml_root *old, struct ml_bytes envelope,
		    struct ml_root *ret, struct ml_error *error)
{
	struct ml_root root;
	int r;

	r = ml_root_peek(envelope, &root, error);
	if (!r)
		r = root_check_follows(old, &root, error);
	if (!r)
		r = root_check_signed(old, envelope, error);
	if (!r)
		r = root_check_signed(&root, envelope, error);
	if (!r)
		*ret = root;
	return r;
}

int ml_root_chain(const struct ml_root *from, const struct ml_bytes *envelopes, size_t count,
		  struct ml_root *ret, struct ml_error *error)
{
	struct ml_root root = *from;
	size_t i;
	int r;

	for (i = 0; i < count; i++) {
		r = ml_root_succeed(&root, envelopes[i], &root, error);
		if (r)
			return r;
	}
	*ret = root;
	return 0;
}

int ml_root_judge(const struct ml_root *root, int64_t floor, int64_t now,
		  struct ml_error *error)
{
	char at[ML_DATE_TEXT], is[ML_DATE_TEXT];

	now = ml_date_later(now, floor);
	if (now < root->expires)
		return 0;
	return ml_error_set(error, -ETIME,
			    "root document: version %llu expired at %s, and it is %s: sign the next version with the root keys",
			    (ull)root->version, ml_date_format(root->expires, at),
			    ml_date_format(now, is));
}

int ml_root_check_epoch(const struct ml_root *root, uint64_t epoch, struct ml_error *error)
{
	if (epoch == root->epoch)
		return 0;
	if (epoch < root->epoch)
		return ml_error_set(error, -ESTALE,
				    "epoch %llu is over: version %llu of the root document began epoch %llu",
				    (ull)epoch, (ull)root->version, (ull)root->epoch);
	return ml_error_set(error, -ENOENT,
			    "epoch %llu is later than %llu, that of version %llu of the root document: fetch the newest root document",
			    (ull)epoch, (ull)root->epoch, (ull)root->version);
}

int ml_root_check(const struct ml_root *root, enum ml_role role, const char *type,
		  struct ml_bytes envelope, uint8_t **ret, size_t *ret_length,
		  struct ml_error *error)
{
	const struct ml_dsse_want want = {
		.type = type,
		.keys = root->roles[role].keys,
		.key_count = root->roles[role].count,
		.threshold = root->roles[role].threshold,
	};
	struct ml_error inner = { 0 };
	struct ml_dsse found;
	int r;

	if (envelope.length > ROLE_DOCUMENT_MAX_BYTES)
		return ml_error_set(error, -E2BIG, "envelope: has more than %u bytes",
				    ROLE_DOCUMENT_MAX_BYTES);
	r = ml_dsse_verify(envelope.data, envelope.length, &want, &found, &inner);
	if (r)
		return ml_error_set(error, r, "by the keys of role \"%s\", version %llu: %s",
				    ml_role_name(role), (ull)root->version, inner.text);
	*ret = found.payload;
	*ret_length = found.payload_length;
	return 0;
}

/* ---------------------------------------------------------------- writing */

static int root_check_input(const struct ml_root *root, struct ml_error *error)
{
	size_t role;

	if (!ml_name_valid(root->network))
		return ml_error_set(error, -EINVAL, "network \"%.64s\": " ML_NAME_RULE,
				    root->network);
	for (role = 0; role < __ML_ROLE_MAX; role++)
		if (root->roles[role].count > ML_ROLE_KEYS)
			return ml_error_set(error, -EINVAL,
					    "root document: role \"%s\" can have %d keys at most",
					    ml_role_name(role), ML_ROLE_KEYS);
	return 0;
}

/* What could not be read again, or not follow @old, is not handed out. */
static int draft_check(const struct ml_root *old, struct ml_bytes envelope,
		       struct ml_error *error)
{
	struct ml_root again;
	int r;

	r = ml_root_peek(envelope, &again, error);
	if (!r && old)
		r = root_check_follows(old, &again, error);
	return r;
}

int ml_root_draft(const struct ml_root *old, const struct ml_root *root, uint8_t **ret,
		  size_t *ret_length, struct ml_error *error)
{
	uint8_t *envelope;
	size_t length;
	int r;

	r = root_check_input(root, error);
	if (!r)
		r = ml_document_sign(&ml_root_kind, ml_root_json(root), NULL, 0, &envelope,
				     &length, error);
	if (r)
		return r;
	if (draft_check(old, (struct ml_bytes){ envelope, length }, error)) {
		free(envelope);
		if (error)
			error->code = -EINVAL;
		return -EINVAL;
	}
	*ret = envelope;
	*ret_length = length;
	return 0;
}

int ml_root_sign(const struct ml_root *old, struct ml_bytes envelope,
		 const struct ml_secret_key *key, uint8_t **ret, size_t *ret_length,
		 struct ml_error *error)
{
	struct ml_public_key public;
	struct ml_root root;
	int r;

	r = ml_root_peek(envelope, &root, error);
	if (!r && old)
		r = root_check_follows(old, &root, error);
	if (r)
		return r;
	ml_secret_key_public(key, &public);
	if (!ml_root_has_key(&root, ML_ROLE_ROOT, &public) &&
	    !(old && ml_root_has_key(old, ML_ROLE_ROOT, &public)))
		return ml_error_set(error, -EKEYREJECTED,
				    "root document: this key is no root key, neither of version %llu nor of the one before it",
				    (ull)root.version);
	return ml_dsse_add(envelope.data, envelope.length, ML_ROOT_TYPE, key, ret, ret_length,
			   error);
}

int ml_root_signed(const struct ml_root *by, struct ml_bytes envelope, size_t *ret_good,
		   struct ml_error *error)
{
	const struct ml_dsse_want want = {
		.type = ML_ROOT_TYPE,
		.keys = by->roles[ML_ROLE_ROOT].keys,
		.key_count = by->roles[ML_ROLE_ROOT].count,
		.threshold = 1,
	};
	struct ml_error inner = { 0 };
	struct ml_root root;
	struct ml_dsse found;
	int r;

	r = ml_root_peek(envelope, &root, error);
	if (r)
		return r;
	r = ml_dsse_verify(envelope.data, envelope.length, &want, &found, &inner);
	if (r && r != -EKEYREJECTED)
		return ml_error_set(error, r, "root document: %s", inner.text);
	*ret_good = r ? 0 : found.good;
	if (!r)
		free(found.payload);
	return 0;
}
