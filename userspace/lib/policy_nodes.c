// SPDX-License-Identifier: MIT
/* The section nodes: who is in the network, with which addresses and keys. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "base64.h"
#include "policy_claims.h"
#include "policy_endpoint.h"
#include "policy_read.h"

#define TUNNEL_DEFAULT "wg0"

struct fields {
	const struct ml_hujson_value *user, *tags, *addresses, *public_key, *endpoint, *routes,
		*tunnel, *ignored, *guard;
};

static int claim_add(struct policy_reader *reader, struct policy_claims *claims,
		     const struct ml_prefix *prefix, const struct ml_hujson_value *place)
{
	const struct policy_claim claim = { *prefix, place->line, place->column, NULL };

	return ml_policy_claim_add(reader, claims, &claim);
}

/* "10.8.0.2/24", as wg-quick has it: the address alone is wanted. */
static int length_refuse(struct policy_reader *reader, const struct ml_hujson_value *value)
{
	const char *text = value->string.text;

	return policy_fail(reader, value, "expected an address without length: %.*s; prefixes go "
			   "into routes", (int)strcspn(text, "/"), text);
}

static int address_read(struct policy_reader *reader, const struct ml_hujson_value *value,
			struct policy_claims *claims, struct ml_prefix *ret)
{
	int err = ml_prefix_parse(value->string.text, ret);

	if ((!err || err == -ERANGE) && strchr(value->string.text, '/'))
		return length_refuse(reader, value);
	err = ml_policy_read_prefix(reader, value->string.text, value, ret);
	if (err)
		return err;
	if (!ml_policy_address_usable(ret))
		return policy_fail(reader, value, "%s is unspecified, loopback, multicast or reserved; "
				   "expected an address that a node can have", value->string.text);
	return claim_add(reader, claims, ret, value);
}

static int route_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		      struct policy_claims *claims, struct ml_prefix *ret)
{
	int err = ml_policy_read_prefix(reader, value->string.text, value, ret);

	if (err || !ret->length)	/* every exit has the default route */
		return err;
	return claim_add(reader, claims, ret, value);
}

typedef int prefix_reader(struct policy_reader *reader, const struct ml_hujson_value *value,
			  struct policy_claims *claims, struct ml_prefix *ret);

static int prefixes_read(struct policy_reader *reader, const struct ml_hujson_value *list,
			 const char *what, prefix_reader *read, struct policy_claims *claims,
			 struct ml_prefix **ret, size_t *ret_count)
{
	struct ml_prefix *prefixes;
	int err = ml_policy_expect_strings(reader, list, what);

	if (err)
		return err;
	prefixes = ml_arena_alloc(&reader->policy->arena, list->array.count * sizeof(*prefixes));
	if (!prefixes)
		return ml_policy_no_memory(reader);
	for (size_t i = 0; !err && i < list->array.count; i++)
		err = read(reader, &list->array.items[i], claims, &prefixes[i]);
	if (!err && list->array.count)
		qsort(prefixes, list->array.count, sizeof(*prefixes), ml_prefix_compare_qsort);
	*ret = prefixes;
	*ret_count = list->array.count;
	return err;
}

static int user_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		     struct policy_node *node, uint32_t index)
{
	int err = ml_policy_expect(reader, value, ML_HUJSON_STRING, "user");

	if (err)
		return err;
	if (!strchr(value->string.text, '@') || !ml_policy_name_valid(value->string.text))
		return policy_fail(reader, value, "user: expected an email address, found \"%.64s\"",
				   value->string.text);
	err = ml_policy_name_add(reader, POLICY_USER, value->string.text, &node->user);
	if (err)
		return err;
	return ml_policy_link_add(reader, &reader->policy->names.items[node->user].members, index);
}

static int tag_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		    uint32_t index)
{
	struct policy_guess guess = { .wanted = value->string.text };
	char did_you_mean[POLICY_MAX_NAME + 32];
	uint32_t tag = ml_policy_name_find(reader->policy, value->string.text);
	struct policy_link **members;

	if (tag == POLICY_NONE || reader->policy->names.items[tag].kind != POLICY_TAG) {
		ml_policy_guess_names(&guess, reader->policy, POLICY_TAG);
		return policy_fail(reader, value, "\"%.64s\" is not defined in tagOwners%s",
				   value->string.text,
				   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
	}
	members = &reader->policy->names.items[tag].members;
	if (*members && (*members)->index == index)
		return policy_fail(reader, value, "\"%s\" stands twice", value->string.text);
	return ml_policy_link_add(reader, members, index);
}

static int tags_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		     struct policy_node *node, uint32_t index)
{
	int err = ml_policy_read_strings(reader, value, "tags", &node->tags, &node->tag_count);

	for (size_t i = 0; !err && i < value->array.count; i++)
		err = tag_read(reader, &value->array.items[i], index);
	return err;
}

