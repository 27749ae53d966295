// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include <net/xdp_sock_drv.h>

#include <linux/merlon.h>

#include "compat/compat.h"
#include "holes.h"

static const struct {
	const char *module;
	u32 flag;
} holes[] = {
	{ "pktgen", MERLON_HOLE_PKTGEN },
	{ "netconsole", MERLON_HOLE_NETCONSOLE },
};

/* With these tc sends from one device to another; its own filters do not. */
static const char *const redirectors[] = { "act_mirred", "cls_bpf", "act_bpf" };

static atomic_t closed = ATOMIC_INIT(0);	/* namespaces */

static int module_event(struct notifier_block *nb, unsigned long state, void *data)
{
	const struct module *module = data;
	size_t i;

	if (state != MODULE_STATE_COMING || !atomic_read(&closed))
		return NOTIFY_DONE;
	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		if (strcmp(module->name, holes[i].module))
			continue;
		pr_warn("%s sends past every guard: not loaded while armed (scope everything)\n",
			module->name);
		return notifier_from_errno(-EPERM);
	}
	return NOTIFY_DONE;
}

static struct notifier_block notifier = {
	.notifier_call = module_event,
};

void merlon_holes_close(void)
{
	atomic_inc(&closed);
}

void merlon_holes_open(void)
{
	atomic_dec(&closed);
}

/*
 * As /sys/module has it: what is built in is there, too, where it has parameters.
 * Return: how many use it, or -1: not there.
 */
static int users_of(const char *name)
{
	struct kset *modules = THIS_MODULE->mkobj.kobj.kset;
	struct kobject *found = kset_find_obj(modules, name);
	struct module *module;
	int ret;

	if (!found)
		return -1;
	/* What is built in has no struct module, nor can it be asked. */
	module = container_of(found, struct module_kobject, kobj)->mod;
	ret = module ? module_refcount(module) : 0;
	kobject_put(found);
	return ret;
}

static u32 holes_of_modules(void)
{
	u32 ret = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(holes); i++)
		if (users_of(holes[i].module) >= 0)
			ret |= holes[i].flag;
	for (i = 0; i < ARRAY_SIZE(redirectors); i++)
		if (users_of(redirectors[i]) > 0)
			ret |= MERLON_HOLE_TC;
	return ret;
}

/* That there is one is all that is read of it: it may be going. */
static u32 holes_of_device(struct net_device *dev)
{
	unsigned int queues = max(dev->num_rx_queues, dev->num_tx_queues), i;
	u32 ret = merlon_compat_has_tcx(dev) ? MERLON_HOLE_TC : 0;

	for (i = 0; i < ARRAY_SIZE(dev->xdp_state); i++)
		if (READ_ONCE(dev->xdp_state[i].prog) || READ_ONCE(dev->xdp_state[i].link))
			ret |= MERLON_HOLE_XDP;
	for (i = 0; i < queues; i++)
		if (xsk_get_pool_from_qid(dev, i))
			ret |= MERLON_HOLE_AF_XDP;
	return ret;
}

u32 merlon_holes_get(struct net *net)
{
	u32 ret = holes_of_modules();
	struct net_device *dev;

	rcu_read_lock();
	for_each_netdev_rcu(net, dev)
		ret |= holes_of_device(dev);
	rcu_read_unlock();
	return ret;
}

int __init merlon_holes_setup(void)
{
	return register_module_notifier(&notifier);
}

void merlon_holes_teardown(void)
{
	unregister_module_notifier(&notifier);
}
