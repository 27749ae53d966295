// SPDX-License-Identifier: MIT
/* policy check, policy test, policy compile: a source, before anybody signs it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "describe.h"
#include "file.h"
#include "source.h"
#include "units.h"
#include "warnings.h"

/* Of all nodes. */
struct sum {
	size_t most_rules;	/* on one of them */
	size_t guarded;		/* nodes that have a guard */
};

static void sum_add(struct sum *sum, const struct ml_ruleset *ruleset)
{
	if (ruleset->rule_count > sum->most_rules)
		sum->most_rules = ruleset->rule_count;
	sum->guarded += !!ruleset->guard;
}

/* Compiling a node shows what parsing cannot: limits of the image. */
static int compile_all(const struct source *source, struct sum *sum, struct ml_error *error)
{
	struct sheet sheet;
	int code;

	for (size_t i = 0; i < source_sheets(source); i++) {
		code = sheet_open(source, source_sheet_name(source, i), &sheet, error);
		if (code)
			return code;
		sum_add(sum, &sheet.ruleset);
		sheet_close(&sheet);
	}
	return 0;
}

static void check_answer(const struct cli *cli, const struct source *source,
			 const struct sum *sum)
{
	size_t rules = sum->most_rules;
	size_t nodes = ml_policy_node_count(source->policy);
	size_t tests = ml_policy_test_count(source->policy);
	struct ml_output *out = cli->output;

	ml_output_value(out, "valid", json_true());
	ml_output_value(out, "file", ml_output_text(source->path));
	ml_output_value(out, "nodes", json_integer((json_int_t)nodes));
	ml_output_value(out, "mostRules", json_integer((json_int_t)rules));
	ml_output_value(out, "guarded", json_integer((json_int_t)sum->guarded));
	ml_output_value(out, "tests", json_integer((json_int_t)tests));
	ml_output_say(out, ML_GOOD, "%s: valid, %zu node%s, %s%zu rule%s%s", source->path, nodes,
		      nodes == 1 ? "" : "s", nodes ? "at most " : "", rules,
		      rules == 1 ? "" : "s", nodes ? " on one node" : "");
	if (sum->guarded)
		ml_output_say(out, ML_PLAIN, "%zu with a guard: merlon policy show tells it",
			      sum->guarded);
	if (tests)
		ml_output_say(out, ML_PLAIN, "%zu test%s, not run: merlon policy test", tests,
			      tests == 1 ? "" : "s");
	warnings_of_policy(cli, source->policy);
}

static int check_run(struct cli *cli)
{
	struct source source;
	struct ml_error error;
	struct sum sum = { 0 };
	int code;

	if (source_open_policy(cli_operand(cli, 0), &source, &error))
		return cli_judge(cli, &error);
	code = compile_all(&source, &sum, &error);
	if (!code)
		check_answer(cli, &source, &sum);
	source_close(&source);
	return code ? cli_judge(cli, &error) : CLI_YES;
}

const struct cli_command cli_policy_check = {
	.name = "policy check", .operands = "FILE", .least = 1, .most = 1,
	.summary = "say whether a policy source is valid",
	.notes = "It is parsed and compiled for each of its nodes; its tests are not run.",
	.run = check_run,
};

/* ------------------------------------------------------------------- test */

static const struct ml_column case_columns[] = {
	{ "line", "LINE", true },
	{ "source", "SOURCE", false },
	{ "destination", "DESTINATION", false },
	{ "wanted", "WANTED", false },
	{ "got", "GOT", false },
	{ "rule", "RULE", false },
	{ "passed", "", false },
};

struct tally {
	struct ml_output *out;
	size_t passed, failed;
};

static void verdict_cell(struct ml_output *out, bool allow, enum ml_colour colour)
{
	const char *word = allow ? "allow" : "deny";

	ml_output_cell(out, json_string(word), colour, "%s", word);
}

