// SPDX-License-Identifier: GPL-2.0
/*
 * Which devices have an egress hook, and when they get it.
 *
 * Under RTNL: the list, and what a namespace wants guarded. A device that is
 * created or comes in is hooked when it is registered, which is before it can
 * be up; a refusal then is heard for a new device, and not for one that moves:
 * so it is asked again before it goes up (NETDEV_PRE_UP), where it is heard.
 *
 * A device that moves out of the namespace is still guarded by it, in its new
 * place, if what it sends leads out of the machine or elsewhere: hardware, and
 * what was in use. What leads back into the namespace, as the veth of a
 * container does, is judged there.
 */
#include <linux/errno.h>
#include <linux/if.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_netdev.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>

#include "device.h"
#include "egress.h"
#include "egress_judge.h"
#include "pernet.h"

static LIST_HEAD(all);

/* ------------------------------------------------------------- one device */

static bool is_wanted(u8 scope, const struct net_device *dev)
{
	if (scope == MERLON_SCOPE_EVERYTHING)
		return !(dev->flags & IFF_LOOPBACK);
	return scope == MERLON_SCOPE_TUNNELS && merlon_device_is_wireguard(dev);
}

static struct merlon_guarded *find(const struct merlon_net *mn, const struct net_device *dev)
{
	struct merlon_guarded *guarded;

	list_for_each_entry(guarded, &all, list)
		if (guarded->mn == mn && guarded->dev == dev)
			return guarded;
	return NULL;
}

static struct nf_hook_ops hook_ops(struct merlon_guarded *guarded, nf_hookfn *function,
				   unsigned int number, int priority)
{
	return (struct nf_hook_ops) {
		.hook = function,
		.dev = guarded->dev,
		.priv = guarded,
		.pf = NFPROTO_NETDEV,
		.hooknum = number,
		.priority = priority,
	};
}

/* Last at egress, behind what others do to a frame; first at ingress, before a flowtable. */
static int hook_all(struct merlon_guarded *guarded)
{
	struct net *net = dev_net(guarded->dev);
	int err;

	guarded->ops = hook_ops(guarded, merlon_egress_judge, NF_NETDEV_EGRESS, INT_MAX);
	guarded->flow_ops = hook_ops(guarded, merlon_ingress_judge, NF_NETDEV_INGRESS, INT_MIN);
	err = nf_register_net_hook(net, &guarded->ops);
	if (err || !merlon_device_is_wireguard(guarded->dev))
		return err;
	err = nf_register_net_hook(net, &guarded->flow_ops);
	if (err)
		nf_unregister_net_hook(net, &guarded->ops);
	return err;
}

static int hook(struct merlon_guarded *guarded)
{
	struct net_device *dev = guarded->dev;
	int err;

	WRITE_ONCE(guarded->away, !net_eq(dev_net(dev), guarded->mn->net));
	err = hook_all(guarded);
	if (err)
		return err;
	guarded->hooked = true;
	/* A device above another hands on where a packet came from. */
	if (dev_get_iflink(dev) != dev->ifindex)
		netif_keep_dst(dev);
	return 0;
}

static void unhook(struct merlon_guarded *guarded)
{
	if (!guarded->hooked)
		return;
	nf_unregister_net_hook(dev_net(guarded->dev), &guarded->ops);
	if (merlon_device_is_wireguard(guarded->dev))
		nf_unregister_net_hook(dev_net(guarded->dev), &guarded->flow_ops);
	guarded->hooked = false;
}

static int add(struct merlon_net *mn, struct net_device *dev)
{
	struct merlon_guarded *guarded;
	int err;

	guarded = kzalloc(sizeof(*guarded), GFP_KERNEL_ACCOUNT);
	if (!guarded)
		return -ENOMEM;
	guarded->mn = mn;
	guarded->dev = dev;
	guarded->was_up = dev->flags & IFF_UP;
	err = hook(guarded);
	if (err) {
		/* A packet may have been in it: registering copies, then fails. */
		kfree_rcu(guarded, rcu);
		return err;
	}
	list_add_tail(&guarded->list, &all);
	return 0;
}

