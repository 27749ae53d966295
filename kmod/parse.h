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

#endif
