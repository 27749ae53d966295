// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: what each command takes, and arming.
 *
 * Every command has a policy of its own, so that an attribute which another
 * command takes is refused too. What generic netlink refuses before it comes
 * to a command (an unknown one, a lack of permission) it refuses in its own
 * words, or none. GENL_ADMIN_PERM is CAP_NET_ADMIN in the initial
 * user namespace, for dumps as well; compat.h says how listening is guarded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cred.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/uidgid.h>
#include <net/genetlink.h>

#include <linux/merlon.h>

#include "compat/compat.h"
#include "event.h"
#include "netlink.h"
#include "pernet.h"

/* ---------------------------------------------------------------- policies */

static struct netlink_range_validation confirm_range = {
	.min = 1,
	.max = 86400,
};

static const struct nla_policy nothing_policy[] = {
	[MERLON_A_UNSPEC] = { .type = NLA_REJECT },
	[MERLON_A_PAD] = { .type = NLA_REJECT },
};

static const struct nla_policy arm_policy[] = {
	[MERLON_A_SCOPE] = NLA_POLICY_RANGE(NLA_U32, 1, MERLON_SCOPE_MAX),
	[MERLON_A_MODE] = NLA_POLICY_RANGE(NLA_U32, 1, MERLON_MODE_MAX),
	[MERLON_A_CONFIRM_S] = NLA_POLICY_FULL_RANGE(NLA_U32, &confirm_range),
	[MERLON_A_WHY] = { .type = NLA_NUL_STRING, .len = MERLON_REASON_TEXT_BYTES - 1 },
};

static const struct nla_policy disarm_policy[] = {
	[MERLON_A_WHY] = { .type = NLA_NUL_STRING, .len = MERLON_REASON_TEXT_BYTES - 1 },
};

static const struct nla_policy begin_policy[] = {
	[MERLON_A_EPOCH] = { .type = NLA_U64 },
	[MERLON_A_SERIAL] = { .type = NLA_U64 },
	[MERLON_A_LIFETIME_MS] = { .type = NLA_U64 },
	[MERLON_A_IMAGE_BYTES] = { .type = NLA_U32 },
	[MERLON_A_DIGEST] = NLA_POLICY_EXACT_LEN(MERLON_DIGEST_BYTES),
};

static const struct nla_policy chunk_policy[] = {
	[MERLON_A_OFFSET] = { .type = NLA_U32 },
	[MERLON_A_DATA] = { .type = NLA_BINARY },	/* length: take_data() */
};

static const struct nla_policy renew_policy[] = {
	[MERLON_A_EPOCH] = { .type = NLA_U64 },
	[MERLON_A_SERIAL] = { .type = NLA_U64 },
	[MERLON_A_LIFETIME_MS] = { .type = NLA_U64 },
	[MERLON_A_DIGEST] = NLA_POLICY_EXACT_LEN(MERLON_DIGEST_BYTES),
};

static const struct nla_policy explain_policy[] = {
	[MERLON_A_FAMILY] = { .type = NLA_U8 },
	[MERLON_A_SOURCE] = NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[MERLON_A_DESTINATION] = NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[MERLON_A_PROTOCOL] = { .type = NLA_U8 },
	[MERLON_A_SELECTOR] = { .type = NLA_U16 },
};

/* ------------------------------------------------------------------ arming */

static const char * const missing[__MERLON_A_MAX] = {
	[MERLON_A_SCOPE] = "SCOPE is missing",
	[MERLON_A_MODE] = "MODE is missing",
	[MERLON_A_WHY] = "WHY is missing: disarming wants a reason, for the log",
	[MERLON_A_EPOCH] = "EPOCH is missing",
	[MERLON_A_SERIAL] = "SERIAL is missing",
	[MERLON_A_LIFETIME_MS] = "LIFETIME_MS is missing",
	[MERLON_A_IMAGE_BYTES] = "IMAGE_BYTES is missing",
	[MERLON_A_DIGEST] = "DIGEST is missing",
	[MERLON_A_OFFSET] = "OFFSET is missing",
	[MERLON_A_DATA] = "DATA is missing",
	[MERLON_A_FAMILY] = "FAMILY is missing",
	[MERLON_A_SOURCE] = "SOURCE is missing",
	[MERLON_A_DESTINATION] = "DESTINATION is missing",
	[MERLON_A_PROTOCOL] = "PROTOCOL is missing",
	[MERLON_A_SELECTOR] = "SELECTOR is missing",
};

int merlon_netlink_require(struct genl_info *info, const u8 *wanted, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!GENL_REQ_ATTR_CHECK(info, wanted[i]))
			continue;
		merlon_compat_refuse(info->extack, missing[wanted[i]]);
		return -EINVAL;
	}
	return 0;
}

/* Who did it, and what they said. The kernel log is where this is kept. */
static void log_change(const struct merlon_net *mn, const char *what,
		       const struct nlattr *why)
{
	const char *text = why ? nla_data(why) : "no reason given";

	pr_notice("namespace %u: %s by uid %u (%*pE): %*pE\n", mn->net->ns.inum, what,
		  from_kuid(&init_user_ns, current_uid()),
		  (int)strnlen(current->comm, sizeof(current->comm)), current->comm,
		  (int)strlen(text), text);
}

