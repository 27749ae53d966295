/* SPDX-License-Identifier: MIT */
/*
 * Where nodes can be reached, as they say themselves and as this server sees them: handed
 * on to the peers that their leaves name. Not signed, and no more than a hint: docs/threat-model.md.
 */
#ifndef MERLON_CONTROL_WHEREABOUTS_H
#define MERLON_CONTROL_WHEREABOUTS_H

#include "bundle.h"
#include "route.h"

/*
 * {"digest":"…","peers":[…]} for the node of this leaf; NULL: no memory, or the store's.
 * The digest is in @ret_digest, too: who has told it knows all of this.
 */
json_t *whereabouts_json(struct call *call, struct ml_bytes leaf, char ret_digest[static 65],
			  struct ml_error *error);
/* Wakes those that the leaf names. */
void whereabouts_wake(struct call *call, struct ml_bytes leaf);

#endif
