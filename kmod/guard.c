// SPDX-License-Identifier: GPL-2.0
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if.h>
#include <linux/in.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/sock.h>

#include "classifier/classify.h"
#include "conditions.h"
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

/* A device that the policy does not name: is it a tunnel, and not to be left alone? */
static noinline bool is_unnamed_tunnel(const struct merlon_generation *generation,
				       struct net *net, int ifindex)
{
	const struct net_device *in = dev_get_by_index_rcu(net, ifindex);

	return in && merlon_device_is_wireguard(in) &&
	       merlon_generation_tunnel(generation, ifindex) != MERLON_TUNNEL_IGNORED;
}

/* Those that it names are WireGuard's, and there: device.c takes the others out. */
bool merlon_came_by_tunnel(const struct merlon_generation *generation,
			   const struct sk_buff *skb, const struct nf_hook_state *state)
{
	int ifindex = forwarded_from(skb, state);

	return ifindex && (merlon_slots_find(&generation->tunnels, ifindex) ||
			   is_unnamed_tunnel(generation, state->net, ifindex));
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

/* ------------------------------------------------------------------- rules */

static bool is_answer(const struct merlon_packet *packet)
{
	return packet->protocol == IPPROTO_TCP &&
	       (packet->tcp_flags & (MERLON_TCP_SYN | MERLON_TCP_ACK)) != MERLON_TCP_SYN;
}

/* What the packet of a connection that was opened from outside was opened for. */
static u16 port_here(const struct merlon_packet *packet)
{
	if (packet->protocol == IPPROTO_ICMP && packet->selector == ICMP_ECHOREPLY)
		return ICMP_ECHO;
	if (packet->protocol == IPPROTO_ICMPV6 && packet->selector == ICMPV6_ECHO_REPLY)
		return ICMPV6_ECHO_REQUEST;
	return packet->source_port;
}

static u32 look_up(const struct merlon_tables *tables, const struct merlon_packet *packet,
		   __be32 circumstances, u16 selector)
{
	u8 source[16] = { 0 };

	if (packet->family == AF_INET)
		return merlon_classify4(tables, circumstances,
					*(const __be32 *)packet->destination,
					packet->protocol, selector);
	memcpy(source + 12, &circumstances, sizeof(circumstances));
	return merlon_classify6(tables, source, packet->destination, packet->protocol, selector);
}

/*
 * The rule for a packet, as one that was sent from here; where that says
 * nothing, and it may be an answer, as one of a connection from outside.
 */
u32 merlon_guard_classify(const struct merlon_generation *generation,
			  const struct net_device *out, const struct sock *sk,
			  const struct merlon_packet *packet, bool answers)
{
	const struct merlon_tables *tables = generation->guard->tables;
	__be32 circumstances = merlon_conditions_of(generation->conditions, out, sk, false);
	u32 verdict = look_up(tables, packet, circumstances, packet->selector);

	if (MERLON_VERDICT_RULE(verdict) || !answers)
		return verdict;
	circumstances = merlon_conditions_of(generation->conditions, out, sk, true);
	return look_up(tables, packet, circumstances, port_here(packet));
}

/* By conntrack where that runs; else by flags, so of TCP alone. */
static bool may_answer(const struct sk_buff *skb, const struct merlon_packet *packet)
{
	enum ip_conntrack_info info;
	const struct nf_conn *ct = nf_ct_get(skb, &info);

	if (ct && !nf_ct_is_template(ct))
		return CTINFO2DIR(info) == IP_CT_DIR_REPLY;
	return is_answer(packet);
}

/* The socket that sent it; for what is forwarded there is none. */
static const struct sock *sender_of(const struct nf_hook_state *state)
{
	struct sock *sk = state->sk ? sk_to_full_sk(state->sk) : NULL;

	return sk && sk_fullsock(sk) ? sk : NULL;
}

static u32 classify_leaving(const struct merlon_generation *generation,
			    const struct sk_buff *skb, const struct nf_hook_state *state,
			    const struct net_device *out, const struct merlon_packet *packet)
{
	return merlon_guard_classify(generation, out, sender_of(state), packet,
				     may_answer(skb, packet));
}

static unsigned int deny_by_rule(struct merlon_net *mn, struct merlon_generation *generation,
				 struct sk_buff *skb, const struct nf_hook_state *state,
				 u32 verdict)
{
	return merlon_deny(mn, generation->guard, skb, state, (struct merlon_judgement) {
			   .verdict = verdict, .reason = MERLON_REASON_GUARD });
}

unsigned int merlon_guard_check(struct merlon_net *mn, struct merlon_generation *generation,
				struct sk_buff *skb, const struct nf_hook_state *state,
				const struct net_device *out)
{
	struct merlon_packet packet;
	u32 verdict;
	u8 fault;

	fault = merlon_packet_read(merlon_family_of(state), skb, &packet);
	if (fault)
		return merlon_deny_for(mn, generation, skb, state, fault);
	verdict = classify_leaving(generation, skb, state, out, &packet);
	if (!MERLON_VERDICT_RULE(verdict) ||
	    MERLON_VERDICT_ACTION(verdict) == MERLON_ACTION_ALLOW)
		return NF_ACCEPT;
	return deny_by_rule(mn, generation, skb, state, verdict);
}

/* ------------------------------------------------------------------- entry */

static bool is_upkeep(const struct sk_buff *skb, const struct nf_hook_state *state,
		      const struct net_device *out, const struct merlon_packet *packet)
{
	return !forwarded_from(skb, state) &&
	       merlon_upkeep_packet(out, skb, skb_network_offset(skb), packet);
}

static bool has_rules(const struct merlon_generation *generation)
{
	return generation && generation->guard && !merlon_generation_expired(generation);
}

unsigned int merlon_guard(struct merlon_net *mn, struct sk_buff *skb,
			  const struct nf_hook_state *state, const struct net_device *out)
{
	struct merlon_generation *generation = rcu_dereference(mn->generation);
	struct merlon_packet packet;
	u32 verdict = 0;
	u8 fault;

	if (out->flags & IFF_LOOPBACK || netif_is_l3_master(out) || is_wireguards_own(state))
		return NF_ACCEPT;
	if (generation && merlon_came_by_tunnel(generation, skb, state))
		return NF_ACCEPT;
	fault = merlon_packet_read(merlon_family_of(state), skb, &packet);
	if (fault)
		return merlon_deny_for(mn, generation, skb, state, fault);
	if (is_upkeep(skb, state, out, &packet))
		return NF_ACCEPT;
	if (has_rules(generation))
		verdict = classify_leaving(generation, skb, state, out, &packet);
	if (!MERLON_VERDICT_RULE(verdict))
		return merlon_deny_for(mn, generation, skb, state, MERLON_REASON_OFF_TUNNEL);
	if (MERLON_VERDICT_ACTION(verdict) != MERLON_ACTION_ALLOW)
		return deny_by_rule(mn, generation, skb, state, verdict);
	merlon_generation_count(generation->guard, MERLON_VERDICT_RULE(verdict), skb->len);
	return NF_ACCEPT;
}
