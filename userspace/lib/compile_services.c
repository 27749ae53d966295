/* SPDX-License-Identifier: MIT */
/*
 * Services: selectors that no rule can tell apart.
 *
 * The borders of all ranges cut each protocol into cells. Then one svx (list
 * of ranges of a rule) after the other splits the classes of cells that it
 * divides. What no svx but the full one contains is service 0; the others are
 * numbered in the order of cells.
 */
#include "compile_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include "classifier.h"

static const uint8_t with_ports[] = {
	IPPROTO_TCP, IPPROTO_UDP, IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_UDPLITE,
};

struct range {
	uint8_t protocol;
	uint16_t first, last;
};

struct ranges {
	struct range *items;
	size_t count;
};

/* --------------------------------------------------------- rules' services */

static bool is_full(const struct ml_rule *rule)
{
	size_t i;

	for (i = 0; i < rule->service_count; i++)
		if (rule->services[i].protocol == ML_PROTOCOL_ANY &&
		    rule->services[i].first == 0 && rule->services[i].last == 65535)
			return true;
	return false;
}

static void range_add(struct ranges *ranges, uint8_t protocol, uint16_t first, uint16_t last)
{
	uint32_t max = merlon_selector_max(protocol);

	ranges->items[ranges->count++] = (struct range){
		.protocol = protocol, .first = first, .last = last < max ? last : (uint16_t)max,
	};
}

static int compare_range(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->protocol != y->protocol)
		return (int)x->protocol - (int)y->protocol;
	if (x->first != y->first)
		return (int)x->first - (int)y->first;
	return (int)x->last - (int)y->last;
}

/* Sorted; ranges that overlap or touch become one. */
static void ranges_merge(struct ranges *ranges)
{
	struct range *to = ranges->items, *now;
	size_t i;

	qsort(ranges->items, ranges->count, sizeof(*ranges->items), compare_range);
	for (i = 1; i < ranges->count; i++) {
		now = &ranges->items[i];
		if (now->protocol != to->protocol || now->first > to->last + 1)
			*++to = *now;
		else if (now->last > to->last)
			to->last = now->last;
	}
	ranges->count = (size_t)(to - ranges->items) + 1;
}

static void rule_ranges(const struct ml_rule *rule, struct ranges *ranges)
{
	const struct ml_service_range *range;
	size_t i, j;

	ranges->count = 0;
	for (i = 0; i < rule->service_count; i++) {
		range = &rule->services[i];
		if (range->protocol != ML_PROTOCOL_ANY) {
			range_add(ranges, (uint8_t)range->protocol, range->first, range->last);
			continue;
		}
		/* Ports without a protocol are those of all that have ports. */
		for (j = 0; j < sizeof(with_ports); j++)
			range_add(ranges, with_ports[j], range->first, range->last);
	}
	ranges_merge(ranges);
}

static int rule_svx(struct compile *c, const struct ml_rule *rule, uint32_t *ret)
{
	struct ranges ranges = { 0 };
	size_t i;
	int err = 0;

	if (is_full(rule)) {
		*ret = SVX_FULL;
		return 0;
	}
	ranges.items = compile_calloc(c, rule->service_count * sizeof(with_ports),
				      sizeof(*ranges.items));
	if (!ranges.items)
		return -ENOMEM;
	rule_ranges(rule, &ranges);
	c->scratch.count = 0;
	for (i = 0; !err && i < ranges.count; i++) {
		err = ml_u32s_push(&c->scratch, (uint32_t)ranges.items[i].protocol << 16 |
						ranges.items[i].first);
		if (!err)
			err = ml_u32s_push(&c->scratch, ranges.items[i].last);
	}
	free(ranges.items);
	return err ? err : ml_intern_put(&c->svxs, c->scratch.items, c->scratch.count, ret);
}

