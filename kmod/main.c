// SPDX-License-Identifier: GPL-2.0
/*
 * Merlon: kernel-enforced policy for WireGuard networks.
 *
 * ORDER: each step may use those before it and is used by those behind it. The
 * netlink family comes last: once it is there, anything can be armed. On the
 * way out it goes first, and a command that runs is waited for.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <net/genetlink.h>

#include <linux/merlon.h>

#include "device.h"
#include "event.h"
#include "generation.h"
#include "holes.h"
#include "kfunc.h"
#include "load.h"
#include "netlink.h"
#include "pernet.h"

static int __init merlon_init(void)
{
	int err;

	err = merlon_generation_setup();
	if (err)
		goto err_generation;
	err = merlon_holes_setup();
	if (err)
		goto err_holes;
	err = merlon_net_setup();
	if (err)
		goto err_net;
	err = merlon_device_setup();
	if (err)
		goto err_device;
	err = merlon_load_setup();
	if (err)
		goto err_load;
	merlon_kfunc_setup();
	err = merlon_netlink_setup();
	if (err)
		goto err_netlink;
	return 0;

err_netlink:
	merlon_load_teardown();
err_load:
	merlon_device_teardown();
err_device:
	merlon_net_teardown();
err_net:
	merlon_holes_teardown();
err_holes:
	merlon_generation_teardown();
err_generation:
	return err;
}

static void __exit merlon_exit(void)
{
	merlon_netlink_teardown();
	merlon_load_teardown();
	merlon_device_teardown();
	merlon_net_teardown();
	merlon_holes_teardown();
	merlon_generation_teardown();
}

module_init(merlon_init);
module_exit(merlon_exit);

MODULE_DESCRIPTION("Kernel-enforced policy for WireGuard networks");
MODULE_LICENSE("GPL");
MODULE_VERSION(MERLON_VERSION);
MODULE_ALIAS_GENL_FAMILY(MERLON_GENL_NAME);
