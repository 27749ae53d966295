// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "parse.h"

#ifdef __KERNEL__
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/socket.h>
#else
#include <netinet/in.h>
#include <sys/socket.h>
#endif

#define IP4_BYTES		20u
#define IP4_FRAGMENT_OFFSET	0x1fffu
#define IP4_FRAGMENT_MORE	0x2000u
#define IP4_OPTION_END		0
#define IP4_OPTION_NOOP		1
#define IP4_OPTION_LSRR		131
#define IP4_OPTION_SSRR		137

#define IP6_BYTES		40u
#define IP6_FRAGMENT_OFFSET	0xfff8u
#define IP6_FRAGMENT_MORE	0x0001u

/* What an ICMP error quotes of a transport header, at least (RFC 792). */
#define QUOTED_BYTES		8u

static __always_inline u16 be16_at(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

/* Can the bytes up to @end be read? */
static __always_inline u8 reach(const struct merlon_bytes *bytes, u32 end)
{
	if (likely(end <= bytes->have))
		return 0;
	return end <= bytes->whole ? MERLON_PARSE_MORE : MERLON_REASON_HEADER;
}

static void read_ports(const u8 *at, struct merlon_packet *ret)
{
	ret->source_port = be16_at(at);
	ret->selector = be16_at(at + 2);
}

/* @room: bytes from the transport header to the packet's end. */
static u8 read_tcp(const u8 *at, u32 room, struct merlon_packet *ret)
{
	u32 length = (at[12] >> 4) * 4u;

	read_ports(at, ret);
	ret->tcp_flags = at[13];
	return length < 20 || length > room ? MERLON_REASON_HEADER : 0;
}

static u8 read_udp(const u8 *at, u32 room, struct merlon_packet *ret)
{
	u32 length = be16_at(at + 4);

	read_ports(at, ret);
	return length < 8 || length > room ? MERLON_REASON_HEADER : 0;
}

/* UDP-Lite has a checksum coverage where UDP has a length; 0 is all. */
static u8 read_udplite(const u8 *at, u32 room, struct merlon_packet *ret)
{
	u32 coverage = be16_at(at + 4);

	read_ports(at, ret);
	return coverage && (coverage < 8 || coverage > room) ? MERLON_REASON_HEADER : 0;
}

static u8 read_dccp(const u8 *at, u32 room, struct merlon_packet *ret)
{
	u32 length = at[4] * 4u;

	read_ports(at, ret);
	return length < 12 || length > room ? MERLON_REASON_HEADER : 0;
}

/* Redirect and source quench stand for themselves: they are not listed. */
static bool icmp_is_error(u8 family, u8 protocol, u8 type)
{
	if (family == AF_INET)
		return protocol == IPPROTO_ICMP &&
		       (type == 3 || type == 11 || type == 12);
	return protocol == IPPROTO_ICMPV6 && type >= 1 && type <= 4;
}

static u8 read_icmp(const u8 *at, struct merlon_packet *ret)
{
	ret->selector = at[0];
	ret->icmp_id = be16_at(at + 4);
	ret->icmp_error = icmp_is_error(ret->family, ret->protocol, at[0]);
	return 0;
}

/* The shortest header of a protocol; 0: nothing in it is of interest. */
static u32 transport_bytes(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 12;
	default:
		return 0;
	}
}

/* At least transport_bytes() are at @at. */
static u8 read_transport(const u8 *at, u32 room, struct merlon_packet *ret)
{
	switch (ret->protocol) {
	case IPPROTO_TCP:
		return read_tcp(at, room, ret);
	case IPPROTO_UDP:
		return read_udp(at, room, ret);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return read_icmp(at, ret);
	case IPPROTO_SCTP:
		read_ports(at, ret);
		return 0;
	case IPPROTO_DCCP:
		return read_dccp(at, room, ret);
	case IPPROTO_UDPLITE:
		return read_udplite(at, room, ret);
	default:
		return 0;
	}
}

/* A quoted header may end after eight bytes, and its lengths speak of more. */
static u8 quoted_transport(const struct merlon_bytes *bytes, struct merlon_packet *ret)
{
	const u8 *at = bytes->at + ret->transport;
	u8 fault;

	if (!transport_bytes(ret->protocol))
		return 0;
	fault = reach(bytes, ret->transport + QUOTED_BYTES);
	if (fault)
		return fault;
	if (ret->protocol == IPPROTO_ICMP || ret->protocol == IPPROTO_ICMPV6)
		return read_icmp(at, ret);
	read_ports(at, ret);
	if (ret->protocol == IPPROTO_TCP && ret->transport + 14u <= bytes->have)
		ret->tcp_flags = at[13];
	return 0;
}

/* @end: of the packet, as its IP header has it. */
static u8 transport(const struct merlon_bytes *bytes, u32 end, struct merlon_packet *ret)
{
	u32 last = ret->transport + transport_bytes(ret->protocol);
	u8 fault;

	if (unlikely(bytes->quoted))
		return quoted_transport(bytes, ret);
	if (unlikely(last > end))
		return MERLON_REASON_HEADER;
	fault = reach(bytes, last);
	if (unlikely(fault))
		return fault;
	return read_transport(bytes->at + ret->transport, end - ret->transport, ret);
}

/* Source routing sends a packet elsewhere than its destination says: refused. */
static u8 options4(const u8 *at, u32 header)
{
	u32 i = IP4_BYTES;

	while (i < header && at[i] != IP4_OPTION_END) {
		if (at[i] == IP4_OPTION_LSRR || at[i] == IP4_OPTION_SSRR)
			return MERLON_REASON_HEADER;
		if (at[i] == IP4_OPTION_NOOP) {
			i++;
			continue;
		}
		if (i + 1 == header || at[i + 1] < 2 || at[i + 1] > header - i)
			return MERLON_REASON_HEADER;
		i += at[i + 1];
	}
	return 0;
}

