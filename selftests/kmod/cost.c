// SPDX-License-Identifier: GPL-2.0
/*
 * cost: what a packet costs in a hook, in instructions, where the guest's clock
 * counts those (selftests/vm/run --icount). For tests, in guests.
 *
 * Write a line to /sys/module/cost/parameters/measure, and read the cost of one
 * call in hundredths of a nanosecond there; the cheapest round counts. What every
 * round took, and whether the packet passed, is in samples: "passed 9206 9204 …".
 *
 * WAY DEVICE ADDRESS PORT: a packet of this host's, IPv4 and UDP, to ADDRESS by
 * DEVICE; refused (EPERM) where it does not pass. WAY:
 *   clock   no hook: a loop of a hundred instructions
 *   egress  what netfilter does at DEVICE's egress, with the hooks that are there
 *   seen    the same, of a packet that conntrack has seen (and does not track)
 *   post    what it does at POST_ROUTING
 *
 * WAY IN OUT SOURCE DESTINATION PROTOCOL PORT PORT: a packet that IN brought, and
 * that leaves by OUT; it may be dropped. PROTOCOL: udp, tcp (a SYN), ack. WAY:
 *   forward what netfilter does at FORWARD
 *   known   the same, once PRE_ROUTING has seen it: conntrack knows it, where it runs
 *   out     what it does at POST_ROUTING
 *   walk    PRE_ROUTING, FORWARD, POST_ROUTING, as if conntrack saw it the first time
 *   tc      what tc does at IN's ingress
 *   whole   a copy of it is received, and sent: all that the kernel does
 *
 * "bare HOOK [DEVICE]" adds a hook that does nothing: egress DEVICE, post, forward,
 * walk (all three); or, "deny", one that drops at FORWARD. "bare none" takes it away.
 */
#include <linux/etherdevice.h>
#include <linux/inet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_netdev.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/pkt_cls.h>
#include <net/route.h>
#include <net/sch_generic.h>
#ifdef CONFIG_NET_XGRESS
#include <net/tcx.h>
#endif

#define CALLS		2000	/* in a round, at most */
#define CALLS_MIN	10
#define ROUND		1000000	/* ns: less than a timer's tick, so that most see none */
#define ROUNDS		8	/* of which the cheapest counts; the first ones warm up */

static struct {
	u64 rounds[ROUNDS];	/* hundredths of a nanosecond, each */
	u64 best;
	bool passed;
} result;

struct trip {
	struct sk_buff *skb;
	struct net_device *in, *out;
	u8 family;		/* NFPROTO_* */
	u8 protocol;
	bool syn;
	u16 source_port, port;
	struct in6_addr source, destination;	/* IPv4: the first word */
};

/* -------------------------------------------------------------------- packet */

static struct dst_entry *route4(struct trip *trip)
{
	struct flowi4 flow = {
		.daddr = trip->destination.s6_addr32[0], .flowi4_oif = trip->out->ifindex,
	};
	struct rtable *rt = ip_route_output_key(&init_net, &flow);

	if (IS_ERR(rt))
		return ERR_CAST(rt);
	if (!trip->source.s6_addr32[0])
		trip->source.s6_addr32[0] = flow.saddr;
	return &rt->dst;
}

static struct dst_entry *route6(struct trip *trip)
{
	struct flowi6 flow = { .daddr = trip->destination, .flowi6_oif = trip->out->ifindex };
	struct dst_entry *dst = ip6_route_output(&init_net, NULL, &flow);
	int err = dst->error;

	if (!err)
		return dst;
	dst_release(dst);
	return ERR_PTR(err);
}

static unsigned int length_behind_ip(const struct trip *trip)
{
	return trip->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr) + 8;
}

static void put_ip4(struct sk_buff *skb, const struct trip *trip)
{
	struct iphdr *ip = skb_put_zero(skb, sizeof(*ip));

	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = trip->protocol;
	ip->daddr = trip->destination.s6_addr32[0];
	ip->saddr = trip->source.s6_addr32[0];
	ip->tot_len = htons(sizeof(*ip) + length_behind_ip(trip));
	ip_send_check(ip);
	skb->protocol = htons(ETH_P_IP);
}

static void put_ip6(struct sk_buff *skb, const struct trip *trip)
{
	struct ipv6hdr *ip = skb_put_zero(skb, sizeof(*ip));

	ip->version = 6;
	ip->hop_limit = 64;
	ip->nexthdr = trip->protocol;
	ip->daddr = trip->destination;
	ip->saddr = trip->source;
	ip->payload_len = htons(length_behind_ip(trip));
	skb->protocol = htons(ETH_P_IPV6);
}

