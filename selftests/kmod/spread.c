// SPDX-License-Identifier: GPL-2.0
/*
 * spread: what a packet costs in the hooks at FORWARD in the processor's time, caches,
 * branches and all: for user-mode Linux (bench/native). Several policies are
 * there at once, each in a network namespace of its own, and are measured in turn on the
 * same packets, so that what disturbs one disturbs all.
 *
 * Write to /sys/module/spread/parameters/control:
 *
 *   flows FILE		the TCP rules of a policy (bench/generate), whose packets are sent
 *   add NAME [bare]	this network namespace, where wg0 brings the packets and dummy0
 *			takes them; with a hook that does nothing
 *   check NAME		does every flow's packet pass, and none to port 1? EPERM, ENOKEY
 *   measure many|one ROUNDS	packets of all flows in random order; or of one
 *   drop		the namespaces are let go
 *
 * Read /proc/spread: a line for each NAME, "NAME CALLS ROUND…": CALLS packets in each
 * round, and what a packet took in each, in hundredths of a nanosecond (clock.h). And the
 * first line, "clock PERMILLE BACKWARDS", says whether that clock is to be trusted: in the
 * round that was disturbed least, how far it went while the processor's TSC went a
 * thousandth of that round, at the rate that TSC and the host's clock had over all of
 * them; and how often either went backwards.
 *
 * One packet is used for all calls, and its addresses and ports are written anew for
 * each: it is in the cache, as what has just been decrypted is; what the policy's tables
 * hold of it may not be. No packet begins before the one before it is done (LFENCE):
 * between packets of a real wire there is other work, too.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/net_namespace.h>
#include <net/route.h>

#include "clock.h"
#include "flows.h"

#define SCENES		16
#define ROUNDS		128
#define CALLS		10000	/* in a round, at most */
#define CALLS_MIN	64
#define ROUND		4000000	/* nanoseconds */
#define LONG_ENOUGH	100000	/* nanoseconds, to compare clocks by */

struct scene {
	char name[16];
	struct net *net;
	struct net_device *in, *out;
	struct dst_entry *dst;
	struct nf_hook_ops *bare;
	unsigned int next;		/* flow */
	unsigned int calls;
	u64 rounds[ROUNDS];		/* hundredths of a nanosecond */
};

static struct scene scenes[SCENES];
static unsigned int scene_count, round_count;
static struct flows flows;
static struct sk_buff *skb;

struct span {
	u64 nanoseconds, cycles;
};

/* What clocks did: in all, by the host's clock; and in the round that was disturbed least. */
static struct {
	struct span all, best;
	u64 backwards;
} clocks;

/* -------------------------------------------------------------------- packet */

