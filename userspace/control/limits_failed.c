// SPDX-License-Identifier: MIT
#include "limits_failed.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define NAME_MAX_BYTES 256	/* of a name; what is longer is no administrator's */

enum kind {
	ADDRESS,
	NAME,
	CODE,
	NODE,
	KINDS
};

static const struct {
	int64_t burst, interval;
} rates[KINDS] = {
	[ADDRESS] = { LIMITS_ADDRESS_BURST, LIMITS_ADDRESS_INTERVAL },
	[NAME] = { LIMITS_NAME_BURST, LIMITS_NAME_INTERVAL },
	[CODE] = { LIMITS_NAME_BURST, LIMITS_NAME_INTERVAL },
	[NODE] = { LIMITS_NODE_BURST, LIMITS_NODE_INTERVAL },
};

/*
 * One number holds the bucket: when it will be empty (the generic cell rate algorithm of
 * ITU-T I.371).
 */
struct place {
	uint64_t tag;			/* 0: nobody's */
	int64_t empty_at, blocked_until;
	int64_t minute;			/* when the count of the alert began */
	uint16_t streak, recent;
};

struct limits {
	uint8_t key[crypto_shorthash_KEYBYTES];
	struct place places[KINDS][LIMITS_SETS][LIMITS_WAYS];
};

struct limits *limits_new(void)
{
	struct limits *limits = calloc(1, sizeof(*limits));

	if (limits)
		randombytes_buf(limits->key, sizeof(limits->key));
	return limits;
}

void limits_free(struct limits *limits)
{
	free(limits);
}

/* ------------------------------------------------------------------- places */

/* The bytes that count of an address; 0: it has none. */
static size_t address_bytes(const struct sockaddr *address, uint8_t ret[static 8])
{
	const struct in6_addr *six;

	if (!address)
		return 0;
	if (address->sa_family == AF_INET) {
		memcpy(ret, &((const struct sockaddr_in *)address)->sin_addr, 4);
		return 4;
	}
	if (address->sa_family != AF_INET6)
		return 0;
	six = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(six)) {
		memcpy(ret, six->s6_addr + 12, 4);
		return 4;
	}
	memcpy(ret, six->s6_addr, 8);
	return 8;
}

static bool is_local(const struct limits_who *who)
{
	uint8_t bytes[8];

	return !address_bytes(who->address, bytes);
}

/* 0: there is nothing of this kind to count. */
static uint64_t tag_of(const struct limits *limits, enum kind kind,
		       const struct limits_who *who)
{
	uint8_t text[NAME_MAX_BYTES], bytes[crypto_shorthash_BYTES];
	size_t length = 0;
	uint64_t tag;

	if (kind == ADDRESS)
		length = address_bytes(who->address, text);
	else if (who->name)
		length = strnlen(who->name, sizeof(text));
	if (kind != ADDRESS && length)
		memcpy(text, who->name, length);
	if (!length)
		return 0;
	crypto_shorthash(bytes, text, length, limits->key);
	memcpy(&tag, bytes, sizeof(tag));
	return tag ? tag : 1;
}

static bool is_forgotten(const struct place *place, int64_t now)
{
	return !place->tag || now >= place->empty_at + LIMITS_BLOCK_MAX;
}

static const struct place *place_find(const struct limits *limits, enum kind kind,
				      const struct limits_who *who, int64_t now)
{
	uint64_t tag = tag_of(limits, kind, who);
	const struct place *set = limits->places[kind][tag % LIMITS_SETS];
	size_t i;

	for (i = 0; tag && i < LIMITS_WAYS; i++)
		if (set[i].tag == tag && !is_forgotten(&set[i], now))
			return &set[i];
	return NULL;
}

