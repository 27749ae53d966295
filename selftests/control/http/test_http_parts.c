// SPDX-License-Identifier: MIT
/*
 * The parts that need no connection: the rules for fields and targets without
 * nghttp2 in front of them, which refuses most of it too; addresses, buckets,
 * counted memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "http_address.h"
#include "http_fields.h"
#include "http_flood.h"
#include "http_target.h"
#include "keys.h"
#include "pki.h"

#define GOOD { ":method", "GET" }, { ":scheme", "https" }, { ":authority", "a" }, { ":path", "/" }

/* ------------------------------------------------------------------- fields */

struct pair {
	const char *name, *value;
};

static const struct field_row {
	struct pair pairs[8];
	const char *detail;	/* NULL: they are fine */
} field_rows[] = {
	{ { GOOD }, NULL },
	{ { GOOD, { "x-a", "b" }, { "cookie", "a" }, { "cookie", "b" } }, NULL },
	{ { GOOD, { "x-a", "a\tb \xc3\xbc" } }, NULL },
	{ { GOOD, { "content-length", "999999999999999" } }, NULL },
	{ { GOOD, { "X-A", "b" } }, "a field name with upper case, or that is no token" },
	{ { GOOD, { "x a", "b" } }, "a field name with upper case, or that is no token" },
	{ { GOOD, { "x:a", "b" } }, "a field name with upper case, or that is no token" },
	{ { GOOD, { "", "b" } }, "a field name with upper case, or that is no token" },
	{ { GOOD, { "x\xff", "b" } }, "a field name with upper case, or that is no token" },
	{ { GOOD, { "x-a", "a\r\nb" } },
	  "a control character, or space around it, in a field's value" },
	{ { GOOD, { "x-a", "a\x7f" "b" } },
	  "a control character, or space around it, in a field's value" },
	{ { GOOD, { "x-a", "\ta" } },
	  "a control character, or space around it, in a field's value" },
	{ { GOOD, { "x-a", "a " } },
	  "a control character, or space around it, in a field's value" },
	{ { GOOD, { "x-a", "\xed\xa0\x80" } },
	  "a control character, or space around it, in a field's value" },
	{ { GOOD, { ":status", "200" } }, "a pseudo-header that requests do not have" },
	{ { { "x-a", "b" }, GOOD }, "a pseudo-header behind a regular field" },
	{ { GOOD, { "connection", "close" } }, "a field of HTTP/1.1's connections" },
	{ { GOOD, { "transfer-encoding", "chunked" } }, "a field of HTTP/1.1's connections" },
	{ { GOOD, { "te", "trailers, gzip" } }, "a field of HTTP/1.1's connections" },
	{ { GOOD, { ":path", "/" } }, "a field that may occur once occurs twice" },
	{ { GOOD, { "x-a", "b" }, { "x-a", "b" } }, "a field that may occur once occurs twice" },
	{ { GOOD, { "content-length", "1" }, { "content-length", "1" } },
	  "a field that may occur once occurs twice" },
	{ { GOOD, { "content-length", "-1" } }, "a content-length that is no number" },
	{ { GOOD, { "content-length", "1, 1" } }, "a content-length that is no number" },
	{ { GOOD, { "content-length", "1000000000000000" } },
	  "a content-length that is no number" },
	{ { GOOD, { "expect", "100-continue" } }, "an expectation" },
	{ { { ":method", "GET" }, { ":scheme", "https" }, { ":authority", "a" } },
	  "a request without method, scheme or path" },
	{ { { ":scheme", "https" }, { ":path", "/" }, { ":authority", "a" } },
	  "a request without method, scheme or path" },
	{ { { ":method", "GET" }, { ":path", "/" }, { ":authority", "a" } },
	  "a request without method, scheme or path" },
	{ { { ":method", "GET" }, { ":scheme", "https" }, { ":path", "/" } },
	  "no host, two hosts, or one with a name in front" },
	{ { GOOD, { "host", "b" } }, "no host, two hosts, or one with a name in front" },
	{ { GOOD, { "host", "a" } }, NULL },
};

static const struct http_problem *fields_judge(const struct pair *pairs, size_t limit)
{
	struct http_account account = { .limit = 1 << 20 };
	struct http_fields fields = { .account = &account, .limit = limit };
	const struct http_problem *problem = NULL;
	size_t i;

	for (i = 0; i < 8 && pairs[i].name && !problem; i++)
		problem = http_fields_add(&fields, pairs[i].name, strlen(pairs[i].name),
					  pairs[i].value, strlen(pairs[i].value));
	if (!problem)
		problem = http_fields_check(&fields);
	http_fields_free(&fields);
	assert_int_equal(account.used, 0);
	return problem;
}

