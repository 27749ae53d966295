// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The three hash tables: hosts of each family, and pairs.
 *
 * How well a factor spreads the keys depends on the keys: addresses that were
 * given out in sequence can lie without a single collision, or in heaps. So a
 * few factors are compared by how many keys would share a home, at a fraction
 * of the cost of filling, and the best is taken. Should its table be crowded
 * all the same (a probe longer than PROBE_MAX, more than DISTANCE_MEAN slots
 * from home on average, or RUN_MAX slots without an empty one, which who looks
 * for a key that is not there would have to walk), the others get their turn.
 * Contrived keys cost a bounded number of attempts and a refusal, never a long
 * probe.
 */
#include "tables.h"

#define PROBE_MAX	256u
#define DISTANCE_MEAN	2u
#define RUN_MAX		1024u
#define HOMES_MIN	8u	/* so that one lies behind the first empty slot */
#define BARS		4096u	/* keys that are tried for it */
#define COMPARED	4u	/* factors: with random keys more change little */
#define GOOD_ENOUGH	16u	/* one shared home for so many keys */

static const u64 factors[] = {
	0x9e3779b97f4a7c15ull, 0xbf58476d1ce4e5b9ull, 0x94d049bb133111ebull,
	0xe7037ed1a0b428dbull, 0xa0761d6478bd642full, 0xd6e8feb86659fd93ull,
	0xc4ceb9fe1a85ec53ull, 0xff51afd7ed558ccdull, 0x8ebc6af09c88c6e3ull,
	0xc2b2ae3d27d4eb4full,
};

#define FACTORS (ARRAY_SIZE(factors) - 1)

struct fill {
	struct merlon_tables *tables;
	const struct merlon_view *view;
	struct merlon_hash *hash;
	struct merlon_fault *fault;
	u8 *slots;
	u32 *homes;		/* bitmap */
	u32 n, room;
};

/* What the three tables differ in. */
struct kind {
	u32 section;
	size_t slot_size;
	int empty;		/* each byte of an empty slot */
	u32 (*home)(const struct fill *fill, u32 i);
	bool (*taken)(const void *slot);
	/* Writes record @i to a slot, or says that the slot is taken. */
	bool (*put)(const struct fill *fill, u32 i, void *slot);
	/* Writes any key, the @i-th, to an empty slot: its home. NULL: an empty slot has none. */
	u32 (*bar)(const struct fill *fill, u32 i, void *slot);
};

static int stopped(const struct fill *fill, u32 section, u32 i)
{
	return merlon_fault_set(fill->fault, -EINTR, section, i, "interrupted by a signal");
}

static void take_factor(const struct fill *fill, u32 section, u32 i)
{
	fill->hash->factor = factors[i];
	if (section == MERLON_SECTION_HOSTS6)
		fill->tables->factor6 = factors[i + 1];
}

/* How many keys find their home taken. */
static __always_inline int crowding(const struct fill *fill, const struct kind *kind, u32 *ret)
{
	u32 i, home, shared = 0;

	memset(fill->homes, 0, ((size_t)fill->hash->size / 32 + 1) * sizeof(*fill->homes));
	for (i = 0; i < fill->n; i++) {
		if (merlon_env_interrupted_at(i))
			return stopped(fill, kind->section, i);
		home = kind->home(fill, i);
		shared += fill->homes[home / 32] >> home % 32 & 1;
		fill->homes[home / 32] |= 1u << home % 32;
	}
	*ret = shared;
	return 0;
}

static __always_inline int best_factor(const struct fill *fill, const struct kind *kind, u32 *ret)
{
	u32 i, shared, least = ~0u;
	int err;

	for (i = 0; i < COMPARED && least > fill->n / GOOD_ENOUGH; i++) {
		take_factor(fill, kind->section, i);
		err = crowding(fill, kind, &shared);
		if (err)
			return err;
		if (shared >= least)
			continue;
		least = shared;
		*ret = i;
	}
	return 0;
}

