/* SPDX-License-Identifier: MIT */
/*
 * Ranges of addresses: what sets of addresses are added and subtracted as.
 */
#ifndef ML_POLICY_RANGE_H
#define ML_POLICY_RANGE_H

#include <stddef.h>
#include <stdint.h>

#include "prefix.h"

struct ml_range {
	uint8_t family;
	unsigned __int128 first, last;	/* the address as a number, both included */
};

/* A growable list. Zero is an empty one; free with ml_ranges_clean(). */
struct ml_ranges {
	struct ml_range *items;
	size_t count, room;
};

struct ml_range ml_range_of(const struct ml_prefix *prefix);
/* "a-b" where neither side is a prefix. Return: 0, -EINVAL. */
int ml_range_parse(const char *text, struct ml_range *ret);

int ml_ranges_add(struct ml_ranges *list, struct ml_range range);
/* Sorts and merges: afterwards no two touch. */
void ml_ranges_normalise(struct ml_ranges *list);
/* Both normalised; @list stays so. */
int ml_ranges_subtract(struct ml_ranges *list, const struct ml_ranges *other);
/* The fewest prefixes that cover the range, appended. */
int ml_range_prefixes(struct ml_range range, struct ml_prefixes *ret);
int ml_ranges_prefixes(const struct ml_ranges *list, struct ml_prefixes *ret);
void ml_ranges_clean(struct ml_ranges *list);

/* Every public address: autogroup:internet, before what the nodes have is taken out. */
int ml_ranges_internet(struct ml_ranges *ret);

#endif
