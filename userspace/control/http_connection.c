// SPDX-License-Identifier: MIT
/*
 * A socket, TLS, and the session behind it. TLS reads and writes the socket
 * itself, one record at a time through two buffers that all connections share:
 * libevent's own buffers (bufferevent_openssl) would keep copies of what was
 * said, and grow with what a client does not fetch. Here an idle connection has
 * no buffer at all, and a blocked one has one of at most three records.
 *
 * A connection is only freed at the end of connection_run() and of its timer,
 * never beneath a call of nghttp2's or the handler's.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#include "http_private.h"
#include "http_tls.h"

#define RECORDS_AT_ONCE 4	/* read, before others have their turn */
#define WRITES_AT_ONCE 16
#define LINGER_MS 1000
#define LINGER_BYTES (1024 * 1024)
#define KEEP_IDLE 60		/* seconds of silence before the kernel asks */
#define KEEP_INTERVAL 10
#define KEEP_COUNT 3

static void connection_end(struct http_connection *connection)
{
	connection->ended = true;
}

/* ------------------------------------------------------------- handshake */

static void on_wake(void *arg)
{
	struct http_connection *connection = arg;

	event_active(&connection->writable, EV_WRITE, 0);
}

/* A certificate that does not hold leaves the client without one. */
static void certificate_get(struct http_connection *connection)
{
	struct http_certificate found;
	struct http_account *account = &connection->server->account;

	if (!http_tls_certificate(connection->tls, &found))
		return;
	connection->peer.certificate = http_alloc(account, sizeof(found));
	if (connection->peer.certificate)
		*connection->peer.certificate = found;
	else
		connection_end(connection);
}

static void session_start(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	const struct http_context context = {
		&server->limits, &server->handler, server->data, &connection->peer,
		&server->account, &server->request_count, on_wake, connection
	};

	if (connection->tls && !http_tls_speaks_h2(connection->tls)) {
		http_server_refused(server, HTTP_REFUSED_ALPN,
				    "a client that does not ask for HTTP/2",
				    connection->peer.address);
		connection_end(connection);
		return;
	}
	if (connection->tls)
		certificate_get(connection);
	if (http_session_new(&context, http_now(), &connection->session)) {
		http_server_refused(server, HTTP_REFUSED_MEMORY, "no memory for a connection",
				    connection->peer.address);
		connection_end(connection);
		return;
	}
	connection->state = HTTP_STATE_OPEN;
	connection->deadline = UINT64_MAX;
	if (server->stopping)
		http_session_drain(connection->session, http_now());
}

/* Who only knocks, as a balancer's check does, is not reported. */
static void handshake_failed(struct http_connection *connection)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (connection->heard)
		http_server_refused(connection->server, HTTP_REFUSED_TLS,
				    reason ? reason : "the client went away",
				    connection->peer.address);
	connection_end(connection);
}

static void connection_handshake(struct http_connection *connection)
{
	int r = SSL_accept(connection->tls);

	if (r == 1)
		session_start(connection);
	else if (!http_io_waits(connection, r))
		handshake_failed(connection);
}

/*
 * TLS's own messages behind the handshake (RFC 8446, 4.6.3: new keys) cost as
 * much as a frame, and can come as many at a time.
 */
static void on_message(int outgoing, int version, int type, const void *bytes, size_t length,
		       SSL *tls, void *arg)
{
	struct http_connection *connection = arg;

	(void)version;
	(void)bytes;
	(void)length;
	(void)tls;
	if (outgoing)
		return;
	connection->heard = true;
	if (type == SSL3_RT_HANDSHAKE && connection->session)
		http_session_spend(connection->session);
}

/* ------------------------------------------------------------ bytes in, out */

static void connection_read(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	size_t length;
	int i, r;

	for (i = 0; i < RECORDS_AT_ONCE && !connection->session->over; i++) {
		r = http_io_read(connection, server->input, sizeof(server->input), &length);
		if (r < 0)
			connection_end(connection);
		if (r <= 0)
			return;
		http_session_input(connection->session, server->input, length, http_now());
		explicit_bzero(server->input, length);
	}
	/* What TLS has decrypted already, the socket will not tell of. */
	if (connection->tls && SSL_pending(connection->tls))
		event_active(&connection->readable, EV_READ, 0);
}

