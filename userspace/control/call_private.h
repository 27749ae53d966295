/* SPDX-License-Identifier: MIT */
/* What call*.c know of a call, and handlers do not. */
#ifndef MERLON_CONTROL_CALL_PRIVATE_H
#define MERLON_CONTROL_CALL_PRIVATE_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "http.h"
#include "route.h"
#include "work.h"

#define CALL_QUERY	8	/* pairs of one query */
#define CALL_TEXTS	(2 * CALL_QUERY + 5)

enum call_stage {
	CALL_RUNS,	/* in a thread, or waits for one */
	CALL_PARKED,	/* waits to be woken */
};

struct call_private {
	struct job job;
	struct call *call;
	LIST_ENTRY(call_private) parked;
	struct http_request *request;	/* NULL: nobody waits any more */
	enum call_stage stage;
	uint64_t wakes;			/* server's count, when it began to run */

	char *texts[CALL_TEXTS];	/* all that was copied from the request */
	size_t text_count;
	bool short_of_memory;
	struct {
		const char *name, *value;
	} query[CALL_QUERY];
	size_t query_count;
	uint8_t *raw;			/* body, wiped in the end */
	size_t raw_length;
	char endpoint[257];
	char address[INET6_ADDRSTRLEN];
	char *path_split;		/* one of @texts: the path, cut into parameters */

	int64_t begun, deadline;
	bool wait, waited;

	/* The answer. */
	bool answered;
	unsigned int status;
	const char *type;
	uint8_t *bytes;
	size_t length;
	char retry_after[24];
};

/* call_auth.c, in a thread. False: answered already. */
bool call_authenticate(struct call *call);
/* Parses the body, where there is one. False: answered already. */
bool call_body(struct call *call);
/* routes.c. @split: a copy of the path, that parameters point into. 0, -ENOENT, -ENOTSUP (method) */
int route_find(const char *method, const char *path, char *split, const struct route **ret,
	       const char *parameters[ROUTE_PARAMETERS]);

#endif
