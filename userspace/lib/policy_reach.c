// SPDX-License-Identifier: MIT
#include "policy_reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

/* -------------------------------------------------------------- selectors */

static void used_mark(struct ml_policy_reach *reach, const uint32_t *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reach->used_of[names[i]] = 1;
}

static int used_find(struct ml_policy_reach *reach)
{
	const struct ml_policy *policy = reach->policy;

	reach->used_of = calloc(policy->names.count + 1, sizeof(*reach->used_of));
	reach->used = calloc(policy->names.count + 1, sizeof(*reach->used));
	if (!reach->used_of || !reach->used)
		return -ENOMEM;
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];

		used_mark(reach, rule->sources, rule->source_count);
		used_mark(reach, rule->destinations, rule->destination_count);
	}
	for (size_t i = 0; i < policy->names.count; i++) {
		if (!reach->used_of[i])
			continue;
		reach->used[reach->used_count++] = (uint32_t)i;
		reach->used_of[i] = (uint32_t)reach->used_count;
	}
	return 0;
}

static int ranks_fill(struct ml_policy_reach *reach)
{
	const struct ml_policy *policy = reach->policy;

	reach->rank_of = calloc(policy->node_count + 1, sizeof(*reach->rank_of));
	if (!reach->rank_of)
		return -ENOMEM;
	for (size_t i = 0; i < policy->node_count; i++)
		reach->rank_of[policy->node_order[i]] = (uint32_t)i;
	return 0;
}

/* Pairs of number and item, in the order in which they were found. */
struct pair {
	uint32_t number, item;
};

struct pairs {
	const struct ml_policy_reach *reach;
	struct pair *items;
	size_t count, room;
	uint32_t item;		/* of those that are being found */
};

static int pair_add(struct pairs *pairs, uint32_t number)
{
	if (pairs->count == pairs->room) {
		size_t room = pairs->room ? 2 * pairs->room : 1024;
		struct pair *items = reallocarray(pairs->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		pairs->items = items;
		pairs->room = room;
	}
	pairs->items[pairs->count++] = (struct pair){ number, pairs->item };
	return 0;
}

static int node_found(void *arg, uint32_t node)
{
	struct pairs *pairs = arg;

	return pair_add(pairs, pairs->reach->rank_of[node]);
}

/* Items come in ascending order, so a list has its repeats side by side: they are left out. */
static int lists_fill(struct policy_lists *lists, const struct pairs *pairs, size_t numbers)
{
	uint32_t *from = calloc(numbers + 2, sizeof(*from));
	uint32_t *last = calloc(numbers + 1, sizeof(*last));

	lists->from = from;
	lists->items = calloc(pairs->count + 1, sizeof(*lists->items));
	if (!from || !last || !lists->items) {
		free(last);
		return -ENOMEM;
	}
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];

		from[pair->number + 2] += last[pair->number] != pair->item + 1;
		last[pair->number] = pair->item + 1;
	}
	for (size_t i = 2; i < numbers + 2; i++)
		from[i] += from[i - 1];
	memset(last, 0, (numbers + 1) * sizeof(*last));
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];

		if (last[pair->number] == pair->item + 1)
			continue;
		last[pair->number] = pair->item + 1;
		lists->items[from[pair->number + 1]++] = pair->item;
	}
	free(last);
	return 0;
}

static void lists_clean(struct policy_lists *lists)
{
	free(lists->from);
	free(lists->items);
}

static int selectors_fill(struct ml_policy_reach *reach)
{
	struct pairs pairs = { .reach = reach };
	int err = 0;

	for (; !err && pairs.item < reach->used_count; pairs.item++)
		err = ml_policy_each_node(reach, reach->used[pairs.item], node_found, &pairs);
	if (!err)
		err = lists_fill(&reach->selectors, &pairs, reach->policy->node_count);
	free(pairs.items);
	return err;
}

