// SPDX-License-Identifier: MIT
/*
 * Limits of failures: what they promise, and a comparison with a model that keeps
 * everything and counts a bucket's drops one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sodium.h>

#include "limits_failed.h"

#define SECOND	INT64_C(1000)
#define MINUTE	(60 * SECOND)
#define NOW	(INT64_C(5) * 86400 * SECOND)

static struct sockaddr_in four(uint32_t number)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(0x0a000000u + number) };
}

static struct sockaddr_in6 six(const char *text)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };

	assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
	return address;
}

static int64_t judge(struct limits *limits, uint32_t address, const char *name, int64_t now)
{
	struct sockaddr_in from = four(address);
	struct limits_who who = { (struct sockaddr *)&from, name };

	return limits_judge(limits, &who, now);
}

static bool has_failed(struct limits *limits, uint32_t address, int64_t now)
{
	struct sockaddr_in from = four(address);
	struct limits_who who = { (struct sockaddr *)&from, NULL };

	return limits_has_failed(limits, &who, now);
}

static bool fail_once(struct limits *limits, uint32_t address, const char *name, bool code,
		      int64_t now)
{
	struct sockaddr_in from = four(address);
	struct limits_who who = { (struct sockaddr *)&from, name };

	return limits_failed(limits, &who, code, now);
}

static void fail_many(struct limits *limits, uint32_t address, const char *name, int count,
		      int64_t now)
{
	while (count--)
		fail_once(limits, address, name, false, now);
}

/* ----------------------------------------------------------------- promises */

static void test_address(void **state)
{
	struct limits *limits = limits_new();
	int64_t now = NOW;
	int i;

	(void)state;
	fail_many(limits, 1, NULL, 20, now);
	assert_int_equal(judge(limits, 1, NULL, now), 0);
	fail_many(limits, 1, NULL, 1, now);
	assert_int_equal(judge(limits, 1, NULL, now), now + 30 * SECOND);
	assert_int_equal(judge(limits, 2, NULL, now), 0);
	assert_int_equal(judge(limits, 1, NULL, now + 30 * SECOND), 0);
	/* Ten a minute never block. */
	for (i = 0; i < 1000; i++, now += 6 * SECOND) {
		fail_many(limits, 3, NULL, 1, now);
		assert_int_equal(judge(limits, 3, NULL, now), 0);
	}
	limits_free(limits);
}

static void test_backoff(void **state)
{
	static const int64_t times[] = { 30, 60, 120, 240, 480, 900, 900 };
	struct limits *limits = limits_new();
	int64_t now = NOW;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		fail_many(limits, 1, NULL, 150, now);
		assert_int_equal(judge(limits, 1, NULL, now), now + times[i] * SECOND);
		now += times[i] * SECOND;
		assert_int_equal(judge(limits, 1, NULL, now - 1), now);
		assert_int_equal(judge(limits, 1, NULL, now), 0);
	}
	/* The bucket is empty after two minutes; a quarter of an hour later all is forgotten. */
	now += 18 * MINUTE;
	fail_many(limits, 1, NULL, 21, now);
	assert_int_equal(judge(limits, 1, NULL, now), now + 30 * SECOND);
	limits_free(limits);
}

static int64_t judge_six(struct limits *limits, const char *text)
{
	struct sockaddr_in6 from = six(text);
	struct limits_who who = { (struct sockaddr *)&from, NULL };

	return limits_judge(limits, &who, NOW);
}

static void test_prefixes(void **state)
{
	struct sockaddr_in6 from = six("2001:db8:1:2::1");
	struct sockaddr_in6 mapped = six("::ffff:10.0.0.9");
	struct limits_who who = { (struct sockaddr *)&from, NULL };
	struct limits *limits = limits_new();
	int i;

	(void)state;
	for (i = 0; i < 21; i++)
		limits_failed(limits, &who, false, NOW);
	assert_true(judge_six(limits, "2001:db8:1:2:ffff::7"));
	assert_false(judge_six(limits, "2001:db8:1:3::1"));
	who.address = (struct sockaddr *)&mapped;
	for (i = 0; i < 21; i++)
		limits_failed(limits, &who, false, NOW);
	assert_true(judge(limits, 9, NULL, NOW));
	assert_false(judge_six(limits, "::1"));
	limits_free(limits);
}

