/* SPDX-License-Identifier: MIT */
/* What the ways of leakpkt.c share: one packet, and how it is asked to leave. */
#ifndef LEAK_H
#define LEAK_H

#include "fields.h"
#include "sender.h"

#define LEAK_ROOM	(CRAFT_ROOM + ETH_HLEN)

/**
 * struct leak - a packet and what is known of its way
 * @device: where it is to leave, or NULL: routing decides
 * @multicast: the device that multicast leaves by, or NULL
 * @mark: SO_MARK, or 0
 * @ether: EtherType; 0: by the packet's family
 * @to: destination of the frame
 * @hold_ms: how long a membership, or an AF_XDP socket, is kept
 * @frame: Ethernet header and packet; @packet and @length are the latter
 */
struct leak {
	struct craft craft;
	const char *device, *multicast;
	unsigned int ifindex;
	uint32_t mark;
	uint16_t ether;
	uint8_t to[ETH_ALEN];
	unsigned int hold_ms;
	uint8_t frame[LEAK_ROOM];
	uint8_t *packet;
	size_t length;
};

static inline size_t leak_frame_length(const struct leak *leak)
{
	return ETH_HLEN + leak->length;
}

/* What a raw socket of a protocol sends: the kernel writes the IP header. */
static inline size_t leak_header(const struct leak *leak)
{
	return leak->craft.family == AF_INET ? (leak->packet[0] & 15u) * 4u : 40u;
}

#endif
