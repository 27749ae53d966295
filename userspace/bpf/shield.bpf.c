// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Drops what floods a WireGuard port before the stack spends anything on it.
 * It only drops, and only what goes to that port: whatever is not understood
 * here passes, and meets everything that it would have met without.
 *
 *	Ethernet, up to two VLAN tags, IPv4 (options or not), IPv6, UDP
 *	passes		fragments, IPv6 extension headers, other ports, other tunnels
 *	message		its type and length cannot be WireGuard's: dropped
 *	type 4, data	passes
 *	types 1 to 3	WireGuard keeps all three in one queue of 4096: limited,
 *			by a bucket for each source prefix
 *
 * A source is an IPv4 /24 or an IPv6 /64: who can write one source address
 * into a packet can usually write its neighbours' too, and one host is given a
 * /64 as a rule. Initiations have buckets of their own, so that whoever floods
 * with them in a peer's name does not stop the peer's answers.
 *
 * Sources are remembered in a table that forgets the one unused for longest. A
 * flood may come from sources without number, each of them within its rate:
 * those never seen share one bucket more. Where that is empty a source is
 * noted, and dropped; WireGuard asks again after five seconds and is known
 * then. A second must be between the two.
 *
 * No kernel structure is read: one object serves every kernel with XDP links.
 */
#include <stdbool.h>
#include <stddef.h>

#include <asm/byteorder.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "shield.h"

#define FRAGMENT	0x3fff	/* more to come, or not the first */
#define TAGS		2
#define NOTED_NS	1000000000ull
#define ATTEMPTS	4

/* Of a message: one byte of type and three of zero, little-endian. */
enum { INITIATION = 1, RESPONSE, COOKIE, DATA };
enum { INITIATION_BYTES = 148, RESPONSE_BYTES = 92, COOKIE_BYTES = 64, DATA_BYTES = 32 };

/**
 * struct source - whose messages share a bucket
 * @family: AF_INET or AF_INET6, as ETH_P_*
 * @initiation: or else an answer: type 2 or 3
 * @prefix: the first 24 bits of an IPv4 address, or 64 of an IPv6 address
 */
struct source {
	__u16 family;
	__u16 initiation;
	__u32 prefix[2];
};

/* A bucket is the time when it will be full again: messages move it on. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct source);
	__type(value, __u64);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct shield_counters);
} counters SEC(".maps");

const volatile struct shield_settings settings;
__u64 newcomers;	/* the bucket of sources never seen */

/* ------------------------------------------------------------------ bytes */

struct cursor {
	__u8 *at, *end;
};

static __always_inline void *take(struct cursor *cursor, __u32 bytes)
{
	__u8 *at = cursor->at;

	if (at + bytes > cursor->end)
		return NULL;
	cursor->at = at + bytes;
	return at;
}

/* Host byte order; 0: no Ethernet. */
static __always_inline __u16 take_ether(struct cursor *cursor)
{
	struct ethhdr *ether = take(cursor, sizeof(*ether));
	__u16 type, *tag;
	int i;

	if (!ether)
		return 0;
	type = bpf_ntohs(ether->h_proto);
	for (i = 0; i < TAGS && (type == ETH_P_8021Q || type == ETH_P_8021AD); i++) {
		tag = take(cursor, 2 * sizeof(*tag));
		if (!tag)
			return 0;
		type = bpf_ntohs(tag[1]);
	}
	return type;
}

static __always_inline struct udphdr *take_udp4(struct cursor *cursor, struct source *source)
{
	struct iphdr *ip = take(cursor, sizeof(*ip));

	if (!ip || ip->protocol != IPPROTO_UDP || ip->ihl < 5 ||
	    (ip->frag_off & bpf_htons(FRAGMENT)))
		return NULL;
	if (settings.only4 && ip->daddr != settings.address4)
		return NULL;
	source->prefix[0] = ip->saddr & bpf_htonl(0xffffff00);
	cursor->at = (__u8 *)ip + ip->ihl * 4;	/* as the verifier can follow it */
	return take(cursor, sizeof(struct udphdr));
}

