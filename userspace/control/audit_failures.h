/* SPDX-License-Identifier: MIT */
/*
 * Floods of failures: each is told of once, and what is too much is counted, so
 * that nobody can fill the disk by failing.
 *
 * Failures are counted per reason and network (/32, /64). The first
 * AUDIT_FAILURES_SINGLE of a window are events of their own, but no more than
 * AUDIT_FAILURES_ALL a minute over all networks; the others of the window are one
 * event, AUDIT_AUTH_FAILURES, when it ends. A window lasts a minute, and as long as
 * the flood goes on each is twice as long as the one before, up to a quarter of an
 * hour. Memory is bounded: what finds no place is counted per reason, for all
 * networks together.
 *
 * Under the worst flood from everywhere that is 20 events a minute and 1,044
 * counts a quarter of an hour: about 60 MB a day.
 *
 * Times are microseconds of a clock that does not go back (CLOCK_MONOTONIC), but
 * for what is in a summary.
 */
#ifndef AUDIT_FAILURES_H
#define AUDIT_FAILURES_H

#include <stdbool.h>
#include <stdint.h>

#include "audit.h"

#define AUDIT_FAILURES_SINGLE	5
#define AUDIT_FAILURES_ALL	20
#define AUDIT_FAILURES_PLACES	1024
#define AUDIT_FAILURES_WINDOW	(INT64_C(60) * 1000000)		/* the first */
#define AUDIT_FAILURES_LONGEST	(INT64_C(900) * 1000000)

struct audit_failures;

/* NULL: no memory. */
struct audit_failures *audit_failures_new(void);
void audit_failures_free(struct audit_failures *failures);

/*
 * A failure, at @now, of @source (NULL or a local socket: counted together). True:
 * write an event of its own; false: it was counted.
 */
bool audit_failures_note(struct audit_failures *failures, enum audit_reason reason,
			 const struct sockaddr *source, int64_t now);

struct audit_failures_summary {
	enum audit_reason reason;
	bool everywhere;		/* of networks that found no place: no @prefix */
	struct ml_prefix prefix;	/* length 0 for what has no address */
	uint64_t count;			/* beyond those that were events of their own */
	int64_t from, until;		/* the first and the last of them, as @now was */
};

/*
 * The next window that has ended with something counted; call until false, once a
 * second or so. @all: also those that have not ended, as the server stops.
 */
bool audit_failures_next(struct audit_failures *failures, int64_t now, bool all,
			 struct audit_failures_summary *ret);

/*
 * The event of a summary. @shift: from the clock of the windows to microseconds
 * since 1970. Points into @summary.
 */
void audit_failures_event(const struct audit_failures_summary *summary, int64_t shift,
			  struct audit_event *ret);

#endif
