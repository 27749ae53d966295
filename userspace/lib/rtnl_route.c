// SPDX-License-Identifier: MIT
/* Addresses, routes and rules. */
#include "rtnl_private.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <string.h>

#define TRIES 3

/* A list that grows as a dump comes in; from the start again where that changed. */
struct collector {
	struct ml_prefixes *list;
	uint32_t index, table;
};

static size_t address_bytes(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static void put_address(struct nlmsghdr *message, uint16_t type,
			const struct ml_prefix *prefix)
{
	mnl_attr_put(message, type, address_bytes(prefix->family), prefix->address);
}

static bool is_ip(uint8_t family)
{
	return family == AF_INET || family == AF_INET6;
}

static int collect(struct ml_rtnl *rtnl, uint16_t type, const void *head, size_t length,
		   void (*put)(struct nlmsghdr *message, const struct collector *collector),
		   ml_netlink_each each, struct collector *collector, struct ml_error *error)
{
	size_t before = collector->list->count;
	struct nlmsghdr *message;
	int code, tries = TRIES;

	do {
		collector->list->count = before;
		message = ml_rtnl_begin(rtnl, type, NLM_F_DUMP, head, length);
		if (put)
			put(message, collector);
		code = ml_netlink_talk(rtnl->netlink, each, collector, error);
	} while (code == -EINTR && --tries);
	if (code == -ENOMEM)
		ml_error_set(error, code, "out of memory");
	return code;
}

/* ------------------------------------------------------------------ addresses */

static int take_address(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[IFA_LOCAL + 1], *own;
	struct collector *collector = arg;
	struct ml_prefix prefix = { .family = 0 };

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*head) || !is_ip(head->ifa_family) ||
	    head->ifa_index != collector->index || head->ifa_scope == RT_SCOPE_LINK)
		return 0;
	ml_rtnl_sort(message, sizeof(*head), table, IFA_LOCAL);
	own = table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS];
	prefix.family = head->ifa_family;
	prefix.length = head->ifa_prefixlen;
	ml_genl_bytes(own, prefix.address, address_bytes(prefix.family));
	return ml_prefixes_add(collector->list, &prefix);
}

int ml_rtnl_addresses(struct ml_rtnl *rtnl, uint32_t index, struct ml_prefixes *ret,
		      struct ml_error *error)
{
	struct collector collector = { .list = ret, .index = index };
	struct ifaddrmsg head = { .ifa_family = AF_UNSPEC, .ifa_index = index };

	return collect(rtnl, RTM_GETADDR, &head, sizeof(head), NULL, take_address, &collector,
		       error);
}

static struct nlmsghdr *begin_address(struct ml_rtnl *rtnl, uint16_t type, uint16_t flags,
				      uint32_t index, const struct ml_prefix *address)
{
	struct ifaddrmsg head = {
		.ifa_family = address->family, .ifa_prefixlen = address->length,
		.ifa_index = index, .ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0,
	};
	struct nlmsghdr *message = ml_rtnl_begin(rtnl, type, flags, &head, sizeof(head));

	put_address(message, IFA_LOCAL, address);
	put_address(message, IFA_ADDRESS, address);
	return message;
}

int ml_rtnl_address_add(struct ml_rtnl *rtnl, uint32_t index,
			const struct ml_prefix *address, struct ml_error *error)
{
	begin_address(rtnl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, address);
	return ml_rtnl_do(rtnl, error);
}

int ml_rtnl_address_remove(struct ml_rtnl *rtnl, uint32_t index,
			   const struct ml_prefix *address, struct ml_error *error)
{
	begin_address(rtnl, RTM_DELADDR, 0, index, address);
	return ml_rtnl_do(rtnl, error);
}

/* --------------------------------------------------------------------- routes */

static bool is_made_by_kernel(const struct rtmsg *head)
{
	return head->rtm_protocol == RTPROT_KERNEL || head->rtm_protocol == RTPROT_REDIRECT ||
	       head->rtm_protocol == RTPROT_RA;
}

static int take_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[RTA_TABLE + 1];
	struct collector *collector = arg;
	struct ml_prefix prefix = { .family = 0 };

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*head) || !is_ip(head->rtm_family) ||
	    head->rtm_type != RTN_UNICAST || head->rtm_flags & RTM_F_CLONED ||
	    is_made_by_kernel(head))
		return 0;
	ml_rtnl_sort(message, sizeof(*head), table, RTA_TABLE);
	if (ml_genl_u32(table[RTA_OIF]) != collector->index ||
	    (table[RTA_TABLE] ? ml_genl_u32(table[RTA_TABLE]) : head->rtm_table) !=
	    collector->table)
		return 0;
	prefix.family = head->rtm_family;
	prefix.length = head->rtm_dst_len;
	ml_genl_bytes(table[RTA_DST], prefix.address, address_bytes(prefix.family));
	return ml_prefixes_add(collector->list, &prefix);
}

static void put_where(struct nlmsghdr *message, const struct collector *collector)
{
	mnl_attr_put_u32(message, RTA_OIF, collector->index);
	mnl_attr_put_u32(message, RTA_TABLE, collector->table);
}

