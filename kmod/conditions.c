// SPDX-License-Identifier: GPL-2.0
#include <linux/cgroup.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <net/sock.h>

#include "conditions.h"

static size_t bytes_for(u32 cgroups)
{
	return sizeof(struct merlon_conditions) + cgroups * sizeof(struct merlon_guard_cgroup);
}

size_t merlon_conditions_bytes(const struct merlon_conditions *conditions)
{
	return bytes_for(conditions->nr_cgroups);
}

struct merlon_conditions *merlon_conditions_alloc(const struct merlon_parts *parts)
{
	struct merlon_conditions *ret;
	u32 i;

	ret = kvzalloc(bytes_for(parts->nr_cgroups), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!ret)
		return NULL;
	ret->nr_devices = parts->nr_devices;
	ret->nr_users = parts->nr_users;
	ret->nr_cgroups = parts->nr_cgroups;
	memcpy(ret->device, parts->devices, ret->nr_devices * sizeof(*ret->device));
	memcpy(ret->cgroup, parts->cgroups, ret->nr_cgroups * sizeof(*ret->cgroup));
	for (i = 0; i < ret->nr_users; i++)
		ret->user[i] = le32_to_cpu(parts->users[i]);
	return ret;
}

/* ----------------------------------------------------------------- devices */

void merlon_conditions_add_device(struct merlon_conditions *conditions,
				  const struct net_device *dev)
{
	u32 i;

	for (i = 0; i < conditions->nr_devices; i++)
		if (!strncmp(conditions->device[i].name, dev->name, IFNAMSIZ))
			break;
	merlon_slots_set(&conditions->devices, dev->ifindex,
			 i < conditions->nr_devices ? i + 1 : 0);
}

/* ------------------------------------------------------------------- users */

static u8 user_number(const struct merlon_conditions *conditions, const struct sock *sk)
{
	u32 low = 0, high = conditions->nr_users;
	uid_t user;

	if (!high)
		return 0;
	user = from_kuid(&init_user_ns, sk->sk_uid);
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (conditions->user[middle] == user)
			return middle + 1;
		if (conditions->user[middle] < user)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

/* ---------------------------------------------------------- control groups */

/* Which of the groups @path is, or is below of; none of them is below another. */
static u8 path_number(const struct merlon_conditions *conditions, const char *path)
{
	u32 i;
	size_t length;

	for (i = 0; i < conditions->nr_cgroups; i++) {
		length = strlen(conditions->cgroup[i].path);
		if (!strncmp(conditions->cgroup[i].path, path, length) &&
		    (!path[length] || path[length] == '/'))
			return i + 1;
	}
	return 0;
}

/* Room for what is below the longest path that can be named, for a while. */
static u8 find_number(const struct merlon_conditions *conditions, struct cgroup *cgroup)
{
	char path[MERLON_MAX_CGROUP_BYTES + 32];
	int length = cgroup_path(cgroup, path, sizeof(path));

	return length < 0 || length >= (int)sizeof(path) ? 0 : path_number(conditions, path);
}

static u8 cgroup_number(struct merlon_conditions *conditions, const struct sock *sk)
{
	struct cgroup *cgroup;
	atomic64_t *known;
	u64 id, found;
	u8 number;

	if (!conditions->nr_cgroups)
		return 0;
	cgroup = sock_cgroup_ptr((struct sock_cgroup_data *)&sk->sk_cgrp_data);
	id = cgroup_id(cgroup);
	known = &conditions->known[id & (MERLON_CGROUPS_KNOWN - 1)];
	found = atomic64_read(known);
	if (likely(found >> 8 == id))
		return (u8)found;
	number = find_number(conditions, cgroup);
	if (!(id >> 56))
		atomic64_set(known, id << 8 | number);
	return number;
}

__be32 merlon_conditions_of(struct merlon_conditions *conditions, const struct net_device *out,
			    const struct sock *sk, bool from_outside)
{
	union {
		u8 byte[4];
		__be32 source;
	} ret = {
		.byte = { from_outside, merlon_slots_find(&conditions->devices, out->ifindex) },
	};

	if (sk && !sk->sk_kern_sock) {
		ret.byte[2] = user_number(conditions, sk);
		ret.byte[3] = cgroup_number(conditions, sk);
	}
	return ret.source;
}
