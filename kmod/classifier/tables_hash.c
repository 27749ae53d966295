// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The three hash tables: hosts of each family, and pairs.
 *
 * Factors are tried in turn until the keys lie well: no probe longer than
 * PROBE_MAX, and no more than DISTANCE_MEAN slots from home on average. The
 * first does for all but contrived keys, and those cost a bounded number of
 * attempts and a refusal, never a long probe.
 */
#include "tables.h"

#define PROBE_MAX	256u
#define DISTANCE_MEAN	2u

static const u64 factors[] = {
	0x9e3779b97f4a7c15ull, 0xbf58476d1ce4e5b9ull, 0x94d049bb133111ebull,
	0xd6e8feb86659fd93ull, 0xff51afd7ed558ccdull, 0xc4ceb9fe1a85ec53ull,
	0xa0761d6478bd642full, 0xe7037ed1a0b428dbull, 0x8ebc6af09c88c6e3ull,
	0xc2b2ae3d27d4eb4full,
};

#define ATTEMPTS (ARRAY_SIZE(factors) - 1)

struct fill {
	const struct merlon_view *view;
	const struct merlon_hash *hash;
	void *slots;
	u32 reach;		/* longest distance from home */
};

/* Puts record @i in its place. Return: distance from home; above reach: none. */
typedef u32 place_t(const struct fill *fill, u32 i);

/* @homes for @n keys, and room for the probes that start at the last of them. */
static void hash_size(struct merlon_hash *hash, u32 n, u32 homes)
{
	hash->size = homes ? homes : 1;
	hash->room = hash->size + (n < PROBE_MAX ? n : PROBE_MAX) + 1;
}

static __always_inline int fill_once(const struct fill *fill, u32 n, place_t *place)
{
	u64 total = 0, budget = (u64)DISTANCE_MEAN * n + PROBE_MAX;
	u32 i, distance;

	for (i = 0; i < n; i++) {
		if (merlon_env_interrupted_at(i))
			return -EINTR;
		distance = place(fill, i);
		total += distance;
		if (distance > fill->reach || total > budget)
			return -EAGAIN;
	}
	return 0;
}

static __always_inline int fill_table(struct merlon_hash *hash, void *slots, size_t size,
				      int empty, const struct merlon_view *view,
				      u32 section, place_t *place,
				      struct merlon_fault *fault)
{
	struct fill fill = { .view = view, .hash = hash, .slots = slots };
	u32 i;
	int ret;

	fill.reach = hash->room - hash->size - 1;
	for (i = 0; i < ATTEMPTS; i++) {
		hash->factor[0] = factors[i];
		hash->factor[1] = factors[i + 1];
		memset(slots, empty, size * hash->room);
		ret = fill_once(&fill, view->count[section], place);
		if (!ret)
			return 0;
		if (ret == -EINTR)
			return merlon_fault_set(fault, ret, section, 0,
						"interrupted by a signal");
	}
	return merlon_fault_set(fault, -E2BIG, section, 0,
				"these keys fall on too few slots of a hash table");
}

static int no_memory(struct merlon_fault *fault, u32 section)
{
	return merlon_fault_set(fault, -ENOMEM, section, 0, "out of memory");
}

static u32 end_source(__le32 class, u8 tunnel)
{
	return MERLON_END_PRESENT | (u32)tunnel << 24 | le32_to_cpu(class);
}

static u32 place_host4(const struct fill *fill, u32 i)
{
	const struct merlon_host4 *host = &fill->view->hosts4[i];
	const u32 key = (__force u32)host->address;
	struct merlon_slot4 *slot = fill->slots;
	u32 distance = 0;

	slot += merlon_hash4(fill->hash, key);
	while (slot->ends.source && ++distance <= fill->reach)
		slot++;
	if (distance > fill->reach)
		return distance;
	slot->address = key;
	slot->ends.source = end_source(host->source, host->tunnel);
	slot->ends.destination = le32_to_cpu(host->destination);
	return distance;
}

static u32 place_host6(const struct fill *fill, u32 i)
{
	const struct merlon_host6 *host = &fill->view->hosts6[i];
	struct merlon_slot6 *slot = fill->slots;
	u32 distance = 0;
	u64 key[2];

	memcpy(key, host->address, sizeof(key));
	slot += merlon_hash6(fill->hash, key[0], key[1]);
	while (slot->ends.source && ++distance <= fill->reach)
		slot++;
	if (distance > fill->reach)
		return distance;
	memcpy(slot->address, key, sizeof(key));
	slot->ends.source = end_source(host->source, host->tunnel);
	slot->ends.destination = le32_to_cpu(host->destination);
	return distance;
}

static u32 place_pair(const struct fill *fill, u32 i)
{
	const struct merlon_pair *pair = &fill->view->pairs[i];
	struct merlon_slot_pair *slot = fill->slots;
	u32 distance = 0;
	u64 key;

	key = (u64)le32_to_cpu(pair->source) << 32 | le32_to_cpu(pair->destination);
	slot += merlon_hash_pair(fill->hash, key);
	while (slot->key != MERLON_PAIR_NONE && ++distance <= fill->reach)
		slot++;
	if (distance > fill->reach)
		return distance;
	slot->key = key;
	slot->row.slots = le32_to_cpu(pair->shape) * fill->view->nr_services;
	slot->row.base = le32_to_cpu(pair->base);
	return distance;
}

int merlon_hosts4_build(struct merlon_tables *tables, const struct merlon_view *view,
			struct merlon_fault *fault)
{
	u32 n = view->count[MERLON_SECTION_HOSTS4];
	struct merlon_slot4 *slots;

	hash_size(&tables->hash4, n, 2 * n);
	slots = merlon_tables_alloc(tables, tables->hash4.room, sizeof(*slots));
	if (!slots)
		return no_memory(fault, MERLON_SECTION_HOSTS4);
	tables->hosts4 = slots;
	return fill_table(&tables->hash4, slots, sizeof(*slots), 0, view,
			  MERLON_SECTION_HOSTS4, place_host4, fault);
}

int merlon_hosts6_build(struct merlon_tables *tables, const struct merlon_view *view,
			struct merlon_fault *fault)
{
	u32 n = view->count[MERLON_SECTION_HOSTS6];
	struct merlon_slot6 *slots;

	/* Twice as large as IPv4's: a little fuller, to stay below 64 bytes. */
	hash_size(&tables->hash6, n, n + n / 4 * 3);
	slots = merlon_tables_alloc(tables, tables->hash6.room, sizeof(*slots));
	if (!slots)
		return no_memory(fault, MERLON_SECTION_HOSTS6);
	tables->hosts6 = slots;
	return fill_table(&tables->hash6, slots, sizeof(*slots), 0, view,
			  MERLON_SECTION_HOSTS6, place_host6, fault);
}

int merlon_pairs_build(struct merlon_tables *tables, const struct merlon_view *view,
		       struct merlon_fault *fault)
{
	u32 n = view->count[MERLON_SECTION_PAIRS];
	struct merlon_slot_pair *slots;

	hash_size(&tables->hash_pairs, n, 2 * n);
	slots = merlon_tables_alloc(tables, tables->hash_pairs.room, sizeof(*slots));
	if (!slots)
		return no_memory(fault, MERLON_SECTION_PAIRS);
	tables->pairs = slots;
	return fill_table(&tables->hash_pairs, slots, sizeof(*slots), 0xff, view,
			  MERLON_SECTION_PAIRS, place_pair, fault);
}
