// SPDX-License-Identifier: MIT
/*
 * Any text as a policy. What is accepted must go through the rules block and
 * come back the same, for every node and without one, and its tests must run;
 * what is refused must say why.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "the policy front end %s\n", what);
	abort();
}

static void block_check(const struct ml_ruleset *ruleset)
{
	struct ml_ruleset again;
	struct ml_error error = { 0 };
	char *text, *second;
	size_t length, second_length;

	demand(!ml_rules_format(ruleset, &text, &length, &error), "made a ruleset that is not canonical");
	demand(!ml_rules_parse(text, length, &again, &error), "cannot read its own rules block");
	demand(!ml_rules_format(&again, &second, &second_length, &error), "read another ruleset");
	demand(length == second_length && !memcmp(text, second, length), "read another ruleset");
	ml_ruleset_free(&again);
	free(text);
	free(second);
}

static void node_check(const struct ml_policy *policy, const char *node)
{
	struct ml_ruleset ruleset;
	struct ml_error error = { 0 };
	json_t *json;

	demand(!ml_policy_ruleset(policy, node, &ruleset, &error), "has no ruleset for a node");
	block_check(&ruleset);
	ml_ruleset_free(&ruleset);
	demand(!ml_policy_node_json(policy, node, &json, &error), "has no JSON for a node");
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ml_policy *policy = NULL;
	struct ml_error error = { 0 };
	int err = ml_policy_parse("policy", (const char *)data, size, &policy, &error);

	if (err) {
		demand(error.code == err && error.text[0], "refused without a reason");
		demand(error.line || err == -E2BIG, "refused without a place");
		return 0;
	}
	node_check(policy, NULL);
	for (size_t i = 0; i < ml_policy_node_count(policy) && i < 4; i++)
		node_check(policy, ml_policy_node_name(policy, i));
	err = ml_policy_test(policy, NULL, NULL, &error);
	demand(!err || err == -EPERM || err == -E2BIG, "could not run its tests");
	ml_policy_free(policy);
	return 0;
}
