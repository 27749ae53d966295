// SPDX-License-Identifier: GPL-2.0
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inetdevice.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <net/addrconf.h>
#include <net/arp.h>
#include <net/ndisc.h>

#include "frame.h"
#include "parse.h"
#include "upkeep.h"

/* -------------------------------------------------------------- neighbours */

static bool is_own4(const struct net_device *dev, __be32 address)
{
	struct in_device *in_dev = __in_dev_get_rcu(dev);

	return in_dev && address &&
	       inet_confirm_addr(dev_net(dev), in_dev, 0, address, RT_SCOPE_HOST) == address;
}

/* Whoever is asked for by the kernel has an entry, as long as it is asked. */
static bool is_neighbour4(const struct net_device *dev, __be32 address)
{
	return __ipv4_neigh_lookup_noref((struct net_device *)dev, (__force u32)address);
}

bool merlon_upkeep_arp(const struct net_device *dev, const struct merlon_arp *arp)
{
	if (!is_own4(dev, arp->sender))
		return false;
	if (!arp->request || arp->target == arp->sender)
		return true;
	return is_neighbour4(dev, arp->target);
}

/* Tentative ones, too: duplicates of them are looked for. */
static bool is_own6(const struct net_device *dev, const struct in6_addr *address)
{
	return ipv6_chk_addr_and_flags(dev_net(dev), address, dev, false, 1, 0);
}

static bool is_neighbour6(const struct net_device *dev, const struct in6_addr *address)
{
	return __ipv6_neigh_lookup_noref((struct net_device *)dev, address);
}

/* Sent to the target itself, or to the group that it listens to (RFC 4861, 4.3). */
static bool leads_to_target(const struct in6_addr *destination, const struct in6_addr *target)
{
	struct in6_addr group;

	addrconf_addr_solict_mult(target, &group);
	return ipv6_addr_equal(destination, target) || ipv6_addr_equal(destination, &group);
}

/* ------------------------------------------------------------------ ICMPv6 */

#define ND_OPTIONS	16u	/* link-layer address, nonce: the kernel sends no more */

struct message6 {
	const struct net_device *dev;
	const struct sk_buff *skb;
	const struct in6_addr *source, *destination;
	u32 offset;		/* of the ICMPv6 header */
	u32 length;		/* from there */
	u8 hop_limit;
};

static bool solicits_neighbour(const struct message6 *message, const struct in6_addr *target)
{
	const struct net_device *dev = message->dev;

	if (!leads_to_target(message->destination, target))
		return false;
	if (ipv6_addr_any(message->source))
		return is_own6(dev, target);
	return is_own6(dev, message->source) && is_neighbour6(dev, target);
}

static bool neighbour6(const struct message6 *message, u8 type)
{
	struct nd_msg copy;
	const struct nd_msg *nd;

	nd = skb_header_pointer(message->skb, message->offset, sizeof(copy), &copy);
	if (!nd || message->hop_limit != 255 ||
	    message->length > sizeof(copy) + ND_OPTIONS)
		return false;
	if (type == NDISC_NEIGHBOUR_SOLICITATION)
		return solicits_neighbour(message, &nd->target);
	return is_own6(message->dev, message->source) && is_own6(message->dev, &nd->target);
}

static bool solicits_router(const struct message6 *message)
{
	return message->hop_limit == 255 &&
	       message->length <= sizeof(struct rs_msg) + ND_OPTIONS &&
	       ipv6_addr_is_ll_all_routers(message->destination) &&
	       (ipv6_addr_any(message->source) || is_own6(message->dev, message->source));
}

static bool is_link_group(const struct in6_addr *group)
{
	return IPV6_ADDR_MC_SCOPE(group) <= IPV6_ADDR_SCOPE_LINKLOCAL;
}

/* RFC 2710; net/mld.h is not for sparse. */
struct report1 {
	struct icmp6hdr header;
	struct in6_addr group;
};

/* RFC 3810, 5.2: so many records follow the header */
struct record2 {
	u8 type, auxiliary_words;
	__be16 sources;
	struct in6_addr group;
};

static bool reports_group(const struct message6 *message)
{
	struct report1 copy;
	const struct report1 *report;

	report = skb_header_pointer(message->skb, message->offset, sizeof(copy), &copy);
	return report && message->length == sizeof(copy) && is_link_group(&report->group);
}

