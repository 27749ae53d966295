// SPDX-License-Identifier: GPL-2.0
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/ppp_defs.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <net/dst.h>
#include <net/netfilter/nf_conntrack.h>

#include "deny.h"
#include "device.h"
#include "egress_judge.h"
#include "frame.h"
#include "generation.h"
#include "guard.h"
#include "judge.h"
#include "judge_conntrack.h"
#include "parse_skb.h"
#include "pernet.h"
#include "upkeep.h"

/* -------------------------------------------------------------- provenance */

/* Did the IP stack of the guard's namespace send it here, or to a device above? */
static bool was_judged_apart(const struct merlon_guarded *guarded,
			     const struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	const struct dst_entry *dst = skb_dst(skb);
	u8 family;

	/* A bridge's netfilter has a route of its own that leads nowhere. */
	if (!dst || READ_ONCE(guarded->away) || dst->flags & DST_FAKE_RTABLE ||
	    !net_eq(dev_net(dst->dev), state->net))
		return false;
	if (dst->dev != state->out &&
	    (netif_is_l3_master(dst->dev) ||
	     !netdev_has_upper_dev_all_rcu(state->out, dst->dev)))
		return false;
	family = dst->ops->family;
	return skb->_nfct || !merlon_conntrack_runs(state->net, family);
}

/* Of the plain case: sent here by the IP stack of the guard's namespace. */
static __always_inline bool was_routed(const struct merlon_guarded *guarded,
				       const struct sk_buff *skb,
				       const struct nf_hook_state *state)
{
	const struct dst_entry *dst = skb_dst(skb);

	return dst && dst->dev == state->out &&
	       !READ_ONCE(guarded->away) && !(dst->flags & DST_FAKE_RTABLE);
}

/* ----------------------------------------------------------------- content */

/**
 * struct content - a frame, read
 * @ethertype: host byte order; 0: not understood
 * @offset: of what it carries, from skb->data, bytes
 * @fault: of the parser; 0 with family AF_UNSPEC: it is not IP
 * @packet: what it carries, where that is IP
 */
struct content {
	u16 ethertype;
	u32 offset;
	u8 fault;
	struct merlon_packet packet;
};

/* Devices without a header of their own carry IP by its version, whatever the sender says. */
static void read_headless(const struct sk_buff *skb, struct content *ret)
{
	u8 copy;
	const u8 *first = skb_header_pointer(skb, 0, sizeof(copy), &copy);

	ret->offset = 0;
	ret->ethertype = 0;
	if (first && *first >> 4 == 4)
		ret->ethertype = ETH_P_IP;
	else if (first && *first >> 4 == 6)
		ret->ethertype = ETH_P_IPV6;
}

static void read_ethernet(const struct sk_buff *skb, struct content *ret)
{
	u8 copy[MERLON_FRAME_BYTES];
	u32 have = min_t(u32, skb->len, sizeof(copy));
	const u8 *at = skb_header_pointer(skb, 0, have, copy);
	struct merlon_frame frame = { 0 };

	if (at)
		frame = merlon_frame_parse(at, have);
	ret->ethertype = frame.ethertype;
	ret->offset = frame.payload;
}

static void read_content(const struct sk_buff *skb, const struct net_device *out,
			 struct content *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (out->type == ARPHRD_ETHER)
		read_ethernet(skb, ret);
	else if (!out->hard_header_len || !out->header_ops)
		read_headless(skb, ret);
	if (ret->ethertype == ETH_P_IP)
		ret->fault = merlon_packet_read_at(AF_INET, skb, ret->offset, &ret->packet);
	else if (ret->ethertype == ETH_P_IPV6)
		ret->fault = merlon_packet_read_at(AF_INET6, skb, ret->offset, &ret->packet);
}

/* ------------------------------------------------------------------ tunnel */

