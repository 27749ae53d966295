// SPDX-License-Identifier: MIT
/*
 * Requests with two meanings, or none. Each goes over a connection of its own, is
 * refused as the row says, is reported, and never reaches the handler; a good
 * request over the same connection then does, or the connection is over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define M { ":method", "GET" }
#define POST { ":method", "POST" }
#define S { ":scheme", "https" }
#define A { ":authority", "localhost" }
#define P { ":path", "/hello" }
#define ECHO { ":path", "/echo" }

struct row {
	const char *name;
	struct pair pairs[8];
	const char *data;		/* one DATA frame, with END_STREAM; NULL: none */
	unsigned int status;		/* the answer; 0: the stream is reset */
	const char *reported;		/* by what begins so */
};

static const char unsent[] = "a body that is announced, and does not come";

#define MALFORMED "refused malformed: "

static const struct row rows[] = {
	/* positive controls, which show that the rest is refused for what it says */
	{ "control: a good request", { M, S, A, P }, NULL, 200, NULL },
	{ "control: a good body", { POST, S, A, ECHO, { "content-length", "3" } }, "abc", 200,
	  NULL },
	{ "control: host instead of authority", { M, S, P, { "host", "localhost" } }, NULL, 200,
	  NULL },
	{ "control: te: trailers", { M, S, A, P, { "te", "trailers" } }, NULL, 200, NULL },

	/* smuggling: where a body ends */
	{ "content-length twice, different", { POST, S, A, ECHO, { "content-length", "3" },
	  { "content-length", "30" } }, "abc", 0, MALFORMED },
	{ "content-length twice, the same", { POST, S, A, ECHO, { "content-length", "3" },
	  { "content-length", "3" } }, "abc", 0, MALFORMED },
	{ "content-length as a list", { POST, S, A, ECHO, { "content-length", "3, 3" } }, "abc",
	  0, MALFORMED },
	{ "content-length with a sign", { POST, S, A, ECHO, { "content-length", "+3" } }, "abc",
	  0, MALFORMED },
	{ "content-length in hexadecimal", { POST, S, A, ECHO, { "content-length", "0x3" } },
	  "abc", 0, MALFORMED },
	{ "content-length beyond 2^64", { POST, S, A, ECHO,
	  { "content-length", "18446744073709551619" } }, "abc", 0, MALFORMED },
	{ "content-length of nothing", { POST, S, A, ECHO, { "content-length", "" } }, "abc", 0,
	  MALFORMED },
	{ "content-length beyond the body", { POST, S, A, ECHO, { "content-length", "5" } },
	  "abc", 0, MALFORMED },
	{ "content-length within the body", { POST, S, A, ECHO, { "content-length", "2" } },
	  "abc", 0, MALFORMED },
	{ "content-length without a body", { POST, S, A, ECHO, { "content-length", "3" } }, NULL,
	  0, MALFORMED },
	{ "transfer-encoding", { POST, S, A, ECHO, { "transfer-encoding", "chunked" } }, "0\r\n",
	  0, MALFORMED },
	{ "transfer-encoding and content-length", { POST, S, A, ECHO, { "content-length", "3" },
	  { "transfer-encoding", "chunked" } }, "abc", 0, MALFORMED },

	/* fields of a connection */
	{ "connection", { M, S, A, P, { "connection", "close" } }, NULL, 0, MALFORMED },
	{ "keep-alive", { M, S, A, P, { "keep-alive", "1" } }, NULL, 0, MALFORMED },
	{ "proxy-connection", { M, S, A, P, { "proxy-connection", "close" } }, NULL, 0,
	  MALFORMED },
	{ "upgrade", { M, S, A, P, { "upgrade", "h2c" } }, NULL, 0, MALFORMED },
	{ "te: gzip", { M, S, A, P, { "te", "gzip" } }, NULL, 0, MALFORMED },

	/* bytes that would be a line of HTTP/1.1 */
	{ "CR LF in a value", { M, S, A, P, { "x-a", "a\r\nx-b: c" } }, NULL, 0, MALFORMED },
	{ "LF in a value", { M, S, A, P, { "x-a", "a\nb" } }, NULL, 0, MALFORMED },
	{ "CR in a value", { M, S, A, P, { "x-a", "a\rb" } }, NULL, 0, MALFORMED },
	{ "space around a value", { M, S, A, P, { "x-a", " a" } }, NULL, 0, MALFORMED },
	{ "a colon in a name", { M, S, A, P, { "x-a: b", "c" } }, NULL, 0, MALFORMED },
	{ "a space in a name", { M, S, A, P, { "x a", "c" } }, NULL, 0, MALFORMED },
	{ "CR LF in a name", { M, S, A, P, { "x-a: b\r\nx", "c" } }, NULL, 0, MALFORMED },
	{ "a name of nothing", { M, S, A, P, { "", "c" } }, NULL, 0, MALFORMED },
	{ "an upper-case name", { M, S, A, P, { "X-A", "c" } }, NULL, 0, MALFORMED },
	{ "CR LF in the path", { M, S, A, { ":path", "/hello HTTP/1.1\r\nx: y" } }, NULL, 0,
	  MALFORMED },
	{ "CR LF in the method", { { ":method", "GET / HTTP/1.1\r\nx: y" }, S, A, P }, NULL, 0,
	  MALFORMED },
	{ "a field that is no UTF-8", { M, S, A, P, { "x-a", "\xff" } }, NULL, 0, MALFORMED },

	/* pseudo-headers */
	{ "one behind a field", { M, S, A, { "x-a", "b" }, P }, NULL, 0, MALFORMED },
	{ "no method", { S, A, P }, NULL, 0, MALFORMED },
	{ "no scheme", { M, A, P }, NULL, 0, MALFORMED },
	{ "no path", { M, S, A }, NULL, 0, MALFORMED },
	{ "no host", { M, S, P }, NULL, 0, MALFORMED },
	{ "two methods", { M, POST, S, A, P }, NULL, 0, MALFORMED },
	{ "two schemes", { M, S, S, A, P }, NULL, 0, MALFORMED },
	{ "two authorities", { M, S, A, A, P }, NULL, 0, MALFORMED },
	{ "two paths", { M, S, A, P, P }, NULL, 0, MALFORMED },
	{ "one of a reply", { M, S, A, P, { ":status", "200" } }, NULL, 0, MALFORMED },
	{ "one that nobody knows", { M, S, A, P, { ":what", "a" } }, NULL, 0, MALFORMED },
	{ "a protocol", { { ":method", "CONNECT" }, S, A, P, { ":protocol", "websocket" } },
	  NULL, 0, MALFORMED },
	{ "CONNECT", { { ":method", "CONNECT" }, A }, NULL, 501, MALFORMED },
	{ "a method that nobody knows", { { ":method", "BREW" }, S, A, P }, NULL, 501,
	  MALFORMED },
	{ "a method in lower case", { { ":method", "get" }, S, A, P }, NULL, 501, MALFORMED },
	{ "another scheme", { M, { ":scheme", "http" }, A, P }, NULL, 400, MALFORMED },
	{ "two hosts", { M, S, A, P, { "host", "elsewhere" } }, NULL, 400, MALFORMED },
	{ "host twice", { M, S, P, { "host", "localhost" }, { "host", "elsewhere" } }, NULL, 0,
	  MALFORMED },
	{ "a user in the host", { M, S, { ":authority", "localhost@elsewhere" }, P }, NULL, 400,
	  MALFORMED },

	/* fields that may occur once */
	{ "authorization twice", { M, S, A, P, { "authorization", "a" },
	  { "authorization", "b" } }, NULL, 0, MALFORMED },
	{ "content-type twice", { M, S, A, P, { "content-type", "a/b" },
	  { "content-type", "c/d" } }, NULL, 0, MALFORMED },
	{ "an expectation", { POST, S, A, ECHO, { "expect", "100-continue" } }, "abc", 417,
	  MALFORMED },

	/* paths */
	{ "absolute form", { M, S, A, { ":path", "https://localhost/hello" } }, NULL, 0,
	  MALFORMED },
	{ "no slash", { M, S, A, { ":path", "hello" } }, NULL, 0, MALFORMED },
	{ "a path of nothing", { M, S, A, { ":path", "" } }, NULL, 0, MALFORMED },
	{ "an asterisk", { { ":method", "OPTIONS" }, S, A, { ":path", "*" } }, NULL, 400,
	  MALFORMED },
	{ "%00", { M, S, A, { ":path", "/hello%00" } }, NULL, 400, MALFORMED },
	{ "%00 in the query", { M, S, A, { ":path", "/query?a=%00" } }, NULL, 400, MALFORMED },
	{ "%0a", { M, S, A, { ":path", "/hello%0a" } }, NULL, 400, MALFORMED },
	{ "dots", { M, S, A, { ":path", "/a/../hello" } }, NULL, 400, MALFORMED },
	{ "one dot", { M, S, A, { ":path", "/./hello" } }, NULL, 400, MALFORMED },
	{ "encoded dots", { M, S, A, { ":path", "/%2e%2E/hello" } }, NULL, 400, MALFORMED },
	{ "an encoded slash", { M, S, A, { ":path", "/a%2fhello" } }, NULL, 400, MALFORMED },
	{ "two slashes", { M, S, A, { ":path", "//hello" } }, NULL, 400, MALFORMED },
	{ "half a percent", { M, S, A, { ":path", "/hello%4" } }, NULL, 400, MALFORMED },
	{ "no UTF-8", { M, S, A, { ":path", "/%c3%28" } }, NULL, 400, MALFORMED },
	{ "an overlong slash", { M, S, A, { ":path", "/%c0%af" } }, NULL, 400, MALFORMED },
	{ "a fragment", { M, S, A, { ":path", "/hello#a" } }, NULL, 400, MALFORMED },
	{ "a name twice in the query", { M, S, A, { ":path", "/query?a=1&a=2" } }, NULL, 400,
	  MALFORMED },

	/* sizes */
	{ "a body beyond the limit, announced", { POST, S, A, ECHO,
	  { "content-length", "65537" } }, unsent, 413, "refused body: " },
	{ "control: its own limit", { POST, S, A, { ":path", "/large" },
	  { "content-length", "3" } }, "abc", 200, NULL },
	{ "and not more", { POST, S, A, { ":path", "/large" }, { "content-length", "1048577" } },
	  unsent, 413, "refused body: " },

	/* the handler's own mistakes */
	{ "nothing done", { M, S, A, { ":path", "/forgotten" } }, NULL, 500, NULL },
	{ "a line break in a reply", { M, S, A, { ":path", "/unsound" } }, NULL, 500, NULL },
	{ "refused before the body", { POST, S, A, { ":path", "/early" } }, "abc", 401, NULL },
};

