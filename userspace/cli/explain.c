// SPDX-License-Identifier: MIT
/* explain: what becomes of a packet, and which rule says so. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "commands.h"
#include "daemon.h"
#include "describe.h"
#include "leaving.h"
#include "live.h"
#include "packet.h"
#include "source.h"

#define TRIES	8	/* where generations follow each other */

/* Who is asked: the kernel, or a sheet of a file. */
struct judge {
	struct live live;
	struct source source;
	struct sheet sheet;
	bool offline;
	const struct ml_ruleset *ruleset;	/* NULL: not known */
};

/* ------------------------------------------------------------------- ask */

static void ask_sheet(const struct sheet *sheet, const struct ml_packet *packet,
		      struct ml_kernel_answer *ret)
{
	struct merlon_trace trace;

	memset(ret, 0, sizeof(*ret));
	merlon_classify_trace(sheet->judge.tables, packet->family, packet->source,
			      packet->destination, packet->protocol, packet->selector, &trace);
	ret->action = MERLON_VERDICT_ACTION(trace.verdict);
	ret->rule_id = merlon_tables_rule_id(sheet->judge.tables, MERLON_VERDICT_RULE(trace.verdict));
	ret->reason = ret->rule_id ? MERLON_REASON_RULE : MERLON_REASON_NO_RULE;
	ret->source_class = trace.source_class;
	ret->destination_class = trace.destination_class;
	ret->service = trace.service;
}

static int ask(struct judge *judge, const struct ml_packet *packet,
	       struct ml_kernel_answer *ret, struct ml_error *error)
{
	int code;

	if (judge->offline) {
		ask_sheet(&judge->sheet, packet, ret);
		return 0;
	}
	code = ml_kernel_explain(judge->live.kernel, packet, ret, error);
	if (code == -ENOENT)
		return ml_error_set(error, code,
				    "the kernel holds no generation: apply a bundle first, or ask a file with --file");
	return code;
}

/* ------------------------------------------------------------------ tell */

static void tell_rule(struct ml_output *out, const char *label, const struct ml_rule *rule)
{
	ml_output_field(out, NULL, NULL, label, ML_PLAIN, "%016" PRIx64 "  %s  line %u",
			rule->id, ml_action_name(rule->action), rule->line);
	ml_output_field(out, NULL, NULL, "", ML_DIM, "%s", rule->text);
}

/* Rules that speak of the packet too, and have no say. */
static int tell_shadows(struct ml_output *out, const struct ml_ruleset *ruleset,
			const struct ml_packet *packet, uint64_t winner_id,
			struct ml_error *error)
{
	size_t *matches = calloc(ruleset->rule_count + 1, sizeof(*matches));
	size_t count = ruleset->rule_count, winner;

	if (!matches)
		return ml_error_set(error, -ENOMEM, "out of memory");
	ml_ruleset_match(ruleset, packet, &winner, matches, &count);
	ml_output_list(out, "shadows");
	for (size_t i = 0; i < count; i++) {
		if (matches[i] == winner)
			continue;
		ml_output_value(out, NULL, describe_rule(ruleset, &ruleset->rules[matches[i]]));
		tell_rule(out, "shadows", &ruleset->rules[matches[i]]);
	}
	ml_output_end(out);
	free(matches);
	if ((winner == SIZE_MAX ? 0 : ruleset->rules[winner].id) != winner_id)
		return ml_error_set(error, -EPROTO,
				    "the tables and the rules that they were made from do not agree: please report this");
	return 0;
}

static void tell_packet(struct ml_output *out, const struct judge *judge,
			const struct ml_packet *packet, const struct ml_kernel_answer *answer)
{
	bool allowed = answer->action == MERLON_ACTION_ALLOW;
	char from[DESCRIBE_TEXT], to[DESCRIBE_TEXT], service[DESCRIBE_TEXT];
	const struct ml_ruleset *r = judge->ruleset;

	describe_service(packet->protocol, packet->selector, service);
	ml_output_say(out, allowed ? ML_GOOD : ML_BAD, "%s → %s  %s: %s",
		      describe_address(r, packet->family, packet->source, from),
		      describe_address(r, packet->family, packet->destination, to), service,
		      allowed ? "allowed" : answer->action == MERLON_ACTION_REJECT ?
			      "denied, rejected" : "denied, dropped");
	ml_output_value(out, "family", json_string(packet->family == AF_INET ? "ipv4" : "ipv6"));
	ml_output_value(out, "source", describe_address_json(packet->family, packet->source));
	ml_output_value(out, "sourceName",
			ml_output_text(describe_name(r, packet->family, packet->source)));
	ml_output_value(out, "destination",
			describe_address_json(packet->family, packet->destination));
	ml_output_value(out, "destinationName",
			ml_output_text(describe_name(r, packet->family, packet->destination)));
	ml_output_value(out, "service", json_string(service));
	ml_output_value(out, "verdict", json_string(allowed ? "allow" : "deny"));
	ml_output_value(out, "action", json_string(ml_action_name(answer->action)));
	ml_output_value(out, "reason", json_string(ml_reason_name(answer->reason)));
}

