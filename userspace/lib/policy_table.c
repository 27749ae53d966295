// SPDX-License-Identifier: MIT
#include "policy_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

/*
 * The key differs from table to table, so that nobody can write texts that
 * collide; the order of the slots is never seen outside.
 */
static size_t text_slot(const struct ml_table *table, const char *text)
{
	uint8_t bytes[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(bytes, (const uint8_t *)text, strlen(text), table->key);
	memcpy(&hash, bytes, sizeof(hash));
	return hash & (table->slot_count - 1);
}

/* The slot of @text, or the empty one where it belongs. */
static uint32_t *slot_find(const struct ml_table *table, const char *text)
{
	size_t at = text_slot(table, text);

	while (table->slots[at] &&
	       strcmp(table->text(table->arg, table->slots[at] - 1), text) != 0)
		at = (at + 1) & (table->slot_count - 1);
	return &table->slots[at];
}

static int table_grow(struct ml_table *table)
{
	size_t count = table->slot_count ? 2 * table->slot_count : 1024;
	uint32_t *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	if (!table->slot_count)
		randombytes_buf(table->key, sizeof(table->key));
	free(table->slots);
	table->slots = slots;
	table->slot_count = count;
	for (uint32_t i = 0; i < table->count; i++)
		*slot_find(table, table->text(table->arg, i)) = i + 1;
	return 0;
}

uint32_t ml_table_find(const struct ml_table *table, const char *text)
{
	if (!table->slot_count)
		return ML_TABLE_NONE;
	return *slot_find(table, text) - 1;
}

int ml_table_add(struct ml_table *table, uint32_t number)
{
	if (2 * table->count >= table->slot_count && table_grow(table))
		return -ENOMEM;
	*slot_find(table, table->text(table->arg, number)) = number + 1;
	table->count++;
	return 0;
}

void ml_table_clean(struct ml_table *table)
{
	free(table->slots);
	table->slots = NULL;
	table->slot_count = 0;
	table->count = 0;
}
