// SPDX-License-Identifier: MIT
/* audit show: entries of a log that was verified first. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "commands.h"
#include "units.h"

struct filter {
	struct ml_output *out;
	int64_t since, until;		/* microseconds */
	const char *type, *actor;	/* NULL: any */
	uint64_t last;			/* of those that match, how many; 0: all */
	uint64_t matched;
	uint64_t skip;			/* known once all were counted */
};

static const struct ml_column columns[] = {
	{ "index", "ENTRY", true },
	{ "timestamp", "TIME", false },
	{ "event_type", "EVENT", false },
	{ "actor", "ACTOR", false },
	{ "source_ip", "FROM", false },
	{ "endpoint", "ENDPOINT", false },
	{ "reason", "REASON", false },
	{ "details", "DETAILS", false },
	{ "user_agent", NULL, false },
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* "auth" is also auth.failure and auth.success. */
static bool type_matches(const char *type, const char *wanted)
{
	size_t length = strlen(wanted);

	return !strncmp(type, wanted, length) && (!type[length] || type[length] == '.');
}

static bool matches(const struct filter *filter, const struct ml_audit_entry *entry)
{
	return entry->time >= filter->since && entry->time < filter->until &&
	       (!filter->type || type_matches(entry->type, filter->type)) &&
	       (!filter->actor || !strcmp(entry->actor, filter->actor));
}

static void text_cell(struct filter *filter, const char *text)
{
	char *visible = audit_visible(text);

	ml_output_cell(filter->out, json_string(text), ML_PLAIN, "%s", visible ? visible : "?");
	free(visible);
}

static void details_cell(struct filter *filter, const struct ml_audit_entry *entry)
{
	size_t length = 0;
	char *text = ml_audit_dump(entry->details, &length);

	ml_output_cell(filter->out, json_deep_copy(entry->details), ML_DIM, "%s",
		       !text ? "?" : length > 2 ? text : "");
	free(text);
}

static void print(struct filter *filter, uint64_t index, const struct ml_audit_entry *entry)
{
	char time[ML_AUDIT_TIME_TEXT];

	ml_output_cell(filter->out, json_integer((json_int_t)index), ML_DIM, "%" PRIu64, index);
	text_cell(filter, ml_audit_time_format(entry->time, time));
	text_cell(filter, entry->type);
	text_cell(filter, entry->actor);
	text_cell(filter, entry->source);
	text_cell(filter, entry->endpoint);
	text_cell(filter, entry->reason);
	details_cell(filter, entry);
	text_cell(filter, entry->user_agent);
}

static int count_entry(void *arg, uint64_t index, const struct ml_audit_entry *entry,
		       struct ml_error *error)
{
	struct filter *filter = arg;

	(void)index;
	(void)error;
	filter->matched += matches(filter, entry);
	return 0;
}

static int show_entry(void *arg, uint64_t index, const struct ml_audit_entry *entry,
		      struct ml_error *error)
{
	struct filter *filter = arg;

	(void)error;
	if (!matches(filter, entry))
		return 0;
	if (filter->skip)
		filter->skip--;
	else
		print(filter, index, entry);
	return 0;
}

static int time_option(const struct cli *cli, const char *name, int64_t *ret,
		       struct ml_error *error)
{
	const char *text = cli_option(cli, name);
	int64_t seconds;
	int code;

	if (!text)
		return 0;
	code = units_time_parse(text, &seconds, error);
	if (!code && seconds > INT64_MAX / 1000000)
		code = ml_error_set(error, -EINVAL, "--%s is too far away", name);
	if (!code)
		*ret = seconds * 1000000;
	return code;
}

static int filter_read(const struct cli *cli, struct filter *filter, struct ml_error *error)
{
	const char *last = cli_option(cli, "last");
	int code;

	filter->out = cli->output;
	filter->until = INT64_MAX;
	filter->type = cli_option(cli, "type");
	filter->actor = cli_option(cli, "actor");
	code = time_option(cli, "since", &filter->since, error);
	if (!code)
		code = time_option(cli, "until", &filter->until, error);
	if (!code && last)
		code = units_number_parse("--last", last, 1, UINT32_MAX, &filter->last, error);
	return code;
}

/* The first walk also verifies: nothing is shown of a log that is not good. */
static int show(const struct audit *audit, struct filter *filter, struct ml_error *error)
{
	struct ml_tiles_verdict verdict;
	int code;

	code = ml_audit_check(audit->directory, &audit->head, NULL, count_entry, filter, &verdict,
			      error);
	if (code)
		return code;
	if (filter->last && filter->matched > filter->last)
		filter->skip = filter->matched - filter->last;
	ml_output_table(filter->out, "entries", columns, COLUMNS);
	code = ml_audit_check(audit->directory, &audit->head, NULL, show_entry, filter, &verdict,
			      error);
	ml_output_table_end(filter->out);
	return code;
}

static int show_run(struct cli *cli)
{
	struct filter filter = { 0 };
	struct ml_error error;
	struct audit audit;
	int status;

	if (filter_read(cli, &filter, &error))
		return cli_fail(cli, &error);
	status = audit_open(cli, &audit);
	if (status)
		return status;
	if (show(&audit, &filter, &error)) {
		ml_output_discard(cli->output);
		return cli_judge(cli, &error);
	}
	return CLI_YES;
}

static const struct cli_option show_options[] = {
	AUDIT_OPTIONS,
	{ "since", 's', "TIME", "not before this time (2026-01-31T12:00:00Z)" },
	{ "until", 'u', "TIME", "before this time" },
	{ "type", 't', "EVENT", "of this kind alone: auth.failure, or all of auth" },
	{ "actor", 'a', "NAME", "of this actor alone, as admin:anna" },
	{ "last", 'n', "N", "the last N of them" },
	{ 0 },
};

const struct cli_command cli_audit_show = {
	.name = "audit show", .operands = "DIRECTORY", .least = 1, .most = 1,
	.summary = "show the entries of an audit log",
	.notes = "The log is verified first, as by audit verify.",
	.options = show_options,
	.run = show_run,
};
