/* SPDX-License-Identifier: MIT */
/* Calls, as the loop sees them: from a request to a thread and back. */
#ifndef MERLON_CONTROL_CALLS_H
#define MERLON_CONTROL_CALLS_H

#include "http.h"

struct calls;
struct event_base;
struct server;
struct work;

/* What the HTTP core calls; its data is the struct calls. */
extern const struct http_handler calls_handler;

struct calls *calls_new(struct server *server, struct event_base *base);
void calls_set_work(struct calls *calls, struct work *work);
void calls_free(struct calls *calls);
/* Those that wait run again: of @node, or (NULL) all. In the loop. */
void calls_wake(struct calls *calls, const char *node);
/* No more waiting: whoever waits is answered now. */
void calls_drain(struct calls *calls);

#endif
