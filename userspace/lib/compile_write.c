/* SPDX-License-Identifier: MIT */
/*
 * What the compiler found, as bytes. Shapes and lists of verdicts get their
 * final places here, in the order in which classes and pairs first use them;
 * those that nothing uses are not written.
 */
#include "compile_private.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"

struct writer {
	struct compile *c;
	uint8_t *image;
	size_t at, length;
	uint32_t count[MERLON_SECTIONS];

	uint32_t *shape_place;	/* by shape: its final number, or NONE */
	uint32_t *list_place;	/* by list: its base, or NONE */
	struct ml_u32s shapes, lists;	/* in their final order */
	uint32_t verdicts, runs;
	uint32_t wide;		/* shapes that need slots */
};

/* ------------------------------------------------------------------- places */

/* One run, two numbers, that needs no slots: see MERLON_LONE_RUN. */
static bool is_lone(const uint32_t *runs, size_t count)
{
	return count == 2 && (runs[0] & 0xffff) - (runs[0] >> 16) < MERLON_LONE_RUN;
}

static int shape_use(struct writer *w, uint32_t shape)
{
	const uint32_t *runs;
	size_t count;

	if (w->shape_place[shape] != NONE)
		return 0;
	w->shape_place[shape] = (uint32_t)w->shapes.count;
	runs = ml_intern_get(&w->c->shapes, shape, &count);
	w->runs += (uint32_t)(count / 2);
	w->wide += !is_lone(runs, count);
	return ml_u32s_push(&w->shapes, shape);
}

static int row_use(struct writer *w, uint32_t shape, uint32_t list)
{
	size_t rules;

	if (shape_use(w, shape))
		return -ENOMEM;
	if (w->list_place[list] != NONE)
		return 0;
	w->list_place[list] = w->verdicts;
	ml_intern_get(&w->c->lists, list, &rules);
	/* Pairs are bounded, but their lists together may be longer than 32 bits. */
	if (w->verdicts + rules + 1 > MERLON_MAX_VERDICTS)
		return compile_too_many(w->c, "verdicts, or more", w->verdicts + rules + 1,
					"MERLON_MAX_VERDICTS", MERLON_MAX_VERDICTS,
					"let rules share groups and services");
	w->verdicts += (uint32_t)rules + 1;
	return ml_u32s_push(&w->lists, list);
}

static int use_rows(struct writer *w)
{
	const struct compile *c = w->c;
	const struct row *row;
	uint32_t s, i;
	size_t p;
	int ret = 0;

	for (s = 0; s < SIDES; s++)
		for (i = 0; !ret && i < c->side[s].classes; i++) {
			row = &c->rows[s][i];
			if (row->shape != NONE)
				ret = row_use(w, row->shape, row->list);
		}
	for (p = 0; !ret && p < c->pairs.count; p += 4)
		ret = row_use(w, c->pairs.items[p + 2], c->pairs.items[p + 3]);
	return ret;
}

static int find_places(struct writer *w)
{
	struct compile *c = w->c;

	w->shape_place = compile_calloc(c, c->shapes.count, sizeof(*w->shape_place));
	w->list_place = compile_calloc(c, c->lists.count, sizeof(*w->list_place));
	if (!w->shape_place || !w->list_place)
		return -ENOMEM;
	memset(w->shape_place, 0xff, c->shapes.count * sizeof(*w->shape_place));
	memset(w->list_place, 0xff, c->lists.count * sizeof(*w->list_place));
	/* Shape 0 is there whether it is used or not. */
	if (shape_use(w, 0))
		return -ENOMEM;
	return use_rows(w);
}

static int check_limits(struct writer *w)
{
	struct compile *c = w->c;
	uint64_t slots = (uint64_t)w->wide * c->services;

	if (w->shapes.count > MERLON_MAX_SHAPES)
		return compile_too_many(c, "shapes", w->shapes.count, "MERLON_MAX_SHAPES",
					MERLON_MAX_SHAPES, "let rules share lists of services");
	if (slots > MERLON_MAX_SLOTS)
		return compile_too_many(c, "slots (shapes times services)", slots,
					"MERLON_MAX_SLOTS", MERLON_MAX_SLOTS,
					"let rules share ports and lists of services");
	if (w->runs > MERLON_MAX_RUNS)
		return compile_too_many(c, "runs", w->runs, "MERLON_MAX_RUNS",
					MERLON_MAX_RUNS, "let rules share lists of services");
	return 0;
}

/* -------------------------------------------------------------------- records */

static void put(struct writer *w, const void *record, size_t size)
{
	memcpy(w->image + w->at, record, size);
	w->at += size;
}

