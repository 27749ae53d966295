// SPDX-License-Identifier: MIT
/* The socket, and devices; rtnl_route.c has the rest. */
#include "rtnl_private.h"

#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

int ml_rtnl_open(struct ml_rtnl **ret, struct ml_error *error)
{
	struct ml_rtnl *rtnl = calloc(1, sizeof(*rtnl));
	int code;

	if (!rtnl)
		return ml_error_set(error, -ENOMEM, "out of memory");
	code = ml_netlink_open(NETLINK_ROUTE, "rtnetlink", &rtnl->netlink, error);
	if (code) {
		free(rtnl);
		return code;
	}
	/* Dumps of what is asked for alone: a router may have a million routes. */
	ml_netlink_set(rtnl->netlink, NETLINK_GET_STRICT_CHK, 1);
	*ret = rtnl;
	return 0;
}

void ml_rtnl_close(struct ml_rtnl *rtnl)
{
	if (!rtnl)
		return;
	ml_netlink_close(rtnl->netlink);
	free(rtnl);
}

struct nlmsghdr *ml_rtnl_begin(struct ml_rtnl *rtnl, uint16_t type, uint16_t flags,
			       const void *head, size_t length)
{
	struct nlmsghdr *message = ml_netlink_begin(rtnl->netlink, type, flags);

	memcpy(mnl_nlmsg_put_extra_header(message, length), head, length);
	return message;
}

int ml_rtnl_do(struct ml_rtnl *rtnl, struct ml_error *error)
{
	return ml_netlink_talk(rtnl->netlink, NULL, NULL, error);
}

void ml_rtnl_sort(const struct nlmsghdr *message, size_t head, const struct nlattr **table,
		  uint16_t max)
{
	const struct nlattr *attribute;
	uint16_t type;

	memset(table, 0, (max + 1u) * sizeof(*table));
	if (mnl_nlmsg_get_payload_len(message) < head)
		return;
	mnl_attr_for_each(attribute, message, head) {
		type = mnl_attr_get_type(attribute);
		if (type <= max)
			table[type] = attribute;
	}
}

/* -------------------------------------------------------------------- devices */

struct link_walk {
	int (*each)(const struct ml_rtnl_link *link, void *arg);
	void *arg;
};

static int take_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[IFLA_IFALIAS + 1], *info[IFLA_INFO_MAX + 1];
	struct link_walk *walk = arg;
	struct ml_rtnl_link link;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*head))
		return 0;
	ml_rtnl_sort(message, sizeof(*head), table, IFLA_IFALIAS);
	ml_genl_nested(table[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	memset(&link, 0, sizeof(link));
	link.index = (uint32_t)head->ifi_index;
	link.up = head->ifi_flags & IFF_UP;
	link.mtu = ml_genl_u32(table[IFLA_MTU]);
	ml_genl_string(table[IFLA_IFNAME], link.name, sizeof(link.name));
	ml_genl_string(table[IFLA_IFALIAS], link.alias, sizeof(link.alias));
	ml_genl_string(info[IFLA_INFO_KIND], link.kind, sizeof(link.kind));
	return walk->each(&link, walk->arg);
}

int ml_rtnl_links(struct ml_rtnl *rtnl, int (*each)(const struct ml_rtnl_link *link,
						    void *arg),
		  void *arg, struct ml_error *error)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct link_walk walk = { .each = each, .arg = arg };

	ml_rtnl_begin(rtnl, RTM_GETLINK, NLM_F_DUMP, &head, sizeof(head));
	return ml_netlink_talk(rtnl->netlink, take_link, &walk, error);
}

static int keep_link(const struct ml_rtnl_link *link, void *arg)
{
	*(struct ml_rtnl_link *)arg = *link;
	return 0;
}

int ml_rtnl_link_find(struct ml_rtnl *rtnl, const char *name, struct ml_rtnl_link *ret,
		      struct ml_error *error)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct ml_rtnl_link link = { .index = 0 };
	struct link_walk walk = { .each = keep_link, .arg = &link };
	struct nlmsghdr *message = ml_rtnl_begin(rtnl, RTM_GETLINK, 0, &head, sizeof(head));
	int code;

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	code = ml_netlink_talk(rtnl->netlink, take_link, &walk, error);
	if (code == -ENODEV || (!code && !link.index))
		return ml_error_set(error, -ENODEV, "there is no device '%s'", name);
	if (!code)
		*ret = link;
	return code;
}

int ml_rtnl_link_create(struct ml_rtnl *rtnl, const char *name, const char *kind,
			struct ml_error *error)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nlmsghdr *message = ml_rtnl_begin(rtnl, RTM_NEWLINK,
						 NLM_F_CREATE | NLM_F_EXCL, &head,
						 sizeof(head));
	struct nlattr *info;
	int code;

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(message, info);
	code = ml_rtnl_do(rtnl, error);
	if (code == -EOPNOTSUPP)
		ml_error_set(error, code, "the kernel has no devices of the kind '%s', or its "
			     "module does not load: see 'dmesg'", kind);
	return code;
}

int ml_rtnl_link_delete(struct ml_rtnl *rtnl, uint32_t index, struct ml_error *error)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = (int)index };

	ml_rtnl_begin(rtnl, RTM_DELLINK, 0, &head, sizeof(head));
	return ml_rtnl_do(rtnl, error);
}

int ml_rtnl_link_alias(struct ml_rtnl *rtnl, uint32_t index, const char *alias,
		       struct ml_error *error)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = (int)index };
	struct nlmsghdr *message = ml_rtnl_begin(rtnl, RTM_NEWLINK, 0, &head, sizeof(head));

	mnl_attr_put_str(message, IFLA_IFALIAS, alias);
	return ml_rtnl_do(rtnl, error);
}

int ml_rtnl_link_up(struct ml_rtnl *rtnl, uint32_t index, struct ml_error *error)
{
	struct ifinfomsg head = {
		.ifi_family = AF_UNSPEC, .ifi_index = (int)index,
		.ifi_flags = IFF_UP, .ifi_change = IFF_UP,
	};

	ml_rtnl_begin(rtnl, RTM_NEWLINK, 0, &head, sizeof(head));
	return ml_rtnl_do(rtnl, error);
}
