/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The outermost wall: the egress hook of every guarded device.
 *
 * What came out of this namespace's IP stack was judged at POST_ROUTING, and is
 * known here by where it came from: it has a route to this device, and conntrack
 * has seen it where it runs. There is no mark that somebody could set. Whatever
 * else comes (packet sockets, bridges, children in other namespaces, flows in a
 * flowtable) is judged by its content.
 *
 * Guarded are, in scope TUNNELS, WireGuard devices; in scope EVERYTHING all but
 * the loopback. A device is guarded before it can carry a packet, or refused.
 */
#ifndef MERLON_EGRESS_H
#define MERLON_EGRESS_H

#include <linux/types.h>

struct merlon_net;
struct net_device;

/**
 * merlon_egress_widen - guard what @scope asks for, on top of what is guarded
 * @mn: the namespace, under its lock
 * @scope: enum merlon_scope
 *
 * Return: 0 or -errno, then as before.
 */
int merlon_egress_widen(struct merlon_net *mn, u8 scope);

/*
 * Guard no more than @scope asks for; UNSPEC: nothing. Under merlon_net.lock. A
 * packet may be in a hook for a grace period more.
 */
void merlon_egress_narrow(struct merlon_net *mn, u8 scope);

/*
 * A forced unload, while armed: close what is guarded before anybody stops
 * guarding it.
 */
void merlon_egress_close(void);

/* RTNL: from the notifier of devices. Return: 0, or -errno to refuse the device. */
int merlon_egress_event(unsigned long event, struct net_device *dev);

#endif
