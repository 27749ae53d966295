// SPDX-License-Identifier: MIT
/*
 * explain --leaving: the guard of a bundle, by the tables that its image makes.
 * The kernel is asked for its scope, and whether the bundle is what it holds.
 */
#include "leaving.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "circumstances.h"
#include "daemon.h"
#include "describe.h"
#include "live.h"
#include "packet.h"
#include "source.h"
#include "units.h"

struct asked {
	struct live live;
	struct source source;
	struct sheet sheet;
	struct ml_leaving leaving;
	bool offline, everything, by_tunnel;
};

/* What becomes of one packet. */
struct outcome {
	bool allowed;
	const struct ml_rule *rule;	/* NULL: none speaks of it */
	const char *why;		/* where no rule decides */
};

/* -------------------------------------------------------------------- open */

static int file_open(const struct cli *cli, struct asked *asked, struct ml_error *error)
{
	const char *node;
	json_t *config;
	int code = source_open(cli_option(cli, "file"), NULL, &asked->source, error);

	if (!code)
		code = source_choose(&asked->source, cli_option(cli, "node"), &node, error);
	if (!code)
		code = sheet_open(&asked->source, node, &asked->sheet, error);
	if (!code)
		code = source_config(&asked->source, node, &config, error);
	if (code)
		return code;
	asked->everything = json_object_get(config, "scope") &&
			    !strcmp(json_string_value(json_object_get(config, "scope")),
				    "everything");
	json_decref(config);
	return 0;
}

static int live_sheet_open(const struct cli *cli, struct asked *asked, struct ml_error *error)
{
	int code = live_open(cli, &asked->live, error);

	if (code == -ENOENT && !asked->live.kernel)
		return ml_error_set(error, code,
				    "the kernel module is not loaded: run 'modprobe merlon', or ask a file with --file");
	if (code)
		return code;
	if (!asked->live.ruleset)
		return ml_error_set(error, -ENOENT,
				    "what the guard says stands in the bundle in force, and that is not known: %.400s",
				    asked->live.why);
	asked->everything = asked->live.status.scope == MERLON_SCOPE_EVERYTHING;
	return sheet_open(&asked->live.source, source_sheet_name(&asked->live.source, 0),
			  &asked->sheet, error);
}

static int leaving_read(const struct cli *cli, struct asked *asked, struct ml_error *error)
{
	const char *user = cli_option(cli, "user");
	uint64_t number = 0;

	if (user && units_number_parse("--user", user, 0, UINT32_MAX - 1, &number, error))
		return -EINVAL;
	asked->leaving = (struct ml_leaving){
		.device = cli_option(cli, "leaving"),
		.has_user = user,
		.user = (uint32_t)number,
		.cgroup = cli_option(cli, "cgroup"),
		.outside = cli_option(cli, "outside"),
	};
	return 0;
}

static bool is_tunnel(const struct ml_ruleset *ruleset, const char *device)
{
	for (size_t i = 0; i < ruleset->tunnel_count; i++)
		if (!strcmp(ruleset->tunnels[i].name, device))
			return !ruleset->tunnels[i].ignored;
	return false;
}

static int asked_open(const struct cli *cli, struct asked *asked, struct ml_error *error)
{
	int code = leaving_read(cli, asked, error);

	asked->offline = cli_option(cli, "file");
	if (!code)
		code = asked->offline ? file_open(cli, asked, error) :
					live_sheet_open(cli, asked, error);
	if (!code)
		asked->by_tunnel = is_tunnel(&asked->sheet.ruleset, asked->leaving.device);
	return code;
}

static void asked_close(struct asked *asked)
{
	sheet_close(&asked->sheet);
	source_close(&asked->source);
	live_close(&asked->live);
}

/* ------------------------------------------------------------------- judge */

/* As the kernel has it: a deny holds for tunnels too; without a rule, by a tunnel only. */
static void judge(const struct asked *asked, struct ml_packet *packet, struct outcome *ret)
{
	const struct ml_guard *guard = asked->sheet.ruleset.guard;
	struct merlon_trace trace = { .verdict = 0 };

	*ret = (struct outcome){ .rule = NULL };
	if (guard) {
		ml_leaving_source(guard, &asked->leaving, packet);
		merlon_classify_trace(asked->sheet.judge.guard, packet->family, packet->source,
				      packet->destination, packet->protocol, packet->selector,
				      &trace);
	}
	if (MERLON_VERDICT_RULE(trace.verdict))
		ret->rule = &guard->rules.rules[MERLON_VERDICT_RULE(trace.verdict) - 1];
	if (!asked->by_tunnel && !asked->everything) {
		ret->allowed = true;
		ret->why = "the scope is tunnels: beside them, only what came by one is held back";
	} else if (ret->rule) {
		ret->allowed = ret->rule->action == MERLON_ACTION_ALLOW;
	} else {
		ret->allowed = asked->by_tunnel;
		ret->why = asked->by_tunnel ? "no rule of the guard denies it, and it is the tunnel" :
					      "no rule of the guard allows it beside the tunnel";
	}
}

/* -------------------------------------------------------------------- tell */

static void tell_rule(struct ml_output *out, const char *label, const struct ml_rule *rule)
{
	ml_output_field(out, NULL, NULL, label, ML_PLAIN, "%016" PRIx64 "  %s  line %u",
			rule->id, ml_action_name(rule->action), rule->line);
	ml_output_field(out, NULL, NULL, "", ML_DIM, "%s", rule->text);
}

