// SPDX-License-Identifier: MIT
/* From a policy to the ruleset of one node. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "policy_reach.h"
#include "policy_read.h"

/* A ruleset while it is made. */
struct build {
	const struct ml_policy *policy;
	const struct policy_node *node;	/* or NULL */
	enum policy_view view;
	const struct policy_others *others;
	const struct ml_policy_reach *reach;	/* NULL: all rules and nodes */
	uint32_t rank;			/* of the node there */
	uint32_t *set_of;		/* by name: number of its set + 1 */
	uint32_t *used;			/* names that rules use, ascending by text */
	size_t used_count;
	struct ml_ruleset *ruleset;
};

static const struct policy_class *class_of(const struct build *build)
{
	return &build->reach->classes[build->reach->class_of[build->rank]];
}

static size_t rule_count(const struct build *build)
{
	return build->reach ? class_of(build)->rule_count : build->policy->rules.count;
}

static const struct policy_rule *rule_at(const struct build *build, size_t i)
{
	return &build->policy->rules.items[build->reach ? class_of(build)->rules[i] : i];
}

static void mark(struct build *build, const uint32_t *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (build->set_of[names[i]])
			continue;
		build->set_of[names[i]] = 1;
		build->used[build->used_count++] = names[i];
	}
}

static int text_compare(const void *a, const void *b, void *arg)
{
	const struct policy_name *names = arg;

	return strcmp(names[*(const uint32_t *)a].text, names[*(const uint32_t *)b].text);
}

static int sets_number(struct build *build)
{
	const struct ml_policy *policy = build->policy;

	build->set_of = calloc(policy->names.count + 1, sizeof(*build->set_of));
	build->used = calloc(policy->names.count + 1, sizeof(*build->used));
	if (!build->set_of || !build->used)
		return -ENOMEM;
	for (size_t i = 0; i < rule_count(build); i++) {
		mark(build, rule_at(build, i)->sources, rule_at(build, i)->source_count);
		mark(build, rule_at(build, i)->destinations, rule_at(build, i)->destination_count);
	}
	qsort_r(build->used, build->used_count, sizeof(*build->used), text_compare,
		policy->names.items);
	for (size_t i = 0; i < build->used_count; i++)
		build->set_of[build->used[i]] = (uint32_t)i + 1;
	return 0;
}

static int known_addresses(const struct build *build, uint32_t name, struct ml_prefixes *ret)
{
	const struct policy_node *node = build->node;
	uint32_t rank = build->rank;

	for (size_t i = 0; i <= build->others->count; i++) {
		if (ml_policy_reach_means(build->reach, name, rank) &&
		    ml_prefixes_add_all(ret, node->addresses, node->address_count))
			return -ENOMEM;
		if (i == build->others->count)
			break;
		node = build->others->items[i];
		rank = build->reach->rank_of[node - build->policy->nodes];
	}
	ml_prefixes_normalise(ret);
	return 0;
}

/* A selector that means nodes means those that are known; addresses are what they are. */
static int set_resolve(const struct build *build, uint32_t name, struct ml_prefixes *ret,
		       bool *ret_any)
{
	switch ((enum policy_kind)build->policy->names.items[name].kind) {
	case POLICY_USER:
	case POLICY_GROUP:
	case POLICY_TAG:
	case POLICY_NODE:
	case POLICY_MEMBER:
	case POLICY_TAGGED:
		if (build->reach)
			return known_addresses(build, name, ret);
		break;
	default:
		break;
	}
	return ml_policy_resolve(build->policy, name, build->view, ret, ret_any);
}

static int set_build(const struct build *build, uint32_t name, struct ml_set *set)
{
	struct ml_prefixes prefixes = { 0 };
	int err = set_resolve(build, name, &prefixes, &set->any);

	set->prefixes = prefixes.items;
	set->prefix_count = prefixes.count;
	set->name = strdup(build->policy->names.items[name].text);
	return err || !set->name ? -ENOMEM : 0;
}

static int sets_build(struct build *build)
{
	struct ml_ruleset *ruleset = build->ruleset;
	int err = sets_number(build);

	if (err)
		return err;
	ruleset->sets = calloc(build->used_count + 1, sizeof(*ruleset->sets));
	if (!ruleset->sets)
		return -ENOMEM;
	for (size_t i = 0; !err && i < build->used_count; i++, ruleset->set_count++)
		err = set_build(build, build->used[i], &ruleset->sets[i]);
	return err;
}

static uint32_t *set_numbers(const struct build *build, const uint32_t *names, size_t count)
{
	uint32_t *numbers = reallocarray(NULL, count, sizeof(*numbers));

	for (size_t i = 0; numbers && i < count; i++)
		numbers[i] = build->set_of[names[i]] - 1;
	return numbers;
}