static void put_ip(bool ip6)
{
	struct ipv6hdr *ip6h;
	struct iphdr *ip;

	if (ip6) {
		ip6h = skb_put_zero(skb, sizeof(*ip6h));
		ip6h->version = 6;
		ip6h->hop_limit = 64;
		ip6h->nexthdr = IPPROTO_TCP;
		ip6h->payload_len = htons(sizeof(struct tcphdr));
		return;
	}
	ip = skb_put_zero(skb, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_TCP;
	ip->tot_len = htons(sizeof(*ip) + sizeof(struct tcphdr));
}

/* A SYN, as one that a tunnel brought. */
static int make_packet(bool ip6)
{
	struct tcphdr *tcp;

	kfree_skb(skb);
	skb = alloc_skb(256, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	skb_reserve(skb, 64);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	put_ip(ip6);
	skb_set_transport_header(skb, skb->len);
	tcp = skb_put_zero(skb, sizeof(*tcp));
	tcp->source = htons(40000);
	tcp->doff = sizeof(*tcp) / 4;
	tcp->syn = 1;
	tcp->window = htons(1000);
	skb->protocol = htons(ip6 ? ETH_P_IPV6 : ETH_P_IP);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return 0;
}

static __always_inline void put_flow(const struct flow *flow, bool ip6)
{
	if (ip6) {
		ipv6_hdr(skb)->saddr = flow->source;
		ipv6_hdr(skb)->daddr = flow->destination;
	} else {
		ip_hdr(skb)->saddr = flow->source.s6_addr32[0];
		ip_hdr(skb)->daddr = flow->destination.s6_addr32[0];
	}
	tcp_hdr(skb)->dest = flow->port;
}

/* -------------------------------------------------------------------- rounds */

static int okfn(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return 0;
}

static __always_inline bool forward(const struct scene *scene, bool ip6)
{
	return nf_hook(ip6 ? NFPROTO_IPV6 : NFPROTO_IPV4, NF_INET_FORWARD, scene->net, NULL, skb,
		       scene->in, scene->out, okfn) == 1;
}

/* @step: to the next flow; 0 is one flow. Says how many passed. */
static __always_inline unsigned int send_some(struct scene *scene, unsigned int calls,
					      unsigned int step, bool ip6)
{
	unsigned int i, passed = 0, next = scene->next;

	for (i = 0; i < calls; i++) {
		put_flow(&flows.list[next], ip6);
		asm volatile("lfence" : : : "memory");
		passed += forward(scene, ip6);
		next += step;
		if (next >= flows.count)
			next = 0;
	}
	scene->next = next;
	return passed;
}

static u64 cycles(void)
{
	asm volatile("lfence" : : : "memory");
	return __builtin_ia32_rdtsc();
}

static struct span now(void)
{
	struct span now;

	now.cycles = cycles();
	now.nanoseconds = clock_now();
	return now;
}

/* What is between the clock's readings is between the TSC's, too. */
static u64 since(struct span begin)
{
	struct span took;

	took.nanoseconds = clock_now() - begin.nanoseconds;
	took.cycles = cycles() - begin.cycles;
	if ((s64)took.nanoseconds < 0 || (s64)took.cycles < 0)
		clocks.backwards++;
	else if (took.nanoseconds > LONG_ENOUGH &&
		 took.nanoseconds * clocks.best.cycles >= clocks.best.nanoseconds * took.cycles)
		clocks.best = took;
	return took.nanoseconds;
}

/* Who drops the packet frees it: there is a reference for every call. */
static unsigned int send(struct scene *scene, unsigned int calls, unsigned int step, u64 *ret_time)
{
	unsigned int passed;
	struct span begin;

	refcount_add(calls, &skb->users);
	skb->dev = scene->in;
	skb->skb_iif = scene->in->ifindex;
	local_bh_disable();
	rcu_read_lock();
	skb_dst_set_noref(skb, scene->dst);
	begin = now();
	passed = flows.ip6 ? send_some(scene, calls, step, true) :
			     send_some(scene, calls, step, false);
	*ret_time = since(begin);
	skb_dst_drop(skb);
	rcu_read_unlock();
	local_bh_enable();
	if (passed)
		WARN_ON_ONCE(refcount_sub_and_test(passed, &skb->users));
	return passed;
}

/* As many calls as a round has time for; what they look up is warm then. */
static void calibrate(struct scene *scene, unsigned int step)
{
	u64 time;

	send(scene, CALLS_MIN, step, &time);
	send(scene, CALLS_MIN, step, &time);
	scene->calls = clamp_t(u64, div64_u64((u64)ROUND * CALLS_MIN, time + 1), CALLS_MIN, CALLS);
}

/* Begins where others have had the caches: an eighth more, of which no time is taken. */
static int measure_round(struct scene *scene, unsigned int step, u64 *ret)
{
	u64 time;

	send(scene, scene->calls / 8, step, &time);
	if (send(scene, scene->calls, step, &time) != scene->calls)
		return -EPERM;
	*ret = div_u64(time * 100, scene->calls);
	return 0;
}

static int measure_rounds(unsigned int step)
{
	unsigned int i, round;
	int err;

	for (i = 0; i < scene_count; i++) {
		scenes[i].next = 0;
		calibrate(&scenes[i], step);
	}
	for (round = 0; round < round_count; round++) {
		for (i = 0; i < scene_count; i++) {
			err = measure_round(&scenes[i], step, &scenes[i].rounds[round]);
			if (err)
				return err;
			cond_resched();
		}
	}
	return 0;
}

static int measure(const char *what, unsigned int rounds)
{
	bool many = !strcmp(what, "many");
	u64 begin, began;
	int err;

	memset(&clocks, 0, sizeof(clocks));
	if ((!many && strcmp(what, "one")) || !rounds || rounds > ROUNDS || !scene_count)
		return -EINVAL;
	round_count = rounds;
	began = ktime_get_ns();
	begin = cycles();
	err = measure_rounds(many);
	clocks.all.cycles = cycles() - begin;
	clocks.all.nanoseconds = ktime_get_ns() - began;
	return err;
}

/* -------------------------------------------------------------------- scenes */

static unsigned int nothing(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

static const struct nf_hook_ops bare[] = {
	{ .hook = nothing, .pf = NFPROTO_IPV4, .hooknum = NF_INET_FORWARD },
	{ .hook = nothing, .pf = NFPROTO_IPV6, .hooknum = NF_INET_FORWARD },
};

static int scene_bare(struct scene *scene)
{
	int err = -ENOMEM;

	scene->bare = kmemdup(bare, sizeof(bare), GFP_KERNEL);
	if (scene->bare)
		err = nf_register_net_hooks(scene->net, scene->bare, ARRAY_SIZE(bare));
	if (err) {
		kfree(scene->bare);
		scene->bare = NULL;
	}
	return err;
}

static struct dst_entry *route(struct scene *scene)
{
	const struct flow *flow = &flows.list[0];

	if (flows.ip6) {
		struct flowi6 fl6 = { .daddr = flow->destination,
				      .flowi6_oif = scene->out->ifindex };

		return ip6_route_output(scene->net, NULL, &fl6);
	} else {
		struct flowi4 fl4 = { .daddr = flow->destination.s6_addr32[0],
				      .flowi4_oif = scene->out->ifindex };
		struct rtable *rt = ip_route_output_key(scene->net, &fl4);

		return IS_ERR(rt) ? ERR_CAST(rt) : &rt->dst;
	}
}

static void scene_clean(struct scene *scene)
{
	if (scene->bare)
		nf_unregister_net_hooks(scene->net, scene->bare, ARRAY_SIZE(bare));
	kfree(scene->bare);
	if (!IS_ERR_OR_NULL(scene->dst))
		dst_release(scene->dst);
	if (scene->in)
		dev_put(scene->in);
	if (scene->out)
		dev_put(scene->out);
	put_net(scene->net);
	memset(scene, 0, sizeof(*scene));
}

static int scene_init(struct scene *scene, const char *name, bool with_bare)
{
	strscpy(scene->name, name, sizeof(scene->name));
	scene->net = get_net(current->nsproxy->net_ns);
	scene->in = dev_get_by_name(scene->net, "wg0");
	scene->out = dev_get_by_name(scene->net, "dummy0");
	if (!scene->in || !scene->out)
		return -ENODEV;
	scene->dst = route(scene);
	if (IS_ERR(scene->dst))
		return PTR_ERR(scene->dst);
	if (scene->dst->error)
		return scene->dst->error;
	return with_bare ? scene_bare(scene) : 0;
}

static int add(const char *name, bool with_bare)
{
	int err;

	if (!flows.count || scene_count == SCENES)
		return -ENOSPC;
	err = scene_init(&scenes[scene_count], name, with_bare);
	if (err)
		scene_clean(&scenes[scene_count]);
	else
		scene_count++;
	return err;
}

static void drop(void)
{
	while (scene_count)
		scene_clean(&scenes[--scene_count]);
}

static struct scene *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < scene_count; i++)
		if (!strcmp(scenes[i].name, name))
			return &scenes[i];
	return NULL;
}

/* How many of all flows' packets pass; to @port instead of theirs, where it is not 0. */
static unsigned int passes(struct scene *scene, u16 port)
{
	unsigned int i, passed = 0;
	struct flow flow;
	u64 time;

	for (i = 0; i < flows.count; i++) {
		flow = flows.list[i];
		if (port)
			flows.list[i].port = htons(port);
		scene->next = i;
		passed += send(scene, 1, 0, &time);
		flows.list[i] = flow;
		if (i % 64 == 0)
			cond_resched();
	}
	return passed;
}

static int check(struct scene *scene)
{
	if (!scene)
		return -ENOENT;
	if (passes(scene, 0) != flows.count)
		return -EPERM;
	return passes(scene, 1) ? -ENOKEY : 0;
}

/* ------------------------------------------------------------------- control */

static int set_flows(const char *path)
{
	if (scene_count)	/* their routes are those flows' */
		return -EBUSY;
	return flows_load(&flows, path, "tcp") ?: make_packet(flows.ip6);
}

static int control_set(const char *text, const struct kernel_param *param)
{
	char word[12], argument[200] = "", more[16] = "";
	unsigned int rounds;

	if (sscanf(text, "%11s %199s %15s", word, argument, more) < 1)
		return -EINVAL;
	if (!strcmp(word, "flows"))
		return set_flows(argument);
	if (!strcmp(word, "add") && *argument)
		return add(argument, !strcmp(more, "bare"));
	if (!strcmp(word, "check"))
		return check(find(argument));
	if (!strcmp(word, "measure"))
		return kstrtouint(more, 10, &rounds) ?: measure(argument, rounds);
	if (strcmp(word, "drop"))
		return -EINVAL;
	drop();
	return 0;
}

static const struct kernel_param_ops control = { .set = control_set };

module_param_cb(control, &control, NULL, 0200);

/* Of best, at the rate of all: cycles in a microsecond. */
static u64 permille(void)
{
	u64 rate = div64_u64(clocks.all.cycles * 1000, clocks.all.nanoseconds ?: 1);

	return div64_u64(clocks.best.nanoseconds * rate, clocks.best.cycles ?: 1);
}

static int show(struct seq_file *to, void *unused)
{
	unsigned int i, round;

	seq_printf(to, "clock %llu %llu\n", permille(), clocks.backwards);
	for (i = 0; i < scene_count; i++) {
		seq_printf(to, "%s %u", scenes[i].name, scenes[i].calls);
		for (round = 0; round < round_count; round++)
			seq_printf(to, " %llu", scenes[i].rounds[round]);
		seq_putc(to, '\n');
	}
	return 0;
}

static int __init spread_init(void)
{
	return proc_create_single("spread", 0400, NULL, show) ? 0 : -ENOMEM;
}

static void __exit spread_exit(void)
{
	remove_proc_entry("spread", NULL);
	drop();
	kfree_skb(skb);
	flows_free(&flows);
}

module_init(spread_init);
module_exit(spread_exit);

MODULE_DESCRIPTION("What a packet costs in the hooks, caches and all");
MODULE_LICENSE("GPL");
