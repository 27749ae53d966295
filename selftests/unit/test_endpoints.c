// SPDX-License-Identifier: MIT
/* Where peers are, as a server says: what is taken of it, and what is not. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "endpoints.h"

static struct ml_error error;

static void test_one(void **state)
{
	static const char *const good[] = {
		"192.0.2.1:51820", "[2001:db8::1]:1", "10.0.0.1:65535", "[fe80::1]:51820",
	};
	static const char *const bad[] = {
		"", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
		"192.0.2.1:051820", "192.0.2.1/24:51820", "2001:db8::1:51820", "[192.0.2.1]:51820",
		"[2001:db8::1:51820", "127.0.0.1:51820", "0.0.0.0:51820", "224.0.0.1:51820",
		"255.255.255.255:51820", "[::]:51820", "[::1]:51820", "[ff02::1]:51820",
		"[::ffff:192.0.2.1]:51820", "192.0.2.1:51820 ", "a b:51820",
	};
	struct ml_endpoint endpoint = { .family = 0 };
	char text[ML_ENDPOINT_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ml_endpoint_parse(good[i], &endpoint), 0);
		assert_string_equal(ml_endpoint_format(&endpoint, text), good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ml_endpoint_parse(bad[i], &endpoint) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(ml_endpoint_parse("a.example:51820", &endpoint), -ENOENT);
}

static int parse(const char *text, struct ml_endpoints *ret)
{
	json_t *json = json_loads(text, 0, NULL);
	int code;

	assert_non_null(json);
	code = ml_endpoints_parse(json, ret, &error);
	json_decref(json);
	return code;
}

#define KEY(letter) letter "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PEER(letter, list) "{\"publicKey\":\"" KEY(letter) "\",\"endpoints\":[" list "]}"

static void test_list(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 4 }, c[32] = { 8 };
	const struct ml_endpoints_peer *found;
	struct ml_endpoints endpoints;
	char text[ML_ENDPOINT_TEXT];

	(void)state;
	assert_int_equal(parse("{\"peers\":[" PEER("B", "\"192.0.2.1:1\",\"[2001:db8::1]:2\"") ","
			       PEER("A", "") "]}", &endpoints), 0);
	assert_int_equal(endpoints.count, 2);
	found = ml_endpoints_find(&endpoints, b);
	assert_non_null(found);
	assert_int_equal(found->count, 2);
	assert_string_equal(ml_endpoint_format(&found->at[0], text), "192.0.2.1:1");
	assert_string_equal(ml_endpoint_format(&found->at[1], text), "[2001:db8::1]:2");
	found = ml_endpoints_find(&endpoints, a);
	assert_non_null(found);
	assert_int_equal(found->count, 0);
	assert_null(ml_endpoints_find(&endpoints, c));
	ml_endpoints_free(&endpoints);
	assert_int_equal(parse("{\"peers\":[]}", &endpoints), 0);
	assert_null(ml_endpoints_find(&endpoints, a));
	ml_endpoints_free(&endpoints);
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {
		"{}", "{\"peers\":{}}", "{\"peers\":[],\"more\":1}", "{\"peers\":[1]}",
		"{\"peers\":[{}]}", "{\"peers\":[{\"endpoints\":[]}]}",
		"{\"peers\":[{\"endpoints\":[],\"publicKey\":\"AA==\"}]}",
		"{\"peers\":[" PEER("A", "1") "]}", "{\"peers\":[" PEER("A", "\"127.0.0.1:1\"") "]}",
		"{\"peers\":[" PEER("A", "\"a.example:1\"") "]}",
		"{\"peers\":[" PEER("A", "") "," PEER("A", "") "]}",
	};
	static const char four[] = "\"192.0.2.1:1\",\"192.0.2.1:2\",\"192.0.2.1:3\",\"192.0.2.1:4\"";
	struct ml_endpoints endpoints;
	char text[600];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (parse(wrong[i], &endpoints) != -EBADMSG)
			fail_msg("taken: %s", wrong[i]);
	snprintf(text, sizeof(text), "{\"peers\":[{\"publicKey\":\"" KEY("A") "\",\"endpoints\":[%s]}]}", four);
	assert_int_equal(parse(text, &endpoints), 0);
	ml_endpoints_free(&endpoints);
	snprintf(text, sizeof(text), "{\"peers\":[{\"publicKey\":\"" KEY("A") "\",\"endpoints\":[%s,%s]}]}",
		 four, "\"192.0.2.1:5\"");
	assert_int_equal(parse(text, &endpoints), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("endpoints", tests, NULL, NULL);
}
