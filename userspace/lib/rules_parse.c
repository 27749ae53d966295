// SPDX-License-Identifier: MIT
/*
 * Reading a rules block. It is read by our own reader in its plain form, for
 * the block of a large network has tens of megabytes: jansson needs three
 * times as long for it as all that is done here.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "hujson.h"
#include "policy_canon.h"
#include "policy_service.h"
#include "policy_table.h"
#include "prefix.h"
#include "rules.h"
#include "rules_private.h"

struct parse {
	const struct ml_hujson_value *root;
	struct ml_ruleset *ruleset;
	struct ml_table sets;	/* by name */
	struct ml_error *error;
};

/* The place is that of @json: a block is one line, but a long one. */
#define fail(parse, json, ...) \
	(ml_error_at((parse)->error, -EBADMSG, "", (json)->line, (json)->column, __VA_ARGS__), -EBADMSG)

static int no_memory(const struct parse *parse)
{
	ml_error_set(parse->error, -ENOMEM, "out of memory");
	return -ENOMEM;
}

/* What is not there is null. */
static const struct ml_hujson_value nothing = { .type = ML_HUJSON_NULL };

static const struct ml_hujson_value *member(const struct ml_hujson_value *json, const char *key)
{
	for (size_t i = 0; json->type == ML_HUJSON_OBJECT && i < json->object.count; i++)
		if (!strcmp(json->object.members[i].key, key))
			return &json->object.members[i].value;
	return &nothing;
}

static size_t size(const struct ml_hujson_value *json)
{
	return json->type == ML_HUJSON_ARRAY ? json->array.count : 0;
}

static const struct ml_hujson_value *item(const struct ml_hujson_value *json, size_t index)
{
	return index < size(json) ? &json->array.items[index] : &nothing;
}

static const char *string(const struct ml_hujson_value *json)
{
	return json->type == ML_HUJSON_STRING ? json->string.text : NULL;
}

static bool is_true(const struct ml_hujson_value *json)
{
	return json->type == ML_HUJSON_BOOL && json->boolean;
}

/* Is it a number from @low to @high? */
static bool number(const struct ml_hujson_value *json, int64_t low, int64_t high, int64_t *ret)
{
	if (json->type != ML_HUJSON_INTEGER || json->integer < low || json->integer > high)
		return false;
	*ret = json->integer;
	return true;
}

/* The array @key of the block, and room for its @bytes records; NULL: failed. */
static void *array_room(const struct parse *parse, const char *key, size_t bytes,
			const struct ml_hujson_value **ret_array, int *err)
{
	void *room;

	*ret_array = member(parse->root, key);
	if ((*ret_array)->type != ML_HUJSON_ARRAY) {
		*err = fail(parse, parse->root, "expected an array \"%s\"", key);
		return NULL;
	}
	room = calloc(size(*ret_array) + 1, bytes);
	*err = room ? 0 : no_memory(parse);
	return room;
}

static int prefix_parse(const struct parse *parse, const struct ml_hujson_value *json,
			struct ml_prefix *ret)
{
	const char *text = string(json);

	if (!text || ml_prefix_parse(text, ret))
		return fail(parse, json, "expected an address or prefix");
	return 0;
}

static int prefixes_parse(const struct parse *parse, const struct ml_hujson_value *json,
			  struct ml_set *set)
{
	int err = 0;

	set->prefixes = calloc(size(json) + 1, sizeof(*set->prefixes));
	if (!set->prefixes)
		return no_memory(parse);
	for (size_t i = 0; !err && i < size(json); i++)
		err = prefix_parse(parse, item(json, i), &set->prefixes[i]);
	set->prefix_count = size(json);
	return err;
}

static int text_copy(const struct parse *parse, const struct ml_hujson_value *json, char **ret)
{
	const char *text = string(json);

	if (!text)
		return fail(parse, json, "expected a name");
	*ret = strdup(text);
	return *ret ? 0 : no_memory(parse);
}