static void put_ports(struct sk_buff *skb, const struct trip *trip)
{
	struct tcphdr *tcp = skb_put_zero(skb, length_behind_ip(trip));
	struct udphdr *udp = (struct udphdr *)tcp;

	/* The ports of both are in one place. */
	udp->source = htons(trip->source_port);
	udp->dest = htons(trip->port);
	if (trip->protocol == IPPROTO_UDP) {
		udp->len = htons(length_behind_ip(trip));
		return;
	}
	tcp->doff = sizeof(*tcp) / 4;
	tcp->syn = trip->syn;
	tcp->ack = !trip->syn;
	tcp->window = htons(1000);
}

/* As one that a tunnel brought: no link header, and checksums are known to be right. */
static void fill(struct sk_buff *skb, const struct trip *trip)
{
	skb_reserve(skb, 64);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	if (trip->family == NFPROTO_IPV4)
		put_ip4(skb, trip);
	else
		put_ip6(skb, trip);
	skb_set_transport_header(skb, skb->len);
	put_ports(skb, trip);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->dev = trip->in ?: trip->out;
	if (trip->in)
		skb->skb_iif = trip->in->ifindex;
}

static int packet(struct trip *trip, bool routed)
{
	struct dst_entry *dst = NULL;

	if (routed) {
		dst = trip->family == NFPROTO_IPV4 ? route4(trip) : route6(trip);
		if (IS_ERR(dst))
			return PTR_ERR(dst);
	}
	trip->skb = alloc_skb(256, GFP_KERNEL);
	if (!trip->skb) {
		dst_release(dst);
		return -ENOMEM;
	}
	fill(trip->skb, trip);
	if (dst)
		skb_dst_set(trip->skb, dst);
	return 0;
}

/* --------------------------------------------------------------------- calls */

/* Each says whether the packet passes. Who drops it frees it: see one_round(). */

static int okfn(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return 0;
}

static bool call_egress(const struct trip *trip)
{
	int rc = 0;

	return nf_hook_egress(trip->skb, &rc, trip->out);
}

/* Inlined, so that family and hook are constants, as where the kernel calls it. */
static __always_inline bool at(unsigned int hook, const struct trip *trip,
			       struct net_device *in, struct net_device *out)
{
	if (trip->family == NFPROTO_IPV4)
		return nf_hook(NFPROTO_IPV4, hook, &init_net, NULL, trip->skb, in, out, okfn) == 1;
	return nf_hook(NFPROTO_IPV6, hook, &init_net, NULL, trip->skb, in, out, okfn) == 1;
}

static bool call_post(const struct trip *trip)
{
	return at(NF_INET_POST_ROUTING, trip, NULL, trip->out);
}

static bool call_out(const struct trip *trip)
{
	return at(NF_INET_POST_ROUTING, trip, trip->in, trip->out);
}

static bool call_forward(const struct trip *trip)
{
	return at(NF_INET_FORWARD, trip, trip->in, trip->out);
}

static bool call_walk(const struct trip *trip)
{
	nf_reset_ct(trip->skb);
	return at(NF_INET_PRE_ROUTING, trip, trip->in, NULL) &&
	       at(NF_INET_FORWARD, trip, trip->in, trip->out) &&
	       at(NF_INET_POST_ROUTING, trip, trip->in, trip->out);
}

/* Leaves with the packet what conntrack has to say of it, where it runs. */
static int introduce(const struct trip *trip)
{
	bool passes;

	local_bh_disable();
	rcu_read_lock();
	refcount_inc(&trip->skb->users);
	passes = at(NF_INET_PRE_ROUTING, trip, trip->in, NULL);
	if (passes)
		WARN_ON_ONCE(refcount_dec_and_test(&trip->skb->users));
	rcu_read_unlock();
	local_bh_enable();
	return passes ? 0 : -EPERM;
}

/* What sch_handle_ingress() and tc_run() do, which are not for modules. */
static bool call_tc(const struct trip *trip)
{
#ifdef CONFIG_NET_XGRESS
	struct bpf_mprog_entry *entry = rcu_dereference_bh(trip->in->tcx_ingress);
	__auto_type miniq = entry ? rcu_dereference_bh(tcx_entry(entry)->miniq) : NULL;
#else
	__auto_type miniq = rcu_dereference_bh(trip->in->miniq_ingress);
#endif
	struct sk_buff *skb = trip->skb;
	struct tcf_result class;

	if (!miniq)
		return true;
	qdisc_skb_cb(skb)->pkt_len = skb->len;
	skb->tc_at_ingress = 1;
	mini_qdisc_bstats_cpu_update(miniq, skb);
	if (tcf_classify(skb, miniq->block, miniq->filter_list, &class, false) != TC_ACT_SHOT)
		return true;
	kfree_skb(skb);
	return false;
}

