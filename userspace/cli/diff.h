/* SPDX-License-Identifier: MIT */
#ifndef CLI_DIFF_H
#define CLI_DIFF_H

#include <stdbool.h>

#include "diff_ends.h"
#include "source.h"

/* Who reaches whom differently. */
struct diff_reach {
	const struct diff_end *source, *destination;
	struct ml_service_range service;
	bool before, after;
};

/**
 * diff_reachability - compare two nodes' tables for all pairs of ends
 * @a: before; image NULL: denies everything
 * @b: after
 *
 * Return: 0, -E2BIG (so many ends and services that it would take minutes),
 * -ENOMEM.
 */
int diff_reachability(const struct sheet *a, const struct sheet *b,
		      void (*each)(const struct diff_reach *reach, void *arg), void *arg,
		      size_t *ret_count, struct ml_error *error);

#endif
