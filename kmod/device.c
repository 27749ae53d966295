// SPDX-License-Identifier: GPL-2.0
/*
 * Which devices are WireGuard's, and what the policy calls them. All under
 * RTNL, by one notifier for all network namespaces: a device that moves is
 * unregistered in one and registered in the other.
 */
#include <linux/limits.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/rtnetlink.h>
#include <linux/string.h>
#include <net/rtnetlink.h>

#include "device.h"
#include "egress.h"
#include "generation.h"
#include "pernet.h"

/* No device's: so that a packet's device is compared, and nothing else asked. */
static const struct rtnl_link_ops nobody;
const struct rtnl_link_ops *merlon_wireguard_ops __read_mostly = &nobody;

/*
 * Called for every device before it can carry a packet. Where WireGuard was
 * unloaded, its operations may be another module's by now.
 */
static void learn(const struct net_device *dev)
{
	const struct rtnl_link_ops *ops = dev->rtnl_link_ops;

	if (!ops)
		return;
	if (!strcmp(ops->kind, "wireguard"))
		WRITE_ONCE(merlon_wireguard_ops, ops);
	else if (ops == merlon_wireguard_ops)
		WRITE_ONCE(merlon_wireguard_ops, &nobody);
}

/* Return: is there a generation to tell? */
static bool tell(const struct net_device *dev,
		 void (*what)(struct merlon_generation *, const struct net_device *))
{
	struct merlon_net *mn = merlon_net_get(dev_net(dev));
	struct merlon_generation *generation;

	/* RTNL keeps a new one from coming, RCU the old one from being freed. */
	rcu_read_lock();
	generation = rcu_dereference(mn->generation);
	if (generation)
		what(generation, dev);
	rcu_read_unlock();
	return generation;
}

static bool leaving;	/* RTNL */

static int device_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	int err;

	ASSERT_RTNL();
	if (leaving)
		return NOTIFY_DONE;
	if (event == NETDEV_REGISTER)
		learn(dev);
	/* ORDER: a device that moves in comes, also where it cannot be guarded yet. */
	if (event == NETDEV_REGISTER)
		tell(dev, merlon_generation_add_device);
	else if (event == NETDEV_UNREGISTER)
		tell(dev, merlon_generation_remove_device);
	else if (event == NETDEV_CHANGENAME && tell(dev, merlon_generation_add_device))
		synchronize_net();	/* its old slot may be given away now */
	err = merlon_egress_event(event, dev);
	return err ? notifier_from_errno(err) : NOTIFY_DONE;
}

/* First of all: one that finds no memory for a device that moves ends the round for the others. */
static struct notifier_block notifier = {
	.notifier_call = device_event,
	.priority = INT_MAX,
};

/* Tells of the devices that are there already, too. */
int __init merlon_device_setup(void)
{
	return register_netdevice_notifier(&notifier);
}

void merlon_device_teardown(void)
{
	/* ORDER: unregistering plays every device's end, and none has come. */
	merlon_egress_close();
	rtnl_lock();
	leaving = true;
	rtnl_unlock();
	unregister_netdevice_notifier(&notifier);
}
