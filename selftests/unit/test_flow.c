/* SPDX-License-Identifier: MIT */
/*
 * The table of flows: who is answered, for how long, who is forgotten first;
 * and, on purpose and by threads that write and read the same few slots, that
 * no mixture of two flows is ever taken for a third.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

/* What the kernel has. */
#define ____cacheline_aligned __attribute__((aligned(64)))
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* Two buckets are full at once. */
#define BUCKETS4_SHIFT 1
#define BUCKETS6_SHIFT 1
#include "../../kmod/flow_table.h"

static struct merlon_flows flows;

static int setup(void **state)
{
	(void)state;
	memset(&flows, 0, sizeof(flows));
	flows.seed = 0x9e3779b97f4a7c15u;
	return 0;
}

/* From host @from to host @to. */
static struct merlon_packet packet_of(u8 family, u8 protocol, u8 from, u8 to, u16 source_port,
				      u16 port)
{
	struct merlon_packet packet = {
		.family = family, .protocol = protocol,
		.source_port = source_port, .selector = port,
	};
	unsigned int last = family == AF_INET ? 3 : 15;

	packet.source[0] = packet.destination[0] = family == AF_INET ? 10 : 0xfd;
	packet.source[last] = from;
	packet.destination[last] = to;
	return packet;
}

static struct merlon_packet icmp_of(u8 family, u8 from, u8 to, u16 type, u16 id)
{
	struct merlon_packet packet = packet_of(family, family == AF_INET ? IPPROTO_ICMP :
						IPPROTO_ICMPV6, from, to, 0, type);

	packet.icmp_id = id;
	return packet;
}

static const u8 families[] = { AF_INET, AF_INET6 };

static bool answered(u8 family, u8 protocol, u8 from, u8 to, u16 source_port, u16 port)
{
	struct merlon_packet say = packet_of(family, protocol, from, to, source_port, port);

	return flows_answer(&flows, &say, 100, true);
}

static void test_answers(void **state)
{
	struct merlon_packet ask, say;
	size_t f;

	(void)state;
	for (f = 0; f < 2; f++) {
		ask = packet_of(families[f], IPPROTO_UDP, 1, 2, 5000, 53);
		say = packet_of(families[f], IPPROTO_UDP, 2, 1, 53, 5000);
		assert_false(answered(families[f], IPPROTO_UDP, 2, 1, 53, 5000));
		flows_open(&flows, &ask, 100);
		assert_true(answered(families[f], IPPROTO_UDP, 2, 1, 53, 5000));
		assert_true(flows_opened(&flows, &ask, 100));
		assert_false(flows_opened(&flows, &say, 100));
		assert_false(answered(families[f], IPPROTO_UDP, 1, 2, 5000, 53));
		assert_false(answered(families[f], IPPROTO_UDP, 2, 1, 54, 5000));
		assert_false(answered(families[f], IPPROTO_UDP, 2, 1, 53, 5001));
		assert_false(answered(families[f], IPPROTO_UDP, 3, 1, 53, 5000));
		assert_false(answered(families[f], IPPROTO_UDP, 2, 3, 53, 5000));
		assert_false(answered(families[f], IPPROTO_UDPLITE, 2, 1, 53, 5000));
	}
}

static void test_icmp(void **state)
{
	struct merlon_packet ask, say;
	size_t f;

	(void)state;
	for (f = 0; f < 2; f++) {
		u16 request = f ? 128 : 8, reply = f ? 129 : 0;

		ask = icmp_of(families[f], 1, 2, request, 7);
		flows_open(&flows, &ask, 100);
		say = icmp_of(families[f], 2, 1, reply, 7);
		assert_true(flows_answer(&flows, &say, 100, true));
		say.icmp_id = 8;
		assert_false(flows_answer(&flows, &say, 100, true));
		say = icmp_of(families[f], 2, 1, request, 7);
		assert_false(flows_answer(&flows, &say, 100, true));
		/* A reply that a rule allows by itself opens nothing. */
		say = icmp_of(families[f], 4, 1, reply, 9);
		flows_open(&flows, &say, 100);
		assert_false(flows_opened(&flows, &say, 100));
	}
}

static void test_timestamps(void **state)
{
	struct merlon_packet ask = icmp_of(AF_INET, 1, 2, 13, 70);
	struct merlon_packet say = icmp_of(AF_INET, 2, 1, 14, 70);

	(void)state;
	flows_open(&flows, &ask, 100);
	assert_true(flows_answer(&flows, &say, 100, true));
	say.selector = 0;
	assert_false(flows_answer(&flows, &say, 100, true));
}