static void report_case(const struct ml_policy_case *result, void *arg)
{
	bool passed = result->want_allow == result->got_allow;
	struct tally *tally = arg;
	struct ml_output *out = tally->out;

	*(passed ? &tally->passed : &tally->failed) += 1;
	ml_output_cell(out, json_integer(result->line), ML_PLAIN, "%u", result->line);
	ml_output_cell(out, ml_output_text(result->source), ML_PLAIN, "%s", result->source);
	ml_output_cell(out, ml_output_text(result->destination), ML_PLAIN, "%s",
		       result->destination);
	verdict_cell(out, result->want_allow, ML_PLAIN);
	verdict_cell(out, result->got_allow, passed ? ML_PLAIN : ML_BAD);
	if (result->rule_id)
		ml_output_cell(out, ml_output_id(result->rule_id), ML_DIM, "%016" PRIx64,
			       result->rule_id);
	else
		ml_output_cell(out, json_null(), ML_DIM, "no rule");
	ml_output_cell(out, json_boolean(passed), passed ? ML_GOOD : ML_BAD, "%s",
		       passed ? "ok" : "WRONG");
}

static int test_run(struct cli *cli)
{
	struct tally tally = { .out = cli->output };
	struct source source;
	struct ml_error error;
	int code;

	if (source_open_policy(cli_operand(cli, 0), &source, &error))
		return cli_judge(cli, &error);
	ml_output_table(tally.out, "cases", case_columns, 7);
	code = ml_policy_test(source.policy, report_case, &tally, &error);
	ml_output_table_end(tally.out);
	source_close(&source);
	if (code && code != -EPERM)
		return cli_judge(cli, &error);
	ml_output_value(tally.out, "passed", json_integer((json_int_t)tally.passed));
	ml_output_value(tally.out, "failed", json_integer((json_int_t)tally.failed));
	ml_output_say(tally.out, tally.failed ? ML_BAD : ML_GOOD, "%zu passed, %zu failed",
		      tally.passed, tally.failed);
	return code ? cli_refuse(cli, &error) : CLI_YES;
}

const struct cli_command cli_policy_test = {
	.name = "policy test", .operands = "FILE", .least = 1, .most = 1,
	.summary = "run the tests that a policy source has in it",
	.notes = "They run through the same classifier that the kernel runs.",
	.run = test_run,
};

/* ---------------------------------------------------------------- compile */

static int compile_node(struct cli *cli, const struct source *source)
{
	const char *path = cli_option(cli, "output"), *node;
	struct ml_error error;
	struct sheet sheet;
	char size[UNITS_TEXT];
	int code;

	if (source_choose(source, cli_option(cli, "node"), &node, &error))
		return cli_fail(cli, &error);
	if (sheet_open(source, node, &sheet, &error))
		return cli_judge(cli, &error);
	code = ml_file_write_atomic(path, sheet.image, sheet.length, 0644, &error);
	ml_output_value(cli->output, "file", ml_output_text(path));
	ml_output_value(cli->output, "node", ml_output_text(node));
	ml_output_value(cli->output, "bytes", json_integer((json_int_t)sheet.length));
	ml_output_say(cli->output, ML_PLAIN, "%s: %s, not signed: the kernel takes it from a bundle alone",
		      path, units_bytes_format(sheet.length, size));
	sheet_close(&sheet);
	return code ? cli_fail(cli, &error) : CLI_YES;
}

static int compile_run(struct cli *cli)
{
	struct source source;
	struct ml_error error;
	int status;

	if (!cli_option(cli, "output"))
		return cli_failf(cli, "say where to write the image: --output IMAGE");
	if (source_open_policy(cli_operand(cli, 0), &source, &error))
		return cli_judge(cli, &error);
	status = compile_node(cli, &source);
	source_close(&source);
	return status;
}

static const struct cli_option compile_options[] = {
	{ "node", 'n', "NODE", "whose image; not needed where there is one node" },
	{ "output", 'o', "IMAGE", "file to write" },
	{ 0 },
};

const struct cli_command cli_policy_compile = {
	.name = "policy compile", .operands = "FILE", .least = 1, .most = 1,
	.summary = "write the policy image of one node, unsigned",
	.options = compile_options,
	.run = compile_run,
};
