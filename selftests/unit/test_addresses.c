// SPDX-License-Identifier: MIT
/*
 * Addresses, prefixes and sets of them. Sets are compared with a naive judge:
 * one flag for each address of a small universe.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "policy.h"
#include "policy_range.h"
#include "policy_text.h"
#include "prefix.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void text_comes_back(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },		{ "192.0.2.1/32", "192.0.2.1" },
		{ "192.0.2.0/24", "192.0.2.0/24" },	{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "128.0.0.0/1", "128.0.0.0/1" },	{ "2001:DB8:0::1", "2001:db8::1" },
		{ "2001:db8::/32", "2001:db8::/32" },	{ "::/0", "::/0" },
		{ "::1/128", "::1" },			{ "ff02::1:ff00:0/104", "ff02::1:ff00:0/104" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct ml_prefix prefix;
		char text[ML_PREFIX_TEXT];

		assert_int_equal(ml_prefix_parse(cases[i].text, &prefix), 0);
		assert_true(ml_prefix_valid(&prefix));
		assert_string_equal(ml_prefix_format(&prefix, text), cases[i].canonical);
	}
}

static void odd_text_is_refused(void **state)
{
	static const char *const cases[] = {
		"", "/", "/24", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", " 1.2.3.4", "1.2.3.4 ",
		"1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/08", "1.2.3.4/8/8",
		"1.2.3.4/999999999999999999999", "::1/129", ":::", "1::2::3", "fe80::1%eth0", "[::1]",
		"1.2.3.4-1.2.3.5", "0x7f.0.0.1", "2001:db8::12345", "host",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct ml_prefix prefix = { .length = 77 };

		if (ml_prefix_parse(cases[i], &prefix) != -EINVAL)
			fail_msg("\"%s\" was taken", cases[i]);
		assert_int_equal(prefix.length, 77);
	}
}

static void host_bits_name_what_was_meant(void **state)
{
	struct ml_prefix prefix;
	char text[ML_PREFIX_TEXT];

	(void)state;
	assert_int_equal(ml_prefix_parse("10.1.2.3/15", &prefix), -ERANGE);
	assert_string_equal(ml_prefix_format(&prefix, text), "10.0.0.0/15");
	assert_int_equal(ml_prefix_parse("2001:db8::1/127", &prefix), -ERANGE);
	assert_string_equal(ml_prefix_format(&prefix, text), "2001:db8::/127");
}

static bool contains(const char *outer, const char *inner)
{
	struct ml_prefix a, b;

	assert_int_equal(ml_prefix_parse(outer, &a), 0);
	assert_int_equal(ml_prefix_parse(inner, &b), 0);
	return ml_prefix_contains(&a, &b);
}

static void containing_is_exact(void **state)
{
	(void)state;
	assert_true(contains("10.0.0.0/8", "10.255.255.255"));
	assert_true(contains("10.0.0.0/8", "10.0.0.0/8"));
	assert_true(contains("0.0.0.0/0", "255.255.255.255"));
	assert_true(contains("10.4.0.0/14", "10.7.255.255"));
	assert_false(contains("10.4.0.0/14", "10.8.0.0"));
	assert_false(contains("10.0.0.0/9", "10.0.0.0/8"));
	assert_false(contains("0.0.0.0/0", "::"));
	assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(contains("2001:db8::/33", "2001:db8:8000::"));
}

static void prefixes_of(const char *range_text, const char *wanted)
{
	struct ml_prefixes list = { 0 };
	struct ml_text text = { 0 };
	struct ml_range range;
	char buffer[ML_PREFIX_TEXT];

	assert_int_equal(ml_range_parse(range_text, &range), 0);
	assert_int_equal(ml_range_prefixes(range, &list), 0);
	for (size_t i = 0; i < list.count; i++)
		ml_text_format(&text, "%s%s", i ? " " : "", ml_prefix_format(&list.items[i], buffer));
	assert_string_equal(text.data, wanted);
	ml_text_clean(&text);
	ml_prefixes_clean(&list);
}

static void ranges_become_the_fewest_prefixes(void **state)
{
	(void)state;
	prefixes_of("0.0.0.0-255.255.255.255", "0.0.0.0/0");
	prefixes_of("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0");
	prefixes_of("10.0.0.1-10.0.0.1", "10.0.0.1");
	prefixes_of("10.0.0.1-10.0.0.6", "10.0.0.1 10.0.0.2/31 10.0.0.4/31 10.0.0.6");
	prefixes_of("255.255.255.254-255.255.255.255", "255.255.255.254/31");
	prefixes_of("0.0.0.0-0.0.0.0", "0.0.0.0");
	prefixes_of("2001:db8::-2001:db8::ffff", "2001:db8::/112");
}

static uint64_t random_state = 20261122;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % limit;
}

/* The universe: 10.0.0.0/25 and 2001:db8::/121, 128 addresses each. */
#define HALF 128u