bool ml_policy_reach_means(const struct ml_policy_reach *reach, uint32_t name, uint32_t rank)
{
	uint32_t low = reach->selectors.from[rank], high = reach->selectors.from[rank + 1];
	uint32_t wanted = reach->used_of[name] - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (reach->selectors.items[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reach->selectors.from[rank + 1] && reach->selectors.items[low] == wanted;
}

/* ---------------------------------------------------------------- classes */

static uint64_t list_hash(const struct policy_lists *lists, size_t number)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (uint32_t i = lists->from[number]; i < lists->from[number + 1]; i++)
		hash = (hash ^ lists->items[i]) * 0x100000001b3;
	return hash ^ hash >> 29;
}

static bool list_same(const struct policy_lists *lists, size_t a, size_t b)
{
	uint32_t count = lists->from[a + 1] - lists->from[a];

	return count == lists->from[b + 1] - lists->from[b] &&
	       !memcmp(&lists->items[lists->from[a]], &lists->items[lists->from[b]],
		       count * sizeof(uint32_t));
}

/* Numbers classes as their first nodes come by; @firsts: the rank of each. */
static void classes_number(struct ml_policy_reach *reach, uint32_t *slots, size_t slot_count,
			   uint32_t *firsts)
{
	for (size_t rank = 0; rank < reach->policy->node_count; rank++) {
		size_t slot = list_hash(&reach->selectors, rank) & (slot_count - 1);

		while (slots[slot] && !list_same(&reach->selectors, firsts[slots[slot] - 1], rank))
			slot = (slot + 1) & (slot_count - 1);
		if (!slots[slot]) {
			firsts[reach->class_count] = (uint32_t)rank;
			slots[slot] = (uint32_t)++reach->class_count;
		}
		reach->class_of[rank] = slots[slot] - 1;
	}
}

static int classes_find(struct ml_policy_reach *reach)
{
	size_t count = reach->policy->node_count, slot_count = 16;
	uint32_t *slots, *firsts;

	while (slot_count < 2 * count)
		slot_count *= 2;
	slots = calloc(slot_count, sizeof(*slots));
	firsts = calloc(count + 1, sizeof(*firsts));
	reach->class_of = calloc(count + 1, sizeof(*reach->class_of));
	if (slots && firsts && reach->class_of)
		classes_number(reach, slots, slot_count, firsts);
	free(slots);
	free(firsts);
	reach->classes = calloc(reach->class_count + 1, sizeof(*reach->classes));
	reach->words = (reach->class_count + 63) / 64;
	return slots && firsts && reach->class_of && reach->classes ? 0 : -ENOMEM;
}

static int class_members_fill(struct ml_policy_reach *reach)
{
	for (size_t rank = 0; rank < reach->policy->node_count; rank++)
		reach->classes[reach->class_of[rank]].count++;
	for (size_t i = 0; i < reach->class_count; i++) {
		struct policy_class *class = &reach->classes[i];

		class->ranks = reallocarray(NULL, class->count, sizeof(*class->ranks));
		if (!class->ranks)
			return -ENOMEM;
		class->count = 0;
	}
	for (size_t rank = 0; rank < reach->policy->node_count; rank++) {
		struct policy_class *class = &reach->classes[reach->class_of[rank]];

		class->ranks[class->count++] = (uint32_t)rank;
	}
	return 0;
}

/* ---------------------------------------------------------------- leading */

/* Sets of classes, one for each used selector. */
struct leading {
	const struct ml_policy_reach *reach;
	uint64_t *meant;	/* that it means */
	uint64_t *led;		/* that a grant leads to from it, or to it from them */
	uint64_t *scratch;	/* two */
};

static void bits_or(uint64_t *into, const uint64_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++)
		into[i] |= from[i];
}

static void meant_fill(struct leading *leading)
{
	const struct ml_policy_reach *reach = leading->reach;

	for (size_t i = 0; i < reach->class_count; i++) {
		uint32_t rank = reach->classes[i].ranks[0];

		for (uint32_t j = reach->selectors.from[rank]; j < reach->selectors.from[rank + 1]; j++)
			leading->meant[reach->selectors.items[j] * reach->words + i / 64] |=
				1ull << i % 64;
	}
}

