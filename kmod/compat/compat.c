// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "compat.h"

#ifdef MERLON_HAS_TCX
#include <linux/bpf_mprog.h>
#endif

#if defined(MERLON_HAS_TCX) && defined(CONFIG_NET_XGRESS)

static bool has_programs(struct bpf_mprog_entry *entry)
{
	return entry && bpf_mprog_total(entry);
}

bool merlon_compat_has_tcx(const struct net_device *dev)
{
	return has_programs(rcu_dereference(dev->tcx_ingress)) ||
	       has_programs(rcu_dereference(dev->tcx_egress));
}

#else

bool merlon_compat_has_tcx(const struct net_device *dev)
{
	return false;
}

#endif

#ifdef MERLON_HAS_FILTERED	/* 6.8: each receiver is looked at when an event is sent */

static int withhold(struct sock *to, struct sk_buff *skb, void *data)
{
	const struct socket *socket = to->sk_socket;

	return !socket || !socket->file ||
	       !file_ns_capable(socket->file, &init_user_ns, CAP_NET_ADMIN);
}

int merlon_compat_register(struct genl_family *family)
{
	return genl_register_family(family);
}

bool merlon_compat_may_send(const struct net *net)
{
	return true;
}

void merlon_compat_send(const struct genl_family *family, struct net *net,
			struct sk_buff *skb, gfp_t gfp)
{
	genlmsg_multicast_netns_filtered(family, net, skb, 0, 0, gfp, withhold, NULL);
}

#else

/*
 * Receivers cannot be looked at. Events are sent only where joining asked for
 * the right capability, in namespaces that belong to the initial user
 * namespace; and whoever joined before the family was there is thrown out by
 * registering it, taking it back and registering it again.
 */
#define ATTEMPTS 8

static bool silent __read_mostly;

static bool is_joined(const struct genl_family *family)
{
	bool joined = false;
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net)
		joined |= net->user_ns == &init_user_ns && genl_has_listeners(family, net, 0);
	up_read(&net_rwsem);
	return joined;
}

/*
 * Somebody who joins again faster than this must not keep the module from being
 * loaded: then nobody gets events.
 */
int merlon_compat_register(struct genl_family *family)
{
	int i, err;

	for (i = 0; ; i++) {
		err = genl_register_family(family);
		if (err || !is_joined(family))
			return err;
		if (i == ATTEMPTS)
			break;
		genl_unregister_family(family);
	}
	pr_warn("somebody keeps joining the events before they exist: there will be none\n");
	silent = true;
	return 0;
}

bool merlon_compat_may_send(const struct net *net)
{
	return !silent && net->user_ns == &init_user_ns;
}

void merlon_compat_send(const struct genl_family *family, struct net *net,
			struct sk_buff *skb, gfp_t gfp)
{
	genlmsg_multicast_netns(family, net, skb, 0, 0, gfp);
}

#endif
