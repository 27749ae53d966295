// SPDX-License-Identifier: MIT
#include "route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BUFFER 16384

/* Send @request and hand every message of the answer to @each. */
static int talk(struct nlmsghdr *request, mnl_cb_t each, void *arg)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char buffer[BUFFER];
	ssize_t n = -1;
	int ret = -1;

	if (!socket)
		return -errno;
	request->nlmsg_seq = (uint32_t)time(NULL);
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0)
		n = mnl_socket_sendto(socket, request, request->nlmsg_len);
	while (n >= 0) {
		n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (n < 0)
			break;
		ret = mnl_cb_run(buffer, (size_t)n, request->nlmsg_seq,
				 mnl_socket_get_portid(socket), each, arg);
		if (ret <= 0)
			break;
		/* A reply without NLM_F_MULTI is all there is. */
		if (!(request->nlmsg_flags & NLM_F_DUMP))
			break;
	}
	ret = n < 0 || ret < 0 ? -errno : 0;
	mnl_socket_close(socket);
	return ret;
}

static size_t address_bytes(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

/* ------------------------------------------------------------------ route */

static int route_message(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message, sizeof(struct rtmsg)) {
		if (mnl_attr_get_type(attribute) == RTA_OIF)
			*(uint32_t *)arg = mnl_attr_get_u32(attribute);
	}
	return MNL_CB_OK;
}

int route_device(uint8_t family, const uint8_t *address, char ret[static IF_NAMESIZE],
		 struct ml_error *error)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct rtmsg *route;
	uint32_t index = 0;
	int code;

	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST;
	route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	route->rtm_family = family;
	route->rtm_dst_len = (unsigned char)ml_family_bits(family);
	mnl_attr_put(request, RTA_DST, address_bytes(family), address);
	code = talk(request, route_message, &index);
	if (code)
		return ml_error_set(error, code, "the kernel has no route: %s", strerror(-code));
	if (!index || !if_indextoname(index, ret))
		return ml_error_set(error, -ENETUNREACH, "the kernel's route names no device");
	return 0;
}

/* -------------------------------------------------------------- addresses */

struct address_query {
	uint32_t index;		/* of the device; 0: whichever has the address */
	uint8_t family;
	const uint8_t *address;
	struct ml_prefixes *list;
	int code;
};

static void address_found(struct address_query *query, const struct ifaddrmsg *header,
			  const struct nlattr *attribute)
{
	struct ml_prefix prefix = { .family = header->ifa_family };

	memcpy(prefix.address, mnl_attr_get_payload(attribute), address_bytes(header->ifa_family));
	prefix.length = header->ifa_prefixlen;
	if (query->list) {
		if (header->ifa_index == query->index && header->ifa_scope != RT_SCOPE_LINK &&
		    !query->code)
			query->code = ml_prefixes_add(query->list, &prefix);
	} else if (header->ifa_family == query->family &&
		   !memcmp(prefix.address, query->address, address_bytes(query->family))) {
		query->index = header->ifa_index;
	}
}

static int address_message(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute, *local = NULL;

	if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)
		return MNL_CB_OK;
	/* IFA_LOCAL is this end of a point-to-point link, IFA_ADDRESS the other. */
	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		uint16_t type = mnl_attr_get_type(attribute);

		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local))
			local = attribute;
	}
	if (local && mnl_attr_get_payload_len(local) == address_bytes(header->ifa_family))
		address_found(arg, header, local);
	return MNL_CB_OK;
}

static int addresses_dump(struct address_query *query, struct ml_error *error)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int code;

	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	code = talk(request, address_message, query);
	if (!code)
		code = query->code;
	if (code)
		return ml_error_set(error, code, "the kernel did not tell its addresses: %s",
				    strerror(-code));
	return 0;
}

int route_owner(uint8_t family, const uint8_t *address, char ret[static IF_NAMESIZE],
		struct ml_error *error)
{
	struct address_query query = { .family = family, .address = address };
	int code = addresses_dump(&query, error);

	if (code)
		return code;
	if (!query.index || !if_indextoname(query.index, ret))
		return ml_error_set(error, -ENOENT, "no device has that address");
	return 0;
}

int route_addresses(const char *device, struct ml_prefixes *ret, struct ml_error *error)
{
	struct address_query query = { .index = if_nametoindex(device), .list = ret };

	if (!query.index)
		return ml_error_set(error, -ENODEV, "there is no device %s", device);
	return addresses_dump(&query, error);
}

/* ----------------------------------------------------------------- device */

static int link_message(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *attribute, *inner;

	mnl_attr_for_each(attribute, message, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attribute) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(inner, attribute) {
			if (mnl_attr_get_type(inner) == IFLA_INFO_KIND)
				*(bool *)arg = !strcmp(mnl_attr_get_str(inner), "wireguard");
		}
	}
	return MNL_CB_OK;
}

int route_is_wireguard(const char *device, bool *ret, struct ml_error *error)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *header;
	bool wireguard = false;
	int code;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->ifi_index = (int)if_nametoindex(device);
	if (!header->ifi_index)
		return ml_error_set(error, -ENODEV, "there is no device %s", device);
	code = talk(request, link_message, &wireguard);
	if (code)
		return ml_error_set(error, code, "the kernel did not say what %s is: %s", device,
				    strerror(-code));
	*ret = wireguard;
	return 0;
}