static struct toy *toy;

static size_t pairs_count(const struct row *row)
{
	size_t count = 0;

	while (count < 8 && row->pairs[count].name)
		count++;
	return count;
}

static void row_send(struct client *client, const struct row *row)
{
	size_t count = pairs_count(row);

	client_headers(client, 1, row->data ? 0 : END_STREAM, row->pairs, count);
	if (row->data && row->data != unsent)
		client_frame(client, DATA, END_STREAM, 1, row->data, strlen(row->data));
}

static void refusal_check(const struct row *row, const struct answer *answer)
{
	char handled[32];

	if (row->status) {
		assert_string_equal(answer->type, "application/problem+json");
		assert_non_null(strstr(answer->text, "{\"status\":"));
	} else {
		assert_true(answer->reset);
		assert_int_equal(answer->code, PROTOCOL_ERROR);
	}
	assert_non_null(toy_says(toy, row->reported, WAIT_MS));
	assert_int_equal(toy_count(toy, "refused "), 0);
	snprintf(handled, sizeof(handled), "handled /");
	assert_int_equal(toy_count(toy, handled), 0);
}

static void probe(void **state)
{
	const struct row *row = *state;
	struct client *client = client_greet(toy->port, NULL);
	struct answer answer;

	toy_forget(toy);
	row_send(client, row);
	client_answer(client, 1, &answer, WAIT_MS);
	assert_int_equal(answer.status, row->status);
	assert_false(answer.goaway);
	if (row->reported)
		refusal_check(row, &answer);
	/* The connection is as good as before. */
	client_get(client, 3, "/hello");
	client_answer(client, 3, &answer, WAIT_MS);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.text, "hello");
	assert_non_null(toy_says(toy, "handled /hello", WAIT_MS));
	client_close(client);
}

