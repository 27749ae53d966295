// SPDX-License-Identifier: MIT
/* rules: what each rule has counted. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "daemon.h"
#include "describe.h"
#include "live.h"
#include "units.h"

struct row {
	struct ml_kernel_rule counted;
	const struct ml_rule *rule;	/* NULL: not known */
};

struct rows {
	const struct live *live;
	struct row *items;
	size_t count, room;
};

static int row_add(const struct ml_kernel_rule *counted, void *arg)
{
	struct rows *rows = arg;
	struct row *grown;

	if (rows->count == rows->room) {
		grown = realloc(rows->items, (rows->room * 2 + 64) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		rows->items = grown;
		rows->room = rows->room * 2 + 64;
	}
	rows->items[rows->count++] = (struct row){ *counted, live_rule(rows->live, counted->id) };
	return 0;
}

/* ------------------------------------------------------------------- order */

static int by_id(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->counted.id > y->counted.id) - (x->counted.id < y->counted.id);
}

static int by_packets(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->counted.packets != y->counted.packets)
		return x->counted.packets > y->counted.packets ? -1 : 1;
	return by_id(a, b);
}

static int by_bytes(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->counted.bytes != y->counted.bytes)
		return x->counted.bytes > y->counted.bytes ? -1 : 1;
	return by_id(a, b);
}

static int by_line(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	unsigned int m = x->rule ? x->rule->line : 0, n = y->rule ? y->rule->line : 0;

	return m != n ? (m > n) - (m < n) : by_id(a, b);
}

static const struct order {
	const char *name;
	int (*compare)(const void *a, const void *b);
} orders[] = {
	{ "line", by_line },
	{ "packets", by_packets },
	{ "bytes", by_bytes },
	{ "id", by_id },
};

static const struct order *order_find(const char *name)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (!name || !strcmp(orders[i].name, name))
			return &orders[i];
	}
	return NULL;
}

/* ------------------------------------------------------------------- table */

static const struct ml_column columns[] = {
	{ "packets", "PACKETS", true },
	{ "bytes", "BYTES", true },
	{ "id", "RULE", false },
	{ "line", "LINE", true },
	{ "action", "ACTION", false },
	{ NULL, "SOURCE", false },
	{ NULL, "DESTINATION", false },
	{ NULL, "SERVICE", false },
	{ "rule", NULL, false },
};

static void text_cell(struct ml_output *out, char *text)
{
	ml_output_cell(out, NULL, ML_PLAIN, "%s", text ? text : "?");
	free(text);
}

static void row_rest(struct ml_output *out, const struct live *live, const struct row *row)
{
	const struct ml_rule *rule = row->rule;

	if (rule) {
		text_cell(out, describe_sources(live->ruleset, rule));
		text_cell(out, describe_destinations(live->ruleset, rule));
		text_cell(out, describe_services(rule->services, rule->service_count));
	} else {
		for (int i = 0; i < 3; i++)
			ml_output_cell(out, NULL, ML_DIM, "?");
	}
	ml_output_cell(out, live_rule_json(live, row->counted.id), ML_PLAIN, "%s", "");
}

static void row_print(struct ml_output *out, const struct live *live, const struct row *row)
{
	const struct ml_kernel_rule *counted = &row->counted;
	char bytes[UNITS_TEXT];

	ml_output_cell(out, json_integer((json_int_t)counted->packets),
		       counted->packets ? ML_STRONG : ML_DIM, "%" PRIu64, counted->packets);
	ml_output_cell(out, json_integer((json_int_t)counted->bytes), ML_PLAIN, "%s",
		       units_bytes_format(counted->bytes, bytes));
	ml_output_cell(out, ml_output_id(counted->id), ML_PLAIN, "%016" PRIx64, counted->id);
	if (row->rule)
		ml_output_cell(out, json_integer(row->rule->line), ML_PLAIN, "%u",
			       row->rule->line);
	else
		ml_output_cell(out, json_null(), ML_DIM, "?");
	ml_output_cell(out, json_string(ml_action_name(counted->action)),
		       describe_action_colour(counted->action), "%s",
		       ml_action_name(counted->action));
	row_rest(out, live, row);
}

