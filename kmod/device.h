/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MERLON_DEVICE_H
#define MERLON_DEVICE_H

#include <linux/netdevice.h>

struct rtnl_link_ops;

/*
 * WireGuard's link operations, learned when a device of kind "wireguard" is
 * registered, which is before it can carry a packet. Until then nobody's; never NULL.
 */
extern const struct rtnl_link_ops *merlon_wireguard_ops;

/* Packet path: no list of devices to be late with. */
static __always_inline bool merlon_device_is_wireguard(const struct net_device *dev)
{
	return dev->rtnl_link_ops == READ_ONCE(merlon_wireguard_ops);
}

int merlon_device_setup(void);
void merlon_device_teardown(void);

#endif
