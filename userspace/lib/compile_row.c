/* SPDX-License-Identifier: MIT */
/*
 * From a list of rules to a row.
 *
 * Of the rules that speak of a cell, the best wins. So of the rules with the
 * same svx only the best can win anything, and behind one that covers all
 * services nothing does. What is left is a sequence of svxs, and the sequence
 * alone decides the shape and which of its places fills which slot; that work
 * is done once for each sequence, and there are few.
 */
#include "compile_private.h"

#include <errno.h>

/* The sequence of svxs of c->ranks, and the rules that stand at its places. */
static int make_sequence(struct compile *c)
{
	uint32_t rule, svx;
	size_t i;

	c->sequence.count = 0;
	c->rules.count = 0;
	c->svx_stamp++;
	for (i = 0; i < c->ranks.count; i++) {
		rule = c->by_rank[c->ranks.items[i]];
		svx = c->rule_svx[rule];
		if (c->svx_seen[svx] == c->svx_stamp)
			continue;
		c->svx_seen[svx] = c->svx_stamp;
		if (ml_u32s_push(&c->sequence, svx) || ml_u32s_push(&c->rules, rule))
			return -ENOMEM;
		if (svx == SVX_FULL)
			break;
	}
	return 0;
}

/* Who wins each service: c->touched lists the services that anybody wins. */
static int find_owners(struct compile *c)
{
	uint32_t i, place, svx, service;

	c->touched.count = 0;
	for (place = 0; place < c->sequence.count; place++) {
		svx = c->sequence.items[place];
		for (i = c->services_of.at[svx]; i < c->services_of.at[svx + 1]; i++) {
			service = c->services_of.items[i];
			if (c->service_owner[service] != NONE)
				continue;
			c->service_owner[service] = place;
			if (ml_u32s_push(&c->touched, service))
				return -ENOMEM;
		}
	}
	ml_u32s_sort(&c->touched);
	return 0;
}

/* Slots by first occurrence; c->scratch: places by slot, NONE: not yet seen. */
static int slot_of(struct compile *c, uint32_t place, uint32_t *slots, uint32_t *ret)
{
	if (!slots[place]) {
		if (ml_u32s_push(&c->scratch, place))
			return -ENOMEM;
		slots[place] = (uint32_t)c->scratch.count;
	}
	*ret = slots[place];
	return 0;
}

/* Runs of c->touched, two numbers each, into @runs. */
static int make_runs(struct compile *c, uint32_t *slots, struct ml_u32s *runs)
{
	uint32_t service, slot, *last;
	size_t i;

	c->scratch.count = 0;
	for (i = 0; i < c->touched.count; i++) {
		service = c->touched.items[i];
		if (slot_of(c, c->service_owner[service], slots, &slot))
			return -ENOMEM;
		last = runs->count ? &runs->items[runs->count - 2] : NULL;
		if (last && last[1] == slot && (last[0] & 0xffff) + 1 == service) {
			last[0]++;
			continue;
		}
		if (ml_u32s_push(runs, service << 16 | service) || ml_u32s_push(runs, slot))
			return -ENOMEM;
	}
	return 0;
}

/* Shape and winners of a sequence that was not met before. */
static int shape_sequence(struct compile *c)
{
	struct ml_u32s runs = { 0 }, slots = { 0 };
	uint32_t shape, winners;
	size_t i;
	int ret;

	/* Twice the limit: not all that is made is used. */
	if (c->shapes.items.count > 4 * (size_t)MERLON_MAX_RUNS)
		return compile_too_many(c, "runs, or more", c->shapes.items.count / 4,
					"MERLON_MAX_RUNS", MERLON_MAX_RUNS,
					"let rules share lists of services");
	ret = find_owners(c);
	for (i = 0; !ret && i <= c->sequence.count; i++)
		ret = ml_u32s_push(&slots, 0);
	if (!ret)
		ret = make_runs(c, slots.items, &runs);
	if (!ret)
		ret = ml_intern_put(&c->shapes, runs.items, runs.count, &shape);
	if (!ret)
		ret = ml_intern_put(&c->winners, c->scratch.items, c->scratch.count, &winners);
	if (!ret)
		ret = ml_u32s_push(&c->sequence_shape, shape);
	if (!ret)
		ret = ml_u32s_push(&c->sequence_winners, winners);
	for (i = 0; i < c->touched.count; i++)
		c->service_owner[c->touched.items[i]] = NONE;
	ml_u32s_clean(&runs);
	ml_u32s_clean(&slots);
	return ret;
}

int compile_row(struct compile *c, struct row *ret)
{
	const uint32_t *winners;
	uint32_t sequence;
	size_t i, count;
	int err;

	ml_u32s_sort(&c->ranks);
	err = make_sequence(c);
	if (!err)
		err = ml_intern_put(&c->sequences, c->sequence.items, c->sequence.count,
				    &sequence);
	if (!err && sequence == c->sequence_shape.count)
		err = shape_sequence(c);
	if (err)
		return err;
	winners = ml_intern_get(&c->winners, c->sequence_winners.items[sequence], &count);
	c->scratch.count = 0;
	for (i = 0; !err && i < count; i++)
		err = ml_u32s_push(&c->scratch, c->rules.items[winners[i]] + 1);
	if (err)
		return err;
	ret->shape = c->sequence_shape.items[sequence];
	if (c->lists.items.count > 2 * (size_t)MERLON_MAX_VERDICTS)
		return compile_too_many(c, "verdicts, or more", c->lists.items.count / 2,
					"MERLON_MAX_VERDICTS", MERLON_MAX_VERDICTS,
					"let rules share groups and services");
	return ml_intern_put(&c->lists, c->scratch.items, c->scratch.count, &ret->list);
}
