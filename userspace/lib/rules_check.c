// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "policy_canon.h"
#include "policy_service.h"
#include "prefix.h"
#include "rules_private.h"

#define MAX_NAME 255u
#define MAX_SOURCE_NAME 1023u	/* of a guard's: it names devices, a user, a control group */

struct check {
	const struct ml_ruleset *ruleset;
	int code;
	struct ml_error *error;
};

#define fail(check, ...) ml_error_set((check)->error, (check)->code, __VA_ARGS__)

static bool name_valid(const char *name, size_t most)
{
	return name && *name && strlen(name) <= most;
}

static int set_check(const struct check *check, size_t index)
{
	const struct ml_set *set = &check->ruleset->sets[index];

	if (!name_valid(set->name, check->ruleset->of_guard ? MAX_SOURCE_NAME : MAX_NAME))
		return fail(check, "set %zu has no name, or one that is too long", index);
	if (index && strcmp(check->ruleset->sets[index - 1].name, set->name) >= 0)
		return fail(check, "set %zu (%.64s) is not behind the one before it", index, set->name);
	if (set->any && set->prefix_count)
		return fail(check, "set %.64s is every address and has prefixes", set->name);
	for (size_t i = 0; i < set->prefix_count; i++)
		if (!ml_prefix_valid(&set->prefixes[i]) ||
		    (i && ml_prefix_compare(&set->prefixes[i - 1], &set->prefixes[i]) >= 0))
			return fail(check, "prefix %zu of set %.64s is malformed or out of order", i,
				    set->name);
	return 0;
}

static bool numbers_valid(const uint32_t *numbers, size_t count, size_t limit)
{
	for (size_t i = 0; i < count; i++)
		if (numbers[i] >= limit || (i && numbers[i - 1] >= numbers[i]))
			return false;
	return count;
}

static bool range_valid(const struct ml_service_range *range)
{
	uint16_t last = ml_service_last(range->protocol);

	return range->protocol >= ML_PROTOCOL_ANY && range->protocol <= 255 &&
	       range->first <= range->last && range->last <= last;
}

/* Sorted, merged, and every protocol alone where it is named. */
static bool services_valid(const struct ml_rule *rule)
{
	for (size_t i = 0; i < rule->service_count; i++) {
		const struct ml_service_range *range = &rule->services[i], *before = range - 1;

		if (!range_valid(range))
			return false;
		if (range->protocol == ML_PROTOCOL_ANY &&
		    (rule->service_count > 1 || range->first || range->last != 65535))
			return false;
		if (i && (before->protocol > range->protocol ||
			  (before->protocol == range->protocol && before->last + 1 >= range->first)))
			return false;
	}
	return rule->service_count;
}

static int rule_check(const struct check *check, size_t index)
{
	const struct ml_ruleset *ruleset = check->ruleset;
	const struct ml_rule *rule = &ruleset->rules[index];

	if (!rule->action || !ml_rule_action_name(rule->action))
		return fail(check, "rule %zu has no action", index);
	if (!numbers_valid(rule->sources, rule->source_count, ruleset->set_count) ||
	    !numbers_valid(rule->destinations, rule->destination_count, ruleset->set_count))
		return fail(check, "rule %zu: its sets are not there, none, or out of order", index);
	if (!services_valid(rule))
		return fail(check, "rule %zu: its services are not in canonical form", index);
	return 0;
}

static int rule_text_check(const struct check *check, size_t index, struct ml_text *text)
{
	const struct ml_rule *rule = &check->ruleset->rules[index];

	text->length = 0;
	ml_rules_text(check->ruleset, rule, text);
	if (text->failed)
		return ml_error_set(check->error, -ENOMEM, "out of memory");
	if (!rule->text || strcmp(text->data, rule->text) != 0)
		return fail(check, "rule %zu: its text is not its canonical form", index);
	if (rule->id != ml_rule_id(text->data, text->length) || !rule->id)
		return fail(check, "rule %zu: its id is not that of its text", index);
	if (index && check->ruleset->rules[index - 1].id >= rule->id)
		return fail(check, "rule %zu is not behind the one before it", index);
	return 0;
}

static bool device_valid(const char name[static 16])
{
	size_t length = strnlen(name, 16);

	if (!length || length == 16 || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] <= ' ' || strchr("/:\x7f", name[i]))
			return false;
	return true;
}

static int tunnels_check(const struct check *check)
{
	const struct ml_ruleset *ruleset = check->ruleset;

	if (ruleset->tunnel_count > MERLON_MAX_TUNNELS)
		return fail(check, "more than %u tunnels", MERLON_MAX_TUNNELS);
	for (size_t i = 0; i < ruleset->tunnel_count; i++) {
		if (!device_valid(ruleset->tunnels[i].name))
			return fail(check, "tunnel %zu has no valid name", i);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(ruleset->tunnels[i].name, ruleset->tunnels[j].name))
				return fail(check, "tunnel %s stands twice", ruleset->tunnels[i].name);
	}
	return 0;
}