/* A kernel says -ENOENT of a table that was never used. */
static int collect_routes(struct ml_rtnl *rtnl, uint8_t family, struct collector *collector,
			  struct ml_error *error)
{
	struct rtmsg head = { .rtm_family = family };
	int code = collect(rtnl, RTM_GETROUTE, &head, sizeof(head), put_where, take_route,
			   collector, error);

	return code == -ENOENT ? 0 : code;
}

int ml_rtnl_routes(struct ml_rtnl *rtnl, uint32_t index, uint32_t table,
		   struct ml_prefixes *ret, struct ml_error *error)
{
	struct collector collector = { .list = ret, .index = index, .table = table };
	int code = collect_routes(rtnl, AF_INET, &collector, error);

	return code ? code : collect_routes(rtnl, AF_INET6, &collector, error);
}

static void begin_route(struct ml_rtnl *rtnl, uint16_t type, uint16_t flags, uint32_t index,
			uint32_t table, const struct ml_prefix *route)
{
	bool adds = type == RTM_NEWROUTE;
	struct rtmsg head = {
		.rtm_family = route->family, .rtm_dst_len = route->length,
		.rtm_table = RT_TABLE_UNSPEC,
		.rtm_protocol = adds ? ML_RTNL_PROTOCOL : RTPROT_UNSPEC,
		.rtm_scope = adds && route->family == AF_INET ? RT_SCOPE_LINK :
			     adds ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE,
		.rtm_type = adds ? RTN_UNICAST : RTN_UNSPEC,
	};
	struct nlmsghdr *message = ml_rtnl_begin(rtnl, type, flags, &head, sizeof(head));

	if (route->length)
		put_address(message, RTA_DST, route);
	mnl_attr_put_u32(message, RTA_OIF, index);
	mnl_attr_put_u32(message, RTA_TABLE, table);
}

int ml_rtnl_route_add(struct ml_rtnl *rtnl, uint32_t index, uint32_t table,
		      const struct ml_prefix *route, struct ml_error *error)
{
	begin_route(rtnl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, index, table, route);
	return ml_rtnl_do(rtnl, error);
}

int ml_rtnl_route_remove(struct ml_rtnl *rtnl, uint32_t index, uint32_t table,
			 const struct ml_prefix *route, struct ml_error *error)
{
	begin_route(rtnl, RTM_DELROUTE, 0, index, table, route);
	return ml_rtnl_do(rtnl, error);
}

/* ---------------------------------------------------------------------- rules */

static int count_rule(const struct nlmsghdr *message, void *arg)
{
	const struct fib_rule_hdr *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[FRA_PROTOCOL + 1];

	if (message->nlmsg_type != RTM_NEWRULE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*head))
		return 0;
	ml_rtnl_sort(message, sizeof(*head), table, FRA_PROTOCOL);
	*(size_t *)arg += ml_genl_u8(table[FRA_PROTOCOL]) == ML_RTNL_PROTOCOL;
	return 0;
}

int ml_rtnl_rule_count(struct ml_rtnl *rtnl, uint8_t family, size_t *ret,
		       struct ml_error *error)
{
	struct fib_rule_hdr head = { .family = family };
	size_t count = 0;
	int code;

	ml_rtnl_begin(rtnl, RTM_GETRULE, NLM_F_DUMP, &head, sizeof(head));
	code = ml_netlink_talk(rtnl->netlink, count_rule, &count, error);
	if (!code)
		*ret = count;
	return code;
}

static void begin_rule(struct ml_rtnl *rtnl, uint16_t type, uint16_t flags,
		       const struct ml_rtnl_rule *rule)
{
	struct fib_rule_hdr head = {
		.family = rule->family, .table = RT_TABLE_UNSPEC, .action = FR_ACT_TO_TBL,
		.flags = rule->not_mark ? FIB_RULE_INVERT : 0,
	};
	struct nlmsghdr *message = ml_rtnl_begin(rtnl, type, flags, &head, sizeof(head));

	mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u32(message, FRA_TABLE, rule->table);
	mnl_attr_put_u8(message, FRA_PROTOCOL, ML_RTNL_PROTOCOL);
	if (rule->not_mark) {
		mnl_attr_put_u32(message, FRA_FWMARK, rule->not_mark);
		mnl_attr_put_u32(message, FRA_FWMASK, UINT32_MAX);
	}
	if (rule->suppress_length >= 0)
		mnl_attr_put_u32(message, FRA_SUPPRESS_PREFIXLEN,
				 (uint32_t)rule->suppress_length);
}

int ml_rtnl_rule_add(struct ml_rtnl *rtnl, const struct ml_rtnl_rule *rule,
		     struct ml_error *error)
{
	begin_rule(rtnl, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
	return ml_rtnl_do(rtnl, error);
}

int ml_rtnl_rule_remove(struct ml_rtnl *rtnl, const struct ml_rtnl_rule *rule,
			struct ml_error *error)
{
	begin_rule(rtnl, RTM_DELRULE, 0, rule);
	return ml_rtnl_do(rtnl, error);
}