/* Is @a nearer to being forgiven? */
static bool is_nearer(const struct place *a, const struct place *b, int64_t now)
{
	int64_t blocked_a = a->blocked_until > now ? a->blocked_until : 0;
	int64_t blocked_b = b->blocked_until > now ? b->blocked_until : 0;

	if (is_forgotten(a, now) != is_forgotten(b, now))
		return is_forgotten(a, now);
	if (blocked_a != blocked_b)
		return blocked_a < blocked_b;
	return a->empty_at < b->empty_at;
}

static struct place *place_take(struct limits *limits, enum kind kind,
				const struct limits_who *who, int64_t now)
{
	uint64_t tag = tag_of(limits, kind, who);
	struct place *set = limits->places[kind][tag % LIMITS_SETS], *place = &set[0];
	size_t i;

	if (!tag)
		return NULL;
	for (i = 0; i < LIMITS_WAYS; i++) {
		if (set[i].tag == tag && !is_forgotten(&set[i], now))
			return &set[i];
		if (is_nearer(&set[i], place, now))
			place = &set[i];
	}
	*place = (struct place){ .tag = tag, .empty_at = now, .minute = now };
	return place;
}

/* ----------------------------------------------------------------- judging */

static int64_t blocked(const struct place *place, int64_t now)
{
	return place && place->blocked_until > now ? place->blocked_until : 0;
}

int64_t limits_judge(const struct limits *limits, const struct limits_who *who, int64_t now)
{
	const struct place *address;

	if (is_local(who))
		return 0;
	address = place_find(limits, ADDRESS, who, now);
	if (!address)
		return 0;
	if (blocked(address, now))
		return blocked(address, now);
	return blocked(place_find(limits, NAME, who, now), now);
}

int64_t limits_judge_code(const struct limits *limits, const struct limits_who *who,
			  int64_t now)
{
	return is_local(who) ? 0 : blocked(place_find(limits, CODE, who, now), now);
}

bool limits_has_failed(const struct limits *limits, const struct limits_who *who, int64_t now)
{
	return place_find(limits, ADDRESS, who, now);
}

/* ---------------------------------------------------------------- counting */

static int64_t block_time(uint16_t streak)
{
	int64_t block = LIMITS_BLOCK;

	while (--streak > 0 && block < LIMITS_BLOCK_MAX)
		block *= 2;
	return block < LIMITS_BLOCK_MAX ? block : LIMITS_BLOCK_MAX;
}

static void fill(struct place *place, enum kind kind, int64_t now)
{
	const int64_t full = rates[kind].burst * rates[kind].interval;

	if (place->empty_at < now)
		place->empty_at = now;
	place->empty_at += rates[kind].interval;
	if (place->empty_at - now <= full)
		return;
	place->empty_at = now + full;
	if (place->blocked_until > now)
		return;
	if (place->streak < UINT16_MAX)
		place->streak++;
	place->blocked_until = now + block_time(place->streak);
}

static bool is_alert(struct place *place, int64_t now)
{
	if (now - place->minute >= LIMITS_ALERT_TIME) {
		place->minute = now;
		place->recent = 0;
	}
	if (place->recent <= LIMITS_ALERT)
		place->recent++;
	return place->recent == LIMITS_ALERT;
}

static bool failed(struct limits *limits, enum kind kind, const struct limits_who *who,
		   int64_t now)
{
	struct place *place = place_take(limits, kind, who, now);

	if (!place)
		return false;
	fill(place, kind, now);
	return is_alert(place, now);
}

int64_t limits_node(struct limits *limits, const char *name, int64_t now)
{
	const struct limits_who who = { NULL, name };
	struct place *place = place_take(limits, NODE, &who, now);

	if (!place || blocked(place, now))
		return blocked(place, now);
	fill(place, NODE, now);
	return blocked(place, now);
}

bool limits_failed(struct limits *limits, const struct limits_who *who, bool code, int64_t now)
{
	bool alert;

	if (is_local(who))
		return false;
	alert = failed(limits, ADDRESS, who, now);
	return failed(limits, code ? CODE : NAME, who, now) || alert;
}