static int owners_check(const struct check *check)
{
	const struct ml_ruleset *ruleset = check->ruleset;

	for (size_t i = 0; i < ruleset->owner_count; i++) {
		const struct ml_owner *owner = &ruleset->owners[i];

		if (!ml_prefix_valid(&owner->prefix) ||
		    (i && ml_prefix_compare(&owner[-1].prefix, &owner->prefix) >= 0))
			return fail(check, "owner %zu is malformed or out of order", i);
		if (!owner->tunnel || owner->tunnel > ruleset->tunnel_count ||
		    ruleset->tunnels[owner->tunnel - 1].ignored)
			return fail(check, "owner %zu names no tunnel that is judged", i);
	}
	return 0;
}

static int names_check(const struct check *check)
{
	const struct ml_ruleset *ruleset = check->ruleset;

	for (size_t i = 0; i < ruleset->name_count; i++) {
		const struct ml_name *name = &ruleset->names[i];

		if (!ml_prefix_valid(&name->prefix) || !name_valid(name->name, MAX_NAME) ||
		    (i && ml_prefix_compare(&name[-1].prefix, &name->prefix) >= 0))
			return fail(check, "name %zu is malformed or out of order", i);
	}
	return 0;
}

/* ------------------------------------------------------------------- guard */

static bool path_valid(const char *path)
{
	size_t length = strnlen(path, MERLON_MAX_CGROUP_BYTES);

	return length > 1 && length < MERLON_MAX_CGROUP_BYTES && path[0] == '/' &&
	       path[length - 1] != '/' && !strstr(path, "//");
}

static bool is_below(const char *path, const char *other)
{
	size_t length = strlen(other);

	return !strncmp(path, other, length) && path[length] == '/';
}

static int cgroups_check(const struct check *check, const struct ml_guard *guard)
{
	for (size_t i = 0; i < guard->cgroup_count; i++) {
		if (!path_valid(guard->cgroups[i]) ||
		    (i && strcmp(guard->cgroups[i - 1], guard->cgroups[i]) >= 0))
			return fail(check, "control group %zu of the guard is malformed or out of order", i);
		for (size_t j = 0; j < i; j++)
			if (is_below(guard->cgroups[i], guard->cgroups[j]))
				return fail(check, "control group %zu of the guard is below another", i);
	}
	return 0;
}

static int conditions_check(const struct check *check, const struct ml_guard *guard)
{
	if (guard->device_count > MERLON_MAX_CONDITIONS ||
	    guard->user_count > MERLON_MAX_CONDITIONS ||
	    guard->cgroup_count > MERLON_MAX_CONDITIONS)
		return fail(check, "the guard names more than %u devices, users or control groups",
			    MERLON_MAX_CONDITIONS);
	for (size_t i = 0; i < guard->device_count; i++)
		if (!device_valid(guard->devices[i]) ||
		    (i && strcmp(guard->devices[i - 1], guard->devices[i]) >= 0))
			return fail(check, "device %zu of the guard is malformed or out of order", i);
	for (size_t i = 0; i < guard->user_count; i++)
		if (guard->users[i] == UINT32_MAX || (i && guard->users[i - 1] >= guard->users[i]))
			return fail(check, "user %zu of the guard is none, or out of order", i);
	return cgroups_check(check, guard);
}

static int guard_check(const struct check *check, bool texts)
{
	const struct ml_guard *guard = check->ruleset->guard;
	const struct ml_ruleset *rules;
	int err;

	if (!guard)
		return 0;
	rules = &guard->rules;
	if (!rules->of_guard || rules->guard || rules->tunnel_count || rules->owner_count ||
	    rules->name_count || rules->reject_unmatched)
		return fail(check, "the guard has what a guard does not have");
	if (!rules->rule_count ||
	    rules->rule_count + check->ruleset->rule_count > MERLON_MAX_RULES)
		return fail(check, "the guard has no rule, or there are more than %u with it",
			    MERLON_MAX_RULES);
	err = conditions_check(check, guard);
	return err ? err : ml_rules_check(rules, texts, check->code, check->error);
}

int ml_rules_check(const struct ml_ruleset *ruleset, bool texts, int code,
		   struct ml_error *error)
{
	const struct check check = { ruleset, code, error };
	struct ml_text text = { 0 };
	int err = 0;

	if (ruleset->rule_count > MERLON_MAX_RULES)
		return fail(&check, "more than %u rules", MERLON_MAX_RULES);
	for (size_t i = 0; !err && i < ruleset->set_count; i++)
		err = set_check(&check, i);
	for (size_t i = 0; !err && i < ruleset->rule_count; i++)
		err = rule_check(&check, i);
	for (size_t i = 0; texts && !err && i < ruleset->rule_count; i++)
		err = rule_text_check(&check, i, &text);
	ml_text_clean(&text);
	if (!err)
		err = tunnels_check(&check);
	if (!err)
		err = owners_check(&check);
	if (!err)
		err = names_check(&check);
	return err ? err : guard_check(&check, texts);
}
