/* SPDX-License-Identifier: MIT */
/*
 * Addresses and prefixes: text to struct ml_prefix and back, order, lists.
 */
#ifndef ML_PREFIX_H
#define ML_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ruleset.h"

#define ML_PREFIX_TEXT 52	/* room for any prefix as text, with the NUL */

/* Bits of an address of @family: 32 or 128. */
static inline unsigned int ml_family_bits(uint8_t family)
{
	return family == 2 ? 32 : 128;
}

static inline bool ml_prefix_is_host(const struct ml_prefix *prefix)
{
	return prefix->length == ml_family_bits(prefix->family);
}

/**
 * ml_prefix_parse - "192.0.2.1", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32"
 * @ret: filled on success and with -ERANGE; untouched on -EINVAL
 *
 * Return: 0; -EINVAL: not an address or prefix; -ERANGE: host bits are set, and
 * @ret is the prefix that was probably meant.
 */
int ml_prefix_parse(const char *text, struct ml_prefix *ret);

/* A single address: length 32 or 128. @address has 4 or 16 bytes. */
void ml_prefix_host(uint8_t family, const uint8_t *address, struct ml_prefix *ret);

/* Canonical text; a host is written without its length. Returns @buffer. */
const char *ml_prefix_format(const struct ml_prefix *prefix, char buffer[static ML_PREFIX_TEXT]);

/* Is the length within the family, and every host bit zero? */
bool ml_prefix_valid(const struct ml_prefix *prefix);

/* By (family, address, length): the order of struct ml_set. */
int ml_prefix_compare(const struct ml_prefix *a, const struct ml_prefix *b);
int ml_prefix_compare_qsort(const void *a, const void *b);

/* Is every address of @inner in @outer? */
bool ml_prefix_contains(const struct ml_prefix *outer, const struct ml_prefix *inner);

/* Is @address, of @family, in @prefix? */
bool ml_prefix_has(const struct ml_prefix *prefix, uint8_t family, const uint8_t *address);

/* A growing list. Zero is an empty one; free with ml_prefixes_clean(). */
struct ml_prefixes {
	struct ml_prefix *items;
	size_t count, room;
};

int ml_prefixes_add(struct ml_prefixes *list, const struct ml_prefix *prefix);
int ml_prefixes_add_all(struct ml_prefixes *list, const struct ml_prefix *items, size_t count);
/* Sorts, and removes duplicates. */
void ml_prefixes_normalise(struct ml_prefixes *list);
void ml_prefixes_clean(struct ml_prefixes *list);

#endif
