// SPDX-License-Identifier: MIT
/* What merlon-watch can do here, in words; and rows found by their key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "watch.h"

static void test_names_bpf(void **state)
{
	(void)state;
	assert_true(ml_watch_names_bpf("lockdown,capability,landlock,yama,apparmor,bpf"));
	assert_true(ml_watch_names_bpf("bpf\n"));
	assert_true(ml_watch_names_bpf("capability,bpf,ima"));
	assert_false(ml_watch_names_bpf(""));
	assert_false(ml_watch_names_bpf("capability,bpfx,xbpf,bp,f"));
}

static void test_lacks_before(void **state)
{
	struct ml_watch watch = { .may_ask = true, .has_cgroups = true, .has_lsm = true };
	const char *lacks[ML_WATCH_LACKS];

	(void)state;
	assert_int_equal(ml_watch_lacks(&watch, lacks), 0);
	watch.has_lsm = false;
	assert_int_equal(ml_watch_lacks(&watch, lacks), 1);
	assert_non_null(strstr(lacks[0], "AF_XDP"));
	watch.may_ask = false;
	watch.has_cgroups = false;
	assert_int_equal(ml_watch_lacks(&watch, lacks), ML_WATCH_LACKS);
}

/* Of a watch that is there counts what it does, not what it could. */
static void test_lacks_attached(void **state)
{
	struct ml_watch watch = {
		.attached = true, .settings = { .refuses = 0, .holds_xdp = 1 },
		.may_ask = true, .has_cgroups = true, .has_lsm = false,
	};
	const char *lacks[ML_WATCH_LACKS];

	(void)state;
	assert_int_equal(ml_watch_lacks(&watch, lacks), 1);
	assert_non_null(strstr(lacks[0], "not refused"));
}

static void test_find(void **state)
{
	struct ml_watch_row rows[3] = {
		{ .key = { .netns = 1, .process = 5 }, .leak = { .count = 10 } },
		{ .key = { .netns = 1, .process = 5, .how = 1 }, .leak = { .count = 20 } },
		{ .key = { .netns = 1, .process = 6 }, .leak = { .count = 30 } },
	};
	struct ml_leak_key absent = { .netns = 1, .process = 7 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(ml_watch_find(rows, 3, &rows[i].key), &rows[i]);
	assert_null(ml_watch_find(rows, 3, &absent));
	assert_null(ml_watch_find(NULL, 0, &absent));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_bpf),
		cmocka_unit_test(test_lacks_before),
		cmocka_unit_test(test_lacks_attached),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
