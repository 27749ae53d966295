// SPDX-License-Identifier: GPL-2.0
#include <linux/if.h>
#include <linux/in.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "deny.h"
#include "device.h"
#include "generation.h"
#include "guard.h"
#include "parse_skb.h"
#include "pernet.h"
#include "upkeep.h"

/* The device that forwarded it came by, or 0. */
static int forwarded_from(const struct sk_buff *skb, const struct nf_hook_state *state)
{
	if (merlon_family_of(state) == AF_INET)
		return IPCB(skb)->flags & IPSKB_FORWARDED ? IPCB(skb)->iif : 0;
	return IP6CB(skb)->flags & IP6SKB_FORWARDED ? IP6CB(skb)->iif : 0;
}

bool merlon_came_by_tunnel(const struct merlon_generation *generation,
			   const struct sk_buff *skb, const struct nf_hook_state *state)
{
	int ifindex = forwarded_from(skb, state);
	const struct net_device *in;

	in = ifindex ? dev_get_by_index_rcu(state->net, ifindex) : NULL;
	return in && merlon_device_is_wireguard(in) &&
	       merlon_generation_tunnel(generation, ifindex) != MERLON_TUNNEL_IGNORED;
}

/*
 * Sent by WireGuard: the socket is the kernel's, and the one that belongs to
 * the device which the buffer comes from. Ports and marks can be had by anybody,
 * and other tunnels of the kernel have sockets of this kind (vxlan, geneve, fou).
 * A SYN-ACK's state->sk is not even a whole socket.
 */
static bool is_wireguards_own(const struct nf_hook_state *state)
{
	struct sock *sk = state->sk;

	return sk && state->in && merlon_device_is_wireguard(state->in) && sk_fullsock(sk) &&
	       sk->sk_protocol == IPPROTO_UDP && sk->sk_kern_sock &&
	       rcu_dereference_sk_user_data(sk) == netdev_priv(state->in);
}

unsigned int merlon_guard(struct merlon_net *mn, struct sk_buff *skb,
			  const struct nf_hook_state *state, const struct net_device *out)
{
	struct merlon_generation *generation = rcu_dereference(mn->generation);
	struct merlon_packet packet;
	u8 fault;

	if (out->flags & IFF_LOOPBACK || netif_is_l3_master(out) || is_wireguards_own(state))
		return NF_ACCEPT;
	if (forwarded_from(skb, state)) {
		if (generation && merlon_came_by_tunnel(generation, skb, state))
			return NF_ACCEPT;
	} else {
		fault = merlon_packet_read(merlon_family_of(state), skb, &packet);
		if (!fault && merlon_upkeep_packet(out, skb, skb_network_offset(skb), &packet))
			return NF_ACCEPT;
	}
	return merlon_deny_for(mn, generation, skb, state, MERLON_REASON_OFF_TUNNEL);
}