static void unmatched(struct ml_output *out, const struct ml_kernel_status *status)
{
	uint64_t denied = status->denied[MERLON_REASON_NO_RULE];

	ml_output_field(out, "noRule", json_integer((json_int_t)denied), "no rule", ML_PLAIN,
			"%" PRIu64 " packets that no rule speaks of were denied%s", denied,
			status->mode == MERLON_MODE_OBSERVING ? " (observing: they passed)" : "");
}

static int rules_print(struct cli *cli, struct live *live, const struct order *order,
		       struct ml_error *error)
{
	struct rows rows = { .live = live };
	int code;

	/* A dump that a new generation interrupted is asked for again. */
	for (int i = 0; i < 5; i++) {
		rows.count = 0;
		code = ml_kernel_rules(live->kernel, row_add, &rows, error);
		if (code != -EINTR)
			break;
	}
	if (!code) {
		qsort(rows.items, rows.count, sizeof(*rows.items), order->compare);
		ml_output_value(cli->output, "epoch", json_integer((json_int_t)live->status.epoch));
		ml_output_value(cli->output, "serial",
				json_integer((json_int_t)live->status.serial));
		ml_output_table(cli->output, "rules", columns, 9);
		for (size_t i = 0; i < rows.count; i++)
			row_print(cli->output, live, &rows.items[i]);
		ml_output_table_end(cli->output);
		unmatched(cli->output, &live->status);
	}
	free(rows.items);
	return code;
}

/* --------------------------------------------------------------------- run */

static int once(struct cli *cli, const struct order *order, struct ml_error *error)
{
	struct live live;
	int code = live_open(cli, &live, error);

	if (code)
		return code;
	if (!live.status.has_generation)
		code = ml_error_set(error, -ENOENT,
				    "the kernel holds no generation: merlon apply BUNDLE");
	else
		code = rules_print(cli, &live, order, error);
	if (!code && !live.ruleset)
		cli_remark(cli, "(rules are not known by name: %s)", live.why);
	live_close(&live);
	return code;
}

static int watch(struct cli *cli, const struct order *order, uint64_t seconds, uint64_t count,
		 struct ml_error *error)
{
	int code = 0;

	for (uint64_t i = 0; !code && (!count || i < count); i++) {
		if (i)
			sleep((unsigned int)seconds);
		if (!cli->json && isatty(STDOUT_FILENO))
			ml_output_raw(cli->output, "\033[H\033[2J");
		code = once(cli, order, error);
		if (!code)
			ml_output_flush(cli->output);
	}
	return code;
}

static int rules_run(struct cli *cli)
{
	const char *interval = cli_option(cli, "interval"), *times = cli_option(cli, "count");
	const struct order *order = order_find(cli_option(cli, "sort"));
	uint64_t seconds = 2, count = 0;
	struct ml_error error;
	int code;

	if (!order)
		return cli_failf(cli, "--sort is '%s': expected line, packets, bytes or id",
				 cli_option(cli, "sort"));
	if ((interval && units_number_parse("--interval", interval, 1, 86400, &seconds, &error)) ||
	    (times && units_number_parse("--count", times, 1, UINT32_MAX, &count, &error)))
		return cli_fail(cli, &error);
	if (cli_option(cli, "watch") || interval || times)
		code = watch(cli, order, seconds, count, &error);
	else
		code = once(cli, order, &error);
	return code ? cli_fail(cli, &error) : CLI_YES;
}

static const struct cli_option rules_options[] = {
	{ "sort", 's', "line|packets|bytes|id", "by line (default), packets, bytes or id" },
	{ "watch", 'w', NULL, "show them again and again" },
	{ "interval", 'i', "N", "seconds between (default: 2)" },
	{ "count", 'c', "N", "how many times, then end" },
	LIVE_OPTIONS,
	{ 0 },
};

const struct cli_command cli_rules = {
	.name = "rules", .operands = "",
	.summary = "show what each rule in force has counted",
	.notes = "A packet counts for the one rule that decides it. Counters survive a new generation.",
	.options = rules_options,
	.run = rules_run,
};
