// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A peer of Merlon's: the scheme of policy engines that are made of eBPF, as small as
 * it can be. An LPM trie makes an identity of each address, and a hash map knows which
 * identities may talk, by protocol and port. For a device without link header.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "peer.h"

#define PASSES	0	/* TC_ACT_OK */
#define DROPPED	2	/* TC_ACT_SHOT */

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct peer_prefix);
	__type(value, __u32);
} identities SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct peer_flow);
	__type(value, __u64);
} allowed SEC(".maps");

static __always_inline __u32 identity4(__u32 address)
{
	struct peer_prefix prefix = { .length = 32, .address = { address } };
	__u32 *identity = bpf_map_lookup_elem(&identities, &prefix);

	return identity ? *identity : 0;
}

static __always_inline __u32 identity6(const struct in6_addr *address)
{
	struct peer_prefix prefix = { .length = 128 };
	__u32 *identity;

	__builtin_memcpy(prefix.address, address, sizeof(prefix.address));
	identity = bpf_map_lookup_elem(&identities, &prefix);
	return identity ? *identity : 0;
}

/* The number of packets is the value, as Merlon counts, too. */
static __always_inline int judge(struct peer_flow *flow, void *ports, void *end)
{
	struct udphdr *udp = ports;	/* TCP's ports are in the same place */
	__u64 *packets;

	if ((flow->protocol != IPPROTO_TCP && flow->protocol != IPPROTO_UDP) ||
	    ports + sizeof(*udp) > end)
		return DROPPED;
	flow->port = udp->dest;
	packets = bpf_map_lookup_elem(&allowed, flow);
	if (!packets)
		return DROPPED;
	__sync_fetch_and_add(packets, 1);
	return PASSES;
}

static __always_inline int judge4(void *at, void *end)
{
	struct peer_flow flow = { 0 };
	struct iphdr *ip = at;

	if (at + sizeof(*ip) > end || ip->ihl != 5)
		return DROPPED;
	flow.protocol = ip->protocol;
	flow.source = identity4(ip->saddr);
	flow.destination = identity4(ip->daddr);
	return judge(&flow, at + sizeof(*ip), end);
}

static __always_inline int judge6(void *at, void *end)
{
	struct peer_flow flow = { 0 };
	struct ipv6hdr *ip = at;

	if (at + sizeof(*ip) > end)
		return DROPPED;
	flow.protocol = ip->nexthdr;
	flow.source = identity6(&ip->saddr);
	flow.destination = identity6(&ip->daddr);
	return judge(&flow, at + sizeof(*ip), end);
}

SEC("tc")
int peer(struct __sk_buff *context)
{
	void *at = (void *)(long)context->data, *end = (void *)(long)context->data_end;

	if (context->protocol == bpf_htons(ETH_P_IP))
		return judge4(at, end);
	if (context->protocol == bpf_htons(ETH_P_IPV6))
		return judge6(at, end);
	return DROPPED;
}

const char LICENSE[] SEC("license") = "Dual MIT/GPL";