static uint64_t *side_bits(const struct leading *leading, const uint32_t *names, size_t count,
			   uint64_t *bits)
{
	size_t words = leading->reach->words;

	memset(bits, 0, words * sizeof(*bits));
	for (size_t i = 0; i < count; i++)
		bits_or(bits, &leading->meant[(leading->reach->used_of[names[i]] - 1) * words], words);
	return bits;
}

static void side_lead(const struct leading *leading, const uint32_t *names, size_t count,
		      const uint64_t *bits)
{
	size_t words = leading->reach->words;

	for (size_t i = 0; i < count; i++)
		bits_or(&leading->led[(leading->reach->used_of[names[i]] - 1) * words], bits, words);
}

static void led_fill(struct leading *leading)
{
	const struct policy_rules *rules = &leading->reach->policy->rules;
	uint64_t *sources = leading->scratch, *destinations = sources + leading->reach->words;

	for (size_t i = 0; i < rules->count; i++) {
		const struct policy_rule *rule = &rules->items[i];

		if (rule->action != MERLON_ACTION_ALLOW)
			continue;
		side_bits(leading, rule->sources, rule->source_count, sources);
		side_bits(leading, rule->destinations, rule->destination_count, destinations);
		side_lead(leading, rule->sources, rule->source_count, destinations);
		side_lead(leading, rule->destinations, rule->destination_count, sources);
	}
}

/* The set bits of @bits, as an ascending list. */
static int bits_list(const uint64_t *bits, size_t words, uint32_t **ret, uint32_t *ret_count)
{
	uint32_t count = 0;

	for (size_t i = 0; i < words; i++)
		count += (uint32_t)__builtin_popcountll(bits[i]);
	*ret = reallocarray(NULL, count + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	*ret_count = 0;
	for (size_t i = 0; i < words; i++)
		for (uint64_t left = bits[i]; left; left &= left - 1)
			(*ret)[(*ret_count)++] = (uint32_t)(i * 64 + (size_t)__builtin_ctzll(left));
	return 0;
}

static int class_reach_fill(const struct leading *leading, struct policy_class *class,
			    uint64_t *ranks)
{
	const struct ml_policy_reach *reach = leading->reach;
	size_t words = (reach->policy->node_count + 63) / 64;
	uint64_t *row = leading->scratch;
	uint32_t rank = class->ranks[0];

	memset(row, 0, reach->words * sizeof(*row));
	memset(ranks, 0, words * sizeof(*ranks));
	for (uint32_t i = reach->selectors.from[rank]; i < reach->selectors.from[rank + 1]; i++)
		bits_or(row, &leading->led[reach->selectors.items[i] * reach->words], reach->words);
	for (size_t i = 0; i < reach->words; i++) {
		for (uint64_t left = row[i]; left; left &= left - 1) {
			const struct policy_class *other =
				&reach->classes[i * 64 + (size_t)__builtin_ctzll(left)];

			for (uint32_t j = 0; j < other->count; j++)
				ranks[other->ranks[j] / 64] |= 1ull << other->ranks[j] % 64;
		}
	}
	return bits_list(ranks, words, &class->reach, &class->reach_count);
}

static int reach_fill(struct ml_policy_reach *reach)
{
	size_t sets = (reach->used_count + 1) * (reach->words + 1);
	struct leading leading = {
		.reach = reach,
		.meant = calloc(sets, sizeof(uint64_t)),
		.led = calloc(sets, sizeof(uint64_t)),
		.scratch = calloc(2 * reach->words + 2, sizeof(uint64_t)),
	};
	uint64_t *ranks = calloc(reach->policy->node_count / 64 + 1, sizeof(*ranks));
	int err = leading.meant && leading.led && leading.scratch && ranks ? 0 : -ENOMEM;

	if (!err) {
		meant_fill(&leading);
		led_fill(&leading);
	}
	for (size_t i = 0; !err && i < reach->class_count; i++)
		err = class_reach_fill(&leading, &reach->classes[i], ranks);
	free(leading.meant);
	free(leading.led);
	free(leading.scratch);
	free(ranks);
	return err;
}

/* ------------------------------------------------------------------ rules */

static int rule_pairs(const struct ml_policy_reach *reach, struct pairs *pairs,
		      const uint32_t *names, size_t count)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++)
		err = pair_add(pairs, reach->used_of[names[i]] - 1);
	return err;
}