static void test_fields(void **state)
{
	const struct http_problem *problem;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]); i++) {
		problem = fields_judge(field_rows[i].pairs, 4096);
		if (!field_rows[i].detail != !problem)
			fail_msg("row %zu: %s", i, problem ? problem->detail : "is fine");
		if (problem)
			assert_string_equal(problem->detail, field_rows[i].detail);
	}
}

static void test_fields_limit(void **state)
{
	static const struct pair pairs[8] = { GOOD };
	/* 7+3, 7+5, 10+1, 5+1 and four times 32 */
	const size_t bytes = 10 + 12 + 11 + 6 + 4 * 32;

	(void)state;
	assert_null(fields_judge(pairs, bytes));
	assert_int_equal(fields_judge(pairs, bytes - 1)->status, 431);
}

/* A NUL is neither the end of a name nor of a value. */
static void test_fields_nul(void **state)
{
	struct http_account account = { .limit = 1 << 20 };
	struct http_fields fields = { .account = &account, .limit = 4096 };

	(void)state;
	assert_non_null(http_fields_add(&fields, "a\0b", 3, "c", 1));
	assert_non_null(http_fields_add(&fields, "a", 1, "c\0d", 3));
	assert_null(http_fields_add(&fields, "a", 1, "c", 1));
	assert_string_equal(http_fields_find(&fields, "a"), "c");
	assert_null(http_fields_find(&fields, "ab"));
	http_fields_free(&fields);
}

/* ------------------------------------------------------------------ targets */

static const struct target_row {
	const char *raw, *path;		/* NULL: it is refused */
	const char *query;		/* as name=value; */
} target_rows[] = {
	{ "/", "/", "" },
	{ "/a/b/", "/a/b/", "" },
	{ "/a.b/...", "/a.b/...", "" },
	{ "/%61%2Bb", "/a+b", "" },
	{ "/\x25" "c3%bc", "/\xc3\xbc", "" },
	{ "/?", "/", "" },
	{ "/?a", "/", "a=;" },
	{ "/?a=b=c&d=%26%3d%2F", "/", "a=b=c;d=&=/;" },
	{ "/?a=1&%61=2", NULL, NULL },
	{ "/?=1", NULL, NULL },
	{ "/?a&&b", NULL, NULL },
	{ "/?a=%", NULL, NULL },
	{ "/?a=%0d", NULL, NULL },
	{ "", NULL, NULL },
	{ "a", NULL, NULL },
	{ "?a", NULL, NULL },
	{ "//", NULL, NULL },
	{ "/a//b", NULL, NULL },
	{ "/.", NULL, NULL },
	{ "/..", NULL, NULL },
	{ "/a/%2E./b", NULL, NULL },
	{ "/%2f", NULL, NULL },
	{ "/%", NULL, NULL },
	{ "/%4", NULL, NULL },
	{ "/%gg", NULL, NULL },
	{ "/%00", NULL, NULL },
	{ "/%7f", NULL, NULL },
	{ "/%ff", NULL, NULL },
	{ "/%ed%a0%80", NULL, NULL },
	{ "/a b", NULL, NULL },
	{ "/a\\b", NULL, NULL },
	{ "/a#b", NULL, NULL },
	{ "/\xc3\xbc", NULL, NULL },
};

static void target_check(const struct target_row *row)
{
	char *text = strdup(row->raw), query[256] = "";
	struct http_target target;
	const struct http_problem *problem = http_target_parse(text, strlen(text), &target);
	size_t i, used = 0;

	if (!row->path != !!problem)
		fail_msg("%s: %s", row->raw, problem ? problem->detail : "is fine");
	if (!problem) {
		assert_string_equal(target.path, row->path);
		for (i = 0; i < target.query_count; i++)
			used += snprintf(query + used, sizeof(query) - used, "%s=%s;",
					 target.query[i].name, target.query[i].value);
		assert_string_equal(query, row->query);
	}
	free(text);
}

static void test_targets(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(target_rows) / sizeof(target_rows[0]); i++)
		target_check(&target_rows[i]);
}

/* ------------------------------------------------------------ and the others */