/* @routed: as merlon_judge_frame() has it */
static struct merlon_judgement judge_content(const struct merlon_generation *generation,
					     const struct sk_buff *skb, u8 number,
					     const struct content *content, bool routed)
{
	u32 reason = MERLON_REASON_UNSPEC;

	if (!generation)
		reason = MERLON_REASON_LOCKDOWN;
	else if (merlon_generation_expired(generation))
		reason = MERLON_REASON_EXPIRED;
	else if (number == MERLON_TUNNEL_UNKNOWN)
		reason = MERLON_REASON_UNKNOWN_TUNNEL;
	else if (!content->packet.family)
		reason = MERLON_REASON_BYPASS;
	else if (content->fault)
		reason = content->fault;
	if (reason)
		return (struct merlon_judgement) { .reason = reason };
	return merlon_judge_frame(generation, skb, &content->packet, routed);
}

/* A tunnel carries what the ACL lets through, also what it did not see before. */
static unsigned int judge_tunnel(const struct merlon_guarded *guarded,
				 struct merlon_generation *generation, struct sk_buff *skb,
				 const struct nf_hook_state *state, u8 number)
{
	struct merlon_judgement judgement;
	struct content content;

	read_content(skb, state->out, &content);
	judgement = judge_content(generation, skb, number, &content,
				  skb_dst(skb) && !READ_ONCE(guarded->away));
	if (merlon_judgement_passes(judgement))
		return NF_ACCEPT;
	return merlon_deny_frame(guarded->mn, generation, skb, state, judgement,
				 &content.packet, content.ethertype);
}

/* ----------------------------------------------------------- other devices */

/* What has no header of IP: framing, and ARP. */
static bool is_framing(const struct sk_buff *skb, const struct content *content)
{
	u8 copy[2];
	const u8 *protocol;

	switch (content->ethertype) {
	case ETH_P_PAE:
	case ETH_P_PPP_DISC:
		return true;
	case ETH_P_SLOW:	/* a bond's, not a packet socket's and not bridged */
		return !skb->sk && !skb->skb_iif;
	case ETH_P_PPP_SES:	/* links are negotiated; IP comes from a device above */
		protocol = skb_header_pointer(skb, content->offset + 6, sizeof(copy), copy);
		return protocol && (protocol[0] & 0x80 || skb_dst(skb));
	default:
		return false;
	}
}

struct upkeep {
	const struct sk_buff *skb;
	const struct content *content;
};

static bool is_arp_upkeep(const struct net_device *dev, const struct sk_buff *skb, u32 offset)
{
	u8 copy[MERLON_ARP_BYTES];
	const u8 *at = skb_header_pointer(skb, offset, sizeof(copy), copy);
	struct merlon_arp arp;

	return at && skb->len - offset <= ETH_ZLEN - ETH_HLEN &&
	       merlon_arp_parse(at, sizeof(copy), &arp) && merlon_upkeep_arp(dev, &arp);
}

static bool is_upkeep(const struct net_device *dev, const struct upkeep *upkeep)
{
	const struct content *content = upkeep->content;

	if (content->ethertype == ETH_P_ARP)
		return is_arp_upkeep(dev, upkeep->skb, content->offset);
	return content->packet.family && !content->fault &&
	       merlon_upkeep_packet(dev, upkeep->skb, content->offset, &content->packet);
}

static int is_upkeep_above(struct net_device *upper, struct netdev_nested_priv *priv)
{
	return is_upkeep(upper, priv->data);
}

/* What a device above wanted for its link comes by its lower ones without a route. */
static bool may_leave(const struct sk_buff *skb, struct net_device *out,
		      const struct content *content)
{
	struct upkeep upkeep = { .skb = skb, .content = content };
	struct netdev_nested_priv priv = { .data = &upkeep };

	return is_framing(skb, content) || is_upkeep(out, &upkeep) ||
	       netdev_walk_all_upper_dev_rcu(out, is_upkeep_above, &priv);
}

/*
 * Who sent it is not known: that a buffer has a socket says nothing of what is
 * in it. So only what the guard allows to everybody passes here.
 */
static u32 by_rule(const struct merlon_generation *generation, const struct net_device *out,
		   const struct content *content)
{
	if (!generation || !generation->guard || merlon_generation_expired(generation) ||
	    !content->packet.family || content->fault)
		return 0;
	return merlon_guard_classify(generation, out, NULL, &content->packet, false);
}

