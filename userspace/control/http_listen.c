// SPDX-License-Identifier: MIT
/* Sockets that listen, and who is let in. */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/listener.h>
#include <event2/util.h>

#include "http_private.h"

#define RESUME_MS 200		/* after descriptors, or memory, ran out */

struct http_listener {
	struct evconnlistener *libevent;
};

static void client_refuse(struct http_server *server, int fd, enum http_reason reason,
			  const char *detail, const char *address)
{
	close(fd);
	http_server_refused(server, reason, detail, address);
}

/* Its numbers are bounded by who may open the socket, which is not the world. */
static void local_client(struct http_server *server, int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) ||
	    !http_connection_new_local(server, fd, peer.uid))
		client_refuse(server, fd, HTTP_REFUSED_MEMORY, "no memory for a connection", "");
}

static void on_client(struct evconnlistener *listener, evutil_socket_t fd,
		      struct sockaddr *address, int length, void *arg)
{
	struct http_server *server = arg;
	char text[INET6_ADDRSTRLEN];
	http_prefix prefix;

	(void)listener;
	(void)length;
	if (address->sa_family == AF_UNIX) {
		local_client(server, fd);
		return;
	}
	prefix = http_address_read(address, text);
	if (server->connection_count >= server->limits.connections) {
		client_refuse(server, fd, HTTP_REFUSED_CONNECTIONS,
			      "too many connections in all", text);
	} else if (!http_addresses_add(server->addresses, prefix,
				       server->limits.connections_address)) {
		client_refuse(server, fd, HTTP_REFUSED_ADDRESS,
			      "too many connections of one address", text);
	} else if (!http_connection_new(server, fd, prefix, text)) {
		http_addresses_remove(server->addresses, prefix);
		client_refuse(server, fd, HTTP_REFUSED_MEMORY, "no memory for a connection",
			      text);
	}
}

static void listeners_switch(struct http_server *server, bool on)
{
	size_t i;

	for (i = 0; i < server->listener_count; i++) {
		if (on)
			evconnlistener_enable(server->listeners[i].libevent);
		else
			evconnlistener_disable(server->listeners[i].libevent);
	}
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	listeners_switch(arg, true);
}

/* accept() failed: whoever waits would be reported again at once, for ever. */
static void on_error(struct evconnlistener *listener, void *arg)
{
	const struct timeval pause = { 0, RESUME_MS * 1000 };
	struct http_server *server = arg;

	(void)listener;
	listeners_switch(server, false);
	event_add(&server->resume, &pause);
}

static int address_refused(const char *text, int code, const char *what, struct ml_error *error)
{
	return ml_error_set(error, -code, "cannot %s %s: %s", what, text, strerror(code));
}

static int socket_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -1;
	if (address->sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)))
		return -1;
	return bind(fd, address, length);
}

/* "192.0.2.1:443" and "[2001:db8::1]:443"; false: neither. */
static bool address_split(const char *text, char *host, size_t size, const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (length && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	} else if (length != strcspn(text, ":")) {
		return false;
	}
	if (!length || length >= size)
		return false;
	memcpy(host, text, length);
	host[length] = 0;
	*ret_port = colon + 1;
	return **ret_port;
}

static int address_parse(const char *text, struct addrinfo **ret, struct ml_error *error)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	const char *port;
	char host[128];

	/* getaddrinfo() would take 99999 for 34463. */
	if (!address_split(text, host, sizeof(host), &port) ||
	    strspn(port, "0123456789") > 5 || strtoul(port, NULL, 10) > UINT16_MAX ||
	    getaddrinfo(host, port, &hints, ret))
		return ml_error_set(error, -EINVAL,
				    "\"%s\" is no address to listen on; expected as 192.0.2.1:443 or [2001:db8::1]:443",
				    text);
	return 0;
}

static int address_listen(const char *text, const struct addrinfo *address, int *ret,
			  struct ml_error *error)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int code;

	if (fd < 0)
		return address_refused(text, errno, "open a socket for", error);
	if (socket_bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, SOMAXCONN)) {
		code = errno;
		close(fd);
		return address_refused(text, code, "listen on", error);
	}
	*ret = fd;
	return 0;
}

int http_listen_on(const char *text, int *ret, struct ml_error *error)
{
	struct addrinfo *address;
	int r = address_parse(text, &address, error);

	if (r)
		return r;
	r = address_listen(text, address, ret, error);
	freeaddrinfo(address);
	return r;
}

/* What was handed over must be a socket whose clients have addresses. */
static int socket_check(int fd, struct ml_error *error)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int listening = 0;
	socklen_t size = sizeof(listening);

	if (!getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) && listening &&
	    !getsockname(fd, (struct sockaddr *)&address, &length) &&
	    (address.ss_family == AF_INET || address.ss_family == AF_INET6 ||
	     address.ss_family == AF_UNIX))
		return 0;
	return ml_error_set(error, -EINVAL,
			    "descriptor %d is no socket that listens, by IPv4, IPv6 or a path", fd);
}

/* Takes over @fd. */
static int listener_add(struct http_server *server, int fd, struct ml_error *error)
{
	struct http_listener *listener = &server->listeners[server->listener_count];

	if (socket_check(fd, error)) {
		close(fd);
		return -EINVAL;
	}
	evutil_make_socket_nonblocking(fd);
	listener->libevent = evconnlistener_new(server->base, on_client, server,
						LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
						0, fd);
	if (!listener->libevent) {
		close(fd);
		return ml_error_set(error, -ENOMEM, "no memory to listen");
	}
	evconnlistener_set_error_cb(listener->libevent, on_error);
	server->listener_count++;
	return 0;
}

int http_listeners_open(struct http_server *server, const struct http_config *config,
			struct ml_error *error)
{
	size_t i, count = config->listen_count + config->socket_count;
	int fd = -1, r = 0;

	event_assign(&server->resume, server->base, -1, 0, on_resume, server);
	server->listeners = calloc(count ? count : 1, sizeof(*server->listeners));
	if (!server->listeners)
		return ml_error_set(error, -ENOMEM, "no memory to listen");
	for (i = 0; i < config->listen_count && !r; i++) {
		r = http_listen_on(config->listen[i], &fd, error);
		if (!r)
			r = listener_add(server, fd, error);
	}
	for (i = 0; i < config->socket_count; i++) {
		if (r)
			close(config->sockets[i]);
		else
			r = listener_add(server, config->sockets[i], error);
	}
	return r;
}

void http_listeners_close(struct http_server *server)
{
	size_t i;

	event_del(&server->resume);
	for (i = 0; i < server->listener_count; i++)
		evconnlistener_free(server->listeners[i].libevent);
	free(server->listeners);
	server->listeners = NULL;
	server->listener_count = 0;
}

uint16_t http_server_port(const struct http_server *server, size_t index)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (index >= server->listener_count ||
	    getsockname(evconnlistener_get_fd(server->listeners[index].libevent),
			(struct sockaddr *)&address, &length))
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}
