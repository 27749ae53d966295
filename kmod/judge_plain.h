/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What nearly every packet is, inline: a plain one, of a connection that conntrack
 * knows, or where it does not run. For tunnel.c and judge.c.
 */
#ifndef MERLON_JUDGE_PLAIN_H
#define MERLON_JUDGE_PLAIN_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <net/ip.h>
#include <net/netfilter/nf_conntrack.h>

#include "classifier/classify.h"
#include "generation.h"
#include "judge.h"
#include "parse_skb.h"

static __always_inline struct merlon_judgement merlon_by_verdict(u32 verdict)
{
	return (struct merlon_judgement) { .verdict = verdict };
}

/* Its tuple does not pass, and what it would answer has not been asked. */
static __always_inline struct merlon_judgement merlon_not_opened(u32 own)
{
	u32 reason = MERLON_VERDICT_RULE(own) ? MERLON_REASON_RULE : MERLON_REASON_NOT_OPENED;

	return (struct merlon_judgement) { own, reason };
}

static __always_inline bool merlon_verdict_allows(u32 verdict)
{
	return MERLON_VERDICT_ACTION(verdict) == MERLON_ACTION_ALLOW;
}

static __always_inline bool merlon_has_ports(u8 protocol)
{
	return protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
	       protocol == IPPROTO_UDPLITE;
}

/* What else stands where ports are (GRE keys, say) selects nothing. */
static __always_inline u16 merlon_tuple_selector(u8 protocol, __be16 port, u8 icmp_type)
{
	if (likely(protocol == IPPROTO_TCP || protocol == IPPROTO_UDP))
		return ntohs(port);
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return icmp_type;
	return merlon_has_ports(protocol) ? ntohs(port) : 0;
}

static __always_inline bool merlon_same_address(u8 family, const void *a, const void *b)
{
	const u8 *x = a, *y = b;

	if (family == AF_INET)
		return *(const u32 *)a == *(const u32 *)b;
	return !((merlon_env_load64(x) ^ merlon_env_load64(y)) |
		 (merlon_env_load64(x + 8) ^ merlon_env_load64(y + 8)));
}

/* Did NAT put in another destination than the connection's opener named? */
static __always_inline bool merlon_is_translated(u8 family, const struct nf_conn *ct)
{
	const struct nf_conntrack_tuple *original = &ct->tuplehash[IP_CT_DIR_ORIGINAL].tuple;
	const struct nf_conntrack_tuple *reply = &ct->tuplehash[IP_CT_DIR_REPLY].tuple;

	if (!merlon_same_address(family, &original->dst.u3, &reply->src.u3))
		return true;
	return original->dst.u.all != reply->src.u.all &&
	       original->dst.protonum != IPPROTO_ICMP &&
	       original->dst.protonum != IPPROTO_ICMPV6;
}

/* By the original tuple of @ct. */
static __always_inline u32 merlon_classify_connection(u8 family, const struct merlon_tables *tables,
						      const struct nf_conn *ct)
{
	const struct nf_conntrack_tuple *original = &ct->tuplehash[IP_CT_DIR_ORIGINAL].tuple;
	u8 protocol = original->dst.protonum;

	return merlon_classify_ip(tables, family, &original->src.u3, &original->dst.u3, protocol,
				  merlon_tuple_selector(protocol, original->dst.u.all,
							original->dst.u.icmp.type));
}

/* Is the packet on its way to where its connection goes in this direction? */
static __always_inline bool merlon_leads_to(u8 family, const struct nf_conn *ct,
					    enum ip_conntrack_info info, const void *destination)
{
	return merlon_same_address(family, destination,
			    &ct->tuplehash[!CTINFO2DIR(info)].tuple.src.u3);
}

static __always_inline bool merlon_is_related(enum ip_conntrack_info info)
{
	return info == IP_CT_RELATED || info == IP_CT_RELATED_REPLY;
}

/* No options, no fragment; no extension header: nothing that conntrack's word does not cover. */
static __always_inline bool merlon_is_covered(u8 family, const struct sk_buff *skb)
{
	if (family == AF_INET)
		return *skb_network_header(skb) == 0x45 && !ip_is_fragment(ip_hdr(skb));
	return ipv6_hdr(skb)->nexthdr == IPPROTO_TCP || ipv6_hdr(skb)->nexthdr == IPPROTO_UDP ||
	       ipv6_hdr(skb)->nexthdr == IPPROTO_ICMPV6;
}

static __always_inline const void *merlon_destination(u8 family, const struct sk_buff *skb)
{
	return family == AF_INET ? (const void *)&ip_hdr(skb)->daddr : &ipv6_hdr(skb)->daddr;
}

/* Of a connection that conntrack knows, and on its way where that leads. */
static __always_inline bool merlon_is_member(u8 family, const struct nf_conn *ct,
					     enum ip_conntrack_info info,
					     const struct sk_buff *skb)
{
	/* A template leads nowhere. */
	return merlon_is_covered(family, skb) && !merlon_is_related(info) &&
	       merlon_leads_to(family, ct, info, merlon_destination(family, skb)) &&
	       !merlon_is_translated(family, ct);
}

/* A plain packet of @protocol, by its own tuple. */
static __always_inline u32 merlon_classify_plain(u8 family, const struct merlon_tables *tables,
						 const struct sk_buff *skb, u8 protocol)
{
	const u8 *at = skb_network_header(skb);
	u32 addresses = family == AF_INET ? 12 : 8, length = family == AF_INET ? 4 : 16;

	return merlon_classify_ip(tables, family, at + addresses, at + addresses + length,
				  protocol, merlon_be16(at + addresses + 2 * length + 2));
}

/* And by the tuple of what it would answer. */
static __always_inline u32 merlon_classify_asked(u8 family, const struct merlon_tables *tables,
						 const struct sk_buff *skb, u8 protocol)
{
	const u8 *at = skb_network_header(skb);
	u32 addresses = family == AF_INET ? 12 : 8, length = family == AF_INET ? 4 : 16;

	return merlon_classify_ip(tables, family, at + addresses + length, at + addresses,
				  protocol, merlon_be16(at + addresses + 2 * length));
}

#endif