/* Frames, until they fill a record. */
static size_t output_gather(struct http_connection *connection)
{
	uint8_t *to = connection->server->output;
	const uint8_t *frame;
	size_t length, total = 0;

	while (total < HTTP_RECORD) {
		length = http_session_output(connection->session, &frame, http_now());
		if (!length)
			break;
		if (length > sizeof(connection->server->output) - total) {
			connection_end(connection);
			return 0;
		}
		memcpy(to + total, frame, length);
		total += length;
	}
	return total;
}

static void pending_free(struct http_connection *connection)
{
	http_release(&connection->server->account, connection->pending);
	connection->pending = NULL;
	connection->pending_length = connection->pending_sent = 0;
}

/* False: the rest waits, or the connection has ended. */
static bool bytes_write(struct http_connection *connection, const uint8_t *bytes,
			size_t length, size_t *ret_sent)
{
	size_t sent;
	int r;

	while (*ret_sent < length) {
		r = http_io_write(connection, bytes + *ret_sent, length - *ret_sent, &sent);
		if (r < 0)
			connection_end(connection);
		if (r <= 0)
			return false;
		*ret_sent += sent;
	}
	return true;
}

static bool pending_write(struct http_connection *connection)
{
	if (!connection->pending)
		return true;
	if (!bytes_write(connection, connection->pending, connection->pending_length,
			 &connection->pending_sent))
		return false;
	pending_free(connection);
	return true;
}

static void pending_keep(struct http_connection *connection, const uint8_t *bytes,
			 size_t length)
{
	connection->pending = http_alloc(&connection->server->account, length);
	if (!connection->pending) {
		connection_end(connection);
		return;
	}
	memcpy(connection->pending, bytes, length);
	connection->pending_length = length;
}

static void connection_write(struct http_connection *connection)
{
	uint8_t *output = connection->server->output;
	size_t length, sent;
	int i;

	if (!pending_write(connection))
		return;
	for (i = 0; i < WRITES_AT_ONCE; i++) {
		length = output_gather(connection);
		sent = 0;
		if (!length || connection->ended)
			return;
		if (!bytes_write(connection, output, length, &sent) && !connection->ended)
			pending_keep(connection, output + sent, length - sent);
		explicit_bzero(output, length);
		if (connection->pending || connection->ended)
			return;
	}
	event_active(&connection->writable, EV_WRITE, 0);
}

/* ------------------------------------------------------------------ the end */

/*
 * Says that no more will come, and listens until the client has heard it: a
 * socket that is closed with bytes unread would take the last frames with it.
 */
static void closing_start(struct http_connection *connection)
{
	if (connection->tls)
		SSL_shutdown(connection->tls);
	shutdown(connection->fd, SHUT_WR);
	http_session_free(connection->session);
	connection->session = NULL;
	connection->state = HTTP_STATE_CLOSING;
	connection->deadline = http_now() + LINGER_MS;
}

static void connection_discard(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	ssize_t length = recv(connection->fd, server->input, sizeof(server->input), 0);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0)
		connection_end(connection);
	else
		connection->discarded += (size_t)length;
	if (connection->discarded > LINGER_BYTES)
		connection_end(connection);
}

static void connection_finish(struct http_connection *connection)
{
	if (connection->session->dead)
		connection_end(connection);
	else if (!http_session_finished(connection->session))
		return;
	else if (!connection->pending)
		closing_start(connection);
	else if (connection->deadline == UINT64_MAX)
		connection->deadline = http_now() + connection->server->limits.send_ms;
}

void http_connection_free(struct http_connection *connection)
{
	struct http_server *server = connection->server;

	event_del(&connection->readable);
	event_del(&connection->writable);
	event_del(&connection->timer);
	http_session_free(connection->session);
	pending_free(connection);
	SSL_free(connection->tls);
	close(connection->fd);
	if (!connection->peer.local)
		http_addresses_remove(server->addresses, connection->prefix);
	LIST_REMOVE(connection, entry);
	http_release(&server->account, connection->peer.certificate);
	http_release(&server->account, connection);
	http_server_left(server);
}

/* ------------------------------------------------------------------- events */

