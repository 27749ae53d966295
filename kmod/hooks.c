// SPDX-License-Identifier: GPL-2.0
/*
 * Which packets are judged, where, and what becomes of them.
 *
 *   PRE_ROUTING	came by another device than the tunnel that owns its source
 *   LOCAL_IN		came by a WireGuard device
 *   FORWARD		came by a WireGuard device, leaves by something else
 *   POST_ROUTING	leaves by a WireGuard device, whatever brought it; in scope
 *			EVERYTHING, by whatever else (guard.h)
 *
 * So that each packet of a tunnel is judged once, by the device that is true
 * at that moment. What skb_iif and, in POST_ROUTING, state->in say may be
 * stale: they decide nothing. Nor does state->out where somebody has routed the
 * packet anew since: see merlon_leaves_by().
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/limits.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netfilter/ipv4/nf_defrag_ipv4.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>
#include <net/netfilter/nf_conntrack.h>

#include "classifier/classify.h"
#include "deny.h"
#include "device.h"
#include "generation.h"
#include "guard.h"
#include "hooks.h"
#include "pernet.h"
#include "shadow.h"
#include "tunnel.h"

/*
 * Before defragmentation, which puts fragments together without asking which
 * device brought them: a spoofed one must not join a peer's. The IPv6
 * priorities are the same, here and below.
 */
#define PRIORITY_SOURCE		(NF_IP_PRI_CONNTRACK_DEFRAG - 1)

/*
 * LOCAL_IN and FORWARD: behind every filter, before IPVS (98 to 100), which
 * takes packets out of these hooks and sends them on by itself. Nothing behind
 * it changes the device or the connection's original tuple.
 */
#define PRIORITY_INWARD		(NF_IP_PRI_NAT_SRC - 3)

/*
 * POST_ROUTING: behind NAT and everybody who may reroute, before conntrack
 * confirms: what is denied here never enters its table. At equal priority the
 * later registrant runs first.
 */
#define PRIORITY_OUTWARD	(NF_IP_PRI_CONNTRACK_CONFIRM - 1)

/* ----------------------------------------------------------------- tunnels */

static __always_inline unsigned int judge_of(u8 family, struct merlon_net *mn,
					     struct sk_buff *skb,
					     const struct nf_hook_state *state,
					     const struct net_device *tunnel)
{
	return family == AF_INET ? merlon_tunnel_judge4(mn, skb, state, tunnel) :
				   merlon_tunnel_judge6(mn, skb, state, tunnel);
}

/* From tunnel to tunnel: POST_ROUTING will judge. Not so where either is left alone. */
static noinline unsigned int judge_between(u8 family, struct merlon_net *mn, struct sk_buff *skb,
					   const struct nf_hook_state *state,
					   const struct net_device *tunnel)
{
	const struct merlon_generation *generation = rcu_dereference(mn->generation);

	if (generation && merlon_generation_judges(generation, tunnel->ifindex) &&
	    merlon_generation_tunnel(generation, state->out->ifindex) != MERLON_TUNNEL_IGNORED)
		return NF_ACCEPT;
	return judge_of(family, mn, skb, state, tunnel);
}

/* In a VRF, the hooks behind routing see its master: who brought it the packet? */
static noinline unsigned int inward_enslaved(u8 family, struct merlon_net *mn,
					     struct sk_buff *skb,
					     const struct nf_hook_state *state)
{
	int ifindex = family == AF_INET ? IPCB(skb)->iif : IP6CB(skb)->iif;
	const struct net_device *in = dev_get_by_index_rcu(state->net, ifindex);

	if (!in || !merlon_device_is_wireguard(in))
		return NF_ACCEPT;
	if (state->hook == NF_INET_FORWARD && merlon_device_is_wireguard(state->out))
		return judge_between(family, mn, skb, state, in);
	return judge_of(family, mn, skb, state, in);
}

/* LOCAL_IN, FORWARD */
static __always_inline unsigned int inward(u8 family, struct merlon_net *mn, struct sk_buff *skb,
					   const struct nf_hook_state *state, bool forward)
{
	const struct net_device *in = state->in;

	if (merlon_device_is_wireguard(in)) {
		if (forward && unlikely(merlon_device_is_wireguard(state->out)))
			return judge_between(family, mn, skb, state, in);
		return judge_of(family, mn, skb, state, in);
	}
	if (unlikely(netif_is_l3_master(in)))
		return inward_enslaved(family, mn, skb, state);
	return NF_ACCEPT;
}

static unsigned int local4(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return inward(AF_INET, priv, skb, state, false);
}

static unsigned int local6(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return inward(AF_INET6, priv, skb, state, false);
}

static unsigned int forward4(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return inward(AF_INET, priv, skb, state, true);
}

/* IPv6 does not say of a packet that it was forwarded, as IPv4 does; guard.c asks for it. */
static unsigned int forward6(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	IP6CB(skb)->flags |= IP6SKB_FORWARDED;
	return inward(AF_INET6, priv, skb, state, true);
}

/* Has NAT given a new connection, that others sent here, another source? */
static __always_inline bool has_new_source(const struct sk_buff *skb,
					   const struct nf_hook_state *state)
{
	enum ip_conntrack_info info;
	const struct nf_conn *ct = nf_ct_get(skb, &info);

	return ct && !nf_ct_is_confirmed(ct) && ct->status & IPS_SRC_NAT && !state->sk;
}

