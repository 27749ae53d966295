/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does conntrack run? Inline, since a packet that is of no connection asks it wherever
 * conntrack is loaded: at egress, and for a reply.
 */
#ifndef MERLON_JUDGE_CONNTRACK_H
#define MERLON_JUDGE_CONNTRACK_H

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rcupdate.h>
#include <linux/socket.h>
#include <net/net_namespace.h>

/**
 * merlon_conntrack_runs - does conntrack see this family's packets here?
 * @net: here
 * @family: AF_INET, AF_INET6
 *
 * Packet path, under RCU. nf_tables may share conntrack's priority, which is the
 * same in both families.
 */
static __always_inline bool merlon_conntrack_runs(const struct net *net, u8 family)
{
	struct nf_hook_entries __rcu *const *where;
	const struct nf_hook_entries *entries;
	struct nf_hook_ops **ops;
	u16 i;

	if (!rcu_access_pointer(nf_ct_hook))
		return false;
	where = family == AF_INET ? net->nf.hooks_ipv4 : net->nf.hooks_ipv6;
	entries = rcu_dereference(where[NF_INET_PRE_ROUTING]);
	if (!entries)
		return false;
	ops = nf_hook_entries_get_hook_ops(entries);
	for (i = 0; i < entries->num_hook_entries; i++) {
		const struct nf_hook_ops *op = READ_ONCE(ops[i]);

		if (op->priority == NF_IP_PRI_CONNTRACK &&
		    op->hook_ops_type == NF_HOOK_OP_UNDEFINED)
			return true;
	}
	return false;
}

#endif
