// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policy_read.h"

/*
 * The key differs from table to table, so that nobody can write names that
 * collide; the order of the slots is never seen outside.
 */
static size_t name_slot(const struct policy_names *names, const char *text)
{
	uint8_t bytes[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(bytes, (const uint8_t *)text, strlen(text), names->key);
	memcpy(&hash, bytes, sizeof(hash));
	return hash & (names->slot_count - 1);
}

/* The slot of @text, or the empty one where it belongs. */
static uint32_t *slot_find(const struct policy_names *names, const char *text)
{
	size_t at = name_slot(names, text);

	while (names->slots[at] && strcmp(names->items[names->slots[at] - 1].text, text))
		at = (at + 1) & (names->slot_count - 1);
	return &names->slots[at];
}

static int slots_grow(struct policy_names *names)
{
	size_t count = names->slot_count ? 2 * names->slot_count : 1024;
	uint32_t *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	if (!names->slot_count)
		randombytes_buf(names->key, sizeof(names->key));
	free(names->slots);
	names->slots = slots;
	names->slot_count = count;
	for (size_t i = 0; i < names->count; i++)
		*slot_find(names, names->items[i].text) = (uint32_t)i + 1;
	return 0;
}

static int items_grow(struct policy_names *names)
{
	size_t room = names->room ? 2 * names->room : 256;
	struct policy_name *items = reallocarray(names->items, room, sizeof(*items));

	if (!items)
		return -ENOMEM;
	names->items = items;
	names->room = room;
	return 0;
}

uint32_t ml_policy_name_find(const struct ml_policy *policy, const char *text)
{
	if (!policy->names.slot_count)
		return POLICY_NONE;
	return *slot_find(&policy->names, text) - 1;
}

/* Finds the name or makes it, with @text copied. */
int ml_policy_name_add(struct policy_reader *reader, enum policy_kind kind, const char *text,
		       uint32_t *ret)
{
	struct policy_names *names = &reader->policy->names;
	uint32_t found = ml_policy_name_find(reader->policy, text);
	struct policy_name *name;

	*ret = found;
	if (found != POLICY_NONE)
		return 0;
	if (2 * names->count >= names->slot_count && slots_grow(names))
		return ml_policy_no_memory(reader);
	if (names->count == names->room && items_grow(names))
		return ml_policy_no_memory(reader);
	name = &names->items[names->count];
	*name = (struct policy_name){ .kind = (uint8_t)kind };
	name->text = ml_arena_string(&reader->policy->arena, text, strlen(text));
	if (!name->text)
		return ml_policy_no_memory(reader);
	*ret = (uint32_t)names->count++;
	*slot_find(names, text) = *ret + 1;
	return 0;
}

int ml_policy_link_add(struct policy_reader *reader, struct policy_link **list, uint32_t index)
{
	struct policy_link *link = ml_arena_alloc(&reader->policy->arena, sizeof(*link));

	if (!link)
		return ml_policy_no_memory(reader);
	link->index = index;
	link->next = *list;
	*list = link;
	return 0;
}

void ml_policy_names_clean(struct policy_names *names)
{
	free(names->items);
	free(names->slots);
	*names = (struct policy_names){ 0 };
}