static unsigned int judge_other(const struct merlon_guarded *guarded,
				struct merlon_generation *generation, struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	struct content content;
	u32 verdict;

	if (READ_ONCE(guarded->mn->scope) != MERLON_SCOPE_EVERYTHING)
		return NF_ACCEPT;
	read_content(skb, state->out, &content);
	if (may_leave(skb, state->out, &content))
		return NF_ACCEPT;
	verdict = by_rule(generation, state->out, &content);
	if (MERLON_VERDICT_ACTION(verdict) == MERLON_ACTION_ALLOW) {
		merlon_generation_count(generation->guard, MERLON_VERDICT_RULE(verdict), skb->len);
		return NF_ACCEPT;
	}
	return merlon_deny_frame(guarded->mn, generation, skb, state,
				 (struct merlon_judgement) { .reason = MERLON_REASON_BYPASS },
				 &content.packet, content.ethertype);
}

/* ------------------------------------------------------------------- entry */

/* Apart, so that the plain case needs no stack. */
static noinline unsigned int judge(const struct merlon_guarded *guarded, struct sk_buff *skb,
				   const struct nf_hook_state *state)
{
	struct merlon_generation *generation = rcu_dereference(guarded->mn->generation);
	u8 number = MERLON_TUNNEL_UNKNOWN;

	if (was_judged_apart(guarded, skb, state))
		return NF_ACCEPT;
	if (generation)
		number = merlon_generation_tunnel(generation, state->out->ifindex);
	if (merlon_device_is_wireguard(state->out) && number != MERLON_TUNNEL_IGNORED)
		return judge_tunnel(guarded, generation, skb, state, number);
	return judge_other(guarded, generation, skb, state);
}

/* It was routed here, and is of no connection: judged where there are none. */
static noinline unsigned int judge_untracked(const struct merlon_guarded *guarded,
					     struct sk_buff *skb,
					     const struct nf_hook_state *state)
{
	if (!merlon_conntrack_runs(state->net, skb_dst(skb)->ops->family))
		return NF_ACCEPT;
	return judge(guarded, skb, state);
}

/* In some twenty instructions for what was judged (selftests/cost). */
unsigned int merlon_egress_judge(void *priv, struct sk_buff *skb,
				 const struct nf_hook_state *state)
{
	const struct merlon_guarded *guarded = priv;

	if (unlikely(!was_routed(guarded, skb, state)))
		return judge(guarded, skb, state);
	if (skb->_nfct || !rcu_access_pointer(nf_ct_hook))
		return NF_ACCEPT;
	return judge_untracked(guarded, skb, state);
}

/* ------------------------------------------------------------------- flows */

/* Merlon's is one of the hooks here; a flowtable's would be another. */
static __always_inline bool is_alone(const struct net_device *in)
{
	const struct nf_hook_entries *entries = rcu_dereference(in->nf_hooks_ingress);

	return !entries || entries->num_hook_entries < 2;
}

/* Can it be of a connection that a flowtable carries? Conntrack is asked in IPv4 alone. */
static bool may_be_known(const struct sk_buff *skb, const struct content *content)
{
	struct nf_conntrack_tuple tuple;

	if (content->packet.family == AF_INET)
		return nf_ct_get_tuple_skb(&tuple, skb);
	return content->packet.protocol != IPPROTO_TCP ||
	       !(content->packet.tcp_flags & MERLON_TCP_SYN);
}

static noinline unsigned int judge_flow(const struct merlon_guarded *guarded,
					struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct merlon_generation *generation = rcu_dereference(guarded->mn->generation);
	u8 number = MERLON_TUNNEL_UNKNOWN;
	struct merlon_judgement judgement;
	struct content content;

	if (generation)
		number = merlon_generation_tunnel(generation, state->in->ifindex);
	read_content(skb, state->in, &content);
	if (number == MERLON_TUNNEL_IGNORED || !content.packet.family || content.fault)
		return NF_ACCEPT;
	judgement = judge_content(generation, skb, number, &content, true);
	if (merlon_judgement_passes(judgement) || !may_be_known(skb, &content))
		return NF_ACCEPT;
	return merlon_deny_frame(guarded->mn, generation, skb, state, judgement,
				 &content.packet, content.ethertype);
}

unsigned int merlon_ingress_judge(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	if (likely(is_alone(state->in)))
		return NF_ACCEPT;
	return judge_flow(priv, skb, state);
}
