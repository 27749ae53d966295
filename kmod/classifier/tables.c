// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * From a checked view to the tables that packets are judged by. Every index
 * that ends up in a table was bounded by image.c; nothing is checked again on
 * the packet path.
 */
#include "tables.h"

void *merlon_tables_alloc(struct merlon_tables *tables, size_t n, size_t size)
{
	void *p = merlon_env_calloc(n, size);

	if (p)
		tables->bytes += n * size;
	return p;
}

static int no_memory(struct merlon_fault *fault, u32 section)
{
	return merlon_fault_set(fault, -ENOMEM, section, 0, "out of memory");
}

/* ----------------------------------------------------------------- services */

/*
 * Protocols that no range speaks of share the entry at 0, service 0; a
 * protocol with selectors has an entry for each of them.
 */
static u32 services_lay_out(struct merlon_tables *tables, const struct merlon_view *view)
{
	u32 i, at = 1;
	struct merlon_protocol *p;

	for (i = 0; i < view->count[MERLON_SECTION_SERVICES]; i++) {
		p = &tables->protocols[view->services[i].protocol];
		if (p->offset)
			continue;
		p->offset = at;
		p->mask = merlon_selector_max(view->services[i].protocol);
		at += p->mask + 1;
	}
	return at;
}

static int services_build(struct merlon_tables *tables, const struct merlon_view *view,
			  struct merlon_fault *fault)
{
	const struct merlon_service *from;
	u32 i, j, n = services_lay_out(tables, view);
	u16 *to;

	to = merlon_tables_alloc(tables, n, sizeof(*to));
	if (!to)
		return no_memory(fault, MERLON_SECTION_SERVICES);
	tables->services = to;
	for (i = 0; i < view->count[MERLON_SECTION_SERVICES]; i++) {
		from = &view->services[i];
		for (j = le16_to_cpu(from->first); j <= le16_to_cpu(from->last); j++)
			to[tables->protocols[from->protocol].offset + j] =
				le16_to_cpu(from->service);
	}
	return 0;
}

/* -------------------------------------------------------------------- shapes */

static u32 lone_slots(const struct merlon_run *run)
{
	u32 first = le16_to_cpu(run->first), last = le16_to_cpu(run->last);

	return MERLON_ROW_LONE | (last - first) << 16 | first;
}

static void run_fill(const struct merlon_run *run, u16 *slots)
{
	u32 j;

	for (j = le16_to_cpu(run->first); j <= le16_to_cpu(run->last); j++)
		slots[j] = le16_to_cpu(run->slot);
}

static int runs_lay_out(const struct merlon_view *view, u32 *shapes, u16 *slots,
			struct merlon_fault *fault)
{
	u32 i, shape, last = 0, at = 0;

	for (i = 0; i < view->count[MERLON_SECTION_RUNS]; i++) {
		if (!(i % 64) && merlon_env_interrupted())
			return merlon_fault_set(fault, -EINTR, MERLON_SECTION_RUNS, i,
						"interrupted by a signal");
		shape = le32_to_cpu(view->runs[i].shape);
		if (merlon_run_is_lone(view, i)) {
			shapes[shape] = lone_slots(&view->runs[i]);
			continue;
		}
		at += shape == last ? 0 : view->nr_services;
		last = shape;
		shapes[shape] = at;
		run_fill(&view->runs[i], slots + at);
	}
	return 0;
}

static int slots_build(struct merlon_tables *tables, const struct merlon_view *view,
		       struct merlon_fault *fault)
{
	u32 *shapes = merlon_env_calloc(view->shapes, sizeof(*shapes));
	u16 *slots;

	tables->shapes = shapes;
	slots = merlon_tables_alloc(tables, (size_t)view->wide_shapes * view->nr_services,
				    sizeof(*slots));
	tables->slots = slots;
	if (!shapes || !slots)
		return no_memory(fault, MERLON_SECTION_RUNS);
	return runs_lay_out(view, shapes, slots, fault);
}

/* ---------------------------------------------------------- rules and verdicts */

static int rules_build(struct merlon_tables *tables, const struct merlon_view *view,
		       struct merlon_fault *fault)
{
	u32 i, n = view->count[MERLON_SECTION_RULES];
	struct merlon_rule rule;
	u8 *actions;
	u64 *ids;

	/* One more of each, since nothing is allocated with size 0. */
	ids = merlon_tables_alloc(tables, n + 1, sizeof(*ids));
	tables->rule_ids = ids;
	actions = merlon_tables_alloc(tables, n + 1, sizeof(*actions));
	tables->rule_actions = actions;
	if (!ids || !actions)
		return no_memory(fault, MERLON_SECTION_RULES);
	for (i = 0; i < n; i++) {
		merlon_rule_read(view, i, &rule);
		ids[i] = le64_to_cpu(rule.id);
		actions[i] = rule.action;
	}
	tables->nr_rules = n;
	return 0;
}

static int verdicts_build(struct merlon_tables *tables, const struct merlon_view *view,
			  struct merlon_fault *fault)
{
	u32 i, rule, n = view->count[MERLON_SECTION_VERDICTS];
	u32 unmatched = view->flags & MERLON_IMAGE_F_REJECT ? MERLON_ACTION_REJECT :
							      MERLON_ACTION_DROP;
	u32 *verdicts;