struct world {
	bool member[4][2 * HALF];	/* ipset:s0 to ipset:s3 */
	struct ml_text text;
};

static void address_add(struct ml_text *text, uint32_t family, uint32_t host)
{
	if (family)
		ml_text_format(text, "2001:db8::%x", host);
	else
		ml_text_format(text, "10.0.0.%u", host);
}

/* A random target, written to the text; which addresses it means in @ret. */
static void target_add(struct world *world, uint32_t set, bool *ret)
{
	uint32_t family = random_below(2), length = random_below(8), first, last;

	memset(ret, 0, 2 * HALF * sizeof(*ret));
	if (set && !random_below(4)) {
		uint32_t other = random_below(set);

		ml_text_format(&world->text, "ipset:s%u", other);
		memcpy(ret, world->member[other], 2 * HALF * sizeof(*ret));
		return;
	}
	if (random_below(2)) {
		first = random_below(HALF) >> length << length;
		last = first + (1u << length) - 1;
		address_add(&world->text, family, first);
		ml_text_format(&world->text, "/%u", (family ? 128 : 32) - length);
	} else {
		first = random_below(HALF);
		last = first + random_below(HALF - first);
		address_add(&world->text, family, first);
		ml_text_add(&world->text, "-");
		address_add(&world->text, family, last);
	}
	for (uint32_t i = first; i <= last; i++)
		ret[family * HALF + i] = true;
}

static void set_add(struct world *world, uint32_t set)
{
	bool *member = world->member[set], target[2 * HALF];

	memset(member, 0, sizeof(world->member[set]));
	ml_text_format(&world->text, "%s\"ipset:s%u\":[", set ? "," : "", set);
	for (uint32_t i = 0, count = 1 + random_below(8); i < count; i++) {
		bool remove = i && random_below(3) == 0;

		ml_text_format(&world->text, "%s\"%s ", i ? "," : "", remove ? "remove" : "add");
		target_add(world, set, target);
		ml_text_add(&world->text, "\"");
		for (uint32_t j = 0; j < 2 * HALF; j++)
			member[j] = target[j] ? !remove : member[j];
	}
	ml_text_add(&world->text, "]");
}

static void world_make(struct world *world)
{
	ml_text_add(&world->text, "{\"ipsets\":{");
	for (uint32_t i = 0; i < LENGTH(world->member); i++)
		set_add(world, i);
	ml_text_add(&world->text, "},\"grants\":[{\"src\":[\"*\"],\"dst\":[\"ipset:s0\",\"ipset:s1\","
			"\"ipset:s2\",\"ipset:s3\"],\"ip\":[\"*\"]}]}");
}

/* Counts how often the set's prefixes hold the address: once or never. */
static unsigned int times_held(const struct ml_set *set, uint32_t family, uint32_t host)
{
	struct ml_text text = { 0 };
	struct ml_prefix prefix;
	unsigned int times = 0;

	address_add(&text, family, host);
	assert_int_equal(ml_prefix_parse(text.data, &prefix), 0);
	for (size_t i = 0; i < set->prefix_count; i++)
		times += ml_prefix_contains(&set->prefixes[i], &prefix);
	ml_text_clean(&text);
	return times;
}

static void world_check(const struct world *world, const struct ml_ruleset *ruleset)
{
	for (uint32_t set = 0; set < LENGTH(world->member); set++)
		for (uint32_t i = 0; i < 2 * HALF; i++)
			if (times_held(&ruleset->sets[set + 1], i / HALF, i % HALF) !=
			    world->member[set][i])
				fail_msg("address %u of set %u: %s", i, set, world->text.data);
}

static void ipsets_agree_with_flags(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		struct world world = { 0 };
		struct ml_policy *policy;
		struct ml_ruleset ruleset;
		struct ml_error error;

		world_make(&world);
		if (ml_policy_parse("p", world.text.data, world.text.length, &policy, &error))
			fail_msg("%s: %s", error.text, world.text.data);
		assert_int_equal(ml_policy_ruleset(policy, NULL, &ruleset, &error), 0);
		assert_int_equal(ruleset.set_count, 5);	/* "*" is the first */
		world_check(&world, &ruleset);
		ml_ruleset_free(&ruleset);
		ml_policy_free(policy);
		ml_text_clean(&world.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_comes_back),
		cmocka_unit_test(odd_text_is_refused),
		cmocka_unit_test(host_bits_name_what_was_meant),
		cmocka_unit_test(containing_is_exact),
		cmocka_unit_test(ranges_become_the_fewest_prefixes),
		cmocka_unit_test(ipsets_agree_with_flags),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("addresses", tests, NULL, NULL);
}
