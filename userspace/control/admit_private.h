/* SPDX-License-Identifier: MIT */
/* What the files of admit.h share. */
#ifndef MERLON_CONTROL_ADMIT_PRIVATE_H
#define MERLON_CONTROL_ADMIT_PRIVATE_H

#include "audit.h"
#include "bundle.h"

struct server;

/* The leaf of an event of the server itself. */
int admit_leaf(struct server *server, const struct audit_event *event, struct ml_bytes *ret,
	       struct ml_error *error);
void admit_leaf_free(struct ml_bytes *leaf);

#endif
