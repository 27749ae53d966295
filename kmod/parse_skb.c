// SPDX-License-Identifier: GPL-2.0
#include <linux/skbuff.h>

#include "parse_skb.h"

/* The longest headers that are read, wherever they lie. */
static u8 parse_copy(u8 family, const struct sk_buff *skb, struct merlon_bytes *bytes,
		     u32 offset, struct merlon_packet *ret)
{
	u8 copy[MERLON_PARSE_BYTES];
	u8 fault;

	bytes->at = copy;
	bytes->have = min_t(u32, bytes->whole, sizeof(copy));
	if (skb_copy_bits(skb, offset, copy, bytes->have))
		bytes->have = 0;
	fault = merlon_parse(family, bytes, ret);
	return fault == MERLON_PARSE_MORE ? MERLON_REASON_HEADER : fault;
}

u8 merlon_packet_read_at(u8 family, const struct sk_buff *skb, u32 offset,
			 struct merlon_packet *ret)
{
	struct merlon_bytes bytes = {
		.whole = skb->len - offset,
		.super = merlon_skb_is_super(skb),
	};

	return parse_copy(family, skb, &bytes, offset, ret);
}

u8 merlon_packet_copy(u8 family, const struct sk_buff *skb, struct merlon_packet *ret)
{
	return merlon_packet_read_at(family, skb, skb_network_offset(skb), ret);
}

u8 merlon_packet_quoted(const struct sk_buff *skb, const struct merlon_packet *error,
			struct merlon_packet *ret)
{
	u32 offset = skb_network_offset(skb) + error->transport + 8;
	struct merlon_bytes bytes = {
		.whole = skb->len - offset,
		.quoted = true,
	};

	return parse_copy(error->family, skb, &bytes, offset, ret);
}