static int set_parse(const struct parse *parse, const struct ml_hujson_value *json,
		     struct ml_set *set)
{
	const struct ml_hujson_value *what = item(json, 1);
	int err;

	if (size(json) != 2)
		return fail(parse, json, "expected sets as [name, prefixes]");
	err = text_copy(parse, item(json, 0), &set->name);
	if (err)
		return err;
	set->any = is_true(what);
	if (set->any)
		return 0;
	if (what->type != ML_HUJSON_ARRAY)
		return fail(parse, json, "expected the prefixes of a set");
	return prefixes_parse(parse, what, set);
}

static int sets_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const struct ml_hujson_value *array;
	int err;

	ruleset->sets = array_room(parse, "sets", sizeof(*ruleset->sets), &array, &err);
	for (size_t i = 0; !err && i < size(array); i++) {
		ruleset->set_count++;
		err = set_parse(parse, item(array, i), &ruleset->sets[i]);
	}
	return err;
}

static const char *set_text(const void *arg, uint32_t index)
{
	const struct ml_ruleset *ruleset = arg;

	return ruleset->sets[index].name;
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

static int numbers_parse(const struct parse *parse, const struct ml_hujson_value *json,
			 uint32_t **ret, size_t *ret_count)
{
	uint32_t *numbers = calloc(size(json) + 1, sizeof(*numbers));

	if (!numbers)
		return no_memory(parse);
	*ret = numbers;
	for (size_t i = 0; i < size(json); i++) {
		const char *name = string(item(json, i));

		numbers[i] = name ? ml_table_find(&parse->sets, name) : ML_TABLE_NONE;
		if (numbers[i] == ML_TABLE_NONE)
			return fail(parse, json, "a rule speaks of a set that is not there");
	}
	*ret_count = size(json);
	return 0;
}

static int services_parse(const struct parse *parse, const struct ml_hujson_value *json,
			  struct ml_rule *rule)
{
	struct ml_services services = { 0 };
	char why[ML_SERVICE_WHY];
	int err = 0;

	for (size_t i = 0; !err && i < size(json); i++) {
		const char *text = string(item(json, i));

		err = text ? ml_services_parse(&services, text, ML_SERVICE_STAR_USUAL, why) : -EINVAL;
	}
	ml_services_normalise(&services);
	rule->services = services.items;
	rule->service_count = services.count;
	if (err == -EINVAL)
		return fail(parse, json, "a rule has a service that is none");
	return err ? no_memory(parse) : 0;
}

static int rule_parse(const struct parse *parse, const struct ml_hujson_value *json,
		      const struct ml_hujson_value *line, struct ml_rule *rule)
{
	bool guard = parse->ruleset->of_guard;
	const char *action = string(member(json, guard ? "guard" : "action"));
	int64_t value;
	int err;

	if (json->type != ML_HUJSON_OBJECT || json->object.count != 4 || !action)
		return fail(parse, json, "expected rules as {%s, dst, ip, src}",
			    guard ? "guard" : "action");
	if (!number(line, 0, UINT_MAX, &value))
		return fail(parse, line, "expected the line of each rule");
	rule->action = ml_action_parse(action);
	rule->line = (unsigned int)value;
	err = numbers_parse(parse, member(json, "dst"), &rule->destinations,
			    &rule->destination_count);
	if (!err)
		err = services_parse(parse, member(json, "ip"), rule);
	if (!err)
		err = numbers_parse(parse, member(json, "src"), &rule->sources,
				    &rule->source_count);
	return err;
}

static int rules_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const struct ml_hujson_value *array, *lines = member(parse->root, "lines");
	int err;

	ruleset->rules = array_room(parse, "rules", sizeof(*ruleset->rules), &array, &err);
	if (!err && size(lines) != size(array))
		return fail(parse, parse->root, "expected as many \"lines\" as \"rules\"");
	for (size_t i = 0; !err && i < size(array); i++) {
		ruleset->rule_count++;
		err = rule_parse(parse, item(array, i), item(lines, i), &ruleset->rules[i]);
	}
	return err;
}

