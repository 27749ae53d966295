/* SPDX-License-Identifier: MIT */
/* The ends that a comparison asks about: one for all addresses that fare alike. */
#ifndef CLI_DIFF_ENDS_H
#define CLI_DIFF_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source.h"

struct diff_end {
	struct ml_name name;	/* the text is a ruleset's */
	bool named;		/* a node or host; or else a prefix of a rule's set */
	uint8_t address[16];	/* in its prefix, and in none of the list that is longer */
	uint32_t classes[4];	/* what the tables of both sides make of it */
};

/**
 * diff_ends_gather - names and the prefixes of rules, of both sides, by name
 * @ret: free()
 *
 * Prefixes lie inside each other or apart. So the part of each that no longer one
 * takes has one answer, and all parts together are every address that a rule lists;
 * where a rule says "*", the rest of all addresses is an end as well. A prefix
 * without a part of its own is left out. -ENOMEM.
 */
int diff_ends_gather(const struct sheet *a, const struct sheet *b, struct diff_end **ret,
		     size_t *ret_count);

#endif
