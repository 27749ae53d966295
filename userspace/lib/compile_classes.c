/* SPDX-License-Identifier: MIT */
/*
 * Classes of addresses, for each side: two nodes are of one class if the same
 * expressions contain them. Each expression in turn splits the classes of its
 * nodes; what a split leaves empty is used again, so that numbers stay below
 * the nodes'. Class 0 is in no expression: what no set but `any` contains.
 */
#include "compile_private.h"

#include <errno.h>
#include <stdlib.h>

/* ------------------------------------------------------------- expressions */

static int find_expr(struct compile *c, struct side *side, const uint32_t *sets,
		     size_t count, uint32_t *ret)
{
	size_t i;

	c->scratch.count = 0;
	for (i = 0; i < count; i++) {
		if (c->ruleset->sets[sets[i]].any) {
			*ret = EXPR_ANY;
			return 0;
		}
		if (ml_u32s_push(&c->scratch, sets[i]))
			return -ENOMEM;
	}
	ml_u32s_sort(&c->scratch);
	ml_u32s_unique(&c->scratch);
	return ml_intern_put(&side->exprs, c->scratch.items, c->scratch.count, ret);
}

static int find_exprs(struct compile *c)
{
	const struct ml_rule *rule;
	size_t i, rules = c->ruleset->rule_count;
	int s, ret = 0;

	for (s = 0; s < SIDES; s++) {
		c->side[s].rule_expr = compile_calloc(c, rules, sizeof(uint32_t));
		if (!c->side[s].rule_expr)
			return -ENOMEM;
	}
	for (i = 0; !ret && i < rules; i++) {
		rule = &c->ruleset->rules[i];
		ret = find_expr(c, &c->side[SOURCE], rule->sources, rule->source_count,
				&c->side[SOURCE].rule_expr[i]);
		if (!ret)
			ret = find_expr(c, &c->side[DESTINATION], rule->destinations,
					rule->destination_count,
					&c->side[DESTINATION].rule_expr[i]);
	}
	return ret;
}

/* -------------------------------------------------------------------- split */

struct split {
	uint32_t *seen;		/* by node: last expression that met it, plus 1 */
	uint32_t *stamp;	/* by class: last expression that split it, plus 1 */
	uint32_t *to;		/* by class: what that made of it */
	uint32_t *size;		/* by class: nodes */
	struct ml_u32s spare;	/* classes without nodes */
	struct ml_u32s touched;	/* classes that this expression split */
	uint32_t classes;
};

static int split_alloc(struct compile *c, struct split *split)
{
	/* At most one class per node, and as many made of them by one split. */
	size_t n = 2 * (size_t)c->node_count + 2;

	split->seen = compile_calloc(c, c->node_count, sizeof(*split->seen));
	split->stamp = compile_calloc(c, n, sizeof(*split->stamp));
	split->to = compile_calloc(c, n, sizeof(*split->to));
	split->size = compile_calloc(c, n, sizeof(*split->size));
	if (!split->seen || !split->stamp || !split->to || !split->size)
		return -ENOMEM;
	split->classes = 1;
	split->size[0] = c->node_count + 1;	/* one for the rest of the world */
	return 0;
}

static void split_free(struct split *split)
{
	free(split->seen);
	free(split->stamp);
	free(split->to);
	free(split->size);
	ml_u32s_clean(&split->spare);
	ml_u32s_clean(&split->touched);
}

static int split_node(struct split *split, uint32_t *class, uint32_t stamp)
{
	uint32_t from = *class;

	if (split->stamp[from] != stamp) {
		split->stamp[from] = stamp;
		split->to[from] = split->spare.count ?
				  split->spare.items[--split->spare.count] : split->classes++;
		if (ml_u32s_push(&split->touched, from))
			return -ENOMEM;
	}
	*class = split->to[from];
	split->size[from]--;
	split->size[*class]++;
	return 0;
}

static int split_by_set(struct compile *c, struct side *side, struct split *split,
			uint32_t set, uint32_t stamp)
{
	uint32_t i, node, end = 0;

	for (i = c->nodes_of.at[set]; i < c->nodes_of.at[set + 1]; i++) {
		node = c->nodes_of.items[i];
		if (node < end)
			continue;	/* inside the prefix before it */
		for (end = c->nodes[node].end; node < end; node++) {
			if (split->seen[node] == stamp)
				continue;
			split->seen[node] = stamp;
			if (split_node(split, &side->class_of[node], stamp))
				return -ENOMEM;
		}
	}
	return 0;
}

static int split_by(struct compile *c, struct side *side, struct split *split, uint32_t expr)
{
	const uint32_t *sets;
	size_t i, count;

	sets = ml_intern_get(&side->exprs, expr, &count);
	split->touched.count = 0;
	for (i = 0; i < count; i++)
		if (split_by_set(c, side, split, sets[i], expr + 1))
			return -ENOMEM;
	for (i = 0; i < split->touched.count; i++)
		if (!split->size[split->touched.items[i]] &&
		    ml_u32s_push(&split->spare, split->touched.items[i]))
			return -ENOMEM;
	return 0;
}

static int split_side(struct compile *c, struct side *side)
{
	struct split split = { 0 };
	uint32_t expr;
	int ret;

	side->class_of = compile_calloc(c, c->node_count, sizeof(*side->class_of));
	ret = side->class_of ? split_alloc(c, &split) : -ENOMEM;
	for (expr = 0; !ret && expr < side->exprs.count; expr++)
		ret = split_by(c, side, &split, expr);
	split_free(&split);
	return ret;
}

/* ------------------------------------------------------------------ records */

