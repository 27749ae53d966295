// SPDX-License-Identifier: MIT
/* leaks: which program wanted to send what the policy denies; as it happens with --follow. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cgroups.h"
#include "commands.h"
#include "daemon.h"
#include "describe.h"
#include "live.h"
#include "units.h"
#include "watch.h"

#define PATH_TEXT 4096

/* --------------------------------------------------------------- one leak */

static const char *how_name(uint8_t how)
{
	static const char *const names[] = {
		[ML_LEAK_REFUSED] = "refused",
		[ML_LEAK_DROPPED] = "dropped",
		[ML_LEAK_OBSERVED] = "observed",
	};

	return how < sizeof(names) / sizeof(names[0]) && names[how] ? names[how] : "unknown";
}

/* What CLOCK_BOOTTIME said is a time of day, as far as nobody has set the clock since. */
static int64_t seconds_of(uint64_t boottime_ns)
{
	struct timespec now, up;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return (int64_t)now.tv_sec - up.tv_sec + (int64_t)(boottime_ns / 1000000000ull);
}

/* Both remember the last answer: rows of one program as a rule follow each other. */
static const char *user_name(uint32_t user)
{
	static uint32_t last = UINT32_MAX;
	static char name[64] = "?";
	const struct passwd *entry;

	if (user == last)
		return name;
	entry = getpwuid(user);
	if (entry)
		snprintf(name, sizeof(name), "%s", entry->pw_name);
	else
		snprintf(name, sizeof(name), "%" PRIu32, user);
	last = user;
	return name;
}

/* "" where it is gone. */
static const char *cgroup_path(uint64_t id)
{
	static uint64_t last;
	static char path[PATH_TEXT];

	if (id != last)
		cgroups_path(id, path, sizeof(path));
	last = id;
	return path;
}

static const char *program_text(const struct ml_watch_row *row, char buffer[static 64])
{
	if (!row->key.process)
		return "?";
	snprintf(buffer, 64, "%.*s (%" PRIu32 ")", ML_WATCH_PROGRAM, row->leak.program,
		 row->key.process);
	return buffer;
}

static const char *cgroup_text(uint64_t id, char buffer[static PATH_TEXT])
{
	const char *path = cgroup_path(id);

	if (*path)
		return path;
	snprintf(buffer, PATH_TEXT, "%" PRIu64 " (gone)", id);
	return buffer;
}

static const char *what_text(const struct live *live, const struct ml_leak_key *key,
			     char buffer[static 2 * DESCRIBE_TEXT])
{
	char address[DESCRIBE_TEXT], service[DESCRIBE_TEXT];

	if (key->family == ML_WATCH_AF_XDP)
		return "an AF_XDP socket";
	if (!key->family)
		return "a frame that is not IP";
	snprintf(buffer, 2 * DESCRIBE_TEXT, "%s %s",
		 describe_address(live->ruleset, key->family, key->destination, address),
		 describe_service(key->protocol, key->selector, service));
	return buffer;
}

static const char *why_text(const struct live *live, const struct ml_watch_row *row,
			    char buffer[static 64])
{
	const struct ml_rule *rule = live_rule(live, row->leak.rule);

	if (row->key.family == ML_WATCH_AF_XDP)
		return "past every hook";
	if (rule)
		snprintf(buffer, 64, "rule %016" PRIx64 " (line %u)",
			 (uint64_t)row->leak.rule, rule->line);
	else if (row->leak.rule)
		snprintf(buffer, 64, "rule %016" PRIx64, (uint64_t)row->leak.rule);
	else
		snprintf(buffer, 64, "%s", ml_reason_name(row->key.reason));
	return buffer;
}

/* ------------------------------------------------------------------- JSON */

static json_t *text_or_null(const char *text)
{
	return *text ? ml_output_text(text) : json_null();
}

static void sender_json(struct ml_output *out, const struct ml_watch_row *row)
{
	char program[ML_WATCH_PROGRAM + 1];

	snprintf(program, sizeof(program), "%.*s", ML_WATCH_PROGRAM, row->leak.program);
	ml_output_value(out, "program", text_or_null(program));
	ml_output_value(out, "process", row->key.process ? json_integer(row->key.process) :
							   json_null());
	ml_output_value(out, "user", json_integer(row->key.user));
	ml_output_value(out, "userName", ml_output_text(user_name(row->key.user)));
	ml_output_value(out, "cgroup", text_or_null(cgroup_path(row->key.cgroup)));
	ml_output_value(out, "cgroupId", json_integer((json_int_t)row->key.cgroup));
}

