// SPDX-License-Identifier: MIT
/* The sections of a policy, and in which order they need each other. */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policy_read.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct sections {
	const struct ml_hujson_value *groups, *hosts, *tag_owners, *ipsets, *grants, *acls, *deny,
		*tests, *network, *nodes, *exit, *dns, *guard;
};

static int sections_find(struct policy_reader *reader, const struct ml_hujson_value *root,
			 struct sections *s)
{
	const struct policy_field fields[] = {
		{ "groups", POLICY_FIELD_OPTIONAL, &s->groups, NULL },
		{ "hosts", POLICY_FIELD_OPTIONAL, &s->hosts, NULL },
		{ "tagOwners", POLICY_FIELD_OPTIONAL, &s->tag_owners, NULL },
		{ "ipsets", POLICY_FIELD_OPTIONAL, &s->ipsets, NULL },
		{ "grants", POLICY_FIELD_OPTIONAL, &s->grants, NULL },
		{ "acls", POLICY_FIELD_OPTIONAL, &s->acls, NULL },
		{ "deny", POLICY_FIELD_OPTIONAL, &s->deny, NULL },
		{ "tests", POLICY_FIELD_OPTIONAL, &s->tests, NULL },
		{ "network", POLICY_FIELD_OPTIONAL, &s->network, NULL },
		{ "nodes", POLICY_FIELD_OPTIONAL, &s->nodes, NULL },
		{ "exit", POLICY_FIELD_OPTIONAL, &s->exit, NULL },
		{ "dns", POLICY_FIELD_OPTIONAL, &s->dns, NULL },
		{ "guard", POLICY_FIELD_OPTIONAL, &s->guard, NULL },
		{ "ssh", POLICY_FIELD_REFUSED, NULL, "grant tcp:22 instead" },
		{ "sshTests", POLICY_FIELD_REFUSED, NULL, "test port 22 in \"tests\"" },
		{ "nodeAttrs", POLICY_FIELD_REFUSED, NULL, "nodes are described in \"nodes\"" },
		{ "autoApprovers", POLICY_FIELD_REFUSED, NULL, "routes are named in \"nodes\"" },
		{ "postures", POLICY_FIELD_REFUSED, NULL, "there are no device postures" },
		{ "defaultSrcPosture", POLICY_FIELD_REFUSED, NULL, "there are no device postures" },
		{ "derpMap", POLICY_FIELD_REFUSED, NULL, "take it out" },
		{ "randomizeClientPort", POLICY_FIELD_REFUSED, NULL, "take it out" },
		{ "disableIPv4", POLICY_FIELD_REFUSED, NULL, "name the addresses in \"nodes\"" },
		{ "OneCGNATRoute", POLICY_FIELD_REFUSED, NULL, "take it out" },
		{ "attrConfig", POLICY_FIELD_REFUSED, NULL, "take it out" },
	};

	return ml_policy_fields(reader, root, "the policy", fields, LENGTH(fields));
}

/* ORDER: names first; ipsets may hold hosts and the internet; owners of tags may be tags. */
static int names_read(struct policy_reader *reader, const struct sections *s)
{
	int err = s->groups ? ml_policy_groups_read(reader, s->groups) : 0;

	if (!err && s->hosts)
		err = ml_policy_hosts_read(reader, s->hosts);
	if (!err && s->tag_owners)
		err = ml_policy_tags_read(reader, s->tag_owners);
	if (!err && s->tag_owners)
		err = ml_policy_tag_owners_check(reader, s->tag_owners);
	if (!err && s->network)
		err = ml_policy_network_read(reader, s->network);
	if (!err)
		err = ml_policy_nodes_read(reader, s->nodes);
	if (!err)
		err = ml_policy_internet_resolve(reader);
	if (!err && s->ipsets)
		err = ml_policy_ipsets_read(reader, s->ipsets);
	return err ? err : ml_policy_ipsets_resolve(reader);
}

static int rules_read(struct policy_reader *reader, const struct sections *s)
{
	int err = s->grants ? ml_policy_grants_read(reader, s->grants, "grants",
						    &reader->policy->rules) : 0;

	if (!err && s->acls)
		err = ml_policy_acls_read(reader, s->acls);
	if (!err && s->deny)
		err = ml_policy_deny_read(reader, s->deny);
	if (!err && s->tests)
		err = ml_policy_tests_read(reader, s->tests);
	return err;
}

static int settings_read(struct policy_reader *reader, const struct sections *s)
{
	struct ml_policy *policy = reader->policy;
	int err = s->exit ? ml_policy_exit_read(reader, s->exit) : 0;

	if (!err && s->dns)
		err = ml_policy_dns_read(reader, s->dns);
	if (!err && s->guard)
		err = ml_policy_guard_read(reader, s->guard, &policy->guard);
	if (!err)
		err = ml_policy_guard_rules(reader, &policy->guard);
	for (size_t i = 0; !err && i < policy->node_count; i++)
		err = ml_policy_guard_rules(reader, &policy->nodes[i].guard);
	return err;
}