static int owners_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const struct ml_hujson_value *array;
	int err;

	ruleset->owners = array_room(parse, "owners", sizeof(*ruleset->owners), &array, &err);
	for (size_t i = 0; !err && i < size(array); i++) {
		const struct ml_hujson_value *json = item(array, i);
		int64_t tunnel;

		if (size(json) != 2 || !number(item(json, 1), 1, UINT8_MAX, &tunnel))
			return fail(parse, json, "expected owners as [prefix, tunnel]");
		ruleset->owners[i].tunnel = (uint8_t)tunnel;
		err = prefix_parse(parse, item(json, 0), &ruleset->owners[i].prefix);
		ruleset->owner_count++;
	}
	return err;
}

static int names_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const struct ml_hujson_value *array;
	int err;

	ruleset->names = array_room(parse, "names", sizeof(*ruleset->names), &array, &err);
	for (size_t i = 0; !err && i < size(array); i++) {
		const struct ml_hujson_value *json = item(array, i);

		if (size(json) != 2)
			return fail(parse, json, "expected names as [prefix, name]");
		ruleset->name_count++;
		err = prefix_parse(parse, item(json, 0), &ruleset->names[i].prefix);
		if (!err)
			err = text_copy(parse, item(json, 1), &ruleset->names[i].name);
	}
	return err;
}

static int tunnel_parse(const struct parse *parse, const struct ml_hujson_value *json,
			struct ml_tunnel *tunnel)
{
	const char *name = string(item(json, 0));

	if (size(json) != 2 || !name || strlen(name) >= sizeof(tunnel->name) ||
	    item(json, 1)->type != ML_HUJSON_BOOL)
		return fail(parse, json, "expected tunnels as [name, ignored]");
	memcpy(tunnel->name, name, strlen(name));
	tunnel->ignored = is_true(item(json, 1));
	return 0;
}

static int tunnels_parse(const struct parse *parse)
{
	struct ml_ruleset *ruleset = parse->ruleset;
	const struct ml_hujson_value *array;
	int err;

	ruleset->tunnels = array_room(parse, "tunnels", sizeof(*ruleset->tunnels), &array, &err);
	for (size_t i = 0; !err && i < size(array); i++) {
		err = tunnel_parse(parse, item(array, i), &ruleset->tunnels[i]);
		ruleset->tunnel_count++;
	}
	return err;
}

static bool has_guard(const struct parse *parse)
{
	return member(parse->root, "guard") != &nothing;
}

static int root_check(const struct parse *parse)
{
	const struct ml_hujson_value *reject = member(parse->root, "rejectUnmatched");
	int64_t format;

	if (parse->root->type != ML_HUJSON_OBJECT ||
	    parse->root->object.count != 8 + (size_t)has_guard(parse) ||
	    !number(member(parse->root, "format"), 1, 1, &format) || reject->type != ML_HUJSON_BOOL)
		return fail(parse, parse->root, "not a rules block of format 1");
	parse->ruleset->reject_unmatched = is_true(reject);
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
			err = fail(parse, item(member(parse->root, "rules"), i),
				   "rule %zu is not behind the one before it", i);
	}
	ml_text_clean(&text);
	return err;
}

/* ------------------------------------------------------------------- guard */

static int devices_parse(const struct parse *parse, struct ml_guard *guard)
{
	const struct ml_hujson_value *array;
	int err;

	guard->devices = array_room(parse, "devices", sizeof(*guard->devices), &array, &err);
	for (size_t i = 0; !err && i < size(array); i++) {
		const char *name = string(item(array, i));

		if (!name || strlen(name) >= sizeof(*guard->devices))
			return fail(parse, array, "expected the names of devices");
		memcpy(guard->devices[guard->device_count++], name, strlen(name));
	}
	return err;
}