static int find_svxs(struct compile *c)
{
	uint32_t number;
	size_t i;
	int ret;

	c->rule_svx = compile_calloc(c, c->ruleset->rule_count, sizeof(*c->rule_svx));
	if (!c->rule_svx)
		return -ENOMEM;
	/* The full one has no ranges of its own, and no other has none. */
	ret = ml_intern_put(&c->svxs, NULL, 0, &number);
	for (i = 0; !ret && i < c->ruleset->rule_count; i++)
		ret = rule_svx(c, &c->ruleset->rules[i], &c->rule_svx[i]);
	return ret;
}

/* -------------------------------------------------------------------- cells */

/* Where a cell starts: protocol << 16 | first selector. */
static int find_borders(struct compile *c, struct ml_u32s *borders)
{
	uint32_t svx, start, last;
	const uint32_t *items;
	size_t i, count;

	for (svx = 0; svx < c->svxs.count; svx++) {
		items = ml_intern_get(&c->svxs, svx, &count);
		for (i = 0; i < count; i += 2) {
			start = items[i];
			last = items[i + 1];
			if (ml_u32s_push(borders, start))
				return -ENOMEM;
			if (last < merlon_selector_max((uint8_t)(start >> 16)) &&
			    ml_u32s_push(borders, (start & 0xff0000) | (last + 1)))
				return -ENOMEM;
		}
	}
	ml_u32s_sort(borders);
	ml_u32s_unique(borders);
	return 0;
}

static int make_cells(struct compile *c, const struct ml_u32s *borders)
{
	struct cell *cell;
	size_t i;

	c->cells = compile_calloc(c, borders->count, sizeof(*c->cells));
	if (!c->cells)
		return -ENOMEM;
	c->cell_count = borders->count;
	for (i = 0; i < borders->count; i++) {
		cell = &c->cells[i];
		cell->protocol = (uint8_t)(borders->items[i] >> 16);
		cell->first = (uint16_t)borders->items[i];
		cell->last = (uint16_t)merlon_selector_max(cell->protocol);
		if (i + 1 < borders->count &&
		    borders->items[i + 1] >> 16 == cell->protocol)
			cell->last = (uint16_t)(borders->items[i + 1] - 1);
	}
	return 0;
}

