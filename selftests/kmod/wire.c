// SPDX-License-Identifier: GPL-2.0
/*
 * wire: what a node pays for a packet, received to sent, in instructions, where the
 * guest's clock counts those (selftests/vm/run --icount), or, in user-mode Linux
 * (bench/um/run), in the processor's time. For tests, in guests.
 *
 * Two wires, whose ends are network devices, to be moved where they belong:
 *
 *	[peers] peer0 --- under0 [the node] lan0 --- far0 [services]
 *
 * They carry frames, as veth does. Those that are measured are put into the node by one
 * of its two ends, and end at the other one, where time is taken: the node's part alone
 * is in it, of all that happens between the first one's receiving and the last one's
 * sending, in whatever context. Nothing is idle there, and there is one processor.
 *
 * Write WAY SOURCE DESTINATION PROTOCOL PORT PORT BYTES COUNT to
 * /sys/module/wire/parameters/measure, and read what one packet costs in hundredths of a
 * nanosecond there; the cheapest round counts. What every round took, and whether the
 * packets passed, is in samples: "passed 9206 9204 …". WAY:
 *   in         wg0, beside peer0, is given COUNT packets, and seals them; they are held
 *              at the wire, and then given to the node at once; they leave by lan0
 *   out        they come by lan0, and leave by under0, sealed
 *   plain-in   from under0 to lan0, without a tunnel
 *   plain-out  from lan0 to under0, without a tunnel
 * "keep" before all that makes the packets, and holds them; "give" gives them to the node,
 * and how many of them passed is in passed.
 *
 * In place of SOURCE DESTINATION PROTOCOL PORT PORT: "many PORT" are UDP packets from that
 * port, of all UDP rules of the policy whose path is in flows, in random order.
 * rounds: how many, 24 or less. measured: how many measurements there were; each, and each
 * round of it, is marked for who counts instructions from outside (mark.h).
 *
 * PROTOCOL: udp, ack (TCP). BYTES: of the IP packet. More than 1500 are one super-packet
 * of TCP (GSO), of segments of 1392 bytes; what is divided by is segments then.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/inet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "clock.h"
#include "flows.h"
#include "mark.h"

#define ROUNDS		24	/* at most, of which the cheapest counts; the first ones warm up */
#define COUNT_MAX	512	/* WireGuard queues 1024 */
#define SEGMENT		1392	/* bytes of IP */
#define SEALED		4	/* WireGuard's message that carries data */
#define SEALED_NOTHING	32	/* bytes of such a message that keeps alive */

enum { PEER, UNDER, LAN, FAR, ENDS };
static const char * const names[ENDS] = { "peer0", "under0", "lan0", "far0" };
static struct net_device *ends[ENDS];

struct trip {
	u8 family;		/* AF_* */
	u8 protocol;
	u16 source_port, port;
	struct in6_addr source, destination;	/* IPv4: the first word */
	unsigned int bytes, count;
	unsigned int segments;			/* of one */
	bool many;				/* flows; source_port is one for all */
};

static struct flows flows;
static unsigned int next_flow;
static unsigned int rounds = ROUNDS;
module_param(rounds, uint, 0600);
static unsigned int measured;
module_param(measured, uint, 0400);

/*
 * What ends at @last is counted, and goes no further; what comes to @hold is kept.
 * Written while nothing is under way.
 */
static struct {
	struct net_device *last, *hold;
	struct trip trip;
	bool sealed;			/* what ends at @last */
	unsigned int wanted, seen;
	u64 end;
	struct completion done;
	struct sk_buff_head held;
} run;

static struct {
	u64 rounds[ROUNDS];	/* hundredths of a nanosecond, each */
	unsigned int count;
	u64 best;
	bool passed;
} result;

/* ---------------------------------------------------------------------- wires */

/* What is behind the IP header, and what it is; @skb is one that is being sent. */
static const struct udphdr *behind_ip(const struct sk_buff *skb, u8 *protocol)
{
	const struct iphdr *ip = ip_hdr(skb);

	if (skb->protocol == htons(ETH_P_IP)) {
		*protocol = ip->protocol;
		return (const void *)ip + ip->ihl * 4;
	}
	*protocol = ipv6_hdr(skb)->nexthdr;
	return (const void *)(ipv6_hdr(skb) + 1);
}

static bool is_ip(const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_IP) || skb->protocol == htons(ETH_P_IPV6);
}

