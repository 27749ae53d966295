// SPDX-License-Identifier: MIT
/*
 * What the bundle of a node is made of, as a digest: the source, the rules that
 * speak of it, and all that its peers are known by. So a generation is made
 * again only where something changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policy_reach.h"

/* Prefixes are compared and hashed as they lie in memory: they have no padding. */
_Static_assert(sizeof(struct ml_prefix) == 18, "no padding");

/* With its NUL, so that two texts are not taken for two others. */
static void hash_text(crypto_generichash_state *state, const char *text)
{
	const char *known = text ? text : "";

	crypto_generichash_update(state, (const uint8_t *)known, strlen(known) + 1);
}

static void hash_prefixes(crypto_generichash_state *state, const struct ml_prefix *prefixes,
			  size_t count)
{
	uint64_t number = count;

	crypto_generichash_update(state, (const uint8_t *)&number, sizeof(number));
	if (count)
		crypto_generichash_update(state, (const uint8_t *)prefixes,
					  count * sizeof(*prefixes));
}

static void record_hash(const struct ml_policy *policy, const struct policy_node *node,
			uint8_t ret[static 32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	hash_text(&state, node->name);
	hash_text(&state, node->user == POLICY_NONE ? NULL : policy->names.items[node->user].text);
	hash_prefixes(&state, node->addresses, node->address_count);
	hash_prefixes(&state, node->routes, node->route_count);
	hash_text(&state, node->public_key);
	hash_text(&state, node->endpoint);
	for (size_t i = 0; i < node->tag_count; i++)
		hash_text(&state, node->tags[i]);
	crypto_generichash_final(&state, ret, 32);
}

/* What is the same for all. The internet is what no node has of it. */
static void settings_hash(const struct ml_policy *policy, uint8_t ret[static 32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, policy->digest, sizeof(policy->digest));
	for (size_t i = 0; i < policy->internet.count; i++) {
		const struct ml_range *range = &policy->internet.items[i];

		crypto_generichash_update(&state, (const uint8_t *)&range->first,
					  sizeof(range->first));
		crypto_generichash_update(&state, (const uint8_t *)&range->last,
					  sizeof(range->last));
	}
	for (size_t i = 0; i < policy->exit.node_count; i++)
		hash_text(&state, policy->nodes[policy->exit.nodes[i]].name);
	crypto_generichash_final(&state, ret, 32);
}

static void class_hash(const struct ml_policy_reach *reach, const uint8_t settings[static 32],
		       struct policy_class *class)
{
	uint64_t rules = class->rule_count;
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, settings, 32);
	crypto_generichash_update(&state, (const uint8_t *)&rules, sizeof(rules));
	for (uint32_t i = 0; i < class->rule_count; i++) {
		uint64_t id = reach->policy->rules.items[class->rules[i]].id;

		crypto_generichash_update(&state, (const uint8_t *)&id, sizeof(id));
	}
	for (uint32_t i = 0; i < class->reach_count; i++)
		crypto_generichash_update(&state, reach->records[class->reach[i]], 32);
	crypto_generichash_final(&state, class->digest, 32);
}

int ml_policy_reach_digests(struct ml_policy_reach *reach)
{
	const struct ml_policy *policy = reach->policy;
	uint8_t settings[32];

	reach->records = calloc(policy->node_count + 1, sizeof(*reach->records));
	if (!reach->records)
		return -ENOMEM;
	for (size_t i = 0; i < policy->node_count; i++)
		record_hash(policy, ml_policy_node_at(policy, (uint32_t)i), reach->records[i]);
	settings_hash(policy, settings);
	for (size_t i = 0; i < reach->class_count; i++)
		class_hash(reach, settings, &reach->classes[i]);
	return 0;
}

void ml_policy_reach_digest(const struct ml_policy_reach *reach, size_t index,
			    uint8_t ret[static 32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, reach->classes[reach->class_of[index]].digest, 32);
	crypto_generichash_update(&state, reach->records[index], 32);
	crypto_generichash_final(&state, ret, 32);
}