static __always_inline int check_runs(const struct fill *fill, const struct kind *kind)
{
	u32 i, run = 0;

	for (i = 0; i < fill->room; i++) {
		if (merlon_env_interrupted_at(i))
			return stopped(fill, kind->section, i);
		run = kind->taken(fill->slots + i * kind->slot_size) ? run + 1 : 0;
		if (run > RUN_MAX)
			return -EAGAIN;
	}
	return 0;
}

/* No probe is to find its key in an empty slot; see struct merlon_ends. */
static __always_inline int bar_empty(const struct fill *fill, const struct kind *kind)
{
	u8 *slot = fill->slots;
	u32 i, first = 0;

	if (!kind->bar)
		return 0;
	for (; kind->taken(slot); slot += kind->slot_size)
		first++;
	for (i = 1; i <= BARS; i++)
		if (kind->bar(fill, i, slot) > first)
			return 0;
	return -EAGAIN;
}

/* Return: -EAGAIN where the keys lie too badly. */
static __always_inline int fill_once(const struct fill *fill, const struct kind *kind)
{
	u64 total = 0, budget = (u64)DISTANCE_MEAN * fill->n + PROBE_MAX;
	u32 i, distance, reach = fill->room - (u32)fill->hash->size - 1;
	u8 *slot;

	memset(fill->slots, kind->empty, fill->room * kind->slot_size);
	for (i = 0; i < fill->n; i++) {
		if (merlon_env_interrupted_at(i))
			return stopped(fill, kind->section, i);
		slot = fill->slots + kind->home(fill, i) * kind->slot_size;
		for (distance = 0; distance < reach; distance++)
			if (kind->put(fill, i, slot + distance * kind->slot_size))
				break;
		total += distance;
		if (distance == reach || total > budget)
			return -EAGAIN;
	}
	return check_runs(fill, kind) ?: bar_empty(fill, kind);
}

static __always_inline int fill_table(const struct fill *fill, const struct kind *kind)
{
	u32 i, best = 0;
	int ret;

	ret = best_factor(fill, kind, &best);
	for (i = 0; !ret && i <= FACTORS; i++) {
		/* The best first, then all of them. */
		take_factor(fill, kind->section, i ? i - 1 : best);
		ret = fill_once(fill, kind);
		if (!ret)
			return 0;
		ret = ret == -EAGAIN ? 0 : ret;
	}
	return ret ? ret : merlon_fault_set(fill->fault, -E2BIG, kind->section, 0,
					    "these keys fall on too few slots of a hash table");
}

/*
 * @homes for @n keys, and room for the probes that start at the last of them
 * and for a slot that stays empty.
 */
static __always_inline int build(struct merlon_tables *tables, const struct merlon_view *view,
				 const struct kind *kind, struct merlon_hash *hash, u32 homes,
				 u32 *room, const void **ret, struct merlon_fault *fault)
{
	struct fill fill = {
		.tables = tables, .view = view, .hash = hash, .fault = fault,
		.n = view->count[kind->section],
	};
	int err;

	hash->size = homes > HOMES_MIN ? homes : HOMES_MIN;
	fill.room = (u32)hash->size + (fill.n < PROBE_MAX ? fill.n : PROBE_MAX) + 1;
	*room = fill.room;
	fill.slots = merlon_tables_alloc(tables, fill.room, kind->slot_size);
	*ret = fill.slots;
	fill.homes = merlon_env_calloc(hash->size / 32 + 1, sizeof(*fill.homes));
	if (fill.slots && fill.homes)
		err = fill_table(&fill, kind);
	else
		err = merlon_fault_set(fault, -ENOMEM, kind->section, 0, "out of memory");
	merlon_env_free(fill.homes);
	return err;
}

/* -------------------------------------------------------------------- IPv4 */

static u32 home4(const struct fill *fill, u32 i)
{
	return merlon_hash4(fill->hash, (__force u32)fill->view->hosts4[i].address);
}

static bool taken4(const void *slot)
{
	return ((const struct merlon_slot4 *)slot)->ends.owner;
}

static bool put4(const struct fill *fill, u32 i, void *to)
{
	const struct merlon_host4 *host = &fill->view->hosts4[i];
	struct merlon_slot4 *slot = to;

	if (taken4(slot))
		return false;
	slot->address = (__force u32)host->address;
	slot->ends.source = le32_to_cpu(host->source);
	slot->ends.destination = le32_to_cpu(host->destination);
	slot->ends.owner = MERLON_END_HOST | host->tunnel;
	return true;
}

