/* SPDX-License-Identifier: MIT */
/* The socket, and when generations are due. */
#ifndef SIGNER_SERVER_H
#define SIGNER_SERVER_H

#include <sys/types.h>

#include "signer.h"

/**
 * server_run - answer until SIGTERM or SIGINT
 * @listener: non-blocking; given away
 * @peer: the one user who is answered
 * @started: called when all is set up, before the first request is read
 */
void server_run(struct signer *signer, int listener, uid_t peer, void (*started)(void));

#endif
