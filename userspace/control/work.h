/* SPDX-License-Identifier: MIT */
/*
 * Threads that may wait, and the way back to the loop. Each has a store and a signer
 * of its own.
 */
#ifndef MERLON_CONTROL_WORK_H
#define MERLON_CONTROL_WORK_H

#include <stdbool.h>
#include <sys/queue.h>

#include "error.h"

struct event_base;
struct server;
struct signer_client;
struct store;
struct work;

#define WORK_THREADS	8
#define WORK_QUEUE	2048	/* jobs that wait for a thread, where the client can be told to come back */

struct worker {
	struct server *server;
	struct store *store;
	struct signer_client *signer;
};

struct job {
	STAILQ_ENTRY(job) next;
	void (*run)(struct job *job, struct worker *worker);	/* in a thread */
	void (*done)(struct job *job);				/* in the loop */
};

/* Opens the stores; the threads begin with work_start(). @poked: in the loop, after work_poke() */
int work_new(struct server *server, struct event_base *base, void (*poked)(void *server),
	     struct work **ret, struct ml_error *error);
int work_start(struct work *work, struct ml_error *error);
/* From the loop. False: there is too much to do; not with @always. */
bool work_submit(struct work *work, struct job *job, bool always);
/* From anywhere, a signal handler too. */
void work_poke(struct work *work);
/* Ends the threads; what was not run is not run any more, but its done() is called. */
void work_free(struct work *work);

#endif
