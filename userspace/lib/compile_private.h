/* SPDX-License-Identifier: MIT */
/*
 * The compiler's rooms, for compile*.c alone. In the order of work:
 *
 *   compile.c            stages and their end
 *   compile_check.c      is the ruleset canonical?
 *   compile_services.c   rules' services -> disjoint services
 *   compile_nodes.c      prefixes of sets and owners -> a forest of nodes
 *   compile_classes.c    nodes -> classes, and the records of hosts and nets
 *   compile_row.c        a list of rules -> a row (shape and list of verdicts)
 *   compile_pairs.c      classes -> rows and pairs
 *   compile_write.c      all of it -> bytes
 *
 * Numbers are always given in an order that follows from the ruleset's
 * content; hash tables find, they never order.
 */
#ifndef ML_COMPILE_PRIVATE_H
#define ML_COMPILE_PRIVATE_H

#include <stdbool.h>
#include <linux/merlon.h>

#include "compile.h"
#include "compile_intern.h"

enum { SOURCE, DESTINATION, SIDES };

#define NONE UINT32_MAX

/* Numbers of expressions that are not in the list of them. */
#define EXPR_ANY (UINT32_MAX - 1)	/* every address */
#define SVX_FULL 0u			/* every packet; the first of its list */

/* Lists of numbers by number: those of @i stand from at[i] to at[i + 1] - 1. */
struct lists {
	uint32_t *at;
	uint32_t *items;
};

/* A distinct prefix of a set or an owner, in ascending order: what a node */
/* contains comes directly behind it, up to @end. */
struct node {
	uint64_t high, low;	/* address; IPv4 in the highest bits */
	uint8_t family;		/* 0: IPv4, 1: IPv6 */
	uint8_t length;
	uint8_t tunnel;
	uint32_t parent;	/* NONE: the whole address space */
	uint32_t end;
};

/*
 * An expression is the list of sets on one side of a rule. Two addresses are
 * of one class if they are in the same expressions, so in the same rules.
 */
struct side {
	struct ml_intern exprs;
	uint32_t *rule_expr;	/* of each rule; EXPR_ANY */
	uint32_t *class_of;	/* of each node */
	uint32_t classes;
	struct lists classes_of;	/* of each expression */
	struct lists exprs_of;		/* of each class */
};

struct cell {			/* selectors that are in the same ranges */
	uint8_t protocol;
	uint16_t first, last;
	uint32_t service;
};

struct row {
	uint32_t shape, list;	/* numbers in shapes and in verdict lists */
};

/* Rules that speak of the same two expressions, best first. */
struct block {
	uint32_t expr[SIDES];
	uint32_t first, count;	/* in block_ranks */
};

struct compile {
	const struct ml_ruleset *ruleset;
	struct ml_error *error;

	uint32_t *by_rank;	/* rules by rank: denies, then allows; by id */
	uint32_t *rank_of;

	/* services: an svx is the list of ranges of a rule, merged */
	struct ml_intern svxs;	/* two numbers per range: protocol << 16 | first, last */
	uint32_t *rule_svx;
	struct cell *cells;
	size_t cell_count;
	uint32_t services;
	struct lists services_of;	/* of each svx, ascending */

	/* addresses */
	struct node *nodes;
	uint32_t node_count;
	struct lists nodes_of;	/* of each set, ascending */
	struct side side[SIDES];
	struct ml_u32s records[4];	/* nodes that become hosts4, hosts6, nets4, nets6 */

	/* rows */
	struct ml_intern sequences;	/* lists of svx, best first */
	struct ml_u32s sequence_shape;	/* of each sequence */
	struct ml_intern winners;	/* of each slot of a sequence: place in it */
	struct ml_u32s sequence_winners;
	struct ml_intern shapes;	/* two numbers per run: first << 16 | last, slot */
	struct ml_intern lists;		/* rules of slots 1 and up, from 1 */
	uint32_t *svx_seen, svx_stamp;
	uint32_t *service_owner;
	struct ml_u32s ranks, sequence, rules, touched, scratch;

	struct block *blocks;
	uint32_t block_count;
	uint32_t *block_ranks;

	/* what is written */
	struct row *rows[SIDES];	/* of classes; shape NONE: no row of its own */
	struct ml_u32s pairs;		/* source, destination, shape, list */
};

/* Zeroed; NULL and @c's error set when there is none. Freed by the caller. */
void *compile_calloc(struct compile *c, size_t count, size_t size);
int compile_no_memory(struct compile *c);

/* A policy with so many memberships, of classes or of ports, has far too many pairs too. */
#define MAX_MEMBERSHIPS (1u << 27)

/* -E2BIG with a sentence: @what are @count, the limit is @limit, do @advice. */
int compile_too_many(struct compile *c, const char *what, uint64_t count,
		     const char *limit, uint64_t value, const char *advice);

/* Turns (key, item) pairs, in the order that items shall have, into lists. */
int compile_lists(struct compile *c, struct lists *lists, uint32_t keys,
		  const struct ml_u32s *key, const struct ml_u32s *item);

int compile_check(struct compile *c);
int compile_rank(struct compile *c);
int compile_services(struct compile *c);
int compile_nodes(struct compile *c);
int compile_classes(struct compile *c);
int compile_blocks(struct compile *c);
int compile_pairs(struct compile *c);
int compile_write(struct compile *c, uint8_t **ret_image, size_t *ret_length);

/* The bits of an address that a prefix of @length leaves to hosts are zero. */
bool compile_prefix_clean(const struct ml_prefix *prefix);

/* The row for c->ranks, which it sorts. */
int compile_row(struct compile *c, struct row *ret);

/* compile.c: one part of an image; its guard is not looked at. */
int compile_part(const struct ml_ruleset *ruleset, uint8_t **ret_image, size_t *ret_length,
		 struct ml_error *error);

#endif
