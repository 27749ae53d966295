/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MERLON_EVENT_H
#define MERLON_EVENT_H

#include <linux/types.h>

struct merlon_generation;
struct merlon_net;
struct merlon_packet;
struct net_device;

/**
 * struct merlon_drop - what is told of a denied packet
 * @packet: what the parser found in it (addresses and ports as far as they go)
 * @generation: whose verdict it is; NULL where there is none
 * @in: NULL where there is none
 * @out: NULL where there is none
 */
struct merlon_drop {
	const struct merlon_packet *packet;
	const struct merlon_generation *generation;
	const struct net_device *in, *out;
	u8 hook;	/* enum merlon_hook */
	u8 reason;	/* enum merlon_reason */
	u32 verdict;	/* of the classifier, or 0 */
	u32 length;
	bool observed;
};

/* Packet path, cold: DROP_EVENT to the group, rate-limited per namespace. */
void merlon_event_drop(struct merlon_net *mn, const struct merlon_drop *drop);
/* Process context: STATE_EVENT to the group. */
void merlon_event_state(struct merlon_net *mn);

#endif
