// SPDX-License-Identifier: MIT
/*
 * Change-overs against a naive WireGuard: a list of prefixes and their peers,
 * searched for the longest. Every step is taken apart into the smallest that the
 * kernel has (one prefix moves, one prefix of a peer that is removed goes), and
 * after each of them every address is asked whose it is:
 *
 *   - before the publication: whose it was, or nobody's;
 *   - between the steps: nobody's, unless it was and will be the same one's;
 *   - after the publication: whose it will be, or nobody's;
 *   - whose prefix stays is never interrupted;
 *   - in the end, exactly what was wanted; and a plan from any moment on leads
 *     there too, or back, by the same rules: what a process does that died.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "changeover.h"

#define PEERS 4			/* 1 to PEERS; 0 is nobody */
#define ADDRESSES 16		/* 10.0.0.0 to 10.0.0.15 */
#define PREFIXES 31		/* of lengths 28 to 32 */
#define NONE (-1)

/* Whose each of the prefixes is. */
struct wires {
	int owner[PREFIXES];
	bool peer[PEERS + 1];
};

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 16) % limit;
}

/* ------------------------------------------------------------------ the oracle */

/* Prefix @index: one of length 28, two of 29, four of 30, … */
static unsigned int bits_of(int index)
{
	unsigned int bits = 0;

	while (index >= (2 << bits) - 1)
		bits++;
	return bits;
}

static int prefix_of(int address, unsigned int bits)
{
	return (1 << bits) - 1 + (address >> (4 - bits));
}

/* Whose prefix is the longest; 0 and NONE both mean: nobody's. */
static int holder(const struct wires *wires, int address)
{
	int bits, owner;

	for (bits = 4; bits >= 0; bits--) {
		owner = wires->owner[prefix_of(address, (unsigned int)bits)];
		if (owner != NONE)
			return owner;
	}
	return 0;
}

static struct ml_prefix prefix_at(int index)
{
	unsigned int bits = bits_of(index);
	struct ml_prefix prefix = { .family = AF_INET, .address = { 10 } };

	prefix.length = (uint8_t)(28 + bits);
	prefix.address[3] = (uint8_t)((index + 1 - (1 << bits)) << (4 - bits));
	return prefix;
}

static int index_of(const struct ml_prefix *prefix)
{
	return prefix_of(prefix->address[3], prefix->length - 28u);
}

static void key_of(int peer, uint8_t key[static 32])
{
	memset(key, peer, 32);
	if (!peer)
		memcpy(key, ml_nobody, 32);
}

static int peer_of(const uint8_t key[static 32])
{
	return memcmp(key, ml_nobody, 32) ? key[0] : 0;
}

/* ------------------------------------------------------------- as a struct ml_device */

static struct ml_device device_of(const struct wires *wires)
{
	struct ml_device device = { .peers = calloc(PEERS + 1, sizeof(*device.peers)) };
	struct ml_device_peer *peer;
	struct ml_prefix prefix;
	int i, j;

	for (i = 0; i <= PEERS; i++) {
		if (!wires->peer[i])
			continue;
		peer = &device.peers[device.peer_count++];
		key_of(i, peer->key);
		for (j = 0; j < PREFIXES; j++) {
			prefix = prefix_at(j);
			if (wires->owner[j] == i)
				assert_int_equal(ml_prefixes_add(&peer->allowed, &prefix), 0);
		}
	}
	ml_device_sort(&device);
	return device;
}

static struct ml_changeover plan(const struct wires *actual, const struct wires *wanted)
{
	struct ml_device from = device_of(actual), to = device_of(wanted);
	struct ml_changeover changeover;

	assert_int_equal(ml_changeover_plan(&from, &to, NULL, &changeover), 0);
	ml_device_clean(&from);
	ml_device_clean(&to);
	return changeover;
}

/* ------------------------------------------------------------------- step by step */

/* Called after each of the smallest steps; @arg is the caller's. */
typedef void watcher(const struct wires *wires, void *arg);

static void remove_peer(struct wires *wires, int peer, watcher *watch, void *arg)
{
	int start = (int)random_below(PREFIXES), i;

	for (i = 0; i < PREFIXES; i++) {
		if (wires->owner[(start + i) % PREFIXES] != peer)
			continue;
		wires->owner[(start + i) % PREFIXES] = NONE;
		watch(wires, arg);
	}
	wires->peer[peer] = false;
}