/* The packet's end by its own word: it must fit what there is, and hold the header. */
static u8 end4(const struct merlon_bytes *bytes, u32 header, u32 *ret)
{
	u32 total = be16_at(bytes->at + 2);

	if (unlikely(!total && bytes->super))
		total = bytes->whole;
	if (total < header || (total > bytes->whole && !bytes->quoted))
		return MERLON_REASON_HEADER;
	*ret = total;
	return 0;
}

static u8 fragment4(const struct merlon_bytes *bytes)
{
	u16 field = be16_at(bytes->at + 6);
	u16 refused = IP4_FRAGMENT_OFFSET | IP4_FRAGMENT_MORE;

	if (bytes->quoted)
		refused = IP4_FRAGMENT_OFFSET;
	return field & refused ? MERLON_REASON_FRAGMENT : 0;
}

static u8 parse4(const struct merlon_bytes *bytes, struct merlon_packet *ret)
{
	const u8 *at = bytes->at;
	u32 header, end;
	u8 fault;

	fault = reach(bytes, IP4_BYTES);
	if (fault)
		return fault;
	header = (at[0] & 15) * 4u;
	if (at[0] >> 4 != 4 || header < IP4_BYTES)
		return MERLON_REASON_HEADER;
	memcpy(ret->source, at + 12, 4);
	memcpy(ret->destination, at + 16, 4);
	ret->protocol = at[9];
	ret->transport = header;
	fault = end4(bytes, header, &end);
	if (!fault)
		fault = reach(bytes, header);
	if (!fault && unlikely(header > IP4_BYTES))
		fault = options4(at, header);
	if (!fault)
		fault = fragment4(bytes);
	return fault ? fault : transport(bytes, end, ret);
}

/* Length of the extension header @next that starts with @at; 0: it is none. */
static u32 extension_bytes(u8 next, const u8 *at)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return at[1] * 8u + 8;
	case IPPROTO_AH:
		return at[1] * 4u + 8;
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

static bool is_extension(u8 next)
{
	const u64 extensions = 1ull << IPPROTO_HOPOPTS | 1ull << IPPROTO_ROUTING |
			       1ull << IPPROTO_FRAGMENT | 1ull << IPPROTO_AH |
			       1ull << IPPROTO_DSTOPTS;

	return next < 64 && extensions >> next & 1;
}

/* An atomic fragment is whole; what else has this header is not. */
static u8 fragment6(const struct merlon_bytes *bytes, const u8 *at)
{
	u16 refused = IP6_FRAGMENT_OFFSET | IP6_FRAGMENT_MORE;

	if (bytes->quoted)
		refused = IP6_FRAGMENT_OFFSET;
	return be16_at(at + 2) & refused ? MERLON_REASON_FRAGMENT : 0;
}

/* Step over the extension header at @ret->transport, to what follows it. */
static u8 step6(const struct merlon_bytes *bytes, u32 end, struct merlon_packet *ret)
{
	const u8 *at = bytes->at + ret->transport;
	u32 length;
	u8 fault;

	if (ret->transport + 8u > end)
		return MERLON_REASON_HEADER;
	fault = reach(bytes, ret->transport + 8u);
	if (fault)
		return fault;
	if (ret->protocol == IPPROTO_FRAGMENT) {
		fault = fragment6(bytes, at);
		if (fault)
			return fault;
	}
	/* Segments left: sent elsewhere than its destination says, as above. */
	if (ret->protocol == IPPROTO_ROUTING && at[3] && !bytes->quoted)
		return MERLON_REASON_HEADER;
	length = extension_bytes(ret->protocol, at);
	if (length > end - ret->transport)
		return MERLON_REASON_HEADER;
	ret->protocol = at[0];
	ret->transport += length;
	/* Hop-by-hop options stand first or nowhere. */
	return ret->protocol == IPPROTO_HOPOPTS ? MERLON_REASON_HEADER : 0;
}

/* The packet's end by its own word; of a quoted one, of what there is. */
static u32 end6(const struct merlon_bytes *bytes)
{
	u32 payload = be16_at(bytes->at + 4);

	if (unlikely(bytes->quoted || (!payload && bytes->super)))
		return bytes->whole;
	return IP6_BYTES + payload;
}

static u8 parse6(const struct merlon_bytes *bytes, struct merlon_packet *ret)
{
	u32 i, end;
	u8 fault;

	fault = reach(bytes, IP6_BYTES);
	if (fault)
		return fault;
	if (bytes->at[0] >> 4 != 6)
		return MERLON_REASON_HEADER;
	memcpy(ret->source, bytes->at + 8, 16);
	memcpy(ret->destination, bytes->at + 24, 16);
	ret->protocol = bytes->at[6];
	ret->transport = IP6_BYTES;
	end = end6(bytes);
	if (end > bytes->whole)
		return MERLON_REASON_HEADER;
	for (i = 0; unlikely(is_extension(ret->protocol)); i++) {
		fault = i < MERLON_PARSE_EXTENSIONS ? step6(bytes, end, ret) :
						      MERLON_REASON_HEADER;
		if (fault)
			return fault;
	}
	return transport(bytes, end, ret);
}

u8 merlon_parse(u8 family, const struct merlon_bytes *bytes, struct merlon_packet *ret)
{
	*ret = (struct merlon_packet) { .family = family };
	return family == AF_INET ? parse4(bytes, ret) : parse6(bytes, ret);
}
