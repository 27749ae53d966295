// SPDX-License-Identifier: MIT
#include "grant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "document.h"
#include "policy_read.h"
#include "strict.h"

_Static_assert(ML_GRANT_TAG_MAX == 4 + POLICY_MAX_NAME && ML_GRANT_OWNER_MAX == POLICY_MAX_NAME,
	       "what the policy may hold fits into a grant");

static const char *const grant_keys[] = {
	"created", "expires", "key", "network", "owner", "tags", "uses", "lifetime",
};

static const struct ml_document_kind grant_kind = {
	.what = "grant",
	.type = ML_GRANT_TYPE,
	.keys = grant_keys,
	.key_count = sizeof(grant_keys) / sizeof(grant_keys[0]),
	.last_optional = true,
};

/* ---------------------------------------------------------------- reading */

static bool tag_valid(const char *tag)
{
	return !strncmp(tag, "tag:", 4) && ml_policy_name_valid(tag + 4);
}

/* Sorted, so that there is one text for what is the same. */
static int grant_parse_tags(const json_t *json, struct ml_grant *ret, struct ml_error *error)
{
	const char *before = "", *tag;
	json_t *tags, *entry;
	size_t i;
	int r;

	r = ml_strict_array(json, "grant", "tags", &tags, error);
	if (r)
		return r;
	if (json_array_size(tags) > ML_GRANT_TAGS)
		return ml_error_set(error, -EBADMSG, "grant: has more than %d tags",
				    ML_GRANT_TAGS);
	json_array_foreach(tags, i, entry) {
		tag = json_string_value(entry);
		if (!tag || !tag_valid(tag))
			return ml_error_set(error, -EBADMSG,
					    "grant: tag %zu is none: it must be like \"tag:web\", as in the policy",
					    i + 1);
		if (strcmp(before, tag) >= 0)
			return ml_error_set(error, -EBADMSG,
					    "grant: tags must be in the order of their bytes, each once");
		memcpy(ret->tags[ret->tag_count++], tag, strlen(tag) + 1);
		before = tag;
	}
	return 0;
}

static int grant_parse_owner(const json_t *json, struct ml_grant *ret, struct ml_error *error)
{
	const char *owner = "";
	int r;

	r = ml_strict_string(json, "grant", "owner", &owner, error);
	if (r)
		return r;
	if (*owner && (!strchr(owner, '@') || !ml_policy_name_valid(owner)))
		return ml_error_set(error, -EBADMSG,
				    "grant: \"owner\" must be a user's email address, as in the policy, or empty");
	if (*owner && ret->tag_count)
		return ml_error_set(error, -EBADMSG,
				    "grant: has tags and an owner, and a node can have only one of them");
	memcpy(ret->owner, owner, strlen(owner) + 1);
	return 0;
}

static int grant_parse_numbers(const json_t *json, struct ml_grant *ret,
			       struct ml_error *error)
{
	int64_t uses = 0;
	int r;

	r = ml_strict_number(json, "grant", "uses", 1, ML_GRANT_USES_MAX, &uses, error);
	if (!r)
		r = ml_strict_number(json, "grant", "created", 0, ML_DATE_MAX, &ret->created,
				     error);
	if (!r)
		r = ml_strict_number(json, "grant", "expires", 0, ML_DATE_MAX, &ret->expires,
				     error);
	if (!r && ret->created >= ret->expires)
		r = ml_error_set(error, -EBADMSG, "grant: expires before it is created");
	ret->uses = (unsigned int)uses;
	return r;
}

static int grant_parse_lifetime(const json_t *json, struct ml_grant *ret,
				struct ml_error *error)
{
	if (!json_object_get(json, "lifetime"))
		return 0;
	return ml_strict_number(json, "grant", "lifetime", ML_LIFETIME_OF_NODE_MIN,
				ML_LIFETIME_OF_NODE_MAX, &ret->lifetime, error);
}

static int grant_parse(const json_t *json, struct ml_grant *ret, struct ml_error *error)
{
	int r;

	r = ml_strict_name(json, "grant", "network", ret->network, error);
	if (!r)
		r = ml_strict_public_key(json, "grant", "key", &ret->key, error);
	if (!r)
		r = grant_parse_tags(json, ret, error);
	if (!r)
		r = grant_parse_owner(json, ret, error);
	if (!r)
		r = grant_parse_numbers(json, ret, error);
	if (!r)
		r = grant_parse_lifetime(json, ret, error);
	if (!r)
		ml_public_key_id(&ret->key, ret->id);
	return r;
}