static void put_tunnels(struct writer *w)
{
	const struct ml_ruleset *ruleset = w->c->ruleset;
	size_t i;

	for (i = 0; i < ruleset->tunnel_count; i++) {
		struct merlon_tunnel tunnel = {
			.flags = htole32(ruleset->tunnels[i].ignored ?
					 MERLON_TUNNEL_F_IGNORED : 0),
		};

		memcpy(tunnel.name, ruleset->tunnels[i].name,
		       strnlen(ruleset->tunnels[i].name, sizeof(tunnel.name) - 1));
		put(w, &tunnel, sizeof(tunnel));
	}
}

static void put_end4(struct writer *w, uint32_t i)
{
	const struct node *node = &w->c->nodes[i];
	struct merlon_net4 net = {
		.address = htobe32((uint32_t)(node->high >> 32)),
		.source = htole32(w->c->side[SOURCE].class_of[i]),
		.destination = htole32(w->c->side[DESTINATION].class_of[i]),
		.tunnel = node->tunnel,
		/* A host's record is a net's without the length. */
		.length = node->length < 32 ? node->length : 0,
	};

	put(w, &net, sizeof(net));
}

static void put_end6(struct writer *w, uint32_t i)
{
	const struct node *node = &w->c->nodes[i];
	uint64_t address[2] = { htobe64(node->high), htobe64(node->low) };
	struct merlon_net6 net = {
		.source = htole32(w->c->side[SOURCE].class_of[i]),
		.destination = htole32(w->c->side[DESTINATION].class_of[i]),
		.tunnel = node->tunnel,
		.length = node->length < 128 ? node->length : 0,
	};

	memcpy(net.address, address, sizeof(net.address));
	put(w, &net, sizeof(net));
}

static void put_ends(struct writer *w)
{
	uint32_t kind;
	size_t i;

	for (kind = 0; kind < 4; kind++)
		for (i = 0; i < w->c->records[kind].count; i++) {
			if (kind % 2)
				put_end6(w, w->c->records[kind].items[i]);
			else
				put_end4(w, w->c->records[kind].items[i]);
		}
}

static void put_classes(struct writer *w)
{
	const struct row *row;
	uint32_t s, i;

	for (s = 0; s < SIDES; s++)
		for (i = 0; i < w->c->side[s].classes; i++) {
			struct merlon_class class = { 0 };

			row = &w->c->rows[s][i];
			if (row->shape != NONE) {
				class.shape = htole32(w->shape_place[row->shape]);
				class.base = htole32(w->list_place[row->list]);
				class.flags = htole32(s == DESTINATION ?
						      MERLON_CLASS_F_ROW : 0);
			}
			put(w, &class, sizeof(class));
		}
}

static void put_pairs(struct writer *w)
{
	const uint32_t *item = w->c->pairs.items;
	size_t i;

	for (i = 0; i < w->c->pairs.count; i += 4, item += 4) {
		struct merlon_pair pair = {
			.source = htole32(item[0]),
			.destination = htole32(item[1]),
			.shape = htole32(w->shape_place[item[2]]),
			.base = htole32(w->list_place[item[3]]),
		};

		put(w, &pair, sizeof(pair));
	}
}

/* Cells become ranges: what is service 0 is left out, equal neighbours are one. */
static bool cell_joins(const struct cell *cell, const struct cell *next)
{
	return cell->protocol == next->protocol && cell->service == next->service &&
	       cell->last + 1 == next->first;
}

static uint32_t put_services(struct writer *w, bool write)
{
	const struct cell *cells = w->c->cells;
	uint32_t count = 0;
	size_t i, first;

	for (i = 0; i < w->c->cell_count; i++) {
		if (!cells[i].service)
			continue;
		for (first = i; i + 1 < w->c->cell_count && cell_joins(&cells[i], &cells[i + 1]);)
			i++;
		count++;
		if (write) {
			struct merlon_service service = {
				.protocol = cells[i].protocol,
				.first = htole16(cells[first].first),
				.last = htole16(cells[i].last),
				.service = htole16((uint16_t)cells[i].service),
			};

			put(w, &service, sizeof(service));
		}
	}
	return count;
}

static void put_runs(struct writer *w)
{
	const uint32_t *runs;
	size_t i, j, count;

	for (i = 1; i < w->shapes.count; i++) {
		runs = ml_intern_get(&w->c->shapes, w->shapes.items[i], &count);
		for (j = 0; j < count; j += 2) {
			struct merlon_run run = {
				.shape = htole32((uint32_t)i),
				.first = htole16((uint16_t)(runs[j] >> 16)),
				.last = htole16((uint16_t)runs[j]),
				.slot = htole16((uint16_t)runs[j + 1]),
			};

			put(w, &run, sizeof(run));
		}
	}
}

