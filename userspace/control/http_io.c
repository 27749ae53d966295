// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/socket.h>

#include "http_private.h"

bool http_io_waits(struct http_connection *connection, int result)
{
	switch (SSL_get_error(connection->tls, result)) {
	case SSL_ERROR_WANT_READ:
		return true;
	case SSL_ERROR_WANT_WRITE:
		connection->blocked = true;
		return true;
	default:
		return false;
	}
}

int http_io_read(struct http_connection *connection, void *bytes, size_t size,
		 size_t *ret_length)
{
	ssize_t length;
	int r;

	if (connection->tls) {
		r = SSL_read_ex(connection->tls, bytes, size, ret_length);
		return r == 1 ? 1 : http_io_waits(connection, r) ? 0 : -1;
	}
	length = recv(connection->fd, bytes, size, 0);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (length <= 0)
		return -1;
	*ret_length = (size_t)length;
	return 1;
}

int http_io_write(struct http_connection *connection, const void *bytes, size_t length,
		  size_t *ret_sent)
{
	ssize_t sent;
	int r;

	if (connection->tls) {
		r = SSL_write_ex(connection->tls, bytes, length, ret_sent);
		return r == 1 ? 1 : http_io_waits(connection, r) ? 0 : -1;
	}
	sent = send(connection->fd, bytes, length, MSG_NOSIGNAL);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
		connection->blocked = true;
		return 0;
	}
	if (sent < 0)
		return -1;
	*ret_sent = (size_t)sent;
	return 1;
}