static bool alive_after(u8 protocol, u32 opened, u32 seconds, bool renew)
{
	struct merlon_packet ask = packet_of(AF_INET, protocol, 1, 2, 5000, 53);
	struct merlon_packet say = packet_of(AF_INET, protocol, 2, 1, 53, 5000);

	memset(&flows.four, 0, sizeof(flows.four));
	flows_open(&flows, &ask, opened & STAMP_MASK);
	flows_answer(&flows, &say, (opened + 20) & STAMP_MASK, renew);
	return flows_answer(&flows, &say, (opened + seconds) & STAMP_MASK, false);
}

static void test_lifetimes(void **state)
{
	static const u32 starts[] = { 1, 1000, STAMP_MASK - 10 };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_true(alive_after(IPPROTO_UDP, starts[i], 179, false));
		assert_false(alive_after(IPPROTO_UDP, starts[i], 180, false));
		assert_true(alive_after(IPPROTO_UDP, starts[i], 199, true));
		assert_false(alive_after(IPPROTO_UDP, starts[i], 200, true));
		assert_true(alive_after(47, starts[i], 29, false));
		assert_false(alive_after(47, starts[i], 30, false));
		assert_true(alive_after(47, starts[i], 49, true));
		assert_false(alive_after(47, starts[i], 50, true));
	}
	/* Another processor's clock may be a moment ahead of ours. */
	assert_true(alive_after(IPPROTO_UDP, 1000, (u32)-2, false));
}

static void key_of(const struct merlon_packet *packet, struct flow_key *ret)
{
	*ret = (struct flow_key) { .tag = tag_opener(packet) };
	key_make(&flows, packet->family, packet->source, packet->destination, ret);
}

/* In a full bucket the one that was silent for longest makes room. */
static void test_replacement(void **state)
{
	struct merlon_packet asks[6], says[6];
	struct flow_key key;
	u64 *bucket = NULL;
	unsigned int n = 0;
	u16 port;

	(void)state;
	for (port = 0; n < 6; port++) {
		asks[n] = packet_of(AF_INET6, IPPROTO_UDP, 1, 2, port, 53);
		says[n] = packet_of(AF_INET6, IPPROTO_UDP, 2, 1, 53, port);
		key_of(&asks[n], &key);
		if (!bucket)
			bucket = key.tags;
		n += key.tags == bucket;
	}
	for (n = 0; n < 5; n++)
		flows_open(&flows, &asks[n], 100 + n);
	assert_false(flows_opened(&flows, &asks[0], 105));
	for (n = 1; n < 5; n++)
		assert_true(flows_opened(&flows, &asks[n], 105));
	assert_true(flows_answer(&flows, &says[1], 105, true));
	flows_open(&flows, &asks[5], 106);
	assert_true(flows_opened(&flows, &asks[1], 106));
	assert_false(flows_opened(&flows, &asks[2], 106));
}

/* Soon after the stamps have wrapped, an empty slot is not taken for a young flow. */
static void test_wrap(void **state)
{
	struct merlon_packet ask;
	unsigned int alive = 0;
	u16 port;

	(void)state;
	for (port = 0; port < 4; port++) {
		ask = packet_of(AF_INET, IPPROTO_UDP, 1, 2, port, 53);
		flows_open(&flows, &ask, port < 3 ? STAMP_MASK - 3 : 2);
	}
	for (port = 0; port < 4; port++) {
		ask = packet_of(AF_INET, IPPROTO_UDP, 1, 2, port, 53);
		alive += flows_opened(&flows, &ask, 2);
	}
	assert_int_equal(alive, 4);
}

/* However many there are, the table is as large as it was, and the last are in it. */
static void test_flood(void **state)
{
	struct merlon_packet ask;
	unsigned int alive = 0;
	u32 i;

	(void)state;
	for (i = 0; i < 50000; i++) {
		ask = packet_of(AF_INET, IPPROTO_UDP, 1, 2, (u16)i, 53);
		flows_open(&flows, &ask, 100 + i / 5000);
		assert_true(flows_opened(&flows, &ask, 100 + i / 5000));
	}
	for (i = 0; i < 50000; i++) {
		ask = packet_of(AF_INET, IPPROTO_UDP, 1, 2, (u16)i, 53);
		alive += flows_opened(&flows, &ask, 110);
	}
	assert_int_equal(alive, 2 * WAYS);
}

/* The same flow twice takes one slot. */
static void test_refresh(void **state)
{
	struct merlon_packet ask = packet_of(AF_INET6, IPPROTO_UDP, 1, 2, 5000, 53);
	unsigned int used = 0, b, way;

	(void)state;
	flows_open(&flows, &ask, 100);
	flows_open(&flows, &ask, 101);
	flows_open(&flows, &ask, 500);
	for (b = 0; b < 2; b++)
		for (way = 0; way < WAYS; way++)
			used += !!flows.six[b].tag[way];
	assert_int_equal(used, 1);
	assert_true(flows_opened(&flows, &ask, 600));
}

/* ------------------------------------------------------------------ mixtures */