static void timer_set(struct http_connection *connection)
{
	uint64_t deadline = connection->deadline, now = http_now(), wait;
	struct timeval time;

	if (connection->session) {
		uint64_t other = http_session_deadline(connection->session);

		deadline = other < deadline ? other : deadline;
	}
	/* One that is early looks again; only a later one would be wrong. */
	if (connection->timer_at <= deadline)
		return;
	wait = deadline > now ? deadline - now : 0;
	time.tv_sec = (time_t)(wait / 1000);
	time.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	connection->timer_at = deadline;
	event_add(&connection->timer, &time);
}

static void connection_settle(struct http_connection *connection)
{
	if (!connection->ended && connection->state == HTTP_STATE_OPEN)
		connection_finish(connection);
	if (connection->ended) {
		http_connection_free(connection);
		return;
	}
	if (connection->blocked)
		event_add(&connection->writable, NULL);
	timer_set(connection);
}

static void connection_run(struct http_connection *connection)
{
	connection->blocked = false;
	ERR_clear_error();
	if (connection->state == HTTP_STATE_HANDSHAKE)
		connection_handshake(connection);
	if (connection->state == HTTP_STATE_OPEN && !connection->ended)
		connection_read(connection);
	if (connection->state == HTTP_STATE_OPEN && !connection->ended)
		connection_write(connection);
	if (connection->state == HTTP_STATE_CLOSING)
		connection_discard(connection);
	ERR_clear_error();
	connection_settle(connection);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	connection_run(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_connection *connection = arg;
	uint64_t now = http_now();

	(void)fd;
	(void)what;
	connection->timer_at = UINT64_MAX;
	if (connection->deadline <= now) {
		if (connection->state == HTTP_STATE_HANDSHAKE)
			http_server_refused(connection->server, HTTP_REFUSED_SLOW,
					    "a handshake that does not end",
					    connection->peer.address);
		connection_end(connection);
		connection_settle(connection);
		return;
	}
	if (connection->session && http_session_deadline(connection->session) <= now)
		http_session_expire(connection->session, now);
	connection_run(connection);
}

void http_connection_drain(struct http_connection *connection)
{
	if (connection->session)
		http_session_drain(connection->session, http_now());
}

/* ---------------------------------------------------------------- the start */

/* The kernel finds out who has vanished; requests may wait for hours. */
static void socket_set(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			   sizeof(options[i].value));
}

static SSL *tls_new(struct http_connection *connection, int fd)
{
	SSL *tls = SSL_new(connection->server->tls);

	if (!tls)
		return NULL;
	if (!SSL_set_fd(tls, fd)) {
		SSL_free(tls);
		return NULL;
	}
	SSL_set_msg_callback(tls, on_message);
	SSL_set_msg_callback_arg(tls, connection);
	return tls;
}

static void events_set(struct http_connection *connection)
{
	struct event_base *base = connection->server->base;

	event_assign(&connection->readable, base, connection->fd, EV_READ | EV_PERSIST,
		     on_socket, connection);
	event_assign(&connection->writable, base, connection->fd, EV_WRITE, on_socket,
		     connection);
	event_assign(&connection->timer, base, -1, 0, on_timer, connection);
	event_add(&connection->readable, NULL);
}

static void connection_start(struct http_connection *connection)
{
	struct http_server *server = connection->server;

	connection->timer_at = UINT64_MAX;
	connection->deadline = http_now() + server->limits.handshake_ms;
	LIST_INSERT_HEAD(&server->connections, connection, entry);
	server->connection_count++;
	events_set(connection);
}

bool http_connection_new(struct http_server *server, int fd, http_prefix prefix,
			 const char *address)
{
	struct http_connection *connection = http_alloc(&server->account, sizeof(*connection));

	if (!connection)
		return false;
	connection->server = server;
	connection->fd = fd;
	connection->tls = tls_new(connection, fd);
	if (!connection->tls) {
		http_release(&server->account, connection);
		return false;
	}
	socket_set(fd);
	connection->prefix = prefix;
	snprintf(connection->peer.address, sizeof(connection->peer.address), "%s", address);
	connection_start(connection);
	timer_set(connection);
	return true;
}

bool http_connection_new_local(struct http_server *server, int fd, uid_t uid)
{
	struct http_connection *connection = http_alloc(&server->account, sizeof(*connection));

	if (!connection)
		return false;
	connection->server = server;
	connection->fd = fd;
	connection->peer.local = true;
	connection->peer.uid = uid;
	connection_start(connection);
	session_start(connection);
	connection_settle(connection);
	return true;
}
