/* SPDX-License-Identifier: MIT */
/* What is opened and checked while there is privilege. -errno and a sentence. */
#ifndef MERLOND_SETUP_H
#define MERLOND_SETUP_H

#include "agent.h"
#include "error.h"

/* Whom this node trusts; also when it is read again. */
int setup_trust(const char *path, struct ml_trust *ret, struct ml_error *error);
/* Trust, the tunnel's key and user: what -n checks. */
int setup_read(struct agent *agent, struct ml_error *error);
/* Directories, lock, socket, and the pairs between the processes. */
int setup_open(struct agent *agent, struct ml_error *error);

#endif
