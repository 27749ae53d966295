/* SPDX-License-Identifier: MIT */
/* What the server's own threads may change of it; handlers may not. */
#ifndef MERLON_CONTROL_SERVER_PRIVATE_H
#define MERLON_CONTROL_SERVER_PRIVATE_H

#include "cosign.h"
#include "server.h"

struct distribution;

/* @why NULL: not stuck. Any thread. */
void server_set_stuck(struct server *server, const char *why);
/* Once a second: summaries of failures, the guard's own. From the sequencer's thread. */
void server_tick(struct server *server, struct store *store);
/* A newer root was verified and is in the store. */
void server_set_root(struct server *server, const struct ml_root *root);
/* The newest generation: given away. Wakes whoever waits. */
void server_set_distribution(struct server *server, struct distribution *distribution);
/* What the signer said of itself; @key_id NULL: it is not there. */
void server_set_signer(struct server *server, const char *key_id, const char *waiting);

/* What became of cosigning the audit log. */
void server_set_cosigned(struct server *server, const struct cosigned_said *said);
void server_cosigned(struct server *server, struct cosigned_said *ret);

/* Counted; give it back by server_put_distribution(). NULL: none yet. @previous: the one before */
struct distribution *server_get_distribution(struct server *server, bool previous);
void server_put_distribution(struct server *server, struct distribution *distribution);

/* Which key of the role `signing` is at work; "" where the signer was never there. */
struct signer_said {
	bool there;
	char key_id[65];
	char waiting[512];	/* why there is no generation; "": nothing is missing */
};
void server_signer(struct server *server, struct signer_said *ret);

/* ---- serve.c: the whole life of `serve` */
struct config;
/* Until SIGTERM. @listeners: bound already, given away; the last is the local socket. */
int server_run(const struct config *config, const int *listeners, size_t count,
	       struct ml_error *error);

#endif
