/* SPDX-License-Identifier: MIT */
/* The server itself: for server.c and serve.c alone. */
#ifndef MERLON_CONTROL_SERVER_STRUCT_H
#define MERLON_CONTROL_SERVER_STRUCT_H

#include <pthread.h>

#include "authority.h"
#include "config.h"
#include "ends.h"
#include "http.h"
#include "nonces.h"
#include "seen.h"
#include "sequence.h"
#include "server_private.h"

#define SERVER_WAKES	64	/* nodes that are woken by name; more: all */

struct event;
struct event_base;

struct server {
	const struct config *config;
	struct event_base *base;
	struct event *signals[3], *watchdog, *certificate;
	struct http_server *http;
	struct calls *calls;
	struct work *work;
	struct authority *authority;
	int64_t certificate_time;	/* of the file that was read last: CLOCK_REALTIME, ns */
	struct nonces *nonces;
	struct seen *seen;
	struct ends *ends;
	struct sequence *sequence;
	struct watch *watch;
	struct store *store;		/* of the loop's thread, before and after it runs */
	struct audit_form form;
	uint8_t *address_key;		/* locked */
	void *guard;
	bool stopping;

	pthread_mutex_t lock;		/* guards all that follows */
	bool has_root;
	struct ml_root root;
	struct distribution *distribution, *previous;
	struct signer_said signer;
	struct cosigned_said cosigned;
	char stuck[512];
	struct audit_failures *failures;
	char wakes[SERVER_WAKES][ML_NAME_MAX + 1];
	size_t wake_count;
	bool wake_all;
};

/* The same as server_failure(), of an address in words. */
void server_failure_count(struct server *server, enum audit_reason reason, const char *address);
/* Summaries of failures; @all: also of windows that have not ended. */
void server_failures_tell(struct server *server, struct store *store, bool all);

#endif
