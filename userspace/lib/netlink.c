// SPDX-License-Identifier: MIT
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <sodium.h>

#include "genl.h"

struct ml_netlink {
	struct mnl_socket *socket;
	char name[16];
	bool locked;
	uint32_t sequence;
	uint8_t out[ML_NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint8_t in[ML_NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static int open_socket(struct ml_netlink *netlink, int bus)
{
	netlink->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!netlink->socket)
		return -errno;
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* Sentences; and refusals that do not carry 32 KiB of image back. */
	ml_netlink_set(netlink, NETLINK_EXT_ACK, 1);
	ml_netlink_set(netlink, NETLINK_CAP_ACK, 1);
	return 0;
}

int ml_netlink_open(int bus, const char *name, struct ml_netlink **ret,
		    struct ml_error *error)
{
	struct ml_netlink *netlink = calloc(1, sizeof(*netlink));
	int code;

	if (!netlink)
		return ml_error_set(error, -ENOMEM, "out of memory");
	snprintf(netlink->name, sizeof(netlink->name), "%s", name);
	netlink->sequence = (uint32_t)time(NULL);
	code = open_socket(netlink, bus);
	if (code) {
		ml_netlink_close(netlink);
		return ml_error_set(error, code, "cannot open a netlink socket: %s",
				    strerror(-code));
	}
	*ret = netlink;
	return 0;
}

void ml_netlink_close(struct ml_netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	ml_netlink_wipe(netlink);	/* a WireGuard key may be there */
	if (netlink->locked)
		sodium_munlock(netlink, sizeof(*netlink));
	free(netlink);
}

int ml_netlink_lock(struct ml_netlink *netlink, struct ml_error *error)
{
	if (sodium_mlock(netlink, sizeof(*netlink)))
		return ml_error_set(error, -ENOMEM, "no locked memory for a secret key's "
				    "messages: raise the limit (ulimit -l 1024, or LimitMEMLOCK= "
				    "of a service)");
	netlink->locked = true;
	return 0;
}

void ml_netlink_wipe(struct ml_netlink *netlink)
{
	sodium_memzero(netlink->in, sizeof(netlink->in));
	sodium_memzero(netlink->out, sizeof(netlink->out));
}

int ml_netlink_fd(const struct ml_netlink *netlink)
{
	return mnl_socket_get_fd(netlink->socket);
}

const char *ml_netlink_name(const struct ml_netlink *netlink)
{
	return netlink->name;
}

int ml_netlink_set(struct ml_netlink *netlink, int option, int value)
{
	return mnl_socket_setsockopt(netlink->socket, option, &value, sizeof(value)) < 0 ?
	       -errno : 0;
}

struct nlmsghdr *ml_netlink_begin(struct ml_netlink *netlink, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(netlink->out);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	message->nlmsg_seq = ++netlink->sequence;
	return message;
}

static int refuse(const struct ml_netlink *netlink, const struct nlmsghdr *message,
		  struct ml_error *error)
{
	const char *sentence;
	int code = ml_genl_refusal(message, &sentence);

	if (!code)
		return 0;
	if (sentence)
		return ml_error_set(error, code, "%s", sentence);
	return ml_error_set(error, code, "the kernel (%s) refused: %s", netlink->name,
			    strerror(-code));
}

/* An answer as it comes in. What @each refuses is remembered, and the rest read
 * and passed over: a dump left unread would be in the way of the next. */
struct answer {
	ml_netlink_each each;
	void *arg;
	struct ml_error *error;
	bool complete;
	int code;
};

static void take(struct ml_netlink *netlink, const struct nlmsghdr *message,
		 struct answer *answer)
{
	if (message->nlmsg_seq != netlink->sequence)
		return;		/* a notification, or of an answer given up */
	if (message->nlmsg_flags & NLM_F_DUMP_INTR && !answer->code)
		answer->code = ml_error_set(answer->error, -EINTR,
					    "what was listed changed meanwhile: ask again");
	if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
		answer->complete = true;
		if (!answer->code)
			answer->code = refuse(netlink, message, answer->error);
	} else if (message->nlmsg_type >= NLMSG_MIN_TYPE && answer->each && !answer->code) {
		answer->code = answer->each(message, answer->arg);
	}
}

static ssize_t receive(struct ml_netlink *netlink, int flags)
{
	ssize_t length;

	do {
		length = recv(mnl_socket_get_fd(netlink->socket), netlink->in,
			      sizeof(netlink->in), flags | MSG_TRUNC);
	} while (length < 0 && errno == EINTR);
	return length < 0 ? -errno : length;
}

static int take_all(struct ml_netlink *netlink, ssize_t length, struct answer *answer)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)netlink->in;
	int left = (int)length;

	if (length < 0)
		return ml_error_set(answer->error, (int)length,
				    "cannot read the kernel's answer (%s): %s", netlink->name,
				    strerror((int)-length));
	if ((size_t)length > sizeof(netlink->in))
		return ml_error_set(answer->error, -EMSGSIZE,
				    "the kernel (%s) sent %zd bytes at once", netlink->name,
				    length);
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		take(netlink, message, answer);
	return 0;
}

int ml_netlink_talk(struct ml_netlink *netlink, ml_netlink_each each, void *arg,
		    struct ml_error *error)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)netlink->out;
	struct answer answer = { .each = each, .arg = arg, .error = error };
	int code = 0;

	if (mnl_socket_sendto(netlink->socket, message, message->nlmsg_len) < 0)
		return ml_error_set(error, -errno, "cannot ask the kernel (%s): %s",
				    netlink->name, strerror(errno));
	while (!code && !answer.complete)
		code = take_all(netlink, receive(netlink, 0), &answer);
	return code ? code : answer.code;
}

int ml_netlink_listen(struct ml_netlink *netlink, uint16_t type, ml_netlink_each each,
		      void *arg, struct ml_error *error)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)netlink->in;
	ssize_t length = receive(netlink, MSG_DONTWAIT);
	int left = (int)length;
	int code = 0;

	if (length == -EAGAIN)
		return -EAGAIN;
	if (length < 0)
		return ml_error_set(error, (int)length, "cannot read events of '%s': %s",
				    netlink->name, strerror((int)-length));
	if ((size_t)length > sizeof(netlink->in))
		return ml_error_set(error, -EMSGSIZE, "an event of %zd bytes", length);
	for (; mnl_nlmsg_ok(message, left) && !code; message = mnl_nlmsg_next(message, &left))
		if (message->nlmsg_type == type)
			code = each(message, arg);
	return code;
}
