// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http_private.h"
#include "http_tls.h"

#define KIB 1024u
#define MIB (1024u * KIB)

const struct http_limits http_limits_default = {
	.connections = 12000,
	.connections_address = 256,
	.streams = 100,
	.memory = 512 * MIB,
	.connection_memory = 512 * KIB,
	.header_bytes = 16 * KIB,
	.body_bytes = 64 * KIB,
	.bodies_connection = 1 * MIB,
	.backlog_bytes = 1 * MIB,
	.handshake_ms = 10000,
	.header_ms = 10000,
	.body_ms = 15000,
	.send_ms = 30000,
	.idle_ms = 120000,
	.body_rate = 1 * KIB,
	.send_rate = 1 * KIB,
	.resets = { .burst = 100, .per_second = 10 },
	.frames = { .burst = 256, .per_second = 32 },
};

const char *http_reason_name(enum http_reason reason)
{
	static const char *const names[__HTTP_REFUSED_MAX] = {
		[HTTP_REFUSED_CONNECTIONS] = "connections",
		[HTTP_REFUSED_ADDRESS] = "address",
		[HTTP_REFUSED_TLS] = "tls",
		[HTTP_REFUSED_ALPN] = "alpn",
		[HTTP_REFUSED_SLOW] = "slow",
		[HTTP_REFUSED_FLOOD] = "flood",
		[HTTP_REFUSED_MEMORY] = "memory",
		[HTTP_REFUSED_HEADER] = "header",
		[HTTP_REFUSED_BODY] = "body",
		[HTTP_REFUSED_PROTOCOL] = "protocol",
		[HTTP_REFUSED_MALFORMED] = "malformed",
	};

	return reason > HTTP_REFUSED_UNSPEC && reason < __HTTP_REFUSED_MAX ? names[reason] :
		"unknown";
}

void http_server_refused(struct http_server *server, enum http_reason reason,
			 const char *detail, const char *address)
{
	const struct http_refusal refusal = { reason, detail, address };

	if (server->handler.refused)
		server->handler.refused(&refusal, server->data);
}

/* Times and rates of nothing would end every connection, or divide by it. */
static int limits_check(const struct http_limits *limits, struct ml_error *error)
{
	if (!limits->connections || !limits->connections_address || !limits->streams ||
	    !limits->header_bytes || !limits->handshake_ms || !limits->header_ms ||
	    !limits->body_ms || !limits->send_ms || !limits->idle_ms || !limits->body_rate ||
	    !limits->send_rate || !limits->resets.burst || !limits->frames.burst)
		return ml_error_set(error, -EINVAL,
				    "a limit of the server is 0, with which it could serve nobody");
	if (limits->header_bytes > MIB || limits->connection_memory < 64 * KIB)
		return ml_error_set(error, -EINVAL,
				    "a limit of the server is out of range: at most 1 MiB of fields, at least 64 KiB for a connection");
	return 0;
}

/* ------------------------------------------------------------------- stopping */

static void connections_cut(struct http_server *server)
{
	while (!LIST_EMPTY(&server->connections))
		http_connection_free(LIST_FIRST(&server->connections));
}

/* The last connection is gone, or time is over. */
static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;
	void (*stopped)(struct http_server *server, void *data) = server->stopped;

	(void)fd;
	(void)what;
	connections_cut(server);
	event_del(&server->stop);
	server->stopped = NULL;
	if (stopped)
		stopped(server, server->stopped_data);
}

void http_server_left(struct http_server *server)
{
	server->connection_count--;
	if (server->stopping && !server->connection_count)
		event_active(&server->stop, EV_TIMEOUT, 0);
}

void http_server_stop(struct http_server *server, unsigned int limit_ms,
		      void (*stopped)(struct http_server *server, void *data), void *data)
{
	const struct timeval limit = { limit_ms / 1000, limit_ms % 1000 * 1000 };
	struct http_connection *connection;

	if (server->stopping)
		return;
	server->stopping = true;
	server->stopped = stopped;
	server->stopped_data = data;
	http_listeners_close(server);
	LIST_FOREACH(connection, &server->connections, entry)
		http_connection_drain(connection);
	event_add(&server->stop, &limit);
	if (!server->connection_count)
		event_active(&server->stop, EV_TIMEOUT, 0);
}

/* --------------------------------------------------------------- being there */

static int server_fill(struct http_server *server, const struct http_config *config,
		       struct ml_error *error)
{
	int r = limits_check(&server->limits, error);

	if (r)
		return r;
	server->account.limit = server->limits.memory;
	server->addresses = http_addresses_new();
	if (!server->addresses)
		return ml_error_set(error, -ENOMEM, "no memory for a server");
	r = http_tls_new(&config->files, &server->tls, error);
	if (r)
		return r;
	return http_listeners_open(server, config, error);
}

int http_server_new(struct event_base *base, const struct http_config *config,
		    const struct http_handler *handler, void *data,
		    struct http_server **ret, struct ml_error *error)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return ml_error_set(error, -ENOMEM, "no memory for a server");
	server->base = base;
	server->handler = *handler;
	server->data = data;
	server->limits = config->limits ? *config->limits : http_limits_default;
	LIST_INIT(&server->connections);
	event_assign(&server->stop, base, -1, 0, on_stop, server);
	event_assign(&server->resume, base, -1, 0, on_stop, server);
	r = server_fill(server, config, error);
	if (r) {
		http_server_free(server);
		return r;
	}
	*ret = server;
	return 0;
}

int http_server_reload(struct http_server *server, const struct http_files *files,
		       struct ml_error *error)
{
	SSL_CTX *tls;
	int r = http_tls_new(files, &tls, error);

	if (r)
		return r;
	/* Connections hold the one that they began with. */
	SSL_CTX_free(server->tls);
	server->tls = tls;
	return 0;
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	server->stopping = true;
	http_listeners_close(server);
	connections_cut(server);
	event_del(&server->stop);
	http_addresses_free(server->addresses);
	SSL_CTX_free(server->tls);
	explicit_bzero(server, sizeof(*server));
	free(server);
}

void http_server_usage(const struct http_server *server, struct http_usage *ret)
{
	ret->connections = server->connection_count;
	ret->requests = server->request_count;
	ret->memory = server->account.used;
}