static int owner_read(struct policy_reader *reader, const struct fields *fields,
		      struct policy_node *node, uint32_t index)
{
	if (fields->user && fields->tags && fields->tags->type == ML_HUJSON_ARRAY &&
	    fields->tags->array.count)
		return policy_fail(reader, fields->tags, "a node has a user or tags, not both");
	if (fields->user)
		return user_read(reader, fields->user, node, index);
	return fields->tags ? tags_read(reader, fields->tags, node, index) : 0;
}

static int ignored_check(struct policy_reader *reader, const struct ml_hujson_value *list,
			 const struct policy_node *node)
{
	if (list->array.count >= MERLON_MAX_TUNNELS)
		return policy_fail_code(reader, -E2BIG, list, "ignoreTunnels: more than %u devices",
					MERLON_MAX_TUNNELS - 1);
	for (size_t i = 0; i < list->array.count; i++) {
		const struct ml_hujson_value *item = &list->array.items[i];
		const char *name;

		if (ml_policy_read_device(reader, item, "ignoreTunnels", &name))
			return -EINVAL;
		if (!strcmp(item->string.text, node->tunnel))
			return policy_fail(reader, item, "\"%s\" is this node's own tunnel and cannot "
					   "be ignored", node->tunnel);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(item->string.text, list->array.items[j].string.text))
				return policy_fail(reader, item, "\"%s\" stands twice", item->string.text);
	}
	return 0;
}

static int text_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int tunnels_read(struct policy_reader *reader, const struct fields *fields,
			struct policy_node *node)
{
	int err = 0;

	if (fields->tunnel)
		err = ml_policy_read_device(reader, fields->tunnel, "tunnel", &node->tunnel);
	if (err || !fields->ignored)
		return err;
	err = ml_policy_read_strings(reader, fields->ignored, "ignoreTunnels", &node->ignored,
				     &node->ignored_count);
	if (!err)
		err = ignored_check(reader, fields->ignored, node);
	if (!err && node->ignored_count)
		qsort(node->ignored, node->ignored_count, sizeof(*node->ignored), text_compare);
	return err;
}

static int key_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		    struct policy_node *node)
{
	uint8_t key[32];
	size_t length = 0;
	int err = ml_policy_expect(reader, value, ML_HUJSON_STRING, "publicKey");

	if (err)
		return err;
	if (value->string.length != 44 ||
	    !ml_base64_decode(value->string.text, value->string.length, key, sizeof(key),
			      &length) || length != 32)
		return policy_fail(reader, value, "publicKey: expected a WireGuard key, 44 characters "
				   "of base64 as `wg pubkey` prints them");
	node->public_key = value->string.text;
	return 0;
}

static int endpoint_read(struct policy_reader *reader, const struct ml_hujson_value *value,
			 struct policy_node *node)
{
	int err = ml_policy_expect(reader, value, ML_HUJSON_STRING, "endpoint");

	if (err)
		return err;
	if (ml_endpoint_check(value->string.text))
		return policy_fail(reader, value, "endpoint: expected host:port or [address]:port that "
				   "can be reached, found \"%.64s\"", value->string.text);
	node->endpoint = value->string.text;
	return 0;
}

static int prefixes_of_node(struct policy_reader *reader, const struct fields *fields,
			    struct policy_node *node, struct policy_claims *claims)
{
	struct policy_name *name;
	int err = prefixes_read(reader, fields->addresses, "addresses", address_read, claims,
				&node->addresses, &node->address_count);

	if (!err && !node->address_count)
		return policy_fail(reader, fields->addresses, "addresses: expected at least one");
	if (!err && fields->routes)
		err = prefixes_read(reader, fields->routes, "routes", route_read, claims,
				    &node->routes, &node->route_count);
	if (err)
		return err;
	name = &reader->policy->names.items[node->name_index];
	name->prefixes = node->addresses;
	name->prefix_count = node->address_count;
	return 0;
}

static int node_fill(struct policy_reader *reader, const struct ml_hujson_value *value,
		     struct policy_node *node, uint32_t index, struct policy_claims *claims)
{
	struct fields f = { 0 };
	const struct policy_field fields[] = {
		{ "user", POLICY_FIELD_OPTIONAL, &f.user, NULL },
		{ "tags", POLICY_FIELD_OPTIONAL, &f.tags, NULL },
		{ "addresses", POLICY_FIELD_REQUIRED, &f.addresses, NULL },
		{ "publicKey", POLICY_FIELD_OPTIONAL, &f.public_key, NULL },
		{ "endpoint", POLICY_FIELD_OPTIONAL, &f.endpoint, NULL },
		{ "routes", POLICY_FIELD_OPTIONAL, &f.routes, NULL },
		{ "tunnel", POLICY_FIELD_OPTIONAL, &f.tunnel, NULL },
		{ "ignoreTunnels", POLICY_FIELD_OPTIONAL, &f.ignored, NULL },
		{ "guard", POLICY_FIELD_OPTIONAL, &f.guard, NULL },
	};
	int err = ml_policy_fields(reader, value, "a node", fields,
				   sizeof(fields) / sizeof(fields[0]));

