// SPDX-License-Identifier: GPL-2.0
/*
 * A network namespace, from its creation to its end: armed, confirmed,
 * disarmed, and what is undone when it dies while armed.
 *
 * An armed namespace holds a reference to the module, so that it cannot be
 * unloaded without force.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/math64.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <net/netns/generic.h>

#include "compat/compat.h"
#include "device.h"
#include "egress.h"
#include "event.h"
#include "flow.h"
#include "generation.h"
#include "holes.h"
#include "hooks.h"
#include "load.h"
#include "pernet.h"

static unsigned int net_id __read_mostly;

struct merlon_net *merlon_net_get(struct net *net)
{
	return net_generic(net, net_id);
}

/**
 * merlon_net_state - what the namespace does now
 * @mn: the namespace
 *
 * Under merlon_net.lock.
 */
enum merlon_state merlon_net_state(const struct merlon_net *mn)
{
	const struct merlon_generation *generation = merlon_generation_get(mn);

	if (mn->mode == MERLON_MODE_UNSPEC)
		return MERLON_STATE_DISARMED;
	if (mn->mode == MERLON_MODE_OBSERVING)
		return MERLON_STATE_OBSERVING;
	if (!generation)
		return MERLON_STATE_LOCKDOWN;
	if (merlon_generation_expired(generation))
		return MERLON_STATE_EXPIRED;
	return MERLON_STATE_ENFORCING;
}

/* ------------------------------------------------------------------ arming */

static void set(struct merlon_net *mn, const struct merlon_arming *arming)
{
	bool was = mn->scope == MERLON_SCOPE_EVERYTHING;
	bool is = arming->scope == MERLON_SCOPE_EVERYTHING;

	if (is && !was)
		merlon_holes_close();
	if (was && !is)
		merlon_holes_open();
	WRITE_ONCE(mn->scope, arming->scope);
	WRITE_ONCE(mn->mode, arming->mode);
}

/*
 * ORDER: the hooks come last, when all that they read is there. They go first
 * in stop(), which frees what no hook can see any more.
 */
static int start(struct merlon_net *mn, const struct merlon_arming *arming)
{
	static const struct merlon_arming disarmed;
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	mn->flows = merlon_flows_alloc();
	if (!mn->flows) {
		err = -ENOMEM;
		goto err_module;
	}
	set(mn, arming);
	err = merlon_hooks_register(mn);
	if (err)
		goto err_flows;
	err = merlon_egress_widen(mn, arming->scope);
	if (err)
		goto err_hooks;
	return 0;

err_hooks:
	merlon_hooks_unregister(mn);
err_flows:
	set(mn, &disarmed);
	merlon_flows_free(mn->flows);
	mn->flows = NULL;
err_module:
	module_put(THIS_MODULE);
	return err;
}

static void stop(struct merlon_net *mn)
{
	static const struct merlon_arming disarmed;

	/* ORDER: the second waits until no packet is in a hook of either. */
	merlon_egress_narrow(mn, MERLON_SCOPE_UNSPEC);
	merlon_hooks_unregister(mn);
	set(mn, &disarmed);
	merlon_flows_free(mn->flows);
	mn->flows = NULL;
	/* The caller is in a command, a work or a pernet exit: unloading waits. */
	module_put(THIS_MODULE);
}

/* ORDER: what is guarded in one scope only is hooked before it counts, and after. */
static int rearm(struct merlon_net *mn, const struct merlon_arming *to)
{
	int err;

	err = merlon_egress_widen(mn, to->scope);
	if (err)
		return err;
	set(mn, to);
	merlon_egress_narrow(mn, to->scope);
	return 0;
}

/* From one arming, or none, to another, or none. */
static int change(struct merlon_net *mn, const struct merlon_arming *to)
{
	if (mn->mode == MERLON_MODE_UNSPEC)
		return to->mode == MERLON_MODE_UNSPEC ? 0 : start(mn, to);
	if (to->mode != MERLON_MODE_UNSPEC)
		return rearm(mn, to);
	stop(mn);
	return 0;
}

/*
 * ORDER: a timer that fired before it was cancelled left its work queued. The
 * work looks at @unconfirmed and at the time, under the lock.
 */
static void set_confirm(struct merlon_net *mn, const struct merlon_arming *before,
			u32 confirm_s)
{
	hrtimer_cancel(&mn->confirm);
	if (!confirm_s) {
		mn->unconfirmed = false;
		return;
	}
	/* Unconfirmed upon unconfirmed goes back to what was last meant to stay. */
	if (!mn->unconfirmed)
		mn->before = *before;
	mn->unconfirmed = true;
	hrtimer_start(&mn->confirm, ktime_add_ns(ktime_get_boottime(),
						 (u64)confirm_s * NSEC_PER_SEC),
		      HRTIMER_MODE_ABS);
}

static bool confirm_is_late(const struct merlon_net *mn)
{
	return ktime_compare(ktime_get_boottime(), hrtimer_get_expires(&mn->confirm)) >= 0;
}

/**
 * merlon_net_arm - judge the namespace's packets, or judge them otherwise
 * @mn: the namespace
 * @arming: how
 * @confirm_s: undone after so many seconds unless confirmed; 0: for good
 * @extack: gets a sentence on failure
 *
 * Under merlon_net.lock. Return: 0, -ENOMEM, -ENODEV, or what
 * registering hooks returns.
 */
