/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The run-time tables, for tables*.c, classify.h and classify.c alone.
 *
 * A hash table here is an array with linear probing. A slot is found by
 * multiplying the key and scaling the product to the size, so that any size
 * does and memory stays near twice the content. The keys are signed policy,
 * not what a packet's sender chose: a multiplication spreads them well enough,
 * and the builder tries other multipliers where it does not. Behind the last
 * home stand as many slots as the longest probe needs and one that is empty:
 * a probe needs no wrap and always ends.
 */
#ifndef MERLON_TABLES_H
#define MERLON_TABLES_H

#include "classifier.h"

/*
 * What an address is. An empty slot has zero in all, and an address that no probe
 * comes to it for: the zero address' starts at the first slot and ends at the first
 * that is empty, and what stands in that one has its home behind it.
 */
struct merlon_ends {
	u32 source;		/* its class */
	u32 destination;
	u32 owner;		/* the tunnel, or 0; MERLON_END_HOST */
};

#define MERLON_END_HOST		0x80000000u
#define MERLON_END_TUNNEL(owner)	((owner) & ~MERLON_END_HOST)

struct merlon_slot4 {
	u32 address;		/* as it stands in a packet */
	struct merlon_ends ends;
};

struct merlon_slot6 {
	u64 address[2];		/* as it stands in a packet */
	struct merlon_ends ends;
};

/*
 * Where a row's slots and verdicts are. Most rows have one rule: its verdict stands in
 * the row itself, which saves a cache line that no other row shares. And most of those
 * have it for one service, or a few side by side: then these do, too.
 */
struct merlon_row {
	u32 slots;		/* an index; or MERLON_ROW_LONE, services - 1 << 16, the first */
	u32 base;		/* MERLON_ROW_MANY and an index; or the verdict of slot 1 */
};

#define MERLON_ROW_LONE		0x80000000u	/* in slots; what follows is in base */
#define MERLON_ROW_MANY		0x08000000u	/* above any index, unused by verdicts */
#define MERLON_ROW_OWN		0x80000000u	/* of a class: a destination with F_ROW */

struct merlon_slot_pair {
	u64 key;		/* source << 32 | destination, or MERLON_PAIR_NONE */
	struct merlon_row row;
};

#define MERLON_PAIR_NONE	(~0ull)

/* Where a protocol's services start, and which bits of the selector count. */
struct merlon_protocol {
	u32 offset;
	u32 mask;
};

/*
 * Nets: a trie with one node of 256 entries per byte of the address. An entry
 * is the index of a node (MERLON_NET_NODE) or of one of the ends: what the
 * longest prefix says is pushed down, so a walk needs no way back.
 */
#define MERLON_NET_NODE		0x80000000u

struct merlon_nets {
	u32 *nodes;		/* NULL: no nets */
	struct merlon_ends *ends;	/* 0: what no net contains */
	u32 nr_nodes, nr_ends;
};

struct merlon_hash {
	u64 factor;
	u64 size;		/* homes; below 2^32 */
};

struct merlon_tables {
	/* What a verdict reads comes first: two cache lines, one but for IPv6 and misses. */
	const struct merlon_slot4 *hosts4;
	struct merlon_hash hash4;
	const struct merlon_slot_pair *pairs;
	struct merlon_hash hash_pairs;
	const u16 *services;
	const u16 *slots;

	const u32 *verdicts;
	u32 unmatched;		/* verdict where no rule speaks */
	const struct merlon_row *sources, *destinations;
	const struct merlon_slot6 *hosts6;
	struct merlon_hash hash6;
	u64 factor6;		/* of the second half of an address */

	struct merlon_nets nets4, nets6;
	struct merlon_protocol protocols[256];

	/* While they are built: by shape, what its rows have for slots. */
	const u32 *shapes;

	/* What only explain, the counters and tests read. */
	const u64 *rule_ids;
	const u8 *rule_actions;
	u32 nr_rules, nr_pairs, nr_hosts, nr_tunnels;
	struct { u32 hosts4, hosts6, pairs; } room;	/* slots, homes and those behind */
	size_t bytes;
	struct merlon_tunnel tunnels[MERLON_MAX_TUNNELS];
};

/* image.c */
void merlon_rule_read(const struct merlon_view *view, u32 i, struct merlon_rule *ret);

/* tables.c: zeroed memory, counted in @tables; NULL when there is none. */
void *merlon_tables_alloc(struct merlon_tables *tables, size_t n, size_t size);

/* tables_hash.c and tables_nets.c; a failure leaves what there is to the caller. */
int merlon_hosts4_build(struct merlon_tables *tables, const struct merlon_view *view,
			struct merlon_fault *fault);
int merlon_hosts6_build(struct merlon_tables *tables, const struct merlon_view *view,
			struct merlon_fault *fault);
/* ORDER: rows, of pairs and classes, copy verdicts. */
int merlon_pairs_build(struct merlon_tables *tables, const struct merlon_view *view,
		       struct merlon_fault *fault);
int merlon_nets4_build(struct merlon_tables *tables, const struct merlon_view *view,
		       struct merlon_fault *fault);
int merlon_nets6_build(struct merlon_tables *tables, const struct merlon_view *view,
		       struct merlon_fault *fault);

/* Is run @i all that its shape has, and short enough? */
static inline bool merlon_run_is_lone(const struct merlon_view *view, u32 i)
{
	const struct merlon_run *run = &view->runs[i];

	return (!i || run[-1].shape != run->shape) &&
	       (i + 1 == view->count[MERLON_SECTION_RUNS] || run[1].shape != run->shape) &&
	       le16_to_cpu(run->last) - le16_to_cpu(run->first) < (int)MERLON_LONE_RUN;
}

static inline int merlon_fault_set(struct merlon_fault *fault, int code,
				   int section, u32 index, const char *what)
{
	fault->what = what;
	fault->section = section;
	fault->index = index;
	return code;
}

/* A row as tables keep it. */
struct merlon_row merlon_row_of(const struct merlon_tables *tables,
				const struct merlon_view *view, __le32 shape, __le32 base);

/* The slot where a probe for @product starts. */
static __always_inline u32 merlon_hash_home(const struct merlon_hash *hash, u64 product)
{
	return ((product >> 32) * hash->size) >> 32;
}

static __always_inline u32 merlon_hash4(const struct merlon_hash *hash, u32 address)
{
	return (u32)(address * hash->factor) * hash->size >> 32;
}

static __always_inline u32 merlon_hash6(const struct merlon_hash *hash, u64 factor6,
					u64 first, u64 second)
{
	return merlon_hash_home(hash, first * hash->factor + second * factor6);
}

static __always_inline u32 merlon_hash_pair(const struct merlon_hash *hash, u64 key)
{
	return merlon_hash_home(hash, key * hash->factor);
}

#endif