/* Records as the kernel writes them for whole groups: no sources, nothing behind. */
static bool reports_groups(const struct message6 *message)
{
	struct icmp6hdr copy;
	const struct icmp6hdr *report;
	struct record2 record_copy;
	const struct record2 *record;
	u32 i, count;

	report = skb_header_pointer(message->skb, message->offset, sizeof(copy), &copy);
	if (!report)
		return false;
	count = ntohs(report->icmp6_dataun.un_data16[1]);
	if (message->length != sizeof(copy) + count * sizeof(*record))
		return false;
	for (i = 0; i < count; i++) {
		record = skb_header_pointer(message->skb, message->offset + sizeof(copy) +
					    i * sizeof(*record), sizeof(*record), &record_copy);
		if (!record || record->sources || record->auxiliary_words ||
		    !is_link_group(&record->group))
			return false;
	}
	return true;
}

static bool icmp6(const struct message6 *message, u8 type)
{
	switch (type) {
	case NDISC_ROUTER_SOLICITATION:
		return solicits_router(message);
	case NDISC_NEIGHBOUR_SOLICITATION:
	case NDISC_NEIGHBOUR_ADVERTISEMENT:
		return neighbour6(message, type);
	case ICMPV6_MGM_REPORT:
	case ICMPV6_MGM_REDUCTION:
		return reports_group(message);
	case ICMPV6_MLD2_REPORT:
		return reports_groups(message);
	default:
		return false;
	}
}

static bool read_icmp6(const struct net_device *dev, const struct sk_buff *skb, u32 offset,
		       const struct merlon_packet *packet)
{
	struct ipv6hdr copy;
	const struct ipv6hdr *ip = skb_header_pointer(skb, offset, sizeof(copy), &copy);
	struct message6 message = {
		.dev = dev, .skb = skb,
		.source = (const struct in6_addr *)packet->source,
		.destination = (const struct in6_addr *)packet->destination,
		.offset = offset + packet->transport,
	};
	u32 end;

	if (!ip)
		return false;
	end = sizeof(*ip) + ntohs(ip->payload_len);
	if (end < packet->transport)
		return false;
	message.length = end - packet->transport;
	message.hop_limit = ip->hop_limit;
	return icmp6(&message, packet->selector);
}

/* -------------------------------------------------------------------- DHCP */

#define DHCP4_COOKIE	236u		/* RFC 2131: where it stands, and what it is */
static const u8 dhcp4_cookie[4] = { 0x63, 0x82, 0x53, 0x63 };

#define DHCP4_CLIENT	68
#define DHCP4_SERVER	67
#define DHCP6_CLIENT	546
#define DHCP6_SERVER	547

static bool is_dhcp4(const struct sk_buff *skb, u32 offset)
{
	u8 copy[DHCP4_COOKIE + sizeof(dhcp4_cookie)];
	const u8 *at = skb_header_pointer(skb, offset, sizeof(copy), copy);

	return at && at[0] == 1 &&	/* BOOTREQUEST */
	       !memcmp(at + DHCP4_COOKIE, dhcp4_cookie, sizeof(dhcp4_cookie));
}

/* What a client sends (RFC 8415): SOLICIT to INFORMATION-REQUEST. */
static bool is_dhcp6(const struct sk_buff *skb, u32 offset)
{
	const u32 from_client = BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) |
				BIT(11);
	u8 copy[4];
	const u8 *at = skb_header_pointer(skb, offset, sizeof(copy), copy);

	return at && at[0] < 32 && from_client & BIT(at[0]);
}

static bool dhcp(const struct sk_buff *skb, u32 offset, const struct merlon_packet *packet)
{
	if (packet->family == AF_INET)
		return packet->source_port == DHCP4_CLIENT &&
		       packet->selector == DHCP4_SERVER && is_dhcp4(skb, offset);
	return packet->source_port == DHCP6_CLIENT && packet->selector == DHCP6_SERVER &&
	       is_dhcp6(skb, offset);
}

bool merlon_upkeep_packet(const struct net_device *dev, const struct sk_buff *skb, u32 offset,
			  const struct merlon_packet *packet)
{
	if (packet->protocol == IPPROTO_UDP)
		return dhcp(skb, offset + packet->transport + 8, packet);
	if (packet->protocol == IPPROTO_ICMPV6 && packet->family == AF_INET6)
		return read_icmp6(dev, skb, offset, packet);
	return false;
}
