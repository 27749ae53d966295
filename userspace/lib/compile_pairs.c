/* SPDX-License-Identifier: MIT */
/*
 * Rows of classes, and the pairs that need a row of their own.
 *
 * Rules that name the same two expressions are a block. For a pair of classes
 * four kinds of blocks speak: any to any, any to the destination, the source
 * to any, and those that name both. The row of a source class holds the first
 * and the third, the row of a destination class the first and the second; a
 * pair is listed where all four together say something else than the row that
 * would be used without it.
 *
 * Pairs are found source by source, each source's destinations sorted: so they
 * come in the image's order, and the memory that it takes is one source's.
 */
#include "compile_private.h"

#include <errno.h>
#include <stdlib.h>

/* ------------------------------------------------------------------- blocks */

struct block_key {
	uint32_t source, destination, rank;
};

static int compare_block_key(const void *a, const void *b)
{
	const struct block_key *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->destination != y->destination)
		return x->destination < y->destination ? -1 : 1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

static void make_blocks(struct compile *c, const struct block_key *keys, uint32_t count)
{
	struct block *block = NULL;
	uint32_t i;

	for (i = 0; i < count; i++) {
		c->block_ranks[i] = keys[i].rank;
		if (!block || block->expr[SOURCE] != keys[i].source ||
		    block->expr[DESTINATION] != keys[i].destination) {
			block = &c->blocks[c->block_count++];
			block->expr[SOURCE] = keys[i].source;
			block->expr[DESTINATION] = keys[i].destination;
			block->first = i;
		}
		block->count++;
	}
}

int compile_blocks(struct compile *c)
{
	uint32_t i, count = (uint32_t)c->ruleset->rule_count;
	struct block_key *keys = compile_calloc(c, count, sizeof(*keys));

	c->blocks = compile_calloc(c, count, sizeof(*c->blocks));
	c->block_ranks = compile_calloc(c, count, sizeof(*c->block_ranks));
	if (!keys || !c->blocks || !c->block_ranks) {
		free(keys);
		return -ENOMEM;
	}
	for (i = 0; i < count; i++) {
		keys[i].source = c->side[SOURCE].rule_expr[i];
		keys[i].destination = c->side[DESTINATION].rule_expr[i];
		keys[i].rank = c->rank_of[i];
	}
	qsort(keys, count, sizeof(*keys), compare_block_key);
	make_blocks(c, keys, count);
	free(keys);
	return 0;
}

/* ------------------------------------------------------------- search for pairs */

struct kind {			/* lists of blocks with `any` on the other side */
	struct ml_intern lists;	/* 0: none */
	uint32_t *of_class;
	struct ml_u32s shape, list;	/* the row of each: any to any, and these */
};

struct search {
	uint32_t any_any;	/* block, or NONE */
	struct kind kind[SIDES];
	uint32_t *one_sided[SIDES];	/* by expression: block with any, or NONE */
	struct lists blocks_of;	/* by source expression: blocks that name both */
	struct lists own_of;	/* by kind of destination: classes with a row of their own */
	struct ml_intern sums;	/* kind of source, of destination, blocks */
	struct ml_u32s sum_shape, sum_list;

	uint64_t *found;	/* of one source: destination << 32 | block */
	size_t found_count, found_room;
	struct ml_u32s key;
};

static int found_add(struct search *search, uint32_t destination, uint32_t block)
{
	size_t room = search->found_room ? 2 * search->found_room : 64;
	uint64_t *found;

	if (search->found_count == search->found_room) {
		found = reallocarray(search->found, room, sizeof(*found));
		if (!found)
			return -ENOMEM;
		search->found = found;
		search->found_room = room;
	}
	search->found[search->found_count++] = (uint64_t)destination << 32 | block;
	return 0;
}

static int add_block(struct compile *c, uint32_t block)
{
	uint32_t i;

	if (block == NONE)
		return 0;
	for (i = 0; i < c->blocks[block].count; i++)
		if (ml_u32s_push(&c->ranks, c->block_ranks[c->blocks[block].first + i]))
			return -ENOMEM;
	return 0;
}

static int add_kind(struct compile *c, const struct kind *kind, uint32_t number)
{
	const uint32_t *blocks;
	size_t i, count;

	blocks = ml_intern_get(&kind->lists, number, &count);
	for (i = 0; i < count; i++)
		if (add_block(c, blocks[i]))
			return -ENOMEM;
	return 0;
}

