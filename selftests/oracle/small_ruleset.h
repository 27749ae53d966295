/* SPDX-License-Identifier: MIT */
/*
 * A ruleset by hand, with something in every section of its image: what the
 * golden digest is of, and what the refusals are tried on.
 */
#ifndef SMALL_RULESET_H
#define SMALL_RULESET_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "random_ruleset.h"

/* "10.0.0.0/8": @text must be one. */
static inline struct ml_prefix prefix_of(const char *text)
{
	struct ml_prefix prefix = { 0 };
	char address[64];
	const char *slash = strchr(text, '/');

	prefix.family = strchr(text, ':') ? AF_INET6 : AF_INET;
	prefix.length = prefix.family == AF_INET ? 32 : 128;
	if (slash)
		prefix.length = (uint8_t)atoi(slash + 1);
	snprintf(address, sizeof(address), "%.*s",
		 slash ? (int)(slash - text) : (int)strlen(text), text);
	if (inet_pton(prefix.family, address, prefix.address) != 1)
		abort();
	return prefix;
}

/* A set of the @prefixes, separated by blanks; "*" is any. Return: its index. */
static inline uint32_t add_set(struct ml_ruleset *ruleset, const char *prefixes)
{
	char *copy = must(strdup(prefixes)), *rest = copy, *word;
	struct ml_set *set;

	ruleset->sets = must(reallocarray(ruleset->sets, ruleset->set_count + 1, sizeof(*set)));
	set = &ruleset->sets[ruleset->set_count];
	*set = (struct ml_set){ .name = must(strdup(prefixes)) };
	while ((word = strsep(&rest, " "))) {
		if (!strcmp(word, "*")) {
			set->any = true;
			continue;
		}
		if (!*word)
			continue;
		set->prefixes = must(reallocarray(set->prefixes, set->prefix_count + 1,
						  sizeof(*set->prefixes)));
		set->prefixes[set->prefix_count++] = prefix_of(word);
	}
	set->prefix_count = sort_prefixes(set->prefixes, set->prefix_count);
	free(copy);
	return (uint32_t)ruleset->set_count++;
}

/* A rule with one set and one service range on each side. */
static inline struct ml_rule *add_rule(struct ml_ruleset *ruleset, uint64_t id, uint8_t action,
				       const char *source, const char *destination,
				       int protocol, unsigned int first, unsigned int last)
{
	uint32_t from = add_set(ruleset, source), to = add_set(ruleset, destination);
	struct ml_rule *rule;

	ruleset->rules = must(reallocarray(ruleset->rules, ruleset->rule_count + 1, sizeof(*rule)));
	rule = &ruleset->rules[ruleset->rule_count++];
	*rule = (struct ml_rule){ .id = id, .action = action };
	rule->source_count = rule->destination_count = rule->service_count = 1;
	rule->sources = must(calloc(1, sizeof(*rule->sources)));
	rule->destinations = must(calloc(1, sizeof(*rule->destinations)));
	rule->services = must(calloc(1, sizeof(*rule->services)));
	*rule->sources = from;
	*rule->destinations = to;
	*rule->services = (struct ml_service_range){ (int16_t)protocol, (uint16_t)first,
						     (uint16_t)last };
	return rule;
}

static inline void add_tunnel(struct ml_ruleset *ruleset, const char *name, bool ignored)
{
	struct ml_tunnel *tunnel;

	ruleset->tunnels = must(reallocarray(ruleset->tunnels, ruleset->tunnel_count + 1,
					     sizeof(*tunnel)));
	tunnel = &ruleset->tunnels[ruleset->tunnel_count++];
	memset(tunnel, 0, sizeof(*tunnel));
	if (strlen(name) >= sizeof(tunnel->name))
		abort();
	memcpy(tunnel->name, name, strlen(name) + 1);
	tunnel->ignored = ignored;
}

static inline void add_owner(struct ml_ruleset *ruleset, const char *prefix, uint8_t tunnel)
{
	ruleset->owners = must(reallocarray(ruleset->owners, ruleset->owner_count + 1,
					    sizeof(*ruleset->owners)));
	ruleset->owners[ruleset->owner_count].prefix = prefix_of(prefix);
	ruleset->owners[ruleset->owner_count++].tunnel = tunnel;
}

static inline struct ml_ruleset *small_ruleset(void)
{
	struct ml_ruleset *ruleset = must(calloc(1, sizeof(*ruleset)));

	add_tunnel(ruleset, "wg0", false);
	add_tunnel(ruleset, "wg-lab", false);
	add_tunnel(ruleset, "wgvpn", true);
	add_owner(ruleset, "10.1.0.0/16", 2);
	add_owner(ruleset, "10.7.0.1", 1);
	add_owner(ruleset, "10.7.0.2", 1);
	add_owner(ruleset, "10.7.0.3", 1);
	add_owner(ruleset, "fd07::1", 1);
	add_owner(ruleset, "fd07::2", 1);
	add_owner(ruleset, "fd07:1::/64", 2);
	add_rule(ruleset, 0x1111, MERLON_ACTION_ALLOW, "10.7.0.1 10.7.0.2 fd07::1 fd07::2",
		 "10.1.0.0/16 fd07:1::/64", 6, 80, 443);
	add_rule(ruleset, 0x2222, MERLON_ACTION_ALLOW, "10.7.0.1 fd07::1",
		 "10.1.0.0/16 10.7.0.3 fd07:1::/64", 6, 22, 22);
	add_rule(ruleset, 0x3333, MERLON_ACTION_REJECT, "10.7.0.2 fd07::2",
		 "10.1.9.0/24 fd07:1::9", ML_PROTOCOL_ANY, 0, 65535);
	add_rule(ruleset, 0x4444, MERLON_ACTION_ALLOW, "*", "10.7.0.3", 17, 53, 53);
	add_rule(ruleset, 0x5555, MERLON_ACTION_ALLOW, "10.7.0.1 fd07::1", "*", 1, 8, 8);
	add_rule(ruleset, 0x6666, MERLON_ACTION_DROP, "10.7.0.0/24 fd07::/32", "10.1.9.9",
		 ML_PROTOCOL_ANY, 135, 139);
	return ruleset;
}

#endif