static void test_name(void **state)
{
	struct limits *limits = limits_new();
	int i;

	(void)state;
	for (i = 0; i < 11; i++)
		fail_once(limits, 10 + i, "anna", false, NOW);
	/* Blocked for whoever has failed, and for nobody else. */
	assert_int_equal(judge(limits, 10, "anna", NOW), NOW + 30 * SECOND);
	assert_false(judge(limits, 10, "bert", NOW));
	assert_false(judge(limits, 99, "anna", NOW));
	assert_false(has_failed(limits, 99, NOW));
	fail_once(limits, 99, "anna", false, NOW);
	assert_true(has_failed(limits, 99, NOW + 15 * MINUTE));
	assert_false(has_failed(limits, 99, NOW + 16 * MINUTE));
	assert_true(judge(limits, 99, "anna", NOW));
	limits_free(limits);
}

static void test_code(void **state)
{
	struct sockaddr_in from = four(99);
	struct limits_who who = { (struct sockaddr *)&from, "anna" };
	struct limits *limits = limits_new();
	int i;

	(void)state;
	/* Wrong passwords from everywhere do not come near it. */
	for (i = 0; i < 1000; i++)
		fail_once(limits, 1000 + i, "anna", false, NOW);
	assert_false(limits_judge_code(limits, &who, NOW));
	for (i = 0; i < 11; i++)
		fail_once(limits, 3000 + i, "anna", true, NOW);
	assert_true(limits_judge_code(limits, &who, NOW));
	who.address = NULL;
	assert_false(limits_judge_code(limits, &who, NOW));
	limits_free(limits);
}

static void test_node(void **state)
{
	struct limits *limits = limits_new();
	int64_t until;
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < LIMITS_NODE_BURST; i++)
		assert_int_equal(limits_node(limits, "web-1", NOW), 0);
	until = limits_node(limits, "web-1", NOW);
	assert_int_equal(until, NOW + LIMITS_BLOCK);
	assert_int_equal(limits_node(limits, "web-1", until - 1), until);
	/* Others do not pay for it, and it has one a minute again. */
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "web-%d", i + 2);
		assert_int_equal(limits_node(limits, name, NOW), 0);
	}
	assert_int_equal(limits_node(limits, "web-1", NOW + MINUTE), 0);
	assert_true(limits_node(limits, "web-1", NOW + MINUTE) > NOW + MINUTE);
	limits_free(limits);
}

static void test_local(void **state)
{
	struct sockaddr local = { .sa_family = AF_UNIX };
	struct limits_who who = { &local, "anna" };
	struct limits *limits = limits_new();
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		assert_false(limits_failed(limits, &who, false, NOW));
		assert_false(limits_failed(limits, &who, true, NOW));
	}
	assert_false(limits_judge(limits, &who, NOW));
	fail_once(limits, 1, "anna", false, NOW);
	assert_false(judge(limits, 1, "anna", NOW));
	limits_free(limits);
}

static void test_alert(void **state)
{
	struct limits *limits = limits_new();
	int i, alerts = 0;

	(void)state;
	for (i = 1; i <= 50; i++)
		if (fail_once(limits, 1, NULL, false, NOW + i)) {
			assert_int_equal(i, 5);
			alerts++;
		}
	assert_int_equal(alerts, 1);
	for (i = 0; i < 50; i++)
		assert_false(fail_once(limits, 2, NULL, false, NOW + i * 16 * SECOND));
	limits_free(limits);
}

/* ----------------------------------------------------------------- pressure */

/* Everybody at once, many more than there are places: who is new is heard. */
static void test_flood_locks_nobody_out(void **state)
{
	struct limits *limits = limits_new();
	uint32_t i;

	(void)state;
	for (i = 0; i < 50000; i++)
		fail_many(limits, i, "anna", 21, NOW);
	for (i = 60000; i < 70000; i++)
		assert_false(judge(limits, i, "anna", NOW));
	limits_free(limits);
}

