// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <linux/merlon.h>

#include "policy_canon.h"
#include "policy_service.h"
#include "policy_table.h"
#include "prefix.h"
#include "rules.h"
#include "rules_private.h"

#define MAX_ITEMS (1u << 24)	/* of any array */

struct parse {
	const json_t *root;
	struct ml_ruleset *ruleset;
	struct ml_table sets;	/* by name */
	struct ml_error *error;
};

#define fail(parse, ...) (ml_error_set((parse)->error, -EBADMSG, __VA_ARGS__), -EBADMSG)

static int no_memory(const struct parse *parse)
{
	ml_error_set(parse->error, -ENOMEM, "out of memory");
	return -ENOMEM;
}

/* The array @key of the block, and room for its @size records; NULL: failed. */
static void *array_room(const struct parse *parse, const char *key, size_t size,
			const json_t **ret_array, int *err)
{
	void *room;

	*ret_array = json_object_get(parse->root, key);
	if (!json_is_array(*ret_array) || json_array_size(*ret_array) > MAX_ITEMS) {
		*err = fail(parse, "expected an array \"%s\"", key);
		return NULL;
	}
	room = calloc(json_array_size(*ret_array) + 1, size);
	*err = room ? 0 : no_memory(parse);
	return room;
}

static int prefix_parse(const struct parse *parse, const json_t *json, struct ml_prefix *ret)
{
	const char *text = json_string_value(json);

	if (!text || ml_prefix_parse(text, ret))
		return fail(parse, "expected an address or prefix, found %s", text ? text : "no text");
	return 0;
}

static int prefixes_parse(const struct parse *parse, const json_t *json, struct ml_set *set)
{
	size_t count = json_array_size(json);
	int err = 0;

	set->prefixes = calloc(count + 1, sizeof(*set->prefixes));
	if (!set->prefixes)
		return no_memory(parse);
	for (size_t i = 0; !err && i < count; i++)
		err = prefix_parse(parse, json_array_get(json, i), &set->prefixes[i]);
	set->prefix_count = count;
	return err;
}

static int text_copy(const struct parse *parse, const json_t *json, char **ret)
{
	const char *text = json_string_value(json);

	if (!text)
		return fail(parse, "expected a name");
	*ret = strdup(text);
	return *ret ? 0 : no_memory(parse);
}

static int set_parse(const struct parse *parse, const json_t *json, struct ml_set *set)
{
	const json_t *what = json_array_get(json, 1);
	int err;

	if (json_array_size(json) != 2)
		return fail(parse, "expected sets as [name, prefixes]");
	err = text_copy(parse, json_array_get(json, 0), &set->name);
	if (err)
		return err;
	set->any = json_is_true(what);
	if (set->any)
		return 0;
	return json_is_array(what) ? prefixes_parse(parse, what, set) :
				     fail(parse, "expected the prefixes of a set");
}

static int sets_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const json_t *array;
	int err;

	ruleset->sets = array_room(parse, "sets", sizeof(*ruleset->sets), &array, &err);
	for (size_t i = 0; !err && i < json_array_size(array); i++) {
		ruleset->set_count++;
		err = set_parse(parse, json_array_get(array, i), &ruleset->sets[i]);
	}
	return err;
}

static const char *set_text(const void *arg, uint32_t number)
{
	const struct ml_ruleset *ruleset = arg;

	return ruleset->sets[number].name;
}

static int sets_index(struct parse *parse)
{
	parse->sets.text = set_text;
	parse->sets.arg = parse->ruleset;
	for (uint32_t i = 0; i < parse->ruleset->set_count; i++)
		if (ml_table_add(&parse->sets, i))
			return no_memory(parse);
	return 0;
}

static int numbers_parse(const struct parse *parse, const json_t *json, uint32_t **ret,
			 size_t *ret_count)
{
	size_t count = json_array_size(json);
	uint32_t *numbers = calloc(count + 1, sizeof(*numbers));

	if (!numbers)
		return no_memory(parse);
	*ret = numbers;
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_array_get(json, i));

		numbers[i] = name ? ml_table_find(&parse->sets, name) : ML_TABLE_NONE;
		if (numbers[i] == ML_TABLE_NONE)
			return fail(parse, "a rule speaks of a set that is not there");
	}
	*ret_count = count;
	return 0;
}

static int services_parse(const struct parse *parse, const json_t *json, struct ml_rule *rule)
{
	struct ml_services services = { 0 };
	char why[ML_SERVICE_WHY];
	int err = 0;

	for (size_t i = 0; !err && i < json_array_size(json); i++) {
		const char *text = json_string_value(json_array_get(json, i));

		err = text ? ml_services_parse(&services, text, ML_SERVICE_STAR_USUAL, why) : -EINVAL;
	}
	ml_services_normalise(&services);
	rule->services = services.items;
	rule->service_count = services.count;
	if (err == -EINVAL)
		return fail(parse, "a rule has a service that is none");
	return err ? no_memory(parse) : 0;
}

static int rule_parse(const struct parse *parse, const json_t *json, const json_t *line,
		      struct ml_rule *rule)
{
	const char *action = json_string_value(json_object_get(json, "action"));
	json_int_t number = json_integer_value(line);
	int err;