/* The tables' rule must be the one that the rules themselves say. */
static int tell_shadows(struct ml_output *out, const struct asked *asked,
			const struct ml_packet *packet, const struct outcome *outcome,
			struct ml_error *error)
{
	const struct ml_ruleset *ruleset = &asked->sheet.ruleset;
	const struct ml_ruleset *rules = &ruleset->guard->rules;
	size_t *matches = calloc(rules->rule_count + 1, sizeof(*matches));
	size_t count = rules->rule_count, winner;

	if (!matches)
		return ml_error_set(error, -ENOMEM, "out of memory");
	ml_ruleset_match(rules, packet, &winner, matches, &count);
	for (size_t i = 0; i < count; i++) {
		if (matches[i] == winner)
			continue;
		ml_output_value(out, NULL, describe_rule(ruleset, &rules->rules[matches[i]]));
		tell_rule(out, "shadows", &rules->rules[matches[i]]);
	}
	free(matches);
	if ((winner == SIZE_MAX ? NULL : &rules->rules[winner]) != outcome->rule)
		return ml_error_set(error, -EPROTO,
				    "the tables and the rules that they were made from do not agree: please report this");
	return 0;
}

static void tell_packet(struct ml_output *out, const struct asked *asked,
			const struct ml_packet *packet, const struct outcome *outcome)
{
	const struct ml_ruleset *ruleset = &asked->sheet.ruleset;
	char to[DESCRIBE_TEXT], service[DESCRIBE_TEXT];

	describe_service(packet->protocol, packet->selector, service);
	ml_output_say(out, outcome->allowed ? ML_GOOD : ML_BAD, "%s → %s  %s%s: %s",
		      asked->leaving.device,
		      describe_address(ruleset, packet->family, packet->destination, to), service,
		      asked->leaving.outside ? ", opened from outside" : "",
		      outcome->allowed ? "may leave" : "may not leave");
	ml_output_value(out, "family", json_string(packet->family == AF_INET ? "ipv4" : "ipv6"));
	ml_output_value(out, "destination",
			describe_address_json(packet->family, packet->destination));
	ml_output_value(out, "destinationName", ml_output_text(
			describe_name(ruleset, packet->family, packet->destination)));
	ml_output_value(out, "service", json_string(service));
	ml_output_value(out, "verdict", json_string(outcome->allowed ? "allow" : "deny"));
	ml_output_value(out, "why", outcome->why ? json_string(outcome->why) : json_null());
	ml_output_value(out, "rule", outcome->rule ? describe_rule(ruleset, outcome->rule) :
						     json_null());
	if (outcome->rule)
		tell_rule(out, "rule", outcome->rule);
	if (outcome->why)
		ml_output_field(out, NULL, NULL, "why", ML_PLAIN, "%s", outcome->why);
}

static int tell(struct cli *cli, const struct asked *asked, const struct ml_packet *packet,
		const struct outcome *outcome, struct ml_error *error)
{
	struct ml_output *out = cli->output;
	int code = 0;

	ml_output_object(out, NULL);
	tell_packet(out, asked, packet, outcome);
	ml_output_list(out, "shadows");
	if (asked->sheet.ruleset.guard)
		code = tell_shadows(out, asked, packet, outcome, error);
	ml_output_end(out);
	ml_output_end(out);
	return code;
}

static void tell_question(struct ml_output *out, const struct asked *asked)
{
	const struct ml_leaving *leaving = &asked->leaving;

	ml_output_value(out, "asked", json_string(asked->offline ? "file" : "bundle"));
	ml_output_value(out, "leaving", ml_output_text(leaving->device));
	ml_output_value(out, "tunnel", json_boolean(asked->by_tunnel));
	ml_output_value(out, "user", leaving->has_user ? json_integer(leaving->user) : json_null());
	ml_output_value(out, "cgroup", leaving->cgroup ? ml_output_text(leaving->cgroup) :
							 json_null());
	ml_output_value(out, "outside", json_boolean(leaving->outside));
	ml_output_value(out, "scope", json_string(asked->everything ? "everything" : "tunnels"));
}

/* --------------------------------------------------------------------- run */

/* The source is none of a packet's here: any that goes with the destination will do. */
static int answer(struct cli *cli, struct asked *asked, struct ml_error *error)
{
	const char *destination = cli_operand(cli, 0);
	struct ml_packet packets[2];
	struct outcome outcome;
	size_t count, allowed = 0;
	int code = packets_parse(&asked->sheet.ruleset, destination, destination,
				 cli_operand(cli, 1), packets, &count, error);

	if (code)
		return code;
	tell_question(cli->output, asked);
	ml_output_list(cli->output, "answers");
	for (size_t i = 0; !code && i < count; i++) {
		judge(asked, &packets[i], &outcome);
		allowed += outcome.allowed;
		code = tell(cli, asked, &packets[i], &outcome, error);
	}
	ml_output_end(cli->output);
	ml_output_value(cli->output, "verdict", json_string(allowed == count ? "allow" :
							    allowed ? "mixed" : "deny"));
	return code ? code : allowed < count;
}

int leaving_run(struct cli *cli)
{
	struct asked asked = { .offline = false };
	struct ml_error error;
	int code;

	if (cli_operand(cli, 2))
		return cli_failf(cli, "--leaving takes DST [SERVICE]: where from, the options say");
	code = asked_open(cli, &asked, &error);
	if (!code)
		code = answer(cli, &asked, &error);
	asked_close(&asked);
	if (code < 0)
		return cli_fail(cli, &error);
	return code ? CLI_NO : CLI_YES;
}
