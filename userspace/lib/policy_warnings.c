// SPDX-License-Identifier: MIT
/* What is valid, and will hardly do what its author wants. */
#include <linux/merlon.h>

#include "policy_model.h"

struct wishes {
	bool allow_in_vain, lookups_beside, last_resort;
};

static void wishes_add(struct wishes *wishes, const struct ml_policy *policy,
		       const struct policy_node *node)
{
	const struct policy_guard guard = ml_policy_guard_of(policy, node);
	bool everything = ml_policy_guard_everything(&guard);

	if (guard.allowance_count && !everything)
		wishes->allow_in_vain = true;
	if (policy->dns.guard && !everything && !ml_policy_dns_is_resolver(policy, node))
		wishes->lookups_beside = true;
	if (guard.last_resort_rules.count)
		wishes->last_resort = true;
}

static bool grants_anything(const struct ml_policy *policy)
{
	for (size_t i = 0; i < policy->rules.count; i++)
		if (policy->rules.items[i].action == MERLON_ACTION_ALLOW)
			return true;
	return false;
}

static bool names_nodes(const struct ml_policy *policy, const uint32_t *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		switch (policy->names.items[names[i]].kind) {
		case POLICY_USER:
		case POLICY_GROUP:
		case POLICY_TAG:
		case POLICY_MEMBER:
		case POLICY_TAGGED:
			return true;
		}
	}
	return false;
}

/* A file of Tailscale's has its nodes elsewhere, and passes for a policy all the same. */
static bool lacks_nodes(const struct ml_policy *policy)
{
	for (size_t i = 0; !policy->has_nodes && i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];

		if (names_nodes(policy, rule->sources, rule->source_count) ||
		    names_nodes(policy, rule->destinations, rule->destination_count))
			return true;
	}
	return false;
}

size_t ml_policy_warnings(const struct ml_policy *policy,
			  const char *ret[static ML_POLICY_WARNINGS])
{
	struct wishes wishes = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < policy->node_count; i++)
		wishes_add(&wishes, policy, &policy->nodes[i]);
	if (!policy->node_count)
		wishes_add(&wishes, policy, NULL);
	if (wishes.allow_in_vain)
		ret[count++] = "guard.allow has no effect in the scope tunnels: what leaves beside the tunnel is held back in the scope everything alone";
	if (wishes.lookups_beside)
		ret[count++] = "dns.guard in the scope tunnels holds lookups that come or leave by a tunnel: those beside it are held back in the scope everything alone";
	if (wishes.last_resort)
		ret[count++] = "guard.lastResort has no effect: once the policy has expired, this module lets nothing through the tunnels";
	if (policy->exit.present)
		ret[count++] = "exit has no effect: grants alone say who may go out, and this module closes nobody's own LAN";
	if (lacks_nodes(policy))
		ret[count++] = "there is no section \"nodes\": users, groups and tags mean no address; only hosts, addresses and * will match a packet";
	if (!grants_anything(policy))
		ret[count++] = "nothing is granted: everything will be denied";
	return count;
}
