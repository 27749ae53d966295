// SPDX-License-Identifier: MIT
/*
 * Clients that keep the server busy: with frames that ask for nothing, streams that
 * end early, fields that do not end. Each limit is met by one who stays below it,
 * and is served, and by one who does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common.h"

#define MAGIC "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static struct toy *toy;
static struct http_limits limits;

static const struct pair post[] = { { ":method", "POST" }, { ":scheme", "https" },
				    { ":authority", "localhost" }, { ":path", "/echo" } };

/* ------------------------------------------------------------------- floods */

static void send_ping(struct client *client, uint32_t i)
{
	(void)i;
	client_frame(client, PING, 0, 0, "12345678", 8);
}

static void send_ping_ack(struct client *client, uint32_t i)
{
	(void)i;
	client_frame(client, PING, ACK, 0, "12345678", 8);
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

static void send_priority_update(struct client *client, uint32_t i)
{
	(void)i;
	client_frame(client, 0x10, 0, 0, "\0\0\0\1u=1", 7);
}

static void send_window(struct client *client, uint32_t i)
{
	(void)i;
	client_frame(client, WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4);
}

static void send_unknown(struct client *client, uint32_t i)
{
	(void)i;
	client_frame(client, 0x42, 0, 0, "what", 4);
}

static void send_empty_data(struct client *client, uint32_t i)
{
	if (!i)
		client_headers(client, 1, 0, post, 4);
	client_frame(client, DATA, 0, 1, NULL, 0);
}

static void send_padding(struct client *client, uint32_t i)
{
	if (!i)
		client_headers(client, 1, 0, post, 4);
	client_frame(client, DATA, PADDED, 1, "\3\0\0", 4);
}

/* CVE-2023-44487 */
static void send_rapid_reset(struct client *client, uint32_t i)
{
	client_get(client, 2 * i + 1, "/wait");
	client_frame(client, RST_STREAM, 0, 2 * i + 1, "\0\0\0\10", 4);
}

/* CVE-2025-8671: a window beyond 2^31 makes the server reset. */
static void send_made_reset(struct client *client, uint32_t i)
{
	client_get(client, 2 * i + 1, "/wait");
	client_frame(client, WINDOW_UPDATE, 0, 2 * i + 1, "\x7f\xff\xff\xff", 4);
}

/* CVE-2019-9516: fields without a name */
static void send_malformed(struct client *client, uint32_t i)
{
	static const struct pair pairs[] = { { ":method", "GET" }, { "", "" } };

	client_headers(client, 2 * i + 1, END_STREAM, pairs, 2);
}

static void send_key_update(struct client *client, uint32_t i)
{
	(void)i;
	client_update_key(client);
}

struct flood {
	const char *name;
	void (*send)(struct client *client, uint32_t i);
	const struct http_rate *rate;
};

static const struct flood floods[] = {
	{ "flood: PING", send_ping, &limits.frames },
	{ "flood: PING that answers", send_ping_ack, &limits.frames },
	{ "flood: SETTINGS", send_settings, &limits.frames },
	{ "flood: PRIORITY", send_priority, &limits.frames },
	{ "flood: PRIORITY_UPDATE", send_priority_update, &limits.frames },
	{ "flood: WINDOW_UPDATE", send_window, &limits.frames },
	{ "flood: unknown frames", send_unknown, &limits.frames },
	{ "flood: empty DATA", send_empty_data, &limits.frames },
	{ "flood: DATA of padding", send_padding, &limits.frames },
	{ "flood: new keys of TLS", send_key_update, &limits.frames },
	{ "flood: rapid reset", send_rapid_reset, &limits.resets },
	{ "flood: resets that the server is made to send", send_made_reset, &limits.resets },
	{ "flood: malformed requests", send_malformed, &limits.resets },
};

static void test_flood(void **state)
{
	const struct flood *flood = *state;
	struct client *client = client_greet(toy->port, NULL);
	uint32_t i, few = flood->rate->burst / 2, many = 4 * flood->rate->burst;

	toy_forget(toy);
	for (i = 0; i < few; i++)
		flood->send(client, i);
	assert_served(client, 8001);
	assert_int_equal(toy_count(toy, "refused flood"), 0);
	client_close(client);
	client = client_greet(toy->port, NULL);
	for (i = 0; i < many; i++)
		flood->send(client, i);
	assert_over(toy, client, CALM, "refused flood: ");
}

/* CVE-2024-27316 */
static void test_continuation(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	uint8_t block[65536];
	size_t length = client_block(client, post, 4, block), i;
	struct answer answer;

	(void)state;
	toy_forget(toy);
	client_frame(client, HEADERS, END_STREAM, 1, block, length - 2);
	client_frame(client, CONTINUATION, 0, 1, block + length - 2, 1);
	client_frame(client, CONTINUATION, END_HEADERS, 1, block + length - 1, 1);
	client_answer(client, 1, &answer, WAIT_MS);
	assert_int_equal(answer.status, 200);
	client_frame(client, HEADERS, END_STREAM, 3, NULL, 0);
	for (i = 1; i < 40; i++)
		client_frame(client, CONTINUATION, 0, 3, "\0\1x\1y", 5);
	assert_over(toy, client, CALM, "refused flood: CONTINUATION");
	client = client_greet(toy->port, NULL);
	client_frame(client, HEADERS, END_STREAM, 1, block, 1);
	client_frame(client, CONTINUATION, 0, 1, NULL, 0);
	assert_over(toy, client, CALM, "refused flood: CONTINUATION");
}

/* Where the fields are bad already, nghttp2 skips the rest, and counts it itself. */
static void test_continuation_skipped(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	uint32_t i;

	(void)state;
	toy_forget(toy);
	client_frame(client, HEADERS, END_STREAM, 1, "\x20\x82\x82", 3);
	for (i = 1; i < 40; i++)
		client_frame(client, CONTINUATION, 0, 1, "\x82", 1);
	assert_over(toy, client, PROTOCOL_ERROR, "refused protocol: Too many CONTINUATION");
}

static void test_streams(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	uint32_t i;

	(void)state;
	toy_forget(toy);
	for (i = 0; i + 1 < limits.streams; i++)
		client_get(client, 2 * i + 1, "/wait");
	assert_served(client, 2 * i + 1);
	for (; i < limits.streams + 1; i++)
		client_get(client, 2 * i + 3, "/wait");
	assert_over(toy, client, PROTOCOL_ERROR, "refused protocol: ");
	for (i = 0; i + 1 < limits.streams; i++)
		assert_non_null(toy_says(toy, "gone", WAIT_MS));
}

/* ------------------------------------------------------------------- fields */

static void send_fields(struct client *client, uint32_t stream, size_t bytes)
{
	struct pair pairs[5] = { { ":method", "GET" }, { ":scheme", "https" },
				 { ":authority", "localhost" }, { ":path", "/hello" },
				 { "x-long", NULL } };
	char *value = malloc(bytes + 1);

	memset(value, '~', bytes);	/* 13 bits in Huffman's code: is sent as it is */
	value[bytes] = 0;
	pairs[4].value = value;
	client_headers(client, stream, END_STREAM, pairs, 5);
	free(value);
}

static void test_fields(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	/* 32 for each of five, and 58 for their names and the other values */
	size_t most = limits.header_bytes - 5 * 32 - 58;
	struct answer answer;

	(void)state;
	toy_forget(toy);
	send_fields(client, 1, most);
	client_answer(client, 1, &answer, WAIT_MS);
	assert_int_equal(answer.status, 200);
	send_fields(client, 3, most + 1);
	client_answer(client, 3, &answer, WAIT_MS);
	assert_int_equal(answer.status, 431);
	assert_non_null(toy_says(toy, "refused header: ", WAIT_MS));
	assert_served(client, 5);
	client_close(client);
}

/* One byte each for "accept-encoding: gzip, deflate", of the static table (RFC 7541, A). */
static void test_bomb(void **state)
{
	struct client *client = client_greet(toy->port, NULL);
	/* no table, GET, https, /, :authority a */
	static const uint8_t head[] = { 0x20, 0x82, 0x87, 0x84, 1, 1, 'a' };
	static uint8_t block[4096];

	(void)state;
	toy_forget(toy);
	memset(block, 0x90, sizeof(block));
	memcpy(block, head, sizeof(head));
	client_frame(client, HEADERS, END_HEADERS | END_STREAM, 1, block, sizeof(block));
	assert_over(toy, client, CALM, "refused header: fields that unpack");
}

/* Before the server's SETTINGS are acknowledged, a client may use a table. */
static void test_bomb_of_table(void **state)
{
	struct client *client = client_open(toy->port, NULL);
	static uint8_t block[5 + 3900 + 100];
	/* literal, to be kept; the name is one byte, the value 127 + 3773 */
	static const uint8_t head[] = { 0x40, 1, 'x', 0x7f, 0xbd, 0x1d };

	(void)state;
	toy_forget(toy);
	memset(block, 'a', sizeof(block));
	memcpy(block, head, sizeof(head));
	memset(block + sizeof(head) + 3900, 0xbe, sizeof(block) - sizeof(head) - 3900);
	client_send(client, MAGIC, strlen(MAGIC));
	client_frame(client, SETTINGS, 0, 0, NULL, 0);
	client_frame(client, HEADERS, END_HEADERS | END_STREAM, 1, block, sizeof(block));
	assert_over(toy, client, CALM, "refused header: fields that unpack");
}

/* A value of 40000 bytes, which begins, and goes on. */
static void test_block(void **state)
{
	static const uint8_t head[] = { 0x20, 0x82, 0, 1, 'x', 0x7f, 0xc1, 0xb7, 2 };
	struct client *client = client_greet(toy->port, NULL);
	static uint8_t block[16384];

	(void)state;
	toy_forget(toy);
	client_frame(client, HEADERS, END_STREAM, 1, head, sizeof(head));
	client_frame(client, CONTINUATION, 0, 1, block, sizeof(block));
	client_frame(client, CONTINUATION, 0, 1, block, 2048);
	assert_over(toy, client, CALM, "refused header: a block");
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

#define FLOODS (sizeof(floods) / sizeof(floods[0]))

int main(void)
{
	static const struct CMUnitTest more[] = {
		cmocka_unit_test(test_continuation),
		cmocka_unit_test(test_continuation_skipped),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_bomb_of_table),
		cmocka_unit_test(test_block),
	};
	static struct CMUnitTest tests[FLOODS + sizeof(more) / sizeof(more[0])];
	size_t i;

	for (i = 0; i < FLOODS; i++)
		tests[i] = (struct CMUnitTest){ floods[i].name, test_flood, NULL, NULL,
						(void *)&floods[i] };
	memcpy(tests + FLOODS, more, sizeof(more));
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
