// SPDX-License-Identifier: MIT
/*
 * `merlon explain` while generations follow each other: the kernel that answers
 * may be another one than that whose rules were read a moment before. All around
 * explain.c is played here; what it asks and says is its own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../userspace/cli/explain.c"
#include "describe_stubs.h"

#define OLD	7u

/* The rule of each generation has its serial for an id, and speaks of everything. */
static struct ml_set any = { .name = (char *)"*", .any = true };
static uint32_t first_set;
static struct ml_service_range all = { .protocol = ML_PROTOCOL_ANY, .last = 65535 };
static struct ml_rule rule = {
	.action = MERLON_ACTION_ALLOW, .sources = &first_set, .source_count = 1,
	.destinations = &first_set, .destination_count = 1, .services = &all,
	.service_count = 1, .text = (char *)"{}", .line = 1,
};
static struct ml_ruleset rules = {
	.sets = &any, .set_count = 1, .rules = &rule, .rule_count = 1,
};

/* What the kernel holds; at each opening it is a step behind what will answer. */
static uint64_t loaded, steps;
static unsigned int opened;
static char said[512];

int live_open(const struct cli *cli, struct live *ret, struct ml_error *error)
{
	(void)cli;
	(void)error;
	memset(ret, 0, sizeof(*ret));
	opened++;
	ret->status.epoch = 1;
	ret->status.serial = rule.id = loaded;
	ret->ruleset = &rules;
	if (steps) {
		steps--;
		loaded++;
	}
	return 0;
}

void live_close(struct live *live)
{
	memset(live, 0, sizeof(*live));
}

int ml_kernel_explain(struct ml_kernel *kernel, const struct ml_packet *packet,
		      struct ml_kernel_answer *ret, struct ml_error *error)
{
	(void)kernel;
	(void)packet;
	(void)error;
	*ret = (struct ml_kernel_answer){
		.action = MERLON_ACTION_ALLOW, .reason = MERLON_REASON_RULE,
		.rule_id = loaded, .epoch = 1, .serial = loaded,
	};
	return 0;
}

int packets_parse(const struct ml_ruleset *ruleset, const char *source, const char *destination,
		  const char *service, struct ml_packet packets[static 2], size_t *ret_count,
		  struct ml_error *error)
{
	(void)ruleset;
	(void)source;
	(void)destination;
	(void)service;
	(void)error;
	memset(packets, 0, 2 * sizeof(*packets));
	packets[0].family = AF_INET;
	*ret_count = 1;
	return 0;
}

const struct ml_rule *ruleset_rule(const struct ml_ruleset *ruleset, uint64_t id)
{
	return ruleset->rules[0].id == id ? &ruleset->rules[0] : NULL;
}

json_t *live_rule_json(const struct live *live, uint64_t id)
{
	(void)live;
	return ml_output_id(id);
}

int cli_fail(struct cli *cli, const struct ml_error *error)
{
	(void)cli;
	snprintf(said, sizeof(said), "%s", error->text);
	return CLI_FAILURE;
}

/* The guard is asked in selftests/cli/explain.sh. */
int leaving_run(struct cli *cli)
{
	(void)cli;
	return CLI_FAILURE;
}

int cli_failf(struct cli *cli, const char *format, ...)
{
	(void)cli;
	(void)format;
	return CLI_FAILURE;
}

const char *cli_option(const struct cli *cli, const char *name)
{
	(void)cli;
	(void)name;
	return NULL;
}

const char *cli_operand(const struct cli *cli, unsigned int index)
{
	(void)cli;
	return index < 2 ? "x" : NULL;
}

void cli_remark(const struct cli *cli, const char *format, ...)
{
	(void)cli;
	(void)format;
}

/* Of a file: nobody asks one here. */
int source_open(const char *path, const struct ml_trust *trust, struct source *ret,
		struct ml_error *error)
{
	(void)path;
	(void)trust;
	(void)ret;
	return ml_error_set(error, -ENOENT, "no file");
}

int source_choose(const struct source *source, const char *node, const char **ret,
		  struct ml_error *error)
{
	(void)source;
	(void)node;
	(void)ret;
	return ml_error_set(error, -ENOENT, "no file");
}

int sheet_open(const struct source *source, const char *node, struct sheet *ret,
	       struct ml_error *error)
{
	(void)source;
	(void)node;
	(void)ret;
	return ml_error_set(error, -ENOENT, "no file");
}

void source_close(struct source *source)
{
	(void)source;
}

void sheet_close(struct sheet *sheet)
{
	(void)sheet;
}

/* Words: they are tested elsewhere. */
json_t *describe_rule(const struct ml_ruleset *ruleset, const struct ml_rule *of)
{
	(void)ruleset;
	return ml_output_id(of->id);
}

/* @changes: how often a generation comes between rules and answer */
static int asked(uint64_t changes, char **ret)
{
	struct cli cli = { .json = true };
	size_t length;
	FILE *stream = open_memstream(ret, &length);
	int status;

	assert_non_null(stream);
	loaded = OLD;
	steps = changes;
	opened = 0;
	said[0] = '\0';
	cli.output = ml_output_open(stream, true);
	status = explain_run(&cli);
	ml_output_close(cli.output);
	fclose(stream);
	return status;
}

static void test_one_generation(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(asked(0, &text), CLI_YES);
	assert_int_equal(opened, 1);
	assert_non_null(strstr(text, "0000000000000007"));
	free(text);
}

static void test_another_generation(void **state)
{
	char *text;
	int status;

	(void)state;
	status = asked(1, &text);
	assert_string_equal(said, "");
	assert_int_equal(status, CLI_YES);
	assert_int_equal(opened, 2);
	assert_non_null(strstr(text, "0000000000000008"));
	assert_null(strstr(text, "0000000000000007"));
	free(text);
}

static void test_no_end_of_generations(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(asked(UINT64_MAX, &text), CLI_FAILURE);
	assert_string_equal(said, "the kernel takes one generation after the other: ask again");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_generation),
		cmocka_unit_test(test_another_generation),
		cmocka_unit_test(test_no_end_of_generations),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
