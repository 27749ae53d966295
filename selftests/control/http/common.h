/* SPDX-License-Identifier: MIT */
/* What several of the tests ask of a toy. */
#ifndef HTTP_TEST_COMMON_H
#define HTTP_TEST_COMMON_H

#include "client.h"
#include "toy.h"

#define WAIT_MS 20000		/* for what must come */

#define NO_ERROR 0
#define PROTOCOL_ERROR 1
#define CALM 0xb		/* ENHANCE_YOUR_CALM */

/* Milliseconds, CLOCK_MONOTONIC. */
uint64_t now_ms(void);

/* GET /hello on @stream is answered. */
void assert_served(struct client *client, uint32_t stream);
/* The server says GOAWAY with @code, reports it (or NULL), and closes. Ends @client. */
void assert_over(struct toy *toy, struct client *client, uint32_t code, const char *reported);
/* Nobody but so many clients is there any more, and no request. */
void assert_nothing_left(struct toy *toy, unsigned int connections);

/* Limits that a test can reach in about a second; MERLON_PATIENCE multiplies times. */
struct http_limits limits_small(void);

#endif
