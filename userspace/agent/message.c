// SPDX-License-Identifier: MIT
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
	uint32_t type;
	uint32_t id;
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static size_t content_length(uint32_t type)
{
	switch (type) {
	case MESSAGE_TRUST:
		return sizeof(struct ml_trust);
	case MESSAGE_LOG:
		return sizeof(struct message_log);
	case MESSAGE_STATUS:
		return sizeof(struct message_text);
	case MESSAGE_RESULT:
		return sizeof(struct message_result);
	case MESSAGE_SIGN:
		return sizeof(struct message_signing);
	default:
		return 0;
	}
}

static void attach(struct msghdr *message, union control *control, int fd)
{
	struct cmsghdr *head;

	memset(control, 0, sizeof(*control));
	message->msg_control = control->bytes;
	message->msg_controllen = sizeof(control->bytes);
	head = CMSG_FIRSTHDR(message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
}

int message_send(int socket, enum message_type type, uint32_t id, const void *content,
		 int fd)
{
	struct head head = { .type = type, .id = id };
	struct iovec parts[] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)content, .iov_len = content_length(type) },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	union control control;
	ssize_t sent;

	if (fd >= 0)
		attach(&message, &control, fd);
	do {
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static int detach(struct msghdr *message)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

static void terminate(struct message *message)
{
	switch (message->type) {
	case MESSAGE_TRUST:
		message->content.trust.network[ML_NAME_MAX] = '\0';
		message->content.trust.node[ML_NAME_MAX] = '\0';
		break;
	case MESSAGE_LOG:
		message->content.log.event[sizeof(message->content.log.event) - 1] = '\0';
		message->content.log.digest[sizeof(message->content.log.digest) - 1] = '\0';
		message->content.log.text[MESSAGE_TEXT - 1] = '\0';
		break;
	case MESSAGE_STATUS:
		message->content.text.text[MESSAGE_TEXT - 1] = '\0';
		break;
	case MESSAGE_RESULT:
		message->content.result.sentence[MESSAGE_TEXT - 1] = '\0';
		message->content.result.tunnel[sizeof(message->content.result.tunnel) - 1] = '\0';
		message->content.result.tunnel_problem[MESSAGE_TEXT - 1] = '\0';
		message->content.result.signature[MESSAGE_SIGNED - 1] = '\0';
		break;
	}
}

static bool well_formed(const struct message *message, size_t length, int flags)
{
	return !(flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	       length >= sizeof(struct head) &&
	       message->type > MESSAGE_NONE && message->type < MESSAGE_TYPES &&
	       length == sizeof(struct head) + content_length(message->type) &&
	       (message->fd >= 0) == (message->type == MESSAGE_OFFER ||
				      message->type == MESSAGE_ROOTS ||
				      message->type == MESSAGE_ENDPOINTS);
}

int message_receive(int socket, struct message *ret)
{
	struct head head = { .type = MESSAGE_NONE };
	struct iovec parts[] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = &ret->content, .iov_len = sizeof(ret->content) },
	};
	union control control;
	struct msghdr message = {
		.msg_iov = parts, .msg_iovlen = 2,
		/* Room for one: a second descriptor is then cut off, not installed. */
		.msg_control = control.bytes, .msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t length;

	do {
		length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (length == 0)
		return 0;
	ret->type = head.type;
	ret->id = head.id;
	ret->fd = detach(&message);
	if (!well_formed(ret, (size_t)length, message.msg_flags)) {
		if (ret->fd >= 0)
			close(ret->fd);
		return -EBADMSG;
	}
	terminate(ret);
	return 1;
}
