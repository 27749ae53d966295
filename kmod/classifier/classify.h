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
 */
#ifndef MERLON_CLASSIFY_H
#define MERLON_CLASSIFY_H

#include "tables.h"

static __always_inline const struct merlon_ends *
merlon_net_find(const struct merlon_nets *nets, const u8 *address)
{
	u32 entry;

	if (!nets->nodes)
		return nets->ends;
	entry = nets->nodes[*address];
	while (entry & MERLON_NET_NODE)
		entry = nets->nodes[(entry & ~MERLON_NET_NODE) << 8 | *++address];
	return &nets->ends[entry];
}

static __always_inline const struct merlon_ends *
merlon_ends4(const struct merlon_tables *tables, __be32 address)
{
	const u32 key = (__force u32)address;
	const struct merlon_slot4 *slot;

	slot = &tables->hosts4[merlon_hash4(&tables->hash4, key)];
	while (slot->address != key && slot->ends.source)
		slot++;
	if (likely(slot->ends.source))
		return &slot->ends;
	return merlon_net_find(&tables->nets4, (const u8 *)&address);
}

static __always_inline const struct merlon_ends *
merlon_ends6(const struct merlon_tables *tables, const u8 *address)
{
	const u64 first = merlon_env_load64(address);
	const u64 second = merlon_env_load64(address + 8);
	const struct merlon_slot6 *slot;

	slot = &tables->hosts6[merlon_hash6(&tables->hash6, tables->factor6, first, second)];
	while ((slot->address[1] != second || slot->address[0] != first) &&
	       slot->ends.source)
		slot++;
	if (likely(slot->ends.source))
		return &slot->ends;
	return merlon_net_find(&tables->nets6, address);
}

static __always_inline u32 merlon_service_find(const struct merlon_tables *tables,
					       u8 protocol, u16 selector)
{
	const struct merlon_protocol *p = &tables->protocols[protocol];

	return tables->services[p->offset + (selector & p->mask)];
}

static __always_inline const struct merlon_slot_pair *
merlon_pair_find(const struct merlon_tables *tables, u32 source, u32 destination)
{
	const u64 key = (u64)source << 32 | destination;
	const struct merlon_slot_pair *pair;

	pair = &tables->pairs[merlon_hash_pair(&tables->hash_pairs, key)];
	while (pair->key != key) {
		if (pair->key == MERLON_PAIR_NONE)
			return NULL;
		pair++;
	}
	return pair;
}

static __always_inline const struct merlon_row *
merlon_row_find(const struct merlon_tables *tables, u32 source, u32 destination)
{
	const struct merlon_slot_pair *pair;
	const struct merlon_row *row;

	pair = merlon_pair_find(tables, source, destination);
	if (pair)
		return &pair->row;
	row = &tables->destinations[destination];
	return row->slots & MERLON_ROW_OWN ? row : &tables->sources[source];
}

static __always_inline u32 merlon_row_verdict(const struct merlon_tables *tables,
					      const struct merlon_row *row, u32 service)
{
	u32 slot = tables->slots[(row->slots & ~MERLON_ROW_OWN) + service];

	if (likely(row->base & MERLON_ROW_SINGLE))
		return slot ? row->base & ~MERLON_ROW_SINGLE : tables->unmatched;
	return tables->verdicts[row->base + slot];
}

static __always_inline u32 merlon_classify(const struct merlon_tables *tables,
					   const struct merlon_ends *source,
					   const struct merlon_ends *destination,
					   u8 protocol, u16 selector)
{
	const struct merlon_row *row;

	row = merlon_row_find(tables, MERLON_END_CLASS(source->source),
			      destination->destination);
	return merlon_row_verdict(tables, row,
				  merlon_service_find(tables, protocol, selector));
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
	return merlon_classify(tables, merlon_ends4(tables, src),
			       merlon_ends4(tables, dst), protocol, selector);
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
	return merlon_classify(tables, merlon_ends6(tables, src),
			       merlon_ends6(tables, dst), protocol, selector);
}

#define MERLON_FAMILY_IPV4 2	/* AF_INET, which not every user of this file has */

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
	__be32 src4, dst4;

	if (family != MERLON_FAMILY_IPV4)
		return merlon_classify6(tables, src, dst, protocol, selector);
	memcpy(&src4, src, sizeof(src4));
	memcpy(&dst4, dst, sizeof(dst4));
	return merlon_classify4(tables, src4, dst4, protocol, selector);
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
	return MERLON_END_TUNNEL(merlon_ends4(tables, src)->source);
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
	return MERLON_END_TUNNEL(merlon_ends6(tables, src)->source);
}

#endif
