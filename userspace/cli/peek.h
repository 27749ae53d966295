/* SPDX-License-Identifier: MIT */
#ifndef CLI_PEEK_H
#define CLI_PEEK_H

#include <stdbool.h>

#include "bundle.h"

bool bundle_is_one(struct ml_bytes file);

/**
 * bundle_peek - what a bundle says, proved by nobody
 *
 * For a person who wants to look into a file; digests are checked, signature
 * and proof are not. Nothing of it may be applied. -EBADMSG
 */
int bundle_peek(struct ml_bytes file, struct ml_bundle *ret, struct ml_error *error);

#endif
