/* SPDX-License-Identifier: MIT */
/*
 * From texts to numbers: a hash table over an array that somebody else holds.
 */
#ifndef ML_POLICY_TABLE_H
#define ML_POLICY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define ML_TABLE_NONE UINT32_MAX

/* Zero is an empty table. @text gives the text of number @number of @arg. */
struct ml_table {
	const char *(*text)(const void *arg, uint32_t number);
	const void *arg;
	uint32_t *slots;	/* number + 1, or 0 */
	size_t slot_count;	/* power of two, or 0 */
	size_t count;
	uint8_t key[16];
};

uint32_t ml_table_find(const struct ml_table *table, const char *text);
/* Numbers are added in their order: @number is the count of those before. */
int ml_table_add(struct ml_table *table, uint32_t number);
void ml_table_clean(struct ml_table *table);

#endif