static bool is_sealed(const struct sk_buff *skb)
{
	const struct udphdr *udp;
	u8 protocol;

	if (!is_ip(skb))
		return false;
	udp = behind_ip(skb, &protocol);
	return protocol == IPPROTO_UDP && *(const u8 *)(udp + 1) == SEALED &&
	       ntohs(udp->len) > sizeof(*udp) + SEALED_NOTHING;
}

static bool is_measured(const struct sk_buff *skb)
{
	const struct udphdr *udp;
	u8 protocol;

	if (run.sealed)
		return is_sealed(skb);
	if (!is_ip(skb))
		return false;
	udp = behind_ip(skb, &protocol);
	if (protocol != run.trip.protocol)
		return false;
	return run.trip.many ? udp->source == htons(run.trip.source_port) :
			       udp->dest == htons(run.trip.port);
}

static void arrive(struct sk_buff *skb)
{
	run.end = clock_now();
	run.seen += skb_is_gso(skb) ? skb_shinfo(skb)->gso_segs : 1;
	if (run.seen == run.wanted)
		mark(MARK_END);
	dev_kfree_skb_any(skb);
	if (run.seen == run.wanted)
		complete(&run.done);
}

static void keep(struct sk_buff *skb)
{
	skb_orphan(skb);
	skb_scrub_packet(skb, true);
	skb_queue_tail(&run.held, skb);
	if (skb_queue_len(&run.held) == run.wanted)
		complete(&run.done);
}

static void carry(struct sk_buff *skb, struct net_device *to)
{
	skb_orphan(skb);
	skb_scrub_packet(skb, true);
	skb->protocol = eth_type_trans(skb, to);
	netif_rx(skb);
}

static netdev_tx_t wire_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct net_device **other = netdev_priv(dev);

	if (dev == READ_ONCE(run.last) && is_measured(skb))
		arrive(skb);
	else if (dev == READ_ONCE(run.hold) && is_sealed(skb))
		keep(skb);
	else
		carry(skb, *other);
	return NETDEV_TX_OK;
}

static const struct net_device_ops wire_ops = {
	.ndo_start_xmit = wire_xmit,
	.ndo_set_mac_address = eth_mac_addr,
};

/* -------------------------------------------------------------------- packets */

static unsigned int ip_bytes(const struct trip *trip)
{
	return trip->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static unsigned int header_bytes(const struct trip *trip)
{
	return trip->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
}

static void put_ip4(struct sk_buff *skb, const struct trip *trip)
{
	struct iphdr *ip = skb_put_zero(skb, sizeof(*ip));

	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->frag_off = htons(IP_DF);
	ip->protocol = trip->protocol;
	ip->saddr = trip->source.s6_addr32[0];
	ip->daddr = trip->destination.s6_addr32[0];
	ip->tot_len = htons(trip->bytes);
	ip_send_check(ip);
	skb->protocol = htons(ETH_P_IP);
}

static void put_ip6(struct sk_buff *skb, const struct trip *trip)
{
	struct ipv6hdr *ip = skb_put_zero(skb, sizeof(*ip));

	ip->version = 6;
	ip->hop_limit = 64;
	ip->nexthdr = trip->protocol;
	ip->saddr = trip->source;
	ip->daddr = trip->destination;
	ip->payload_len = htons(trip->bytes - sizeof(*ip));
	skb->protocol = htons(ETH_P_IPV6);
}

/* The ports of both are in one place. */
static void put_ports(struct sk_buff *skb, const struct trip *trip)
{
	struct tcphdr *tcp = skb_put_zero(skb, header_bytes(trip));
	struct udphdr *udp = (struct udphdr *)tcp;

	udp->source = htons(trip->source_port);
	udp->dest = htons(trip->port);
	if (trip->protocol == IPPROTO_UDP) {
		udp->len = htons(trip->bytes - ip_bytes(trip));
		return;
	}
	tcp->doff = sizeof(*tcp) / 4;
	tcp->ack = 1;
	tcp->seq = htonl(1);
	tcp->ack_seq = htonl(1);
	tcp->window = htons(60000);
}

/* As a card that merges, or sends, segments: what is behind the headers is in pages. */
static int put_pages(struct sk_buff *skb, const struct trip *trip, unsigned int bytes)
{
	int i;

	for (i = 0; bytes; i++) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		unsigned int some = min_t(unsigned int, bytes, PAGE_SIZE);

		if (!page)
			return -ENOMEM;
		skb_add_rx_frag(skb, i, page, 0, some, PAGE_SIZE);
		bytes -= some;
	}
	skb_shinfo(skb)->gso_type = trip->family == AF_INET ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6;
	skb_shinfo(skb)->gso_size = SEGMENT - ip_bytes(trip) - header_bytes(trip);
	skb_shinfo(skb)->gso_segs = trip->segments;
	return 0;
}