static int rule_build(const struct build *build, const struct policy_rule *from,
		      struct ml_rule *rule)
{
	rule->id = from->id;
	rule->action = from->action;
	rule->line = from->line;
	rule->sources = set_numbers(build, from->sources, from->source_count);
	rule->source_count = from->source_count;
	rule->destinations = set_numbers(build, from->destinations, from->destination_count);
	rule->destination_count = from->destination_count;
	rule->services = reallocarray(NULL, from->service_count, sizeof(*rule->services));
	rule->service_count = from->service_count;
	rule->text = strdup(from->text);
	if (!rule->sources || !rule->destinations || !rule->services || !rule->text)
		return -ENOMEM;
	memcpy(rule->services, from->services, from->service_count * sizeof(*rule->services));
	return 0;
}

static int rules_build(struct build *build)
{
	struct ml_ruleset *ruleset = build->ruleset;
	size_t count = rule_count(build);
	int err = 0;

	ruleset->rules = calloc(count + 1, sizeof(*ruleset->rules));
	if (!ruleset->rules)
		return -ENOMEM;
	for (size_t i = 0; !err && i < count; i++, ruleset->rule_count++)
		err = rule_build(build, rule_at(build, i), &ruleset->rules[i]);
	return err;
}

static int tunnels_build(struct build *build)
{
	struct ml_ruleset *ruleset = build->ruleset;
	const struct policy_node *node = build->node;
	size_t count = 1 + (node ? node->ignored_count : 0);

	ruleset->tunnels = calloc(count, sizeof(*ruleset->tunnels));
	if (!ruleset->tunnels)
		return -ENOMEM;
	ruleset->tunnel_count = count;
	strncpy(ruleset->tunnels[0].name, node ? node->tunnel : "wg0",
		sizeof(ruleset->tunnels[0].name) - 1);
	for (size_t i = 1; i < count; i++) {
		strncpy(ruleset->tunnels[i].name, node->ignored[i - 1],
			sizeof(ruleset->tunnels[i].name) - 1);
		ruleset->tunnels[i].ignored = true;
	}
	return 0;
}

/* Who does not know all nodes still knows where they can be. */
static int owners_find(const struct build *build, struct ml_prefixes *ret)
{
	static const struct ml_policy_pools none;

	if (!build->node)
		return 0;
	return ml_policy_owners(build->node, build->others,
				build->reach ? &build->policy->pools : &none, ret);
}

static int owners_build(struct build *build)
{
	struct ml_ruleset *ruleset = build->ruleset;
	struct ml_prefixes prefixes = { 0 };
	int err = owners_find(build, &prefixes);

	if (!err)
		ruleset->owners = calloc(prefixes.count + 1, sizeof(*ruleset->owners));
	for (size_t i = 0; ruleset->owners && i < prefixes.count; i++)
		ruleset->owners[ruleset->owner_count++] =
			(struct ml_owner){ .prefix = prefixes.items[i], .tunnel = 1 };
	ml_prefixes_clean(&prefixes);
	return ruleset->owners ? 0 : -ENOMEM;
}

static int name_compare(const void *a, const void *b)
{
	const struct ml_name *x = a, *y = b;
	int order = ml_prefix_compare(&x->prefix, &y->prefix);

	return order ? order : strcmp(x->name, y->name);
}

static int name_add(struct ml_ruleset *ruleset, const struct ml_prefix *prefix, const char *text)
{
	struct ml_name *name = &ruleset->names[ruleset->name_count];

	name->prefix = *prefix;
	name->name = strdup(text);
	ruleset->name_count += !!name->name;
	return name->name ? 0 : -ENOMEM;
}

/* Of two names for one prefix the first in byte order stays; nodes come before hosts. */
static void names_unique(struct ml_ruleset *ruleset, size_t from)
{
	size_t kept = from;

	for (size_t i = from; i < ruleset->name_count; i++) {
		if (kept && !ml_prefix_compare(&ruleset->names[kept - 1].prefix,
					       &ruleset->names[i].prefix))
			free(ruleset->names[i].name);
		else
			ruleset->names[kept++] = ruleset->names[i];
	}
	ruleset->name_count = kept;
}

