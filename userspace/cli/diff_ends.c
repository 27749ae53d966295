// SPDX-License-Identifier: MIT
#include "diff_ends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "prefix.h"

struct ends {
	struct diff_end *items;
	size_t count;
};

static void end_add(struct ends *ends, const struct ml_prefix *prefix, char *name, bool named)
{
	ends->items[ends->count++] = (struct diff_end){
		.name = { .prefix = *prefix, .name = name }, .named = named,
	};
}

static size_t ends_room(const struct ml_ruleset *ruleset)
{
	size_t room = ruleset->name_count;

	for (size_t i = 0; i < ruleset->set_count; i++)
		room += ruleset->sets[i].any ? 2 : ruleset->sets[i].prefix_count;
	return room;
}

static void ends_add(struct ends *ends, const struct ml_ruleset *ruleset)
{
	static const struct ml_prefix all[] = { { .family = AF_INET }, { .family = AF_INET6 } };

	for (size_t i = 0; i < ruleset->name_count; i++)
		end_add(ends, &ruleset->names[i].prefix, ruleset->names[i].name, true);
	for (size_t i = 0; i < ruleset->set_count; i++) {
		const struct ml_set *set = &ruleset->sets[i];

		for (size_t j = 0; !set->any && j < set->prefix_count; j++)
			end_add(ends, &set->prefixes[j], set->name, false);
		for (size_t j = 0; set->any && j < 2; j++)
			end_add(ends, &all[j], set->name, false);
	}
}

static int by_prefix(const void *a, const void *b)
{
	const struct diff_end *x = a, *y = b;
	int order = ml_prefix_compare(&x->name.prefix, &y->name.prefix);

	if (!order)
		order = (int)y->named - (int)x->named;
	return order ? order : strcmp(x->name.name, y->name.name);
}

static int by_name(const void *a, const void *b)
{
	const struct diff_end *x = a, *y = b;
	int order = strcmp(x->name.name, y->name.name);

	return order ? order : ml_prefix_compare(&x->name.prefix, &y->name.prefix);
}

/* A prefix may have several names; of sets, one tells enough, and none where there is a name. */
static void ends_unique(struct ends *ends)
{
	size_t kept = 0;

	for (size_t i = 0; i < ends->count; i++) {
		const struct diff_end *last = kept ? &ends->items[kept - 1] : NULL;
		const struct diff_end *next = &ends->items[i];

		if (last && !ml_prefix_compare(&last->name.prefix, &next->name.prefix) &&
		    (!next->named || !strcmp(last->name.name, next->name.name)))
			continue;
		ends->items[kept++] = *next;
	}
	ends->count = kept;
}

/* The first address behind a prefix; false: there is none. */
static bool step_past(const struct ml_prefix *prefix, uint8_t address[static 16])
{
	int last = prefix->length - 1;
	unsigned int carry = last < 0 ? 1 : 0x80u >> last % 8;

	memcpy(address, prefix->address, 16);
	for (int i = last < 0 ? -1 : last / 8; i >= 0 && carry; i--) {
		carry += address[i];
		address[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return !carry;
}

/* By prefix, what lies inside follows at once. */
static bool own_address(const struct ends *ends, size_t index, uint8_t address[static 16])
{
	const struct ml_prefix *outer = &ends->items[index].name.prefix;

	memcpy(address, outer->address, 16);
	for (size_t i = index + 1; i < ends->count; i++) {
		const struct ml_prefix *inner = &ends->items[i].name.prefix;

		if (!ml_prefix_contains(outer, inner))
			break;
		if (inner->length == outer->length ||
		    !ml_prefix_has(inner, outer->family, address))
			continue;
		if (!step_past(inner, address) || !ml_prefix_has(outer, outer->family, address))
			return false;
	}
	return true;
}

static void classes_ask(const struct sheet *sheet, const struct diff_end *end,
			uint32_t ret[static 2])
{
	struct merlon_trace trace;

	if (!sheet->judge.tables)
		return;
	merlon_classify_trace(sheet->judge.tables, end->name.prefix.family, end->address, end->address,
			      6, 0, &trace);
	ret[0] = trace.source_class;
	ret[1] = trace.destination_class;
}

/* Many prefixes of one set, as of autogroup:internet, fare as one. */
static bool told_already(const struct ends *ends, size_t kept, const struct diff_end *end)
{
	for (size_t i = 0; !end->named && i < kept; i++) {
		const struct diff_end *other = &ends->items[i];

		if (!other->named && other->name.prefix.family == end->name.prefix.family &&
		    !memcmp(other->classes, end->classes, sizeof(end->classes)) &&
		    !strcmp(other->name.name, end->name.name))
			return true;
	}
	return false;
}

static void ends_reduce(struct ends *ends, const struct sheet *a, const struct sheet *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < ends->count; i++) {
		struct diff_end end = ends->items[i];

		if (!own_address(ends, i, end.address))
			continue;
		classes_ask(a, &end, end.classes);
		classes_ask(b, &end, end.classes + 2);
		if (!told_already(ends, kept, &end))
			ends->items[kept++] = end;
	}
	ends->count = kept;
}

int diff_ends_gather(const struct sheet *a, const struct sheet *b, struct diff_end **ret,
		     size_t *ret_count)
{
	struct ends ends = { 0 };

	ends.items = calloc(ends_room(&a->ruleset) + ends_room(&b->ruleset) + 1,
			    sizeof(*ends.items));
	if (!ends.items)
		return -ENOMEM;
	ends_add(&ends, &a->ruleset);
	ends_add(&ends, &b->ruleset);
	qsort(ends.items, ends.count, sizeof(*ends.items), by_prefix);
	ends_unique(&ends);
	ends_reduce(&ends, a, b);
	qsort(ends.items, ends.count, sizeof(*ends.items), by_name);
	*ret = ends.items;
	*ret_count = ends.count;
	return 0;
}