static __sum16 pseudo(const struct trip *trip, unsigned int bytes, __wsum sum)
{
	if (trip->family == AF_INET)
		return csum_tcpudp_magic(trip->source.s6_addr32[0], trip->destination.s6_addr32[0],
					 bytes, trip->protocol, sum);
	return csum_ipv6_magic(&trip->source, &trip->destination, bytes, trip->protocol, sum);
}

static void put_checksum(struct sk_buff *skb, const struct trip *trip)
{
	unsigned int bytes = trip->bytes - ip_bytes(trip);
	__sum16 *check = trip->protocol == IPPROTO_TCP ? &tcp_hdr(skb)->check :
							 &udp_hdr(skb)->check;

	if (trip->segments > 1) {
		*check = ~pseudo(trip, bytes, 0);
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb_transport_header(skb) - skb->head;
		skb->csum_offset = offsetof(struct tcphdr, check);
		return;
	}
	*check = pseudo(trip, bytes, csum_partial(skb_transport_header(skb), bytes, 0));
	skb->ip_summed = CHECKSUM_UNNECESSARY;
}

/* The next of many. */
static void take_flow(struct trip *trip)
{
	const struct flow *flow = &flows.list[next_flow++ % flows.count];

	trip->source = flow->source;
	trip->destination = flow->destination;
	trip->port = ntohs(flow->port);
}

/* From the IP header on; room in front of it for what a tunnel puts there. */
static struct sk_buff *packet(struct trip *trip)
{
	unsigned int payload = trip->bytes - ip_bytes(trip) - header_bytes(trip);
	bool paged = trip->segments > 1;
	struct sk_buff *skb = alloc_skb(256 + (paged ? 0 : SEGMENT), GFP_KERNEL);

	if (!skb)
		return NULL;
	if (trip->many)
		take_flow(trip);
	skb_reserve(skb, 128);
	skb_reset_network_header(skb);
	if (trip->family == AF_INET)
		put_ip4(skb, trip);
	else
		put_ip6(skb, trip);
	skb_set_transport_header(skb, skb->len);
	put_ports(skb, trip);
	if (!paged) {
		skb_put_zero(skb, payload);
	} else if (put_pages(skb, trip, payload)) {
		kfree_skb(skb);
		return NULL;
	}
	put_checksum(skb, trip);
	return skb;
}

/* As they come from a wire: with a link header, which eth_type_trans() reads. */
static int make_plain(struct net_device *dev)
{
	unsigned int i;

	for (i = 0; i < run.trip.count; i++) {
		struct sk_buff *skb = packet(&run.trip);

		if (!skb)
			return -ENOMEM;
		eth_header(skb, dev, ntohs(skb->protocol), dev->dev_addr, dev->dev_addr, 0);
		skb_queue_tail(&run.held, skb);
	}
	return 0;
}

/* As wg0 seals them. */
static int send_to_tunnel(struct net_device *tunnel)
{
	unsigned int i;

	for (i = 0; i < run.trip.count; i++) {
		struct sk_buff *skb = packet(&run.trip);

		if (!skb)
			return -ENOMEM;
		skb->dev = tunnel;
		dev_queue_xmit(skb);
	}
	return 0;
}

static int make_sealed(void)
{
	struct net_device *tunnel = dev_get_by_name(dev_net(ends[PEER]), "wg0");
	int err;

	if (!tunnel)
		return -ENODEV;
	run.wanted = run.trip.count * run.trip.segments;
	reinit_completion(&run.done);
	WRITE_ONCE(run.hold, ends[PEER]);
	err = send_to_tunnel(tunnel);
	if (!err && !wait_for_completion_timeout(&run.done, HZ))
		err = -ETIMEDOUT;
	WRITE_ONCE(run.hold, NULL);
	dev_put(tunnel);
	return err;
}

/* --------------------------------------------------------------------- rounds */

static u64 give(struct net_device *dev)
{
	struct sk_buff *skb;
	u64 begin;

	local_bh_disable();
	mark(MARK_BEGIN);
	begin = clock_now();
	while ((skb = __skb_dequeue(&run.held))) {
		skb->protocol = eth_type_trans(skb, dev);
		netif_receive_skb(skb);
	}
	local_bh_enable();
	return begin;
}

