/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The table is an array of buckets of four flows. There is no lock: a flow is
 * a few 64-bit words, each written and read whole, and nothing that mixes the
 * words of two flows can match.
 *
 *   tag     ports and protocol (40 bits), stamp (24 bits, in seconds)
 *   words   the addresses; the last is covered (xor) with a seeded hash of all
 *	     the other words and of the tag without its stamp
 *
 * A reader compares every word with the one that it expects. Words that two
 * writers left mixed, or that a reader caught half written, agree only if the
 * covers of two different keys differ by exactly what their addresses do:
 * chance, in 64 bits that a sender does not know. Such a mixture is a slot lost
 * until it is written again. The stamp is outside the cover, so that keeping a
 * flow alive is one store. The tag is stored last and loaded first: addresses
 * are never older than the stamp that goes with them, so that no expired flow
 * borrows the stamp of the one that replaces it.
 *
 * A stamp wraps after 194 days: a flow of just that age counts as fresh for its
 * lifetime once more. Whatever matches is judged by the policy of today.
 */
#ifndef MERLON_FLOW_TABLE_H
#define MERLON_FLOW_TABLE_H

#include "parse.h"

#ifdef __KERNEL__
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/socket.h>
#include <asm/barrier.h>
#else	/* the test brings READ_ONCE() and its like */
#include <netinet/in.h>
#include <sys/socket.h>
#endif

#define WAYS		4
#ifndef BUCKETS4_SHIFT	/* a test wants collisions */
#define BUCKETS4_SHIFT	14
#define BUCKETS6_SHIFT	13
#endif
#define STAMP_BITS	24
#define STAMP_MASK	((1u << STAMP_BITS) - 1)
#define UDP_SECONDS	180u
#define OTHER_SECONDS	30u

/* One cache line. */
struct bucket4 {
	u64 tag[WAYS];
	u64 words[WAYS][1];
} ____cacheline_aligned;

/* Three cache lines, of which a lookup touches one or two. */
struct bucket6 {
	u64 tag[WAYS];
	u64 words[WAYS][4];
} ____cacheline_aligned;

struct merlon_flows {
	u64 seed;
	struct bucket4 four[1 << BUCKETS4_SHIFT];
	struct bucket6 six[1 << BUCKETS6_SHIFT];
};

/* A flow, as it is written: who opened it, toward whom. */
struct flow_key {
	u64 tag;	/* stamp: 0 */
	u64 words[4];
	u8 count;	/* of words */
	u64 *tags;	/* of its bucket */
	u64 *first;	/* word of its bucket */
};

/* Seconds since @tag was stamped; another processor may be a moment ahead. */
static __always_inline u32 age_of(u64 tag, u32 now)
{
	u32 age = (now - (u32)tag) & STAMP_MASK;

	return age > STAMP_MASK - 8 ? 0 : age;
}

static __always_inline u32 lifetime_of(u64 tag)
{
	return (u8)(tag >> STAMP_BITS) == IPPROTO_UDP ? UDP_SECONDS : OTHER_SECONDS;
}

static __always_inline u64 mix(u64 state, u64 word, u64 seed)
{
	state = (state ^ word) * seed;
	return state ^ state >> 32;
}

/* Ports, or what takes their place, as the opener has them. */
static __always_inline u64 tag_make(u8 protocol, u16 first, u16 second)
{
	return ((u64)first << 24 | (u64)second << 8 | protocol) << STAMP_BITS;
}

static inline bool is_icmp(const struct merlon_packet *packet)
{
	return packet->protocol == (packet->family == AF_INET ? IPPROTO_ICMP :
							       IPPROTO_ICMPV6);
}

static inline int flow_query(const struct merlon_packet *packet)
{
	if (!is_icmp(packet))
		return -1;
	if (packet->family == AF_INET6)
		return packet->selector == 129 ? 128 : -1;
	switch (packet->selector) {
	case 0:		/* echo */
		return 8;
	case 14:	/* timestamp */
		return 13;
	default:
		return -1;
	}
}

