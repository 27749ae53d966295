/* SPDX-License-Identifier: MIT */
/*
 * The courier, in sync: what the files of it share. It asks the server for one thing
 * at a time; each answer leads to the next question, by way of the event loop.
 *
 *	certificate due? ──► renew it (courier_renew.c)
 *	another address? ──► tell it (courier_endpoints.c)
 *	poll for a generation: 55 s, then again
 *	  ├► where the peers are ──► apply (courier_endpoints.c)
 *	  └► a new one ──► roots (courier_roots.c) ──► blocks (courier_fetch.c)
 *			    ──► a bundle file ──► apply, as from the inbox
 *
 * What fails is tried again after a pause. The server is nobody's authority: it can
 * withhold, and it can waste this process's time, within the limits below.
 */
#ifndef MERLOND_COURIER_H
#define MERLOND_COURIER_H

#include "bundle_format.h"
#include "client.h"
#include "sync.h"

struct courier_block {
	uint8_t digest[32];	/* SHA-256 */
	char name[65];		/* in hex */
	uint64_t bytes;
};

/* What the server says there is. Nothing of it is verified before it is a bundle. */
struct courier_offer {
	uint8_t *parts[ML_BUNDLE_IMAGE];	/* ENVELOPE, PROOF, LEAF; malloc()ed */
	size_t lengths[ML_BUNDLE_IMAGE];
	struct courier_block blocks[2];		/* image, rules */
	uint64_t epoch, serial;
};

struct courier {
	struct sync *sync;
	struct ml_client *client;
	struct event *again;
	/* courier_renew.c */
	char *key;			/* PEM, in locked memory */
	char *certificate;		/* PEM; NULL: none that is good */
	int64_t from, until;		/* of it, Unix seconds */
	uint8_t tls_digest[32];
	bool disowned;			/* the server says that it does not know us by it */
	int64_t renewal_after;		/* CLOCK_BOOTTIME, ms: not earlier again */
	/* what is there */
	uint64_t epoch, serial;
	struct courier_block kept[2];	/* blocks of the last good bundle */
	struct courier_offer offer;	/* on its way */
	struct ml_root next_root;	/* with apply */
	int64_t ends;			/* of our membership, as the server says; 0: never */
	bool ending;			/* that it is soon was said */
	/* courier_endpoints.c */
	char endpoints[65], next_endpoints[65];	/* digests of what apply has, and is given */
	char told[64], telling[64];	/* from where; "": nothing */
	/* when it does not go well */
	unsigned int failures;		/* in a row */
	int64_t failing_since;		/* CLOCK_BOOTTIME, ms; 0: it goes well */
	char problem[MESSAGE_TEXT];	/* "": none */
};

/* ---- courier.c */
/* Goes on while the machine sleeps, and is never set. */
int64_t courier_boot_ms(void);
/* Now, or as soon as the event loop is back. */
void courier_next(struct courier *courier);
/* Later, by what went wrong; said once. */
void courier_fail(struct courier *courier, int code, const struct ml_error *error);
/* Whatever was wrong is over. */
void courier_well(struct courier *courier);
/* Asks; where even that fails, as courier_fail(). */
void courier_ask(struct courier *courier, const struct ml_client_request *request,
		 ml_client_done done);

/* ---- courier_roots.c: then courier_fetch() */
void courier_roots(struct courier *courier);

/* ---- courier_fetch.c */
/* An answer to the poll. -EBADMSG, -E2BIG, -ENOMEM */
int courier_read(const json_t *json, struct courier_offer *ret, struct ml_error *error);
void courier_forget(struct courier_offer *offer);
/* The blocks of courier->offer; then it is handed to apply. */
void courier_fetch(struct courier *courier);

/* ---- courier_endpoints.c */
/* True: that comes first, and courier_next() after it. */
bool courier_tell(struct courier *courier);
/* The answer is {"endpoints":{…}}: to apply, then courier_next(). */
int courier_listen(struct courier *courier, const json_t *answer, struct ml_error *error);
/* What was last said, at the start. True: courier_next() comes. */
bool courier_recall(struct courier *courier);

/* ---- courier_renew.c */
void courier_renew_setup(struct courier *courier);
/* True: that comes first, and courier_next() after it. */
bool courier_renew(struct courier *courier);

#endif
