/* SPDX-License-Identifier: MIT */
/*
 * A server to probe, in a process of its own. It has these resources:
 *
 *   GET  /hello          "hello"
 *   GET  /query          the query's pairs as "name=value;"
 *   GET  /head?NAME      the value of that field
 *   GET  /who            the client certificate's subject, or "nobody"
 *   POST /echo           the body
 *   POST /large          the body's length; up to 1 MiB of it
 *   GET  /file           1 MiB of a file, bytes 'a' to 'p' in turn
 *   GET  /copy?N         N bytes from memory
 *   GET  /wait           waits, until somebody gets /wake
 *   GET  /forgotten      the handler does nothing
 *   GET  /unsound        a reply with a line break in a field
 *   GET  /early          401, from begin()
 *
 * and says, one line each: "refused REASON: DETAIL", "gone", "handled PATH",
 * "usage CONNECTIONS REQUESTS MEMORY RSS", "reloaded", "not reloaded: …", "cut", "stopped".
 */
#ifndef HTTP_TEST_TOY_H
#define HTTP_TEST_TOY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "http.h"

struct toy {
	pid_t pid;
	uint16_t port;
	uint16_t handed;	/* of a second socket, which it was given open */
	char directory[64];	/* of the certificates */
	int events;		/* read end of a pipe */
	char text[65536];	/* read from it, and not yet looked at */
	size_t length;
};

/* @limits may be NULL. Ends the program where the toy does not start. */
struct toy *toy_start(const struct http_limits *limits);
/* The same within this process, until it is told to end. */
int toy_serve(const char *directory, const char *address, const struct http_limits *limits);
/* Ends it; it must have freed everything, and ended well. */
void toy_end(struct toy *toy);
/*
 * Makes it reload (SIGHUP), stop (SIGTERM), tell its usage (SIGUSR1), end at once
 * (SIGUSR2), or cut all connections and begin anew (SIGWINCH).
 */
void toy_tell(struct toy *toy, int signal);

/*
 * Waits for a line that begins so, drops what came before it, and gives it. NULL
 * after @ms.
 */
const char *toy_says(struct toy *toy, const char *begin, int ms);
/* How many lines that begin so have come by now; they stay. */
unsigned int toy_count(struct toy *toy, const char *begin);
/* Forgets what was said so far. */
void toy_forget(struct toy *toy);

struct toy_usage {
	unsigned int connections, requests;
	size_t memory, rss;	/* bytes */
};
void toy_usage(struct toy *toy, struct toy_usage *ret);

#endif
