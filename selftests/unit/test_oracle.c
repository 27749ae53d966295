/* SPDX-License-Identifier: MIT */
/*
 * Random rulesets, random packets: what the compiler and the classifier say
 * together is what the naive judges say; of both parts of an image.
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
#include "tables_of.h"

#include "../oracle/compare.h"
#include "../oracle/random_guard.h"

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

static void build(const struct ml_ruleset *ruleset, struct ml_tables *ret)
{
	struct merlon_fault fault;
	struct ml_error error;
	uint8_t *image;
	size_t length;

	if (ml_image_compile(ruleset, &image, &length, &error))
		fail_msg("refused: %s", error.text);
	if (ml_tables_of(image, length, ret, &fault))
		fail_msg("not built: %s", fault.what);
	free(image);
}

/* Return: is it allowed? */
static bool one_packet(const struct ml_ruleset *ruleset, const struct merlon_tables *tables,
		       const struct ml_packet *packet)
{
	const char *what = compare_judges(ruleset, tables, packet);

	if (what) {
		print_packet(packet);
		fail_msg("%s", what);
	}
	return MERLON_VERDICT_ACTION(judge_fast(tables, packet)) == MERLON_ACTION_ALLOW;
}

struct tally {
	unsigned long packets, allowed;
};

static void one_policy(struct chance *chance, unsigned long packets, struct tally *acl,
		       struct tally *guarded)
{
	static const uint32_t sizes[][2] = { { 4, 4 }, { 12, 15 }, { 40, 40 }, { 100, 150 } };
	const uint32_t *size = sizes[chance_below(chance, 16) % 15 % 4];
	struct ml_ruleset *ruleset = random_ruleset(chance, size[0], size[1]);
	struct chance other = { .state = chance->state ^ 0x5a5a };
	struct ml_packet packet;
	struct ml_tables tables;

	if (chance_one_in(&other, 2))
		random_guard(&other, ruleset, size[0], size[1]);
	build(ruleset, &tables);
	for (unsigned long i = 0; i < packets; i++, acl->packets++) {
		random_packet(chance, ruleset, &packet);
		acl->allowed += one_packet(ruleset, tables.tables, &packet);
	}
	for (unsigned long i = 0; ruleset->guard && i < packets; i++, guarded->packets++) {
		random_guarded_packet(&other, ruleset->guard, &packet);
		guarded->allowed += one_packet(&ruleset->guard->rules, tables.guard, &packet);
	}
	ml_tables_clean(&tables);
	ml_ruleset_free(ruleset);
	free(ruleset);
}

static void test_oracle(void **state)
{
	unsigned long policies = setting("MERLON_ORACLE_POLICIES", 1200);
	unsigned long packets = setting("MERLON_ORACLE_PACKETS", 1000);
	unsigned long seed = setting("MERLON_ORACLE_SEED", 1), i;
	struct tally acl = { 0 }, guarded = { 0 };

	(void)state;
	for (i = 0; i < policies; i++) {
		struct chance chance = { .state = seed * 1000003 + i };

		one_policy(&chance, packets, &acl, &guarded);
	}
	print_message("# %lu packets over %lu policies, seed %lu; %lu allowed; by guards %lu, of %lu\n",
		      acl.packets, policies, seed, acl.allowed, guarded.allowed, guarded.packets);
	/* A generator whose packets nobody allows would prove little. */
	assert_in_range(acl.allowed * 100 / acl.packets, 5, 95);
	assert_in_range(guarded.allowed * 100 / guarded.packets, 5, 95);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_oracle) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
