/* SPDX-License-Identifier: MIT */
/*
 * Rulesets of a given size, for measuring: @peers nodes with an address of
 * each family, owned by tunnel 1, and @rules rules, each from one peer to
 * another for one of a few services. With groups, the sources are groups of
 * a tenth of the peers each; with any, every tenth rule is from any address.
 */
#ifndef LARGE_RULESET_H
#define LARGE_RULESET_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset.h"
#include "random_ruleset.h"

struct large {
	uint32_t peers, rules;
	bool groups, any;
	bool only4, only6;	/* addresses of one family only */
};

static inline struct ml_prefix peer_prefix(uint32_t peer, uint8_t family)
{
	struct ml_prefix prefix = {
		.family = family, .length = family == AF_INET ? 32 : 128,
	};
	uint32_t low = htonl(peer + 2), address = htonl(0x64400000 + peer + 2);

	if (family == AF_INET) {
		memcpy(prefix.address, &address, 4);
		return prefix;
	}
	memcpy(prefix.address, (const uint8_t []){ 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 }, 6);
	memcpy(prefix.address + 12, &low, 4);
	return prefix;
}

static inline void add_peer(const struct large *large, struct ml_set *set, uint32_t peer)
{
	if (!large->only6)
		set->prefixes[set->prefix_count++] = peer_prefix(peer, AF_INET);
	if (!large->only4)
		set->prefixes[set->prefix_count++] = peer_prefix(peer, AF_INET6);
}

static inline void large_sets(const struct large *large, struct ml_ruleset *ruleset)
{
	uint32_t i, j;

	ruleset->set_count = large->peers + 11;
	ruleset->sets = must(calloc(ruleset->set_count, sizeof(*ruleset->sets)));
	for (i = 0; i < large->peers; i++) {
		ruleset->sets[i].prefixes = must(calloc(2, sizeof(struct ml_prefix)));
		add_peer(large, &ruleset->sets[i], i);
	}
	for (i = 0; i < 10; i++) {
		struct ml_set *set = &ruleset->sets[large->peers + i];

		set->prefixes = must(calloc(large->peers / 5 + 4, sizeof(struct ml_prefix)));
		for (j = i; j < large->peers; j += 10)
			add_peer(large, set, j);
		set->prefix_count = sort_prefixes(set->prefixes, set->prefix_count);
	}
	ruleset->sets[large->peers + 10].any = true;
}

static inline void large_rule(const struct large *large, struct ml_rule *rule, uint32_t i)
{
	uint32_t source = i % large->peers;
	uint32_t destination = (uint32_t)(((uint64_t)i * 7919 + 1) % large->peers);

	if (large->groups)
		source = large->peers + i / 10 % 10;
	if (large->any && i % 10 == 1)
		source = large->peers + 10;
	rule->id = (uint64_t)i * 0x100000001u + 1;
	rule->action = i % 16 == 5 ? MERLON_ACTION_DROP : MERLON_ACTION_ALLOW;
	rule->sources = must(calloc(1, sizeof(uint32_t)));
	rule->destinations = must(calloc(1, sizeof(uint32_t)));
	rule->services = must(calloc(1, sizeof(*rule->services)));
	rule->source_count = rule->destination_count = rule->service_count = 1;
	*rule->sources = source;
	*rule->destinations = destination;
	rule->services->protocol = i % 3 ? 6 : 17;
	rule->services->first = rule->services->last = (uint16_t)(1000 + i % 50);
}

static inline void large_owners(const struct large *large, struct ml_ruleset *ruleset)
{
	uint32_t i;
	int family;

	ruleset->tunnels = must(calloc(1, sizeof(*ruleset->tunnels)));
	strcpy(ruleset->tunnels[0].name, "wg0");
	ruleset->tunnel_count = 1;
	ruleset->owners = must(calloc(2 * (size_t)large->peers, sizeof(*ruleset->owners)));
	for (family = 0; family < 2; family++)
		for (i = 0; i < large->peers; i++) {
			struct ml_owner *owner = &ruleset->owners[ruleset->owner_count];

			if (family ? large->only4 : large->only6)
				continue;
			owner->prefix = peer_prefix(i, family ? AF_INET6 : AF_INET);
			owner->tunnel = 1;
			ruleset->owner_count++;
		}
}

static inline struct ml_ruleset *large_ruleset(const struct large *large)
{
	struct ml_ruleset *ruleset = must(calloc(1, sizeof(*ruleset)));
	uint32_t i;

	large_sets(large, ruleset);
	ruleset->rule_count = large->rules;
	ruleset->rules = must(calloc(large->rules, sizeof(*ruleset->rules)));
	for (i = 0; i < large->rules; i++)
		large_rule(large, &ruleset->rules[i], i);
	large_owners(large, ruleset);
	return ruleset;
}

#endif