static size_t cell_find(const struct compile *c, uint32_t start)
{
	size_t low = 0, high = c->cell_count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (((uint32_t)c->cells[middle].protocol << 16 | c->cells[middle].first) < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How many cells the svxs have together, not looking at one of them. */
static uint64_t count_memberships(const struct compile *c)
{
	const uint32_t *items;
	uint64_t total = 0;
	uint32_t svx, last;
	size_t i, count;

	for (svx = 0; svx < c->svxs.count; svx++) {
		items = ml_intern_get(&c->svxs, svx, &count);
		for (i = 0; i < count; i += 2) {
			last = (items[i] & 0xff0000) | items[i + 1];
			total += cell_find(c, last + 1) - cell_find(c, items[i]);
		}
	}
	return total;
}

/* All that follows takes time and memory by this number. */
static int check_memberships(struct compile *c)
{
	uint64_t total = count_memberships(c);

	if (total <= MAX_MEMBERSHIPS)
		return 0;
	return compile_too_many(c, "memberships of ports in rules' services", total,
				"the compiler's limit", MAX_MEMBERSHIPS,
				"let rules share ports and ranges");
}

/* ------------------------------------------------------------------- classes */

/* Classes while they are split; numbers only ever go up. */
struct split {
	struct ml_u32s to, stamp;	/* by class: the class that @stamp's svx made of it */
};

static int split_cell(struct split *split, struct cell *cell, uint32_t svx)
{
	uint32_t from = cell->service;

	if (split->stamp.items[from] != svx) {
		split->stamp.items[from] = svx;
		split->to.items[from] = (uint32_t)split->to.count;
		if (ml_u32s_push(&split->to, 0) || ml_u32s_push(&split->stamp, NONE))
			return -ENOMEM;
	}
	cell->service = split->to.items[from];
	return 0;
}

/* The cells of one range of an svx: from the one that starts where it does. */
static size_t range_end(const struct compile *c, size_t cell, uint32_t last)
{
	uint8_t protocol = c->cells[cell].protocol;

	while (cell < c->cell_count && c->cells[cell].protocol == protocol &&
	       c->cells[cell].first <= last)
		cell++;
	return cell;
}

static int split_by(struct compile *c, struct split *split, uint32_t svx)
{
	const uint32_t *items;
	size_t i, count, cell, end;

	items = ml_intern_get(&c->svxs, svx, &count);
	for (i = 0; i < count; i += 2) {
		cell = cell_find(c, items[i]);
		end = range_end(c, cell, items[i + 1]);
		for (; cell < end; cell++)
			if (split_cell(split, &c->cells[cell], svx))
				return -ENOMEM;
	}
	return 0;
}

static int split_cells(struct compile *c, struct split *split)
{
	uint32_t svx;

	if (ml_u32s_push(&split->to, 0) || ml_u32s_push(&split->stamp, NONE))
		return -ENOMEM;
	for (svx = 0; svx < c->svxs.count; svx++)
		if (split_by(c, split, svx))
			return -ENOMEM;
	return 0;
}

static int number_services(struct compile *c, struct split *split)
{
	uint32_t *number = split->to.items;
	size_t i;

	memset(number, 0xff, split->to.count * sizeof(*number));
	number[0] = 0;
	c->services = 1;
	for (i = 0; i < c->cell_count; i++) {
		if (number[c->cells[i].service] == NONE)
			number[c->cells[i].service] = c->services++;
		c->cells[i].service = number[c->cells[i].service];
	}
	if (c->services > MERLON_MAX_SERVICES)
		return compile_too_many(c, "services that rules tell apart", c->services,
					"MERLON_MAX_SERVICES", MERLON_MAX_SERVICES,
					"let rules share ports and ranges");
	return 0;
}

/* -------------------------------------------------------- services of an svx */

static int list_services(struct compile *c, uint32_t svx, struct ml_u32s *list)
{
	const uint32_t *items;
	size_t i, count, cell, end;

	items = ml_intern_get(&c->svxs, svx, &count);
	for (i = 0; i < count; i += 2) {
		cell = cell_find(c, items[i]);
		end = range_end(c, cell, items[i + 1]);
		for (; cell < end; cell++)
			if (ml_u32s_push(list, c->cells[cell].service))
				return -ENOMEM;
	}
	for (i = 0; svx == SVX_FULL && i < c->services; i++)
		if (ml_u32s_push(list, (uint32_t)i))
			return -ENOMEM;
	ml_u32s_sort(list);
	ml_u32s_unique(list);
	return 0;
}

static int map_svxs(struct compile *c, struct ml_u32s *svxs, struct ml_u32s *services,
		    struct ml_u32s *list)
{
	uint32_t svx;
	size_t i;

	for (svx = 0; svx < c->svxs.count; svx++) {
		list->count = 0;
		if (list_services(c, svx, list))
			return -ENOMEM;
		for (i = 0; i < list->count; i++)
			if (ml_u32s_push(svxs, svx) || ml_u32s_push(services, list->items[i]))
				return -ENOMEM;
	}
	return compile_lists(c, &c->services_of, c->svxs.count, svxs, services);
}

static int map_services(struct compile *c)
{
	struct ml_u32s svxs = { 0 }, services = { 0 }, list = { 0 };
	int ret;

	ret = map_svxs(c, &svxs, &services, &list);
	ml_u32s_clean(&svxs);
	ml_u32s_clean(&services);
	ml_u32s_clean(&list);
	return ret;
}

int compile_services(struct compile *c)
{
	struct ml_u32s borders = { 0 };
	struct split split = { 0 };
	int ret;

	ret = find_svxs(c);
	if (!ret)
		ret = find_borders(c, &borders);
	if (!ret)
		ret = make_cells(c, &borders);
	if (!ret)
		ret = check_memberships(c);
	if (!ret)
		ret = split_cells(c, &split);
	if (!ret)
		ret = number_services(c, &split);
	ml_u32s_clean(&borders);
	ml_u32s_clean(&split.to);
	ml_u32s_clean(&split.stamp);
	return ret ? ret : map_services(c);
}
