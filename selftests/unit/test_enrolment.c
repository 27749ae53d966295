// SPDX-License-Identifier: MIT
/* What a node remembers of being enrolled, and roots on their way to it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "enrolment.h"
#include "file.h"
#include "trust_fixture.h"

static char path[64];

static const struct ml_enrolment good = {
	.network = "example-net", .node = "gamma", .url = "https://control.example:8443/m",
	.server_key = { 1, 2, 3 }, .addresses = "192.0.2.1,2001:db8::1",
};

static int setup(void **state)
{
	(void)state;
	strcpy(path, "/tmp/test_enrolment.XXXXXX");
	close(mkstemp(path));
	return trust_setup(NULL);
}

static int teardown(void **state)
{
	unlink(path);
	return trust_teardown(state);
}

/* ------------------------------------------------------------ enrolled.json */

static int read_text(const char *text)
{
	struct ml_enrolment enrolment = { .node = "untouched" };
	struct ml_error error = { .text = "" };
	int code;

	assert_int_equal(ml_file_write_atomic(path, text, strlen(text), 0600, NULL), 0);
	code = ml_enrolment_read(path, &enrolment, &error);
	if (code) {
		assert_string_equal(enrolment.node, "untouched");
		assert_true(strlen(error.text) > 10);
	}
	return code;
}