static void make(struct wires *wires, const struct ml_changes *changes, watcher *watch,
		 void *arg)
{
	const struct ml_peer_change *change;
	size_t i, j;
	int peer;

	for (i = 0; i < changes->peer_count; i++) {
		change = &changes->peers[i];
		peer = peer_of(change->key);
		if (change->remove) {
			remove_peer(wires, peer, watch, arg);
			continue;
		}
		assert_true(change->create || wires->peer[peer]);
		wires->peer[peer] = true;
		for (j = 0; j < change->allowed.count; j++) {
			wires->owner[index_of(&change->allowed.items[j])] = peer;
			watch(wires, arg);
		}
	}
}

struct rules {
	const struct wires *old, *new;
	bool published;
	bool and_then;		/* also plan on from every moment, and back */
};

static bool kept(const struct wires *old, const struct wires *new, int address)
{
	int bits, i;

	for (bits = 4; bits >= 0; bits--) {
		i = prefix_of(address, (unsigned int)bits);
		if (old->owner[i] != NONE || new->owner[i] != NONE)
			return old->owner[i] == new->owner[i];
	}
	return false;
}

static void go_on(const struct wires *wires, const struct rules *rules);

static void judge(const struct wires *wires, void *arg)
{
	const struct rules *rules = arg;
	const struct wires *law = rules->published ? rules->new : rules->old;
	int address, now;

	for (address = 0; address < ADDRESSES; address++) {
		now = holder(wires, address);
		assert_true(now == 0 || now == holder(law, address));
		if (kept(rules->old, rules->new, address))
			assert_int_equal(now, holder(rules->old, address));
	}
	if (rules->and_then)
		go_on(wires, rules);
}

static void is_between(const struct wires *wires, const struct rules *rules)
{
	int address, now;

	for (address = 0; address < ADDRESSES; address++) {
		now = holder(wires, address);
		assert_true(now == 0 || (now == holder(rules->old, address) &&
					 now == holder(rules->new, address)));
	}
}

static void is_exactly(const struct wires *wires, const struct wires *wanted)
{
	assert_memory_equal(wires->owner, wanted->owner, sizeof(wires->owner));
	assert_memory_equal(wires->peer, wanted->peer, sizeof(wires->peer));
}

/* Both steps from here on; `after` is planned anew, as merlond does. */
static void whole(struct wires wires, struct rules *rules, const struct wires *goal)
{
	struct ml_changeover changeover = plan(&wires, goal);

	make(&wires, &changeover.before, judge, rules);
	if (goal == rules->new && !rules->published) {
		is_between(&wires, rules);
		rules->published = true;
	}
	ml_changeover_clean(&changeover);
	changeover = plan(&wires, goal);
	assert_true(ml_changes_empty(&changeover.before));
	make(&wires, &changeover.after, judge, rules);
	is_exactly(&wires, goal);
	ml_changeover_clean(&changeover);
}

/* It died here: the new generation again; or, if it was refused, back. */
static void go_on(const struct wires *wires, const struct rules *rules)
{
	struct rules on = { .old = rules->old, .new = rules->new,
			    .published = rules->published };

	whole(*wires, &on, on.new);
	if (rules->published)
		return;
	on.published = false;
	whole(*wires, &on, on.old);
}

/* ------------------------------------------------------------------------- tests */

static void nothing(struct wires *wires)
{
	int i;

	memset(wires, 0, sizeof(*wires));
	for (i = 0; i < PREFIXES; i++)
		wires->owner[i] = NONE;
}

static void own(struct wires *wires, int peer, int index)
{
	wires->peer[peer] = true;
	wires->owner[index] = peer;
}

static void scatter(struct wires *wires, uint32_t density)
{
	int i;

	nothing(wires);
	for (i = 1; i <= PEERS; i++)
		wires->peer[i] = random_below(4);
	for (i = 0; i < PREFIXES; i++) {
		int peer = 1 + (int)random_below(PEERS);

		if (wires->peer[peer] && random_below(8) < density)
			wires->owner[i] = peer;
	}
}

