// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/filter.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inetdevice.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <net/dst.h>
#include <net/flow.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_tables.h>
#include <net/route.h>
#include <net/sock.h>

#include "classifier/classify.h"
#include "device.h"
#include "generation.h"
#include "guard.h"
#include "leave.h"
#include "parse.h"
#include "pernet.h"
#include "refusal.h"

/* ------------------------------------------------------------- the packet */

static bool is_asked_about(const struct sock *sk)
{
	return (sk->sk_family == AF_INET || sk->sk_family == AF_INET6) &&
	       sk->sk_type == SOCK_STREAM && sk->sk_protocol == IPPROTO_TCP;
}

static bool read4(const struct sockaddr *to, struct merlon_packet *ret)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)to;

	ret->family = AF_INET;
	ret->selector = ntohs(in->sin_port);
	memcpy(ret->destination, &in->sin_addr, sizeof(in->sin_addr));
	return true;
}

/* What is sent to a mapped address goes out as IPv4. */
static bool read6(const struct sockaddr *to, struct merlon_packet *ret)
{
	const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)to;

	ret->selector = ntohs(in->sin6_port);
	if (ipv6_addr_any(&in->sin6_addr))
		return false;
	if (ipv6_addr_v4mapped(&in->sin6_addr)) {
		ret->family = AF_INET;
		memcpy(ret->destination, &in->sin6_addr.s6_addr32[3], sizeof(__be32));
		return true;
	}
	ret->family = AF_INET6;
	memcpy(ret->destination, &in->sin6_addr, sizeof(in->sin6_addr));
	return true;
}

/* The first packet that the socket would send, as the parser would see it. */
static bool read_packet(const struct bpf_sock_addr_kern *call, struct merlon_packet *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->protocol = IPPROTO_TCP;
	ret->tcp_flags = MERLON_TCP_SYN;
	ret->source_port = inet_sk(call->sk)->inet_num;
	if (call->uaddr->sa_family == AF_INET)
		return read4(call->uaddr, ret);
	if (call->uaddr->sa_family == AF_INET6)
		return read6(call->uaddr, ret);
	return false;
}

/* ----------------------------------------------------------------- its way */

/* nf_tables' chains of type filter route nothing anew; those of type nat are not here. */
static bool is_filter_chain(const struct nf_hook_ops *op)
{
	return op->hook_ops_type == NF_HOOK_OP_NF_TABLES &&
	       nft_base_chain(op->priv)->type->type == NFT_CHAIN_T_DEFAULT;
}

/* Conntrack, defragmentation, and what of iptables only filters; IPv6 has the same numbers. */
static bool is_known_harmless(const struct nf_hook_ops *op)
{
	if (op->hook_ops_type != NF_HOOK_OP_UNDEFINED)
		return is_filter_chain(op);
	switch (op->priority) {
	case NF_IP_PRI_CONNTRACK_DEFRAG:
	case NF_IP_PRI_CONNTRACK:
	case NF_IP_PRI_RAW:
	case NF_IP_PRI_FILTER:
	case NF_IP_PRI_SECURITY:
		return true;
	default:
		return false;
	}
}

/* Does somebody at LOCAL_OUT translate, or mark and route anew? */
static bool may_be_changed(const struct net *net, u8 family)
{
	struct nf_hook_entries __rcu *const *where;
	const struct nf_hook_entries *entries;
	struct nf_hook_ops **ops;
	u16 i;

	where = family == AF_INET ? net->nf.hooks_ipv4 : net->nf.hooks_ipv6;
	entries = rcu_dereference(where[NF_INET_LOCAL_OUT]);
	if (!entries)
		return false;
	ops = nf_hook_entries_get_hook_ops(entries);
	for (i = 0; i < entries->num_hook_entries; i++)
		if (!is_known_harmless(READ_ONCE(ops[i])))
			return true;
	return false;
}

/* As tcp_v4_connect() has it. */
static struct dst_entry *route4(struct sock *sk, struct merlon_packet *packet)
{
	const struct inet_sock *inet = inet_sk(sk);
	const struct ip_options_rcu *options = rcu_dereference(inet->inet_opt);
	struct flowi4 flow = { 0 };
	struct rtable *route;
	__be32 to;

