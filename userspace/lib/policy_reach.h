/* SPDX-License-Identifier: MIT */
/*
 * Who reaches whom: from the rules to the nodes of which a node must know.
 *
 * A rule names selectors, a selector means nodes. Nodes that are in the same
 * selectors are one class, and what holds for one of a class holds for all. So
 * what is worked out is not pairs of nodes but, by bits, pairs of classes:
 *
 *	selector → its classes		linear in what the selectors name
 *	selector → classes that a grant leads to from it, or to it from them
 *	class    → those of its selectors, together
 *
 * which costs (rules + selectors of classes) x classes / 64, and then what is
 * written down in the end. Nodes are numbered by rank here: the order of names.
 */
#ifndef ML_POLICY_REACH_H
#define ML_POLICY_REACH_H

#include "policy_model.h"

/* Lists by number: those of @i are items[from[i]] to items[from[i + 1]]. */
struct policy_lists {
	uint32_t *from, *items;
};

struct policy_class {
	uint32_t *ranks;		/* of its nodes, ascending */
	uint32_t count;
	uint32_t *reach;		/* ranks that its nodes reach or are reached by, ascending */
	uint32_t reach_count;
	uint32_t *rules;		/* that speak of them, ascending */
	uint32_t rule_count;
	uint8_t digest[32];		/* of all that the bundles of its nodes share */
};

/* What a node claims. */
struct policy_place {
	struct ml_prefix prefix;
	uint32_t node;
};

struct ml_policy_reach {
	const struct ml_policy *policy;
	struct policy_place *places;	/* ascending by prefix */
	size_t place_count;
	uint32_t *rank_of;		/* by number of node */
	uint32_t *used_of;		/* by name: number of the used one + 1, or 0 */
	uint32_t *used;			/* names that rules use, ascending */
	size_t used_count;
	struct policy_lists selectors;	/* by rank: used names that mean it, ascending */
	uint32_t *class_of;		/* by rank */
	struct policy_class *classes;
	size_t class_count, words;	/* of 64 bits for a set of classes */
	uint8_t (*records)[32];		/* by rank: digest of all that peers see of a node */
};

static inline const struct policy_node *ml_policy_node_at(const struct ml_policy *policy,
							   uint32_t rank)
{
	return &policy->nodes[policy->node_order[rank]];
}

/* Does the used @name mean the node at @rank? */
bool ml_policy_reach_means(const struct ml_policy_reach *reach, uint32_t name, uint32_t rank);

/* policy_members_of.c: calls back for each node that @name means, in no order; may repeat */
int ml_policy_each_node(const struct ml_policy_reach *reach, uint32_t name,
			int (*found)(void *arg, uint32_t node), void *arg);

/* The nodes that the one at @rank must know, but itself; for ml_policy_others_clean(). -ENOMEM */
int ml_policy_others_of(const struct ml_policy_reach *reach, uint32_t rank,
			struct policy_others *ret);
int ml_policy_places_fill(struct ml_policy_reach *reach);

/* policy_reach_digest.c: fills in records and the classes' digests. -ENOMEM */
int ml_policy_reach_digests(struct ml_policy_reach *reach);

#endif
