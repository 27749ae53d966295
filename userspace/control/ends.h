/* SPDX-License-Identifier: MIT */
/*
 * When nodes end, as the signer says, which alone is told by who may: kept in memory, and
 * asked for again when it changes. Who has ended is refused by each process, by its own
 * clock; the store's state follows within a second or so. Any thread.
 */
#ifndef MERLON_CONTROL_ENDS_H
#define MERLON_CONTROL_ENDS_H

#include <jansson.h>

#include "bundle.h"
#include "error.h"

#define ENDS_SOON	(7 * 86400)	/* seconds before: people are told */

struct ends;
struct server;
struct store;

struct ends *ends_new(void);
void ends_free(struct ends *ends);

/* All of them: {"name":T,…}. -EBADMSG, -ENOMEM; then what was known stays. */
int ends_take(struct ends *ends, const json_t *dates, struct ml_error *error);
/* Of one node; 0: never. Forgotten where there is no memory: the next generation tells. */
void ends_put(struct ends *ends, const char *node, int64_t date);
/* False: the signer was not there yet. @ret 0: never */
bool ends_get(struct ends *ends, const char *node, int64_t *ret);
bool ends_has_ended(struct ends *ends, const char *node, int64_t now);

struct ends_summary {
	bool known;
	size_t expired, soon;
	char next[ML_NAME_MAX + 1];	/* of those that end soon, the first */
	int64_t date;			/* its */
};
void ends_summarize(struct ends *ends, int64_t now, struct ends_summary *ret);

/* States of the store, the audit log and the journal follow. In the sequencer's thread. */
void ends_tick(struct ends *ends, struct server *server, struct store *store, int64_t now);

#endif