static bool row_same(const struct row *a, const struct row *b)
{
	return a->shape == b->shape && a->list == b->list;
}

static struct row kind_row(const struct kind *kind, uint32_t class)
{
	uint32_t number = kind->of_class[class];

	return (struct row){ kind->shape.items[number], kind->list.items[number] };
}

/* Blocks with any on one side or both; the others by their source. */
static int sort_blocks(struct compile *c, struct search *search, struct ml_u32s *exprs,
		       struct ml_u32s *blocks)
{
	const struct block *block;
	uint32_t i;

	search->any_any = NONE;
	for (i = 0; i < c->block_count; i++) {
		block = &c->blocks[i];
		if (block->expr[SOURCE] == EXPR_ANY && block->expr[DESTINATION] == EXPR_ANY)
			search->any_any = i;
		else if (block->expr[SOURCE] == EXPR_ANY)
			search->one_sided[DESTINATION][block->expr[DESTINATION]] = i;
		else if (block->expr[DESTINATION] == EXPR_ANY)
			search->one_sided[SOURCE][block->expr[SOURCE]] = i;
		else if (ml_u32s_push(exprs, block->expr[SOURCE]) ||
			 ml_u32s_push(blocks, i))
			return -ENOMEM;
	}
	return compile_lists(c, &search->blocks_of, c->side[SOURCE].exprs.count,
			     exprs, blocks);
}

static int find_blocks(struct compile *c, struct search *search)
{
	struct ml_u32s exprs = { 0 }, blocks = { 0 };
	uint32_t i, s;
	int ret;

	for (s = 0; s < SIDES; s++) {
		search->one_sided[s] = compile_calloc(c, c->side[s].exprs.count,
						      sizeof(uint32_t));
		if (!search->one_sided[s])
			return -ENOMEM;
		for (i = 0; i < c->side[s].exprs.count; i++)
			search->one_sided[s][i] = NONE;
	}
	ret = sort_blocks(c, search, &exprs, &blocks);
	ml_u32s_clean(&exprs);
	ml_u32s_clean(&blocks);
	return ret;
}

/* The blocks with any on the other side that speak of a class. */
static int class_kind(struct compile *c, struct search *search, int s, uint32_t class)
{
	const struct lists *exprs = &c->side[s].exprs_of;
	struct kind *kind = &search->kind[s];
	uint32_t i, block;

	search->key.count = 0;
	for (i = exprs->at[class]; i < exprs->at[class + 1]; i++) {
		block = search->one_sided[s][exprs->items[i]];
		if (block != NONE && ml_u32s_push(&search->key, block))
			return -ENOMEM;
	}
	return ml_intern_put(&kind->lists, search->key.items, search->key.count,
			     &kind->of_class[class]);
}

static int find_kinds(struct compile *c, struct search *search, int s)
{
	struct kind *kind = &search->kind[s];
	struct row row;
	uint32_t i;
	int ret;

	kind->of_class = compile_calloc(c, c->side[s].classes, sizeof(*kind->of_class));
	ret = kind->of_class ? ml_intern_put(&kind->lists, NULL, 0, &i) : -ENOMEM;
	for (i = 0; !ret && i < c->side[s].classes; i++)
		ret = class_kind(c, search, s, i);
	for (i = 0; !ret && i < kind->lists.count; i++) {
		c->ranks.count = 0;
		ret = add_block(c, search->any_any);
		if (!ret)
			ret = add_kind(c, kind, i);
		if (!ret)
			ret = compile_row(c, &row);
		if (!ret)
			ret = ml_u32s_push(&kind->shape, row.shape);
		if (!ret)
			ret = ml_u32s_push(&kind->list, row.list);
	}
	return ret;
}

/* ----------------------------------------------------------- rows of classes */

static int find_class_rows(struct compile *c, struct search *search)
{
	struct row row, none = { NONE, NONE }, base;
	uint32_t i, s;

	for (s = 0; s < SIDES; s++) {
		c->rows[s] = compile_calloc(c, c->side[s].classes, sizeof(*c->rows[s]));
		if (!c->rows[s])
			return -ENOMEM;
	}
	for (i = 0; i < c->side[SOURCE].classes; i++)
		c->rows[SOURCE][i] = kind_row(&search->kind[SOURCE], i);
	/* A row that is any to any alone is what source class 0 has too. */
	base = c->rows[SOURCE][0];
	for (i = 0; i < c->side[DESTINATION].classes; i++) {
		row = kind_row(&search->kind[DESTINATION], i);
		c->rows[DESTINATION][i] = row_same(&row, &base) ? none : row;
	}
	return 0;
}