static http_prefix prefix_of(const char *text, const char *want)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	char got[INET6_ADDRSTRLEN];
	http_prefix prefix;

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
		prefix = http_address_read((struct sockaddr *)&four, got);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
		prefix = http_address_read((struct sockaddr *)&six, got);
	}
	assert_string_equal(got, want);
	return prefix;
}

static void test_addresses(void **state)
{
	struct http_addresses *addresses = http_addresses_new();
	http_prefix one = prefix_of("2001:db8::1", "2001:db8::1");
	http_prefix four = prefix_of("192.0.2.1", "192.0.2.1");

	(void)state;
	assert_true(one == prefix_of("2001:db8::ffff:1:2:3", "2001:db8::ffff:1:2:3"));
	assert_true(one != prefix_of("2001:db8:0:1::1", "2001:db8:0:1::1"));
	assert_true(four == prefix_of("::ffff:192.0.2.1", "192.0.2.1"));
	assert_true(four != prefix_of("192.0.2.2", "192.0.2.2"));
	assert_true(http_addresses_add(addresses, one, 2));
	assert_true(http_addresses_add(addresses, one, 2));
	assert_false(http_addresses_add(addresses, one, 2));
	assert_true(http_addresses_add(addresses, four, 1));
	assert_false(http_addresses_add(addresses, four, 1));
	http_addresses_remove(addresses, one);
	assert_true(http_addresses_add(addresses, one, 2));
	http_addresses_remove(addresses, four);
	assert_true(http_addresses_add(addresses, four, 1));
	http_addresses_free(addresses);
}

static unsigned int spend_all(struct http_bucket *bucket, const struct http_rate *rate,
			      uint64_t now)
{
	unsigned int count = 0;

	while (http_bucket_spend(bucket, rate, now))
		count++;
	return count;
}

static void test_buckets(void **state)
{
	const struct http_rate rate = { 10, 4 };
	struct http_bucket bucket;

	(void)state;
	http_bucket_fill(&bucket, &rate, 1000);
	assert_int_equal(spend_all(&bucket, &rate, 1000), 10);
	assert_int_equal(spend_all(&bucket, &rate, 1249), 0);
	assert_int_equal(spend_all(&bucket, &rate, 1250), 1);
	assert_int_equal(spend_all(&bucket, &rate, 2250), 4);
	assert_int_equal(spend_all(&bucket, &rate, 1ull << 60), 10);
	http_bucket_earn(&bucket, &rate, 3);
	assert_int_equal(spend_all(&bucket, &rate, 1ull << 60), 3);
	http_bucket_earn(&bucket, &rate, 99);
	assert_int_equal(spend_all(&bucket, &rate, 1ull << 60), 10);
}

static void test_memory(void **state)
{
	struct http_account above = { .limit = 300 };
	struct http_account account = { .limit = 200, .above = &above };
	struct http_account other = { .limit = 200, .above = &above };
	char *one, *two;

	(void)state;
	one = http_alloc(&account, 84);
	assert_non_null(one);
	assert_int_equal(account.used, 100);
	strcpy(one, "kept");
	assert_null(http_alloc(&account, 85));
	assert_null(http_alloc(&account, SIZE_MAX));
	two = http_alloc(&other, 184);
	assert_non_null(two);
	/* It fits into its own account, and not into the one above. */
	assert_null(http_alloc(&account, 1));
	assert_null(http_resize(&account, one, 85));
	assert_string_equal(one, "kept");
	http_release(&other, two);
	/* Both exist for a moment. */
	assert_null(http_resize(&account, one, 100));
	account.limit = 300;
	one = http_resize(&account, one, 100);
	assert_string_equal(one, "kept");
	http_release(&account, one);
	assert_int_equal(account.used + other.used + above.used, 0);
}

/* ------------------------------------------------------- what does not start */

static struct event_base *base;
static char directory[] = "/tmp/http-parts.XXXXXX";

static void no_handle(struct http_request *request, void *data)
{
	(void)data;
	http_reply_error(request, 404);
}

/* @config's files are names in the directory. Ends a server that starts. */
static int try(struct http_config config, const char *chain, const char *key, const char *ca,
	       struct ml_error *error)
{
	static const struct http_handler handler = { .handle = no_handle };
	char paths[3][128];
	struct http_server *server = NULL;
	int r;

	snprintf(paths[0], sizeof(paths[0]), "%s/%s", directory, chain);
	snprintf(paths[1], sizeof(paths[1]), "%s/%s", directory, key);
	snprintf(paths[2], sizeof(paths[2]), "%s/%s", directory, ca ? ca : "");
	config.files = (struct http_files){ paths[0], paths[1], ca ? paths[2] : NULL };
	r = http_server_new(base, &config, &handler, NULL, &server, error);
	assert_true(!r == !!server);
	http_server_free(server);
	return r;
}

