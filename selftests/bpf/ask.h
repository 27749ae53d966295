/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the tc and the XDP program of selftests/netns/kfunc.sh share: the tuple
 * of a UDP packet without options, and what to make of an answer. Other packets
 * pass unasked; so does a packet about which the kernel knows no answer, for
 * the test to see.
 */
#ifndef ASK_H
#define ASK_H

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

#include <linux/merlon.h>

#include "kfunc.h"

#define MARKER_PORT	9999	/* its answers are not kept */
#define ODD_PORT	9998	/* asked about as of a family that is none */

/* The last answer. */
struct asked {
	__u64 rule;
	__s32 error;
	__u8 action, mode;
	__u16 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct asked);
} last SEC(".maps");

static __always_inline bool read_ip4(struct merlon_question *question, void *at, void *end)
{
	struct iphdr *ip = at;

	if (at + sizeof(*ip) > end || ip->ihl != 5)
		return false;
	question->family = 2;
	question->protocol = ip->protocol;
	__builtin_memcpy(question->source, &ip->saddr, 4);
	__builtin_memcpy(question->destination, &ip->daddr, 4);
	return true;
}

static __always_inline bool read_ip6(struct merlon_question *question, void *at, void *end)
{
	struct ipv6hdr *ip = at;

	if (at + sizeof(*ip) > end)
		return false;
	question->family = 10;
	question->protocol = ip->nexthdr;
	__builtin_memcpy(question->source, &ip->saddr, 16);
	__builtin_memcpy(question->destination, &ip->daddr, 16);
	return true;
}

/* From an Ethernet header to a question. */
static __always_inline bool read_packet(struct merlon_question *question, void *at, void *end)
{
	struct ethhdr *ether = at;
	struct udphdr *udp;
	bool is4;

	if (at + sizeof(*ether) > end)
		return false;
	is4 = ether->h_proto == bpf_htons(ETH_P_IP);
	if (!is4 && ether->h_proto != bpf_htons(ETH_P_IPV6))
		return false;
	at += sizeof(*ether);
	if (is4 ? !read_ip4(question, at, end) : !read_ip6(question, at, end))
		return false;
	udp = at + (is4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	if (question->protocol != IPPROTO_UDP || (void *)(udp + 1) > end)
		return false;
	question->selector = bpf_ntohs(udp->dest);
	if (question->selector == ODD_PORT)
		question->family = 7;
	return true;
}

/* Remembers, and says whether the packet may pass. */
static __always_inline bool conclude(const struct merlon_question *question, int error,
				     const struct merlon_answer *answer)
{
	struct asked asked = {
		.rule = answer->rule, .error = error, .action = answer->action,
		.mode = answer->mode, .port = question->selector,
	};
	__u32 zero = 0;

	if (asked.port != MARKER_PORT)
		bpf_map_update_elem(&last, &zero, &asked, BPF_ANY);
	return error || answer->action == MERLON_ACTION_ALLOW;
}

const char LICENSE[] SEC("license") = "Dual MIT/GPL";

#endif
