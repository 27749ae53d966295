/* SPDX-License-Identifier: MIT */
/* The blocks of a generation, as far as the store lacks them: for watch_signer.c. */
#ifndef MERLON_CONTROL_WATCH_BLOCKS_H
#define MERLON_CONTROL_WATCH_BLOCKS_H

#include "distribution.h"
#include "error.h"
#include "store.h"

struct signer_client;

struct fetch {
	struct store_block *blocks;	/* of the nodes that are other than before, by digest */
	size_t count;
};

/* Those of @distribution that are not kept, none with content. -ENOMEM */
int fetch_fill(struct fetch *fetch, const struct distribution *distribution);
/* Content for those that @store has not, from the signer. Its errors; -EBADMSG, -ENOMEM */
int fetch_run(struct fetch *fetch, struct store *store, struct signer_client *signer,
	      struct ml_error *error);
/* One that fetch_fill() has listed. */
const struct store_block *fetch_find(const struct fetch *fetch, const uint8_t digest[static 32]);
void fetch_clean(struct fetch *fetch);

#endif