static void stir(struct wires *wires)
{
	int peer = 1 + (int)random_below(PEERS), i = (int)random_below(PREFIXES);

	if (random_below(4))
		own(wires, peer, i);
	else
		wires->owner[i] = NONE;
}

static void test_random(void **state)
{
	struct wires old, new;
	struct rules rules = { .old = &old, .new = &new, .and_then = true };
	uint32_t i, j;

	(void)state;
	for (i = 0; i < 3000; i++) {
		scatter(&old, i % 7);
		scatter(&new, i / 7 % 7);
		for (j = 0, new = i % 2 ? old : new; i % 2 && j < 1 + i % 5; j++)
			stir(&new);
		rules.published = false;
		whole(old, &rules, &new);
	}
}

/* The case that the essay in changeover.h is about. */
static void test_does_not_fall_to_the_cover(void **state)
{
	struct wires old, new, now;
	struct rules rules = { .old = &old, .new = &new };
	struct ml_changeover changeover;
	int i;

	(void)state;
	nothing(&old);
	own(&old, 1, 0);	/* the gateway: 10.0.0.0/28 */
	new = old;
	own(&old, 2, 15 + 9);	/* 10.0.0.9, which goes */
	own(&new, 3, 15 + 4);	/* 10.0.0.4, which comes */
	changeover = plan(&old, &new);
	now = old;
	make(&now, &changeover.before, judge, &rules);
	for (i = 0; i < ADDRESSES; i++)
		assert_int_equal(holder(&now, i), i == 9 || i == 4 ? 0 : 1);
	assert_false(now.peer[2]);
	assert_false(now.peer[3]);
	ml_changeover_clean(&changeover);
	whole(old, &rules, &new);
}

static void test_the_oracle_sees(void **state)
{
	struct wires wires;

	(void)state;
	nothing(&wires);
	own(&wires, 1, 0);
	own(&wires, 2, 2);	/* 10.0.0.8/29 */
	own(&wires, 3, 15 + 9);
	assert_int_equal(holder(&wires, 7), 1);
	assert_int_equal(holder(&wires, 8), 2);
	assert_int_equal(holder(&wires, 9), 3);
	assert_int_equal(prefix_at(2).address[3], 8);
	assert_int_equal(prefix_at(2).length, 29);
	assert_int_equal(prefix_at(24).address[3], 9);
	assert_int_equal(index_of(&(struct ml_prefix){ AF_INET, 32, { 10, 0, 0, 9 } }), 24);
}

/* What needs nobody does without: peers alone, no covers. */
static void test_nothing_in_excess(void **state)
{
	struct wires old, new;
	struct ml_changeover changeover;

	(void)state;
	nothing(&old);
	own(&old, 1, 15);
	own(&old, 2, 16);
	new = old;
	changeover = plan(&old, &new);
	assert_true(ml_changes_empty(&changeover.before));
	assert_true(ml_changes_empty(&changeover.after));
	ml_changeover_clean(&changeover);
	own(&new, 3, 17);
	new.owner[16] = NONE;
	new.peer[2] = false;
	changeover = plan(&old, &new);
	assert_int_equal(changeover.before.peer_count, 1);
	assert_true(changeover.before.peers[0].remove);
	assert_int_equal(changeover.after.peer_count, 1);
	assert_int_equal(peer_of(changeover.after.peers[0].key), 3);
	ml_changeover_clean(&changeover);
}

static struct ml_endpoint endpoint(uint8_t last)
{
	return (struct ml_endpoint){ AF_INET, { 192, 0, 2, last }, 51820 };
}

/* One peer: has @has, had to have @had, shall have @wants (0: none). */
static struct ml_changeover plan_endpoint(uint8_t has, uint8_t had, uint8_t wants)
{
	struct ml_device_peer peers[3] = { { .key = { 1 } }, { .key = { 1 } }, { .key = { 1 } } };
	struct ml_device devices[3];
	struct ml_changeover changeover;
	uint8_t lasts[3] = { has, had, wants };
	int i;

	memset(devices, 0, sizeof(devices));
	for (i = 0; i < 3; i++) {
		devices[i].peers = &peers[i];
		devices[i].peer_count = 1;
		if (lasts[i])
			peers[i].endpoint = endpoint(lasts[i]);
	}
	assert_int_equal(ml_changeover_plan(&devices[0], &devices[2], &devices[1],
					    &changeover), 0);
	return changeover;
}

