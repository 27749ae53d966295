/* SPDX-License-Identifier: MIT */
/* The server, and its connections: a socket and TLS around a session. */
#ifndef MERLON_CONTROL_HTTP_PRIVATE_H
#define MERLON_CONTROL_HTTP_PRIVATE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#include "http_address.h"
#include "http_session.h"

#define HTTP_RECORD 16384		/* bytes of a TLS record, RFC 8446, 5.1 */

struct http_listener;

struct http_server {
	struct event_base *base;
	struct http_handler handler;
	void *data;
	struct http_limits limits;
	SSL_CTX *tls;
	struct http_listener *listeners;
	size_t listener_count;
	struct event resume;		/* accepting, after descriptors ran out */

	LIST_HEAD(http_connections, http_connection) connections;
	unsigned int connection_count, request_count;
	struct http_addresses *addresses;
	struct http_account account;

	bool stopping;
	struct event stop;		/* its limit is over, or the last connection */
	void (*stopped)(struct http_server *server, void *data);
	void *stopped_data;

	/* What passes through; nothing stays here from one event to the next. */
	uint8_t input[HTTP_RECORD];
	uint8_t output[3 * HTTP_RECORD];
};

enum http_state {
	HTTP_STATE_HANDSHAKE,
	HTTP_STATE_OPEN,
	HTTP_STATE_CLOSING,		/* all is said; waits for the client to hear it */
};

struct http_connection {
	LIST_ENTRY(http_connection) entry;
	struct http_server *server;
	enum http_state state;
	int fd;
	SSL *tls;			/* NULL: by a local socket */
	struct event readable, writable, timer;
	uint64_t timer_at;		/* milliseconds; UINT64_MAX: not set */
	uint64_t deadline;		/* of the state; UINT64_MAX: none but the session's */
	http_prefix prefix;
	struct http_peer peer;
	struct http_session *session;	/* while open */
	uint8_t *pending;		/* that TLS could not take yet */
	size_t pending_length, pending_sent;
	size_t discarded;		/* bytes, while closing */
	bool blocked;			/* waits to be writable */
	bool heard;			/* any byte of the client */
	bool ended;			/* to be freed */
};

/* False: no memory; @fd and @prefix, which was counted, are then still the caller's. */
bool http_connection_new(struct http_server *server, int fd, http_prefix prefix,
			 const char *address);
/* The same by a local socket, without TLS: who connected is @uid. */
bool http_connection_new_local(struct http_server *server, int fd, uid_t uid);
void http_connection_free(struct http_connection *connection);
void http_connection_drain(struct http_connection *connection);

/*
 * http_io.c: bytes through TLS, or without it. 1: @ret_length of them; 0: again, when the
 * socket is ready; -1: the connection is at its end.
 */
int http_io_read(struct http_connection *connection, void *bytes, size_t size,
		 size_t *ret_length);
int http_io_write(struct http_connection *connection, const void *bytes, size_t length,
		  size_t *ret_sent);
/* Of an operation of TLS: can it be tried again when the socket is ready? */
bool http_io_waits(struct http_connection *connection, int result);

void http_server_refused(struct http_server *server, enum http_reason reason,
			 const char *detail, const char *address);
/* A connection is gone. */
void http_server_left(struct http_server *server);

/* http_listen.c */
int http_listeners_open(struct http_server *server, const struct http_config *config,
			struct ml_error *error);
void http_listeners_close(struct http_server *server);

#endif