	if (!err)
		err = owner_read(reader, &f, node, index);
	if (!err)
		err = prefixes_of_node(reader, &f, node, claims);
	if (!err)
		err = tunnels_read(reader, &f, node);
	if (!err && f.public_key)
		err = key_read(reader, f.public_key, node);
	if (!err && f.endpoint)
		err = endpoint_read(reader, f.endpoint, node);
	if (!err && f.guard)
		err = ml_policy_guard_read(reader, f.guard, &node->guard);
	return err;
}

struct policy_node *ml_policy_node_add(struct policy_reader *reader)
{
	struct ml_policy *policy = reader->policy;
	size_t used = policy->node_count + policy->stand_in_count;

	if (used == policy->node_room) {
		size_t room = used ? 2 * used : 16;
		struct policy_node *nodes = reallocarray(policy->nodes, room, sizeof(*nodes));

		if (!nodes) {
			ml_policy_no_memory(reader);
			return NULL;
		}
		policy->nodes = nodes;
		policy->node_room = room;
	}
	policy->nodes[used] = (struct policy_node){ .user = POLICY_NONE, .tunnel = TUNNEL_DEFAULT };
	return &policy->nodes[used];
}

static int node_define(struct policy_reader *reader, const struct ml_hujson_member *member,
		       struct policy_node *node)
{
	struct policy_name *name;
	int err;

	/* What passes here must pass in a leaf, too. */
	if (!ml_name_valid(member->key))
		return policy_fail(reader, member, "\"%.80s\" is not a node's name: " ML_NAME_RULE,
				   member->key);
	if (ml_policy_reads_as_address(member->key))
		return policy_fail(reader, member, "\"%.80s\" reads as an address or a range; expected "
				   "another name for a node", member->key);
	err = ml_policy_name_add(reader, POLICY_NODE, member->key, &node->name_index);
	if (err)
		return err;
	name = &reader->policy->names.items[node->name_index];
	if (name->line)
		return policy_fail(reader, member, "\"%s\" is already defined at line %u, column %u",
				   member->key, name->line, name->column);
	name->line = member->line;
	name->column = member->column;
	name->index = (uint32_t)reader->policy->node_count;
	node->name = name->text;
	return 0;
}

static int node_read(struct policy_reader *reader, const struct ml_hujson_member *member,
		     struct policy_claims *claims)
{
	struct policy_node *node = ml_policy_node_add(reader);
	int err;

	if (!node)
		return -ENOMEM;
	err = node_define(reader, member, node);
	if (!err)
		err = node_fill(reader, &member->value, node, (uint32_t)reader->policy->node_count,
				claims);
	if (!err)
		reader->policy->node_count++;
	return err;
}

static int order_compare(const void *a, const void *b, void *arg)
{
	const struct policy_node *nodes = arg;

	return strcmp(nodes[*(const uint32_t *)a].name, nodes[*(const uint32_t *)b].name);
}

static int nodes_order(struct policy_reader *reader)
{
	struct ml_policy *policy = reader->policy;

	policy->node_order = reallocarray(NULL, policy->node_count + 1, sizeof(uint32_t));
	if (!policy->node_order)
		return ml_policy_no_memory(reader);
	for (size_t i = 0; i < policy->node_count; i++)
		policy->node_order[i] = (uint32_t)i;
	qsort_r(policy->node_order, policy->node_count, sizeof(uint32_t), order_compare,
		policy->nodes);
	return 0;
}

static int source_nodes_read(struct policy_reader *reader, const struct ml_hujson_value *section,
			     struct policy_claims *claims)
{
	int err = ml_policy_expect(reader, section, ML_HUJSON_OBJECT, "nodes");

	if (err)
		return err;
	if (section->object.count > POLICY_MAX_NODES)
		return policy_fail_code(reader, -E2BIG, section, "more than %u nodes", POLICY_MAX_NODES);
	reader->policy->has_nodes = true;
	for (size_t i = 0; !err && i < section->object.count; i++)
		err = node_read(reader, &section->object.members[i], claims);
	return err;
}

/* ORDER: what the source says of a name comes first, so that errors can name its line. */
int ml_policy_nodes_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	struct policy_claims claims = { 0 };
	int err = section ? source_nodes_read(reader, section, &claims) : 0;

	reader->policy->source_node_count = reader->policy->node_count;
	if (!err)
		err = ml_policy_members_add(reader, &claims);
	if (!err)
		err = ml_policy_claims_check(reader, &claims);
	ml_policy_claims_clean(&claims);
	return err ? err : nodes_order(reader);
}

uint32_t ml_policy_node_find(const struct ml_policy *policy, const char *name)
{
	uint32_t found = ml_policy_name_find(policy, name);

	if (found == POLICY_NONE || policy->names.items[found].kind != POLICY_NODE)
		return POLICY_NONE;
	return policy->names.items[found].index;
}
