/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Merlon knows of one network namespace. The first cache line is all that
 * the packet path reads; the rest belongs to netlink.
 */
#ifndef MERLON_PERNET_H
#define MERLON_PERNET_H

#include <linux/atomic.h>
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
struct netlink_ext_ack;
struct nf_hook_ops;

/* Packets by reason; the rules' own counters live in the generation. */
struct merlon_reason_counts {
	u64 passed[__MERLON_REASON_MAX];
	u64 denied[__MERLON_REASON_MAX];
};

/**
 * struct merlon_arming - how a namespace is armed
 * @mode: enum merlon_mode; UNSPEC: it is not
 * @scope: enum merlon_scope; UNSPEC: it is not
 */
struct merlon_arming {
	u8 mode;
	u8 scope;
};

/**
 * struct merlon_net - one network namespace
 * @generation: what packets are judged by; NULL while there is none (armed:
 *	lockdown). Read under RCU, written under @lock (generation.c)
 * @mode: enum merlon_mode; UNSPEC while disarmed. READ_ONCE on the packet path
 * @scope: enum merlon_scope; UNSPEC while disarmed
 * @flows: replies' state for hosts without conntrack; set while armed
 * @reasons: counters, set from namespace creation on
 * @net: the namespace
 * @hooks: the registered hooks; their array lives as long as they do (hooks.c)
 * @events_due: when the next DROP_EVENT would be on time; see event.c
 * @events_suppressed: DROP_EVENTs not sent since the last one
 * @lock: guards what follows up to @load_lock, and writes of @generation,
 *	@mode, @scope and @flows. Outside RTNL, inside nothing of Merlon's
 * @last_epoch: with @last_serial, the highest that was ever taken
 * @last_serial: see @last_epoch
 * @last_digest: of the image that it came with
 * @guarding: enum merlon_scope whose devices have egress hooks; RTNL (egress.c)
 * @sequence: changes with the generation, so that a dump can tell; not 0
 * @retired: what rules counted that are gone
 * @expiry: ends the generation's lifetime (CLOCK_BOOTTIME)
 * @announce: tells of it
 * @unconfirmed: @confirm is ticking; @before is what it goes back to
 * @before: the last arming that was meant to stay
 * @confirm: undoes an arming that nobody confirmed (CLOCK_BOOTTIME)
 * @undo: does it
 * @load_lock: guards @load (load.c); never taken with @lock
 * @load: the transaction, or NULL
 * @load_idle: ends it when nothing comes
 */
struct merlon_net {
	struct merlon_generation __rcu *generation;
	u8 mode;
	u8 scope;
	struct merlon_flows *flows;
	struct merlon_reason_counts __percpu *reasons;
	struct net *net;
	struct nf_hook_ops *hooks;

	atomic64_t events_due ____cacheline_aligned_in_smp;
	atomic64_t events_suppressed;

	struct mutex lock;	/* of what follows */
	u64 last_epoch, last_serial;
	u8 last_digest[MERLON_DIGEST_BYTES];
	u8 guarding;
	u32 sequence;
	struct merlon_reason_counts retired;
	struct hrtimer expiry;
	struct work_struct announce;
	bool unconfirmed;
	struct merlon_arming before;
	struct hrtimer confirm;
	struct delayed_work undo;

	struct mutex load_lock;	/* of what follows */
	struct merlon_load *load;
	struct delayed_work load_idle;
};

int merlon_net_setup(void);
void merlon_net_teardown(void);

struct merlon_net *merlon_net_get(struct net *net);	/* net_generic() */
enum merlon_state merlon_net_state(const struct merlon_net *mn);

int merlon_net_arm(struct merlon_net *mn, const struct merlon_arming *arming,
		   u32 confirm_s, struct netlink_ext_ack *extack);
int merlon_net_confirm(struct merlon_net *mn, struct netlink_ext_ack *extack);
u32 merlon_net_confirm_left(const struct merlon_net *mn);
void merlon_net_disarm(struct merlon_net *mn);

#endif
