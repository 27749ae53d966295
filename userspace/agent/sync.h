/* SPDX-License-Identifier: MIT */
/*
 * What the files of the process sync share. The world comes in by two doors,
 * the inbox and the socket; each thing it wants is a task. Tasks wait in one
 * line, since apply does one thing at a time.
 */
#ifndef MERLOND_SYNC_H
#define MERLOND_SYNC_H

#include <event2/event.h>

#include "agent.h"
#include "daemon.h"
#include "message.h"

struct task;

/* Called once, with apply's answer or with one of sync's own; then @task is freed. */
typedef void (*task_done)(struct task *task, const struct message_result *result);

struct task {
	enum message_type type;		/* OFFER, QUERY, REARMED, ROOTS or SIGN */
	int fd;				/* OFFER, ROOTS: sealed, or -1; owned */
	struct message_signing signing;	/* SIGN: filled in by who adds it, at once */
	task_done done;
	void *owner;			/* NULL: whoever wanted it is gone */
	struct task *next;
	uint32_t id;		/* 0: not with apply yet */
};

struct sync {
	struct agent *agent;
	struct event_base *base;
	struct task *first, *last;	/* the first is with apply */
	uint32_t next_id;
};

/* ---- task.c */

/* NULL: no memory, or too many wait already; @fd is closed then. */
struct task *task_add(struct sync *sync, enum message_type type, int fd, task_done done,
		      void *owner);
/* Apply's answer to the first task. */
void task_finish(struct sync *sync, const struct message *message);

/* ---- inbox.c */
/* Watches; then looks at what is there, with the filter on. */
void inbox_setup(struct sync *sync);
void inbox_start(struct sync *sync);

/* ---- control.c */
void control_setup(struct sync *sync);

/* ---- courier.c: what an enrolled node fetches from its server */
void courier_setup(struct sync *sync);
void courier_start(struct sync *sync);
/* How that goes: for people, into the answer to 'status'. */
void courier_status(json_t *status);

#endif