	verdicts = merlon_tables_alloc(tables, n, sizeof(*verdicts));
	if (!verdicts)
		return no_memory(fault, MERLON_SECTION_VERDICTS);
	tables->verdicts = verdicts;
	tables->unmatched = MERLON_VERDICT(unmatched, 0);
	for (i = 0; i < n; i++) {
		if (merlon_env_interrupted_at(i))
			return merlon_fault_set(fault, -EINTR, MERLON_SECTION_VERDICTS,
						i, "interrupted by a signal");
		rule = le32_to_cpu(view->verdicts[i]);
		verdicts[i] = MERLON_VERDICT(rule ? tables->rule_actions[rule - 1] :
					     unmatched, rule);
	}
	return 0;
}

/* ---------------------------------------------------------------------- rows */

/* A list is 0, then the rules of slots 1 and up, none of which is 0. */
static bool single(const struct merlon_view *view, u32 base)
{
	u32 n = view->count[MERLON_SECTION_VERDICTS];

	return base + 1 < n && view->verdicts[base + 1] &&
	       (base + 2 == n || !view->verdicts[base + 2]);
}

struct merlon_row merlon_row_of(const struct merlon_tables *tables,
				const struct merlon_view *view, __le32 shape, __le32 base)
{
	struct merlon_row row = {
		.slots = tables->shapes[le32_to_cpu(shape)],
		.base = le32_to_cpu(base),
	};

	if (single(view, row.base))
		row.base = tables->verdicts[row.base + 1];
	else
		row.base |= MERLON_ROW_MANY;
	return row;
}

/* ------------------------------------------------------------------- classes */

static int classes_build(struct merlon_tables *tables, const struct merlon_view *view,
			 struct merlon_fault *fault)
{
	u32 i, n = view->count[MERLON_SECTION_CLASSES];
	const struct merlon_class *class;
	struct merlon_row *rows;

	rows = merlon_tables_alloc(tables, n, sizeof(*rows));
	if (!rows)
		return no_memory(fault, MERLON_SECTION_CLASSES);
	tables->sources = rows;
	tables->destinations = rows + view->source_classes;
	for (i = 0; i < n; i++) {
		if (merlon_env_interrupted_at(i))
			return merlon_fault_set(fault, -EINTR, MERLON_SECTION_CLASSES,
						i, "interrupted by a signal");
		class = &view->classes[i];
		rows[i] = merlon_row_of(tables, view, class->shape, class->base);
		if (le32_to_cpu(class->flags) & MERLON_CLASS_F_ROW)
			rows[i].base |= MERLON_ROW_OWN;
	}
	return 0;
}

/* --------------------------------------------------------------------- all */

static void tables_note(struct merlon_tables *tables, const struct merlon_view *view)
{
	tables->nr_pairs = view->count[MERLON_SECTION_PAIRS];
	tables->nr_hosts = view->count[MERLON_SECTION_HOSTS4] +
			   view->count[MERLON_SECTION_HOSTS6];
	tables->nr_tunnels = view->count[MERLON_SECTION_TUNNELS];
	memcpy(tables->tunnels, view->tunnels,
	       tables->nr_tunnels * sizeof(tables->tunnels[0]));
}

int merlon_tables_build(const struct merlon_view *view,
			struct merlon_tables **ret, struct merlon_fault *fault)
{
	/* ORDER: verdicts copy the actions of rules, and rows copy verdicts and slots. */
	static int (*const builds[])(struct merlon_tables *tables,
				     const struct merlon_view *view,
				     struct merlon_fault *fault) = {
		rules_build, verdicts_build, services_build, slots_build,
		classes_build, merlon_pairs_build, merlon_hosts4_build,
		merlon_hosts6_build, merlon_nets4_build, merlon_nets6_build,
	};
	struct merlon_tables *tables;
	u32 i;
	int err;

	tables = merlon_env_calloc(1, sizeof(*tables));
	if (!tables)
		return merlon_fault_set(fault, -ENOMEM, -1, 0, "out of memory");
	tables->bytes = sizeof(*tables);
	for (i = 0; i < ARRAY_SIZE(builds); i++) {
		err = builds[i](tables, view, fault);
		if (err) {
			merlon_tables_free(tables);
			return err;
		}
	}
	merlon_env_free(tables->shapes);
	tables->shapes = NULL;
	tables_note(tables, view);
	*ret = tables;
	return 0;
}

void merlon_tables_free(struct merlon_tables *tables)
{
	if (!tables)
		return;
	merlon_env_free(tables->hosts4);
	merlon_env_free(tables->hosts6);
	merlon_env_free(tables->nets4.ends);
	merlon_env_free(tables->nets4.nodes);
	merlon_env_free(tables->nets6.ends);
	merlon_env_free(tables->nets6.nodes);
	merlon_env_free(tables->pairs);
	merlon_env_free(tables->services);
	merlon_env_free(tables->shapes);
	merlon_env_free(tables->slots);
	merlon_env_free(tables->rule_ids);
	merlon_env_free(tables->rule_actions);
	merlon_env_free(tables->verdicts);
	merlon_env_free(tables->sources);
	merlon_env_free(tables);
}