	if (json_object_size(json) != 4 || !action)
		return fail(parse, "expected rules as {action, dst, ip, src}");
	if (!json_is_integer(line) || number < 0 || number > UINT_MAX)
		return fail(parse, "expected the line of each rule");
	rule->action = ml_action_parse(action);
	rule->line = (unsigned int)number;
	err = numbers_parse(parse, json_object_get(json, "dst"), &rule->destinations,
			    &rule->destination_count);
	if (!err)
		err = services_parse(parse, json_object_get(json, "ip"), rule);
	if (!err)
		err = numbers_parse(parse, json_object_get(json, "src"), &rule->sources,
				    &rule->source_count);
	return err;
}

static int rules_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const json_t *array, *lines = json_object_get(parse->root, "lines");
	int err;

	ruleset->rules = array_room(parse, "rules", sizeof(*ruleset->rules), &array, &err);
	if (!err && json_array_size(lines) != json_array_size(array))
		return fail(parse, "expected as many \"lines\" as \"rules\"");
	for (size_t i = 0; !err && i < json_array_size(array); i++) {
		ruleset->rule_count++;
		err = rule_parse(parse, json_array_get(array, i), json_array_get(lines, i),
				 &ruleset->rules[i]);
	}
	return err;
}

static int owners_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const json_t *array;
	int err;

	ruleset->owners = array_room(parse, "owners", sizeof(*ruleset->owners), &array, &err);
	for (size_t i = 0; !err && i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);
		json_int_t tunnel = json_integer_value(json_array_get(item, 1));

		if (json_array_size(item) != 2 || tunnel < 1 || tunnel > UINT8_MAX)
			return fail(parse, "expected owners as [prefix, tunnel]");
		ruleset->owners[i].tunnel = (uint8_t)tunnel;
		err = prefix_parse(parse, json_array_get(item, 0), &ruleset->owners[i].prefix);
		ruleset->owner_count++;
	}
	return err;
}

static int names_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const json_t *array;
	int err;

	ruleset->names = array_room(parse, "names", sizeof(*ruleset->names), &array, &err);
	for (size_t i = 0; !err && i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);

		if (json_array_size(item) != 2)
			return fail(parse, "expected names as [prefix, name]");
		ruleset->name_count++;
		err = prefix_parse(parse, json_array_get(item, 0), &ruleset->names[i].prefix);
		if (!err)
			err = text_copy(parse, json_array_get(item, 1), &ruleset->names[i].name);
	}
	return err;
}

static int tunnels_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const json_t *array;
	int err;

	ruleset->tunnels = array_room(parse, "tunnels", sizeof(*ruleset->tunnels), &array, &err);
	for (size_t i = 0; !err && i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);
		const char *name = json_string_value(json_array_get(item, 0));
		struct ml_tunnel *tunnel = &ruleset->tunnels[i];

		if (json_array_size(item) != 2 || !name || strlen(name) >= sizeof(tunnel->name) ||
		    !json_is_boolean(json_array_get(item, 1)))
			return fail(parse, "expected tunnels as [name, ignored]");
		memcpy(tunnel->name, name, strlen(name));
		tunnel->ignored = json_is_true(json_array_get(item, 1));
		ruleset->tunnel_count++;
	}
	return err;
}

static int root_check(const struct parse *parse)
{
	const json_t *reject = json_object_get(parse->root, "rejectUnmatched");

	if (!json_is_object(parse->root) || json_object_size(parse->root) != 8 ||
	    json_integer_value(json_object_get(parse->root, "format")) != 1 ||
	    !json_is_boolean(reject))
		return fail(parse, "not a rules block of format 1");
	parse->ruleset->reject_unmatched = json_is_true(reject);
	return 0;
}

/* A rule's text and id; @text is room that is used again. */
static int text_make(const struct parse *parse, struct ml_rule *rule, struct ml_text *text)
{
	text->length = 0;
	ml_rules_text(parse->ruleset, rule, text);
	if (text->failed)
		return no_memory(parse);
	rule->id = ml_rule_id(text->data, text->length);
	rule->text = strdup(text->data);
	return rule->text ? 0 : no_memory(parse);
}

static int texts_make(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	struct ml_text text = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < ruleset->rule_count; i++) {
		struct ml_rule *rule = &ruleset->rules[i];

		err = text_make(parse, rule, &text);
		if (!err && (!rule->id || (i && rule[-1].id >= rule->id)))
			err = fail(parse, "rule %zu is not behind the one before it", i);
	}
	ml_text_clean(&text);
	return err;
}

/* ORDER: rules name sets. */
static int block_parse(struct parse *parse)
{
	int err = root_check(parse);

	if (!err)
		err = sets_parse(parse);
	if (!err)
		err = sets_index(parse);
	if (!err)
		err = rules_parse(parse);
	if (!err)
		err = tunnels_parse(parse);
	if (!err)
		err = owners_parse(parse);
	if (!err)
		err = names_parse(parse);
	if (!err)
		err = ml_rules_check(parse->ruleset, false, -EBADMSG, parse->error);
	return err ? err : texts_make(parse);
}

int ml_rules_parse(const char *text, size_t length, struct ml_ruleset *ret,
		   struct ml_error *error)
{
	struct ml_ruleset ruleset = { 0 };
	struct parse parse = { .ruleset = &ruleset, .error = error };
	json_error_t json_error;
	json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &json_error);
	int err;

	parse.root = root;
	err = root ? block_parse(&parse) :
		     fail(&parse, "not JSON: line %d, column %d: %s", json_error.line,
			  json_error.column, json_error.text);
	json_decref(root);
	ml_table_clean(&parse.sets);
	if (err)
		ml_ruleset_free(&ruleset);
	else
		*ret = ruleset;
	return err;
}
