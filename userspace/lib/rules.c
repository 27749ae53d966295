// SPDX-License-Identifier: MIT
/*
 * The rules block: {"format":1,"guard":{…},"lines":[…],"names":[["192.0.2.1","web"],…],
 * "owners":[["192.0.2.1",1],…],"rejectUnmatched":false,"rules":[…],
 * "sets":[["group:eng",["192.0.2.1",…]],["*",true],…],"tunnels":[["wg0",false],…]}
 *
 * The guard, left out where there is none: {"cgroups":["/system.slice",…],
 * "devices":["eth0",…],"lines":[…],"rules":[…],"sets":[…],"users":[123,…]}
 *
 * A rule stands as its canonical form. Text and id are not written beside it:
 * the reader makes them, and so they cannot disagree.
 */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy_canon.h"
#include "prefix.h"
#include "rules_private.h"

static const char *set_name(const void *arg, uint32_t number)
{
	const struct ml_ruleset *ruleset = arg;

	return ruleset->sets[number].name;
}

void ml_rules_text(const struct ml_ruleset *ruleset, const struct ml_rule *rule,
		   struct ml_text *text)
{
	const struct ml_rule_form form = {
		.name = set_name,
		.arg = ruleset,
		.action = rule->action,
		.guard = ruleset->of_guard,
		.sources = rule->sources,
		.source_count = rule->source_count,
		.destinations = rule->destinations,
		.destination_count = rule->destination_count,
		.services = rule->services,
		.service_count = rule->service_count,
	};

	ml_rule_form_text(text, &form);
}

static void prefix_format(struct ml_text *text, const struct ml_prefix *prefix)
{
	char buffer[ML_PREFIX_TEXT];

	ml_text_json(text, ml_prefix_format(prefix, buffer));
}

static void names_format(struct ml_text *text, const struct ml_ruleset *ruleset)
{
	ml_text_add(text, "\"names\":[");
	for (size_t i = 0; i < ruleset->name_count; i++) {
		ml_text_add(text, i ? ",[" : "[");
		prefix_format(text, &ruleset->names[i].prefix);
		ml_text_add(text, ",");
		ml_text_json(text, ruleset->names[i].name);
		ml_text_add(text, "]");
	}
	ml_text_add(text, "]");
}

static void owners_format(struct ml_text *text, const struct ml_ruleset *ruleset)
{
	ml_text_add(text, "\"owners\":[");
	for (size_t i = 0; i < ruleset->owner_count; i++) {
		ml_text_add(text, i ? ",[" : "[");
		prefix_format(text, &ruleset->owners[i].prefix);
		ml_text_format(text, ",%u]", ruleset->owners[i].tunnel);
	}
	ml_text_add(text, "]");
}

static void set_format(struct ml_text *text, const struct ml_set *set)
{
	ml_text_json(text, set->name);
	if (set->any) {
		ml_text_add(text, ",true]");
		return;
	}
	ml_text_add(text, ",[");
	for (size_t i = 0; i < set->prefix_count; i++) {
		if (i)
			ml_text_add(text, ",");
		prefix_format(text, &set->prefixes[i]);
	}
	ml_text_add(text, "]]");
}

static void sets_format(struct ml_text *text, const struct ml_ruleset *ruleset)
{
	ml_text_add(text, "\"sets\":[");
	for (size_t i = 0; i < ruleset->set_count; i++) {
		ml_text_add(text, i ? ",[" : "[");
		set_format(text, &ruleset->sets[i]);
	}
	ml_text_add(text, "]");
}

static void tunnels_format(struct ml_text *text, const struct ml_ruleset *ruleset)
{
	ml_text_add(text, "\"tunnels\":[");
	for (size_t i = 0; i < ruleset->tunnel_count; i++) {
		ml_text_add(text, i ? ",[" : "[");
		ml_text_json(text, ruleset->tunnels[i].name);
		ml_text_add(text, ruleset->tunnels[i].ignored ? ",true]" : ",false]");
	}
	ml_text_add(text, "]");
}

static void rules_format(struct ml_text *text, const struct ml_ruleset *ruleset)
{
	ml_text_add(text, "\"rules\":[");
	for (size_t i = 0; i < ruleset->rule_count; i++) {
		if (i)
			ml_text_add(text, ",");
		ml_text_add(text, ruleset->rules[i].text);
	}
	ml_text_add(text, "]");
}

static void reject_format(struct ml_text *text, const struct ml_ruleset *ruleset)
{
	ml_text_format(text, "\"rejectUnmatched\":%s", ruleset->reject_unmatched ? "true" : "false");
}

static void lines_format(struct ml_text *text, const struct ml_ruleset *ruleset)
{
	ml_text_add(text, "\"lines\":[");
	for (size_t i = 0; i < ruleset->rule_count; i++)
		ml_text_format(text, "%s%u", i ? "," : "", ruleset->rules[i].line);
	ml_text_add(text, "]");
}

static void conditions_format(struct ml_text *text, const struct ml_guard *guard)
{
	ml_text_add(text, "\"cgroups\":[");
	for (size_t i = 0; i < guard->cgroup_count; i++) {
		ml_text_add(text, i ? "," : "");
		ml_text_json(text, guard->cgroups[i]);
	}
	ml_text_add(text, "],\"devices\":[");
	for (size_t i = 0; i < guard->device_count; i++) {
		ml_text_add(text, i ? "," : "");
		ml_text_json(text, guard->devices[i]);
	}
	ml_text_add(text, "]");
}

static void users_format(struct ml_text *text, const struct ml_guard *guard)
{
	ml_text_add(text, "\"users\":[");
	for (size_t i = 0; i < guard->user_count; i++)
		ml_text_format(text, "%s%u", i ? "," : "", guard->users[i]);
	ml_text_add(text, "]");
}

static void guard_format(struct ml_text *text, const struct ml_guard *guard)
{
	ml_text_add(text, "\"guard\":{");
	conditions_format(text, guard);
	ml_text_add(text, ",");
	lines_format(text, &guard->rules);
	ml_text_add(text, ",");
	rules_format(text, &guard->rules);
	ml_text_add(text, ",");
	sets_format(text, &guard->rules);
	ml_text_add(text, ",");
	users_format(text, guard);
	ml_text_add(text, "},");
}

/* Keys ascend. */
static void block_format(struct ml_text *text, const struct ml_ruleset *ruleset)
{
	static void (*const parts[])(struct ml_text *text, const struct ml_ruleset *ruleset) = {
		lines_format, names_format, owners_format, reject_format, rules_format,
		sets_format, tunnels_format,
	};

	ml_text_add(text, "{\"format\":1,");
	if (ruleset->guard)
		guard_format(text, ruleset->guard);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		ml_text_add(text, i ? "," : "");
		parts[i](text, ruleset);
	}
	ml_text_add(text, "}");
}

int ml_rules_format(const struct ml_ruleset *ruleset, char **ret, size_t *ret_length,
		    struct ml_error *error)
{
	struct ml_text text = { 0 };
	int err = ml_rules_check(ruleset, true, -EINVAL, error);

	if (err)
		return err;
	block_format(&text, ruleset);
	if (text.failed) {
		ml_text_clean(&text);
		return ml_error_set(error, -ENOMEM, "out of memory");
	}
	*ret = text.data;
	*ret_length = text.length;
	return 0;
}