static const struct way {
	const char *name;
	int in, out;
	bool sealed_in, sealed_out;
} ways[] = {
	{ "in", UNDER, LAN, true, false }, { "out", LAN, UNDER, false, true },
	{ "plain-in", UNDER, LAN, false, false }, { "plain-out", LAN, UNDER, false, false },
};

static int make(const struct way *way)
{
	return way->sealed_in ? make_sealed() : make_plain(ends[way->in]);
}

/* Instructions for all that were made; 0 where none arrived. */
static u64 deliver(const struct way *way)
{
	u64 begin;

	reinit_completion(&run.done);
	run.sealed = way->sealed_out;
	run.wanted = run.trip.count * run.trip.segments;
	run.seen = 0;
	WRITE_ONCE(run.last, ends[way->out]);
	begin = give(ends[way->in]);
	wait_for_completion_timeout(&run.done, HZ / 4);
	WRITE_ONCE(run.last, NULL);
	skb_queue_purge(&run.held);
	return run.seen ? run.end - begin : 0;
}

static int one_round(const struct way *way, u64 *ret)
{
	int err = make(way);

	if (!err) {
		msleep(20);	/* whatever else is under way */
		*ret = deliver(way);
		err = run.seen && run.seen != run.wanted ? -EAGAIN : 0;
	}
	skb_queue_purge(&run.held);
	return err;
}

static int warm_up(const struct way *way)
{
	int i, err = 0;
	u64 time = 0;

	for (i = 0; i < 2 && !err; i++) {
		err = one_round(way, &time);
		result.passed = time;
	}
	return err;
}

static int measure_rounds(const struct way *way)
{
	unsigned int i;
	int err = 0;
	u64 time;

	for (i = 0; i < result.count && !err; i++) {
		err = one_round(way, &time);
		if (!err && result.passed != !!time)
			err = -EAGAIN;
		if (err)
			continue;
		result.rounds[i] = div_u64(time * 100, run.wanted);
		result.best = min(result.best, result.rounds[i]);
		if (!time)
			break;
	}
	return err;
}

static int measure_way(const struct way *way)
{
	int err;

	result.best = U64_MAX;
	result.count = clamp_t(unsigned int, rounds, 1, ROUNDS);
	err = warm_up(way);
	if (err)
		return err;
	measured++;
	mark(MARK_START);
	err = measure_rounds(way);
	mark(MARK_DONE);
	return err;
}

/* -------------------------------------------------------------------- control */

static int address(struct trip *trip, const char *text, struct in6_addr *to)
{
	bool is4 = !strchr(text, ':');

	trip->family = is4 ? AF_INET : AF_INET6;
	if (is4 ? in4_pton(text, -1, to->s6_addr, -1, NULL) :
		  in6_pton(text, -1, to->s6_addr, -1, NULL))
		return 0;
	return -EINVAL;
}

static int check_trip(struct trip *trip)
{
	unsigned int headers = ip_bytes(trip) + header_bytes(trip);

	trip->segments = 1;
	if (trip->bytes > ETH_DATA_LEN) {
		if (trip->protocol != IPPROTO_TCP || trip->bytes > 16 * PAGE_SIZE)
			return -EINVAL;
		trip->segments = DIV_ROUND_UP(trip->bytes - headers, SEGMENT - headers);
	}
	if (trip->bytes < headers || !trip->count || trip->count * trip->segments > COUNT_MAX)
		return -EINVAL;
	return 0;
}

static int read_trip(const char *text, char *way, struct trip *trip)
{
	char from[48], to[48], protocol[8];
	unsigned int source_port, port;

	trip->many = false;
	if (sscanf(text, "%15s %47s %47s %7s %u %u %u %u", way, from, to, protocol, &source_port,
		   &port, &trip->bytes, &trip->count) != 8)
		return -EINVAL;
	if (strcmp(protocol, "udp") && strcmp(protocol, "ack"))
		return -EINVAL;
	trip->protocol = strcmp(protocol, "udp") ? IPPROTO_TCP : IPPROTO_UDP;
	trip->source_port = source_port;
	trip->port = port;
	return address(trip, from, &trip->source) ?: address(trip, to, &trip->destination) ?:
	       check_trip(trip);
}

