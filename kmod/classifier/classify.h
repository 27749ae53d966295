/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Tables and tuple in, verdict out. No lock, no allocation, no list; nothing
 * here depends on how many rules, peers or pairs there are.
 *
 * Cache lines that a verdict between two known hosts touches: two of struct
 * merlon_tables, one for each address, one for the protocol, one for the
 * selector, one for the pair, one for its slot and one for the verdict: nine,
 * of which the first two, the protocol and, in practice, the selector are
 * shared by all packets. A pair that is not listed costs one or two more (the
 * rows of its classes); an address that is not a host one more for each byte
 * that the nets look at, and one for what they say.
 *
 * Everything is inlined where packets are judged, and fits the registers that a
 * function need not save: what few packets need is read again instead of kept
 * (MERLON_ENV_HIDE, merlon_env_forget).
 */
#ifndef MERLON_CLASSIFY_H
#define MERLON_CLASSIFY_H

#include "tables.h"

static __always_inline const struct merlon_nets *merlon_nets_of(const struct merlon_tables *tables,
								u8 family)
{
	return family == MERLON_FAMILY_IPV4 ? &tables->nets4 : &tables->nets6;
}

/* What the nets say of an address that is no host's. */
static __always_inline struct merlon_ends merlon_net_find(const struct merlon_tables *tables,
							  u8 family, const u8 *address)
{
	size_t entry = 0;

	if (!merlon_nets_of(tables, family)->nodes)
		return merlon_nets_of(tables, family)->ends[0];
	do {
		entry = (u32)(entry << 8) | *address++;
		merlon_env_forget();
		entry = merlon_nets_of(tables, family)->nodes[entry];
	} while (entry & MERLON_NET_NODE);
	merlon_env_forget();
	return merlon_nets_of(tables, family)->ends[entry];
}

/* @address: 4 bytes at any alignment, network byte order */
static __always_inline struct merlon_ends merlon_ends4(const struct merlon_tables *tables,
						       const u8 *address)
{
	const u32 key = merlon_env_load32(address);
	const struct merlon_slot4 *slot;

	slot = &tables->hosts4[merlon_hash4(&tables->hash4, key)];
	while (unlikely(slot->address != key)) {
		if (!slot->ends.owner)
			return merlon_net_find(tables, MERLON_FAMILY_IPV4, address);
		slot++;
	}
	return slot->ends;
}

/* @address: 16 bytes */
static __always_inline struct merlon_ends merlon_ends6(const struct merlon_tables *tables,
						       const u8 *address)
{
	const u64 first = merlon_env_load64(address);
	const u64 second = merlon_env_load64(address + 8);
	const struct merlon_slot6 *slot;

	slot = &tables->hosts6[merlon_hash6(&tables->hash6, tables->factor6, first, second)];
	while (unlikely(slot->address[1] != second || slot->address[0] != first)) {
		if (!slot->ends.owner)
			return merlon_net_find(tables, MERLON_FAMILY_IPV6, address);
		slot++;
	}
	return slot->ends;
}

static __always_inline u32 merlon_service_find(const struct merlon_tables *tables,
					       u8 protocol, u16 selector)
{
	const struct merlon_protocol *p = &tables->protocols[protocol];

	return tables->services[p->offset + (selector & p->mask)];
}

/* The row of a pair of classes, source << 32 | destination, that is not listed. */
static __always_inline struct merlon_row
merlon_row_of_classes(const struct merlon_tables *tables, u64 key)
{
	struct merlon_row row = tables->destinations[(u32)key];

	if (!(row.base & MERLON_ROW_OWN))
		return tables->sources[key >> 32];
	row.base &= ~MERLON_ROW_OWN;
	return row;
}

/* @listed: is it a pair's? */
static __always_inline struct merlon_row
merlon_row_find(const struct merlon_tables *tables, u32 source, u32 destination, bool *listed)
{
	u64 key = (u64)source << 32 | destination;
	const struct merlon_slot_pair *pair;

	pair = &tables->pairs[merlon_hash_pair(&tables->hash_pairs, key)];
	*listed = true;
	while (unlikely(pair->key != key)) {
		MERLON_ENV_HIDE(pair);
		if (pair->key == MERLON_PAIR_NONE) {
			MERLON_ENV_HIDE(key);
			*listed = false;
			return merlon_row_of_classes(tables, key);
		}
		pair++;
	}
	return pair->row;
}

