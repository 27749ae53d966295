// SPDX-License-Identifier: MIT
#include "genl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GROUPS_MAX 8

struct group {
	char name[GENL_NAMSIZ];
	uint32_t id;
};

struct ml_genl {
	struct mnl_socket *socket;
	char name[GENL_NAMSIZ];
	uint16_t type;
	uint8_t version;
	uint32_t sequence;
	struct group groups[GROUPS_MAX];
	size_t group_count;
	uint8_t out[ML_GENL_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint8_t in[ML_GENL_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static struct nlmsghdr *begin(struct ml_genl *genl, uint16_t type, uint8_t version,
			      uint8_t command, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(genl->out);
	struct genlmsghdr *head;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	message->nlmsg_seq = ++genl->sequence;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->cmd = command;
	head->version = version;
	return message;
}

struct nlmsghdr *ml_genl_begin(struct ml_genl *genl, uint8_t command, uint16_t flags)
{
	return begin(genl, genl->type, genl->version, command, flags);
}

static int refuse(const struct ml_genl *genl, const struct nlmsghdr *message,
		  struct ml_error *error)
{
	const char *sentence;
	int code = ml_genl_refusal(message, &sentence);

	if (!code)
		return 0;
	if (sentence)
		return ml_error_set(error, code, "%s", sentence);
	return ml_error_set(error, code, "the kernel (%s) refused: %s", genl->name,
			    strerror(-code));
}

/* An answer as it comes in. What @each refuses is remembered, and the rest read
 * and passed over: a dump left unread would be in the way of the next. */
struct answer {
	ml_genl_each each;
	void *arg;
	struct ml_error *error;
	bool complete;
	int code;
};

static void take(struct ml_genl *genl, const struct nlmsghdr *message, struct answer *answer)
{
	if (message->nlmsg_seq != genl->sequence)
		return;		/* a notification, or of an answer given up */
	if (message->nlmsg_flags & NLM_F_DUMP_INTR && !answer->code)
		answer->code = ml_error_set(answer->error, -EINTR,
					    "what was listed changed meanwhile: ask again");
	if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
		answer->complete = true;
		if (!answer->code)
			answer->code = refuse(genl, message, answer->error);
	} else if (message->nlmsg_type >= NLMSG_MIN_TYPE && answer->each && !answer->code) {
		answer->code = answer->each(message, answer->arg);
	}
}

static ssize_t receive(struct ml_genl *genl, int flags)
{
	ssize_t length;

	do {
		length = recv(mnl_socket_get_fd(genl->socket), genl->in, sizeof(genl->in),
			      flags | MSG_TRUNC);
	} while (length < 0 && errno == EINTR);
	return length < 0 ? -errno : length;
}

static int take_all(struct ml_genl *genl, ssize_t length, struct answer *answer)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)genl->in;
	int left = (int)length;

	if (length < 0)
		return ml_error_set(answer->error, (int)length,
				    "cannot read the kernel's answer (%s): %s", genl->name,
				    strerror((int)-length));
	if ((size_t)length > sizeof(genl->in))
		return ml_error_set(answer->error, -EMSGSIZE,
				    "the kernel (%s) sent %zd bytes at once", genl->name, length);
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		take(genl, message, answer);
	return 0;
}

int ml_genl_talk(struct ml_genl *genl, ml_genl_each each, void *arg, struct ml_error *error)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)genl->out;
	struct answer answer = { .each = each, .arg = arg, .error = error };
	int code = 0;

	if (mnl_socket_sendto(genl->socket, message, message->nlmsg_len) < 0)
		return ml_error_set(error, -errno, "cannot ask the kernel (%s): %s",
				    genl->name, strerror(errno));
	while (!code && !answer.complete)
		code = take_all(genl, receive(genl, 0), &answer);
	return code ? code : answer.code;
}

static void remember_group(struct ml_genl *genl, const struct nlattr *nest)
{
	const struct nlattr *table[CTRL_ATTR_MCAST_GRP_MAX + 1];
	struct group *group = &genl->groups[genl->group_count];

	if (genl->group_count == GROUPS_MAX)
		return;
	ml_genl_nested(nest, table, CTRL_ATTR_MCAST_GRP_MAX);
	ml_genl_string(table[CTRL_ATTR_MCAST_GRP_NAME], group->name, sizeof(group->name));
	group->id = ml_genl_u32(table[CTRL_ATTR_MCAST_GRP_ID]);
	genl->group_count++;
}

