/* SPDX-License-Identifier: MIT */
/*
 * The rules block of a bundle: the ruleset that the image was compiled from,
 * as canonical JSON, so that a person can be told which rule an id is, which
 * others it shadows, and what an address is called. Signed like the image.
 */
#ifndef ML_RULES_H
#define ML_RULES_H

#include "error.h"
#include "ruleset.h"

/* @ret: malloc()ed JSON, deterministic. */
int ml_rules_format(const struct ml_ruleset *ruleset, char **ret, size_t *ret_length,
		    struct ml_error *error);
/* Checks everything that struct ml_ruleset promises. -EBADMSG */
int ml_rules_parse(const char *text, size_t length, struct ml_ruleset *ret,
		   struct ml_error *error);

#endif
