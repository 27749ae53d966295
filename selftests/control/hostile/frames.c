// SPDX-License-Identifier: MIT
/*
 * Clients without manners, at merlon-control itself, whose port is in $HOSTILE_PORT: what
 * selftests/control/http promises of the HTTP core with limits of its own holds of the
 * server with those that it has. Whatever somebody does, somebody else is served.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

#define MANY	40		/* connections that are slow at a time */
#define BURST	1024		/* four times what http_limits_default lets pass of anything */

static uint16_t port;
static int patience = 1;	/* $MERLON_PATIENCE */

static const char *const own = "127.4.0.1", *const others = "127.4.0.2";

static void assert_others_served(void)
{
	struct client *client;
	struct answer answer;

	client_source = others;
	client = client_greet(port, NULL);
	client_get(client, 1, "/v1/health");
	client_answer(client, 1, &answer, WAIT_MS * patience);
	assert_int_equal(answer.status, 200);
	client_close(client);
	client_source = own;
}

static void assert_calmed(struct client *client)
{
	struct answer answer;

	client_answer(client, 9999, &answer, WAIT_MS * patience);
	assert_true(answer.goaway || answer.closed);
	if (answer.goaway)
		assert_int_equal(answer.code, CALM);
	assert_true(answer.closed);
	client_close(client);
}

/* ------------------------------------------------------------ with two meanings */

#define POST { ":method", "POST" }, { ":scheme", "https" }, { ":authority", "localhost" }
#define PATH { ":path", "/v1/challenge" }

struct row {
	const char *name;
	struct pair pairs[7];
	unsigned int status;		/* 0: the stream is reset */
};

static const struct row rows[] = {
	{ "control: a good request", { POST, PATH, { "content-length", "2" } }, 200 },
	{ "content-length twice, different", { POST, PATH, { "content-length", "2" },
	  { "content-length", "20" } }, 0 },
	{ "content-length twice, the same", { POST, PATH, { "content-length", "2" },
	  { "content-length", "2" } }, 0 },
	{ "content-length as a list", { POST, PATH, { "content-length", "2, 2" } }, 0 },
	{ "content-length with a sign", { POST, PATH, { "content-length", "+2" } }, 0 },
	{ "content-length beyond the body", { POST, PATH, { "content-length", "3" } }, 0 },
	{ "content-length within the body", { POST, PATH, { "content-length", "1" } }, 0 },
	{ "transfer-encoding", { POST, PATH, { "transfer-encoding", "chunked" } }, 0 },
	{ "transfer-encoding and content-length", { POST, PATH, { "content-length", "2" },
	  { "transfer-encoding", "chunked" } }, 0 },
	{ "a field of a connection", { POST, PATH, { "connection", "close" } }, 0 },
	{ "CR LF in a value", { POST, PATH, { "user-agent", "a\r\nx: y" } }, 0 },
	{ "an upper-case name", { POST, PATH, { "X-A", "b" } }, 0 },
	{ "two paths", { POST, PATH, PATH }, 0 },
	{ "a path that climbs", { POST, { ":path", "/v1/../v1/challenge" } }, 400 },
	{ "a path with an escaped slash", { POST, { ":path", "/v1%2fchallenge" } }, 400 },
	{ "a body that is announced to be too large", { POST, PATH,
	  { "content-length", "100000" } }, 413 },
	{ "two authorizations", { POST, PATH, { "authorization", "Bearer a" },
	  { "authorization", "Bearer b" } }, 0 },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	struct client *client = client_greet(port, NULL);
	struct answer answer;
	size_t count = 0;

	while (count < 7 && row->pairs[count].name)
		count++;
	client_headers(client, 1, 0, row->pairs, count);
	/* What is said to be too large is answered before it comes. */
	if (row->status != 413)
		client_frame(client, DATA, END_STREAM, 1, "{}", 2);
	client_answer(client, 1, &answer, WAIT_MS * patience);
	assert_int_equal(answer.status, row->status);
	if (!row->status)
		assert_true(answer.reset || answer.goaway);
	client_close(client);
	assert_others_served();
}

/* --------------------------------------------------------------------- floods */

static void send_ping(struct client *client, uint32_t i)
{
	(void)i;
	client_frame(client, PING, 0, 0, "12345678", 8);
}

static void send_settings(struct client *client, uint32_t i)
{
	(void)i;
	client_frame(client, SETTINGS, 0, 0, NULL, 0);
}

static void send_priority(struct client *client, uint32_t i)
{
	client_frame(client, PRIORITY, 0, 2 * i + 1001, "\0\0\0\0\1", 5);
}

static void send_empty_data(struct client *client, uint32_t i)
{
	static const struct pair pairs[] = { POST, PATH };

	if (!i)
		client_headers(client, 1, 0, pairs, 4);
	client_frame(client, DATA, 0, 1, NULL, 0);
}

/* CVE-2023-44487: each of them would be work for a thread. */
static void send_rapid_reset(struct client *client, uint32_t i)
{
	client_get(client, 2 * i + 1, "/v1/roots?after=0");
	client_frame(client, RST_STREAM, 0, 2 * i + 1, "\0\0\0\10", 4);
}

/* CVE-2024-27316 */
static void send_continuation(struct client *client, uint32_t i)
{
	static uint8_t block[65536];
	static const struct pair pairs[] = { POST, PATH };

	if (!i)
		client_frame(client, HEADERS, END_STREAM, 1, block,
			     client_block(client, pairs, 4, block));
	else
		client_frame(client, CONTINUATION, 0, 1, "\0\1x\1y", 5);
}

