/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * From the bytes of an IP packet to a tuple. Pure: it sees linear bytes only,
 * and builds in userspace for unit tests and fuzzers.
 */
#ifndef MERLON_PARSE_H
#define MERLON_PARSE_H

#include "classifier/env.h"

/**
 * struct merlon_packet - what Merlon sees of a packet
 * @family: AF_INET or AF_INET6
 * @protocol: of the transport header (IPv6: behind the extension headers)
 * @tcp_flags: byte 13 of a TCP header, else 0
 * @source: network byte order; IPv4 in the first four bytes
 * @destination: as @source
 * @source_port: host byte order, or 0
 * @selector: destination port or ICMP type, host byte order, or 0
 * @transport: offset of the transport header from the IP header, bytes
 */
struct merlon_packet {
	u8 family;
	u8 protocol;
	u8 tcp_flags;
	u8 icmp_error;	/* ICMP message that quotes a packet */
	u16 source_port;
	u16 selector;
	u16 transport;
	u8 source[16] __attribute__((aligned(4)));
	u8 destination[16] __attribute__((aligned(4)));
};

#endif