static void tell_classes(struct ml_output *out, const struct ml_kernel_answer *answer,
			 bool verbose)
{
	ml_output_object(out, "classes");
	ml_output_value(out, "source", json_integer(answer->source_class));
	ml_output_value(out, "destination", json_integer(answer->destination_class));
	ml_output_value(out, "service", json_integer(answer->service));
	ml_output_end(out);
	if (verbose)
		ml_output_field(out, NULL, NULL, "classes", ML_PLAIN,
				"source %u, destination %u, service %u", answer->source_class,
				answer->destination_class, answer->service);
}

static json_t *rule_json(const struct judge *judge, uint64_t id)
{
	const struct ml_rule *rule;

	if (!judge->offline)
		return live_rule_json(&judge->live, id);
	rule = id ? ruleset_rule(judge->ruleset, id) : NULL;
	return rule ? describe_rule(judge->ruleset, rule) : json_null();
}

static int tell(struct cli *cli, const struct judge *judge, const struct ml_packet *packet,
		const struct ml_kernel_answer *answer, struct ml_error *error)
{
	const struct ml_rule *rule = NULL;
	struct ml_output *out = cli->output;
	int code = 0;

	ml_output_object(out, NULL);
	tell_packet(out, judge, packet, answer);
	if (judge->ruleset && answer->rule_id)
		rule = ruleset_rule(judge->ruleset, answer->rule_id);
	ml_output_value(out, "rule", rule_json(judge, answer->rule_id));
	if (rule)
		tell_rule(out, "rule", rule);
	else if (answer->rule_id)
		ml_output_field(out, NULL, NULL, "rule", ML_PLAIN, "%016" PRIx64,
				answer->rule_id);
	else
		ml_output_field(out, NULL, NULL, "rule", ML_PLAIN, "none speaks of it (%s)",
				ml_reason_name(answer->reason));
	if (judge->ruleset)
		code = tell_shadows(out, judge->ruleset, packet, answer->rule_id, error);
	tell_classes(out, answer, cli_option(cli, "verbose"));
	ml_output_end(out);
	return code;
}

/* -------------------------------------------------------------------- run */

static int judge_open(const struct cli *cli, struct judge *judge, struct ml_error *error)
{
	const char *file = cli_option(cli, "file"), *node;
	int code;

	memset(judge, 0, sizeof(*judge));
	judge->offline = file != NULL;
	if (!file) {
		code = live_open(cli, &judge->live, error);
		if (code == -ENOENT && !judge->live.kernel)
			ml_error_set(error, code,
				     "the kernel module is not loaded: run 'modprobe merlon', or ask a file with --file");
		judge->ruleset = judge->live.ruleset;
		return code;
	}
	code = source_open(file, NULL, &judge->source, error);
	if (!code)
		code = source_choose(&judge->source, cli_option(cli, "node"), &node, error);
	if (!code)
		code = sheet_open(&judge->source, node, &judge->sheet, error);
	judge->ruleset = &judge->sheet.ruleset;
	return code;
}

static void judge_close(struct judge *judge)
{
	live_close(&judge->live);
	sheet_close(&judge->sheet);
	source_close(&judge->source);
}

static int no_names(const struct cli *cli, const struct judge *judge, struct ml_error *error)
{
	(void)cli;
	if (judge->ruleset || error->code != -ENOENT)
		return error->code;
	return ml_error_set(error, -ENOENT, "%.200s (%.250s)", error->text, judge->live.why);
}

static void tell_summary(struct cli *cli, const struct judge *judge, size_t allowed,
			 size_t count, uint64_t rule_id)
{
	struct ml_output *out = cli->output;

	ml_output_value(out, "asked", json_string(judge->offline ? "file" : "kernel"));
	ml_output_value(out, "verdict", json_string(allowed == count ? "allow" :
						    allowed ? "mixed" : "deny"));
	/* Of the first answer: most questions have one. */
	ml_output_value(out, "rule", rule_json(judge, rule_id));
	if (!judge->ruleset)
		cli_remark(cli, "(rules are not known by name: %s)", judge->live.why);
}

