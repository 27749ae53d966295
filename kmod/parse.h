/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * From the bytes of an IP packet to a tuple. Pure: it sees linear bytes only,
 * and builds in userspace for unit tests and fuzzers.
 */
#ifndef MERLON_PARSE_H
#define MERLON_PARSE_H

#include "classifier/env.h"
#include <linux/merlon.h>

/*
 * Headers end within this many bytes, or the packet is refused: the longest of
 * IPv4 are 120 bytes; IPv6 extension headers of good faith are far below.
 */
#define MERLON_PARSE_BYTES	256u
#define MERLON_PARSE_EXTENSIONS	8	/* IPv6 extension headers, at most */

/* Not a reason: the headers go on behind the bytes that were given. */
#define MERLON_PARSE_MORE	0xffu

/**
 * struct merlon_bytes - a packet, as far as it is at hand
 * @at: the IP header
 * @have: bytes that can be read at @at
 * @whole: bytes of the packet, >= @have
 * @super: a TCP super-packet, whose IP length is 0 where 16 bits are too few
 * @quoted: in an ICMP error: cut short, and possibly a first fragment
 */
struct merlon_bytes {
	const u8 *at;
	u32 have, whole;
	bool super, quoted;
};

/**
 * struct merlon_packet - what Merlon sees of a packet
 * @family: AF_INET or AF_INET6
 * @protocol: of the transport header (IPv6: behind the extension headers)
 * @tcp_flags: byte 13 of a TCP header, else 0
 * @icmp_error: an ICMP error that passes where the packet that it quotes did
 *	(IPv4: types 3, 11 and 12; IPv6: 1 to 4)
 * @source_port: host byte order, or 0
 * @selector: destination port or ICMP type, host byte order, or 0
 * @icmp_id: identifier of ICMP queries, host byte order, or 0
 * @zero: 0
 * @transport: offset of the transport header from the IP header, bytes; a word, so that
 *	the addresses behind it are aligned as words
 * @source: network byte order; IPv4 in the first four bytes
 * @destination: as @source
 */
struct merlon_packet {
	u8 family;
	u8 protocol;
	u8 tcp_flags;
	u8 icmp_error;
	u16 source_port;
	u16 selector;
	u16 icmp_id;
	u16 zero;
	u32 transport;
	u8 source[16];
	u8 destination[16];
};

#define MERLON_TCP_SYN	0x02
#define MERLON_TCP_RST	0x04
#define MERLON_TCP_ACK	0x10

/**
 * merlon_parse - the only way from bytes to a tuple
 * @family: AF_INET or AF_INET6
 * @bytes: any content
 * @ret: always written; on failure as far as the headers made sense
 *
 * Return: 0, MERLON_REASON_HEADER (truncated, or contradicts itself),
 * MERLON_REASON_FRAGMENT, or MERLON_PARSE_MORE: ask again with more bytes.
 */
u8 merlon_parse(u8 family, const struct merlon_bytes *bytes, struct merlon_packet *ret);

/* ------------------------------------------------------------ plain packets */

/*
 * What nearly every packet is: no option, no extension header, no fragment; TCP or
 * UDP; with its headers at hand. merlon_plain4() and merlon_plain6() say yes only
 * where merlon_parse() returns 0, and then merlon_plain_packet() has what it would
 * have. What they refuse is for merlon_parse() to judge.
 */
#define MERLON_PLAIN_TCP	6	/* IPPROTO_TCP, and _UDP: not every user has them */
#define MERLON_PLAIN_UDP	17
#define MERLON_PLAIN4_BYTES	20u
#define MERLON_PLAIN6_BYTES	40u

static __always_inline u16 merlon_be16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

/* Any of MF and the offset. */
static __always_inline bool merlon_is_fragment4(const u8 *at)
{
	static const u8 bits[2] = { 0x3f, 0xff };

	return merlon_env_load16(at + 6) & merlon_env_load16(bits);
}

/* Bytes of the transport header, at least. */
static __always_inline u32 merlon_plain_least(u8 protocol)
{
	return protocol == MERLON_PLAIN_TCP ? 20 : 8;
}

/* @header: bytes of the IP header, fixed; @total: of the packet, at most what there is. */
static __always_inline bool merlon_plain_fits(const u8 *at, u8 protocol, u32 header, u32 total)
{
	const u8 *transport = at + header;

	if (protocol == MERLON_PLAIN_TCP)
		return likely(transport[12] >= 0x50) &&
		       likely(header + (transport[12] >> 4) * 4u <= total);
	return likely(merlon_be16(transport + 4) >= 8) &&
	       likely(header + merlon_be16(transport + 4) <= total);
}

/**
 * merlon_plain4 - is it plain, of @protocol, and sound?
 * @at: an IPv4 header, by the protocol that the frame names
 * @have: bytes that can be read at @at
 * @whole: bytes of the packet, >= @have
 * @protocol: MERLON_PLAIN_TCP or _UDP, known at compile time
 */
static __always_inline bool merlon_plain4(const u8 *at, u32 have, u32 whole, u8 protocol)
{
	u32 total;

	if (unlikely(have < MERLON_PLAIN4_BYTES + merlon_plain_least(protocol)))
		return false;
	if (unlikely(at[0] != 0x45 || merlon_is_fragment4(at)) || at[9] != protocol)
		return false;
	total = merlon_be16(at + 2);
	if (unlikely(total > whole))
		return false;
	return merlon_plain_fits(at, protocol, MERLON_PLAIN4_BYTES, total);
}

/* As merlon_plain4(). */
static __always_inline bool merlon_plain6(const u8 *at, u32 have, u32 whole, u8 protocol)
{
	u32 total;

	if (unlikely(have < MERLON_PLAIN6_BYTES + merlon_plain_least(protocol)))
		return false;
	if (unlikely(at[0] >> 4 != 6) || at[6] != protocol)
		return false;
	total = MERLON_PLAIN6_BYTES + merlon_be16(at + 4);
	if (unlikely(total > whole))
		return false;
	return merlon_plain_fits(at, protocol, MERLON_PLAIN6_BYTES, total);
}

/* @at: the IP header of a plain packet of TCP */
static __always_inline bool merlon_plain_is_opener(u8 family, const u8 *at)
{
	u32 header = family == MERLON_FAMILY_IPV4 ? MERLON_PLAIN4_BYTES : MERLON_PLAIN6_BYTES;
	u8 flags = at[header + 13];

	return (flags & (MERLON_TCP_SYN | MERLON_TCP_ACK)) == MERLON_TCP_SYN;
}

/* What merlon_parse() makes of a plain packet. */
static __always_inline void merlon_plain_packet(u8 family, const u8 *at,
						struct merlon_packet *ret)
{
	u32 header = family == MERLON_FAMILY_IPV4 ? MERLON_PLAIN4_BYTES : MERLON_PLAIN6_BYTES;
	u8 protocol = family == MERLON_FAMILY_IPV4 ? at[9] : at[6];

	*ret = (struct merlon_packet) {
		.family = family,
		.protocol = protocol,
		.tcp_flags = protocol == MERLON_PLAIN_TCP ? at[header + 13] : 0,
		.source_port = merlon_be16(at + header),
		.selector = merlon_be16(at + header + 2),
		.transport = header,
	};
	if (family == MERLON_FAMILY_IPV4) {
		memcpy(ret->source, at + 12, 4);
		memcpy(ret->destination, at + 16, 4);
	} else {
		memcpy(ret->source, at + 8, 16);
		memcpy(ret->destination, at + 24, 16);
	}
}

#endif