	memcpy(&to, packet->destination, sizeof(to));
	if (options && options->opt.srr)
		return NULL;
	flowi4_init_output(&flow, sk->sk_bound_dev_if, READ_ONCE(sk->sk_mark),
			   ip_sock_rt_tos(sk), ip_sock_rt_scope(sk), packet->protocol,
			   inet_sk_flowi_flags(sk), to, inet->inet_saddr,
			   htons(packet->selector), inet->inet_sport, sk->sk_uid);
	route = ip_route_output_key(sock_net(sk), &flow);
	if (IS_ERR(route))
		return NULL;
	memcpy(packet->source, &flow.saddr, sizeof(flow.saddr));
	return &route->dst;
}

static int device6(const struct sock *sk, const struct in6_addr *to, u32 scope_id)
{
	if (!sk->sk_bound_dev_if && ipv6_addr_type(to) & IPV6_ADDR_LINKLOCAL)
		return scope_id;
	return sk->sk_bound_dev_if;
}

/* As tcp_v6_connect() has it. */
static struct dst_entry *route6(struct sock *sk, u32 scope_id, struct merlon_packet *packet)
{
	const struct ipv6_pinfo *np = inet6_sk(sk);
	const struct ipv6_txoptions *options = rcu_dereference(np->opt);
	const struct in6_addr *to = (const struct in6_addr *)packet->destination;
	struct flowi6 flow = {
		.flowi6_oif = device6(sk, to, scope_id),
		.flowi6_mark = READ_ONCE(sk->sk_mark),
		.flowi6_proto = packet->protocol,
		.flowi6_uid = sk->sk_uid,
		.flowlabel = ip6_make_flowinfo(np->tclass, np->flow_label),
		.daddr = *to,
		.saddr = sk->sk_v6_rcv_saddr,
		.fl6_dport = htons(packet->selector),
		.fl6_sport = inet_sk(sk)->inet_sport,
	};
	struct dst_entry *dst;

	if ((options && options->srcrt) || ip6_dst_lookup(sock_net(sk), sk, &dst, &flow))
		return NULL;
	memcpy(packet->source, &flow.saddr, sizeof(flow.saddr));
	return dst;
}

/* With a reference; NULL: there is none, or it cannot be known. */
static struct dst_entry *route(const struct bpf_sock_addr_kern *call,
			       struct merlon_packet *packet)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)call->uaddr;

	if (packet->family == AF_INET)
		return route4(call->sk, packet);
	return route6(call->sk, in6->sin6_scope_id, packet);
}

/* -------------------------------------------------------------- the verdict */

struct refused {
	u8 reason;	/* 0: it may */
	u64 rule;
};

static struct refused by_rule(const struct merlon_tables *tables, u32 verdict, u8 reason)
{
	return (struct refused) {
		.reason = reason,
		.rule = merlon_tables_rule_id(tables, MERLON_VERDICT_RULE(verdict)),
	};
}

static bool allows(u32 verdict)
{
	return MERLON_VERDICT_ACTION(verdict) == MERLON_ACTION_ALLOW;
}

static u32 classify(const struct merlon_tables *tables, const struct merlon_packet *packet)
{
	return merlon_classify_ip(tables, packet->family, packet->source, packet->destination,
				  packet->protocol, packet->selector);
}

/* The first part: by its own tuple, as new. */
static struct refused by_policy(const struct merlon_generation *generation,
				const struct merlon_packet *packet)
{
	const struct merlon_tables *tables = generation->tables;
	u32 own = classify(tables, packet);

	if (allows(own))
		return (struct refused) { 0 };
	if (!MERLON_VERDICT_RULE(own))
		return (struct refused) { .reason = MERLON_REASON_NO_RULE };
	return by_rule(tables, own, MERLON_REASON_RULE);
}

static u32 guard_verdict(const struct merlon_generation *generation,
			 const struct net_device *out, const struct sock *sk,
			 const struct merlon_packet *packet)
{
	if (!generation || !generation->guard || merlon_generation_expired(generation))
		return 0;
	return merlon_guard_classify(generation, out, sk, packet, false);
}

