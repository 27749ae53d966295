// SPDX-License-Identifier: MIT
/*
 * Enrolled nodes: they did not come with the source, and are held to all that
 * the section nodes is held to. Errors name the node, as there is no line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policy_claims.h"
#include "policy_endpoint.h"
#include "policy_read.h"

#define member_fail(reader, member, ...) \
	ml_policy_fail_at(reader, -EINVAL, 0, 0, "the enrolled node \"%.64s\" " __VA_ARGS__)

static int name_define(struct policy_reader *reader, const struct ml_policy_member *member,
		       uint32_t index, struct policy_node *node)
{
	struct policy_names *names = &reader->policy->names;
	uint32_t found;

	if (!ml_name_valid(member->name) || ml_policy_reads_as_address(member->name))
		return member_fail(reader, member, "has a name that no node can have: " ML_NAME_RULE
				   ", and does not read as an address", member->name);
	found = ml_policy_name_find(reader->policy, member->name);
	if (found != POLICY_NONE && names->items[found].line)
		return member_fail(reader, member, "has a name that the policy defines at line %u, "
				   "column %u; rename one of them", member->name,
				   names->items[found].line, names->items[found].column);
	if (found != POLICY_NONE)
		return member_fail(reader, member, "is there twice", member->name);
	if (ml_policy_name_add(reader, POLICY_NODE, member->name, &node->name_index))
		return -ENOMEM;
	names->items[node->name_index].index = index;
	node->name = names->items[node->name_index].text;
	return 0;
}

static int owner_set(struct policy_reader *reader, const struct ml_policy_member *member,
		     uint32_t index, struct policy_node *node)
{
	if (!member->owner || !member->owner[0])
		return 0;
	if (member->tag_count)
		return member_fail(reader, member, "has a user and tags; a node has one of them",
				   member->name);
	if (!strchr(member->owner, '@') || !ml_policy_name_valid(member->owner))
		return member_fail(reader, member, "has the user \"%.64s\"; expected an email address",
				   member->name, member->owner);
	if (ml_policy_name_add(reader, POLICY_USER, member->owner, &node->user))
		return -ENOMEM;
	return ml_policy_link_add(reader, &reader->policy->names.items[node->user].members, index);
}

static int tag_set(struct policy_reader *reader, const struct ml_policy_member *member,
		   const char *text, uint32_t index, const char **ret)
{
	uint32_t tag = ml_policy_name_find(reader->policy, text);
	struct policy_name *name;

	if (tag == POLICY_NONE || reader->policy->names.items[tag].kind != POLICY_TAG)
		return member_fail(reader, member, "has the tag \"%.64s\", which is not defined in "
				   "tagOwners", member->name, text);
	name = &reader->policy->names.items[tag];
	if (name->members && name->members->index == index)
		return member_fail(reader, member, "has the tag \"%.64s\" twice", member->name, text);
	*ret = name->text;
	return ml_policy_link_add(reader, &name->members, index);
}

static int tags_set(struct policy_reader *reader, const struct ml_policy_member *member,
		    uint32_t index, struct policy_node *node)
{
	int err = 0;

	if (!member->tag_count)
		return 0;
	node->tags = ml_arena_alloc(&reader->policy->arena,
				    member->tag_count * sizeof(*node->tags));
	if (!node->tags)
		return ml_policy_no_memory(reader);
	node->tag_count = member->tag_count;
	for (size_t i = 0; !err && i < member->tag_count; i++)
		err = tag_set(reader, member, member->tags[i], index, &node->tags[i]);
	return err;
}

static int addresses_set(struct policy_reader *reader, const struct ml_policy_member *member,
			 struct policy_node *node, struct policy_claims *claims)
{
	struct policy_claim claim = { .member = node->name };
	struct policy_name *name = &reader->policy->names.items[node->name_index];
	int err = 0;

	if (!member->address_count)
		return member_fail(reader, member, "has no address", member->name);
	node->addresses = ml_arena_copy(&reader->policy->arena, member->addresses,
					member->address_count * sizeof(*node->addresses));
	if (!node->addresses)
		return ml_policy_no_memory(reader);
	node->address_count = member->address_count;
	qsort(node->addresses, node->address_count, sizeof(*node->addresses),
	      ml_prefix_compare_qsort);
	for (size_t i = 0; !err && i < node->address_count; i++) {
		claim.prefix = node->addresses[i];
		if (!ml_prefix_valid(&claim.prefix) || !ml_prefix_is_host(&claim.prefix) ||
		    !ml_policy_address_usable(&claim.prefix))
			return member_fail(reader, member, "has an address that no node can have",
					   member->name);
		err = ml_policy_claim_add(reader, claims, &claim);
	}
	name->prefixes = node->addresses;
	name->prefix_count = node->address_count;
	return err;
}

static int key_set(struct policy_reader *reader, const struct ml_policy_member *member,
		   struct policy_node *node)
{
	char text[45];

	if (member->endpoint && ml_endpoint_check(member->endpoint))
		return member_fail(reader, member, "has the endpoint \"%.64s\"; expected host:port or "
				   "[address]:port that can be reached", member->name,
				   member->endpoint);
	sodium_bin2base64(text, sizeof(text), member->public_key, 32,
			  sodium_base64_VARIANT_ORIGINAL);
	node->public_key = ml_arena_string(&reader->policy->arena, text, strlen(text));
	if (member->endpoint)
		node->endpoint = ml_arena_string(&reader->policy->arena, member->endpoint,
						 strlen(member->endpoint));
	if (!node->public_key || (member->endpoint && !node->endpoint))
		return ml_policy_no_memory(reader);
	return 0;
}

static int member_add(struct policy_reader *reader, const struct ml_policy_member *member,
		      struct policy_claims *claims)
{
	struct policy_node *node = ml_policy_node_add(reader);
	uint32_t index = (uint32_t)reader->policy->node_count;
	int err;

	if (!node)
		return -ENOMEM;
	err = name_define(reader, member, index, node);
	if (!err)
		err = owner_set(reader, member, index, node);
	if (!err)
		err = tags_set(reader, member, index, node);
	if (!err)
		err = addresses_set(reader, member, node, claims);
	if (!err)
		err = key_set(reader, member, node);
	if (!err)
		reader->policy->node_count++;
	return err;
}

/* Who has gone is nobody, but a policy that still speaks of him is none the worse. */
static int gone_add(struct policy_reader *reader, const char *text)
{
	uint32_t name;

	if (ml_policy_name_find(reader->policy, text) != POLICY_NONE)
		return 0;
	return ml_policy_name_add(reader, POLICY_GONE, text, &name);
}

