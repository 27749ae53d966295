/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Merlon knows of one network namespace. The first cache line is all that
 * the packet path reads; the rest belongs to netlink, under @lock.
 */
#ifndef MERLON_PERNET_H
#define MERLON_PERNET_H

#include <linux/cache.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include <linux/merlon.h>

struct merlon_flows;
struct merlon_generation;
struct merlon_load;
struct nf_hook_ops;

/* Packets by reason; the rules' own counters live in the generation. */
struct merlon_reason_counts {
	u64 passed[__MERLON_REASON_MAX];
	u64 denied[__MERLON_REASON_MAX];
};

/**
 * struct merlon_net - one network namespace
 * @generation: what packets are judged by; NULL while there is none (armed:
 *	lockdown). Read under RCU, written under @lock
 * @mode: enum merlon_mode; UNSPEC while disarmed. READ_ONCE on the packet path
 * @scope: enum merlon_scope; UNSPEC while disarmed
 * @flows: replies' state for hosts without conntrack; set while armed
 * @reasons: counters, set from namespace creation on
 * @net: the namespace
 * @hooks: the registered hooks; their array lives as long as they do
 * @lock: guards all below, and writes of all above
 * @confirm: undoes an arming that nobody confirmed (CLOCK_BOOTTIME)
 * @expiry: ends the generation's lifetime (CLOCK_BOOTTIME)
 *
 * See pernet.c for the others.
 */
struct merlon_net {
	struct merlon_generation __rcu *generation;
	u8 mode;
	u8 scope;
	struct merlon_flows *flows;
	struct merlon_reason_counts __percpu *reasons;
	struct net *net;
	struct nf_hook_ops *hooks;	/* hooks.c; NULL while none is registered */

	struct mutex lock ____cacheline_aligned_in_smp;
	/* owned by pernet.c, generation.c and load.c: extend as needed */
	struct merlon_load *load;
	u64 last_epoch, last_serial;
	struct hrtimer confirm, expiry;
	struct work_struct undo;
};

struct merlon_net *merlon_net_get(struct net *net);	/* net_generic() */

#endif