static int find_own(struct compile *c, struct search *search)
{
	struct ml_u32s kinds = { 0 }, classes = { 0 };
	uint32_t i;
	int ret = 0;

	for (i = 0; !ret && i < c->side[DESTINATION].classes; i++) {
		if (c->rows[DESTINATION][i].shape == NONE)
			continue;
		ret = ml_u32s_push(&kinds, search->kind[DESTINATION].of_class[i]);
		if (!ret)
			ret = ml_u32s_push(&classes, i);
	}
	if (!ret)
		ret = compile_lists(c, &search->own_of,
				    search->kind[DESTINATION].lists.count, &kinds, &classes);
	ml_u32s_clean(&kinds);
	ml_u32s_clean(&classes);
	return ret;
}

/* --------------------------------------------------------------------- pairs */

/* Combinations that are looked at; not all of them become pairs. */
#define MAX_SUMS (2u * MERLON_MAX_PAIRS)

/* The row of all that speaks of a pair: search->key, as in search->sums. */
static int sum_row(struct compile *c, struct search *search, struct row *ret)
{
	uint32_t number;
	size_t i;
	int err;

	err = ml_intern_put(&search->sums, search->key.items, search->key.count, &number);
	if (err)
		return err;
	if (number < search->sum_shape.count) {
		*ret = (struct row){ search->sum_shape.items[number],
				     search->sum_list.items[number] };
		return 0;
	}
	if (number >= MAX_SUMS)
		return compile_too_many(c, "combinations of rules, or more", number + 1ull,
					"the compiler's limit", MAX_SUMS,
					"let rules name groups instead of hosts, or share groups");
	c->ranks.count = 0;
	err = add_block(c, search->any_any);
	for (i = 0; !err && i < SIDES; i++)
		err = add_kind(c, &search->kind[i], search->key.items[i]);
	for (i = SIDES; !err && i < search->key.count; i++)
		err = add_block(c, search->key.items[i]);
	if (!err)
		err = compile_row(c, ret);
	if (!err)
		err = ml_u32s_push(&search->sum_shape, ret->shape);
	return err ? err : ml_u32s_push(&search->sum_list, ret->list);
}

static int sum_start(struct search *search, uint32_t source, uint32_t destination)
{
	search->key.count = 0;
	if (ml_u32s_push(&search->key, source) || ml_u32s_push(&search->key, destination))
		return -ENOMEM;
	return 0;
}

/*
 * A source with rules to any, and destinations with rules from any: their row
 * lacks the former. Whole kinds of destinations are passed over at once where
 * that makes no difference.
 */
static int add_crossings(struct compile *c, struct search *search, uint32_t source)
{
	uint32_t kind, i, from = search->kind[SOURCE].of_class[source];
	struct row row = { NONE, NONE }, own;
	int ret;

	if (!from)
		return 0;
	for (kind = 1; kind < search->kind[DESTINATION].lists.count; kind++) {
		i = search->own_of.at[kind];
		if (i == search->own_of.at[kind + 1])
			continue;
		ret = sum_start(search, from, kind);
		if (!ret)
			ret = sum_row(c, search, &row);
		if (ret)
			return ret;
		own = kind_row(&search->kind[DESTINATION], search->own_of.items[i]);
		if (row_same(&row, &own))
			continue;
		for (; i < search->own_of.at[kind + 1]; i++)
			if (found_add(search, search->own_of.items[i], NONE))
				return -ENOMEM;
	}
	return 0;
}

/* Destinations that blocks with one of @source's expressions name. */
static int add_blocks(struct compile *c, struct search *search, uint32_t source)
{
	const struct lists *exprs = &c->side[SOURCE].exprs_of;
	const struct lists *classes = &c->side[DESTINATION].classes_of;
	uint32_t i, j, k, expr, block, to;

	for (i = exprs->at[source]; i < exprs->at[source + 1]; i++) {
		expr = exprs->items[i];
		for (j = search->blocks_of.at[expr]; j < search->blocks_of.at[expr + 1]; j++) {
			block = search->blocks_of.items[j];
			to = c->blocks[block].expr[DESTINATION];
			for (k = classes->at[to]; k < classes->at[to + 1]; k++)
				if (found_add(search, classes->items[k], block))
					return -ENOMEM;
		}
	}
	return 0;
}