static int remember_family(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *table[CTRL_ATTR_MAX + 1];
	struct ml_genl *genl = arg;
	const struct nlattr *group;

	ml_genl_attributes(message, table, CTRL_ATTR_MAX);
	genl->type = ml_genl_u16(table[CTRL_ATTR_FAMILY_ID]);
	if (!table[CTRL_ATTR_MCAST_GROUPS])
		return 0;
	mnl_attr_for_each_nested(group, table[CTRL_ATTR_MCAST_GROUPS])
		remember_group(genl, group);
	return 0;
}

static int find_family(struct ml_genl *genl, struct ml_error *error)
{
	struct nlmsghdr *message = begin(genl, GENL_ID_CTRL, 1, CTRL_CMD_GETFAMILY, 0);
	int code;

	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, genl->name);
	code = ml_genl_talk(genl, remember_family, genl, NULL);
	if (code == -ENOENT)
		return ml_error_set(error, code, "the kernel has no netlink family '%s'",
				    genl->name);
	if (!code && !genl->type)
		code = -EBADMSG;
	if (code)
		return ml_error_set(error, code, "cannot look up the netlink family '%s': %s",
				    genl->name, strerror(-code));
	return 0;
}

static int open_socket(struct ml_genl *genl)
{
	int yes = 1;

	genl->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!genl->socket)
		return -errno;
	if (mnl_socket_bind(genl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* Sentences; and refusals that do not carry 32 KiB of image back. */
	mnl_socket_setsockopt(genl->socket, NETLINK_EXT_ACK, &yes, sizeof(yes));
	mnl_socket_setsockopt(genl->socket, NETLINK_CAP_ACK, &yes, sizeof(yes));
	return 0;
}

int ml_genl_open(const char *family, uint8_t version, struct ml_genl **ret,
		 struct ml_error *error)
{
	struct ml_genl *genl;
	int code;

	genl = calloc(1, sizeof(*genl));
	if (!genl)
		return ml_error_set(error, -ENOMEM, "out of memory");
	strncpy(genl->name, family, sizeof(genl->name) - 1);
	genl->version = version;
	genl->sequence = (uint32_t)time(NULL);
	code = open_socket(genl);
	if (code)
		ml_error_set(error, code, "cannot open a netlink socket: %s", strerror(-code));
	else
		code = find_family(genl, error);
	if (code) {
		ml_genl_close(genl);
		return code;
	}
	*ret = genl;
	return 0;
}

void ml_genl_close(struct ml_genl *genl)
{
	if (!genl)
		return;
	if (genl->socket)
		mnl_socket_close(genl->socket);
	explicit_bzero(genl->in, sizeof(genl->in));	/* a WireGuard key may be there */
	free(genl);
}

int ml_genl_fd(const struct ml_genl *genl)
{
	return mnl_socket_get_fd(genl->socket);
}

uint16_t ml_genl_type(const struct ml_genl *genl)
{
	return genl->type;
}

int ml_genl_join(struct ml_genl *genl, const char *group, struct ml_error *error)
{
	size_t i;

	for (i = 0; i < genl->group_count; i++)
		if (!strcmp(genl->groups[i].name, group))
			break;
	if (i == genl->group_count)
		return ml_error_set(error, -ENOENT, "the netlink family '%s' has no group '%s'",
				    genl->name, group);
	if (mnl_socket_setsockopt(genl->socket, NETLINK_ADD_MEMBERSHIP, &genl->groups[i].id,
				  sizeof(genl->groups[i].id)) < 0)
		return ml_error_set(error, -errno, "cannot listen to '%s' of '%s': %s", group,
				    genl->name, strerror(errno));
	return 0;
}

int ml_genl_listen(struct ml_genl *genl, ml_genl_each each, void *arg,
		   struct ml_error *error)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)genl->in;
	ssize_t length = receive(genl, MSG_DONTWAIT);
	int left = (int)length;
	int code = 0;

	if (length == -EAGAIN)
		return -EAGAIN;
	if (length < 0)
		return ml_error_set(error, (int)length, "cannot read events of '%s': %s",
				    genl->name, strerror((int)-length));
	if ((size_t)length > sizeof(genl->in))
		return ml_error_set(error, -EMSGSIZE, "an event of %zd bytes", length);
	for (; mnl_nlmsg_ok(message, left) && !code; message = mnl_nlmsg_next(message, &left))
		if (message->nlmsg_type == genl->type)
			code = each(message, arg);
	return code;
}
