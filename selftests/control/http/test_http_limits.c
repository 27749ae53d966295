// SPDX-License-Identifier: MIT
/*
 * What clients may make the server hold, and for how long: each limit is met by
 * somebody who stays below it, and is served, and by somebody who does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define MAGIC "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static struct toy *toy;
static struct http_limits limits;

static const struct pair post[] = { { ":method", "POST" }, { ":scheme", "https" },
				    { ":authority", "localhost" }, { ":path", "/echo" } };
static const struct pair large[] = { { ":method", "POST" }, { ":scheme", "https" },
				     { ":authority", "localhost" }, { ":path", "/large" } };

/* --------------------------------------------------------------------- time */

/* At least the limit, and not for ever. */
static void assert_took(uint64_t begin, unsigned int limit)
{
	uint64_t took = now_ms() - begin;

	assert_in_range(took, limit - limit / 10, limit + 8000);
}

static void test_slow_handshake(void **state)
{
	uint64_t begin = now_ms();
	int fd = client_socket(toy->port);
	char byte;

	(void)state;
	toy_forget(toy);
	send(fd, "\x16\x03\x01", 3, 0);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	assert_took(begin, limits.handshake_ms);
	assert_non_null(toy_says(toy, "refused slow: a handshake", WAIT_MS));
	close(fd);
}

static void test_slow_hello(void **state)
{
	uint64_t begin = now_ms();
	struct client *client = client_open(toy->port, NULL);

	(void)state;
	toy_forget(toy);
	client_send(client, MAGIC, 10);
	assert_over(toy, client, CALM, "refused slow: no HTTP/2");
	assert_took(begin, limits.header_ms);
}

static void test_slow_fields(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	uint8_t block[65536];
	uint64_t begin;
	size_t length;

	(void)state;
	toy_forget(toy);
	/* That something else goes on is no excuse. */
	client_get(client, 1, "/wait");
	length = client_block(client, post, 4, block);
	begin = now_ms();
	client_frame(client, HEADERS, END_STREAM, 3, block, length);
	assert_over(toy, client, CALM, "refused slow: fields");
	assert_took(begin, limits.header_ms);
	assert_non_null(toy_says(toy, "gone", WAIT_MS));
}

static void test_slow_body(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	struct answer answer;
	uint64_t begin = now_ms();

	(void)state;
	toy_forget(toy);
	client_headers(client, 1, 0, post, 4);
	client_frame(client, DATA, 0, 1, "a", 1);
	client_answer(client, 1, &answer, WAIT_MS);
	assert_int_equal(answer.status, 408);
	assert_took(begin, limits.body_ms);
	assert_non_null(toy_says(toy, "refused slow: a body", WAIT_MS));
	assert_served(client, 3);
	client_close(client);
}

static void test_slow_reader(void **state)
{
	static const uint8_t no_window[] = { 0, 4, 0, 0, 0, 0 };
	struct client *client = client_greet(toy->port, NULL);
	uint64_t begin;

	(void)state;
	toy_forget(toy);
	client_frame(client, SETTINGS, 0, 0, no_window, sizeof(no_window));
	client_get(client, 1, "/copy?1000");
	begin = now_ms();
	assert_over(toy, client, CALM, "refused slow: replies");
	assert_took(begin, limits.send_ms);
}

static void test_idle(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	uint64_t begin;

	(void)state;
	toy_forget(toy);
	assert_served(client, 1);
	begin = now_ms();
	assert_over(toy, client, NO_ERROR, NULL);
	assert_took(begin, limits.idle_ms);
	assert_int_equal(toy_count(toy, "refused"), 0);
}

/* Longer than any limit: a request that waits is not slow. */
static void test_waiting_is_allowed(void **state)
{
	struct client *client = client_greet(toy->port, NULL), *other;
	struct answer answer;

	(void)state;
	toy_forget(toy);
	client_get(client, 1, "/wait");
	client_answer(client, 1, &answer, (int)(limits.idle_ms + limits.send_ms));
	assert_false(answer.closed);
	assert_false(answer.goaway);
	other = client_greet(toy->port, NULL);
	client_get(other, 1, "/wake");
	client_answer(client, 1, &answer, WAIT_MS);
	assert_string_equal(answer.text, "woken");
	client_close(client);
	client_close(other);
}

