// SPDX-License-Identifier: MIT
/*
 * rtnetlink, in a network namespace of its own that has nothing but lo. Devices
 * that want a module are made by selftests/netns/tunnel.sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "rtnl.h"

#define TABLE 51820
#define LO 1

static struct ml_rtnl *rtnl;
static struct ml_error error;

static int setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -1;
	return ml_rtnl_open(&rtnl, &error);
}

static struct ml_prefix prefix(const char *text)
{
	struct ml_prefix ret = { .family = 0 };
	int code = ml_prefix_parse(text, &ret);

	assert_true(!code || code == -ERANGE);
	return ret;
}

static bool has_exactly(const struct ml_prefixes *list, const struct ml_prefix *wanted)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!ml_prefix_compare(&list->items[i], wanted))
			return true;
	return false;
}

static bool has(const struct ml_prefixes *list, const char *text)
{
	struct ml_prefix wanted = prefix(text);

	return has_exactly(list, &wanted);
}

static int count_link(const struct ml_rtnl_link *link, void *arg)
{
	(void)link;
	(*(int *)arg)++;
	return 0;
}

static int stop(const struct ml_rtnl_link *link, void *arg)
{
	(void)link;
	(void)arg;
	return -ECANCELED;
}

static void test_links(void **state)
{
	struct ml_rtnl_link link;
	int count = 0;

	(void)state;
	assert_int_equal(ml_rtnl_links(rtnl, count_link, &count, &error), 0);
	assert_true(count >= 1);
	assert_int_equal(ml_rtnl_links(rtnl, stop, NULL, &error), -ECANCELED);
	assert_int_equal(ml_rtnl_link_find(rtnl, "lo", &link, &error), 0);
	assert_int_equal(link.index, LO);
	assert_string_equal(link.kind, "");
	assert_string_equal(link.alias, "");
	assert_false(link.up);
	assert_int_equal(ml_rtnl_link_alias(rtnl, LO, "merlon net/node", &error), 0);
	assert_int_equal(ml_rtnl_link_up(rtnl, LO, &error), 0);
	assert_int_equal(ml_rtnl_link_find(rtnl, "lo", &link, &error), 0);
	assert_string_equal(link.alias, "merlon net/node");
	assert_true(link.up);
	assert_int_equal(ml_rtnl_link_find(rtnl, "wg7", &link, &error), -ENODEV);
	assert_non_null(strstr(error.text, "wg7"));
}

static void test_link_refusals(void **state)
{
	(void)state;
	assert_int_equal(ml_rtnl_link_create(rtnl, "x0", "no-such-kind", &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.text, "no-such-kind"));
	assert_int_equal(ml_rtnl_link_delete(rtnl, 4711, &error), -ENODEV);
	assert_int_not_equal(ml_rtnl_link_delete(rtnl, LO, &error), 0);
}

static void test_addresses(void **state)
{
	struct ml_prefix host = prefix("10.0.0.1"), six = prefix("fd00::1"), net;
	struct ml_prefixes list = { .items = NULL };

	(void)state;
	net = prefix("10.0.1.0/24");
	net.address[3] = 7;
	assert_int_equal(ml_rtnl_address_add(rtnl, LO, &host, &error), 0);
	assert_int_equal(ml_rtnl_address_add(rtnl, LO, &host, &error), -EEXIST);
	assert_int_equal(ml_rtnl_address_add(rtnl, LO, &net, &error), 0);
	assert_int_equal(ml_rtnl_address_add(rtnl, LO, &six, &error), 0);
	assert_int_equal(ml_rtnl_addresses(rtnl, LO, &list, &error), 0);
	assert_true(has(&list, "10.0.0.1"));
	assert_true(has(&list, "fd00::1"));
	assert_true(has_exactly(&list, &net));
	ml_prefixes_clean(&list);
	assert_int_equal(ml_rtnl_address_remove(rtnl, LO, &host, &error), 0);
	assert_int_equal(ml_rtnl_address_remove(rtnl, LO, &host, &error), -EADDRNOTAVAIL);
	assert_int_equal(ml_rtnl_address_remove(rtnl, LO, &net, &error), 0);
	assert_int_equal(ml_rtnl_address_remove(rtnl, LO, &six, &error), 0);
	assert_int_equal(ml_rtnl_addresses(rtnl, LO, &list, &error), 0);
	assert_false(has(&list, "10.0.0.1"));
	assert_false(has(&list, "fd00::1"));
	ml_prefixes_clean(&list);
}

static void route_lives(uint32_t table, const char *text)
{
	struct ml_prefixes list = { .items = NULL };
	struct ml_prefix route = prefix(text);

	assert_int_equal(ml_rtnl_route_add(rtnl, LO, table, &route, &error), 0);
	assert_int_equal(ml_rtnl_route_add(rtnl, LO, table, &route, &error), -EEXIST);
	assert_int_equal(ml_rtnl_routes(rtnl, LO, table, &list, &error), 0);
	assert_true(has(&list, text));
	ml_prefixes_clean(&list);
	assert_int_equal(ml_rtnl_routes(rtnl, LO, table + 1, &list, &error), 0);
	assert_false(has(&list, text));
	ml_prefixes_clean(&list);
	assert_int_equal(ml_rtnl_route_remove(rtnl, LO, table, &route, &error), 0);
	/* -ENOENT where the table has gone with it. */
	assert_true(ml_rtnl_route_remove(rtnl, LO, table, &route, &error) < 0);
	assert_true(error.code == -ESRCH || error.code == -ENOENT);
	assert_int_equal(ml_rtnl_routes(rtnl, LO, table, &list, &error), 0);
	assert_int_equal(list.count, 0);
	ml_prefixes_clean(&list);
}

