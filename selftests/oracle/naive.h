/* SPDX-License-Identifier: MIT */
/*
 * A judge that shares no line with the library's: bit by bit, from prefixes.
 */
#ifndef NAIVE_H
#define NAIVE_H

#include <stdbool.h>
#include <sys/socket.h>

#include <linux/merlon.h>

#include "ruleset.h"

static inline int naive_bit(const uint8_t *address, unsigned int i)
{
	return address[i / 8] >> (7 - i % 8) & 1;
}

static inline bool naive_inside(const struct ml_prefix *prefix, uint8_t family,
				const uint8_t *address)
{
	unsigned int i;

	for (i = 0; i < prefix->length; i++)
		if (naive_bit(prefix->address, i) != naive_bit(address, i))
			return false;
	return prefix->family == family;
}

static inline bool naive_member(const struct ml_ruleset *ruleset, const uint32_t *sets,
				size_t count, uint8_t family, const uint8_t *address)
{
	size_t i, j;
	bool member = false;

	for (i = 0; i < count; i++) {
		const struct ml_set *set = &ruleset->sets[sets[i]];

		member |= set->any;
		for (j = 0; !member && j < set->prefix_count; j++)
			member = naive_inside(&set->prefixes[j], family, address);
	}
	return member;
}

static inline bool naive_service(const struct ml_service_range *range, uint8_t protocol,
				 uint16_t selector)
{
	if (range->protocol == -1 && range->first == 0 && range->last == 65535)
		return true;
	if (range->protocol == -1 && protocol != 6 && protocol != 17 && protocol != 33 &&
	    protocol != 132 && protocol != 136)
		return false;
	if (range->protocol != -1 && range->protocol != protocol)
		return false;
	return range->first <= selector && selector <= range->last;
}

/* Index of the rule that wins, or -1. */
static inline long naive_judge(const struct ml_ruleset *ruleset, const struct ml_packet *packet)
{
	long winner = -1;
	size_t i, j;

	for (i = 0; i < ruleset->rule_count; i++) {
		const struct ml_rule *rule = &ruleset->rules[i];
		bool speaks = false;

		if (winner >= 0 && (rule->action == MERLON_ACTION_ALLOW ||
				    ruleset->rules[winner].action != MERLON_ACTION_ALLOW))
			continue;	/* could not win */
		for (j = 0; j < rule->service_count; j++)
			speaks |= naive_service(&rule->services[j], packet->protocol,
						packet->selector);
		if (speaks &&
		    naive_member(ruleset, rule->sources, rule->source_count,
				 packet->family, packet->source) &&
		    naive_member(ruleset, rule->destinations, rule->destination_count,
				 packet->family, packet->destination))
			winner = (long)i;
	}
	return winner;
}

static inline uint8_t naive_owner(const struct ml_ruleset *ruleset, uint8_t family,
				  const uint8_t *address)
{
	uint8_t tunnel = 0;
	int longest = -1;
	size_t i;

	for (i = 0; i < ruleset->owner_count; i++) {
		const struct ml_owner *owner = &ruleset->owners[i];

		if (owner->prefix.length > longest &&
		    naive_inside(&owner->prefix, family, address)) {
			longest = owner->prefix.length;
			tunnel = owner->tunnel;
		}
	}
	return tunnel;
}

#endif
