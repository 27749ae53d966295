// SPDX-License-Identifier: MIT
/* The sections guard and exit. */
#include <errno.h>
#include <string.h>

#include "policy_read.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *const scopes[] = { "tunnels", "everything" };
static const char *const unmatched_words[] = { "drop", "reject" };

int ml_policy_guard_read(struct policy_reader *reader, const struct ml_hujson_value *section,
			 struct policy_guard *guard)
{
	const struct policy_field fields[] = {
		{ "scope", POLICY_FIELD_OPTIONAL, &guard->scope, NULL },
		{ "unmatched", POLICY_FIELD_OPTIONAL, &guard->unmatched, NULL },
		{ "allow", POLICY_FIELD_OPTIONAL, &guard->allow, NULL },
		{ "lastResort", POLICY_FIELD_OPTIONAL, &guard->last_resort, NULL },
	};
	size_t word;
	int err = ml_policy_fields(reader, section, "guard", fields, LENGTH(fields));

	if (!err && guard->scope)
		err = ml_policy_read_word(reader, guard->scope, "scope", scopes, LENGTH(scopes), &word);
	if (!err && guard->unmatched)
		err = ml_policy_read_word(reader, guard->unmatched, "unmatched", unmatched_words,
					  LENGTH(unmatched_words), &word);
	return err;
}

/* Needs all names: read when they are known. */
int ml_policy_guard_rules(struct policy_reader *reader, struct policy_guard *guard)
{
	int err = guard->allow ? ml_policy_allow_read(reader, guard) : 0;

	if (err || !guard->last_resort)
		return err;
	return ml_policy_grants_read(reader, guard->last_resort, "lastResort",
				     &guard->last_resort_rules);
}

struct policy_guard ml_policy_guard_of(const struct ml_policy *policy,
				       const struct policy_node *node)
{
	struct policy_guard guard = policy->guard;

	if (!node)
		return guard;
	if (node->guard.scope)
		guard.scope = node->guard.scope;
	if (node->guard.unmatched)
		guard.unmatched = node->guard.unmatched;
	if (node->guard.allow) {
		guard.allow = node->guard.allow;
		guard.allowances = node->guard.allowances;
		guard.allowance_count = node->guard.allowance_count;
	}
	if (node->guard.last_resort) {
		guard.last_resort = node->guard.last_resort;
		guard.last_resort_rules = node->guard.last_resort_rules;
	}
	return guard;
}

bool ml_policy_guard_rejects(const struct policy_guard *guard)
{
	return guard->unmatched && !strcmp(guard->unmatched->string.text, "reject");
}

bool ml_policy_guard_everything(const struct policy_guard *guard)
{
	return guard->scope && !strcmp(guard->scope->string.text, "everything");
}

/* And if so, it is noted that it is still spoken of. */
static bool is_gone(struct ml_policy *policy, const char *name)
{
	uint32_t found = ml_policy_name_find(policy, name);

	if (found == POLICY_NONE || policy->names.items[found].kind != POLICY_GONE)
		return false;
	policy->names.items[found].said = true;
	return true;
}

static int exit_node_read(struct policy_reader *reader, const struct ml_hujson_value *value,
			  uint32_t *ret)
{
	struct policy_guess guess = { .wanted = value->string.text };
	char did_you_mean[POLICY_MAX_NAME + 32];

	*ret = ml_policy_node_find(reader->policy, value->string.text);
	if (*ret != POLICY_NONE)
		return 0;
	ml_policy_guess_names(&guess, reader->policy, POLICY_NODE);
	return policy_fail(reader, value, "\"%.64s\" is not defined in nodes%s", value->string.text,
			   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
}

int ml_policy_exit_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	struct policy_exit *out = &reader->policy->exit;
	const struct ml_hujson_value *nodes = NULL, *allow_lan = NULL;
	const struct policy_field fields[] = {
		{ "nodes", POLICY_FIELD_REQUIRED, &nodes, NULL },
		{ "allowLan", POLICY_FIELD_OPTIONAL, &allow_lan, NULL },
	};
	int err = ml_policy_fields(reader, section, "exit", fields, LENGTH(fields));

	if (!err)
		err = ml_policy_expect_strings(reader, nodes, "nodes");
	if (!err && allow_lan)
		err = ml_policy_read_bool(reader, allow_lan, "allowLan", &out->allow_lan);
	if (err)
		return err;
	out->nodes = ml_arena_alloc(&reader->policy->arena, nodes->array.count * sizeof(uint32_t));
	if (!out->nodes)
		return ml_policy_no_memory(reader);
	for (size_t i = 0; !err && i < nodes->array.count; i++)
		if (!is_gone(reader->policy, nodes->array.items[i].string.text))
			err = exit_node_read(reader, &nodes->array.items[i],
					     &out->nodes[out->node_count++]);
	out->present = true;
	return err;
}
