// SPDX-License-Identifier: MIT
/* What is valid, and will hardly do what its author wants. */
#include <string.h>

#include <linux/merlon.h>

#include "policy_model.h"

struct wishes {
	bool everything, allow, last_resort;
};

static void wishes_add(struct wishes *wishes, const struct policy_guard *guard)
{
	if (guard->scope && !strcmp(guard->scope->string.text, "everything"))
		wishes->everything = true;
	if (guard->allow && guard->allow->array.count)
		wishes->allow = true;
	if (guard->last_resort_rules.count)
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

	wishes_add(&wishes, &policy->guard);
	for (size_t i = 0; i < policy->node_count; i++)
		wishes_add(&wishes, &policy->nodes[i].guard);
	if (wishes.everything)
		ret[count++] = "guard.scope is everything: this module guards tunnels, and what leaves outside of them is not held back";
	if (wishes.allow)
		ret[count++] = "guard.allow has no effect: its allowances are of the scope everything, which this module does not guard";
	if (wishes.last_resort)
		ret[count++] = "guard.lastResort has no effect: once the policy has expired, this module lets nothing through the tunnels";
	if (policy->dns.guard)
		ret[count++] = "dns.guard has no effect: this module stops no lookup that leaves outside of the tunnels";
	if (policy->exit.present)
		ret[count++] = "exit has no effect: grants alone say who may go out, and this module closes nobody's own LAN";
	if (lacks_nodes(policy))
		ret[count++] = "there is no section \"nodes\": users, groups and tags mean no address; only hosts, addresses and * will match a packet";
	if (!grants_anything(policy))
		ret[count++] = "nothing is granted: everything will be denied";
	return count;
}