/* One question: a packet in each family that both ends have. */
struct question {
	struct ml_packet packets[2];
	struct ml_kernel_answer answers[2];
	size_t count;
};

/* Is the answer of the generation that the names and rules are of? */
static bool is_current(const struct judge *judge, const struct ml_kernel_answer *answer)
{
	return judge->offline || (answer->epoch == judge->live.status.epoch &&
				  answer->serial == judge->live.status.serial);
}

/* -EAGAIN: another generation came in between. */
static int question_ask(struct cli *cli, struct judge *judge, struct question *question,
			struct ml_error *error)
{
	int code;

	if (packets_parse(judge->ruleset, cli_operand(cli, 0), cli_operand(cli, 1),
			  cli_operand(cli, 2), question->packets, &question->count, error))
		return no_names(cli, judge, error);
	for (size_t i = 0; i < question->count; i++) {
		code = ask(judge, &question->packets[i], &question->answers[i], error);
		if (code)
			return code;
		if (!is_current(judge, &question->answers[i]))
			return ml_error_set(error, -EAGAIN,
					    "the kernel takes one generation after the other: ask again");
	}
	return 0;
}

static int explain(struct cli *cli, struct judge *judge, const struct question *question,
		   struct ml_error *error)
{
	size_t allowed = 0;
	int code;

	ml_output_list(cli->output, "answers");
	for (size_t i = 0; i < question->count; i++) {
		code = tell(cli, judge, &question->packets[i], &question->answers[i], error);
		if (code)
			return code;
		allowed += question->answers[i].action == MERLON_ACTION_ALLOW;
	}
	ml_output_end(cli->output);
	tell_summary(cli, judge, allowed, question->count, question->answers[0].rule_id);
	return allowed == question->count ? 0 : 1;
}

static int classifier_run(struct cli *cli)
{
	struct question question = { 0 };
	struct ml_error error;
	struct judge judge;
	int code, tries = TRIES;

	do {
		code = judge_open(cli, &judge, &error);
		if (!code)
			code = question_ask(cli, &judge, &question, &error);
		if (code == -EAGAIN && --tries)
			judge_close(&judge);
	} while (code == -EAGAIN && tries);
	if (!code)
		code = explain(cli, &judge, &question, &error);
	judge_close(&judge);
	if (code < 0)
		return cli_fail(cli, &error);
	return code ? CLI_NO : CLI_YES;
}

/* What is said of a packet that leaves is not said of another. */
static bool names_circumstances(const struct cli *cli)
{
	return cli_option(cli, "user") || cli_option(cli, "cgroup") || cli_option(cli, "outside");
}

static int explain_run(struct cli *cli)
{
	if (cli_option(cli, "leaving"))
		return leaving_run(cli);
	if (names_circumstances(cli))
		return cli_failf(cli, "--user, --cgroup and --outside go with --leaving DEVICE");
	if (!cli_operand(cli, 1))
		return cli_failf(cli, "'merlon explain' needs more: usage: merlon explain [options] SRC DST [SERVICE]");
	return classifier_run(cli);
}

static const struct cli_option explain_options[] = {
	{ "file", 'f', "FILE", "ask a bundle or a policy source, not the kernel" },
	{ "node", 'n', "NODE", "with --file: as this node judges" },
	{ "verbose", 'v', NULL, "show the classes too" },
	{ "leaving", 'l', "DEVICE", "ask the guard of the bundle in force: DST [SERVICE], by this device" },
	{ "user", 'u', "N", "with --leaving: sent by this user" },
	{ "cgroup", 'c', "PATH", "with --leaving: sent from this control group, as /system.slice/x.service" },
	{ "outside", 0, NULL, "with --leaving: of a connection from there; SERVICE is the one here" },
	LIVE_OPTIONS,
	{ 0 },
};

const struct cli_command cli_explain = {
	.name = "explain", .operands = "SRC DST [SERVICE]", .least = 1, .most = 3,
	.summary = "say what becomes of a packet, and which rule says so",
	.notes = "SRC and DST are addresses, or names that the policy knows; a name is asked about\n"
		 "in each family that both have. SERVICE is tcp:22, udp:53, icmp:8,\n"
		 "icmp:echo-request (the default), or a protocol without ports, as gre or 22:*. Nothing is\n"
		 "counted. With --leaving: DST [SERVICE], and what the guard says. What WireGuard sends, and\n"
		 "what links need (ARP, neighbours, DHCP), is not asked about: it may leave.",
	.options = explain_options,
	.run = explain_run,
};