static void what_json(struct ml_output *out, const struct live *live,
		      const struct ml_leak_key *key)
{
	bool ip = key->family && key->family != ML_WATCH_AF_XDP;
	char service[DESCRIBE_TEXT] = "";
	const char *name = NULL;

	if (ip) {
		describe_service(key->protocol, key->selector, service);
		name = describe_name(live->ruleset, key->family, key->destination);
	}
	ml_output_value(out, "socket", key->family == ML_WATCH_AF_XDP ? json_string("af_xdp") :
								       json_null());
	ml_output_value(out, "destination",
			ip ? describe_address_json(key->family, key->destination) : json_null());
	ml_output_value(out, "destinationName", ml_output_text(name));
	ml_output_value(out, "protocol", ip ? json_integer(key->protocol) : json_null());
	ml_output_value(out, "selector", ip ? json_integer(key->selector) : json_null());
	ml_output_value(out, "service", text_or_null(service));
}

static void leak_json(struct ml_output *out, const struct live *live,
		      const struct ml_watch_row *row)
{
	ml_output_value(out, "first", units_time_json(seconds_of(row->leak.first)));
	ml_output_value(out, "last", units_time_json(seconds_of(row->leak.last)));
	sender_json(out, row);
	what_json(out, live, &row->key);
	ml_output_value(out, "reason", row->key.reason ?
			json_string(ml_reason_name(row->key.reason)) : json_null());
	ml_output_value(out, "rule", live_rule_json(live, row->leak.rule));
	ml_output_value(out, "how", json_string(how_name(row->key.how)));
	ml_output_value(out, "count", json_integer((json_int_t)row->leak.count));
}

/* ------------------------------------------------------------------ table */

