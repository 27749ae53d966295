/* SPDX-License-Identifier: MIT */
/*
 * The thread that puts committed entries into the audit log, and the one that asks the
 * signer for generations. Each is one thread, with a store of its own.
 */
#ifndef MERLON_CONTROL_SEQUENCE_H
#define MERLON_CONTROL_SEQUENCE_H

#include "error.h"

struct server;
struct sequence;
struct watch;

/* sequence.c. While an entry cannot be written, server_is_stuck() says so. */
int sequence_start(struct server *server, struct sequence **ret, struct ml_error *error);
/* Writes what is there, and ends the thread. NULL is allowed. */
void sequence_stop(struct sequence *sequence);

/* watch_signer.c */
int watch_start(struct server *server, struct watch **ret, struct ml_error *error);
void watch_stop(struct watch *watch);

#endif
