/* SPDX-License-Identifier: MIT */
/*
 * What a generation has from the one before: for watch_signer.c. Of thousands of nodes most
 * stay as they are, and their blocks are neither asked for, read nor written down again.
 */
#ifndef MERLON_CONTROL_WATCH_KEPT_H
#define MERLON_CONTROL_WATCH_KEPT_H

#include "distribution.h"
#include "error.h"
#include "store.h"

/**
 * kept_add - the nodes of @before that are neither in @to yet nor gone, behind those
 * @gone: an array of names
 *
 * Then all are in order of names. -ENOMEM
 */
int kept_add(struct distribution *to, const struct distribution *before, const json_t *gone);

/* Blocks that @before refers to, and @made does not. @ret->gone: free(). -ENOMEM */
int kept_compare(const struct distribution *before, const struct distribution *made,
		 struct store_kept *ret);

#endif