/* ------------------------------------------------------- what has two frames */

static const struct pair post[] = { POST, S, A, ECHO };

static void connection_is_over(struct client *client, const char *reported)
{
	struct answer answer;

	client_answer(client, 99, &answer, WAIT_MS);
	assert_true(answer.goaway);
	assert_true(answer.closed);
	assert_non_null(toy_says(toy, reported, WAIT_MS));
	client_close(client);
}

static void test_trailers(void **state)
{
	static const struct pair trailer = { "content-length", "1" };
	struct client *client = client_greet(toy->port, NULL);
	struct answer answer;

	(void)state;
	toy_forget(toy);
	client_headers(client, 1, 0, post, 4);
	client_frame(client, DATA, 0, 1, "abc", 3);
	client_headers(client, 1, END_STREAM, &trailer, 1);
	client_answer(client, 1, &answer, WAIT_MS);
	assert_true(answer.reset);
	assert_non_null(toy_says(toy, MALFORMED, WAIT_MS));
	assert_int_equal(toy_count(toy, "handled /echo"), 0);
	client_close(client);
}

static void test_body_beyond_limit(void **state)
{
	static const char bytes[16384];
	struct client *client = client_greet(toy->port, NULL);
	struct answer answer;
	int i;

	(void)state;
	toy_forget(toy);
	client_headers(client, 1, 0, post, 4);
	for (i = 0; i < 3; i++)
		client_frame(client, DATA, 0, 1, bytes, sizeof(bytes));
	/* The client is not finished: it must be told all the same. */
	client_frame(client, DATA, 0, 1, bytes, 16383);
	client_frame(client, DATA, 0, 1, "ab", 2);
	client_answer(client, 1, &answer, WAIT_MS);
	assert_int_equal(answer.status, 413);
	assert_non_null(toy_says(toy, "refused body: ", WAIT_MS));
	assert_int_equal(toy_count(toy, "handled /echo"), 0);
	client_close(client);
}

