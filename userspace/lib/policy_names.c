// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy_read.h"

static const char *name_text(const void *arg, uint32_t number)
{
	const struct policy_names *names = arg;

	return names->items[number].text;
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
	return ml_table_find(&policy->names.table, text);
}

static int name_push(struct policy_reader *reader, enum policy_kind kind, const char *text)
{
	struct policy_names *names = &reader->policy->names;
	struct policy_name *name;

	if (names->count == names->room && items_grow(names))
		return -ENOMEM;
	name = &names->items[names->count];
	*name = (struct policy_name){ .kind = (uint8_t)kind };
	name->text = ml_arena_string(&reader->policy->arena, text, strlen(text));
	if (!name->text)
		return -ENOMEM;
	names->table.text = name_text;
	names->table.arg = names;
	return ml_table_add(&names->table, (uint32_t)names->count++);
}

/* Finds the name or makes it, with @text copied. */
int ml_policy_name_add(struct policy_reader *reader, enum policy_kind kind, const char *text,
		       uint32_t *ret)
{
	uint32_t found = ml_policy_name_find(reader->policy, text);

	*ret = found == POLICY_NONE ? (uint32_t)reader->policy->names.count : found;
	if (found != POLICY_NONE)
		return 0;
	if (name_push(reader, kind, text))
		return ml_policy_no_memory(reader);
	if (kind != POLICY_USER)
		return 0;
	return ml_policy_link_add(reader, &reader->policy->names.users, *ret);
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
	ml_table_clean(&names->table);
	*names = (struct policy_names){ 0 };
}