int ml_policy_members_add(struct policy_reader *reader, struct policy_claims *claims)
{
	const struct ml_policy_enrolled *enrolled = reader->enrolled;
	int err = 0;

	if (!enrolled)
		return 0;
	if (reader->policy->node_count + enrolled->count > POLICY_MAX_NODES)
		return ml_policy_fail_at(reader, -E2BIG, 0, 0, "more than %u nodes, the enrolled ones "
					 "with them", POLICY_MAX_NODES);
	reader->policy->has_nodes = true;
	for (size_t i = 0; !err && i < enrolled->count; i++)
		err = member_add(reader, &enrolled->members[i], claims);
	for (size_t i = 0; !err && i < enrolled->gone_count; i++)
		err = gone_add(reader, enrolled->gone[i]);
	return err;
}

/* ------------------------------------------------------------- one that joins */

static int name_admits(const struct ml_policy *policy, const char *name, struct ml_error *error)
{
	uint32_t found = ml_policy_name_find(policy, name);

	if (!ml_name_valid(name) || ml_policy_reads_as_address(name))
		return ml_error_set(error, -EINVAL, "\"%.64s\" is no name for a node: " ML_NAME_RULE
				    ", and does not read as an address", name);
	if (found == POLICY_NONE)
		return 0;
	if (policy->names.items[found].kind != POLICY_GONE)
		return ml_error_set(error, -EEXIST, "the name \"%.64s\" is taken: the policy defines "
				    "it; choose another one", name);
	if (!policy->names.items[found].said)
		return 0;
	return ml_error_set(error, -EEXIST, "the name \"%.64s\" was another node's, which the policy "
			    "still speaks of; choose another one, or take it out of the policy", name);
}

static int tags_admit(const struct ml_policy *policy, const struct ml_policy_member *member,
		      struct ml_error *error)
{
	for (size_t i = 0; i < member->tag_count; i++) {
		uint32_t tag = ml_policy_name_find(policy, member->tags[i]);

		if (tag == POLICY_NONE || policy->names.items[tag].kind != POLICY_TAG)
			return ml_error_set(error, -EINVAL, "the tag \"%.64s\" is not defined in the "
					    "policy's tagOwners", member->tags[i]);
	}
	return 0;
}

static int key_admits(const struct ml_policy *policy, const uint8_t key[static 32],
		      struct ml_error *error)
{
	char text[45];

	sodium_bin2base64(text, sizeof(text), key, 32, sodium_base64_VARIANT_ORIGINAL);
	for (size_t i = 0; i < policy->node_count; i++)
		if (policy->nodes[i].public_key && !strcmp(policy->nodes[i].public_key, text))
			return ml_error_set(error, -EEXIST, "its WireGuard key is that of node "
					    "\"%s\"; make a new one", policy->nodes[i].name);
	return 0;
}

int ml_policy_admits(const struct ml_policy *policy, const struct ml_policy_member *member,
		     struct ml_error *error)
{
	int err = name_admits(policy, member->name, error);

	if (!err)
		err = tags_admit(policy, member, error);
	return err ? err : key_admits(policy, member->public_key, error);
}
