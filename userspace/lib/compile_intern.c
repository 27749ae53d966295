/* SPDX-License-Identifier: MIT */
#include "compile_intern.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int u32s_reserve(struct ml_u32s *list, size_t more)
{
	size_t room = list->room ? list->room : 16;
	uint32_t *items;

	if (list->count + more <= list->room)
		return 0;
	while (room < list->count + more)
		room *= 2;
	items = reallocarray(list->items, room, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->room = room;
	return 0;
}

int ml_u32s_push(struct ml_u32s *list, uint32_t item)
{
	if (u32s_reserve(list, 1))
		return -ENOMEM;
	list->items[list->count++] = item;
	return 0;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void ml_u32s_sort(struct ml_u32s *list)
{
	/* Most lists are short, or sorted already. */
	size_t i = 1;

	while (i < list->count && list->items[i - 1] <= list->items[i])
		i++;
	if (i < list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_u32);
}

void ml_u32s_unique(struct ml_u32s *list)
{
	size_t i, kept = 0;

	for (i = 0; i < list->count; i++)
		if (!kept || list->items[i] != list->items[kept - 1])
			list->items[kept++] = list->items[i];
	list->count = kept;
}

void ml_u32s_clean(struct ml_u32s *list)
{
	free(list->items);
	*list = (struct ml_u32s){ 0 };
}

/* ------------------------------------------------------------------- intern */

static uint64_t list_hash(const uint32_t *items, size_t count)
{
	uint64_t hash = count;
	size_t i;

	for (i = 0; i < count; i++) {
		hash = (hash ^ items[i]) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	return hash ^ hash >> 32;
}

const uint32_t *ml_intern_get(const struct ml_intern *intern, uint32_t number,
			      size_t *ret_count)
{
	*ret_count = intern->at[number + 1] - intern->at[number];
	/* No list has any item yet: there is nothing to point to. */
	return intern->items.items ? intern->items.items + intern->at[number] : NULL;
}

static bool intern_is(const struct ml_intern *intern, uint32_t number,
		      const uint32_t *items, size_t count)
{
	size_t have;
	const uint32_t *list = ml_intern_get(intern, number, &have);

	return have == count && (!count || !memcmp(list, items, count * sizeof(*items)));
}

static void table_enter(struct ml_intern *intern, uint32_t number)
{
	size_t count, mask = intern->table_size - 1, i;
	const uint32_t *list = ml_intern_get(intern, number, &count);

	for (i = list_hash(list, count) & mask; intern->table[i]; i = (i + 1) & mask)
		;
	intern->table[i] = number + 1;
}

static int table_grow(struct ml_intern *intern)
{
	size_t size = intern->table_size ? 2 * intern->table_size : 64;
	uint32_t i, *table;

	if ((size_t)intern->count * 2 < intern->table_size)
		return 0;
	table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	free(intern->table);
	intern->table = table;
	intern->table_size = size;
	for (i = 0; i < intern->count; i++)
		table_enter(intern, i);
	return 0;
}

static int starts_grow(struct ml_intern *intern)
{
	size_t *at;

	if (intern->count < intern->room)
		return 0;
	at = reallocarray(intern->at, 2 * (size_t)intern->room + 17, sizeof(*at));
	if (!at)
		return -ENOMEM;
	if (!intern->at)
		at[0] = 0;
	intern->at = at;
	intern->room = 2 * intern->room + 16;
	return 0;
}

static int intern_add(struct ml_intern *intern, const uint32_t *items, size_t count)
{
	if (starts_grow(intern) || u32s_reserve(&intern->items, count))
		return -ENOMEM;
	if (count)
		memcpy(intern->items.items + intern->items.count, items,
		       count * sizeof(*items));
	intern->items.count += count;
	intern->at[++intern->count] = intern->items.count;
	table_enter(intern, intern->count - 1);
	return 0;
}

int ml_intern_put(struct ml_intern *intern, const uint32_t *items, size_t count,
		  uint32_t *ret)
{
	size_t i, mask;

	if (table_grow(intern))
		return -ENOMEM;
	mask = intern->table_size - 1;
	for (i = list_hash(items, count) & mask; intern->table[i]; i = (i + 1) & mask) {
		*ret = intern->table[i] - 1;
		if (intern_is(intern, *ret, items, count))
			return 0;
	}
	*ret = intern->count;
	return intern_add(intern, items, count);
}

void ml_intern_clean(struct ml_intern *intern)
{
	ml_u32s_clean(&intern->items);
	free(intern->at);
	free(intern->table);
	*intern = (struct ml_intern){ 0 };
}
