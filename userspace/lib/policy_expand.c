// SPDX-License-Identifier: MIT
/* From what authors write to rules in canonical form: expanded, sorted, merged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "policy_canon.h"
#include "policy_read.h"

/* Numbers of names while a rule is put together; in the arena once it is done. */
struct numbers {
	uint32_t *items;
	size_t count;
};

static const char *name_text(const void *arg, uint32_t number)
{
	const struct ml_policy *policy = arg;

	return policy->names.items[number].text;
}

static int number_compare(const void *a, const void *b, void *arg)
{
	const struct ml_policy *policy = arg;

	return strcmp(policy->names.items[*(const uint32_t *)a].text,
		      policy->names.items[*(const uint32_t *)b].text);
}

static void numbers_sort(struct ml_policy *policy, struct numbers *numbers)
{
	size_t kept = 0;

	if (!numbers->count)
		return;
	qsort_r(numbers->items, numbers->count, sizeof(uint32_t), number_compare, policy);
	for (size_t i = 1; i < numbers->count; i++)
		if (numbers->items[kept] != numbers->items[i])
			numbers->items[++kept] = numbers->items[i];
	numbers->count = kept + 1;
}

/* All of @items but autogroup:self, sorted. */
static int numbers_copy(struct policy_reader *reader, const uint32_t *items, size_t count,
			struct numbers *ret)
{
	ret->count = 0;
	ret->items = ml_arena_alloc(&reader->policy->arena, count * sizeof(uint32_t));
	if (!ret->items)
		return ml_policy_no_memory(reader);
	for (size_t i = 0; i < count; i++)
		if (reader->policy->names.items[items[i]].kind != POLICY_SELF)
			ret->items[ret->count++] = items[i];
	numbers_sort(reader->policy, ret);
	return 0;
}

static int rules_reserve(struct policy_reader *reader, struct policy_rules *rules,
			 const struct ml_hujson_value *place)
{
	size_t room = rules->room ? 2 * rules->room : 64;
	struct policy_rule *items;

	if (rules->count >= MERLON_MAX_RULES)
		return policy_fail_code(reader, -E2BIG, place, "more than %u rules", MERLON_MAX_RULES);
	if (rules->count < rules->room)
		return 0;
	items = reallocarray(rules->items, room, sizeof(*items));
	if (!items)
		return ml_policy_no_memory(reader);
	rules->items = items;
	rules->room = room;
	return 0;
}

/* Text and id; @rule is complete but for them. */
static int rule_finish(struct policy_reader *reader, struct policy_rule *rule)
{
	const struct ml_rule_form form = {
		.name = name_text,
		.arg = reader->policy,
		.action = rule->action,
		.sources = rule->sources,
		.source_count = rule->source_count,
		.destinations = rule->destinations,
		.destination_count = rule->destination_count,
		.services = rule->services,
		.service_count = rule->service_count,
	};
	struct ml_text text = { 0 };

	ml_rule_form_text(&text, &form);
	if (!text.failed) {
		rule->id = ml_rule_id(text.data, text.length);
		rule->text = ml_arena_string(&reader->policy->arena, text.data, text.length);
	}
	ml_text_clean(&text);
	return rule->text ? 0 : ml_policy_no_memory(reader);
}

static int rule_add(struct policy_reader *reader, struct policy_rules *rules,
		    const struct policy_terms *terms, const struct numbers *sources,
		    const struct numbers *destinations)
{
	struct policy_rule rule = {
		.action = terms->action,
		.sources = sources->items,
		.source_count = sources->count,
		.destinations = destinations->items,
		.destination_count = destinations->count,
		.service_count = terms->services.count,
		.line = terms->place->line,
		.column = terms->place->column,
	};
	int err = rules_reserve(reader, rules, terms->place);

	if (err)
		return err;
	rule.services = ml_arena_copy(&reader->policy->arena, terms->services.items,
				      terms->services.count * sizeof(*rule.services));
	if (!rule.services)
		return ml_policy_no_memory(reader);
	err = rule_finish(reader, &rule);
	if (!err)
		rules->items[rules->count++] = rule;
	return err;
}

static bool has_self(const struct ml_policy *policy, const struct policy_terms *terms)
{
	for (size_t i = 0; i < terms->destination_count; i++)
		if (policy->names.items[terms->destinations[i]].kind == POLICY_SELF)
			return true;
	return false;
}

static int self_check(struct policy_reader *reader, const struct policy_terms *terms)
{
	for (size_t i = 0; i < terms->source_count; i++) {
		const struct policy_name *name = &reader->policy->names.items[terms->sources[i]];

		if (name->kind != POLICY_USER && name->kind != POLICY_GROUP &&
		    name->kind != POLICY_MEMBER)
			return policy_fail(reader, terms->place, "autogroup:self needs users, groups or "
					   "autogroup:member as src, found \"%s\"", name->text);
	}
	return 0;
}

