/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * From the bytes of an Ethernet frame to what it carries, and from those of an
 * ARP packet to who asks for whom. Pure, as parse.h.
 */
#ifndef MERLON_FRAME_H
#define MERLON_FRAME_H

#include "classifier/env.h"

#define MERLON_FRAME_BYTES	32u	/* no more are read: two VLAN tags, SNAP */
#define MERLON_FRAME_TAGS	2	/* VLAN tags, at most */
#define MERLON_ARP_BYTES	28u	/* Ethernet, IPv4 */

/**
 * struct merlon_frame - what an Ethernet frame carries
 * @ethertype: host byte order; 0: none, or one that was not understood
 * @payload: offset of what it carries from the start of the frame, bytes
 */
struct merlon_frame {
	u16 ethertype;
	u16 payload;
};

/**
 * merlon_frame_parse - an Ethernet frame, VLAN tags and SNAP stepped over
 * @at: its bytes
 * @have: how many there are; more than MERLON_FRAME_BYTES are not looked at
 *
 * Return: what it carries; ethertype 0 where it is cut short.
 */
struct merlon_frame merlon_frame_parse(const u8 *at, u32 have);

/**
 * struct merlon_arp - who asks for whom
 * @request: else it is a reply
 * @sender: IPv4 address, as it stands in the packet; 0: a probe (RFC 5227)
 * @target: as @sender
 */
struct merlon_arp {
	bool request;
	__be32 sender, target;
};

/**
 * merlon_arp_parse - ARP for IPv4 over Ethernet (RFC 826)
 * @at: its bytes
 * @have: how many there are
 * @ret: untouched on failure
 *
 * Return: is it a request or a reply of that kind?
 */
bool merlon_arp_parse(const u8 *at, u32 have, struct merlon_arp *ret);

#endif