static void put_verdicts(struct writer *w)
{
	const uint32_t *rules;
	size_t i, j, count;
	uint32_t rule;

	for (i = 0; i < w->lists.count; i++) {
		rule = 0;
		put(w, &rule, sizeof(rule));
		rules = ml_intern_get(&w->c->lists, w->lists.items[i], &count);
		for (j = 0; j < count; j++) {
			rule = htole32(rules[j]);
			put(w, &rule, sizeof(rule));
		}
	}
}

static void put_rules(struct writer *w)
{
	const struct ml_ruleset *ruleset = w->c->ruleset;
	size_t i;

	for (i = 0; i < ruleset->rule_count; i++) {
		struct merlon_rule rule = {
			.id = htole64(ruleset->rules[i].id),
			.action = ruleset->rules[i].action,
		};

		put(w, &rule, sizeof(rule));
	}
}

/* ------------------------------------------------------------------------ all */

static void put_header(struct writer *w)
{
	const struct compile *c = w->c;
	struct merlon_image_header header = {
		.version = htole32(MERLON_IMAGE_VERSION),
		.flags = htole32(c->ruleset->reject_unmatched ? MERLON_IMAGE_F_REJECT : 0),
		.bytes = htole32((uint32_t)w->length),
		.source_classes = htole32(c->side[SOURCE].classes),
		.shapes = htole32((uint32_t)w->shapes.count),
		.services = htole32(c->services),
	};
	int i;

	memcpy(header.magic, MERLON_IMAGE_MAGIC, sizeof(header.magic));
	for (i = 0; i < MERLON_SECTIONS; i++)
		header.count[i] = htole32(w->count[i]);
	put(w, &header, sizeof(header));
}

static void count_records(struct writer *w)
{
	const struct compile *c = w->c;
	int i;

	w->count[MERLON_SECTION_TUNNELS] = (uint32_t)c->ruleset->tunnel_count;
	for (i = 0; i < 4; i++)
		w->count[MERLON_SECTION_HOSTS4 + i] = (uint32_t)c->records[i].count;
	w->count[MERLON_SECTION_CLASSES] = c->side[SOURCE].classes +
					   c->side[DESTINATION].classes;
	w->count[MERLON_SECTION_PAIRS] = (uint32_t)(c->pairs.count / 4);
	w->count[MERLON_SECTION_SERVICES] = put_services(w, false);
	w->count[MERLON_SECTION_RUNS] = w->runs;
	w->count[MERLON_SECTION_VERDICTS] = w->verdicts;
	w->count[MERLON_SECTION_RULES] = (uint32_t)c->ruleset->rule_count;
}

static int measure(struct writer *w)
{
	static const size_t sizes[MERLON_SECTIONS] = {
		sizeof(struct merlon_tunnel), sizeof(struct merlon_host4),
		sizeof(struct merlon_host6), sizeof(struct merlon_net4),
		sizeof(struct merlon_net6), sizeof(struct merlon_class),
		sizeof(struct merlon_pair), sizeof(struct merlon_service),
		sizeof(struct merlon_run), sizeof(__le32), sizeof(struct merlon_rule),
	};
	int i;

	w->length = sizeof(struct merlon_image_header);
	for (i = 0; i < MERLON_SECTIONS; i++)
		w->length += w->count[i] * sizes[i];
	if (w->length > MERLON_MAX_IMAGE_BYTES)
		return compile_too_many(w->c, "bytes", w->length, "MERLON_MAX_IMAGE_BYTES",
					MERLON_MAX_IMAGE_BYTES,
					"let rules name groups instead of hosts");
	w->image = compile_calloc(w->c, 1, w->length);
	return w->image ? 0 : -ENOMEM;
}

static void put_all(struct writer *w)
{
	put_header(w);
	put_tunnels(w);
	put_ends(w);
	put_classes(w);
	put_pairs(w);
	put_services(w, true);
	put_runs(w);
	put_verdicts(w);
	put_rules(w);
}

int compile_write(struct compile *c, uint8_t **ret_image, size_t *ret_length)
{
	struct writer w = { .c = c };
	int ret = find_places(&w);

	if (!ret)
		ret = check_limits(&w);
	if (!ret) {
		count_records(&w);
		ret = measure(&w);
	}
	if (!ret) {
		put_all(&w);
		*ret_image = w.image;
		*ret_length = w.length;
	}
	free(w.shape_place);
	free(w.list_place);
	ml_u32s_clean(&w.shapes);
	ml_u32s_clean(&w.lists);
	return ret;
}