static void assert_sentence(const struct ml_error *error, const char *part)
{
	if (!strstr(error->text, part))
		fail_msg("\"%s\" does not say \"%s\"", error->text, part);
}

static void test_files(void **state)
{
	const struct http_config config = { .listen_count = 0 };
	struct ml_error error;
	char path[128];

	(void)state;
	assert_int_equal(try(config, "server.pem", "server.key", "ca.pem", &error), 0);
	assert_int_equal(try(config, "server.pem", "server.key", NULL, &error), 0);
	assert_int_equal(try(config, "none.pem", "server.key", NULL, &error), -ENOENT);
	assert_sentence(&error, "none.pem");
	assert_int_equal(try(config, "server.key", "server.key", NULL, &error), -EBADMSG);
	assert_sentence(&error, "holds no certificate");
	assert_int_equal(try(config, "server.pem", "server.pem", NULL, &error), -EBADMSG);
	assert_sentence(&error, "not a private key");
	assert_int_equal(try(config, "server.pem", "second.key", NULL, &error), -EBADMSG);
	assert_sentence(&error, "not the private key of the server's certificate");
	assert_int_equal(try(config, "server.pem", "server.key", "node.key", &error), -EBADMSG);
	assert_sentence(&error, "holds no certificate");
	snprintf(path, sizeof(path), "%s/server.key", directory);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(try(config, "server.pem", "server.key", NULL, &error), -EACCES);
	assert_sentence(&error, "server.key");
	assert_int_equal(chmod(path, 0600), 0);
}

static int try_address(const char *address, struct ml_error *error)
{
	const struct http_config config = { .listen = &address, .listen_count = 1 };

	return try(config, "server.pem", "server.key", NULL, error);
}

static void test_listen(void **state)
{
	static const char *const bad[] = { "", "127.0.0.1", ":443", "127.0.0.1:", "[::1]", "::1:443",
					   "[127.0.0.1:1", "localhost:443", "127.0.0.1:99999",
					   "127.0.0.1:http", "256.0.0.1:1" };
	struct sockaddr_in any = { .sin_family = AF_INET };
	int sockets[2] = { socket(AF_INET, SOCK_STREAM, 0), socket(AF_UNIX, SOCK_STREAM, 0) };
	struct http_config config = { .sockets = sockets, .socket_count = 1 };
	struct ml_error error;
	size_t i;

	(void)state;
	assert_int_equal(try_address("127.0.0.1:0", &error), 0);
	assert_int_equal(try_address("[::1]:0", &error), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(try_address(bad[i], &error), -EINVAL);
	assert_int_equal(try_address("192.0.2.1:443", &error), -EADDRNOTAVAIL);
	assert_sentence(&error, "cannot listen on 192.0.2.1:443: ");
	/* They are closed, whether they are any good or not. */
	assert_int_equal(try(config, "server.pem", "server.key", NULL, &error), -EINVAL);
	assert_int_equal(fcntl(sockets[0], F_GETFD), -1);
	sockets[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(sockets[0], (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(sockets[0], 1), 0);
	config.socket_count = 2;
	assert_int_equal(try(config, "server.pem", "server.key", NULL, &error), -EINVAL);
	assert_int_equal(fcntl(sockets[0], F_GETFD), -1);
	assert_int_equal(fcntl(sockets[1], F_GETFD), -1);
}

static void test_limits_of_nothing(void **state)
{
	struct http_limits limits = http_limits_default;
	const struct http_config config = { .limits = &limits };
	struct ml_error error;

	(void)state;
	assert_int_equal(try(config, "server.pem", "server.key", NULL, &error), 0);
	limits.send_rate = 0;
	assert_int_equal(try(config, "server.pem", "server.key", NULL, &error), -EINVAL);
	limits = http_limits_default;
	limits.connection_memory = 1000;
	assert_int_equal(try(config, "server.pem", "server.key", NULL, &error), -EINVAL);
}

static int teardown(void **state)
{
	(void)state;
	event_base_free(base);
	pki_remove(directory);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	base = event_base_new();
	if (!mkdtemp(directory) || !base)
		return -1;
	pki_write(directory);
	return ml_keys_setup(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_fields_limit),
		cmocka_unit_test(test_fields_nul),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_limits_of_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
