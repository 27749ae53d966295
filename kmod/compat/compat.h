/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where kernels differ, and nowhere else: the names of the newer kernel, made
 * of what an older one has. MERLON_HAS_* come from Kbuild, which looks into
 * the kernel's headers, so that a backport to a stable series does no harm.
 */
#ifndef MERLON_COMPAT_H
#define MERLON_COMPAT_H

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#ifndef MERLON_HAS_HRTIMER_SETUP	/* 6.13 */
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* The group's flag asks for the capability where it is known (6.1.x, 6.7). */
#ifndef GENL_MCAST_CAP_NET_ADMIN
#define GENL_MCAST_CAP_NET_ADMIN 0
#endif

/*
 * A refusal about one record of an image; @what is in static storage. Before
 * 6.3 a refusal can only be a constant: it says what, not where.
 */
#ifdef NL_SET_ERR_MSG_FMT
#define merlon_compat_refuse_record(extack, what, section, index) \
	NL_SET_ERR_MSG_FMT(extack, "%s[%u]: %.*s", section, index, \
			   NETLINK_MAX_FMTMSG_LEN - 24, what)
#else
#define merlon_compat_refuse_record(extack, what, section, index) do {	\
	struct netlink_ext_ack *_extack = (extack);			\
									\
	(void)(section);						\
	(void)(index);							\
	if (_extack)							\
		_extack->_msg = (what);					\
} while (0)
#endif

/*
 * Who listens to events needs CAP_NET_ADMIN in the initial user namespace, as
 * for every command. Joining is checked against the owner of the listener's
 * network namespace only, and a group's number can be joined before its family
 * exists: so each receiver is looked at when an event is sent. Without filters
 * (before 6.8) an event is sent only where joining asked the same question:
 * in namespaces that belong to the initial user namespace.
 */
#ifdef MERLON_HAS_FILTERED
static inline int merlon_compat_withhold(struct sock *to, struct sk_buff *skb, void *data)
{
	const struct socket *socket = to->sk_socket;

	return !socket || !socket->file ||
	       !file_ns_capable(socket->file, &init_user_ns, CAP_NET_ADMIN);
}

static inline bool merlon_compat_may_send(const struct net *net)
{
	return true;
}

static inline void merlon_compat_send(const struct genl_family *family, struct net *net,
				      struct sk_buff *skb, gfp_t gfp)
{
	genlmsg_multicast_netns_filtered(family, net, skb, 0, 0, gfp,
					 merlon_compat_withhold, NULL);
}
#else
static inline bool merlon_compat_may_send(const struct net *net)
{
	return net->user_ns == &init_user_ns;
}

static inline void merlon_compat_send(const struct genl_family *family, struct net *net,
				      struct sk_buff *skb, gfp_t gfp)
{
	genlmsg_multicast_netns(family, net, skb, 0, 0, gfp);
}
#endif

#endif
