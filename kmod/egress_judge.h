/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MERLON_EGRESS_JUDGE_H
#define MERLON_EGRESS_JUDGE_H

#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct merlon_net;
struct net_device;
struct sk_buff;

/**
 * struct merlon_guarded - a device with an egress hook of Merlon's
 * @mn: the namespace whose guard it is
 * @away: the device is in another namespace now: what has a route there was
 *	judged by nobody. READ_ONCE on the packet path
 * @dev: the device
 * @list: all of them; RTNL, as all that follows
 * @hooked: @ops are registered. Not so while it moves, and where that failed:
 *	then it is not let up
 * @was_up: it has carried packets in @mn's namespace
 * @ops: the hook at egress
 * @flow_ops: of a tunnel: the one at ingress
 * @rcu: the way out
 */
struct merlon_guarded {
	struct merlon_net *mn;
	bool away;
	struct net_device *dev;
	struct list_head list;
	bool hooked;
	bool was_up;
	struct nf_hook_ops ops;
	struct nf_hook_ops flow_ops;
	struct rcu_head rcu;
};

/* The hook; @priv is a struct merlon_guarded. */
unsigned int merlon_egress_judge(void *priv, struct sk_buff *skb,
				 const struct nf_hook_state *state);

/*
 * The same at a tunnel's ingress: a flow that a flowtable takes from there, past
 * the hooks of IP, ends with its rule. What is denied and is not of a known
 * connection goes on, to be told so where that can be done.
 */
unsigned int merlon_ingress_judge(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state);

#endif
