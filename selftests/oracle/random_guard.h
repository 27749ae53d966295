/* SPDX-License-Identifier: MIT */
/*
 * Random guards, and packets with circumstances: a ruleset whose sources are
 * numbers of devices, users and control groups (linux/merlon.h, THE GUARD).
 */
#ifndef RANDOM_GUARD_H
#define RANDOM_GUARD_H

#include "random_ruleset.h"

/* Of both families alike, as the numbers mean the same in each. */
static inline void circumstance_set(struct chance *chance, const struct ml_guard *guard,
				    struct ml_set *set)
{
	size_t i, count = 1 + chance_below(chance, 6);

	set->prefixes = must(calloc(2 * count, sizeof(*set->prefixes)));
	for (i = 0; i < count; i++) {
		struct ml_prefix *four = &set->prefixes[2 * i], *six = four + 1;
		uint8_t bytes[4] = {
			(uint8_t)chance_below(chance, 2),
			(uint8_t)chance_below(chance, (uint32_t)guard->device_count + 1),
			(uint8_t)chance_below(chance, (uint32_t)guard->user_count + 1),
			(uint8_t)chance_below(chance, (uint32_t)guard->cgroup_count + 1),
		};

		four->family = AF_INET;
		four->length = (uint8_t)(8 * (1 + chance_below(chance, 4)));
		memcpy(four->address, bytes, four->length / 8);
		six->family = AF_INET6;
		six->length = (uint8_t)(96 + four->length);
		memcpy(six->address + 12, four->address, 4);
	}
	set->prefix_count = sort_prefixes(set->prefixes, 2 * count);
}

/* Every rule gets one or two of the circumstances, or, now and then, any. */
static inline void circumstances_give(struct chance *chance, struct ml_guard *guard)
{
	struct ml_ruleset *rules = &guard->rules;
	size_t i, first = rules->set_count, count = 1 + chance_below(chance, 8);

	rules->sets = must(reallocarray(rules->sets, first + count, sizeof(*rules->sets)));
	memset(&rules->sets[first], 0, count * sizeof(*rules->sets));
	for (i = 0; i < count; i++, rules->set_count++) {
		if (chance_one_in(chance, 6))
			rules->sets[first + i].any = true;
		else
			circumstance_set(chance, guard, &rules->sets[first + i]);
	}
	for (i = 0; i < rules->rule_count; i++) {
		struct ml_rule *rule = &rules->rules[i];

		rule->sources = must(reallocarray(rule->sources, 1, sizeof(*rule->sources)));
		rule->sources[0] = (uint32_t)(first + chance_below(chance, (uint32_t)count));
		rule->source_count = 1;
	}
}

static inline void conditions_name(struct chance *chance, struct ml_guard *guard)
{
	static const char *const cgroups[] = { "/a", "/a-b", "/b/c", "/system.slice/x.service" };
	size_t i;

	guard->device_count = chance_below(chance, 5);
	guard->user_count = chance_below(chance, 5);
	guard->cgroup_count = chance_below(chance, 5);
	guard->devices = must(calloc(guard->device_count + 1, sizeof(*guard->devices)));
	guard->users = must(calloc(guard->user_count + 1, sizeof(*guard->users)));
	guard->cgroups = must(calloc(guard->cgroup_count + 1, sizeof(*guard->cgroups)));
	for (i = 0; i < guard->device_count; i++) {
		strcpy(guard->devices[i], "eth0");
		guard->devices[i][3] = (char)('0' + i);
	}
	for (i = 0; i < guard->user_count; i++)
		guard->users[i] = (uint32_t)(i * 1000);
	for (i = 0; i < guard->cgroup_count; i++)
		strcpy(guard->cgroups[i], cgroups[i]);
}

/* Gives @ruleset a guard of at least one rule. */
static inline void random_guard(struct chance *chance, struct ml_ruleset *ruleset,
				uint32_t max_sets, uint32_t max_rules)
{
	struct ml_guard *guard = must(calloc(1, sizeof(*guard)));
	struct ml_ruleset *rules;

	do {
		rules = random_ruleset(chance, max_sets, max_rules);
		if (!rules->rule_count) {
			ml_ruleset_free(rules);
			free(rules);
			rules = NULL;
		}
	} while (!rules && (!chance->bytes || chance->left));
	if (!rules) {
		free(guard);
		return;
	}
	guard->rules = *rules;
	free(rules);
	guard->rules.reject_unmatched = false;
	guard->rules.tunnel_count = guard->rules.owner_count = 0;
	conditions_name(chance, guard);
	circumstances_give(chance, guard);
	ruleset->guard = guard;
}

/* A packet with circumstances as the kernel finds them: numbers that are there. */
static inline void random_guarded_packet(struct chance *chance, const struct ml_guard *guard,
					 struct ml_packet *packet)
{
	uint8_t *bytes;

	random_packet(chance, &guard->rules, packet);
	memset(packet->source, 0, sizeof(packet->source));
	bytes = packet->source + (packet->family == AF_INET ? 0 : 12);
	bytes[0] = (uint8_t)chance_below(chance, 2);
	bytes[1] = (uint8_t)chance_below(chance, (uint32_t)guard->device_count + 1);
	bytes[2] = (uint8_t)chance_below(chance, (uint32_t)guard->user_count + 1);
	bytes[3] = (uint8_t)chance_below(chance, (uint32_t)guard->cgroup_count + 1);
}

#endif
