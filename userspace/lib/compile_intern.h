/* SPDX-License-Identifier: MIT */
/*
 * Growing arrays, and lists that are numbered: the same list gets the same
 * number, numbers go up from 0 in the order of first sight.
 */
#ifndef ML_COMPILE_INTERN_H
#define ML_COMPILE_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct ml_u32s {
	uint32_t *items;
	size_t count, room;
};

/* Return: 0 or -ENOMEM. */
int ml_u32s_push(struct ml_u32s *list, uint32_t item);
void ml_u32s_sort(struct ml_u32s *list);	/* ascending */
void ml_u32s_unique(struct ml_u32s *list);	/* of a sorted list */
void ml_u32s_clean(struct ml_u32s *list);

struct ml_intern {
	struct ml_u32s items;	/* all lists, one after the other */
	size_t *at;		/* where each starts; one more than lists */
	uint32_t count, room;
	uint32_t *table;	/* number + 1, by hash; a power of two of them */
	size_t table_size;
};

/**
 * ml_intern_put - the number of a list
 * @ret: its number; new if it equals the former count
 *
 * Return: 0 or -ENOMEM.
 */
int ml_intern_put(struct ml_intern *intern, const uint32_t *items, size_t count,
		  uint32_t *ret);
const uint32_t *ml_intern_get(const struct ml_intern *intern, uint32_t number,
			      size_t *ret_count);
void ml_intern_clean(struct ml_intern *intern);

#endif
