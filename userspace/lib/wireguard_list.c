// SPDX-License-Identifier: MIT
/* Which devices are WireGuard's: rtnetlink knows. */
#include "wireguard.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "genl.h"

#define KIND "wireguard"

struct list {
	struct ml_wireguard_name *names;
	size_t count;
	int code;
};

static bool is_wireguard(const struct nlattr *info)
{
	const struct nlattr *table[IFLA_INFO_MAX + 1];
	char kind[16];

	ml_genl_nested(info, table, IFLA_INFO_MAX);
	ml_genl_string(table[IFLA_INFO_KIND], kind, sizeof(kind));
	return !strcmp(kind, KIND);
}

static int take(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute, *name = NULL, *info = NULL;
	struct ml_wireguard_name *grown;
	struct list *list = arg;

	mnl_attr_for_each(attribute, message, sizeof(*head)) {
		if (mnl_attr_get_type(attribute) == IFLA_IFNAME)
			name = attribute;
		else if (mnl_attr_get_type(attribute) == IFLA_LINKINFO)
			info = attribute;
	}
	if (!name || !is_wireguard(info))
		return MNL_CB_OK;
	grown = reallocarray(list->names, list->count + 1, sizeof(*grown));
	if (!grown) {
		list->code = -ENOMEM;
		return MNL_CB_ERROR;
	}
	list->names = grown;
	grown[list->count].ifindex = (uint32_t)head->ifi_index;
	ml_genl_string(name, grown[list->count].name, sizeof(grown[0].name));
	list->count++;
	return MNL_CB_OK;
}

static int send_dump(struct mnl_socket *socket, void *buffer)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *head;
	struct nlattr *info;

	message->nlmsg_type = RTM_GETLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = 1;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->ifi_family = AF_UNSPEC;
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_str(message, IFLA_INFO_KIND, KIND);
	mnl_attr_nest_end(message, info);
	return mnl_socket_sendto(socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

static int read_dump(struct mnl_socket *socket, void *buffer, struct list *list)
{
	ssize_t length;
	int more = MNL_CB_OK;

	while (more == MNL_CB_OK) {
		length = mnl_socket_recvfrom(socket, buffer, ML_GENL_BUFFER);
		if (length < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)length, 1, mnl_socket_get_portid(socket),
				  take, list);
	}
	if (list->code)
		return list->code;
	return more == MNL_CB_ERROR ? -errno : 0;
}

static int ask(struct list *list)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	void *buffer = malloc(ML_GENL_BUFFER);
	int code = 0;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		code = -errno;
	else if (!buffer)
		code = -ENOMEM;
	if (!code)
		code = send_dump(socket, buffer);
	if (!code)
		code = read_dump(socket, buffer, list);
	if (socket)
		mnl_socket_close(socket);
	free(buffer);
	return code;
}

static int by_index(const void *a, const void *b)
{
	const struct ml_wireguard_name *x = a, *y = b;

	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

int ml_wireguard_list(struct ml_wireguard_name **ret, size_t *ret_count,
		      struct ml_error *error)
{
	struct list list = { .names = NULL };
	int code = ask(&list);

	if (code) {
		free(list.names);
		return ml_error_set(error, code, "cannot list the devices: %s",
				    strerror(-code));
	}
	if (list.count)
		qsort(list.names, list.count, sizeof(list.names[0]), by_index);
	*ret = list.names;
	*ret_count = list.count;
	return 0;
}
