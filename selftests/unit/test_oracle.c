/* SPDX-License-Identifier: MIT */
/*
 * Random rulesets, random packets: what the compiler and the classifier say
 * together is what the naive judges say.
 *
 * MERLON_ORACLE_POLICIES (1200), MERLON_ORACLE_PACKETS (1000 for each) and
 * MERLON_ORACLE_SEED (1) make it longer, or another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compile.h"

#include "../oracle/compare.h"
#include "../oracle/random_ruleset.h"

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

static void print_packet(const struct ml_packet *packet)
{
	size_t i, n = packet->family == AF_INET ? 4 : 16;

	print_error("# from ");
	for (i = 0; i < n; i++)
		print_error("%02x", packet->source[i]);
	print_error(" to ");
	for (i = 0; i < n; i++)
		print_error("%02x", packet->destination[i]);
	print_error(" protocol %u selector %u\n", packet->protocol, packet->selector);
}

static struct merlon_tables *build(const struct ml_ruleset *ruleset)
{
	struct merlon_tables *tables = NULL;
	struct merlon_fault fault;
	struct merlon_view view;
	struct ml_error error;
	uint8_t *image;
	size_t length;

	if (ml_image_compile(ruleset, &image, &length, &error))
		fail_msg("refused: %s", error.text);
	assert_int_equal(merlon_image_check(image, length, &view, &fault), 0);
	if (merlon_tables_build(&view, &tables, &fault))
		fail_msg("not built: %s", fault.what);
	free(image);
	return tables;
}

static unsigned long one_policy(struct chance *chance, unsigned long packets)
{
	static const uint32_t sizes[][2] = { { 4, 4 }, { 12, 15 }, { 40, 40 }, { 100, 150 } };
	const uint32_t *size = sizes[chance_below(chance, 16) % 15 % 4];
	struct ml_ruleset *ruleset = random_ruleset(chance, size[0], size[1]);
	struct merlon_tables *tables = build(ruleset);
	unsigned long i, allowed = 0;
	struct ml_packet packet;
	const char *what;

	for (i = 0; i < packets; i++) {
		random_packet(chance, ruleset, &packet);
		what = compare_judges(ruleset, tables, &packet);
		if (what) {
			print_packet(&packet);
			fail_msg("packet %lu: %s", i, what);
		}
		allowed += MERLON_VERDICT_ACTION(judge_fast(tables, &packet)) ==
			   MERLON_ACTION_ALLOW;
	}
	merlon_tables_free(tables);
	ml_ruleset_free(ruleset);
	free(ruleset);
	return allowed;
}

static void test_oracle(void **state)
{
	unsigned long policies = setting("MERLON_ORACLE_POLICIES", 1200);
	unsigned long packets = setting("MERLON_ORACLE_PACKETS", 1000);
	unsigned long seed = setting("MERLON_ORACLE_SEED", 1), i, allowed = 0;

	(void)state;
	for (i = 0; i < policies; i++) {
		struct chance chance = { .state = seed * 1000003 + i };

		allowed += one_policy(&chance, packets);
	}
	print_message("# %lu packets over %lu policies, seed %lu; %lu allowed\n",
		      policies * packets, policies, seed, allowed);
	/* A generator whose packets nobody allows would prove little. */
	assert_in_range(allowed * 100 / (policies * packets), 5, 95);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_oracle) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
