/* SPDX-License-Identifier: MIT */
/* What the routes of nodes share. */
#ifndef MERLON_CONTROL_NODE_ROUTE_H
#define MERLON_CONTROL_NODE_ROUTE_H

#include <stdint.h>

#include "route.h"

struct node_key {
	char name[ML_NAME_MAX + 1];
	uint8_t identity[32], wireguard[32];
	enum store_node_state state;
};

/* Is its membership over, by what the signer says or the store? Then: told, and answered. */
bool call_has_ended(struct call *call, const char *node, enum store_node_state state);
void call_ended(struct call *call, const char *node);

int node_key_get(struct call *call, const char *name, struct node_key *ret,
		 struct ml_error *error);
/*
 * Issues, keeps, tells and answers. @spki: that the request must be for, or NULL. The
 * certificate that the node has had is worth nothing from then on, if its key was another.
 */
void certificate_give(struct call *call, const struct node_key *node, const char *request,
		      const uint8_t *spki);

/*
 * The leaf of the node that calls, of the newest generation; free() its data. -ENOENT: it has
 * none there.
 */
int node_leaf_get(struct call *call, struct ml_bytes *ret, struct ml_error *error);

#endif