/* merlon_guard() */
static struct refused by_guard(const struct merlon_net *mn,
			       const struct merlon_generation *generation,
			       const struct net_device *out, const struct sock *sk,
			       const struct merlon_packet *packet)
{
	u32 verdict;

	if (READ_ONCE(mn->scope) != MERLON_SCOPE_EVERYTHING || out->flags & IFF_LOOPBACK ||
	    netif_is_l3_master(out))
		return (struct refused) { 0 };
	verdict = guard_verdict(generation, out, sk, packet);
	if (allows(verdict))
		return (struct refused) { 0 };
	if (!MERLON_VERDICT_RULE(verdict))
		return (struct refused) { .reason = MERLON_REASON_OFF_TUNNEL };
	return by_rule(generation->guard->tables, verdict, MERLON_REASON_GUARD);
}

/* merlon_guard_check() */
static struct refused by_dns_guard(const struct merlon_generation *generation,
				   const struct net_device *out, const struct sock *sk,
				   const struct merlon_packet *packet)
{
	u32 verdict = guard_verdict(generation, out, sk, packet);

	if (!MERLON_VERDICT_RULE(verdict) || allows(verdict))
		return (struct refused) { 0 };
	return by_rule(generation->guard->tables, verdict, MERLON_REASON_GUARD);
}

/* What hooks.c has for a WireGuard device. */
static struct refused by_tunnel(const struct merlon_net *mn,
				const struct merlon_generation *generation,
				const struct net_device *out, const struct sock *sk,
				const struct merlon_packet *packet)
{
	struct refused refused;
	u8 number;

	if (!generation)
		return (struct refused) { .reason = MERLON_REASON_LOCKDOWN };
	number = merlon_generation_tunnel(generation, out->ifindex);
	if (number == MERLON_TUNNEL_IGNORED)
		return by_guard(mn, generation, out, sk, packet);
	if (merlon_generation_expired(generation))
		return (struct refused) { .reason = MERLON_REASON_EXPIRED };
	if (number == MERLON_TUNNEL_UNKNOWN)
		return (struct refused) { .reason = MERLON_REASON_UNKNOWN_TUNNEL };
	refused = by_policy(generation, packet);
	return refused.reason ? refused : by_dns_guard(generation, out, sk, packet);
}

static struct refused judge(const struct merlon_net *mn, const struct net_device *out,
			    const struct sock *sk, const struct merlon_packet *packet)
{
	const struct merlon_generation *generation = rcu_dereference(mn->generation);

	if (merlon_device_is_wireguard(out))
		return by_tunnel(mn, generation, out, sk, packet);
	return by_guard(mn, generation, out, sk, packet);
}

/* ------------------------------------------------------------------- entry */

static void explain(const struct refused *refused, const struct merlon_packet *packet,
		    struct merlon_refusal *ret)
{
	*ret = (struct merlon_refusal) {
		.rule = refused->rule,
		.selector = packet->selector,
		.family = packet->family,
		.protocol = packet->protocol,
		.reason = refused->reason,
	};
	memcpy(ret->destination, packet->destination, sizeof(ret->destination));
}

/* Under RCU. */
static int check(const struct merlon_net *mn, const struct bpf_sock_addr_kern *call,
		 struct merlon_refusal *ret)
{
	struct merlon_packet packet;
	struct refused refused;
	struct dst_entry *dst;

	if (!read_packet(call, &packet) || may_be_changed(mn->net, packet.family))
		return 0;
	dst = route(call, &packet);
	if (!dst)
		return 0;
	refused = judge(mn, dst->dev, call->sk, &packet);
	dst_release(dst);
	if (!refused.reason)
		return 0;
	explain(&refused, &packet, ret);
	return -EPERM;
}

int merlon_leave_check(const struct bpf_sock_addr_kern *call, struct merlon_refusal *ret)
{
	const struct merlon_net *mn;
	int err = 0;

	if (!is_asked_about(call->sk))
		return 0;
	rcu_read_lock();
	mn = merlon_net_get(sock_net(call->sk));
	if (READ_ONCE(mn->mode) == MERLON_MODE_ENFORCING)
		err = check(mn, call, ret);
	rcu_read_unlock();
	return err;
}
