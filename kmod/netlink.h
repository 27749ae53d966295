/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The family: netlink.c registers it, arms and disarms; netlink_load.c takes
 * generations; netlink_ask.c answers.
 */
#ifndef MERLON_NETLINK_H
#define MERLON_NETLINK_H

#include <linux/types.h>

struct genl_family;
struct genl_info;
struct netlink_callback;
struct sk_buff;

extern struct genl_family merlon_netlink_family;

int merlon_netlink_setup(void);
void merlon_netlink_teardown(void);

/* Return: 0, or -EINVAL: one of the @count attributes @wanted is missing. */
int merlon_netlink_require(struct genl_info *info, const u8 *wanted, size_t count);

int merlon_netlink_load_begin(struct sk_buff *skb, struct genl_info *info);
int merlon_netlink_load_chunk(struct sk_buff *skb, struct genl_info *info);
int merlon_netlink_load_commit(struct sk_buff *skb, struct genl_info *info);
int merlon_netlink_load_abort(struct sk_buff *skb, struct genl_info *info);
int merlon_netlink_renew(struct sk_buff *skb, struct genl_info *info);

int merlon_netlink_get_status(struct sk_buff *skb, struct genl_info *info);
int merlon_netlink_get_rules(struct sk_buff *skb, struct netlink_callback *cb);
int merlon_netlink_explain(struct sk_buff *skb, struct genl_info *info);

#endif
