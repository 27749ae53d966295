// SPDX-License-Identifier: MIT
#include "describe.h"

#include <linux/merlon.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "policy_service.h"
#include "policy_text.h"
#include "prefix.h"

/* Takes the text out of its wrapping. */
static char *text_take(struct ml_text *text)
{
	if (text->failed) {
		ml_text_clean(text);
		return NULL;
	}
	return text->data ? text->data : strdup("");
}

static char *sets_text(const struct ml_ruleset *ruleset, const uint32_t *sets, size_t count)
{
	struct ml_text text = { 0 };

	for (size_t i = 0; i < count; i++)
		ml_text_format(&text, "%s%s", i ? ", " : "", ruleset->sets[sets[i]].name);
	return text_take(&text);
}

static json_t *sets_json(const struct ml_ruleset *ruleset, const uint32_t *sets, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, ml_output_text(ruleset->sets[sets[i]].name));
	return array;
}

bool describe_is_guard(const struct ml_ruleset *ruleset, const struct ml_rule *rule)
{
	const struct ml_guard *guard = ruleset->guard;

	return guard && rule >= guard->rules.rules &&
	       rule < guard->rules.rules + guard->rules.rule_count;
}

/* Whose sets a rule's numbers are of: the ruleset's, or its guard's. */
static const struct ml_ruleset *home_of(const struct ml_ruleset *ruleset,
					const struct ml_rule *rule)
{
	return describe_is_guard(ruleset, rule) ? &ruleset->guard->rules : ruleset;
}

char *describe_sources(const struct ml_ruleset *ruleset, const struct ml_rule *rule)
{
	return sets_text(home_of(ruleset, rule), rule->sources, rule->source_count);
}

char *describe_destinations(const struct ml_ruleset *ruleset, const struct ml_rule *rule)
{
	return sets_text(home_of(ruleset, rule), rule->destinations, rule->destination_count);
}

static json_t *services_json(const struct ml_service_range *services, size_t count)
{
	struct ml_text text = { 0 };
	json_t *array;

	ml_services_format(&text, services, count);
	array = text.failed ? NULL : json_loadb(text.data, text.length, 0, NULL);
	ml_text_clean(&text);
	return array;
}

char *describe_services(const struct ml_service_range *services, size_t count)
{
	json_t *array = services_json(services, count), *entry;
	struct ml_text text = { 0 };
	size_t i;

	if (!array)
		return NULL;
	json_array_foreach(array, i, entry)
		ml_text_format(&text, "%s%s", i ? ", " : "", json_string_value(entry));
	json_decref(array);
	return text_take(&text);
}

json_t *describe_rule(const struct ml_ruleset *ruleset, const struct ml_rule *rule)
{
	json_t *object = json_object();

	json_object_set_new(object, "id", ml_output_id(rule->id));
	json_object_set_new(object, "action", json_string(ml_action_name(rule->action)));
	json_object_set_new(object, "guard", json_boolean(describe_is_guard(ruleset, rule)));
	json_object_set_new(object, "line", json_integer(rule->line));
	json_object_set_new(object, "sources",
			    sets_json(home_of(ruleset, rule), rule->sources, rule->source_count));
	json_object_set_new(object, "destinations",
			    sets_json(home_of(ruleset, rule), rule->destinations, rule->destination_count));
	json_object_set_new(object, "services",
			    services_json(rule->services, rule->service_count));
	json_object_set_new(object, "text", ml_output_text(rule->text));
	return object;
}

const char *describe_name(const struct ml_ruleset *ruleset, uint8_t family,
			  const uint8_t *address)
{
	const struct ml_name *best = NULL;

	for (size_t i = 0; ruleset && i < ruleset->name_count; i++) {
		const struct ml_name *name = &ruleset->names[i];

		if (ml_prefix_has(&name->prefix, family, address) &&
		    (!best || name->prefix.length > best->prefix.length))
			best = name;
	}
	return best ? best->name : NULL;
}

const char *describe_address(const struct ml_ruleset *ruleset, uint8_t family,
			     const uint8_t *address, char buffer[static DESCRIBE_TEXT])
{
	const char *name = describe_name(ruleset, family, address);
	char text[ML_PREFIX_TEXT];
	struct ml_prefix prefix;

	ml_prefix_host(family, address, &prefix);
	ml_prefix_format(&prefix, text);
	if (name)
		snprintf(buffer, DESCRIBE_TEXT, "%s (%s)", name, text);
	else
		snprintf(buffer, DESCRIBE_TEXT, "%s", text);
	return buffer;
}

json_t *describe_address_json(uint8_t family, const uint8_t *address)
{
	char text[ML_PREFIX_TEXT];
	struct ml_prefix prefix;

	ml_prefix_host(family, address, &prefix);
	return json_string(ml_prefix_format(&prefix, text));
}

const char *describe_service(uint8_t protocol, uint16_t selector,
			     char buffer[static DESCRIBE_TEXT])
{
	struct ml_service_range range = { protocol, selector, selector };
	char *text = describe_services(&range, 1);

	snprintf(buffer, DESCRIBE_TEXT, "%s", text ? text : "?");
	free(text);
	return buffer;
}

enum ml_colour describe_action_colour(uint8_t action)
{
	return action == MERLON_ACTION_ALLOW ? ML_GOOD : ML_BAD;
}
