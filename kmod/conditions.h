/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guard's rules can ask of a packet beside its addresses: by which
 * device it leaves, and which user and control group sent it. Each is a number
 * in the image; linux/merlon.h ('THE GUARD') says how they make a source.
 */
#ifndef MERLON_CONDITIONS_H
#define MERLON_CONDITIONS_H

#include <linux/atomic.h>
#include <linux/types.h>

#include "classifier/parts.h"
#include "slots.h"

struct net_device;
struct sock;

#define MERLON_CGROUPS_KNOWN	64	/* power of two */

/**
 * struct merlon_conditions - names, and the numbers they have
 * @devices: number of a device by ifindex; as struct merlon_slots has it
 * @known: control groups that were looked up: id << 8 | number, by the id's
 *	lower bits. An id is not given twice
 * @nr_devices: how many
 * @nr_users: how many
 * @nr_cgroups: how many
 * @device: names, as in the image
 * @user: ascending
 * @cgroup: paths, as in the image
 */
struct merlon_conditions {
	struct merlon_slots devices;
	atomic64_t known[MERLON_CGROUPS_KNOWN];
	u32 nr_devices, nr_users, nr_cgroups;
	struct merlon_guard_device device[MERLON_MAX_CONDITIONS];
	u32 user[MERLON_MAX_CONDITIONS];
	struct merlon_guard_cgroup cgroup[];
};

/* Memory for what @parts names; NULL: there is none. kvfree() it. */
struct merlon_conditions *merlon_conditions_alloc(const struct merlon_parts *parts);
size_t merlon_conditions_bytes(const struct merlon_conditions *conditions);

/* Under RTNL: @dev came, or has another name. */
void merlon_conditions_add_device(struct merlon_conditions *conditions,
				  const struct net_device *dev);

/**
 * merlon_conditions_of - what is known of a packet here
 * @conditions: of the guard
 * @out: the device that it leaves by
 * @sk: whole socket that sent it, or NULL: forwarded, or the kernel's
 * @from_outside: its connection was opened from there
 *
 * Packet path, under RCU. No lock but, where a control group is seen for the
 * first time, that of its path.
 *
 * Return: a source, as the guard's rules have it.
 */
__be32 merlon_conditions_of(struct merlon_conditions *conditions, const struct net_device *out,
			    const struct sock *sk, bool from_outside);

#endif
