// SPDX-License-Identifier: MIT
/* From a policy to the guard of one node. */
#include "policy_guard_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "policy_canon.h"
#include "policy_text.h"
#include "rules_private.h"

/* -------------------------------------------------------------------- sets */

static const char *set_text(const void *arg, uint32_t number)
{
	const struct ml_ruleset *rules = arg;

	return rules->sets[number].name;
}

static int set_push(struct guard_build *build, const char *name, struct ml_prefixes *prefixes)
{
	struct ml_ruleset *rules = &build->out->rules;
	struct ml_set *set;

	if (rules->set_count == build->set_room) {
		size_t room = build->set_room ? 2 * build->set_room : 16;
		struct ml_set *sets = reallocarray(rules->sets, room, sizeof(*sets));

		if (!sets)
			return -ENOMEM;
		rules->sets = sets;
		build->set_room = room;
	}
	set = &rules->sets[rules->set_count];
	*set = (struct ml_set){ .name = strdup(name), .any = !prefixes };
	if (!set->name)
		return -ENOMEM;
	if (prefixes) {
		set->prefixes = prefixes->items;
		set->prefix_count = prefixes->count;
		*prefixes = (struct ml_prefixes){ 0 };
	}
	return ml_table_add(&build->sets, (uint32_t)rules->set_count++);
}

int ml_guard_set(struct guard_build *build, const char *name, struct ml_prefixes *prefixes,
		 uint32_t *ret)
{
	int err = 0;

	build->sets.text = set_text;
	build->sets.arg = &build->out->rules;
	*ret = ml_table_find(&build->sets, name);
	if (*ret == ML_TABLE_NONE) {
		*ret = (uint32_t)build->out->rules.set_count;
		err = set_push(build, name, prefixes);
	}
	if (prefixes)
		ml_prefixes_clean(prefixes);
	return err;
}

/* ------------------------------------------------------------------ drafts */

int ml_guard_draft(struct guard_build *build, const struct guard_draft *draft)
{
	struct guard_draft *kept;

	if (build->draft_count == build->draft_room) {
		size_t room = build->draft_room ? 2 * build->draft_room : 16;
		struct guard_draft *drafts = reallocarray(build->drafts, room, sizeof(*drafts));

		if (!drafts)
			return -ENOMEM;
		build->drafts = drafts;
		build->draft_room = room;
	}
	kept = &build->drafts[build->draft_count];
	*kept = *draft;
	kept->destinations = ml_arena_copy(&build->arena, draft->destinations,
					   draft->destination_count * sizeof(*draft->destinations));
	kept->services = ml_arena_copy(&build->arena, draft->services,
				       draft->service_count * sizeof(*draft->services));
	if (!kept->destinations || !kept->services)
		return -ENOMEM;
	build->draft_count++;
	return 0;
}

static int destination_make(struct guard_build *build, uint32_t name, uint32_t *ret)
{
	struct ml_prefixes prefixes = { 0 };
	bool any;
	int err = ml_policy_resolve(build->policy, name, POLICY_VIEW_REAL, &prefixes, &any);

	if (err) {
		ml_prefixes_clean(&prefixes);
		return err;
	}
	return ml_guard_set(build, build->policy->names.items[name].text,
			    any ? NULL : &prefixes, ret);
}

static int allowance_draft(struct guard_build *build, const struct policy_allowance *allowance)
{
	uint32_t *sets = calloc(allowance->destination_count + 1, sizeof(*sets));
	struct guard_draft draft = {
		.action = MERLON_ACTION_ALLOW,
		.when = allowance->when,
		.destinations = sets,
		.destination_count = allowance->destination_count,
		.services = allowance->services,
		.service_count = allowance->service_count,
		.line = allowance->line,
	};
	int err = sets ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < allowance->destination_count; i++)
		err = destination_make(build, allowance->destinations[i], &sets[i]);
	if (!err)
		err = ml_guard_draft(build, &draft);
	free(sets);
	return err;
}

/* In the scope of tunnels nothing else is held back, and there is nothing to allow. */
static int drafts_make(struct guard_build *build)
{
	int err = 0;

	for (size_t i = 0; !err && ml_policy_guard_everything(&build->guard) &&
	     i < build->guard.allowance_count; i++)
		err = allowance_draft(build, &build->guard.allowances[i]);
	if (!err && build->policy->dns.guard &&
	    !ml_policy_dns_is_resolver(build->policy, build->node))
		err = ml_guard_dns(build);
	return err;
}

/* ------------------------------------------------------------------- rules */

static int source_make(struct guard_build *build, const struct policy_when *when, uint32_t *ret)
{
	const char *name = ml_guard_when_text(build, when);
	struct ml_prefixes prefixes = { 0 };

	if (when->from == POLICY_FROM_ANYWHERE && !when->device_count && !when->has_user &&
	    !when->cgroup)
		return ml_guard_set(build, "*", NULL, ret);
	if (!name || ml_guard_when_prefixes(build->out, when, &prefixes)) {
		ml_prefixes_clean(&prefixes);
		return -ENOMEM;
	}
	return ml_guard_set(build, name, &prefixes, ret);
}

static int rule_make(struct guard_build *build, const struct guard_draft *draft,
		     struct ml_rule *rule)
{
	uint32_t source;
	int err = source_make(build, &draft->when, &source);