/* By used selector: the rules that name it. */
static int rules_by_selector(const struct ml_policy_reach *reach, struct policy_lists *ret)
{
	const struct policy_rules *rules = &reach->policy->rules;
	struct pairs pairs = { .reach = reach };
	int err = 0;

	for (; !err && pairs.item < rules->count; pairs.item++) {
		const struct policy_rule *rule = &rules->items[pairs.item];

		err = rule_pairs(reach, &pairs, rule->sources, rule->source_count);
		if (!err)
			err = rule_pairs(reach, &pairs, rule->destinations, rule->destination_count);
	}
	if (!err)
		err = lists_fill(ret, &pairs, reach->used_count);
	free(pairs.items);
	return err;
}

static int class_rules_fill(const struct ml_policy_reach *reach, struct policy_class *class,
			    const struct policy_lists *by, uint64_t *bits)
{
	size_t words = reach->policy->rules.count / 64 + 1;
	uint32_t rank = class->ranks[0];

	memset(bits, 0, words * sizeof(*bits));
	for (uint32_t i = reach->selectors.from[rank]; i < reach->selectors.from[rank + 1]; i++) {
		uint32_t used = reach->selectors.items[i];

		for (uint32_t j = by->from[used]; j < by->from[used + 1]; j++)
			bits[by->items[j] / 64] |= 1ull << by->items[j] % 64;
	}
	return bits_list(bits, words, &class->rules, &class->rule_count);
}

static int rules_fill(struct ml_policy_reach *reach)
{
	uint64_t *bits = calloc(reach->policy->rules.count / 64 + 1, sizeof(*bits));
	struct policy_lists by = { 0 };
	int err = bits ? rules_by_selector(reach, &by) : -ENOMEM;

	for (size_t i = 0; !err && i < reach->class_count; i++)
		err = class_rules_fill(reach, &reach->classes[i], &by, bits);
	lists_clean(&by);
	free(bits);
	return err;
}

/* ------------------------------------------------------------------ whole */

int ml_policy_reach_build(const struct ml_policy *policy, struct ml_policy_reach **ret,
			  struct ml_error *error)
{
	static int (*const steps[])(struct ml_policy_reach *reach) = {
		ml_policy_places_fill, used_find, ranks_fill, selectors_fill, classes_find,
		class_members_fill, reach_fill, rules_fill, ml_policy_reach_digests,
	};
	struct ml_policy_reach *reach = calloc(1, sizeof(*reach));
	int err = 0;

	if (!reach)
		return ml_error_set(error, -ENOMEM, "out of memory");
	reach->policy = policy;
	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++)
		err = steps[i](reach);
	if (err) {
		ml_policy_reach_free(reach);
		return ml_error_set(error, err, "out of memory");
	}
	*ret = reach;
	return 0;
}

void ml_policy_reach_free(struct ml_policy_reach *reach)
{
	if (!reach)
		return;
	for (size_t i = 0; reach->classes && i < reach->class_count; i++) {
		free(reach->classes[i].ranks);
		free(reach->classes[i].reach);
		free(reach->classes[i].rules);
	}
	lists_clean(&reach->selectors);
	free(reach->classes);
	free(reach->class_of);
	free(reach->places);
	free(reach->rank_of);
	free(reach->used_of);
	free(reach->used);
	free(reach->records);
	free(reach);
}
