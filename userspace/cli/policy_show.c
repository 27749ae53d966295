// SPDX-License-Identifier: MIT
/* policy show: what is in a source or a bundle, for one node. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "describe.h"
#include "generation.h"
#include "kernel.h"
#include "sha256.h"
#include "source.h"
#include "units.h"

static const struct ml_column rule_columns[] = {
	{ "id", "RULE", false },
	{ "line", "LINE", true },
	{ "action", "ACTION", false },
	{ "sources", "SOURCE", false },
	{ "destinations", "DESTINATION", false },
	{ "services", "SERVICE", false },
	{ "text", NULL, false },
};

/* One member of describe_rule()'s object, with a text for people, which is freed. */
static void rule_cell(struct ml_output *out, json_t *rule, const char *key,
		      enum ml_colour colour, char *text)
{
	ml_output_cell(out, json_incref(json_object_get(rule, key)), colour, "%s",
		       text ? text : "?");
	free(text);
}

static void rule_row(struct ml_output *out, const struct ml_ruleset *ruleset,
		     const struct ml_rule *rule)
{
	json_t *json = describe_rule(ruleset, rule);

	ml_output_cell(out, ml_output_id(rule->id), ML_PLAIN, "%016" PRIx64, rule->id);
	ml_output_cell(out, json_integer(rule->line), ML_PLAIN, "%u", rule->line);
	ml_output_cell(out, json_incref(json_object_get(json, "action")),
		       describe_action_colour(rule->action), "%s", ml_action_name(rule->action));
	rule_cell(out, json, "sources", ML_PLAIN, describe_sources(ruleset, rule));
	rule_cell(out, json, "destinations", ML_PLAIN, describe_destinations(ruleset, rule));
	rule_cell(out, json, "services", ML_PLAIN,
		  describe_services(rule->services, rule->service_count));
	rule_cell(out, json, "text", ML_PLAIN, strdup(""));
	json_decref(json);
}

static int by_line(const void *a, const void *b)
{
	const struct ml_rule *const *x = a, *const *y = b;

	if ((*x)->line != (*y)->line)
		return (*x)->line < (*y)->line ? -1 : 1;
	return (*x)->id < (*y)->id ? -1 : 1;
}

/* As the author wrote them, not as the kernel has them; @of: @ruleset or its guard's rules. */
static void rules_table(struct ml_output *out, const char *key, const struct ml_ruleset *ruleset,
			const struct ml_ruleset *of)
{
	const struct ml_rule **order = calloc(of->rule_count + 1, sizeof(*order));

	ml_output_table(out, key, rule_columns, 7);
	for (size_t i = 0; order && i < of->rule_count; i++)
		order[i] = &of->rules[i];
	if (order)
		qsort(order, of->rule_count, sizeof(*order), by_line);
	for (size_t i = 0; order && i < of->rule_count; i++)
		rule_row(out, ruleset, order[i]);
	ml_output_table_end(out);
	free(order);
}

static void guard_table(struct ml_output *out, const struct ml_ruleset *ruleset)
{
	if (!ruleset->guard) {
		ml_output_value(out, "guard", json_null());
		return;
	}
	ml_output_say(out, ML_PLAIN, "%s", "");
	ml_output_say(out, ML_PLAIN, "The guard, of what leaves:");
	rules_table(out, "guard", ruleset, &ruleset->guard->rules);
}

static void count_field(struct ml_output *out, const char *key, const char *label,
			uint32_t count)
{
	ml_output_field(out, key, json_integer(count), label, ML_PLAIN, "%" PRIu32, count);
}

static void image_fields(struct ml_output *out, const struct sheet *sheet)
{
	const struct merlon_view *view = &sheet->judge.view;
	uint8_t digest[32];
	char size[UNITS_TEXT];
	size_t memory;

	ml_sha256(digest, sheet->image, sheet->length);
	ml_output_object(out, "image");
	ml_output_field(out, "bytes", json_integer((json_int_t)sheet->length), "image",
			ML_PLAIN, "%s", units_bytes_format(sheet->length, size));
	generation_digest_field(out, "sha256", "sha256", digest);
	ml_output_value(out, "sourceClasses", json_integer(view->source_classes));
	ml_output_value(out, "destinationClasses", json_integer(view->destination_classes));
	ml_output_field(out, NULL, NULL, "classes", ML_PLAIN, "%u source, %u destination",
			view->source_classes, view->destination_classes);
	count_field(out, "pairs", "pairs", view->count[MERLON_SECTION_PAIRS]);
	count_field(out, "services", "services", view->nr_services);
	count_field(out, "hosts", "hosts", view->count[MERLON_SECTION_HOSTS4] +
		    view->count[MERLON_SECTION_HOSTS6]);
	count_field(out, "nets", "nets", view->count[MERLON_SECTION_NETS4] +
		    view->count[MERLON_SECTION_NETS6]);
	memory = merlon_tables_bytes(sheet->judge.tables);
	if (sheet->judge.guard)
		memory += merlon_tables_bytes(sheet->judge.guard);
	ml_output_field(out, "tableBytes", json_integer((json_int_t)memory), "in the kernel",
			ML_PLAIN, "%s", units_bytes_format(memory, size));
	ml_output_end(out);
}