/* Who is blocked for long is not freed by many that failed a little, or as blocked for less. */
static void test_flood_frees_nobody(void **state)
{
	struct limits *limits = limits_new();
	int64_t now = NOW, until;
	uint32_t i;
	int n;

	(void)state;
	for (n = 0; n < 6; n++) {
		fail_many(limits, 1, "anna", 200, now);
		until = judge(limits, 1, NULL, now);
		now = until;
	}
	now = until - 15 * MINUTE;
	assert_int_equal(judge(limits, 1, NULL, now), until);
	for (i = 100; i < 200000; i++)
		fail_once(limits, i, NULL, false, now);
	for (i = 200000; i < 240000; i++)
		fail_many(limits, i, NULL, 21, now);
	assert_int_equal(judge(limits, 1, NULL, now), until);
	limits_free(limits);
}

/* ------------------------------------------------------------------- model */

#define MODEL_ADDRESSES 40
#define MODEL_NAMES 12
#define MODEL_STEPS 60000

/* A bucket that leaks drop by drop, each drop remembered. */
struct model {
	int64_t drops[64];	/* when each will have leaked */
	int count;
	int64_t until, empty;
	int streak;
	bool ever;
};

static struct model model_addresses[MODEL_ADDRESSES], model_names[MODEL_NAMES];

static bool model_known(const struct model *model, int64_t now)
{
	return model->ever && now < model->empty + 15 * MINUTE;
}

static void model_fail(struct model *model, int burst, int64_t interval, int64_t now)
{
	int64_t block = 30 * SECOND, last;
	int i, kept = 0;

	if (!model_known(model, now))
		memset(model, 0, sizeof(*model));
	for (i = 0; i < model->count; i++)
		if (model->drops[i] > now)
			model->drops[kept++] = model->drops[i];
	model->count = kept;
	last = kept ? model->drops[kept - 1] : now;
	model->ever = true;
	if (last + interval - now > burst * interval) {
		/* Full to the brim: the last drop is a new one. */
		model->drops[kept - 1] = now + burst * interval;
		model->empty = now + burst * interval;
		if (model->until > now)
			return;
		for (i = 0; i < model->streak && block < 15 * MINUTE; i++)
			block *= 2;
		model->streak++;
		model->until = now + (block < 15 * MINUTE ? block : 15 * MINUTE);
		return;
	}
	model->drops[model->count++] = last + interval;
	model->empty = last + interval;
}

static int64_t model_judge(int address, int name, int64_t now)
{
	const struct model *from = &model_addresses[address], *to = &model_names[name];

	if (!model_known(from, now))
		return 0;
	if (from->until > now)
		return from->until;
	return to->until > now ? to->until : 0;
}

/* Random numbers of a seed, so that what failed can be had again. */
static uint32_t dice(uint32_t *seed, uint32_t sides)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % sides;
}

static void model_compare(uint32_t seed)
{
	struct limits *limits = limits_new();
	uint32_t first = seed;
	int64_t now = NOW, want, got;
	char text[16];
	int i, address, name;

	memset(model_addresses, 0, sizeof(model_addresses));
	memset(model_names, 0, sizeof(model_names));
	for (i = 0; i < MODEL_STEPS; i++) {
		now += dice(&seed, 40) ? dice(&seed, 2000) : dice(&seed, 30 * MINUTE);
		address = (int)(dice(&seed, 8) ? dice(&seed, 3) : dice(&seed, MODEL_ADDRESSES));
		name = (int)dice(&seed, MODEL_NAMES);
		snprintf(text, sizeof(text), "name-%d", name);
		got = judge(limits, (uint32_t)address, text, now);
		want = model_judge(address, name, now);
		if (got != want)
			fail_msg("seed %u, step %d: until %lld, not %lld", first, i,
				 (long long)got, (long long)want);
		fail_once(limits, (uint32_t)address, text, false, now);
		model_fail(&model_addresses[address], 20, 6 * SECOND, now);
		model_fail(&model_names[name], 10, 180 * SECOND, now);
	}
	limits_free(limits);
}

static void test_model(void **state)
{
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= 10; seed++)
		model_compare(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_flood_locks_nobody_out),
		cmocka_unit_test(test_flood_frees_nobody),
		cmocka_unit_test(test_model),
	};

	if (sodium_init() < 0)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
