/* SPDX-License-Identifier: MIT */
#ifndef ML_RULES_PRIVATE_H
#define ML_RULES_PRIVATE_H

#include <stdbool.h>

#include "error.h"
#include "policy_text.h"
#include "ruleset.h"

/**
 * ml_rules_check - does a ruleset keep what struct ml_ruleset promises?
 * @texts: the rules' texts and ids, too
 * @code: negative errno to return where it does not
 */
int ml_rules_check(const struct ml_ruleset *ruleset, bool texts, int code,
		   struct ml_error *error);

/* The canonical form of a rule, appended. */
void ml_rules_text(const struct ml_ruleset *ruleset, const struct ml_rule *rule,
		   struct ml_text *text);

#endif
