/* SPDX-License-Identifier: MIT */
/* Who was told of in the last hour: bounded, and any thread may ask. */
#ifndef MERLON_CONTROL_SEEN_H
#define MERLON_CONTROL_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#define SEEN_SECONDS	3600
#define SEEN_PLACES	16384	/* who finds his place taken is told of more often */

struct seen;

struct seen *seen_new(void);
void seen_free(struct seen *seen);
/* True: not within SEEN_SECONDS, and noted now. */
bool seen_note(struct seen *seen, const char *who, const char *where, int64_t now);
void seen_forget(struct seen *seen, const char *who, const char *where);

#endif