static int users_parse(const struct parse *parse, struct ml_guard *guard)
{
	const struct ml_hujson_value *array;
	int64_t user;
	int err;

	guard->users = array_room(parse, "users", sizeof(*guard->users), &array, &err);
	for (size_t i = 0; !err && i < size(array); i++) {
		if (!number(item(array, i), 0, UINT32_MAX - 1, &user))
			return fail(parse, array, "expected the numbers of users");
		guard->users[guard->user_count++] = (uint32_t)user;
	}
	return err;
}

static int cgroups_parse(const struct parse *parse, struct ml_guard *guard)
{
	const struct ml_hujson_value *array;
	int err;

	guard->cgroups = array_room(parse, "cgroups", sizeof(*guard->cgroups), &array, &err);
	for (size_t i = 0; !err && i < size(array); i++) {
		const char *path = string(item(array, i));

		if (!path || strlen(path) >= sizeof(*guard->cgroups))
			return fail(parse, array, "expected the paths of control groups");
		memcpy(guard->cgroups[guard->cgroup_count++], path, strlen(path));
	}
	return err;
}

/* ORDER: rules name sets. */
static int sets_and_rules_parse(struct parse *parse)
{
	int err = sets_parse(parse);

	if (!err)
		err = sets_index(parse);
	return err ? err : rules_parse(parse);
}

static int guard_fill(struct parse *parse, struct ml_guard *guard)
{
	int err;

	if (parse->root->type != ML_HUJSON_OBJECT || parse->root->object.count != 6)
		return fail(parse, parse->root, "expected a guard as {cgroups, devices, lines, rules, sets, users}");
	err = devices_parse(parse, guard);
	if (!err)
		err = users_parse(parse, guard);
	if (!err)
		err = cgroups_parse(parse, guard);
	return err ? err : sets_and_rules_parse(parse);
}

static int guard_parse(const struct parse *of)
{
	struct ml_guard *guard = calloc(1, sizeof(*guard));
	struct parse parse = { .root = member(of->root, "guard"), .error = of->error };
	int err;

	if (!guard)
		return no_memory(of);
	of->ruleset->guard = guard;
	guard->rules.of_guard = true;
	parse.ruleset = &guard->rules;
	err = guard_fill(&parse, guard);
	ml_table_clean(&parse.sets);
	return err;
}

static int guard_texts_make(const struct parse *of)
{
	struct parse parse = { .root = member(of->root, "guard"), .error = of->error };

	if (!of->ruleset->guard)
		return 0;
	parse.ruleset = &of->ruleset->guard->rules;
	return texts_make(&parse);
}

static int block_parse(struct parse *parse)
{
	int err = root_check(parse);

	if (!err)
		err = sets_and_rules_parse(parse);
	if (!err)
		err = tunnels_parse(parse);
	if (!err)
		err = owners_parse(parse);
	if (!err)
		err = names_parse(parse);
	if (!err && has_guard(parse))
		err = guard_parse(parse);
	if (!err)
		err = ml_rules_check(parse->ruleset, false, -EBADMSG, parse->error);
	if (!err)
		err = texts_make(parse);
	return err ? err : guard_texts_make(parse);
}

/* For whoever reads a block it is malformed, whatever was wrong with the text. */
static int json_refuse(struct ml_error *error, int err)
{
	if (err == -ENOMEM)
		return err;
	if (error)
		error->code = -EBADMSG;
	return -EBADMSG;
}

int ml_rules_parse(const char *text, size_t length, struct ml_ruleset *ret,
		   struct ml_error *error)
{
	struct ml_ruleset ruleset = { 0 };
	struct parse parse = { .ruleset = &ruleset, .error = error };
	struct ml_hujson *document;
	int err = ml_json_parse("", text, length, &document, error);

	if (err)
		return json_refuse(error, err);
	parse.root = ml_hujson_root(document);
	err = block_parse(&parse);
	ml_hujson_free(document);
	ml_table_clean(&parse.sets);
	if (err)
		ml_ruleset_free(&ruleset);
	else
		*ret = ruleset;
	return err;
}