static void test_backlog(void **state)
{
	static const uint8_t no_window[] = { 0, 4, 0, 0, 0, 0 };
	uint64_t until = now_ms() + WAIT_MS;
	struct client *client;
	struct toy_usage usage;
	uint32_t i;

	(void)state;
	assert_nothing_left(toy, 0);
	client = client_greet(toy->port, NULL);
	toy_forget(toy);
	client_frame(client, SETTINGS, 0, 0, no_window, sizeof(no_window));
	for (i = 0; i < 6; i++)
		client_get(client, 2 * i + 1, "/copy?100000");
	client_get(client, 13, "/hello");
	while (!toy_count(toy, "handled /hello"))
		assert_true(now_ms() < until);
	assert_int_equal(toy_count(toy, "refused memory: "), 4);
	toy_usage(toy, &usage);
	assert_in_range(usage.memory, 200000, limits.backlog_bytes + 150000);
	client_close(client);
	toy_forget(toy);
	toy_usage(toy, &usage);
	assert_int_equal(usage.requests, 0);
}

static void test_memory(void **state)
{
	struct client *one, *two;
	struct answer answer;

	(void)state;
	assert_nothing_left(toy, 0);
	one = client_greet(toy->port, NULL);
	two = client_greet(toy->port, NULL);
	toy_forget(toy);
	client_headers(one, 1, 0, large, 4);
	assert_true(client_body(one, 1, 1000000));
	client_headers(two, 1, 0, large, 4);
	assert_false(client_body(two, 1, 1000000));
	assert_non_null(toy_says(toy, "refused memory: ", WAIT_MS));
	/* Who was there first is served, and then others are again. */
	client_frame(one, DATA, END_STREAM, 1, NULL, 0);
	client_answer(one, 1, &answer, WAIT_MS);
	assert_string_equal(answer.text, "1000000");
	client_close(one);
	client_headers(two, 3, 0, large, 4);
	client_frame(two, DATA, END_STREAM, 3, "abc", 3);
	client_answer(two, 3, &answer, WAIT_MS);
	assert_string_equal(answer.text, "3");
	client_close(two);
}

/* -------------------------------------------------------------- connections */

static void test_connections(void **state)
{
	struct http_limits more = limits;
	struct client *clients[64];
	struct toy *own;
	unsigned int i, count = 0;

	(void)state;
	/* They are idle for as long as it takes to connect all of them. */
	more.idle_ms = more.header_ms = 10 * WAIT_MS;
	own = toy_start(&more);
	for (i = 0; i < limits.connections_address; i++)
		clients[count++] = client_greet(own->port, NULL);
	assert_int_equal(toy_count(own, "refused"), 0);
	assert_null(client_open(own->port, NULL));
	assert_non_null(toy_says(own, "refused address: ", WAIT_MS));
	client_source = "127.0.0.2";
	while (count < limits.connections)
		clients[count++] = client_greet(own->port, NULL);
	client_source = "127.0.0.3";
	assert_null(client_open(own->port, NULL));
	assert_non_null(toy_says(own, "refused connections: ", WAIT_MS));
	client_source = "127.0.0.1";
	/* A place that is given back can be taken. */
	client_close(clients[0]);
	assert_nothing_left(own, limits.connections - 1);
	clients[0] = client_greet(own->port, NULL);
	assert_served(clients[0], 1);
	while (count)
		client_close(clients[--count]);
	assert_nothing_left(own, 0);
	toy_end(own);
}

static int setup(void **state)
{
	(void)state;
	limits = limits_small();
	toy = toy_start(&limits);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	toy_end(toy);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_handshake),
		cmocka_unit_test(test_slow_hello),
		cmocka_unit_test(test_slow_fields),
		cmocka_unit_test(test_slow_body),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_waiting_is_allowed),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_connections),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