static __always_inline u32 merlon_row_verdict(const struct merlon_tables *tables,
					      struct merlon_row row, u32 service)
{
	u32 slot;

	if (likely(row.slots & MERLON_ROW_LONE)) {
		service -= (u16)row.slots;
		if (likely(service <= (row.slots >> 16 & (MERLON_LONE_RUN - 1))))
			return row.base;
		return tables->unmatched;
	}
	slot = tables->slots[(size_t)row.slots + service];
	if (row.base & MERLON_ROW_MANY)
		return tables->verdicts[(row.base & ~MERLON_ROW_MANY) + slot];
	return slot ? row.base : tables->unmatched;
}

static __always_inline struct merlon_ends
merlon_ends(const struct merlon_tables *tables, u8 family, const void *address)
{
	return family == MERLON_FAMILY_IPV4 ? merlon_ends4(tables, address) :
					      merlon_ends6(tables, address);
}

/**
 * merlon_classify_ip - the verdict on a packet of either family
 * @tables: to look it up in
 * @family: AF_INET (2); else IPv6
 * @src: source address, 4 or 16 bytes in network byte order, at any alignment
 * @dst: destination address
 * @protocol: IP protocol number
 * @selector: destination port or ICMP type in host byte order, else 0
 *
 * Where @family is known at compile time nothing is left of the choice.
 *
 * Return: MERLON_VERDICT of the rule that wins.
 */
static __always_inline u32 merlon_classify_ip(const struct merlon_tables *tables, u8 family,
					      const void *src, const void *dst,
					      u8 protocol, u16 selector)
{
	u32 source, destination, service;
	struct merlon_row row;
	bool listed;

	source = merlon_ends(tables, family, src).source;
	MERLON_ENV_HIDE(tables);
	destination = merlon_ends(tables, family, dst).destination;
	MERLON_ENV_HIDE(tables);
	service = merlon_service_find(tables, protocol, selector);
	row = merlon_row_find(tables, source, destination, &listed);
	return merlon_row_verdict(tables, row, service);
}

/**
 * merlon_classify4 - the verdict on an IPv4 packet
 * @tables: to look it up in
 * @src: source address
 * @dst: destination address
 * @protocol: IP protocol number
 * @selector: destination port or ICMP type in host byte order, else 0
 *
 * Return: MERLON_VERDICT of the rule that wins.
 */
static __always_inline u32 merlon_classify4(const struct merlon_tables *tables,
					    __be32 src, __be32 dst,
					    u8 protocol, u16 selector)
{
	return merlon_classify_ip(tables, MERLON_FAMILY_IPV4, &src, &dst, protocol, selector);
}

/**
 * merlon_classify6 - the verdict on an IPv6 packet; as merlon_classify4()
 * @tables: to look it up in
 * @src: source address, network byte order
 * @dst: destination address
 * @protocol: IP protocol number
 * @selector: destination port or ICMP type in host byte order, else 0
 *
 * Return: MERLON_VERDICT of the rule that wins.
 */
static __always_inline u32 merlon_classify6(const struct merlon_tables *tables,
					    const u8 src[16], const u8 dst[16],
					    u8 protocol, u16 selector)
{
	return merlon_classify_ip(tables, MERLON_FAMILY_IPV6, src, dst, protocol, selector);
}

/**
 * merlon_owner4 - the only tunnel that may deliver packets from an address
 * @tables: to look it up in
 * @src: the address
 *
 * Return: the tunnel, from 1, or 0.
 */
static __always_inline u8 merlon_owner4(const struct merlon_tables *tables, __be32 src)
{
	return (u8)MERLON_END_TUNNEL(merlon_ends4(tables, (const u8 *)&src).owner);
}

/**
 * merlon_owner6 - as merlon_owner4()
 * @tables: to look it up in
 * @src: the address, network byte order
 *
 * Return: the tunnel, from 1, or 0.
 */
static __always_inline u8 merlon_owner6(const struct merlon_tables *tables,
					const u8 src[16])
{
	return (u8)MERLON_END_TUNNEL(merlon_ends6(tables, src).owner);
}

#endif
