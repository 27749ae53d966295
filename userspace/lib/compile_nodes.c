/* SPDX-License-Identifier: MIT */
/*
 * Every distinct prefix of a set that a rule names, and of an owner, is a
 * node. Sorted by (family, address, length), what a prefix contains stands
 * directly behind it: a prefix is a range of nodes, and no tree is needed.
 */
#include "compile_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define OWNERS NONE	/* instead of a set */

struct entry {
	uint64_t high, low;
	uint8_t family, length;
	uint32_t set;		/* OWNERS: an owner */
	uint32_t index;		/* of the prefix in the set, or of the owner */
};

struct entries {
	struct entry *items;
	size_t count;
};

static uint64_t read_be64(const uint8_t *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void entry_add(struct entries *entries, const struct ml_prefix *prefix,
		      uint32_t set, uint32_t index)
{
	struct entry *entry = &entries->items[entries->count++];

	entry->high = read_be64(prefix->address);
	entry->low = prefix->family == AF_INET ? 0 : read_be64(prefix->address + 8);
	entry->family = prefix->family == AF_INET6;
	entry->length = prefix->length;
	entry->set = set;
	entry->index = index;
}

static int compare_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->high != y->high)
		return x->high < y->high ? -1 : 1;
	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	return 0;
}

/* Sets that no rule names make no nodes. */
static bool *sets_used(struct compile *c)
{
	const struct ml_ruleset *ruleset = c->ruleset;
	const struct ml_rule *rule;
	bool *used = compile_calloc(c, ruleset->set_count, sizeof(*used));
	size_t i, j;

	for (i = 0; used && i < ruleset->rule_count; i++) {
		rule = &ruleset->rules[i];
		for (j = 0; j < rule->source_count; j++)
			used[rule->sources[j]] = true;
		for (j = 0; j < rule->destination_count; j++)
			used[rule->destinations[j]] = true;
	}
	return used;
}

static int gather_entries(struct compile *c, const bool *used, struct entries *entries)
{
	const struct ml_ruleset *ruleset = c->ruleset;
	size_t i, j, count = ruleset->owner_count;

	for (i = 0; i < ruleset->set_count; i++)
		count += used[i] ? ruleset->sets[i].prefix_count : 0;
	if (count >= NONE / 2)
		return compile_too_many(c, "prefixes", count, "the compiler's limit", NONE / 2,
					"use larger prefixes");
	entries->items = compile_calloc(c, count, sizeof(*entries->items));
	if (!entries->items)
		return -ENOMEM;
	for (i = 0; i < ruleset->set_count; i++)
		for (j = 0; used[i] && j < ruleset->sets[i].prefix_count; j++)
			entry_add(entries, &ruleset->sets[i].prefixes[j],
				  (uint32_t)i, (uint32_t)j);
	for (i = 0; i < ruleset->owner_count; i++)
		entry_add(entries, &ruleset->owners[i].prefix, OWNERS, (uint32_t)i);
	qsort(entries->items, entries->count, sizeof(*entries->items), compare_entry);
	return 0;
}

static bool node_is(const struct node *node, const struct entry *entry)
{
	return node->family == entry->family && node->length == entry->length &&
	       node->high == entry->high && node->low == entry->low;
}

static uint64_t mask64(unsigned int bits)
{
	if (!bits)
		return 0;
	return bits < 64 ? ~0ull << (64 - bits) : ~0ull;
}

static bool node_contains(const struct node *outer, const struct node *node)
{
	unsigned int length = outer->length;

	return outer->family == node->family && length <= node->length &&
	       !((outer->high ^ node->high) & mask64(length)) &&
	       !((outer->low ^ node->low) & mask64(length > 64 ? length - 64 : 0));
}

/* Ends the nodes that do not contain @next, or all if it is NULL. */
static uint32_t close_nodes(struct compile *c, uint32_t inner, const struct node *next)
{
	while (inner != NONE && !(next && node_contains(&c->nodes[inner], next))) {
		c->nodes[inner].end = c->node_count;
		inner = c->nodes[inner].parent;
	}
	return inner;
}

static uint32_t open_node(struct compile *c, const struct entry *entry, uint32_t inner)
{
	struct node *node = &c->nodes[c->node_count];

	node->high = entry->high;
	node->low = entry->low;
	node->family = entry->family;
	node->length = entry->length;
	node->parent = close_nodes(c, inner, node);
	if (node->parent != NONE)
		node->tunnel = c->nodes[node->parent].tunnel;
	return c->node_count++;
}

/* Nodes, and which of them each set's prefixes are. */
static int make_nodes(struct compile *c, const struct entries *entries,
		      struct ml_u32s *sets, struct ml_u32s *nodes)
{
	const struct entry *entry;
	uint32_t inner = NONE;
	size_t i;

	for (i = 0; i < entries->count; i++) {
		entry = &entries->items[i];
		if (!c->node_count || !node_is(&c->nodes[c->node_count - 1], entry))
			inner = open_node(c, entry, inner);
		if (entry->set == OWNERS) {
			c->nodes[inner].tunnel = c->ruleset->owners[entry->index].tunnel;
			continue;
		}
		if (ml_u32s_push(sets, entry->set) || ml_u32s_push(nodes, inner))
			return -ENOMEM;
	}
	close_nodes(c, inner, NULL);
	return 0;
}

static int map_sets(struct compile *c, const struct entries *entries)
{
	struct ml_u32s sets = { 0 }, nodes = { 0 };
	int ret;

	ret = make_nodes(c, entries, &sets, &nodes);
	if (!ret)
		ret = compile_lists(c, &c->nodes_of, (uint32_t)c->ruleset->set_count,
				    &sets, &nodes);
	ml_u32s_clean(&sets);
	ml_u32s_clean(&nodes);
	return ret;
}

int compile_nodes(struct compile *c)
{
	struct entries entries = { 0 };
	bool *used = sets_used(c);
	int ret = used ? 0 : -ENOMEM;

	if (!ret)
		ret = gather_entries(c, used, &entries);
	if (!ret) {
		c->nodes = compile_calloc(c, entries.count, sizeof(*c->nodes));
		ret = c->nodes ? map_sets(c, &entries) : -ENOMEM;
	}
	free(entries.items);
	free(used);
	return ret;
}