/* POST_ROUTING */
static __always_inline unsigned int outward(u8 family, struct merlon_net *mn, struct sk_buff *skb,
					    const struct nf_hook_state *state)
{
	const struct net_device *out = merlon_leaves_by(skb, state);

	if (merlon_device_is_wireguard(out))
		return judge_of(family, mn, skb, state, out);
	if (unlikely(has_new_source(skb, state)) && merlon_shadow_casts(family, skb, state))
		return merlon_deny_for(mn, NULL, skb, state, MERLON_REASON_SHADOW);
	if (unlikely(READ_ONCE(mn->scope) == MERLON_SCOPE_EVERYTHING))
		return merlon_guard(mn, skb, state, out);
	return NF_ACCEPT;
}

static unsigned int outward4(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return outward(AF_INET, priv, skb, state);
}

static unsigned int outward6(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return outward(AF_INET6, priv, skb, state);
}

/* ----------------------------------------------------------------- sources */

/*
 * The tunnel @owner alone may deliver this source. Exempt are devices that
 * bring what this host sent to itself: the loopback, and the master of a VRF,
 * which is that and also shows every packet of its slaves a second time. The
 * first time it was seen here with the slave that brought it.
 */
static noinline unsigned int check_source(struct merlon_net *mn,
					  struct merlon_generation *generation,
					  struct sk_buff *skb,
					  const struct nf_hook_state *state, u8 owner)
{
	const struct net_device *in = state->in;

	if (in->flags & IFF_LOOPBACK || netif_is_l3_master(in))
		return NF_ACCEPT;
	if (merlon_device_is_wireguard(in) &&
	    merlon_generation_tunnel(generation, in->ifindex) == owner)
		return NF_ACCEPT;
	return merlon_deny_for(mn, generation, skb, state, MERLON_REASON_SPOOFED);
}

/* Came by the only tunnel there is: no source of it can belong to another. */
static __always_inline bool is_only_tunnel(const struct merlon_generation *generation,
					   const struct net_device *in)
{
	return merlon_device_is_wireguard(in) && generation->tables->nr_tunnels == 1 &&
	       merlon_slots_find(&generation->tunnels, in->ifindex) == 1;
}

/* The tunnel that owns the source, or 0. */
static __always_inline u8 owner_of(u8 family, const struct merlon_tables *tables,
				   const struct sk_buff *skb)
{
	const void *address = family == AF_INET ? (const void *)&ip_hdr(skb)->saddr :
						  (const void *)&ipv6_hdr(skb)->saddr;

	return (u8)MERLON_END_TUNNEL(merlon_ends(tables, family, address).owner);
}

/* PRE_ROUTING. What is called is called last, so that nothing is saved for its sake. */
static __always_inline unsigned int source(u8 family, struct merlon_net *mn, struct sk_buff *skb,
					   const struct nf_hook_state *state)
{
	struct merlon_generation *generation = rcu_dereference(mn->generation);
	u8 owner;

	if (unlikely(!generation) || is_only_tunnel(generation, state->in))
		return NF_ACCEPT;
	owner = owner_of(family, generation->tables, skb);
	if (likely(!owner))
		return NF_ACCEPT;
	return check_source(mn, generation, skb, state, owner);
}

static unsigned int source4(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return source(AF_INET, priv, skb, state);
}

static unsigned int source6(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return source(AF_INET6, priv, skb, state);
}

/* ------------------------------------------------------------ registration */

#define HOOK(family, number, when, function) {	\
	.hook = function,			\
	.pf = NFPROTO_##family,			\
	.hooknum = NF_INET_##number,		\
	.priority = when,			\
}

/* ORDER: verdicts first, so that nothing passes unjudged behind a checked source. */
static const struct nf_hook_ops hooks[] = {
	HOOK(IPV4, LOCAL_IN, PRIORITY_INWARD, local4),
	HOOK(IPV4, FORWARD, PRIORITY_INWARD, forward4),
	HOOK(IPV4, POST_ROUTING, PRIORITY_OUTWARD, outward4),
	HOOK(IPV6, LOCAL_IN, PRIORITY_INWARD, local6),
	HOOK(IPV6, FORWARD, PRIORITY_INWARD, forward6),
	HOOK(IPV6, POST_ROUTING, PRIORITY_OUTWARD, outward6),
	HOOK(IPV4, PRE_ROUTING, PRIORITY_SOURCE, source4),
	HOOK(IPV6, PRE_ROUTING, PRIORITY_SOURCE, source6),
};

/* Fragments are judged when they are whole. */
static int enable_defrag(struct net *net)
{
	int err = nf_defrag_ipv4_enable(net);

	if (err)
		return err;
	err = nf_defrag_ipv6_enable(net);
	if (err)
		nf_defrag_ipv4_disable(net);
	return err;
}

static void disable_defrag(struct net *net)
{
	nf_defrag_ipv6_disable(net);
	nf_defrag_ipv4_disable(net);
}

int merlon_hooks_register(struct merlon_net *mn)
{
	struct nf_hook_ops *ops;
	size_t i;
	int err;

	ops = kmemdup(hooks, sizeof(hooks), GFP_KERNEL_ACCOUNT);
	if (!ops)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		ops[i].priv = mn;
	err = enable_defrag(mn->net);
	if (err)
		goto err_defrag;
	err = nf_register_net_hooks(mn->net, ops, ARRAY_SIZE(hooks));
	if (err)
		goto err_hooks;
	mn->hooks = ops;
	return 0;

err_hooks:
	disable_defrag(mn->net);
err_defrag:
	/* Some may have been registered, and a packet in them. */
	synchronize_net();
	kfree(ops);
	return err;
}

void merlon_hooks_unregister(struct merlon_net *mn)
{
	nf_unregister_net_hooks(mn->net, mn->hooks, ARRAY_SIZE(hooks));
	disable_defrag(mn->net);
	/* ORDER: no packet is in a hook any more before what it uses is freed. */
	synchronize_net();
	kfree(mn->hooks);
	mn->hooks = NULL;
}