static u32 bar4(const struct fill *fill, u32 i, void *to)
{
	((struct merlon_slot4 *)to)->address = i;
	return merlon_hash4(fill->hash, i);
}

int merlon_hosts4_build(struct merlon_tables *tables, const struct merlon_view *view,
			struct merlon_fault *fault)
{
	static const struct kind kind = {
		MERLON_SECTION_HOSTS4, sizeof(struct merlon_slot4), 0, home4, taken4, put4,
		bar4,
	};

	return build(tables, view, &kind, &tables->hash4,
		     2 * view->count[MERLON_SECTION_HOSTS4], &tables->room.hosts4,
		     (const void **)&tables->hosts4, fault);
}

/* -------------------------------------------------------------------- IPv6 */

static u32 home6(const struct fill *fill, u32 i)
{
	const u8 *address = fill->view->hosts6[i].address;

	return merlon_hash6(fill->hash, fill->tables->factor6, merlon_env_load64(address),
			    merlon_env_load64(address + 8));
}

static bool taken6(const void *slot)
{
	return ((const struct merlon_slot6 *)slot)->ends.owner;
}

static bool put6(const struct fill *fill, u32 i, void *to)
{
	const struct merlon_host6 *host = &fill->view->hosts6[i];
	struct merlon_slot6 *slot = to;

	if (taken6(slot))
		return false;
	memcpy(slot->address, host->address, sizeof(slot->address));
	slot->ends.source = le32_to_cpu(host->source);
	slot->ends.destination = le32_to_cpu(host->destination);
	slot->ends.owner = MERLON_END_HOST | host->tunnel;
	return true;
}

static u32 bar6(const struct fill *fill, u32 i, void *to)
{
	((struct merlon_slot6 *)to)->address[1] = i;
	return merlon_hash6(fill->hash, fill->tables->factor6, 0, i);
}

int merlon_hosts6_build(struct merlon_tables *tables, const struct merlon_view *view,
			struct merlon_fault *fault)
{
	static const struct kind kind = {
		MERLON_SECTION_HOSTS6, sizeof(struct merlon_slot6), 0, home6, taken6, put6,
		bar6,
	};
	u32 n = view->count[MERLON_SECTION_HOSTS6];

	/* Slots twice as large as IPv4's: a little fuller, to stay below 64 bytes. */
	return build(tables, view, &kind, &tables->hash6, n + n / 4 * 3, &tables->room.hosts6,
		     (const void **)&tables->hosts6, fault);
}

/* ------------------------------------------------------------------- pairs */

static u64 pair_key(const struct merlon_pair *pair)
{
	return (u64)le32_to_cpu(pair->source) << 32 | le32_to_cpu(pair->destination);
}

static u32 home_pair(const struct fill *fill, u32 i)
{
	return merlon_hash_pair(fill->hash, pair_key(&fill->view->pairs[i]));
}

static bool taken_pair(const void *slot)
{
	return ((const struct merlon_slot_pair *)slot)->key != MERLON_PAIR_NONE;
}

static bool put_pair(const struct fill *fill, u32 i, void *to)
{
	const struct merlon_pair *pair = &fill->view->pairs[i];
	struct merlon_slot_pair *slot = to;

	if (taken_pair(slot))
		return false;
	slot->key = pair_key(pair);
	slot->row = merlon_row_of(fill->tables, fill->view, pair->shape, pair->base);
	return true;
}

int merlon_pairs_build(struct merlon_tables *tables, const struct merlon_view *view,
		       struct merlon_fault *fault)
{
	static const struct kind kind = {
		MERLON_SECTION_PAIRS, sizeof(struct merlon_slot_pair), 0xff,
		home_pair, taken_pair, put_pair, NULL,
	};

	return build(tables, view, &kind, &tables->hash_pairs,
		     2 * view->count[MERLON_SECTION_PAIRS], &tables->room.pairs,
		     (const void **)&tables->pairs, fault);
}
