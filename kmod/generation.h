/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A generation: the tables of one image, the devices they speak of, and the
 * counters of its rules. Built outside of every lock, published by one pointer.
 */
#ifndef MERLON_GENERATION_H
#define MERLON_GENERATION_H

#include <linux/percpu.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "classifier/classifier.h"

/* alloc_percpu() stops at 32 KiB: counters come in chunks of that size. */
struct merlon_counter {
	u64 packets, bytes;
};
#define MERLON_COUNTER_SHIFT	11
#define MERLON_COUNTER_CHUNK	(1u << MERLON_COUNTER_SHIFT)

/* What a WireGuard device is to the policy. */
#define MERLON_TUNNEL_UNKNOWN	0	/* denied */
#define MERLON_TUNNEL_IGNORED	0xff	/* not Merlon's business */
				/* else the tunnel's index, from 1 */

#define MERLON_TUNNEL_SLOTS	64	/* power of two, > 2 * MERLON_MAX_TUNNELS */

/**
 * struct merlon_generation - what packets are judged by
 * @tables: the classifier's; constant
 * @expired: the lifetime is over: lockdown. Set by the timer, read with READ_ONCE
 * @tunnel_ifindex: ifindex of the device in this slot, or 0; the slot is
 *	ifindex & (MERLON_TUNNEL_SLOTS - 1) or, where that is taken, the next
 *	free one. Written under RTNL by the device notifier, read with READ_ONCE
 * @tunnel_number: what the device in this slot is to the policy
 * @counters: chunk i counts rules i << SHIFT and up; index 0 counts what no
 *	rule speaks of
 */
struct merlon_generation {
	struct merlon_tables *tables;
	bool expired;
	int tunnel_ifindex[MERLON_TUNNEL_SLOTS];
	u8 tunnel_number[MERLON_TUNNEL_SLOTS];
	u64 epoch, serial;
	u8 digest[MERLON_DIGEST_BYTES];
	u32 image_bytes;
	u64 deadline_ns;	/* CLOCK_BOOTTIME */
	struct rcu_work free;
	struct merlon_counter __percpu *counters[];
};

/* Packet path: count @bytes for the rule of @verdict; any context. */
static __always_inline void merlon_generation_count(struct merlon_generation *generation,
						    u32 verdict, u32 bytes)
{
	u32 rule = MERLON_VERDICT_RULE(verdict);
	struct merlon_counter __percpu *counter =
		generation->counters[rule >> MERLON_COUNTER_SHIFT] +
		(rule & (MERLON_COUNTER_CHUNK - 1));

	this_cpu_inc(counter->packets);
	this_cpu_add(counter->bytes, bytes);
}

/* Packet path: what a WireGuard device is to the policy. One probe in the common case. */
static __always_inline u8 merlon_generation_tunnel(const struct merlon_generation *generation,
						   int ifindex)
{
	u32 slot = ifindex & (MERLON_TUNNEL_SLOTS - 1);
	u32 i;

	for (i = 0; i < MERLON_TUNNEL_SLOTS; i++) {
		int found = READ_ONCE(generation->tunnel_ifindex[slot]);

		if (found == ifindex)
			return READ_ONCE(generation->tunnel_number[slot]);
		if (!found)
			break;
		slot = (slot + 1) & (MERLON_TUNNEL_SLOTS - 1);
	}
	return MERLON_TUNNEL_UNKNOWN;
}

#endif