/* ORDER: autogroup:self is expanded here, when every user has been named. */
static int rules_seal(struct policy_reader *reader)
{
	struct ml_policy *policy = reader->policy;
	int err = ml_policy_rules_seal(reader, &policy->rules);

	if (!err)
		err = ml_policy_rules_seal(reader, &policy->guard.last_resort_rules);
	for (size_t i = 0; !err && i < policy->node_count; i++)
		err = ml_policy_rules_seal(reader, &policy->nodes[i].guard.last_resort_rules);
	return err;
}

/* ORDER: stand-ins are for those who have no node when everything is read. */
static int policy_read(struct policy_reader *reader)
{
	struct sections sections = { 0 };
	int err = sections_find(reader, ml_hujson_root(reader->policy->document), &sections);

	if (!err)
		err = names_read(reader, &sections);
	if (!err)
		err = settings_read(reader, &sections);
	if (!err)
		err = rules_read(reader, &sections);
	if (!err)
		err = rules_seal(reader);
	return err ? err : ml_policy_stand_ins_add(reader);
}

int ml_policy_parse_with(const char *file, const char *text, size_t length,
			 const struct ml_policy_enrolled *enrolled, struct ml_policy **ret,
			 struct ml_error *error)
{
	struct ml_policy *policy = calloc(1, sizeof(*policy));
	struct policy_reader reader = { policy, error, enrolled };
	int err;

	if (!policy)
		return ml_error_set(error, -ENOMEM, "out of memory");
	policy->file = strdup(file);
	if (!policy->file)
		err = ml_policy_no_memory(&reader);
	else if (length > ML_POLICY_MAX_BYTES)
		err = ml_error_at(error, -E2BIG, file, 0, 0, "more than %u bytes of policy",
				  ML_POLICY_MAX_BYTES);
	else
		err = ml_hujson_parse(file, text, length, &policy->document, error);
	if (!err)
		err = policy_read(&reader);
	if (err) {
		ml_policy_free(policy);
		return err;
	}
	crypto_generichash(policy->digest, sizeof(policy->digest), (const uint8_t *)text, length,
			   NULL, 0);
	*ret = policy;
	return 0;
}

int ml_policy_parse(const char *file, const char *text, size_t length,
		    struct ml_policy **ret, struct ml_error *error)
{
	return ml_policy_parse_with(file, text, length, NULL, ret, error);
}

void ml_policy_free(struct ml_policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->ipset_count; i++)
		ml_ranges_clean(&policy->ipsets[i].ranges);
	for (size_t i = 0; i < policy->probe_count; i++)
		ml_services_clean(&policy->probes[i].services);
	for (size_t i = 0; i < policy->node_count; i++)
		free(policy->nodes[i].guard.last_resort_rules.items);
	ml_ranges_clean(&policy->internet);
	ml_ranges_clean(&policy->dns.resolvers);
	free(policy->guard.last_resort_rules.items);
	free(policy->rules.items);
	free(policy->probes);
	free(policy->ipsets);
	free(policy->nodes);
	free(policy->node_order);
	ml_policy_names_clean(&policy->names);
	ml_arena_clean(&policy->arena);
	ml_hujson_free(policy->document);
	free(policy->file);
	free(policy);
}

size_t ml_policy_node_count(const struct ml_policy *policy)
{
	return policy->node_count;
}

const char *ml_policy_node_name(const struct ml_policy *policy, size_t index)
{
	return policy->nodes[policy->node_order[index]].name;
}

size_t ml_policy_test_count(const struct ml_policy *policy)
{
	return policy->probe_count;
}

int ml_policy_node_get(const struct ml_policy *policy, const char *name,
		       const struct policy_node **ret, struct ml_error *error)
{
	uint32_t index;

	*ret = NULL;
	if (!name)
		return 0;
	index = ml_policy_node_find(policy, name);
	if (index == POLICY_NONE)
		return ml_error_at(error, -ENOENT, policy->file, 0, 0, "no node \"%s\" in this policy",
				   name);
	*ret = &policy->nodes[index];
	return 0;
}

int ml_policy_others_all(const struct ml_policy *policy, const struct policy_node *node,
			 struct policy_others *ret)
{
	const struct policy_node **items = reallocarray(NULL, policy->node_count + 1,
							sizeof(*items));
	size_t count = 0;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < policy->node_count; i++)
		if (&policy->nodes[policy->node_order[i]] != node)
			items[count++] = &policy->nodes[policy->node_order[i]];
	*ret = (struct policy_others){ items, count };
	return 0;
}

void ml_policy_others_clean(struct policy_others *others)
{
	free(others->items);
}

int ml_policy_ruleset(const struct ml_policy *policy, const char *node,
		      struct ml_ruleset *ret, struct ml_error *error)
{
	const struct policy_node *found;
	int err = ml_policy_node_get(policy, node, &found, error);

	return err ? err : ml_policy_ruleset_view(policy, found, POLICY_VIEW_REAL, ret, error);
}