/* Says what holds without it: the prefix around it has the same classes. */
static bool node_redundant(const struct compile *c, uint32_t i)
{
	const struct node *node = &c->nodes[i], *parent;
	const uint32_t *source = c->side[SOURCE].class_of;
	const uint32_t *destination = c->side[DESTINATION].class_of;

	if (node->parent == NONE)
		return !source[i] && !destination[i] && !node->tunnel;
	parent = &c->nodes[node->parent];
	return source[i] == source[node->parent] &&
	       destination[i] == destination[node->parent] &&
	       node->tunnel == parent->tunnel;
}

static int find_records(struct compile *c)
{
	const struct node *node;
	uint32_t i, kind;

	for (i = 0; i < c->node_count; i++) {
		if (node_redundant(c, i))
			continue;
		node = &c->nodes[i];
		kind = node->family + (node->length == (node->family ? 128 : 32) ? 0 : 2);
		if (ml_u32s_push(&c->records[kind], i))
			return -ENOMEM;
	}
	return 0;
}

static int check_records(struct compile *c)
{
	static const char *const what[] = {
		"IPv4 addresses", "IPv6 addresses", "IPv4 prefixes", "IPv6 prefixes",
	};
	uint32_t i, max;

	for (i = 0; i < 4; i++) {
		max = i < 2 ? MERLON_MAX_HOSTS : MERLON_MAX_NETS;
		if (c->records[i].count > max)
			return compile_too_many(c, what[i], c->records[i].count,
						i < 2 ? "MERLON_MAX_HOSTS" : "MERLON_MAX_NETS",
						max, "use larger prefixes");
	}
	return 0;
}

/* Final numbers: in the order in which the image's records name them. */
static int number_side(struct compile *c, struct side *side)
{
	uint32_t *number = compile_calloc(c, 2 * (size_t)c->node_count + 2, sizeof(*number));
	uint32_t i, *class;
	size_t j;

	if (!number)
		return -ENOMEM;
	side->classes = 1;
	for (i = 0; i < 4; i++)
		for (j = 0; j < c->records[i].count; j++) {
			class = &number[side->class_of[c->records[i].items[j]]];
			if (!*class && side->class_of[c->records[i].items[j]])
				*class = side->classes++;
		}
	for (i = 0; i < c->node_count; i++)
		side->class_of[i] = number[side->class_of[i]];
	free(number);
	if (side->classes > MERLON_MAX_CLASSES)
		return compile_too_many(c, "classes of addresses", side->classes,
					"MERLON_MAX_CLASSES", MERLON_MAX_CLASSES,
					"let rules name groups instead of hosts");
	return 0;
}

/* ----------------------------------------- which expressions have which class */

struct membership {
	struct ml_u32s exprs, classes;
	uint32_t *seen;		/* by class: last expression, plus 1 */
	uint32_t *met;		/* by node: the same */
};

static int list_node(struct compile *c, const struct side *side, struct membership *m,
		     uint32_t node, uint32_t expr)
{
	uint32_t class = side->class_of[node];

	m->met[node] = expr + 1;
	if (m->seen[class] == expr + 1)
		return 0;
	m->seen[class] = expr + 1;
	if (m->exprs.count >= MAX_MEMBERSHIPS)
		return compile_too_many(c, "memberships of classes in rules' addresses",
					m->exprs.count, "the compiler's limit",
					MAX_MEMBERSHIPS, "let rules share groups");
	if (ml_u32s_push(&m->exprs, expr) || ml_u32s_push(&m->classes, class))
		return -ENOMEM;
	return 0;
}

static int list_set(struct compile *c, const struct side *side, struct membership *m,
		    uint32_t set, uint32_t expr)
{
	uint32_t i, node, end = 0;
	int ret = 0;

	for (i = c->nodes_of.at[set]; i < c->nodes_of.at[set + 1]; i++) {
		node = c->nodes_of.items[i];
		if (node < end)
			continue;
		for (end = c->nodes[node].end; !ret && node < end; node++)
			if (m->met[node] != expr + 1)
				ret = list_node(c, side, m, node, expr);
		if (ret)
			return ret;
	}
	return 0;
}

static int list_members(struct compile *c, const struct side *side, struct membership *m)
{
	const uint32_t *sets;
	uint32_t expr;
	size_t i, count;
	int ret = 0;

	m->seen = compile_calloc(c, side->classes, sizeof(*m->seen));
	m->met = compile_calloc(c, c->node_count, sizeof(*m->met));
	if (!m->seen || !m->met)
		return -ENOMEM;
	for (expr = 0; expr < side->exprs.count; expr++) {
		sets = ml_intern_get(&side->exprs, expr, &count);
		for (i = 0; !ret && i < count; i++)
			ret = list_set(c, side, m, sets[i], expr);
	}
	return ret;
}

static int map_classes(struct compile *c, struct side *side)
{
	struct membership m = { 0 };
	int ret;

	ret = list_members(c, side, &m);
	if (!ret)
		ret = compile_lists(c, &side->classes_of, side->exprs.count,
				    &m.exprs, &m.classes);
	if (!ret)
		ret = compile_lists(c, &side->exprs_of, side->classes,
				    &m.classes, &m.exprs);
	ml_u32s_clean(&m.exprs);
	ml_u32s_clean(&m.classes);
	free(m.seen);
	free(m.met);
	return ret;
}

int compile_classes(struct compile *c)
{
	int s, ret = find_exprs(c);

	for (s = 0; !ret && s < SIDES; s++)
		ret = split_side(c, &c->side[s]);
	if (!ret)
		ret = find_records(c);
	if (!ret)
		ret = check_records(c);
	for (s = 0; !ret && s < SIDES; s++)
		ret = number_side(c, &c->side[s]);
	for (s = 0; !ret && s < SIDES; s++)
		ret = map_classes(c, &c->side[s]);
	return ret;
}