static inline bool is_query(const struct merlon_packet *packet)
{
	if (packet->family == AF_INET6)
		return packet->selector == 128;
	return packet->selector == 8 || packet->selector == 13;
}

/* The tag of the flow that @packet opens; 0: it opens none. */
static inline u64 tag_opener(const struct merlon_packet *packet)
{
	if (!is_icmp(packet))
		return tag_make(packet->protocol, packet->source_port, packet->selector);
	if (!is_query(packet))
		return 0;
	return tag_make(packet->protocol, packet->icmp_id, packet->selector);
}

/* The tag of the flow that @packet answers; 0: it answers none. */
static inline u64 tag_answer(const struct merlon_packet *packet)
{
	int query;

	if (!is_icmp(packet))
		return tag_make(packet->protocol, packet->selector, packet->source_port);
	query = flow_query(packet);
	return query < 0 ? 0 : tag_make(packet->protocol, packet->icmp_id, query);
}

static __always_inline void key_make4(struct merlon_flows *flows, const u8 *opener, const u8 *asked,
				      struct flow_key *key)
{
	struct bucket4 *bucket;
	u64 cover;

	key->words[0] = (u64)*(const u32 *)opener << 32 |
			*(const u32 *)asked;
	cover = mix(mix(flows->seed, key->tag >> STAMP_BITS, flows->seed), 0, flows->seed);
	bucket = &flows->four[mix(cover, key->words[0], flows->seed) >>
			      (64 - BUCKETS4_SHIFT)];
	key->words[0] ^= cover;
	key->count = 1;
	key->tags = bucket->tag;
	key->first = bucket->words[0];
}

static __always_inline void key_make6(struct merlon_flows *flows, const u8 *opener, const u8 *asked,
				      struct flow_key *key)
{
	const u64 seed = flows->seed;
	struct bucket6 *bucket;
	u64 cover;

	memcpy(key->words, opener, 16);
	memcpy(key->words + 2, asked, 16);
	cover = mix(seed, key->words[0], seed);
	cover = mix(cover, key->words[1], seed);
	cover = mix(cover, key->words[2], seed);
	cover = mix(cover, key->tag >> STAMP_BITS, seed);
	cover = mix(cover, 0, seed);
	bucket = &flows->six[mix(cover, key->words[3], seed) >> (64 - BUCKETS6_SHIFT)];
	key->words[3] ^= cover;
	key->count = 4;
	key->tags = bucket->tag;
	key->first = bucket->words[0];
}

static __always_inline void key_make(struct merlon_flows *flows, u8 family, const u8 *opener,
				     const u8 *asked, struct flow_key *key)
{
	if (family == AF_INET)
		key_make4(flows, opener, asked, key);
	else
		key_make6(flows, opener, asked, key);
}

static __always_inline bool words_equal(const struct flow_key *key, int way)
{
	const u64 *words = key->first + way * key->count;
	u64 differ = 0;
	int i;

	for (i = 0; i < key->count; i++)
		differ |= READ_ONCE(words[i]) ^ key->words[i];
	return !differ;
}

/* The way that holds @key, with the tag that was there, or -1. */
static __always_inline int key_find(const struct flow_key *key, u64 *ret_tag)
{
	int way;

	for (way = 0; way < WAYS; way++) {
		/* ORDER: the words are loaded after the tag; pairs with way_write(). */
		u64 tag = smp_load_acquire(&key->tags[way]);

		if ((tag ^ key->tag) >> STAMP_BITS || !words_equal(key, way))
			continue;
		*ret_tag = tag;
		return way;
	}
	return -1;
}