/* Passing is seen by who sends it: see one_round(). */
static bool call_whole(const struct trip *trip)
{
	struct sk_buff *copy = skb_copy(trip->skb, GFP_ATOMIC);

	if (copy)
		netif_receive_skb(copy);
	return true;
}

static bool call_clock(const struct trip *trip)
{
	unsigned long n = 50;

	asm volatile("1: dec %0\n\tjnz 1b" : "+r" (n) : : "cc");
	return true;
}

typedef bool (*call_fn)(const struct trip *trip);

/* ------------------------------------------------------------------- rounds */

static u64 sent_by(const struct net_device *dev)
{
	struct rtnl_link_stats64 stats;

	return dev_get_stats((struct net_device *)dev, &stats)->tx_packets;
}

/*
 * Nanoseconds for so many calls. Every one has a reference to the packet to
 * lose, and those that let it pass leave theirs.
 */
static u64 one_round(call_fn call, const struct trip *trip, int calls, int *passed)
{
	u64 begin, end, sent;
	int i;

	*passed = 0;
	refcount_add(calls, &trip->skb->users);
	sent = call == call_whole ? sent_by(trip->out) : 0;
	local_bh_disable();
	rcu_read_lock();
	begin = ktime_get_ns();
	for (i = 0; i < calls; i++)
		*passed += call(trip);
	end = ktime_get_ns();
	rcu_read_unlock();
	local_bh_enable();
	if (*passed)
		WARN_ON_ONCE(refcount_sub_and_test(*passed, &trip->skb->users));
	if (call == call_whole)
		*passed = sent_by(trip->out) - sent;
	return end - begin;
}

/* As many calls as a round has time for. */
static int calls_for(call_fn call, const struct trip *trip, int *passed)
{
	u64 some = one_round(call, trip, CALLS_MIN, passed);

	return clamp_t(u64, div64_u64((u64)ROUND * CALLS_MIN, some + 1), CALLS_MIN, CALLS);
}

static int measure_trip(call_fn call, const struct trip *trip)
{
	int i, passed, calls = calls_for(call, trip, &passed);

	result.passed = passed;
	result.best = U64_MAX;
	for (i = 0; i < ROUNDS; i++) {
		u64 time = one_round(call, trip, calls, &passed);

		if (passed != (result.passed ? calls : 0))
			return -EAGAIN;
		result.rounds[i] = div_u64(time * 100, calls);
		result.best = min(result.best, result.rounds[i]);
		cond_resched();
	}
	return 0;
}

/* ---------------------------------------------------------------------- bare */

