/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parser's view of a socket buffer. Nothing is pulled: headers are read
 * where they are, or from a bounded copy on the stack where they are not linear.
 */
#ifndef MERLON_PARSE_SKB_H
#define MERLON_PARSE_SKB_H

#include <linux/skbuff.h>

#include "parse.h"

/* Cold: what the linear part did not hold. */
u8 merlon_packet_copy(u8 family, const struct sk_buff *skb, struct merlon_packet *ret);

/* The packet that the ICMP error @error, read from @skb, quotes. */
u8 merlon_packet_quoted(const struct sk_buff *skb, const struct merlon_packet *error,
			struct merlon_packet *ret);

/* As merlon_packet_read(), for an IP header at @offset from skb->data, bytes. */
u8 merlon_packet_read_at(u8 family, const struct sk_buff *skb, u32 offset,
			 struct merlon_packet *ret);

static inline bool merlon_skb_is_super(const struct sk_buff *skb)
{
	return skb_is_gso(skb) && skb_is_gso_tcp(skb);
}

/**
 * merlon_packet_read - merlon_parse() for a packet in an inet hook
 *
 * Return: 0, MERLON_REASON_HEADER or MERLON_REASON_FRAGMENT.
 */
static __always_inline u8 merlon_packet_read(u8 family, const struct sk_buff *skb,
					     struct merlon_packet *ret)
{
	const struct merlon_bytes bytes = {
		.at = skb_network_header(skb),
		.have = min_t(u32, skb_headlen(skb) - skb_network_offset(skb),
			      MERLON_PARSE_BYTES),
		.whole = skb->len - skb_network_offset(skb),
		.super = merlon_skb_is_super(skb),
	};
	u8 fault = merlon_parse(family, &bytes, ret);

	if (likely(fault != MERLON_PARSE_MORE))
		return fault;
	return merlon_packet_copy(family, skb, ret);
}

/* In an inet hook, where skb->data is the IP header: merlon_plain4() or merlon_plain6(). */
static __always_inline bool merlon_skb_is_plain(u8 family, const struct sk_buff *skb, u8 protocol)
{
	const u8 *at = skb_network_header(skb);
	u32 have = skb_tail_pointer(skb) - at;

	return family == AF_INET ? merlon_plain4(at, have, skb->len, protocol) :
				   merlon_plain6(at, have, skb->len, protocol);
}

#endif