static int pair_add(struct compile *c, struct search *search, uint32_t source,
		    uint32_t destination)
{
	const struct row *fallback = &c->rows[DESTINATION][destination];
	struct row row = { NONE, NONE };
	int ret = sum_row(c, search, &row);

	if (ret)
		return ret;
	if (fallback->shape == NONE)
		fallback = &c->rows[SOURCE][source];
	if (row_same(&row, fallback))
		return 0;
	if (c->pairs.count / 4 >= MERLON_MAX_PAIRS)
		return compile_too_many(c, "pairs of classes, or more", c->pairs.count / 4 + 1,
					"MERLON_MAX_PAIRS", MERLON_MAX_PAIRS,
					"let rules name groups instead of hosts, or share groups");
	if (ml_u32s_push(&c->pairs, source) || ml_u32s_push(&c->pairs, destination) ||
	    ml_u32s_push(&c->pairs, row.shape) || ml_u32s_push(&c->pairs, row.list))
		return -ENOMEM;
	return 0;
}

static int compare_found(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int pairs_of(struct compile *c, struct search *search, uint32_t source)
{
	uint32_t destination, block;
	size_t i = 0;
	int ret = 0;

	qsort(search->found, search->found_count, sizeof(*search->found), compare_found);
	while (!ret && i < search->found_count) {
		destination = (uint32_t)(search->found[i] >> 32);
		ret = sum_start(search, search->kind[SOURCE].of_class[source],
				search->kind[DESTINATION].of_class[destination]);
		for (; !ret && i < search->found_count &&
		       search->found[i] >> 32 == destination; i++) {
			block = (uint32_t)search->found[i];
			if (block != NONE)
				ret = ml_u32s_push(&search->key, block);
		}
		if (!ret)
			ret = pair_add(c, search, source, destination);
	}
	return ret;
}

static int find_pairs(struct compile *c, struct search *search)
{
	uint32_t source;
	int ret = 0;

	for (source = 0; !ret && source < c->side[SOURCE].classes; source++) {
		search->found_count = 0;
		ret = add_crossings(c, search, source);
		if (!ret)
			ret = add_blocks(c, search, source);
		if (!ret && search->found_count)
			ret = pairs_of(c, search, source);
	}
	return ret;
}

static void search_clean(struct search *search)
{
	int s;

	for (s = 0; s < SIDES; s++) {
		ml_intern_clean(&search->kind[s].lists);
		free(search->kind[s].of_class);
		ml_u32s_clean(&search->kind[s].shape);
		ml_u32s_clean(&search->kind[s].list);
		free(search->one_sided[s]);
	}
	free(search->blocks_of.at);
	free(search->blocks_of.items);
	free(search->own_of.at);
	free(search->own_of.items);
	ml_intern_clean(&search->sums);
	ml_u32s_clean(&search->sum_shape);
	ml_u32s_clean(&search->sum_list);
	free(search->found);
	ml_u32s_clean(&search->key);
}

/* What compile_row() works with; shape 0 and list 0 are the empty ones. */
static int prepare_rows(struct compile *c)
{
	uint32_t i, number;

	c->svx_seen = compile_calloc(c, c->svxs.count, sizeof(*c->svx_seen));
	c->service_owner = compile_calloc(c, c->services, sizeof(*c->service_owner));
	if (!c->svx_seen || !c->service_owner)
		return -ENOMEM;
	for (i = 0; i < c->services; i++)
		c->service_owner[i] = NONE;
	return ml_intern_put(&c->shapes, NULL, 0, &number);
}

int compile_pairs(struct compile *c)
{
	struct search search = { 0 };
	int s, ret = prepare_rows(c);

	if (!ret)
		ret = find_blocks(c, &search);
	for (s = 0; !ret && s < SIDES; s++)
		ret = find_kinds(c, &search, s);
	if (!ret)
		ret = find_class_rows(c, &search);
	if (!ret)
		ret = find_own(c, &search);
	if (!ret)
		ret = find_pairs(c, &search);
	search_clean(&search);
	return ret;
}