static unsigned int nothing(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

static unsigned int refuse(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_DROP;
}

static struct nf_hook_ops bare[6];
static unsigned int bare_count;
static struct net_device *bare_dev;

static void bare_remove(void)
{
	nf_unregister_net_hooks(&init_net, bare, bare_count);
	bare_count = 0;
	if (bare_dev)
		dev_put(bare_dev);
	bare_dev = NULL;
}

/* Both families */
static void bare_push(unsigned int hook, nf_hookfn *function)
{
	int i;

	for (i = 0; i < 2; i++)
		bare[bare_count++] = (struct nf_hook_ops) {
			.hook = function, .priority = INT_MAX, .hooknum = hook,
			.pf = i ? NFPROTO_IPV6 : NFPROTO_IPV4,
		};
}

static int bare_push_egress(const char *name)
{
	bare_dev = dev_get_by_name(&init_net, name);
	if (!bare_dev)
		return -ENODEV;
	bare[bare_count++] = (struct nf_hook_ops) {
		.hook = nothing, .priority = INT_MAX, .hooknum = NF_NETDEV_EGRESS,
		.pf = NFPROTO_NETDEV, .dev = bare_dev,
	};
	return 0;
}

static int bare_set(const char *hook, const char *name)
{
	bool walk = !strcmp(hook, "walk");
	int err;

	bare_remove();
	if (!strcmp(hook, "egress")) {
		err = bare_push_egress(name);
		if (err)
			return err;
	}
	if (walk)
		bare_push(NF_INET_PRE_ROUTING, nothing);
	if (walk || !strcmp(hook, "forward"))
		bare_push(NF_INET_FORWARD, nothing);
	if (walk || !strcmp(hook, "post"))
		bare_push(NF_INET_POST_ROUTING, nothing);
	if (!strcmp(hook, "deny"))
		bare_push(NF_INET_FORWARD, refuse);
	if (!bare_count)
		return strcmp(hook, "none") ? -EINVAL : 0;
	err = nf_register_net_hooks(&init_net, bare, bare_count);
	if (err) {
		bare_count = 0;
		bare_remove();
	}
	return err;
}

/* ------------------------------------------------------------------- control */

static const struct {
	const char *name;
	call_fn call;
} ways[] = {
	{ "clock", call_clock }, { "egress", call_egress }, { "seen", call_egress },
	{ "post", call_post }, { "forward", call_forward }, { "known", call_forward },
	{ "out", call_out }, { "walk", call_walk }, { "tc", call_tc }, { "whole", call_whole },
};

static int measure_way(const char *way, struct trip *trip)
{
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (!strcmp(ways[i].name, way))
			break;
	if (i == ARRAY_SIZE(ways))
		return -EINVAL;
	err = packet(trip, ways[i].call != call_whole);
	if (err)
		return err;
	if (!strcmp(way, "seen"))
		trip->skb->_nfct = IP_CT_UNTRACKED;
	if (!strcmp(way, "known"))
		err = introduce(trip);
	if (!err)
		err = measure_trip(ways[i].call, trip);
	kfree_skb(trip->skb);
	return err;
}

/* Takes the devices; an empty name is none. */
static int measure_between(const char *way, struct trip *trip, const char *in, const char *out)
{
	int err = -ENODEV;

	trip->in = *in ? dev_get_by_name(&init_net, in) : NULL;
	trip->out = dev_get_by_name(&init_net, out);
	if (trip->out && (trip->in || !*in))
		err = measure_way(way, trip);
	if (trip->in)
		dev_put(trip->in);
	if (trip->out)
		dev_put(trip->out);
	return err;
}

static int address(struct trip *trip, const char *text, struct in6_addr *to)
{
	bool is4 = !strchr(text, ':');

	trip->family = is4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	if (is4 ? in4_pton(text, -1, to->s6_addr, -1, NULL) :
		  in6_pton(text, -1, to->s6_addr, -1, NULL))
		return 0;
	return -EINVAL;
}

static int measure_own(const char *text)
{
	struct trip trip = { .protocol = IPPROTO_UDP, .source_port = 5000 };
	char way[16], out[IFNAMSIZ], to[48];
	unsigned int port;
	int err;

	if (sscanf(text, "%15s %15s %47s %u", way, out, to, &port) != 4)
		return -EINVAL;
	trip.port = port;
	if (address(&trip, to, &trip.destination) || trip.family != NFPROTO_IPV4)
		return -EINVAL;
	err = measure_between(way, &trip, "", out);
	return err ?: result.passed ? 0 : -EPERM;
}

static int measure_foreign(const char *text)
{
	char way[16], in[IFNAMSIZ], out[IFNAMSIZ], from[48], to[48], protocol[8];
	struct trip trip = { 0 };
	unsigned int source_port, port;

	if (sscanf(text, "%15s %15s %15s %47s %47s %7s %u %u", way, in, out, from, to, protocol,
		   &source_port, &port) != 8)
		return -EINVAL;
	trip.protocol = strcmp(protocol, "udp") ? IPPROTO_TCP : IPPROTO_UDP;
	trip.syn = !strcmp(protocol, "tcp");
	trip.source_port = source_port;
	trip.port = port;
	if (address(&trip, from, &trip.source) || address(&trip, to, &trip.destination))
		return -EINVAL;
	return measure_between(way, &trip, in, out);
}

static int control_set(const char *text, const struct kernel_param *param)
{
	char hook[16], name[IFNAMSIZ] = "";
	int err;

	if (sscanf(text, "bare %15s %15s", hook, name) >= 1)
		return bare_set(hook, name);
	err = measure_foreign(text);
	return err == -EINVAL ? measure_own(text) : err;
}

static int control_get(char *to, const struct kernel_param *param)
{
	return sysfs_emit(to, "%llu\n", result.best);
}

static int samples_get(char *to, const struct kernel_param *param)
{
	int i, n = sysfs_emit(to, result.passed ? "passed" : "dropped");

	for (i = 0; i < ROUNDS; i++)
		n += sysfs_emit_at(to, n, " %llu", result.rounds[i]);
	return n + sysfs_emit_at(to, n, "\n");
}

static const struct kernel_param_ops control = { .set = control_set, .get = control_get };
static const struct kernel_param_ops samples = { .get = samples_get };

module_param_cb(measure, &control, NULL, 0600);
module_param_cb(samples, &samples, NULL, 0400);

static int __init cost_init(void)
{
	return 0;
}

module_init(cost_init);
module_exit(bare_remove);

MODULE_DESCRIPTION("What a packet costs in a hook");
MODULE_LICENSE("GPL");
