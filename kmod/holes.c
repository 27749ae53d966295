// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>

#include <linux/merlon.h>

#include "holes.h"

static const struct {
	const char *module;
	u32 flag;
} holes[] = {
	{ "pktgen", MERLON_HOLE_PKTGEN },
	{ "netconsole", MERLON_HOLE_NETCONSOLE },
};

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

/* As /sys/module has it: what is built in is there, too, where it has parameters. */
u32 merlon_holes_get(void)
{
	struct kset *modules = THIS_MODULE->mkobj.kobj.kset;
	struct kobject *found;
	u32 ret = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		found = kset_find_obj(modules, holes[i].module);
		if (found)
			ret |= holes[i].flag;
		kobject_put(found);
	}
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