int merlon_net_arm(struct merlon_net *mn, const struct merlon_arming *arming,
		   u32 confirm_s, struct netlink_ext_ack *extack)
{
	const struct merlon_arming before = { .mode = mn->mode, .scope = mn->scope };
	int err;

	lockdep_assert_held(&mn->lock);
	err = change(mn, arming);
	if (err) {
		NL_SET_ERR_MSG(extack, "the hooks could not be set up: nothing has changed");
		return err;
	}
	set_confirm(mn, &before, confirm_s);
	merlon_event_state(mn);
	return 0;
}

/* Under merlon_net.lock. Return: 0 or -ESRCH. */
int merlon_net_confirm(struct merlon_net *mn, struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&mn->lock);
	if (!mn->unconfirmed) {
		NL_SET_ERR_MSG(extack, "there is no arming to confirm");
		return -ESRCH;
	}
	if (confirm_is_late(mn)) {
		NL_SET_ERR_MSG(extack, "too late: the arming is being undone");
		return -ESRCH;
	}
	set_confirm(mn, NULL, 0);
	merlon_event_state(mn);
	return 0;
}

/* Seconds until an arming is undone, rounded up; 0: it is not. Under merlon_net.lock. */
u32 merlon_net_confirm_left(const struct merlon_net *mn)
{
	ktime_t left;

	if (!mn->unconfirmed)
		return 0;
	left = ktime_sub(hrtimer_get_expires(&mn->confirm), ktime_get_boottime());
	return left > 0 ? div_u64(left - 1, NSEC_PER_SEC) + 1 : 1;
}

/* Under merlon_net.lock. The generation is forgotten, armed or not. */
void merlon_net_disarm(struct merlon_net *mn)
{
	static const struct merlon_arming disarmed;

	lockdep_assert_held(&mn->lock);
	set_confirm(mn, NULL, 0);
	change(mn, &disarmed);
	/* ORDER: the hooks are gone, so nobody sees a lockdown on the way out. */
	merlon_generation_forget(mn);
	merlon_event_state(mn);
}

static enum hrtimer_restart confirm_timeout(struct hrtimer *timer)
{
	struct merlon_net *mn = container_of(timer, struct merlon_net, confirm);

	schedule_delayed_work(&mn->undo, 0);
	return HRTIMER_NORESTART;
}

/* What was before, the generation included: it may have been loaded since. */
static void undo(struct work_struct *work)
{
	struct merlon_net *mn = container_of(to_delayed_work(work), struct merlon_net, undo);

	mutex_lock(&mn->lock);
	if (!mn->unconfirmed || !confirm_is_late(mn)) {
		/* confirmed, or armed anew in the meantime */
	} else if (change(mn, &mn->before)) {
		/* No memory for it now; it is wanted all the same. */
		schedule_delayed_work(&mn->undo, HZ);
	} else {
		mn->unconfirmed = false;
		pr_notice("namespace %u: nobody confirmed the arming in time: undone\n",
			  mn->net->ns.inum);
		merlon_event_state(mn);
	}
	mutex_unlock(&mn->lock);
}

/* --------------------------------------------------------------- namespace */

static int __net_init net_init(struct net *net)
{
	struct merlon_net *mn = merlon_net_get(net);

	mn->net = net;
	mn->reasons = alloc_percpu(struct merlon_reason_counts);
	if (!mn->reasons)
		return -ENOMEM;
	mutex_init(&mn->lock);
	hrtimer_setup(&mn->confirm, confirm_timeout, CLOCK_BOOTTIME, HRTIMER_MODE_ABS);
	INIT_DELAYED_WORK(&mn->undo, undo);
	merlon_generation_init(mn);
	merlon_load_init(mn);
	return 0;
}

static void close_tunnels(struct net *net)
{
	struct net_device *dev;

	rtnl_lock();
	for_each_netdev(net, dev)
		if (merlon_device_is_wireguard(dev))
			dev_close(dev);
	rtnl_unlock();
}

/*
 * A namespace that lives on while its armed module goes: that is rmmod -f,
 * which no reference stops. Its tunnels are closed while the hooks are still
 * there: they must not go on unguarded.
 */
static void __net_exit net_pre_exit(struct net *net)
{
	struct merlon_net *mn = merlon_net_get(net);

	if (!check_net(net) || !READ_ONCE(mn->mode))
		return;
	pr_warn("namespace %u: forced to unload while armed: closing its tunnels\n",
		net->ns.inum);
	close_tunnels(net);
}

/*
 * The devices are gone (or closed), so no packet needs the hooks. Nor is there
 * a command: sockets hold their namespace, and the family goes before this.
 */
static void __net_exit net_exit(struct net *net)
{
	struct merlon_net *mn = merlon_net_get(net);

	/* ORDER: the timer queues the work, the work starts no timer. */
	hrtimer_cancel(&mn->confirm);
	cancel_delayed_work_sync(&mn->undo);
	merlon_load_clean(mn);
	mutex_lock(&mn->lock);
	if (mn->mode != MERLON_MODE_UNSPEC)
		stop(mn);
	mutex_unlock(&mn->lock);
	merlon_generation_clean(mn);
	free_percpu(mn->reasons);
	mutex_destroy(&mn->load_lock);
	mutex_destroy(&mn->lock);
}

static struct pernet_operations net_ops = {
	.init = net_init,
	.pre_exit = net_pre_exit,
	.exit = net_exit,
	.id = &net_id,
	.size = sizeof(struct merlon_net),
};

int __init merlon_net_setup(void)
{
	return register_pernet_subsys(&net_ops);
}

void merlon_net_teardown(void)
{
	unregister_pernet_subsys(&net_ops);
}