static void bundle_fields(struct ml_output *out, const struct source *source)
{
	const struct ml_bundle *bundle = &source->bundle;

	ml_output_object(out, "bundle");
	generation_fields(out, &bundle->statement);
	ml_output_field(out, "leaf", json_integer((json_int_t)bundle->index), "leaf", ML_PLAIN,
			"%" PRIu64 " of %" PRIu64, bundle->index + 1, bundle->statement.tree_size);
	ml_output_value(out, "leaves", json_integer((json_int_t)bundle->statement.tree_size));
	ml_output_value(out, "signature", json_string(source->verified ? "verified" : "not checked"));
	ml_output_value(out, "key", source->verified ? json_string(bundle->key_id) : json_null());
	if (source->verified)
		ml_output_field(out, NULL, NULL, "signed by", ML_GOOD, "%s", bundle->key_id);
	else
		ml_output_field(out, NULL, NULL, "signature", ML_WARN,
				"not checked: name whom you trust with --trust FILE");
	ml_output_end(out);
}

/* What stands for a value in one line: itself, or what an object is named by. */
static const char *value_text(const json_t *value)
{
	static const char *const keys[] = { "name", "node", "address" };
	const json_t *name = NULL;

	for (size_t i = 0; !name && i < sizeof(keys) / sizeof(keys[0]); i++)
		name = json_object_get(value, keys[i]);
	if (!name && json_object_get(value, "dst"))
		return "rules of its own";
	return json_string_value(json_is_object(value) ? name : value);
}

static void config_list(struct ml_output *out, const char *key, const json_t *list)
{
	char text[512] = "";
	json_t *entry;
	size_t i, n = 0;

	json_array_foreach(list, i, entry) {
		if (n + 80 > sizeof(text) || !value_text(entry)) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%zu %s",
					      i ? ", and " : "", json_array_size(list) - i,
					      i ? "more" : "entries");
			break;
		}
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.60s", i ? ", " : "",
				      value_text(entry));
	}
	ml_output_field(out, NULL, NULL, key, ML_PLAIN, "%s", text);
}

static void config_text(struct ml_output *out, const char *key, const json_t *value)
{
	if (json_is_array(value) && json_array_size(value))
		config_list(out, key, value);
	else if (json_is_string(value))
		ml_output_field(out, NULL, NULL, key, ML_PLAIN, "%s", json_string_value(value));
}

/* Of the objects, what the guard is made of. */
static void config_fields(struct ml_output *out, json_t *config)
{
	const json_t *dns = json_object_get(config, "dns");
	const char *key;
	json_t *value;

	ml_output_value(out, "config", json_incref(config));
	json_object_foreach(config, key, value)
		config_text(out, key, value);
	config_text(out, "allow", json_object_get(json_object_get(config, "allowances"), "allow"));
	config_text(out, "nameservers", json_object_get(dns, "nameservers"));
	if (json_is_true(json_object_get(dns, "guard")))
		ml_output_field(out, NULL, NULL, "DNS guard", ML_PLAIN,
				"lookups go to the nameservers alone");
}

static int show(struct cli *cli, const struct source *source)
{
	struct ml_output *out = cli->output;
	struct ml_error error;
	struct sheet sheet;
	const char *node;
	json_t *config = NULL;

	if (source_choose(source, cli_option(cli, "node"), &node, &error))
		return cli_fail(cli, &error);
	if (source_config(source, node, &config, &error) ||
	    sheet_open(source, node, &sheet, &error)) {
		json_decref(config);
		return cli_judge(cli, &error);
	}
	ml_output_value(out, "file", ml_output_text(source->path));
	ml_output_value(out, "kind", json_string(source->policy ? "source" : "bundle"));
	ml_output_field(out, "node", ml_output_text(node), "node", ML_STRONG, "%s",
			node ? node : "(the policy names none)");
	if (!source->policy)
		bundle_fields(out, source);
	config_fields(out, config);
	image_fields(out, &sheet);
	ml_output_say(out, ML_PLAIN, "%s", "");
	rules_table(out, "rules", &sheet.ruleset, &sheet.ruleset);
	guard_table(out, &sheet.ruleset);
	sheet_close(&sheet);
	json_decref(config);
	return CLI_YES;
}

static int show_run(struct cli *cli)
{
	const char *trust_path = cli_option(cli, "trust");
	struct ml_trust trust;
	struct source source;
	struct ml_error error;
	int status;

	if (trust_path && ml_trust_read(trust_path, &trust, &error))
		return cli_fail(cli, &error);
	trust.node[0] = '\0';
	if (source_open(cli_operand(cli, 0), trust_path ? &trust : NULL, &source, &error))
		return cli_judge(cli, &error);
	status = show(cli, &source);
	source_close(&source);
	return status;
}

static const struct cli_option show_options[] = {
	{ "node", 'n', "NODE", "whose part; not needed where there is one" },
	{ "trust", 't', "FILE", "check a bundle's signature against this file" },
	{ 0 },
};

const struct cli_command cli_policy_show = {
	.name = "policy show", .operands = "BUNDLE|FILE", .least = 1, .most = 1,
	.summary = "show rules, peers and sizes of a bundle or a policy source",
	.options = show_options,
	.run = show_run,
};
