/* SPDX-License-Identifier: GPL-2.0 */
/* The ACL of tunnels, in the hooks of IP: what becomes of a WireGuard device's packet. */
#ifndef MERLON_TUNNEL_H
#define MERLON_TUNNEL_H

#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <net/dst.h>

struct merlon_net;

/*
 * Source NAT can take a packet out of an IPsec policy, and route it anew behind
 * the hooks' back: then the route tells. The master of a VRF sees a first pass;
 * the second one has the slave.
 */
static __always_inline const struct net_device *merlon_leaves_by(const struct sk_buff *skb,
								 const struct nf_hook_state *state)
{
	const struct dst_entry *dst = skb_dst(skb);

	if (likely(!dst || dst->dev == state->out) || dst_xfrm(dst) ||
	    netif_is_l3_master(state->out))
		return state->out;
	return dst->dev;
}

/**
 * merlon_tunnel_judge4 - the verdict on an IPv4 packet
 * @mn: the namespace
 * @skb: the packet
 * @state: of the hook: LOCAL_IN, FORWARD or POST_ROUTING
 * @tunnel: the WireGuard device that it came by, or leaves by
 *
 * Packet path, under RCU.
 *
 * Return: of netfilter's.
 */
unsigned int merlon_tunnel_judge4(struct merlon_net *mn, struct sk_buff *skb,
				  const struct nf_hook_state *state,
				  const struct net_device *tunnel);
/* merlon_tunnel_judge4() for IPv6 */
unsigned int merlon_tunnel_judge6(struct merlon_net *mn, struct sk_buff *skb,
				  const struct nf_hook_state *state,
				  const struct net_device *tunnel);

#endif