static void remove(struct merlon_guarded *guarded)
{
	unhook(guarded);
	list_del(&guarded->list);
	kfree_rcu(guarded, rcu);
}

/* --------------------------------------------------------------- namespace */

static int widen(struct merlon_net *mn, u8 scope)
{
	struct net_device *dev;
	int err;

	for_each_netdev(mn->net, dev) {
		if (!is_wanted(scope, dev) || find(mn, dev))
			continue;
		err = add(mn, dev);
		if (err)
			return err;
	}
	return 0;
}

static void narrow(struct merlon_net *mn, u8 scope)
{
	struct merlon_guarded *guarded, *next;

	list_for_each_entry_safe(guarded, next, &all, list) {
		if (guarded->mn != mn)
			continue;
		/* Elsewhere, a device is guarded for scope EVERYTHING alone. */
		if (!is_wanted(scope, guarded->dev) ||
		    (guarded->away && scope != MERLON_SCOPE_EVERYTHING))
			remove(guarded);
	}
}

int merlon_egress_widen(struct merlon_net *mn, u8 scope)
{
	u8 before;
	int err;

	lockdep_assert_held(&mn->lock);
	rtnl_lock();
	before = mn->guarding;
	err = widen(mn, scope);
	if (err)
		narrow(mn, before);
	else
		mn->guarding = max(before, scope);
	rtnl_unlock();
	return err;
}

void merlon_egress_narrow(struct merlon_net *mn, u8 scope)
{
	lockdep_assert_held(&mn->lock);
	rtnl_lock();
	mn->guarding = scope;
	narrow(mn, scope);
	rtnl_unlock();
}

void merlon_egress_close(void)
{
	struct merlon_guarded *guarded;

	rtnl_lock();
	list_for_each_entry(guarded, &all, list)
		dev_close(guarded->dev);
	rtnl_unlock();
}

/* ------------------------------------------------------------------ events */

/* Has what @dev sends another way out than through the namespace that it left? */
static bool leads_out(const struct merlon_guarded *guarded)
{
	const struct net_device *dev = guarded->dev;
	const struct rtnl_link_ops *ops = dev->rtnl_link_ops;

	if (!ops)
		return true;
	if (ops->get_link_net && net_eq(ops->get_link_net(dev), guarded->mn->net))
		return false;
	return guarded->was_up;
}

static bool is_going(const struct net_device *dev)
{
	return dev->reg_state != NETREG_REGISTERED;
}

/* It ends, or it moves; if it moves, its guard may have to follow. */
static void leave(struct net_device *dev)
{
	struct merlon_guarded *guarded, *next;

	list_for_each_entry_safe(guarded, next, &all, list) {
		if (guarded->dev != dev)
			continue;
		if (!is_going(dev) && guarded->mn->guarding == MERLON_SCOPE_EVERYTHING &&
		    leads_out(guarded))
			unhook(guarded);
		else
			remove(guarded);
	}
}

/* Whoever has a say about @dev is heard, or the device is refused. */
static int enter(struct net_device *dev)
{
	struct merlon_net *mn = merlon_net_get(dev_net(dev));
	struct merlon_guarded *guarded;
	int err;

	list_for_each_entry(guarded, &all, list) {
		if (guarded->dev != dev || guarded->hooked)
			continue;
		err = hook(guarded);
		if (err)
			return err;
	}
	if (is_wanted(mn->guarding, dev) && !find(mn, dev))
		return add(mn, dev);
	return 0;
}

static void note_up(const struct net_device *dev)
{
	struct merlon_guarded *guarded;

	list_for_each_entry(guarded, &all, list)
		if (guarded->dev == dev && !guarded->away)
			guarded->was_up = true;
}

int merlon_egress_event(unsigned long event, struct net_device *dev)
{
	ASSERT_RTNL();
	switch (event) {
	case NETDEV_REGISTER:
	case NETDEV_PRE_UP:
		return enter(dev);
	case NETDEV_UP:
		note_up(dev);
		return 0;
	case NETDEV_UNREGISTER:
		leave(dev);
		return 0;
	default:
		return 0;
	}
}
