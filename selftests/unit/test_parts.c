/* SPDX-License-Identifier: MIT */
/*
 * An image of two parts: written by the compiler, split by what the kernel
 * splits it with; names that lie, and every length that is too short.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "classify.h"
#include "compile.h"
#include "parts.h"

static char devices[][16] = { "eth0", "wlan0" };
static uint32_t users[] = { 33, 4711 };
static char cgroups[][256] = { "/a", "/a-b", "/system.slice/x.service" };

/* Whatever leaves by device 1 (eth0) to 192.0.2.2, UDP to port 123. */
static struct ml_prefix circumstances[] = {
	{ AF_INET, 16, { 0, 1 } },
	{ AF_INET6, 112, { [13] = 1 } },
};
static struct ml_prefix there[] = { { AF_INET, 32, { 192, 0, 2, 2 } } };
static struct ml_set sets[] = {
	{ "by eth0", false, circumstances, 2 },
	{ "there", false, there, 1 },
};
static uint32_t from = 0, to = 1;
static struct ml_service_range ntp = { 17, 123, 123 };
static struct ml_rule rule = {
	.id = 7, .action = MERLON_ACTION_ALLOW, .sources = &from, .source_count = 1,
	.destinations = &to, .destination_count = 1, .services = &ntp, .service_count = 1,
	.text = "x",
};
static struct ml_guard guard = {
	.devices = devices, .device_count = 2, .users = users, .user_count = 2,
	.cgroups = cgroups, .cgroup_count = 3,
	.rules = { .sets = sets, .set_count = 2, .rules = &rule, .rule_count = 1 },
};
static struct ml_tunnel tunnel = { "wg0", false };

struct image {
	uint8_t *bytes;
	size_t length;
};

static struct image compile(struct ml_guard *with)
{
	const struct ml_ruleset ruleset = {
		.tunnels = &tunnel, .tunnel_count = 1, .guard = with,
	};
	struct image image;
	struct ml_error error;

	if (ml_image_compile(&ruleset, &image.bytes, &image.length, &error))
		fail_msg("%s", error.text);
	return image;
}

static int split(const struct image *image, size_t length, struct merlon_parts *ret)
{
	struct merlon_fault fault = { 0 };
	uint8_t *copy = malloc(length ? length : 1);
	int code;

	memcpy(copy, image->bytes, length);
	code = merlon_parts_split(copy, length, ret, &fault);
	if (code)
		assert_non_null(fault.what);
	free(copy);
	return code;
}

static void without(void **state)
{
	struct image image = compile(NULL);
	struct merlon_parts parts;
	struct merlon_fault fault;

	(void)state;
	assert_int_equal(merlon_parts_split(image.bytes, image.length, &parts, &fault), 0);
	assert_null(parts.second);
	assert_int_equal(parts.first_len, image.length);
	free(image.bytes);
}

static void with(void **state)
{
	static const uint8_t by_eth0[4] = { 0, 1, 2, 3 }, by_wlan0[4] = { 0, 2, 2, 3 };
	struct image image = compile(&guard);
	struct merlon_tables *tables;
	struct merlon_parts parts;
	struct merlon_fault fault;
	struct merlon_view view;
	__be32 source, destination;

	(void)state;
	assert_int_equal(merlon_parts_split(image.bytes, image.length, &parts, &fault), 0);
	assert_int_equal(parts.nr_devices, 2);
	assert_int_equal(parts.nr_users, 2);
	assert_int_equal(parts.nr_cgroups, 3);
	assert_string_equal((const char *)parts.devices[1].name, "wlan0");
	assert_int_equal(le32_to_cpu(parts.users[1]), 4711);
	assert_string_equal((const char *)parts.cgroups[2].path, cgroups[2]);
	assert_int_equal(merlon_image_check(parts.second, parts.second_len, &view, &fault), 0);
	assert_int_equal(merlon_parts_check_guard(&view, &fault), 0);
	assert_int_equal(merlon_tables_build(&view, &tables, &fault), 0);
	memcpy(&destination, there[0].address, 4);
	memcpy(&source, by_eth0, 4);
	assert_int_equal(merlon_classify4(tables, source, destination, 17, 123),
			 MERLON_VERDICT(MERLON_ACTION_ALLOW, 1));
	memcpy(&source, by_wlan0, 4);
	assert_int_equal(MERLON_VERDICT_RULE(merlon_classify4(tables, source, destination, 17,
							      123)), 0);
	merlon_tables_free(tables);
	free(image.bytes);
}

/* Every length; those of the first part alone are images of their own. */
static void truncated(void **state)
{
	struct image image = compile(&guard), first = compile(NULL);
	struct merlon_parts parts;
	struct merlon_fault fault;
	struct merlon_view view;
	size_t length;
	int code;

	(void)state;
	for (length = 0; length < image.length; length++) {
		code = split(&image, length, &parts);
		if (length <= first.length)
			continue;
		/* What is split still has to be an image to its end. */
		if (!code) {
			assert_int_equal(merlon_parts_split(image.bytes, length, &parts, &fault), 0);
			code = merlon_image_check(parts.second, parts.second_len, &view, &fault);
		}
		assert_true(code < 0);
	}
	free(first.bytes);
	free(image.bytes);
}

static void refused(struct ml_guard *bad)
{
	const struct ml_ruleset ruleset = {
		.tunnels = &tunnel, .tunnel_count = 1, .guard = bad,
	};
	struct ml_error error;
	struct image image;

	assert_true(ml_image_compile(&ruleset, &image.bytes, &image.length, &error) < 0);
}

static void names_that_lie(void **state)
{
	static char twice[][16] = { "eth0", "eth0" }, invalid[][16] = { "a/b" };
	static uint32_t nobody[] = { UINT32_MAX }, falling[] = { 4711, 33 };
	static char below[][256] = { "/a", "/a-b", "/a/c" }, open[][256] = { "a" };
	static char slash[][256] = { "/a/" }, root[][256] = { "/" }, two[][256] = { "/a//b" };
	struct ml_guard bad = guard;

	(void)state;
	bad.devices = twice;
	refused(&bad);
	bad.devices = invalid, bad.device_count = 1;
	refused(&bad);
	bad = guard;
	bad.users = falling;
	refused(&bad);
	bad.users = nobody, bad.user_count = 1;
	refused(&bad);
	bad = guard;
	bad.cgroups = below;
	refused(&bad);
	bad.cgroup_count = 1;
	bad.cgroups = open;
	refused(&bad);
	bad.cgroups = slash;
	refused(&bad);
	bad.cgroups = root;
	refused(&bad);
	bad.cgroups = two;
	refused(&bad);
}

/* A guard has no tunnels, rejects nothing unmatched, and has a rule. */
static void no_guard(void **state)
{
	struct ml_guard bad = guard;

	(void)state;
	bad.rules.tunnels = &tunnel, bad.rules.tunnel_count = 1;
	refused(&bad);
	bad = guard;
	bad.rules.reject_unmatched = true;
	refused(&bad);
	bad = guard;
	bad.rules.rule_count = bad.rules.set_count = 0;
	refused(&bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without),
		cmocka_unit_test(with),
		cmocka_unit_test(truncated),
		cmocka_unit_test(names_that_lie),
		cmocka_unit_test(no_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