static void test_body_within_limit(void **state)
{
	static const char bytes[16384];
	struct client *client = client_greet(toy->port, NULL);
	struct answer answer;
	int i;

	(void)state;
	client_headers(client, 1, 0, post, 4);
	for (i = 0; i < 3; i++)
		client_frame(client, DATA, 0, 1, bytes, sizeof(bytes));
	/* The rest does not fit into the window of 65535 before the server opens it. */
	client_frame(client, DATA, 0, 1, bytes, 16383);
	client_frame(client, DATA, END_STREAM, 1, "a", 1);
	client_answer(client, 1, &answer, WAIT_MS);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.length, 65536);
	client_close(client);
}

static void test_another_stream_within_fields(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	uint8_t block[65536];
	size_t length = client_block(client, post, 4, block);

	(void)state;
	toy_forget(toy);
	client_frame(client, HEADERS, END_STREAM, 1, block, length);
	client_get(client, 3, "/hello");
	connection_is_over(client, "refused protocol: ");
	assert_int_equal(toy_count(toy, "handled "), 0);
}

static void test_even_stream(void **state)
{
	struct client *client = client_greet(toy->port, NULL);

	(void)state;
	toy_forget(toy);
	client_get(client, 2, "/hello");
	connection_is_over(client, "refused protocol: ");
	assert_int_equal(toy_count(toy, "handled "), 0);
}