static void endpoint_becomes(uint8_t has, uint8_t had, uint8_t wants, uint8_t before,
			     uint8_t after)
{
	struct ml_changeover changeover = plan_endpoint(has, had, wants);

	assert_int_equal(changeover.before.peer_count, before ? 1 : 0);
	assert_int_equal(changeover.after.peer_count, after ? 1 : 0);
	if (before)
		assert_int_equal(changeover.before.peers[0].endpoint.address[3], before);
	if (before)
		assert_false(changeover.before.peers[0].create);
	if (after)
		assert_int_equal(changeover.after.peers[0].endpoint.address[3], after);
	ml_changeover_clean(&changeover);
}

static void test_endpoints(void **state)
{
	(void)state;
	endpoint_becomes(9, 1, 1, 0, 0);	/* learnt, and kept */
	endpoint_becomes(9, 1, 2, 2, 0);	/* the bundle's changed */
	endpoint_becomes(2, 1, 2, 0, 0);	/* to what it is already */
	endpoint_becomes(0, 1, 1, 0, 1);	/* none known */
	endpoint_becomes(0, 1, 2, 0, 2);
	endpoint_becomes(9, 1, 0, 0, 0);	/* the bundle has none any more */
	endpoint_becomes(9, 0, 2, 2, 0);	/* and has one now */
}

/* Nobody knows what was wanted before: what the kernel has is kept. */
static void test_endpoint_after_a_death(void **state)
{
	struct ml_device_peer has = { .key = { 1 }, .endpoint = endpoint(9) };
	struct ml_device_peer wants = { .key = { 1 }, .endpoint = endpoint(2) };
	struct ml_device actual = { .peers = &has, .peer_count = 1 };
	struct ml_device wanted = { .peers = &wants, .peer_count = 1 };
	struct ml_changeover changeover;

	(void)state;
	assert_int_equal(ml_changeover_plan(&actual, &wanted, NULL, &changeover), 0);
	assert_true(ml_changes_empty(&changeover.before));
	assert_true(ml_changes_empty(&changeover.after));
	ml_changeover_clean(&changeover);
}

static struct ml_prefix net(uint8_t third, uint8_t length)
{
	return (struct ml_prefix){ AF_INET, length, { 10, 0, third } };
}

static void test_routes_and_addresses(void **state)
{
	struct ml_prefix old_routes[] = { net(1, 24), net(2, 24) };
	struct ml_prefix new_routes[] = { net(2, 24), net(3, 24) };
	struct ml_prefix old_addresses[] = { { AF_INET, 24, { 10, 0, 1, 1 } },
					     { AF_INET, 24, { 10, 0, 2, 1 } } };
	struct ml_prefix new_addresses[] = { { AF_INET, 32, { 10, 0, 1, 1 } },
					     { AF_INET, 32, { 10, 0, 9, 1 } } };
	struct ml_device old = { .routes = { old_routes, 2, 2 },
				 .addresses = { old_addresses, 2, 2 } };
	struct ml_device new = { .routes = { new_routes, 2, 2 },
				 .addresses = { new_addresses, 2, 2 } };
	struct ml_changeover changeover;

	(void)state;
	assert_int_equal(ml_changeover_plan(&old, &new, NULL, &changeover), 0);
	assert_int_equal(changeover.before.routes.count, 1);
	assert_int_equal(changeover.before.routes.items[0].address[2], 1);
	assert_int_equal(changeover.after.routes.count, 1);
	assert_int_equal(changeover.after.routes.items[0].address[2], 3);
	/* 10.0.1.1 is there, whatever its net. */
	assert_int_equal(changeover.before.addresses.count, 1);
	assert_int_equal(changeover.before.addresses.items[0].address[2], 2);
	assert_int_equal(changeover.before.addresses.items[0].length, 24);
	assert_int_equal(changeover.after.addresses.count, 1);
	assert_int_equal(changeover.after.addresses.items[0].address[2], 9);
	ml_changeover_clean(&changeover);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_oracle_sees),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_does_not_fall_to_the_cover),
		cmocka_unit_test(test_nothing_in_excess),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_endpoint_after_a_death),
		cmocka_unit_test(test_routes_and_addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("tests", tests, NULL, NULL);
}