static int read_many(const char *text, char *way, struct trip *trip)
{
	unsigned int port;

	memset(trip, 0, sizeof(*trip));
	if (sscanf(text, "%15s many %u %u %u", way, &port, &trip->bytes, &trip->count) != 4)
		return -EINVAL;
	if (!flows.count)
		return -ENOENT;
	trip->many = true;
	trip->family = flows.ip6 ? AF_INET6 : AF_INET;
	trip->protocol = IPPROTO_UDP;
	trip->source_port = port;
	return check_trip(trip);
}

static const struct way *find_way(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (!strcmp(ways[i].name, name))
			return &ways[i];
	return NULL;
}

/* Whose packets are held. */
static const struct way *kept;

static int give_kept(void)
{
	if (!kept)
		return -ENOENT;
	deliver(kept);
	kept = NULL;
	return 0;
}

static int control_set(const char *text, const struct kernel_param *param)
{
	bool keeps = !strncmp(text, "keep ", 5);
	const struct way *way;
	char name[16];
	int err;

	if (sysfs_streq(text, "give"))
		return give_kept();
	skb_queue_purge(&run.held);
	kept = NULL;
	text += keeps ? 5 : 0;
	err = strstr(text, " many ") ? read_many(text, name, &run.trip) :
				       read_trip(text, name, &run.trip);
	if (err)
		return err;
	way = find_way(name);
	if (!way)
		return -EINVAL;
	if (!keeps)
		return measure_way(way);
	err = make(way);
	if (!err)
		kept = way;
	return err;
}

static int control_get(char *to, const struct kernel_param *param)
{
	return sysfs_emit(to, "%llu\n", result.best);
}

static int samples_get(char *to, const struct kernel_param *param)
{
	unsigned int i;
	int n = sysfs_emit(to, result.passed ? "passed" : "dropped");

	for (i = 0; result.passed && i < result.count; i++)
		n += sysfs_emit_at(to, n, " %llu", result.rounds[i]);
	return n + sysfs_emit_at(to, n, "\n");
}

static int passed_get(char *to, const struct kernel_param *param)
{
	return sysfs_emit(to, "%u\n", run.seen);
}

/* A path. */
static int flows_set(const char *text, const struct kernel_param *param)
{
	char path[200];

	if (sscanf(text, "%199s", path) != 1)
		return -EINVAL;
	return flows_load(&flows, path, "udp");
}

static const struct kernel_param_ops policy = { .set = flows_set };
static const struct kernel_param_ops passed = { .get = passed_get };
static const struct kernel_param_ops control = { .set = control_set, .get = control_get };
static const struct kernel_param_ops samples = { .get = samples_get };

module_param_cb(measure, &control, NULL, 0600);
module_param_cb(samples, &samples, NULL, 0400);
module_param_cb(flows, &policy, NULL, 0200);
module_param_cb(passed, &passed, NULL, 0400);

/* Both ends of a wire have one address: without ARP, a device sends to its own. */
static void setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &wire_ops;
	dev->flags |= IFF_NOARP;
	dev->flags &= ~IFF_MULTICAST;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->features |= NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | NETIF_F_HIGHDMA |
			 NETIF_F_GSO_SOFTWARE;
}

static void remove_ends(void)
{
	int i;

	for (i = 0; i < ENDS; i++) {
		if (!ends[i])
			continue;
		unregister_netdev(ends[i]);
		free_netdev(ends[i]);
	}
}

static int add_end(int i)
{
	static const u8 macs[2][ETH_ALEN] = {
		{ 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 },
	};
	struct net_device *dev;
	int err;

	dev = alloc_netdev(sizeof(struct net_device *), names[i], NET_NAME_USER, setup);
	if (!dev)
		return -ENOMEM;
	eth_hw_addr_set(dev, macs[i / 2]);
	err = register_netdev(dev);
	if (err) {
		free_netdev(dev);
		return err;
	}
	ends[i] = dev;
	return 0;
}

static int __init wire_init(void)
{
	int i, err;

	init_completion(&run.done);
	skb_queue_head_init(&run.held);
	for (i = 0; i < ENDS; i++) {
		err = add_end(i);
		if (err) {
			remove_ends();
			return err;
		}
	}
	for (i = 0; i < ENDS; i++)
		*(struct net_device **)netdev_priv(ends[i]) = ends[i ^ 1];
	return 0;
}

static void __exit wire_exit(void)
{
	remove_ends();
	flows_free(&flows);
}

module_init(wire_init);
module_exit(wire_exit);

MODULE_DESCRIPTION("What a node pays for a packet, received to sent");
MODULE_LICENSE("GPL");
