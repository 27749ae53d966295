// SPDX-License-Identifier: GPL-2.0
/*
 * cost: what a packet costs in a hook, in instructions, where the guest's clock
 * counts those (selftests/vm/run --icount). For tests, in guests.
 *
 * Write "HOOK DEVICE ADDRESS PORT" to /sys/module/cost/parameters/measure, and read
 * the cost of one call in hundredths of a nanosecond there. The packet is IPv4 and
 * UDP, routed to ADDRESS by DEVICE of the first namespace. HOOK:
 *   clock   no hook: a loop of a hundred instructions
 *   egress  what netfilter does at DEVICE's egress, with the hooks that are there
 *   seen    the same, of a packet that conntrack has seen (and does not track)
 *   post    what it does at POST_ROUTING
 * "bare egress DEVICE" and "bare post" add a hook that does nothing; "bare none"
 * takes it away.
 */
#include <linux/etherdevice.h>
#include <linux/inet.h>
#include <linux/ip.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_netdev.h>
#include <linux/rtnetlink.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/route.h>

#define ROUND	2000	/* calls */
#define ROUNDS	8	/* of which the cheapest counts; the first ones warm up */

static u64 cost;	/* hundredths of a nanosecond */

/* -------------------------------------------------------------------- packet */

static struct sk_buff *packet(struct net_device *dev, __be32 to, u16 port)
{
	struct flowi4 flow = { .daddr = to, .flowi4_oif = dev->ifindex };
	struct rtable *rt = ip_route_output_key(&init_net, &flow);
	struct sk_buff *skb;
	struct udphdr *udp;
	struct iphdr *ip;

	if (IS_ERR(rt))
		return ERR_CAST(rt);
	skb = alloc_skb(256, GFP_KERNEL);
	if (!skb) {
		ip_rt_put(rt);
		return ERR_PTR(-ENOMEM);
	}
	skb_reserve(skb, 64);
	skb_reset_network_header(skb);
	ip = skb_put_zero(skb, sizeof(*ip));
	skb_set_transport_header(skb, sizeof(*ip));
	udp = skb_put_zero(skb, sizeof(*udp) + 8);
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->daddr = to;
	ip->saddr = flow.saddr;
	ip->tot_len = htons(skb->len);
	udp->source = htons(5000);
	udp->dest = htons(port);
	udp->len = htons(sizeof(*udp) + 8);
	skb->protocol = htons(ETH_P_IP);
	skb->dev = dev;
	skb_dst_set(skb, &rt->dst);
	return skb;
}

/* --------------------------------------------------------------------- calls */

static int okfn(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return 0;
}

static bool call_egress(struct sk_buff *skb)
{
	int rc = 0;

	return nf_hook_egress(skb, &rc, skb->dev);
}

static bool call_post(struct sk_buff *skb)
{
	return nf_hook(NFPROTO_IPV4, NF_INET_POST_ROUTING, &init_net, NULL, skb, NULL,
		       skb->dev, okfn) == 1;
}

static bool call_clock(struct sk_buff *skb)
{
	unsigned long n = 50;

	asm volatile("1: dec %0\n\tjnz 1b" : "+r" (n) : : "cc");
	return true;
}

/* Hundredths of a nanosecond for one call, or 0: the packet was not let through. */
static u64 one_round(bool (*call)(struct sk_buff *skb), struct sk_buff *skb)
{
	u64 begin;
	int i;

	begin = ktime_get_ns();
	for (i = 0; i < ROUND; i++)
		if (!call(skb))
			return 0;
	return div_u64((ktime_get_ns() - begin) * 100, ROUND);
}

static int measure_call(bool (*call)(struct sk_buff *skb), struct sk_buff *skb)
{
	u64 best = U64_MAX;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		u64 once;

		local_bh_disable();
		rcu_read_lock();
		once = one_round(call, skb);
		rcu_read_unlock();
		local_bh_enable();
		if (!once)
			return -EPERM;
		best = min(best, once);
	}
	cost = best;
	return 0;
}

/* ---------------------------------------------------------------------- bare */

static unsigned int nothing(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

static struct nf_hook_ops bare = { .hook = nothing, .priority = INT_MAX };
static bool has_bare;

static void bare_remove(void)
{
	if (!has_bare)
		return;
	nf_unregister_net_hook(&init_net, &bare);
	if (bare.dev)
		dev_put(bare.dev);
	has_bare = false;
}

static int bare_add(const char *hook, const char *name)
{
	int err;

	bare.dev = NULL;
	if (!strcmp(hook, "egress")) {
		bare.pf = NFPROTO_NETDEV;
		bare.hooknum = NF_NETDEV_EGRESS;
		bare.dev = dev_get_by_name(&init_net, name);
		if (!bare.dev)
			return -ENODEV;
	} else {
		bare.pf = NFPROTO_IPV4;
		bare.hooknum = NF_INET_POST_ROUTING;
	}
	err = nf_register_net_hook(&init_net, &bare);
	has_bare = !err;
	if (err && bare.dev)
		dev_put(bare.dev);
	return err;
}

static int bare_set(const char *hook, const char *name)
{
	bare_remove();
	return strcmp(hook, "none") ? bare_add(hook, name) : 0;
}

/* ------------------------------------------------------------------- control */

static int measure(const char *hook, const char *name, const char *to, u16 port)
{
	struct net_device *dev = dev_get_by_name(&init_net, name);
	struct sk_buff *skb;
	int err;

	if (!dev)
		return -ENODEV;
	skb = packet(dev, in_aton(to), port);
	if (IS_ERR(skb)) {
		err = PTR_ERR(skb);
	} else {
		if (!strcmp(hook, "seen"))
			skb->_nfct = IP_CT_UNTRACKED;
		err = measure_call(!strcmp(hook, "post") ? call_post :
				   !strcmp(hook, "clock") ? call_clock : call_egress, skb);
		/* Who does not let it through has freed it. */
		if (err != -EPERM)
			kfree_skb(skb);
	}
	dev_put(dev);
	return err;
}

static int control_set(const char *text, const struct kernel_param *param)
{
	char hook[16], name[IFNAMSIZ], to[16] = "";
	unsigned int port;

	if (sscanf(text, "bare %15s %15s", hook, name) >= 1)
		return bare_set(hook, name);
	if (sscanf(text, "%15s %15s %15s %u", hook, name, to, &port) != 4)
		return -EINVAL;
	return measure(hook, name, to, port);
}

static int control_get(char *to, const struct kernel_param *param)
{
	return sysfs_emit(to, "%llu\n", cost);
}

static const struct kernel_param_ops control = { .set = control_set, .get = control_get };

module_param_cb(measure, &control, NULL, 0600);

static int __init cost_init(void)
{
	return 0;
}

module_init(cost_init);
module_exit(bare_remove);

MODULE_DESCRIPTION("What a packet costs in a hook");
MODULE_LICENSE("GPL");
