// SPDX-License-Identifier: MIT
#include "common.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void assert_served(struct client *client, uint32_t stream)
{
	struct answer answer;

	client_get(client, stream, "/hello");
	client_answer(client, stream, &answer, WAIT_MS);
	assert_false(answer.goaway);
	assert_int_equal(answer.status, 200);
}

void assert_over(struct toy *toy, struct client *client, uint32_t code, const char *reported)
{
	struct answer answer;

	client_answer(client, 9999, &answer, WAIT_MS);
	assert_true(answer.goaway);
	assert_int_equal(answer.code, code);
	assert_true(answer.closed);
	if (reported)
		assert_non_null(toy_says(toy, reported, WAIT_MS));
	client_close(client);
}

void assert_nothing_left(struct toy *toy, unsigned int connections)
{
	uint64_t until = now_ms() + WAIT_MS;
	struct toy_usage usage;

	do
		toy_usage(toy, &usage);
	while ((usage.requests || usage.connections > connections) && now_ms() < until);
	assert_int_equal(usage.requests, 0);
	assert_int_equal(usage.connections, connections);
}

struct http_limits limits_small(void)
{
	struct http_limits limits = http_limits_default;
	const char *text = getenv("MERLON_PATIENCE");
	unsigned int patience = text && atoi(text) > 1 ? (unsigned int)atoi(text) : 1;

	limits.connections = 20;
	limits.connections_address = 16;
	limits.streams = 20;
	limits.memory = 2 * 1024 * 1024;
	limits.backlog_bytes = 256 * 1024;
	limits.handshake_ms = 1000 * patience;
	limits.header_ms = 1000 * patience;
	limits.body_ms = 1000 * patience;
	limits.send_ms = 1000 * patience;
	limits.idle_ms = 1000 * patience;
	limits.resets = (struct http_rate){ 16, 0 };
	limits.frames = (struct http_rate){ 40, 0 };
	return limits;
}
