// SPDX-License-Identifier: MIT
/* Messages to a unix stream socket, for which nobody ever waits. */
#include "audit_syslog.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define AGAIN	INT64_C(1000000)	/* microseconds between two attempts to connect */

struct audit_syslog {
	struct sockaddr_un address;
	int socket;		/* -1: none */
	int64_t failed;		/* when; 0: it did not */
	uint64_t lost;
	size_t length;		/* of what waits */
	size_t first;		/* bytes of it that belong to the message that is being sent */
	size_t sent;		/* of those, how many this connection has had */
	char data[AUDIT_SYSLOG_ROOM];
};

int audit_syslog_new(const char *path, struct audit_syslog **ret, struct ml_error *error)
{
	struct audit_syslog *syslog;

	if (strlen(path) >= sizeof(syslog->address.sun_path))
		return ml_error_set(error, -ENAMETOOLONG,
				    "%s: the name of a socket has at most %zu bytes", path,
				    sizeof(syslog->address.sun_path) - 1);
	syslog = calloc(1, sizeof(*syslog));
	if (!syslog)
		return ml_error_set(error, -ENOMEM, "syslog: out of memory");
	syslog->address.sun_family = AF_UNIX;
	strcpy(syslog->address.sun_path, path);
	syslog->socket = -1;
	*ret = syslog;
	return 0;
}

/* A new connection begins with a whole message. */
static void disconnect(struct audit_syslog *syslog, int64_t now)
{
	if (syslog->socket >= 0)
		close(syslog->socket);
	syslog->socket = -1;
	syslog->failed = now;
	syslog->sent = 0;
}

void audit_syslog_free(struct audit_syslog *syslog)
{
	if (!syslog)
		return;
	disconnect(syslog, 0);
	free(syslog);
}

static bool is_connected(struct audit_syslog *syslog, int64_t now)
{
	if (syslog->socket >= 0)
		return true;
	if (syslog->failed && now - syslog->failed < AGAIN)
		return false;
	syslog->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (syslog->socket < 0 ||
	    connect(syslog->socket, (const struct sockaddr *)&syslog->address,
		    sizeof(syslog->address))) {
		disconnect(syslog, now);
		return false;
	}
	return true;
}

/* Bytes of the frame at the front: "LEN " and LEN. */
static size_t frame_length(const char *data)
{
	char *space;
	size_t length = strtoul(data, &space, 10);

	return (size_t)(space - data) + 1 + length;
}

/* @n bytes went: whole messages leave, of the rest it is known how much is gone. */
static void sent(struct audit_syslog *syslog, size_t n)
{
	size_t gone = syslog->sent + n, done = 0;

	while (gone - done >= syslog->first) {
		done += syslog->first;
		syslog->first = done < syslog->length ? frame_length(syslog->data + done) : 0;
		if (!syslog->first)
			break;
	}
	syslog->sent = gone - done;
	syslog->length -= done;
	memmove(syslog->data, syslog->data + done, syslog->length);
}

void audit_syslog_flush(struct audit_syslog *syslog, int64_t now)
{
	ssize_t n;

	while (syslog->length && is_connected(syslog, now)) {
		n = send(syslog->socket, syslog->data + syslog->sent,
			 syslog->length - syslog->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			sent(syslog, (size_t)n);
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		else
			disconnect(syslog, now);
	}
}

void audit_syslog_send(struct audit_syslog *syslog, const char *message, size_t length,
		       int64_t now)
{
	audit_syslog_flush(syslog, now);
	/* One byte stays free: frame_length() reads a number that must end. */
	if (length >= sizeof(syslog->data) - syslog->length) {
		syslog->lost++;
		return;
	}
	if (!syslog->length)
		syslog->first = length;
	memcpy(syslog->data + syslog->length, message, length);
	syslog->length += length;
	audit_syslog_flush(syslog, now);
}

int audit_syslog_socket(const struct audit_syslog *syslog)
{
	return syslog->length ? syslog->socket : -1;
}

uint64_t audit_syslog_lost(struct audit_syslog *syslog, int reset)
{
	uint64_t lost = syslog->lost;

	if (reset)
		syslog->lost = 0;
	return lost;
}