/*
 * Whose own nodes autogroup:self means is known when every user is: until then
 * the rule waits.
 */
static int self_keep(struct policy_reader *reader, struct policy_rules *rules,
		     const struct policy_terms *terms, const struct numbers *sources)
{
	struct policy_self *self = ml_arena_alloc(&reader->policy->arena, sizeof(*self));
	int err = self_check(reader, terms);

	if (err)
		return err;
	if (!self)
		return ml_policy_no_memory(reader);
	self->terms = *terms;
	self->terms.sources = sources->items;
	self->terms.source_count = sources->count;
	self->terms.services.items = ml_arena_copy(&reader->policy->arena, terms->services.items,
						   terms->services.count *
						   sizeof(*terms->services.items));
	if (!self->terms.services.items)
		return ml_policy_no_memory(reader);
	self->next = rules->selves;
	rules->selves = self;
	return 0;
}

int ml_policy_rules_add(struct policy_reader *reader, struct policy_rules *rules,
			const struct policy_terms *terms)
{
	struct policy_terms sorted = *terms;
	struct numbers sources, destinations;
	int err;

	ml_services_normalise(&sorted.services);
	err = numbers_copy(reader, terms->sources, terms->source_count, &sources);
	if (!err)
		err = numbers_copy(reader, terms->destinations, terms->destination_count,
				   &destinations);
	if (!err && destinations.count)
		err = rule_add(reader, rules, &sorted, &sources, &destinations);
	if (!err && has_self(reader->policy, terms))
		err = self_keep(reader, rules, &sorted, &sources);
	return err;
}

/* One rule: from the user's own nodes to the user's own nodes. */
static int self_add_user(struct policy_reader *reader, struct policy_rules *rules,
			 const struct policy_terms *terms, uint32_t user)
{
	struct numbers own = { .count = 1 };

	own.items = ml_arena_copy(&reader->policy->arena, &user, sizeof(user));
	if (!own.items)
		return ml_policy_no_memory(reader);
	return rule_add(reader, rules, terms, &own, &own);
}

static int self_add_group(struct policy_reader *reader, struct policy_rules *rules,
			  const struct policy_terms *terms, const struct policy_link *member)
{
	int err = 0;

	for (; !err && member; member = member->next)
		err = self_add_user(reader, rules, terms, member->index);
	return err;
}

/* Members are users with nodes; without a nodes section: every user that is named. */
static int self_add_members(struct policy_reader *reader, struct policy_rules *rules,
			    const struct policy_terms *terms)
{
	const struct ml_policy *policy = reader->policy;
	int err = 0;

	for (const struct policy_link *user = policy->names.users; !err && user; user = user->next)
		if (policy->names.items[user->index].members || !policy->has_nodes)
			err = self_add_user(reader, rules, terms, user->index);
	return err;
}

static int self_expand(struct policy_reader *reader, struct policy_rules *rules,
		       const struct policy_terms *terms)
{
	int err = 0;

	for (size_t i = 0; !err && i < terms->source_count; i++) {
		const struct policy_name *name = &reader->policy->names.items[terms->sources[i]];

		if (name->kind == POLICY_USER)
			err = self_add_user(reader, rules, terms, terms->sources[i]);
		else if (name->kind == POLICY_GROUP)
			err = self_add_group(reader, rules, terms, name->members);
		else
			err = self_add_members(reader, rules, terms);
	}
	return err;
}

static int rule_compare(const void *a, const void *b)
{
	const struct policy_rule *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->column > y->column) - (x->column < y->column);
}

static int id_check(struct policy_reader *reader, const struct policy_rule *kept,
		    const struct policy_rule *rule)
{
	if (!rule->id || (kept && kept->id == rule->id && strcmp(kept->text, rule->text) != 0))
		return policy_fail(reader, rule, "the id of this rule cannot be used (chance gave it to "
				   "another one); write its selectors another way");
	return 0;
}

int ml_policy_rules_seal(struct policy_reader *reader, struct policy_rules *rules)
{
	size_t kept = 0;
	int err = 0;

	for (struct policy_self *self = rules->selves; !err && self; self = self->next)
		err = self_expand(reader, rules, &self->terms);
	if (err || !rules->count)
		return err;
	qsort(rules->items, rules->count, sizeof(*rules->items), rule_compare);
	for (size_t i = 0; !err && i < rules->count; i++) {
		err = id_check(reader, i ? &rules->items[kept - 1] : NULL, &rules->items[i]);
		if (!kept || rules->items[kept - 1].id != rules->items[i].id)
			rules->items[kept++] = rules->items[i];
	}
	rules->count = kept;
	return err;
}
