// SPDX-License-Identifier: MIT
/* The sections groups, hosts and tagOwners: names and what they stand for. */
#include <errno.h>
#include <string.h>

#include "policy_read.h"

/* A name of this section; where it is taken by another section, says by which. */
static int name_define(struct policy_reader *reader, enum policy_kind kind,
		       const struct ml_hujson_member *member, uint32_t *ret)
{
	struct ml_policy *policy = reader->policy;
	struct policy_name *name;
	int err = ml_policy_name_add(reader, kind, member->key, ret);

	if (err)
		return err;
	name = &policy->names.items[*ret];
	if (name->line)
		return policy_fail(reader, member, "\"%s\" is already defined at line %u, column %u",
				   member->key, name->line, name->column);
	name->line = member->line;
	name->column = member->column;
	return 0;
}

static int user_add(struct policy_reader *reader, const struct ml_hujson_value *value,
		    uint32_t group)
{
	const char *text = value->string.text;
	uint32_t user;
	int err;

	if (!strncmp(text, "group:", 6))
		return policy_fail(reader, value, "groups cannot hold groups; expected a user's email "
				   "address, found \"%.64s\"", text);
	if (!strchr(text, '@') || !ml_policy_name_valid(text))
		return policy_fail(reader, value, "expected a user's email address, found \"%.64s\"",
				   text);
	err = ml_policy_name_add(reader, POLICY_USER, text, &user);
	if (err)
		return err;
	return ml_policy_link_add(reader, &reader->policy->names.items[group].members, user);
}

static int group_read(struct policy_reader *reader, const struct ml_hujson_member *member)
{
	uint32_t group = POLICY_NONE;
	int err = ml_policy_check_name(reader, member, "group:");

	if (!err)
		err = name_define(reader, POLICY_GROUP, member, &group);
	if (!err)
		err = ml_policy_expect_strings(reader, &member->value, "a group");
	for (size_t i = 0; !err && i < member->value.array.count; i++)
		err = user_add(reader, &member->value.array.items[i], group);
	return err;
}

int ml_policy_groups_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	int err = ml_policy_expect(reader, section, ML_HUJSON_OBJECT, "groups");

	for (size_t i = 0; !err && i < section->object.count; i++)
		err = group_read(reader, &section->object.members[i]);
	return err;
}

static int host_prefix_read(struct policy_reader *reader, const struct ml_hujson_value *value,
			    struct policy_name *host)
{
	struct ml_prefix prefix;
	int err = ml_policy_expect(reader, value, ML_HUJSON_STRING, "a host");

	if (!err)
		err = ml_policy_read_prefix(reader, value->string.text, value, &prefix);
	if (err)
		return err;
	host->prefixes = ml_arena_copy(&reader->policy->arena, &prefix, sizeof(prefix));
	host->prefix_count = 1;
	return host->prefixes ? 0 : ml_policy_no_memory(reader);
}

static int host_read(struct policy_reader *reader, const struct ml_hujson_member *member)
{
	uint32_t host;
	int err = ml_policy_check_name(reader, member, "");

	if (err)
		return err;
	if (strchr(member->key, '@') || ml_policy_reads_as_address(member->key))
		return policy_fail(reader, member, "\"%.64s\" reads as a user, an address or a range; "
				   "expected another name for a host", member->key);
	err = name_define(reader, POLICY_HOST, member, &host);
	if (err)
		return err;
	return host_prefix_read(reader, &member->value, &reader->policy->names.items[host]);
}

int ml_policy_hosts_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	int err = ml_policy_expect(reader, section, ML_HUJSON_OBJECT, "hosts");

	for (size_t i = 0; !err && i < section->object.count; i++)
		err = host_read(reader, &section->object.members[i]);
	return err;
}

int ml_policy_tags_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	uint32_t tag;
	int err = ml_policy_expect(reader, section, ML_HUJSON_OBJECT, "tagOwners");

	for (size_t i = 0; !err && i < section->object.count; i++) {
		err = ml_policy_check_name(reader, &section->object.members[i], "tag:");
		if (!err)
			err = name_define(reader, POLICY_TAG, &section->object.members[i], &tag);
	}
	return err;
}

/* Roles that Tailscale knows: of no meaning here, but no mistake in an owner list. */
static bool is_role(const char *text)
{
	static const char *const roles[] = {
		"autogroup:member", "autogroup:members", "autogroup:tagged", "autogroup:admin",
		"autogroup:owner", "autogroup:it-admin", "autogroup:network-admin",
		"autogroup:billing-admin", "autogroup:auditor",
	};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (!strcmp(roles[i], text))
			return true;
	return false;
}

static int owner_check(struct policy_reader *reader, const struct ml_hujson_value *value)
{
	const char *text = value->string.text;
	enum policy_kind kind = !strncmp(text, "tag:", 4) ? POLICY_TAG : POLICY_GROUP;
	struct policy_guess guess = { .wanted = text };
	char did_you_mean[POLICY_MAX_NAME + 32];
	uint32_t found = ml_policy_name_find(reader->policy, text);

	if (found != POLICY_NONE || is_role(text))
		return 0;
	if (!strncmp(text, "tag:", 4) || !strncmp(text, "group:", 6)) {
		ml_policy_guess_names(&guess, reader->policy, kind);
		return policy_fail(reader, value, "\"%.64s\" is not defined in %s%s", text,
				   kind == POLICY_TAG ? "tagOwners" : "groups",
				   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
	}
	if (strchr(text, '@') && ml_policy_name_valid(text))
		return 0;
	return policy_fail(reader, value, "expected a user's email address, a group:, a tag: or an "
			   "autogroup: as owner, found \"%.64s\"", text);
}

int ml_policy_tag_owners_check(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	int err = 0;

	for (size_t i = 0; !err && i < section->object.count; i++) {
		const struct ml_hujson_value *owners = &section->object.members[i].value;

		err = ml_policy_expect_strings(reader, owners, "the owners of a tag");
		for (size_t j = 0; !err && j < owners->array.count; j++)
			err = owner_check(reader, &owners->array.items[j]);
	}
	return err;
}
