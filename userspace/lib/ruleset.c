/* SPDX-License-Identifier: MIT */
/*
 * The naive judge: every rule, every set, every prefix, in their order. It is
 * slow on purpose: nothing that makes the classifier fast may be found here.
 */
#include "ruleset.h"

#include <stdlib.h>
#include <string.h>
#include <linux/merlon.h>
#include <netinet/in.h>
#include <sys/socket.h>

void ml_rule_clean(struct ml_rule *rule)
{
	free(rule->sources);
	free(rule->destinations);
	free(rule->services);
	free(rule->text);
}

void ml_guard_free(struct ml_guard *guard)
{
	if (!guard)
		return;
	free(guard->devices);
	free(guard->users);
	free(guard->cgroups);
	ml_ruleset_free(&guard->rules);
	free(guard);
}

void ml_ruleset_free(struct ml_ruleset *ruleset)
{
	size_t i;

	if (!ruleset)
		return;
	for (i = 0; i < ruleset->set_count; i++) {
		free(ruleset->sets[i].name);
		free(ruleset->sets[i].prefixes);
	}
	for (i = 0; i < ruleset->rule_count; i++)
		ml_rule_clean(&ruleset->rules[i]);
	free(ruleset->sets);
	free(ruleset->rules);
	free(ruleset->tunnels);
	for (i = 0; i < ruleset->name_count; i++)
		free(ruleset->names[i].name);
	free(ruleset->owners);
	free(ruleset->names);
	ml_guard_free(ruleset->guard);
	memset(ruleset, 0, sizeof(*ruleset));
}

static bool prefix_contains(const struct ml_prefix *prefix, uint8_t family,
			    const uint8_t *address)
{
	unsigned int whole = prefix->length / 8, rest = prefix->length % 8;

	if (prefix->family != family || memcmp(prefix->address, address, whole) != 0)
		return false;
	return !rest || !((prefix->address[whole] ^ address[whole]) >> (8 - rest));
}

static bool set_contains(const struct ml_set *set, uint8_t family, const uint8_t *address)
{
	size_t i;

	if (set->any)
		return true;
	for (i = 0; i < set->prefix_count; i++)
		if (prefix_contains(&set->prefixes[i], family, address))
			return true;
	return false;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_UDPLITE;
}

static bool range_contains(const struct ml_service_range *range,
			   const struct ml_packet *packet)
{
	bool whole = range->first == 0 && range->last == 65535;
	bool inside = packet->selector >= range->first && packet->selector <= range->last;

	if (range->protocol == ML_PROTOCOL_ANY)
		return whole || (has_ports(packet->protocol) && inside);
	return range->protocol == packet->protocol && inside;
}

static bool any_set_contains(const struct ml_ruleset *ruleset, const uint32_t *sets,
			     size_t count, uint8_t family, const uint8_t *address)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (set_contains(&ruleset->sets[sets[i]], family, address))
			return true;
	return false;
}

static bool rule_matches(const struct ml_ruleset *ruleset, const struct ml_rule *rule,
			 const struct ml_packet *packet)
{
	size_t i = 0;

	while (i < rule->service_count && !range_contains(&rule->services[i], packet))
		i++;
	return i < rule->service_count &&
	       any_set_contains(ruleset, rule->sources, rule->source_count,
				packet->family, packet->source) &&
	       any_set_contains(ruleset, rule->destinations, rule->destination_count,
				packet->family, packet->destination);
}

void ml_ruleset_match(const struct ml_ruleset *ruleset, const struct ml_packet *packet,
		      size_t *winner, size_t *matches, size_t *match_count)
{
	size_t i, found = 0, allow = SIZE_MAX, deny = SIZE_MAX;

	for (i = 0; i < ruleset->rule_count; i++) {
		if (!rule_matches(ruleset, &ruleset->rules[i], packet))
			continue;
		if (matches && found < *match_count)
			matches[found] = i;
		found++;
		if (ruleset->rules[i].action != MERLON_ACTION_ALLOW && deny == SIZE_MAX)
			deny = i;
		if (ruleset->rules[i].action == MERLON_ACTION_ALLOW && allow == SIZE_MAX)
			allow = i;
	}
	*winner = deny != SIZE_MAX ? deny : allow;
	if (match_count)
		*match_count = found;
}
