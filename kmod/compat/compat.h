/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where kernels differ, and nowhere else: the names of the newer kernel, made
 * of what an older one has. MERLON_HAS_* come from Kbuild, which looks into
 * the kernel's headers, so that a backport to a stable series does no harm.
 */
#ifndef MERLON_COMPAT_H
#define MERLON_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/netlink.h>
#include <net/genetlink.h>

struct net;
struct net_device;
struct sk_buff;

#ifndef MERLON_HAS_HRTIMER_SETUP	/* 6.13 */
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* A refusal in words that are chosen from a table; @what is in static storage. */
static inline void merlon_compat_refuse(struct netlink_ext_ack *extack, const char *what)
{
	if (extack)
		extack->_msg = what;
}

/*
 * A refusal about one record of an image; @what is in static storage. Before
 * 6.3 a refusal can only be a constant: it says what, not where.
 */
#ifdef NL_SET_ERR_MSG_FMT
#define merlon_compat_refuse_record(extack, what, section, index) \
	NL_SET_ERR_MSG_FMT(extack, "%s[%u]: %.*s", section, index, \
			   NETLINK_MAX_FMTMSG_LEN - 24, what)
#else
static inline void merlon_compat_refuse_record(struct netlink_ext_ack *extack,
					       const char *what, const char *section, u32 index)
{
	merlon_compat_refuse(extack, what);
}
#endif

/* The group's flag asks for the capability where it is known (6.1.x, 6.7). */
#ifndef GENL_MCAST_CAP_NET_ADMIN
#define GENL_MCAST_CAP_NET_ADMIN 0
#endif

/* Has it a program at tcx, in or out? 6.6 brought the place. Under RCU. */
bool merlon_compat_has_tcx(const struct net_device *dev);

/*
 * Who listens to events needs CAP_NET_ADMIN in the initial user namespace, as
 * for every command. Joining a group asks less: it is checked against the owner
 * of the listener's network namespace, and a group's number can be joined
 * before its family exists. compat.c says what is done about it.
 */
int merlon_compat_register(struct genl_family *family);
bool merlon_compat_may_send(const struct net *net);
void merlon_compat_send(const struct genl_family *family, struct net *net,
			struct sk_buff *skb, gfp_t gfp);

#endif
