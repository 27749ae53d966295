/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A generation: the tables of one image, the devices they speak of, and the
 * counters of its rules. Built outside of every lock, published by one pointer.
 */
#ifndef MERLON_GENERATION_H
#define MERLON_GENERATION_H

#include <linux/bits.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "classifier/classifier.h"
#include "slots.h"

struct merlon_conditions;
struct merlon_net;
struct merlon_reason_counts;
struct net_device;
struct netlink_ext_ack;

/* alloc_percpu() stops at 32 KiB: counters come in chunks of that size. */
struct merlon_counter {
	u64 packets, bytes;
};

#define MERLON_COUNTER_SHIFT	11
#define MERLON_COUNTER_CHUNK	BIT(MERLON_COUNTER_SHIFT)

/* What a WireGuard device is to the policy. */
#define MERLON_TUNNEL_UNKNOWN	0	/* denied; it has no slot */
#define MERLON_TUNNEL_IGNORED	0xff	/* not Merlon's business */
				/* else the tunnel's index, from 1 */

/* What a packet meets beside the verdict of the tables; one look at all of it. */
#define MERLON_GENERATION_EXPIRED	0x01	/* its lifetime is over: lockdown */
#define MERLON_GENERATION_GUARDED	0x02	/* it has a guard */

#define MERLON_MAX_LIFETIME_MS	(90ull * 24 * 60 * 60 * 1000)

/**
 * struct merlon_generation - what packets are judged by
 * @tables: the classifier's; constant
 * @flags: MERLON_GENERATION_*; EXPIRED is set by the timer: read with READ_ONCE
 * @guard: the second part, with @tables, counters and their kin alone; or NULL
 * @conditions: of @guard; or NULL
 * @mn: the namespace that it serves, from its publication on
 * @tunnels: the WireGuard devices that it judges, by ifindex; under RTNL by the
 *	device notifier, read by packets
 * @ignored: those that it names to leave them alone
 * @epoch: with @serial, the order of generations; under merlon_net.lock, as all
 *	that follows but for @counters
 * @serial: see @epoch
 * @digest: SHA-256 of the image
 * @image_bytes: its length
 * @rules: how many there are
 * @deadline_ns: end of the lifetime, CLOCK_BOOTTIME
 * @memory: bytes that all of this takes
 * @inherited: what the generations before this one counted, by rule
 * @free: the way out
 * @counters: chunk i counts rules i << SHIFT and up; index 0 counts what no
 *	rule speaks of
 */
struct merlon_generation {
	struct merlon_tables *tables;
	u8 flags;
	struct merlon_generation *guard;
	struct merlon_conditions *conditions;
	struct merlon_net *mn;
	struct merlon_slots tunnels, ignored;
	u64 epoch, serial;
	u8 digest[MERLON_DIGEST_BYTES];
	u32 image_bytes;
	u32 rules;
	u64 deadline_ns;
	u64 memory;
	struct merlon_counter *inherited;
	struct rcu_work free;
	struct merlon_counter __percpu *counters[];
};

/**
 * struct merlon_offer - what userspace says of a generation
 * @epoch: with @serial, above the last taken in the namespace
 * @serial: see @epoch
 * @lifetime_ms: 1 to MERLON_MAX_LIFETIME_MS
 * @digest: SHA-256 of the image
 * @image_bytes: its length; unused to renew
 */
struct merlon_offer {
	u64 epoch, serial;
	u64 lifetime_ms;
	u8 digest[MERLON_DIGEST_BYTES];
	u32 image_bytes;
};

int merlon_generation_setup(void);
void merlon_generation_teardown(void);

int merlon_generation_build(const void *image, const struct merlon_offer *offer,
			    struct merlon_generation **ret, struct merlon_fault *fault);
void merlon_generation_free(struct merlon_generation *generation);

void merlon_generation_init(struct merlon_net *mn);
void merlon_generation_clean(struct merlon_net *mn);
int merlon_generation_publish(struct merlon_net *mn, struct merlon_generation *generation,
			      const struct merlon_offer *offer,
			      struct netlink_ext_ack *extack);
int merlon_generation_renew(struct merlon_net *mn, const struct merlon_offer *offer,
			    struct netlink_ext_ack *extack);
void merlon_generation_forget(struct merlon_net *mn);
int merlon_generation_check_order(const struct merlon_net *mn,
				  const struct merlon_offer *offer,
				  struct netlink_ext_ack *extack);
struct merlon_generation *merlon_generation_get(const struct merlon_net *mn);

void merlon_generation_sum(const struct merlon_generation *generation, u32 rule,
			   struct merlon_counter *ret);
void merlon_generation_totals(const struct merlon_net *mn,
			      struct merlon_reason_counts *ret);

void merlon_generation_add_device(struct merlon_generation *generation,
				  const struct net_device *dev);
void merlon_generation_remove_device(struct merlon_generation *generation,
				     const struct net_device *dev);

static __always_inline bool merlon_generation_expired(const struct merlon_generation *generation)
{
	return READ_ONCE(generation->flags) & MERLON_GENERATION_EXPIRED;
}

/* Packet path: count @bytes for @rule (0: none speaks of it); any context. */
static __always_inline void merlon_generation_count(struct merlon_generation *generation,
						    u32 rule, u32 bytes)
{
	struct merlon_counter __percpu *counter =
		generation->counters[rule >> MERLON_COUNTER_SHIFT] +
		(rule & (MERLON_COUNTER_CHUNK - 1));

	this_cpu_inc(counter->packets);
	this_cpu_add(counter->bytes, bytes);
}

/* Packet path: does the policy name this WireGuard device, and not to leave it alone? */
static __always_inline bool merlon_generation_judges(const struct merlon_generation *generation,
						     int ifindex)
{
	return merlon_slots_has(&generation->tunnels, ifindex);
}

/* Packet path: what a WireGuard device is to the policy. */
static __always_inline u8 merlon_generation_tunnel(const struct merlon_generation *generation,
						   int ifindex)
{
	u8 number = merlon_slots_find(&generation->tunnels, ifindex);

	return number ?: merlon_slots_find(&generation->ignored, ifindex);
}

#endif