	if (err)
		return err;
	rule->action = draft->action;
	rule->line = draft->line;
	rule->sources = calloc(1, sizeof(*rule->sources));
	rule->destinations = calloc(draft->destination_count, sizeof(*rule->destinations));
	rule->services = calloc(draft->service_count, sizeof(*rule->services));
	if (!rule->sources || !rule->destinations || !rule->services)
		return -ENOMEM;
	*rule->sources = source;
	rule->source_count = 1;
	rule->destination_count = draft->destination_count;
	memcpy(rule->destinations, draft->destinations,
	       draft->destination_count * sizeof(*rule->destinations));
	rule->service_count = draft->service_count;
	memcpy(rule->services, draft->services, draft->service_count * sizeof(*rule->services));
	return 0;
}

static int rules_make(struct guard_build *build)
{
	struct ml_ruleset *rules = &build->out->rules;
	int err = 0;

	rules->rules = calloc(build->draft_count + 1, sizeof(*rules->rules));
	if (!rules->rules)
		return -ENOMEM;
	for (; !err && rules->rule_count < build->draft_count; rules->rule_count++)
		err = rule_make(build, &build->drafts[rules->rule_count],
				&rules->rules[rules->rule_count]);
	return err;
}

/* ------------------------------------------------------------------- order */

static int set_compare(const void *a, const void *b, void *arg)
{
	const struct ml_set *sets = arg;

	return strcmp(sets[*(const uint32_t *)a].name, sets[*(const uint32_t *)b].name);
}

static int number_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* New numbers, ascending, each once. */
static void numbers_sort(uint32_t *numbers, size_t *count, const uint32_t *number_of)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++)
		numbers[i] = number_of[numbers[i]];
	qsort(numbers, *count, sizeof(*numbers), number_compare);
	for (size_t i = 0; i < *count; i++)
		if (!kept || numbers[kept - 1] != numbers[i])
			numbers[kept++] = numbers[i];
	*count = kept;
}

/* Sets ascend by their names; rules learn their new numbers. */
static int sets_sort(struct ml_ruleset *rules)
{
	uint32_t *order = calloc(rules->set_count + 1, sizeof(*order));
	uint32_t *number_of = calloc(rules->set_count + 1, sizeof(*number_of));
	struct ml_set *sorted = calloc(rules->set_count + 1, sizeof(*sorted));
	int err = order && number_of && sorted ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < rules->set_count; i++)
		order[i] = (uint32_t)i;
	if (!err)
		qsort_r(order, rules->set_count, sizeof(*order), set_compare, rules->sets);
	for (size_t i = 0; !err && i < rules->set_count; i++) {
		sorted[i] = rules->sets[order[i]];
		number_of[order[i]] = (uint32_t)i;
	}
	for (size_t i = 0; !err && i < rules->rule_count; i++) {
		struct ml_rule *rule = &rules->rules[i];

		numbers_sort(rule->sources, &rule->source_count, number_of);
		numbers_sort(rule->destinations, &rule->destination_count, number_of);
	}
	if (!err) {
		free(rules->sets);
		rules->sets = sorted;
		sorted = NULL;
	}
	free(order);
	free(number_of);
	free(sorted);
	return err;
}

static int rule_compare(const void *a, const void *b)
{
	const struct ml_rule *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

/* Of rules that say the same the first stays. -EINVAL: an id that is another's, too. */
static int rules_merge(struct ml_ruleset *rules)
{
	size_t kept = 0;

	qsort(rules->rules, rules->rule_count, sizeof(*rules->rules), rule_compare);
	for (size_t i = 0; i < rules->rule_count; i++) {
		struct ml_rule *rule = &rules->rules[i], *before = kept ? &rules->rules[kept - 1] : NULL;

		if (!rule->id || (before && before->id == rule->id && strcmp(before->text, rule->text)))
			return -EINVAL;
		if (before && before->id == rule->id)
			ml_rule_clean(rule);
		else
			rules->rules[kept++] = *rule;
		if (kept <= i)
			*rule = (struct ml_rule){ 0 };
	}
	rules->rule_count = kept;
	return 0;
}

static int rules_finish(struct ml_ruleset *rules)
{
	struct ml_text text = { 0 };
	int err = sets_sort(rules);

	for (size_t i = 0; !err && i < rules->rule_count; i++) {
		struct ml_rule *rule = &rules->rules[i];

		text.length = 0;
		ml_rules_text(rules, rule, &text);
		if (!text.failed) {
			rule->id = ml_rule_id(text.data, text.length);
			rule->text = strdup(text.data);
		}
		err = rule->text ? 0 : -ENOMEM;
	}
	ml_text_clean(&text);
	return err ? err : rules_merge(rules);
}

/* -------------------------------------------------------------------- build */

static int guard_make(struct guard_build *build)
{
	int err = drafts_make(build);

	if (!err)
		err = ml_guard_number(build);
	if (!err)
		err = rules_make(build);
	return err ? err : rules_finish(&build->out->rules);
}

static int guard_fail(struct ml_error *error, int err)
{
	if (err == -EINVAL)
		return ml_error_set(error, err, "the id of a rule of the guard cannot be used (chance gave it to another one); write its allowance another way");
	return ml_error_set(error, err, "out of memory");
}

int ml_policy_guard_build(const struct ml_policy *policy, const struct policy_node *node,
			  struct ml_guard **ret, struct ml_error *error)
{
	struct guard_build build = {
		.policy = policy, .node = node, .guard = ml_policy_guard_of(policy, node),
	};
	int err;

	build.out = calloc(1, sizeof(*build.out));
	if (!build.out)
		return guard_fail(error, -ENOMEM);
	build.out->rules.of_guard = true;
	err = guard_make(&build);
	ml_table_clean(&build.sets);
	ml_arena_clean(&build.arena);
	free(build.drafts);
	if (err || !build.out->rules.rule_count) {
		ml_guard_free(build.out);
		build.out = NULL;
	}
	if (err)
		return guard_fail(error, err);
	*ret = build.out;
	return 0;
}