/*
 * Flows from host i to host j by port k exist where i + j + k is even. Readers
 * ask for all others.
 */
#define PARTS 8

static struct merlon_packet mixed(u8 family, u32 choice)
{
	struct merlon_packet packet = packet_of(family, IPPROTO_UDP, choice % PARTS,
						choice / PARTS % PARTS,
						(u16)(choice / PARTS / PARTS % PARTS), 53);

	/* Both halves of an address, so that all four words differ. */
	packet.source[4] = family == AF_INET ? 0 : choice % PARTS;
	packet.destination[4] = family == AF_INET ? 0 : choice / PARTS % PARTS;
	return packet;
}

/* Port and addresses of @a where @mask says so, else of @b. */
static struct merlon_packet mixture(const struct merlon_packet *a,
				    const struct merlon_packet *b, unsigned int mask)
{
	struct merlon_packet ret = *b;

	if (mask & 1)
		ret.source_port = a->source_port;
	if (a->family == AF_INET && mask & 2) {
		memcpy(ret.source, a->source, 16);
		memcpy(ret.destination, a->destination, 16);
	}
	if (a->family == AF_INET)
		return ret;
	memcpy(ret.source, mask & 2 ? a->source : b->source, 8);
	memcpy(ret.source + 8, (mask & 4 ? a->source : b->source) + 8, 8);
	memcpy(ret.destination, mask & 8 ? a->destination : b->destination, 8);
	memcpy(ret.destination + 8, (mask & 16 ? a->destination : b->destination) + 8, 8);
	return ret;
}

/* The slot holds @x's words where @mask says so, else @y's. Is that taken for @probe? */
static bool taken(const struct flow_key *x, const struct flow_key *y, unsigned int mask,
		  const struct merlon_packet *probe)
{
	struct flow_key key;
	int i;

	key_of(probe, &key);
	key.tags[0] = (mask & 1 ? x->tag : y->tag) | 100;
	for (i = 0; i < key.count; i++)
		key.first[i] = mask >> (i + 1) & 1 ? x->words[i] : y->words[i];
	return key_alive(&key, 100, false);
}

/* What threads do rarely, done on purpose: every mixture of two flows' words. */
static void test_mixtures(void **state)
{
	struct merlon_packet a, b, probe;
	unsigned int mask, i, f, own = 0;
	struct flow_key x, y;

	(void)state;
	for (f = 0; f < 2; f++)
		for (i = 0; i < 4096; i++) {
			a = mixed(families[f], i);
			b = mixed(families[f], i * 2654435761u >> 16);
			key_of(&a, &x);
			key_of(&b, &y);
			for (mask = 0; mask < (f ? 32 : 4); mask++) {
				probe = mixture(&a, &b, mask);
				if (!taken(&x, &y, mask, &probe))
					continue;
				own++;
				assert_true(!memcmp(&probe, &a, sizeof(a)) ||
					    !memcmp(&probe, &b, sizeof(b)));
			}
		}
	assert_true(own >= 2 * 2 * 4096);
}

static unsigned long rounds = 400000;
static unsigned long wrong, right;
static bool stop;

static bool exists(const struct merlon_packet *packet)
{
	unsigned int last = packet->family == AF_INET ? 3 : 15;

	return !((packet->source[last] + packet->destination[last] + packet->source_port) & 1);
}

static u32 next(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

static void *write_flows(void *arg)
{
	u32 state = (u32)(uintptr_t)arg;
	struct merlon_packet packet;
	unsigned long i;

	for (i = 0; i < rounds; i++) {
		packet = mixed(families[next(&state) & 1], next(&state));
		if (exists(&packet))
			flows_open(&flows, &packet, 100 + (next(&state) & 1));
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	return NULL;
}

static void *read_flows(void *arg)
{
	u32 state = (u32)(uintptr_t)arg;
	struct merlon_packet packet;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		packet = mixed(families[next(&state) & 1], next(&state));
		if (flows_opened(&flows, &packet, 101))
			__atomic_fetch_add(exists(&packet) ? &right : &wrong, 1,
					   __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Two that write and two that read the same few slots. */
static void test_torn(void **state)
{
	pthread_t threads[4];
	uintptr_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i & 1 ? read_flows :
						write_flows, (void *)(i * 7919 + 1)), 0);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_true(right > 0);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_answers, setup),
		cmocka_unit_test_setup(test_icmp, setup),
		cmocka_unit_test_setup(test_timestamps, setup),
		cmocka_unit_test_setup(test_lifetimes, setup),
		cmocka_unit_test_setup(test_replacement, setup),
		cmocka_unit_test_setup(test_wrap, setup),
		cmocka_unit_test_setup(test_flood, setup),
		cmocka_unit_test_setup(test_refresh, setup),
		cmocka_unit_test_setup(test_mixtures, setup),
		cmocka_unit_test_setup(test_torn, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