static void test_comes_back(void **state)
{
	struct ml_enrolment again;
	struct stat status;

	(void)state;
	assert_int_equal(ml_enrolment_write(path, &good, NULL), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(ml_enrolment_read(path, &again, NULL), 0);
	assert_string_equal(again.network, good.network);
	assert_string_equal(again.node, good.node);
	assert_string_equal(again.url, good.url);
	assert_string_equal(again.addresses, good.addresses);
	assert_memory_equal(again.server_key, good.server_key, 32);
}

#define KEY "\"0102030000000000000000000000000000000000000000000000000000000000\""
#define TEXT(addresses, node, key, url) \
	"{\"addresses\":" addresses ",\"network\":\"example-net\",\"node\":" node \
	",\"serverKey\":" key ",\"url\":" url "}"
#define URL "\"https://control.example\""

static void test_what_is_refused(void **state)
{
	(void)state;
	assert_int_equal(read_text(TEXT("[]", "\"gamma\"", KEY, URL)), 0);
	assert_int_equal(read_text(TEXT("[\"192.0.2.1\"]", "\"gamma\"", KEY, URL)), 0);
	assert_int_equal(read_text(TEXT("[\"control\"]", "\"gamma\"", KEY, URL)), -EBADMSG);
	assert_int_equal(read_text(TEXT("[\"192.0.2.1,::1\"]", "\"gamma\"", KEY, URL)), -EBADMSG);
	assert_int_equal(read_text(TEXT("[7]", "\"gamma\"", KEY, URL)), -EBADMSG);
	assert_int_equal(read_text(TEXT("[\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\","
					"\"::1\",\"::1\"]", "\"gamma\"", KEY, URL)), -EBADMSG);
	assert_int_equal(read_text(TEXT("[]", "\"../gamma\"", KEY, URL)), -EBADMSG);
	assert_int_equal(read_text(TEXT("[]", "\"gamma\"", "\"01\"", URL)), -EBADMSG);
	assert_int_equal(read_text(TEXT("[]", "\"gamma\"", KEY, "\"http://x\"")), -EBADMSG);
	assert_int_equal(read_text("{\"node\":\"gamma\"}"), -EBADMSG);
	assert_int_equal(read_text(""), -EBADMSG);
	unlink(path);
	assert_int_equal(ml_enrolment_read(path, &(struct ml_enrolment){ 0 }, NULL), -ENOENT);
}

static void test_others_may_not_write_it(void **state)
{
	struct ml_enrolment read;

	(void)state;
	assert_int_equal(ml_enrolment_write(path, &good, NULL), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(ml_enrolment_read(path, &read, NULL), -EACCES);
}

static void test_what_could_not_be_read_is_not_written(void **state)
{
	struct ml_enrolment bad = good;

	(void)state;
	strcpy(bad.url, "ftp://control");
	unlink(path);
	assert_int_equal(ml_enrolment_write(path, &bad, NULL), -EINVAL);
	assert_int_equal(access(path, F_OK), -1);
}

/* -------------------------------------------------------------------- roots */

/* Versions 1 to @count, signed as they should be but for @odd. */
static json_t *chain(size_t count, size_t odd)
{
	json_t *list = json_array();

	for (size_t i = 1; i <= count; i++) {
		struct ml_root root = root_of(i);
		struct ml_bytes made = root_signed(&root, i == odd ? KEYS(1) : KEYS(1, 2));

		json_array_append_new(list, json_loadb((const char *)made.data, made.length, 0,
						       NULL));
		drop(made);
	}
	return json_pack("{s:o}", "roots", list);
}

static int pinned(json_t *json, uint64_t pin, struct ml_root *ret, size_t *ret_last)
{
	struct ml_root root = root_of(pin), digest;
	struct ml_bytes made = root_signed(&root, KEYS(1, 2));
	struct ml_roots roots;
	int code;

	assert_int_equal(ml_root_peek(made, &digest, NULL), 0);
	drop(made);
	assert_int_equal(ml_roots_parse(json, &roots, NULL), 0);
	json_decref(json);
	code = ml_roots_pinned(&roots, digest.digest, ret, ret_last, NULL);
	ml_roots_free(&roots);
	return code;
}

static void test_from_the_pin_to_the_last(void **state)
{
	struct ml_root root = { .version = 77 };
	size_t last = 99;

	(void)state;
	assert_int_equal(pinned(chain(1, 0), 1, &root, &last), 0);
	assert_int_equal(root.version, 1);
	assert_int_equal(last, 0);
	assert_int_equal(pinned(chain(3, 0), 1, &root, &last), 0);
	assert_int_equal(root.version, 3);
	assert_int_equal(last, 2);
	/* What was before the pin is of no interest. */
	assert_int_equal(pinned(chain(3, 1), 2, &root, &last), 0);
	assert_int_equal(root.version, 3);
}

static void test_chains_that_are_none(void **state)
{
	struct ml_root root = { .version = 77 };
	size_t last = 99;

	(void)state;
	assert_int_equal(pinned(chain(3, 0), 4, &root, &last), -EKEYREJECTED);
	assert_int_equal(pinned(chain(0, 0), 1, &root, &last), -EKEYREJECTED);
	assert_int_equal(pinned(chain(3, 2), 1, &root, &last), -EKEYREJECTED);
	assert_int_equal(pinned(chain(3, 3), 1, &root, &last), -EKEYREJECTED);
	assert_int_equal(root.version, 77);
	assert_int_equal(last, 99);
}

static void test_lists_that_are_none(void **state)
{
	static const char *const texts[] = {
		"{}", "{\"roots\":{}}", "{\"roots\":[7]}", "{\"roots\":[\"x\"]}",
		"{\"roots\":[],\"more\":1}", "{\"roots\":[{},null]}",
	};
	struct ml_roots roots = { .count = 99 };
	json_t *json;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json = json_loads(texts[i], 0, NULL);
		assert_int_equal(ml_roots_parse(json, &roots, NULL), -EBADMSG);
		assert_int_equal(roots.count, 99);
		json_decref(json);
	}
	json = chain(ML_ROOTS_MAX + 1, 0);
	assert_int_equal(ml_roots_parse(json, &roots, NULL), -E2BIG);
	json_decref(json);
}

static void test_whom_a_root_has_a_node_trust(void **state)
{
	struct ml_root root = root_of(1);
	struct ml_trust trust = { .key_count = 99 };

	(void)state;
	assert_int_equal(ml_root_trust(&root, "gamma", &trust, NULL), 0);
	assert_int_equal(trust.key_count, 2);
	assert_string_equal(trust.network, TRUST_NETWORK);
	assert_string_equal(trust.node, "gamma");
	assert_memory_equal(trust.keys, root.roles[ML_ROLE_SIGNING].keys, 2 * 32);
	root.roles[ML_ROLE_SIGNING].threshold = 2;
	trust.key_count = 99;
	assert_int_equal(ml_root_trust(&root, "gamma", &trust, NULL), -EINVAL);
	assert_int_equal(trust.key_count, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_others_may_not_write_it),
		cmocka_unit_test(test_what_could_not_be_read_is_not_written),
		cmocka_unit_test(test_from_the_pin_to_the_last),
		cmocka_unit_test(test_chains_that_are_none),
		cmocka_unit_test(test_lists_that_are_none),
		cmocka_unit_test(test_whom_a_root_has_a_node_trust),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