int ml_grant_peek(struct ml_bytes envelope, struct ml_grant *ret, struct ml_error *error)
{
	struct ml_grant grant = { 0 };
	json_t *json;
	int r;

	r = ml_document_peek(&grant_kind, envelope, &json, grant.digest, error);
	if (r)
		return r;
	r = grant_parse(json, &grant, error);
	json_decref(json);
	if (!r)
		*ret = grant;
	return r;
}

int ml_grant_verify(const struct ml_root *root, struct ml_bytes envelope,
		    struct ml_grant *ret, struct ml_error *error)
{
	const struct ml_role_keys *role = &root->roles[ML_ROLE_MEMBERSHIP];
	struct ml_grant grant = { 0 };
	int r;

	r = ml_document_verify(&grant_kind, envelope, "the keys of role \"membership\"",
			       role->keys, role->count, role->threshold, error);
	if (!r)
		r = ml_grant_peek(envelope, &grant, error);
	if (!r)
		r = ml_document_check_network(&grant_kind, grant.network, root->network, error);
	if (!r)
		*ret = grant;
	return r;
}

int ml_grant_judge(const struct ml_grant *grant, int64_t floor, int64_t now,
		   struct ml_error *error)
{
	char at[ML_DATE_TEXT], is[ML_DATE_TEXT];

	now = ml_date_later(ml_date_later(now, floor), grant->created);
	if (now < grant->expires)
		return 0;
	return ml_error_set(error, -ETIME,
			    "grant: expired at %s, and it is %s: ask for a new key",
			    ml_date_format(grant->expires, at), ml_date_format(now, is));
}

/* ---------------------------------------------------------------- writing */

static int tag_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static json_t *tags_json(const struct ml_grant *grant)
{
	char tags[ML_GRANT_TAGS][ML_GRANT_TAG_MAX + 1];
	json_t *array = json_array();
	size_t i;

	memcpy(tags, grant->tags, sizeof(tags));
	qsort(tags, grant->tag_count, sizeof(tags[0]), tag_compare);
	for (i = 0; i < grant->tag_count; i++) {
		if (json_array_append_new(array, json_string(tags[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *grant_json(const struct ml_grant *grant)
{
	char key[ML_PUBLIC_KEY_TEXT];
	json_t *json;

	ml_public_key_format(&grant->key, key);
	json = json_pack("{s:I, s:I, s:s, s:s, s:s, s:o, s:I}",
			 "created", (json_int_t)grant->created,
			 "expires", (json_int_t)grant->expires, "key", key,
			 "network", grant->network, "owner", grant->owner,
			 "tags", tags_json(grant), "uses", (json_int_t)grant->uses);
	if (json && grant->lifetime &&
	    json_object_set_new(json, "lifetime", json_integer((json_int_t)grant->lifetime))) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* The reader judges what is about to be signed. */
static int grant_check_input(const struct ml_grant *grant, struct ml_error *error)
{
	struct ml_grant again = { 0 };
	json_t *json;
	int r;

	if (grant->tag_count > ML_GRANT_TAGS)
		return ml_error_set(error, -EINVAL, "grant: can have %d tags at most",
				    ML_GRANT_TAGS);
	json = grant_json(grant);
	if (!json)
		return ml_error_set(error, -EINVAL,
				    "grant: cannot be written: its texts must be UTF-8");
	r = grant_parse(json, &again, error);
	json_decref(json);
	if (r && error)
		error->code = -EINVAL;
	return r ? -EINVAL : 0;
}

int ml_grant_sign(const struct ml_grant *grant, const struct ml_secret_key *const *keys,
		  size_t key_count, uint8_t **ret, size_t *ret_length,
		  struct ml_error *error)
{
	int r;

	r = grant_check_input(grant, error);
	if (r)
		return r;
	return ml_document_sign(&grant_kind, grant_json(grant), keys, key_count, ret,
				ret_length, error);
}

int ml_grant_add(struct ml_bytes envelope, const struct ml_secret_key *key, uint8_t **ret,
		 size_t *ret_length, struct ml_error *error)
{
	struct ml_grant grant;
	int r;

	r = ml_grant_peek(envelope, &grant, error);
	if (r)
		return r;
	return ml_dsse_add(envelope.data, envelope.length, ML_GRANT_TYPE, key, ret, ret_length,
			   error);
}