static bool names_have(const struct ml_ruleset *ruleset, size_t count,
		       const struct ml_prefix *prefix)
{
	const struct ml_name key = { .prefix = *prefix };
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = ml_prefix_compare(&ruleset->names[middle].prefix, &key.prefix);

		if (!order)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static size_t names_room(const struct build *build)
{
	size_t room = 1 + build->policy->names.count + (build->node ? build->node->address_count : 0);

	for (size_t i = 0; i < build->others->count; i++)
		room += build->others->items[i]->address_count;
	return room;
}

static int node_names_add(struct ml_ruleset *ruleset, const struct policy_node *node)
{
	for (size_t i = 0; i < node->address_count; i++)
		if (name_add(ruleset, &node->addresses[i], node->name))
			return -ENOMEM;
	return 0;
}

static int host_names_add(const struct ml_policy *policy, struct ml_ruleset *ruleset)
{
	size_t nodes = ruleset->name_count;

	for (size_t i = 0; i < policy->names.count; i++) {
		const struct policy_name *name = &policy->names.items[i];

		if (name->kind != POLICY_HOST || names_have(ruleset, nodes, &name->prefixes[0]))
			continue;
		if (name_add(ruleset, &name->prefixes[0], name->text))
			return -ENOMEM;
	}
	qsort(ruleset->names, ruleset->name_count, sizeof(*ruleset->names), name_compare);
	names_unique(ruleset, 0);
	return 0;
}

static int names_build(struct build *build)
{
	const struct ml_policy *policy = build->policy;
	struct ml_ruleset *ruleset = build->ruleset;

	ruleset->names = calloc(names_room(build), sizeof(*ruleset->names));
	if (!ruleset->names || (build->node && node_names_add(ruleset, build->node)))
		return -ENOMEM;
	for (size_t i = 0; i < build->others->count; i++)
		if (node_names_add(ruleset, build->others->items[i]))
			return -ENOMEM;
	qsort(ruleset->names, ruleset->name_count, sizeof(*ruleset->names), name_compare);
	return host_names_add(policy, ruleset);
}

static int guard_build(const struct ml_policy *policy, const struct policy_node *node,
		       struct ml_ruleset *ruleset, struct ml_error *error)
{
	int err = ml_policy_guard_build(policy, node, &ruleset->guard, error);

	if (err || !ruleset->guard ||
	    ruleset->rule_count + ruleset->guard->rules.rule_count <= MERLON_MAX_RULES)
		return err;
	return ml_error_set(error, -E2BIG, "more than %u rules, those of the guard with them",
			    MERLON_MAX_RULES);
}

/* build->ruleset is empty; it is again where this fails. */
static int ruleset_build(struct build *build, struct ml_error *error)
{
	struct policy_guard guard = ml_policy_guard_of(build->policy, build->node);
	int err = sets_build(build);

	build->ruleset->reject_unmatched = ml_policy_guard_rejects(&guard);
	if (!err)
		err = rules_build(build);
	if (!err)
		err = tunnels_build(build);
	if (!err)
		err = owners_build(build);
	if (!err)
		err = names_build(build);
	free(build->set_of);
	free(build->used);
	if (err)
		ml_error_set(error, -ENOMEM, "out of memory");
	/* Tests are of grants: what they ask is which packets a tunnel may carry. */
	else if (build->view == POLICY_VIEW_REAL)
		err = guard_build(build->policy, build->node, build->ruleset, error);
	if (err)
		ml_ruleset_free(build->ruleset);
	return err;
}

int ml_policy_ruleset_view(const struct ml_policy *policy, const struct policy_node *node,
			   enum policy_view view, struct ml_ruleset *ret, struct ml_error *error)
{
	struct ml_ruleset ruleset = { .reject_unmatched = false };
	struct build build = {
		.policy = policy, .node = node, .view = view, .ruleset = &ruleset,
	};
	struct policy_others others;
	int err;

	if (ml_policy_others_all(policy, node, &others))
		return ml_error_set(error, -ENOMEM, "out of memory");
	build.others = &others;
	err = ruleset_build(&build, error);
	if (!err)
		*ret = ruleset;
	ml_policy_others_clean(&others);
	return err;
}

int ml_policy_ruleset_of(const struct ml_policy_reach *reach, size_t index,
			 struct ml_ruleset *ret, struct ml_error *error)
{
	struct ml_ruleset ruleset = { .reject_unmatched = false };
	struct build build = {
		.policy = reach->policy,
		.ruleset = &ruleset,
		.node = ml_policy_node_at(reach->policy, (uint32_t)index),
		.view = POLICY_VIEW_REAL,
		.reach = reach,
		.rank = (uint32_t)index,
	};
	struct policy_others others;
	int err;

	if (ml_policy_others_of(reach, build.rank, &others))
		return ml_error_set(error, -ENOMEM, "out of memory");
	build.others = &others;
	err = ruleset_build(&build, error);
	if (!err)
		*ret = ruleset;
	ml_policy_others_clean(&others);
	return err;
}