static const struct flood {
	const char *name;
	void (*send)(struct client *client, uint32_t i);
} floods[] = {
	{ "flood: PING", send_ping }, { "flood: SETTINGS", send_settings },
	{ "flood: PRIORITY", send_priority }, { "flood: empty DATA", send_empty_data },
	{ "flood: rapid reset", send_rapid_reset }, { "flood: CONTINUATION", send_continuation },
};

static void test_flood(void **state)
{
	const struct flood *flood = *state;
	struct client *client = client_greet(port, NULL);
	uint32_t i;

	for (i = 0; i < BURST; i++)
		flood->send(client, i);
	assert_calmed(client);
	assert_others_served();
}

/* -------------------------------------------------------------------- too large */

static void test_fields(void **state)
{
	static char value[15000 + 1];
	const struct pair pairs[] = { { ":method", "GET" }, { ":scheme", "https" },
				      { ":authority", "localhost" }, { ":path", "/v1/health" },
				      { "x-long", value }, { "x-more", value } };
	struct client *client = client_greet(port, NULL);
	struct answer answer;

	(void)state;
	memset(value, '~', sizeof(value) - 1);
	client_headers(client, 1, END_STREAM, pairs, 5);
	client_answer(client, 1, &answer, WAIT_MS * patience);
	assert_int_equal(answer.status, 200);
	value[8000] = 0;
	client_headers(client, 3, END_STREAM, pairs, 6);
	client_answer(client, 3, &answer, WAIT_MS * patience);
	assert_int_equal(answer.status, 200);
	value[8000] = '~';
	value[8120] = 0;
	client_headers(client, 5, END_STREAM, pairs, 6);
	client_answer(client, 5, &answer, WAIT_MS * patience);
	assert_int_equal(answer.status, 431);
	client_close(client);
	assert_others_served();
}

/* Arrays in arrays, and objects in objects, as deep as a body lets. */
static void test_depth(void **state)
{
	static const struct pair pairs[] = { POST, { ":path", "/v1/policy" } };
	static const char *const nested[] = { "[", "{\"a\":" };
	static char body[16000];
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct client *client = client_greet(port, NULL);
		size_t length = strlen(nested[i]);

		for (size_t at = 0; at + length <= sizeof(body); at += length)
			memcpy(body + at, nested[i], length);
		client_headers(client, 1, 0, pairs, 4);
		client_frame(client, DATA, END_STREAM, 1, body, sizeof(body) / length * length);
		client_answer(client, 1, &answer, WAIT_MS * patience);
		assert_int_equal(answer.status, 400);
		client_close(client);
	}
	assert_others_served();
}

/* ------------------------------------------------------------------------ slow */

static void assert_closed(int fd, uint64_t until)
{
	struct pollfd at = { .fd = fd, .events = POLLIN };
	char bytes[256];
	int left;

	do {
		left = (int)(until - now_ms());
		assert_true(left > 0 && poll(&at, 1, left) > 0);
	} while (read(fd, bytes, sizeof(bytes)) > 0);
	close(fd);
}

/* Half of them never begin their handshake; the others never end their fields. */
static void test_slow(void **state)
{
	static struct client *clients[MANY];
	uint64_t until = now_ms() + 30000 * (uint64_t)patience;
	int fds[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		fds[i] = client_socket(port);
		assert_true(fds[i] >= 0);
		clients[i] = client_greet(port, NULL);
		client_frame(clients[i], HEADERS, END_STREAM, 1, "\x20\x82", 2);
	}
	assert_others_served();
	for (int i = 0; i < MANY; i++) {
		assert_closed(fds[i], until);
		assert_calmed(clients[i]);
	}
	assert_others_served();
}

static void test_slow_body(void **state)
{
	static const struct pair pairs[] = { POST, { ":path", "/v1/policy" } };
	struct client *client = client_greet(port, NULL);
	struct answer answer;

	(void)state;
	client_headers(client, 1, 0, pairs, 4);
	client_frame(client, DATA, 0, 1, "{", 1);
	assert_others_served();
	client_answer(client, 1, &answer, 30000 * patience);
	assert_int_equal(answer.status, 408);
	client_close(client);
}

/* 256 connections of one address. */
static void test_connections(void **state)
{
	int fds[300];

	(void)state;
	for (int i = 0; i < 300; i++)
		fds[i] = client_socket(port);
	assert_closed(fds[299], now_ms() + 5000 * (uint64_t)patience);
	assert_others_served();
	for (int i = 0; i < 299; i++)
		close(fds[i]);
}

#define ROWS (sizeof(rows) / sizeof(rows[0]))
#define FLOODS (sizeof(floods) / sizeof(floods[0]))

int main(void)
{
	static const struct CMUnitTest more[] = {
		cmocka_unit_test(test_fields), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_slow), cmocka_unit_test(test_slow_body),
		cmocka_unit_test(test_connections),
	};
	static struct CMUnitTest tests[ROWS + FLOODS + sizeof(more) / sizeof(more[0])];
	const char *given = getenv("HOSTILE_PORT"), *text = getenv("MERLON_PATIENCE");

	if (!given)
		return 2;
	port = (uint16_t)atoi(given);
	if (text && atoi(text) > 1)
		patience = atoi(text);
	client_source = own;
	for (size_t i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL,
						(void *)(uintptr_t)&rows[i] };
	for (size_t i = 0; i < FLOODS; i++)
		tests[ROWS + i] = (struct CMUnitTest){ floods[i].name, test_flood, NULL, NULL,
						       (void *)(uintptr_t)&floods[i] };
	memcpy(tests + ROWS + FLOODS, more, sizeof(more));
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
