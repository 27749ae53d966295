// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The steps of a verdict one by one, for explain, and what tables tell. */
#include "classify.h"

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
	struct merlon_ends source = merlon_ends(tables, family, src);
	struct merlon_ends destination = merlon_ends(tables, family, dst);
	struct merlon_row row;

	ret->source_class = source.source;
	ret->destination_class = destination.destination;
	ret->source_tunnel = (u8)MERLON_END_TUNNEL(source.owner);
	ret->destination_tunnel = (u8)MERLON_END_TUNNEL(destination.owner);
	ret->service = merlon_service_find(tables, protocol, selector);
	row = merlon_row_find(tables, ret->source_class, ret->destination_class,
			      &ret->pair_listed);
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