static __always_inline bool is_elsewhere6(const struct in6_addr *address)
{
	int i;

	for (i = 0; i < 16; i++)
		if (address->s6_addr[i] != settings.address6[i])
			return true;
	return false;
}

static __always_inline struct udphdr *take_udp6(struct cursor *cursor, struct source *source)
{
	struct ipv6hdr *ip = take(cursor, sizeof(*ip));

	if (!ip || ip->nexthdr != IPPROTO_UDP)
		return NULL;
	if (settings.only6 && is_elsewhere6(&ip->daddr))
		return NULL;
	source->prefix[0] = ip->saddr.s6_addr32[0];
	source->prefix[1] = ip->saddr.s6_addr32[1];
	return take(cursor, sizeof(struct udphdr));
}

static __always_inline struct udphdr *take_udp(struct cursor *cursor, struct source *source)
{
	source->family = take_ether(cursor);
	if (source->family == ETH_P_IP)
		return take_udp4(cursor, source);
	if (source->family == ETH_P_IPV6)
		return take_udp6(cursor, source);
	return NULL;
}

/*
 * As WireGuard has it. Data is padded to 16 bytes, but not past the tunnel's
 * MTU: its length says nothing more.
 */
static __always_inline bool is_sound(__u32 type, int bytes)
{
	switch (type) {
	case INITIATION:
		return bytes == INITIATION_BYTES;
	case RESPONSE:
		return bytes == RESPONSE_BYTES;
	case COOKIE:
		return bytes == COOKIE_BYTES;
	default:
		return type == DATA && bytes >= DATA_BYTES;
	}
}

/* ---------------------------------------------------------------- buckets */

/* Who loses the race for a bucket that often is one of a flood. */
static __always_inline bool spend(__u64 *bucket, __u64 now, __u64 step, __u64 slack)
{
	__u64 full = *(volatile __u64 *)bucket, found;
	int i;

	for (i = 0; i < ATTEMPTS; i++) {
		if (full > now + slack)
			return false;
		found = __sync_val_compare_and_swap(bucket, full,
						    (full > now ? full : now) + step);
		if (found == full)
			return true;
		full = found;
	}
	return false;
}

static __always_inline enum shield_outcome meter(const struct source *source)
{
	__u64 *bucket = bpf_map_lookup_elem(&sources, source);
	enum shield_outcome outcome = SHIELD_PASSED;
	__u64 now = bpf_ktime_get_ns(), full;

	if (bucket)
		return spend(bucket, now, settings.step_ns, settings.slack_ns) ?
			SHIELD_PASSED : SHIELD_LIMITED;
	full = now + settings.step_ns;
	if (!spend(&newcomers, now, settings.new_step_ns, settings.new_slack_ns)) {
		full = now + settings.slack_ns + NOTED_NS;
		outcome = SHIELD_POSTPONED;
	}
	bpf_map_update_elem(&sources, source, &full, BPF_NOEXIST);
	return outcome;
}

static __always_inline int finish(enum shield_outcome outcome)
{
	struct shield_counters *all;
	__u32 zero = 0;

	all = bpf_map_lookup_elem(&counters, &zero);
	if (all)
		all->packets[outcome]++;
	return outcome == SHIELD_PASSED ? XDP_PASS : XDP_DROP;
}

SEC("xdp.frags")
int merlon_shield(struct xdp_md *context)
{
	struct cursor cursor = {
		.at = (__u8 *)(long)context->data,
		.end = (__u8 *)(long)context->data_end,
	};
	struct source source = { 0 };
	struct udphdr *udp = take_udp(&cursor, &source);
	__u32 *message, type;

	if (!udp || udp->dest != settings.port)
		return XDP_PASS;
	message = take(&cursor, sizeof(*message));
	if (!message)
		return XDP_PASS;
	type = __le32_to_cpu(*message);
	if (!is_sound(type, bpf_ntohs(udp->len) - (int)sizeof(*udp)))
		return finish(SHIELD_MALFORMED);
	if (type == DATA)
		return XDP_PASS;
	source.initiation = type == INITIATION;
	return finish(meter(&source));
}

const char LICENSE[] SEC("license") = "Dual MIT/GPL";
