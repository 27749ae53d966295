// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The steps of a verdict one by one, for explain, and what tables tell. */
#include "classify.h"

static const struct merlon_ends *ends_find(const struct merlon_tables *tables,
					   u8 family, const u8 *address)
{
	__be32 address4;

	if (family != MERLON_FAMILY_IPV4)
		return merlon_ends6(tables, address);
	memcpy(&address4, address, sizeof(address4));
	return merlon_ends4(tables, address4);
}

/**
 * merlon_classify_trace - a verdict with every step shown
 * @tables: to look it up in
 * @family: AF_INET (2) or AF_INET6 (10)
 * @src: source address, 4 or 16 bytes, network byte order
 * @dst: destination address
 * @protocol: IP protocol number
 * @selector: destination port or ICMP type in host byte order, else 0
 * @ret: the verdict and how it was found
 */
void merlon_classify_trace(const struct merlon_tables *tables, u8 family,
			   const u8 *src, const u8 *dst, u8 protocol,
			   u16 selector, struct merlon_trace *ret)
{
	const struct merlon_ends *source = ends_find(tables, family, src);
	const struct merlon_ends *destination = ends_find(tables, family, dst);
	const struct merlon_row *row;
	u32 slots;

	ret->source_class = MERLON_END_CLASS(source->source);
	ret->destination_class = destination->destination;
	ret->source_tunnel = MERLON_END_TUNNEL(source->source);
	ret->destination_tunnel = MERLON_END_TUNNEL(destination->source);
	ret->service = merlon_service_find(tables, protocol, selector);
	ret->pair_listed = merlon_pair_find(tables, ret->source_class,
					    ret->destination_class) != NULL;
	row = merlon_row_find(tables, ret->source_class, ret->destination_class);
	slots = row->slots & ~MERLON_ROW_OWN;
	ret->shape = slots / tables->nr_services;
	ret->slot = tables->slots[slots + ret->service];
	ret->verdict = merlon_row_verdict(tables, row, ret->service);
}

u64 merlon_tables_rule_id(const struct merlon_tables *tables, u32 index)
{
	return index && index <= tables->nr_rules ? tables->rule_ids[index - 1] : 0;
}

u8 merlon_tables_rule_action(const struct merlon_tables *tables, u32 index)
{
	return index && index <= tables->nr_rules ? tables->rule_actions[index - 1] :
						    MERLON_ACTION_UNSPEC;
}

u32 merlon_tables_rule_count(const struct merlon_tables *tables)
{
	return tables->nr_rules;
}

u32 merlon_tables_pair_count(const struct merlon_tables *tables)
{
	return tables->nr_pairs;
}

u32 merlon_tables_host_count(const struct merlon_tables *tables)
{
	return tables->nr_hosts;
}

u32 merlon_tables_tunnel_count(const struct merlon_tables *tables)
{
	return tables->nr_tunnels;
}

const struct merlon_tunnel *merlon_tables_tunnel(const struct merlon_tables *tables, u32 index)
{
	return index && index <= tables->nr_tunnels ? &tables->tunnels[index - 1] : NULL;
}

size_t merlon_tables_bytes(const struct merlon_tables *tables)
{
	return tables->bytes;
}