static const struct ml_column columns[] = {
	{ NULL, "LAST", false },
	{ NULL, "PROGRAM", false },
	{ NULL, "USER", false },
	{ NULL, "CGROUP", false },
	{ NULL, "WHAT", false },
	{ NULL, "WHY", false },
	{ NULL, "HOW", false },
	{ NULL, "COUNT", true },
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void leak_cells(struct ml_output *out, const struct live *live,
		       const struct ml_watch_row *row)
{
	char time[UNITS_TEXT], program[64], path[PATH_TEXT], why[64];
	char what[2 * DESCRIBE_TEXT];

	ml_output_cell(out, NULL, ML_PLAIN, "%s",
		       units_time_format(seconds_of(row->leak.last), time));
	ml_output_cell(out, NULL, ML_STRONG, "%s", program_text(row, program));
	ml_output_cell(out, NULL, ML_PLAIN, "%s", user_name(row->key.user));
	ml_output_cell(out, NULL, ML_PLAIN, "%s", cgroup_text(row->key.cgroup, path));
	ml_output_cell(out, NULL, ML_PLAIN, "%s", what_text(live, &row->key, what));
	ml_output_cell(out, NULL, ML_PLAIN, "%s", why_text(live, row, why));
	ml_output_cell(out, NULL, row->key.how == ML_LEAK_OBSERVED ? ML_WARN : ML_BAD, "%s",
		       how_name(row->key.how));
	ml_output_cell(out, NULL, ML_PLAIN, "%" PRIu64, (uint64_t)row->leak.count);
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = ((const struct ml_watch_row *)a)->leak.last;
	uint64_t y = ((const struct ml_watch_row *)b)->leak.last;

	return (x > y) - (x < y);
}

static void table(struct ml_output *out, const struct live *live,
		  const struct ml_watch_row *rows, size_t count)
{
	if (!count) {
		ml_output_say(out, ML_PLAIN, "nothing was refused or dropped that a program here "
			      "wanted to send");
		return;
	}
	ml_output_table(out, "leaks", columns, COLUMNS);
	for (size_t i = 0; i < count; i++)
		leak_cells(out, live, &rows[i]);
	ml_output_table_end(out);
}

/* Whole objects: they say more than the table has columns. */
static void list(struct ml_output *out, const struct live *live,
		 const struct ml_watch_row *rows, size_t count)
{
	ml_output_list(out, "leaks");
	for (size_t i = 0; i < count; i++) {
		ml_output_object(out, NULL);
		leak_json(out, live, &rows[i]);
		ml_output_end(out);
	}
	ml_output_end(out);
}

/* ----------------------------------------------------------------- follow */

static void tell(struct ml_output *out, const struct live *live, const struct ml_watch_row *row)
{
	char time[UNITS_TEXT], program[64], path[PATH_TEXT], why[64];
	char what[2 * DESCRIBE_TEXT];

	leak_json(out, live, row);
	ml_output_say(out, row->key.how == ML_LEAK_OBSERVED ? ML_WARN : ML_BAD,
		      "%s  %s  %s  %s  %s  %s  %s  %" PRIu64,
		      units_time_format(seconds_of(row->leak.last), time),
		      program_text(row, program), user_name(row->key.user),
		      cgroup_text(row->key.cgroup, path), what_text(live, &row->key, what),
		      why_text(live, row, why), how_name(row->key.how), (uint64_t)row->leak.count);
	ml_output_flush(out);
}

struct seen {
	struct ml_watch_row *rows;
	size_t count;
};

/* What there is more of than there was. Takes @now's place. */
static void tell_new(struct ml_output *out, const struct live *live, struct seen *seen,
		     struct seen now)
{
	for (size_t i = 0; i < now.count; i++) {
		const struct ml_watch_row *before = ml_watch_find(seen->rows, seen->count,
								  &now.rows[i].key);

		if (!before || before->leak.count != now.rows[i].leak.count)
			tell(out, live, &now.rows[i]);
	}
	free(seen->rows);
	*seen = now;
}

static int follow(struct cli *cli, const struct live *live, uint64_t netns, struct ml_error *error)
{
	struct seen seen = { 0 }, now;
	int code;

	code = ml_watch_rows(netns, &seen.rows, &seen.count, error);
	if (!code)
		cli_remark(cli, "(what is new, each second; ends with Ctrl-C)");
	while (!code) {
		sleep(1);
		code = ml_watch_rows(netns, &now.rows, &now.count, error);
		if (!code)
			tell_new(cli->output, live, &seen, now);
	}
	free(seen.rows);
	return code;
}

/* ------------------------------------------------------------------ entry */

static int show(struct cli *cli, const struct live *live, uint64_t netns, struct ml_error *error)
{
	struct ml_watch_row *rows;
	size_t count;
	int code = ml_watch_rows(netns, &rows, &count, error);

	if (code)
		return code;
	qsort(rows, count, sizeof(*rows), by_time);
	if (cli->json)
		list(cli->output, live, rows, count);
	else
		table(cli->output, live, rows, count);
	free(rows);
	return 0;
}

static int explain_missing(struct cli *cli)
{
	return cli_failf(cli, "merlon-watch is not attached, so nobody has noted who sends what: "
			 "run 'merlon-watch attach'; what is dropped all the same: merlon drops");
}

static int leaks_run(struct cli *cli)
{
	struct ml_error error;
	struct ml_watch watch;
	struct live live;
	uint64_t netns;
	int code;

	if (ml_watch_get(&watch, &error) || ml_watch_netns(&netns, &error))
		return cli_fail(cli, &error);
	if (!watch.attached)
		return explain_missing(cli);
	if (live_open(cli, &live, &error))
		return cli_fail(cli, &error);
	code = cli_option(cli, "follow") ? follow(cli, &live, netns, &error) :
					   show(cli, &live, netns, &error);
	live_close(&live);
	return code ? cli_fail(cli, &error) : CLI_YES;
}

static const struct cli_option leaks_options[] = {
	{ "follow", 'f', NULL, "show what is new, each second, until Ctrl-C" },
	LIVE_OPTIONS,
	{ 0 },
};

const struct cli_command cli_leaks = {
	.name = "leaks", .operands = "",
	.summary = "show which programs wanted to send what the policy denies",
	.notes = "What merlon-watch has noted in this network namespace since it was attached: the\n"
		 "latest 4096. A call that was refused sent nothing. With --json and --follow each\n"
		 "is one line.",
	.options = leaks_options,
	.run = leaks_run,
};
