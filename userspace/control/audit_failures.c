// SPDX-License-Identifier: MIT
#include "audit_failures.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define PROBES		8	/* places that a network may take */
#define MINUTE		(INT64_C(60) * 1000000)

struct place {
	bool used;
	enum audit_reason reason;
	struct ml_prefix prefix;
	int64_t begin, length;	/* of the window */
	unsigned int single;
	uint64_t count;
	int64_t from, until;
};

struct audit_failures {
	struct place places[AUDIT_FAILURES_PLACES];
	struct place everywhere[__AUDIT_REASON_MAX];
	int64_t minute;		/* when the count of all began */
	unsigned int all;
	size_t cursor;		/* of audit_failures_next() */
};

struct audit_failures *audit_failures_new(void)
{
	return calloc(1, sizeof(struct audit_failures));
}

void audit_failures_free(struct audit_failures *failures)
{
	free(failures);
}

/* ----------------------------------------------------------------- places */

/* /32 of IPv4, also where it came mapped; /64 of IPv6. */
static void prefix_of(const struct sockaddr *source, struct ml_prefix *ret)
{
	const struct in6_addr *six;

	memset(ret, 0, sizeof(*ret));
	ret->family = AF_INET6;
	if (source && source->sa_family == AF_INET) {
		ml_prefix_host(AF_INET, (const uint8_t *)
			       &((const struct sockaddr_in *)source)->sin_addr, ret);
	} else if (source && source->sa_family == AF_INET6) {
		six = &((const struct sockaddr_in6 *)source)->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(six)) {
			ml_prefix_host(AF_INET, six->s6_addr + 12, ret);
		} else {
			memcpy(ret->address, six->s6_addr, 8);
			ret->length = 64;
		}
	}
}

static bool is_over(const struct place *place, int64_t now)
{
	return now - place->begin >= place->length;
}

/* Nothing in it that has not been told. */
static bool is_free(const struct place *place, int64_t now)
{
	return !place->used || (is_over(place, now) && !place->count);
}

static size_t hash_of(enum audit_reason reason, const struct ml_prefix *prefix)
{
	uint32_t hash = 2166136261u ^ (uint32_t)reason;
	size_t i;

	for (i = 0; i < sizeof(prefix->address); i++)
		hash = (hash ^ prefix->address[i]) * 16777619u;
	return hash ^ hash >> 15;
}

/*
 * Somebody may choose addresses that share places: then they are counted
 * together, no more.
 */
static struct place *place_of(struct audit_failures *failures, enum audit_reason reason,
			      const struct ml_prefix *prefix, int64_t now)
{
	size_t at = hash_of(reason, prefix), i;
	struct place *place, *free_one = NULL;

	for (i = 0; i < PROBES; i++) {
		place = &failures->places[(at + i) % AUDIT_FAILURES_PLACES];
		if (place->used && place->reason == reason &&
		    !ml_prefix_compare(&place->prefix, prefix))
			return place;
		if (!free_one && is_free(place, now))
			free_one = place;
	}
	if (!free_one)
		return &failures->everywhere[reason];
	memset(free_one, 0, sizeof(*free_one));
	free_one->prefix = *prefix;
	return free_one;
}

static void window_open(struct place *place, enum audit_reason reason, int64_t now)
{
	place->used = true;
	place->reason = reason;
	place->begin = now;
	if (!place->length)
		place->length = AUDIT_FAILURES_WINDOW;
	place->single = 0;
}

/* ---------------------------------------------------------------- counting */

static bool may_be_single(struct audit_failures *failures, struct place *place, int64_t now)
{
	if (now - failures->minute >= MINUTE || !failures->minute) {
		failures->minute = now;
		failures->all = 0;
	}
	if (place->single >= AUDIT_FAILURES_SINGLE || failures->all >= AUDIT_FAILURES_ALL)
		return false;
	place->single++;
	failures->all++;
	return true;
}

bool audit_failures_note(struct audit_failures *failures, enum audit_reason reason,
			 const struct sockaddr *source, int64_t now)
{
	struct ml_prefix prefix;
	struct place *place;

	if ((unsigned int)reason >= __AUDIT_REASON_MAX)
		reason = AUDIT_REASON_UNSPEC;
	prefix_of(source, &prefix);
	place = place_of(failures, reason, &prefix, now);
	/* A window with a count in it is kept open until it was told of. */
	if (!place->used || (is_over(place, now) && !place->count)) {
		place->length = 0;
		window_open(place, reason, now);
	}
	if (may_be_single(failures, place, now))
		return true;
	if (!place->count++)
		place->from = now;
	place->until = now;
	return false;
}

/* Told of: the flood may go on, and the next window is longer. */
static void window_close(struct place *place, int64_t now)
{
	place->count = 0;
	place->length = place->length * 2 > AUDIT_FAILURES_LONGEST ? AUDIT_FAILURES_LONGEST :
								     place->length * 2;
	window_open(place, place->reason, now);
	/* What comes in it was heard of already: it is counted. */
	place->single = AUDIT_FAILURES_SINGLE;
}

static struct place *place_at(struct audit_failures *failures, size_t index)
{
	return index < AUDIT_FAILURES_PLACES ? &failures->places[index] :
					       &failures->everywhere[index - AUDIT_FAILURES_PLACES];
}

bool audit_failures_next(struct audit_failures *failures, int64_t now, bool all,
			 struct audit_failures_summary *ret)
{
	const size_t total = AUDIT_FAILURES_PLACES + __AUDIT_REASON_MAX;
	struct place *place;

	for (; failures->cursor < total; failures->cursor++) {
		place = place_at(failures, failures->cursor);
		if (!place->count || (!all && !is_over(place, now)))
			continue;
		*ret = (struct audit_failures_summary){
			.reason = place->reason,
			.everywhere = failures->cursor >= AUDIT_FAILURES_PLACES,
			.prefix = place->prefix, .count = place->count,
			.from = place->from, .until = place->until,
		};
		window_close(place, now);
		return true;
	}
	failures->cursor = 0;
	return false;
}

void audit_failures_event(const struct audit_failures_summary *summary, int64_t shift,
			  struct audit_event *ret)
{
	*ret = (struct audit_event){
		.type = AUDIT_AUTH_FAILURES,
		.time = summary->until + shift,
		.reason = audit_reason_name(summary->reason),
		.details = {
			.count = (int64_t)summary->count,
			.from = summary->from + shift,
			.until = summary->until + shift,
			.prefix = summary->prefix.length && !summary->everywhere ?
				  &summary->prefix : NULL,
		},
	};
}
