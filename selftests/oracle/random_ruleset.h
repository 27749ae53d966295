/* SPDX-License-Identifier: MIT */
/*
 * Random rulesets and packets: for the oracle test from a seed, for the fuzzer
 * from its bytes. Addresses come from a few small corners, so that prefixes
 * nest, sets overlap and packets hit what the rules speak of; selectors stand
 * on and beside the borders of ranges.
 */
#ifndef RANDOM_RULESET_H
#define RANDOM_RULESET_H

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/merlon.h>

#include "ruleset.h"

/* Where choices come from: bytes while there are any (the fuzzer), else a seed. */
struct chance {
	uint64_t state;
	const uint8_t *bytes;
	size_t left;
};

static inline uint64_t chance_next(struct chance *chance)
{
	uint64_t z = chance->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* 0 to @n - 1; @n at most 65536. */
static inline uint32_t chance_below(struct chance *chance, uint32_t n)
{
	uint32_t v;

	if (!chance->bytes)
		return (uint32_t)(chance_next(chance) % n);
	if (!chance->left)
		return 0;
	v = *chance->bytes++;
	chance->left--;
	if (n > 256 && chance->left) {
		v = v << 8 | *chance->bytes++;
		chance->left--;
	}
	return v % n;
}

static inline bool chance_one_in(struct chance *chance, uint32_t n)
{
	return chance_below(chance, n) == n - 1;
}

static inline void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* ----------------------------------------------------------------- prefixes */

static inline void clear_host_bits(struct ml_prefix *prefix)
{
	unsigned int i;

	for (i = prefix->length; i < 128; i++)
		prefix->address[i / 8] &= (uint8_t)~(0x80 >> i % 8);
}

/* A few bytes vary, by few values; the others are one of few corners. */
static inline void random_address(struct chance *chance, uint8_t family, uint8_t address[16])
{
	static const uint8_t corners4[][4] = {
		{ 10, 0, 0, 0 }, { 10, 0, 1, 0 }, { 10, 255, 255, 255 },
		{ 192, 168, 0, 0 }, { 0, 0, 0, 0 }, { 255, 255, 255, 255 },
	};
	static const uint8_t corners6[][16] = {
		{ 0xfd, 0x7a, 1, 2, 3, 4 }, { 0xfd, 0x7a, 1, 2, 3, 5, 0, 0, 0, 1 },
		{ 0 }, { 0x20, 1, 0xd, 0xb8 },
		{ 255, 255, 255, 255, 255, 255, 255, 255,
		  255, 255, 255, 255, 255, 255, 255, 255 },
	};
	unsigned int bytes = family == AF_INET ? 4 : 16, i;

	memset(address, 0, 16);
	if (family == AF_INET)
		memcpy(address, corners4[chance_below(chance, 6)], 4);
	else
		memcpy(address, corners6[chance_below(chance, 5)], 16);
	for (i = chance_below(chance, 3); i; i--)
		address[bytes - 1 - chance_below(chance, 3)] ^= (uint8_t)chance_below(chance, 256);
	address[bytes - 1] ^= (uint8_t)chance_below(chance, 4);
}

static inline void random_prefix(struct chance *chance, struct ml_prefix *prefix)
{
	static const uint8_t lengths4[] = { 32, 32, 32, 31, 30, 25, 24, 23, 17, 16, 12, 8, 7, 1, 0 };
	static const uint8_t lengths6[] = { 128, 128, 128, 127, 126, 121, 120, 112, 65, 64, 63,
					    48, 33, 16, 8, 3, 0 };

	memset(prefix, 0, sizeof(*prefix));
	prefix->family = chance_one_in(chance, 2) ? AF_INET6 : AF_INET;
	random_address(chance, prefix->family, prefix->address);
	if (chance_one_in(chance, 4))
		prefix->length = (uint8_t)chance_below(chance, prefix->family == AF_INET ? 33 : 129);
	else if (prefix->family == AF_INET)
		prefix->length = lengths4[chance_below(chance, sizeof(lengths4))];
	else
		prefix->length = lengths6[chance_below(chance, sizeof(lengths6))];
	clear_host_bits(prefix);
}

static inline int compare_prefix(const void *a, const void *b)
{
	const struct ml_prefix *x = a, *y = b;
	int order;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	order = memcmp(x->address, y->address, 16);
	return order ? order : (int)x->length - (int)y->length;
}

static inline size_t sort_prefixes(struct ml_prefix *prefixes, size_t count)
{
	size_t i, kept = 0;

	if (count)
		qsort(prefixes, count, sizeof(*prefixes), compare_prefix);
	for (i = 0; i < count; i++)
		if (!kept || compare_prefix(&prefixes[kept - 1], &prefixes[i]))
			prefixes[kept++] = prefixes[i];
	return kept;
}

/* ------------------------------------------------------------------ rulesets */

static inline void random_set(struct chance *chance, struct ml_set *set)
{
	static const uint32_t sizes[] = { 1, 1, 1, 2, 3, 5, 9, 30 };
	size_t i;

	set->any = chance_one_in(chance, 12);
	if (set->any || chance_one_in(chance, 20))
		return;
	set->prefix_count = sizes[chance_below(chance, 8)];
	set->prefixes = must(calloc(set->prefix_count, sizeof(*set->prefixes)));
	for (i = 0; i < set->prefix_count; i++)
		random_prefix(chance, &set->prefixes[i]);
	set->prefix_count = sort_prefixes(set->prefixes, set->prefix_count);
}

static const uint16_t border_ports[] = {
	0, 1, 22, 53, 80, 81, 255, 256, 443, 1023, 1024, 8080, 32767, 32768, 65534, 65535,
};

static inline uint16_t random_port(struct chance *chance)
{
	if (chance_one_in(chance, 8))
		return (uint16_t)chance_below(chance, 65536);
	return border_ports[chance_below(chance, 16)];
}

static inline void random_service(struct chance *chance, struct ml_service_range *range)
{
	static const int16_t protocols[] = {
		ML_PROTOCOL_ANY, ML_PROTOCOL_ANY, 6, 6, 6, 6, 17, 17, 1, 58, 132, 33, 136, 47, 0, 255,
	};
	uint16_t a = random_port(chance), b = random_port(chance);

	range->protocol = protocols[chance_below(chance, 16)];
	if (chance_one_in(chance, 2))
		b = a;
	if (range->protocol == 1 || range->protocol == 58) {
		a = (uint8_t)a;
		b = (uint8_t)b;
	} else if (range->protocol == 47 || range->protocol == 0 || range->protocol == 255) {
		a = b = 0;
	}
	range->first = a < b ? a : b;
	range->last = a < b ? b : a;
	if (!chance_one_in(chance, 4))
		return;
	range->first = 0;
	range->last = range->protocol == 1 || range->protocol == 58 ? 255 :
		      range->protocol == 47 || !range->protocol || range->protocol == 255 ? 0 : 65535;
}

static inline uint32_t *random_sets(struct chance *chance, const struct ml_ruleset *ruleset,
				    size_t *ret_count)
{
	uint32_t *sets, i;

	*ret_count = chance_one_in(chance, 30) ? 0 : 1 + chance_below(chance, 3);
	sets = must(calloc(*ret_count + 1, sizeof(*sets)));
	for (i = 0; i < *ret_count; i++)
		sets[i] = chance_below(chance, (uint32_t)ruleset->set_count);
	return sets;
}

static inline void random_rule(struct chance *chance, const struct ml_ruleset *ruleset,
			       struct ml_rule *rule)
{
	size_t i;

	rule->action = chance_one_in(chance, 4) ?
		       MERLON_ACTION_DROP + (uint8_t)chance_below(chance, 2) : MERLON_ACTION_ALLOW;
	rule->sources = random_sets(chance, ruleset, &rule->source_count);
	rule->destinations = random_sets(chance, ruleset, &rule->destination_count);
	rule->service_count = 1 + (chance_one_in(chance, 3) ? chance_below(chance, 5) : 0);
	rule->services = must(calloc(rule->service_count, sizeof(*rule->services)));
	for (i = 0; i < rule->service_count; i++)
		random_service(chance, &rule->services[i]);
}

static inline void random_owners(struct chance *chance, struct ml_ruleset *ruleset)
{
	struct ml_prefix prefixes[12];
	size_t i, count = chance_below(chance, 12);
	uint8_t tunnel;

	for (i = 0; i < count; i++)
		random_prefix(chance, &prefixes[i]);
	count = sort_prefixes(prefixes, count);
	ruleset->owners = must(calloc(count + 1, sizeof(*ruleset->owners)));
	for (i = 0; i < count; i++) {
		tunnel = (uint8_t)(1 + chance_below(chance, (uint32_t)ruleset->tunnel_count));
		if (ruleset->tunnels[tunnel - 1].ignored)
			continue;
		ruleset->owners[ruleset->owner_count].prefix = prefixes[i];
		ruleset->owners[ruleset->owner_count++].tunnel = tunnel;
	}
}

static inline struct ml_ruleset *random_ruleset(struct chance *chance, uint32_t max_sets,
						uint32_t max_rules)
{
	struct ml_ruleset *ruleset = must(calloc(1, sizeof(*ruleset)));
	uint64_t id = 0;
	size_t i;

	ruleset->set_count = 1 + chance_below(chance, max_sets);
	ruleset->sets = must(calloc(ruleset->set_count, sizeof(*ruleset->sets)));
	for (i = 0; i < ruleset->set_count; i++)
		random_set(chance, &ruleset->sets[i]);
	ruleset->rule_count = chance_below(chance, max_rules + 1);
	ruleset->rules = must(calloc(ruleset->rule_count + 1, sizeof(*ruleset->rules)));
	for (i = 0; i < ruleset->rule_count; i++) {
		random_rule(chance, ruleset, &ruleset->rules[i]);
		id += 1 + (uint64_t)chance_below(chance, 65536) * chance_below(chance, 65536) * 1000;
		ruleset->rules[i].id = id;
	}
	ruleset->tunnel_count = 1 + chance_below(chance, 3);
	ruleset->tunnels = must(calloc(ruleset->tunnel_count, sizeof(*ruleset->tunnels)));
	for (i = 0; i < ruleset->tunnel_count; i++) {
		strcpy(ruleset->tunnels[i].name, "wg0");
		ruleset->tunnels[i].name[2] = (char)('0' + i);
		ruleset->tunnels[i].ignored = chance_one_in(chance, 5);
	}
	random_owners(chance, ruleset);
	ruleset->reject_unmatched = chance_one_in(chance, 2);
	return ruleset;
}

/* ------------------------------------------------------------------- packets */

/* In, on the borders of, or just outside a prefix that the ruleset names. */
static inline void address_near(struct chance *chance, const struct ml_prefix *prefix,
				uint8_t address[16])
{
	unsigned int bits = prefix->family == AF_INET ? 32 : 128, i;

	memcpy(address, prefix->address, 16);
	switch (chance_below(chance, 5)) {
	case 0:			/* the last one */
		for (i = prefix->length; i < bits; i++)
			address[i / 8] |= (uint8_t)(0x80 >> i % 8);
		break;
	case 1:			/* some one */
		for (i = prefix->length; i < bits; i++)
			if (chance_one_in(chance, 2))
				address[i / 8] |= (uint8_t)(0x80 >> i % 8);
		break;
	case 2:			/* one bit off */
		i = chance_below(chance, bits);
		address[i / 8] ^= (uint8_t)(0x80 >> i % 8);
		break;
	case 3:			/* the neighbour */
		for (i = prefix->length; i--;)
			if ((address[i / 8] ^= (uint8_t)(0x80 >> i % 8)) & 0x80 >> i % 8)
				break;
		break;
	}
}

static inline void packet_address(struct chance *chance, const struct ml_ruleset *ruleset,
				  uint8_t family, uint8_t address[16])
{
	const struct ml_prefix *prefix = NULL;
	const struct ml_set *set;
	int tries;

	for (tries = 0; tries < 4; tries++) {
		set = &ruleset->sets[chance_below(chance, (uint32_t)ruleset->set_count)];
		if (ruleset->owner_count && chance_one_in(chance, 6))
			prefix = &ruleset->owners[chance_below(chance, (uint32_t)ruleset->owner_count)].prefix;
		else if (set->prefix_count)
			prefix = &set->prefixes[chance_below(chance, (uint32_t)set->prefix_count)];
		if (prefix && prefix->family == family) {
			address_near(chance, prefix, address);
			return;
		}
	}
	random_address(chance, family, address);
}

static inline uint16_t selector_near(struct chance *chance, const struct ml_ruleset *ruleset)
{
	const struct ml_rule *rule;
	const struct ml_service_range *range;

	if (!ruleset->rule_count || chance_one_in(chance, 4))
		return random_port(chance);
	rule = &ruleset->rules[chance_below(chance, (uint32_t)ruleset->rule_count)];
	range = &rule->services[chance_below(chance, (uint32_t)rule->service_count)];
	return (uint16_t)((chance_one_in(chance, 2) ? range->first : range->last) +
			  chance_below(chance, 3) - 1);
}

static inline void random_packet(struct chance *chance, const struct ml_ruleset *ruleset,
				 struct ml_packet *packet)
{
	static const uint8_t protocols[] = { 6, 6, 6, 17, 17, 1, 58, 132, 33, 136, 47, 0, 255, 50 };

	packet->family = chance_one_in(chance, 2) ? AF_INET6 : AF_INET;
	packet_address(chance, ruleset, packet->family, packet->source);
	packet_address(chance, ruleset, packet->family, packet->destination);
	packet->protocol = protocols[chance_below(chance, sizeof(protocols))];
	packet->selector = selector_near(chance, ruleset);
	if (packet->protocol == 1 || packet->protocol == 58)
		packet->selector &= 255;
	else if (packet->protocol == 47 || packet->protocol == 0 || packet->protocol == 255 ||
		 packet->protocol == 50)
		packet->selector = 0;
}

#endif
