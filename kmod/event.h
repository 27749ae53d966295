/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What userspace is told: the state of a namespace, when it asks and when it
 * changes, and denied packets.
 */
#ifndef MERLON_EVENT_H
#define MERLON_EVENT_H

#include <linux/types.h>

struct genl_family;
struct merlon_generation;
struct merlon_net;
struct merlon_packet;
struct net_device;
struct sk_buff;

#define MERLON_VERSION		"0.1.0"		/* as in the file VERSION */

#define MERLON_EVENT_BURST	64		/* DROP_EVENTs at once, per namespace */
#define MERLON_EVENT_RATE	128		/* and per second */

/**
 * struct merlon_drop - what is told of a denied packet
 * @packet: what the parser found in it (addresses and ports as far as they go)
 * @generation: whose verdict it is; NULL where there is none
 * @in: NULL where there is none
 * @out: NULL where there is none
 * @reply: conntrack has it in a connection's reply direction
 */
struct merlon_drop {
	const struct merlon_packet *packet;
	const struct merlon_generation *generation;
	const struct net_device *in, *out;
	u8 hook;	/* enum merlon_hook */
	u8 reason;	/* enum merlon_reason */
	u32 verdict;	/* of the classifier, or 0 */
	u16 ethertype;	/* host byte order; hooks EGRESS and INGRESS only */
	u32 length;
	bool observed;
	bool reply;
};

/* The family that events belong to; its first group gets them. */
void merlon_event_setup(const struct genl_family *family);

/* Packet path, cold: DROP_EVENT to the group, rate-limited per namespace. */
void merlon_event_drop(struct merlon_net *mn, const struct merlon_drop *drop);
/* Process context, under merlon_net.lock: STATE_EVENT to the group. */
void merlon_event_state(struct merlon_net *mn);
/* The attributes of GET_STATUS, under merlon_net.lock. Return: 0 or -EMSGSIZE. */
int merlon_event_put_state(struct sk_buff *skb, struct merlon_net *mn);

#endif