/* An empty way, else the one that was silent for longest. */
static inline int way_oldest(const struct flow_key *key, u32 now)
{
	u32 age, oldest_age = 0;
	int way, oldest = 0;

	for (way = 0; way < WAYS; way++) {
		u64 tag = READ_ONCE(key->tags[way]);

		if (!tag)
			return way;
		age = age_of(tag, now);
		if (age > oldest_age) {
			oldest_age = age;
			oldest = way;
		}
	}
	return oldest;
}

static inline void way_write(const struct flow_key *key, int way, u32 now)
{
	u64 *words = key->first + way * key->count;
	int i;

	for (i = 0; i < key->count; i++)
		WRITE_ONCE(words[i], key->words[i]);
	/* ORDER: the tag goes last; pairs with key_find(). See the top. */
	smp_store_release(&key->tags[way], key->tag | now);
}

static inline void flows_open(struct merlon_flows *flows, const struct merlon_packet *opener,
			      u32 now)
{
	struct flow_key key = { .tag = tag_opener(opener) };
	u64 tag;
	int way;

	if (!key.tag)
		return;
	key_make(flows, opener->family, opener->source, opener->destination, &key);
	way = key_find(&key, &tag);
	if (way < 0)
		way_write(&key, way_oldest(&key, now), now);
	else if (age_of(tag, now))
		WRITE_ONCE(key.tags[way], key.tag | now);
}

/* Does the table hold @key, not expired? */
static __always_inline bool key_alive(const struct flow_key *key, u32 now, bool renew)
{
	u64 tag;
	int way = key_find(key, &tag);
	u32 age;

	if (way < 0)
		return false;
	age = age_of(tag, now);
	if (age >= lifetime_of(tag))
		return false;
	if (renew && age)
		WRITE_ONCE(key->tags[way], key->tag | now);
	return true;
}

static inline bool flows_answer(struct merlon_flows *flows, const struct merlon_packet *reply,
				u32 now, bool renew)
{
	struct flow_key key = { .tag = tag_answer(reply) };

	if (!key.tag)
		return false;
	key_make(flows, reply->family, reply->destination, reply->source, &key);
	return key_alive(&key, now, renew);
}

static inline bool flows_opened(struct merlon_flows *flows, const struct merlon_packet *packet,
				u32 now)
{
	struct flow_key key = { .tag = tag_opener(packet) };

	if (!key.tag)
		return false;
	key_make(flows, packet->family, packet->source, packet->destination, &key);
	return key_alive(&key, now, false);
}

/* The key of a plain packet of UDP, @at its IP header; @answer: of what it answers. */
static __always_inline void key_make_plain(struct merlon_flows *flows, u8 family, const u8 *at,
					   bool answer, struct flow_key *key)
{
	u32 header = family == AF_INET ? MERLON_PLAIN4_BYTES : MERLON_PLAIN6_BYTES;
	u32 length = family == AF_INET ? 4 : 16;
	const u8 *destination = at + header - length, *source = destination - length;
	u16 from = merlon_be16(at + header), to = merlon_be16(at + header + 2);

	key->tag = answer ? tag_make(IPPROTO_UDP, to, from) : tag_make(IPPROTO_UDP, from, to);
	key_make(flows, family, answer ? destination : source, answer ? source : destination, key);
}

/* It opens a flow, or goes on with one: was that opened before? Then it lives on. */
static __always_inline bool flows_hold_plain(struct merlon_flows *flows, u8 family, const u8 *at,
					     u32 now)
{
	struct flow_key key;
	u64 tag;
	int way;

	key_make_plain(flows, family, at, false, &key);
	way = key_find(&key, &tag);
	if (way < 0)
		return false;
	if (age_of(tag, now))
		WRITE_ONCE(key.tags[way], key.tag | now);
	return true;
}

/* flows_answer() for it, with @renew. */
static __always_inline bool flows_answer_plain(struct merlon_flows *flows, u8 family, const u8 *at,
					       u32 now)
{
	struct flow_key key;

	key_make_plain(flows, family, at, true, &key);
	return key_alive(&key, now, true);
}

#endif