static int arm(struct sk_buff *skb, struct genl_info *info)
{
	static const u8 wanted[] = { MERLON_A_SCOPE, MERLON_A_MODE };
	struct merlon_net *mn = merlon_net_get(genl_info_net(info));
	struct nlattr **attrs = info->attrs;
	struct merlon_arming arming;
	u32 confirm_s = 0;
	int err;

	err = merlon_netlink_require(info, wanted, ARRAY_SIZE(wanted));
	if (err)
		return err;
	arming.scope = nla_get_u32(attrs[MERLON_A_SCOPE]);
	arming.mode = nla_get_u32(attrs[MERLON_A_MODE]);
	if (attrs[MERLON_A_CONFIRM_S])
		confirm_s = nla_get_u32(attrs[MERLON_A_CONFIRM_S]);

	mutex_lock(&mn->lock);
	err = merlon_net_arm(mn, &arming, confirm_s, info->extack);
	if (!err)
		log_change(mn, arming.mode == MERLON_MODE_ENFORCING ?
			   "armed, enforcing," : "armed, observing,", attrs[MERLON_A_WHY]);
	mutex_unlock(&mn->lock);
	return err;
}

static int confirm(struct sk_buff *skb, struct genl_info *info)
{
	struct merlon_net *mn = merlon_net_get(genl_info_net(info));
	int err;

	mutex_lock(&mn->lock);
	err = merlon_net_confirm(mn, info->extack);
	mutex_unlock(&mn->lock);
	return err;
}

static int disarm(struct sk_buff *skb, struct genl_info *info)
{
	static const u8 wanted[] = { MERLON_A_WHY };
	struct merlon_net *mn = merlon_net_get(genl_info_net(info));
	int err;

	err = merlon_netlink_require(info, wanted, ARRAY_SIZE(wanted));
	if (err)
		return err;
	if (!*(const char *)nla_data(info->attrs[MERLON_A_WHY])) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[MERLON_A_WHY],
				    "WHY is empty: disarming wants a reason, for the log");
		return -EINVAL;
	}
	mutex_lock(&mn->lock);
	merlon_net_disarm(mn);
	log_change(mn, "disarmed", info->attrs[MERLON_A_WHY]);
	mutex_unlock(&mn->lock);
	return 0;
}

/* ------------------------------------------------------------------ family */

static const struct genl_ops ops[] = {
	{
		.cmd = MERLON_CMD_GET_STATUS,
		.flags = GENL_ADMIN_PERM,
		.doit = merlon_netlink_get_status,
		.policy = nothing_policy,
		.maxattr = ARRAY_SIZE(nothing_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_ARM,
		.flags = GENL_ADMIN_PERM,
		.doit = arm,
		.policy = arm_policy,
		.maxattr = ARRAY_SIZE(arm_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_CONFIRM,
		.flags = GENL_ADMIN_PERM,
		.doit = confirm,
		.policy = nothing_policy,
		.maxattr = ARRAY_SIZE(nothing_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_DISARM,
		.flags = GENL_ADMIN_PERM,
		.doit = disarm,
		.policy = disarm_policy,
		.maxattr = ARRAY_SIZE(disarm_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_LOAD_BEGIN,
		.flags = GENL_ADMIN_PERM,
		.doit = merlon_netlink_load_begin,
		.policy = begin_policy,
		.maxattr = ARRAY_SIZE(begin_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_LOAD_CHUNK,
		.flags = GENL_ADMIN_PERM,
		.doit = merlon_netlink_load_chunk,
		.policy = chunk_policy,
		.maxattr = ARRAY_SIZE(chunk_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_LOAD_COMMIT,
		.flags = GENL_ADMIN_PERM,
		.doit = merlon_netlink_load_commit,
		.policy = nothing_policy,
		.maxattr = ARRAY_SIZE(nothing_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_LOAD_ABORT,
		.flags = GENL_ADMIN_PERM,
		.doit = merlon_netlink_load_abort,
		.policy = nothing_policy,
		.maxattr = ARRAY_SIZE(nothing_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_RENEW,
		.flags = GENL_ADMIN_PERM,
		.doit = merlon_netlink_renew,
		.policy = renew_policy,
		.maxattr = ARRAY_SIZE(renew_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_GET_RULES,
		.flags = GENL_ADMIN_PERM,
		.dumpit = merlon_netlink_get_rules,
		.policy = nothing_policy,
		.maxattr = ARRAY_SIZE(nothing_policy) - 1,
	},
	{
		.cmd = MERLON_CMD_EXPLAIN,
		.flags = GENL_ADMIN_PERM,
		.doit = merlon_netlink_explain,
		.policy = explain_policy,
		.maxattr = ARRAY_SIZE(explain_policy) - 1,
	},
};

static const struct genl_multicast_group groups[] = {
	{
		.name = MERLON_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

struct genl_family merlon_netlink_family __ro_after_init = {
	.name = MERLON_GENL_NAME,
	.version = MERLON_GENL_VERSION,
	.module = THIS_MODULE,
	.netnsok = true,
	.parallel_ops = true,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

int __init merlon_netlink_setup(void)
{
	merlon_event_setup(&merlon_netlink_family);
	return merlon_compat_register(&merlon_netlink_family);
}

void merlon_netlink_teardown(void)
{
	genl_unregister_family(&merlon_netlink_family);
}