static void test_routes(void **state)
{
	(void)state;
	assert_int_equal(ml_rtnl_link_up(rtnl, LO, &error), 0);
	route_lives(RT_TABLE_MAIN, "10.9.0.0/24");
	route_lives(RT_TABLE_MAIN, "fd09::/64");
	route_lives(RT_TABLE_MAIN, "10.9.0.7");
	route_lives(TABLE, "0.0.0.0/0");
	route_lives(TABLE, "::/0");
	assert_int_equal(ml_rtnl_route_add(rtnl, 4711, RT_TABLE_MAIN,
					   &(struct ml_prefix){ AF_INET, 8, { 10 } }, &error),
			 -ENODEV);
}

static void rules_live(uint8_t family)
{
	struct ml_rtnl_rule main = { family, 32764, RT_TABLE_MAIN, 0, 0 };
	struct ml_rtnl_rule mark = { family, 32765, TABLE, TABLE, -1 };
	struct ml_rtnl_rule other = { family, 32765, TABLE, TABLE + 1, -1 };
	size_t count = 9;

	assert_int_equal(ml_rtnl_rule_count(rtnl, family, &count, &error), 0);
	assert_int_equal(count, 0);
	assert_int_equal(ml_rtnl_rule_add(rtnl, &mark, &error), 0);
	assert_int_equal(ml_rtnl_rule_add(rtnl, &mark, &error), -EEXIST);
	assert_int_equal(ml_rtnl_rule_add(rtnl, &main, &error), 0);
	assert_int_equal(ml_rtnl_rule_add(rtnl, &main, &error), -EEXIST);
	assert_int_equal(ml_rtnl_rule_count(rtnl, family, &count, &error), 0);
	assert_int_equal(count, 2);
	assert_int_equal(ml_rtnl_rule_remove(rtnl, &other, &error), -ENOENT);
	assert_int_equal(ml_rtnl_rule_remove(rtnl, &mark, &error), 0);
	assert_int_equal(ml_rtnl_rule_remove(rtnl, &mark, &error), -ENOENT);
	assert_int_equal(ml_rtnl_rule_remove(rtnl, &main, &error), 0);
	assert_int_equal(ml_rtnl_rule_count(rtnl, family, &count, &error), 0);
	assert_int_equal(count, 0);
}

static void test_rules(void **state)
{
	(void)state;
	rules_live(AF_INET);
	rules_live(AF_INET6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_link_refusals),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_rules),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("tests", tests, setup, NULL);
}