static void test_stream_again(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	struct answer answer;

	(void)state;
	client_get(client, 3, "/hello");
	client_answer(client, 3, &answer, WAIT_MS);
	assert_int_equal(answer.status, 200);
	toy_forget(toy);
	client_get(client, 1, "/hello");
	client_answer(client, 1, &answer, 300);
	assert_int_equal(answer.status, 0);
	assert_int_equal(toy_count(toy, "handled "), 0);
	client_close(client);
}

static void test_frame_too_large(void **state)
{
	static const char bytes[16385];
	struct client *client = client_greet(toy->port, NULL);

	(void)state;
	toy_forget(toy);
	client_headers(client, 1, 0, post, 4);
	client_frame(client, DATA, 0, 1, bytes, sizeof(bytes));
	connection_is_over(client, "refused protocol: ");
}

static void test_http1(void **state)
{
	static const char request[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct client *client = client_open(toy->port, NULL);

	(void)state;
	toy_forget(toy);
	client_send(client, request, sizeof(request) - 1);
	connection_is_over(client, "refused protocol: ");
	assert_int_equal(toy_count(toy, "handled "), 0);
}

static void test_bad_compression(void **state)
{
	static const uint8_t block[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct client *client = client_greet(toy->port, NULL);

	(void)state;
	toy_forget(toy);
	client_frame(client, HEADERS, END_HEADERS | END_STREAM, 1, block, sizeof(block));
	connection_is_over(client, "refused protocol: ");
}

/* ------------------------------------------------------------ what is joined */

static void assert_head(const struct pair *more, size_t count, const char *path,
			const char *want)
{
	struct client *client = client_greet(toy->port, NULL);
	struct pair pairs[8] = { M, S, A, { ":path", path } };
	struct answer answer;

	memcpy(pairs + 4, more, count * sizeof(*more));
	client_headers(client, 1, END_STREAM, pairs, 4 + count);
	client_answer(client, 1, &answer, WAIT_MS);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.text, want);
	client_close(client);
}

static void test_joined(void **state)
{
	static const struct pair cookies[] = { { "cookie", "a=1" }, { "cookie", "b=2" },
					       { "accept", "x/y" }, { "cookie", "c=3" } };
	static const struct pair accepts[] = { { "accept", "a/b" }, { "x", "y" },
					       { "accept", "c/d" } };

	(void)state;
	assert_head(cookies, 4, "/head?cookie", "a=1; b=2; c=3");
	assert_head(cookies, 4, "/head?accept", "x/y");
	assert_head(accepts, 3, "/head?accept", "a/b, c/d");
	assert_head(accepts, 3, "/head?x", "y");
	assert_head(accepts, 0, "/head?x", "(none)");
	assert_head(accepts, 0, "/head?:authority", "localhost");
	assert_head(accepts, 0, "/query?a=%c3%bc&b=1+2&%20", "a=\xc3\xbc;b=1+2; =;");
}

static int setup(void **state)
{
	(void)state;
	toy = toy_start(NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	toy_end(toy);
	return 0;
}

#define COUNT (sizeof(rows) / sizeof(rows[0]))

int main(void)
{
	static const struct CMUnitTest more[] = {
		cmocka_unit_test(test_trailers),
		cmocka_unit_test(test_body_beyond_limit),
		cmocka_unit_test(test_body_within_limit),
		cmocka_unit_test(test_another_stream_within_fields),
		cmocka_unit_test(test_even_stream),
		cmocka_unit_test(test_stream_again),
		cmocka_unit_test(test_frame_too_large),
		cmocka_unit_test(test_http1),
		cmocka_unit_test(test_bad_compression),
		cmocka_unit_test(test_joined),
	};
	static struct CMUnitTest tests[COUNT + sizeof(more) / sizeof(more[0])];
	size_t i;

	for (i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ rows[i].name, probe, NULL, NULL,
						(void *)&rows[i] };
	memcpy(tests + COUNT, more, sizeof(more));
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
