// SPDX-License-Identifier: MIT
#include "server.h"

#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "log.h"
#include "request.h"
#include "strict.h"

#define CONNECTIONS	32
#define PATIENCE	60	/* seconds for what is begun: a request, an answer */
#define TICK		30	/* seconds between looks at the clock */

struct connection {
	struct server *server;
	struct bufferevent *buffer;
	struct ml_bytes waiting;	/* header of a request that waits; owned */
	struct connection *next;
};

struct server {
	struct signer *signer;
	struct event_base *base;
	uid_t peer;
	int listener;
	struct event *accepting, *due, *ending;
	struct connection *connections;
	unsigned int count;
	int64_t rest_until;		/* milliseconds of CLOCK_MONOTONIC */
	int64_t issued_boot;		/* CLOCK_BOOTTIME of the newest generation, seconds */
	bool told;			/* why there is no generation */
};

static int64_t milliseconds(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ------------------------------------------------------------ connections */

static void connection_end(struct connection *connection)
{
	struct server *server = connection->server;
	struct connection **link = &server->connections;

	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	if (server->count-- == CONNECTIONS)
		event_add(server->accepting, NULL);
	bufferevent_free(connection->buffer);
	free((void *)connection->waiting.data);
	free(connection);
}

static void answer_send(struct connection *connection, struct answer *answer)
{
	struct evbuffer *out = bufferevent_get_output(connection->buffer);
	uint64_t blob = 0, blob_le;
	uint32_t header_le;
	size_t length;
	char *text;

	text = ml_strict_dump(answer->header, &length);
	json_decref(answer->header);
	if (!text)
		die("out of memory");
	for (size_t i = 0; i < answer->part_count; i++)
		blob += answer->parts[i].length;
	header_le = htole32((uint32_t)length);
	blob_le = htole64(blob);
	if (evbuffer_add(out, &header_le, 4) || evbuffer_add(out, &blob_le, 8) ||
	    evbuffer_add(out, text, length))
		die("out of memory");
	for (size_t i = 0; i < answer->part_count; i++)
		if (evbuffer_add(out, answer->parts[i].data, answer->parts[i].length))
			die("out of memory");
	free(text);
}

static void schedule(struct server *server);

static void request_serve(struct connection *connection, struct ml_bytes header,
			  struct ml_bytes blob)
{
	struct ml_error error = { .text = "" };
	static struct answer answer;	/* large, and one at a time */

	if (request_answer(connection->server->signer, header, blob, &answer, &error))
		die("%s", error.text);
	if (!answer.wait) {
		answer_send(connection, &answer);
	} else if (!connection->waiting.data) {
		uint8_t *copy = malloc(header.length + 1);

		if (!copy)
			die("out of memory");
		memcpy(copy, header.data, header.length);
		connection->waiting.data = copy;
		connection->waiting.length = header.length;
	}
	schedule(connection->server);
}

/* 1: served one; 0: more must come; below: no request. */
static int request_take(struct connection *connection, struct evbuffer *in)
{
	uint8_t head[REQUEST_HEAD], *data;
	uint32_t header;
	uint64_t blob;

	if (connection->waiting.data || evbuffer_copyout(in, head, sizeof(head)) < REQUEST_HEAD)
		return 0;
	memcpy(&header, head, 4);
	memcpy(&blob, head + 4, 8);
	header = le32toh(header);
	blob = le64toh(blob);
	if (!header || header > REQUEST_HEADER_MAX || blob > REQUEST_BLOB_MAX)
		return -EBADMSG;
	bufferevent_setwatermark(connection->buffer, EV_READ, 0, REQUEST_HEAD + header + blob);
	if (evbuffer_get_length(in) < REQUEST_HEAD + header + blob)
		return 0;
	data = evbuffer_pullup(in, (ssize_t)(REQUEST_HEAD + header + blob));
	if (!data)
		die("out of memory");
	request_serve(connection, (struct ml_bytes){ data + REQUEST_HEAD, header },
		      (struct ml_bytes){ data + REQUEST_HEAD + header, blob });
	evbuffer_drain(in, REQUEST_HEAD + header + blob);
	return 1;
}

/* Half a request may take a while, and nothing at all may take for ever. */
static void patience_set(struct connection *connection, bool begun)
{
	static const struct timeval limit = { PATIENCE, 0 };

	bufferevent_set_timeouts(connection->buffer, begun ? &limit : NULL, &limit);
}

static void readable(struct bufferevent *buffer, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(buffer);
	struct connection *connection = arg;
	int r;

	do {
		r = request_take(connection, in);
	} while (r > 0);
	if (r < 0) {
		log_line(LOG_WARNING, "refused", "a connection sent what is no request");
		connection_end(connection);
		return;
	}
	patience_set(connection, evbuffer_get_length(in) && !connection->waiting.data);
}

static void ended(struct bufferevent *buffer, short what, void *arg)
{
	(void)buffer;
	if (what & BEV_EVENT_TIMEOUT)
		log_line(LOG_WARNING, "refused", "a connection that stood still");
	connection_end(arg);
}

static void connection_add(struct server *server, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		die("out of memory");
	connection->server = server;
	connection->buffer = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!connection->buffer)
		die("out of memory");
	connection->next = server->connections;
	server->connections = connection;
	if (++server->count == CONNECTIONS)
		event_del(server->accepting);
	bufferevent_setcb(connection->buffer, readable, NULL, ended, connection);
	bufferevent_setwatermark(connection->buffer, EV_READ, 0,
				 REQUEST_HEAD + REQUEST_HEADER_MAX);
	patience_set(connection, false);
	bufferevent_enable(connection->buffer, EV_READ | EV_WRITE);
}

static void acceptable(evutil_socket_t socket, short what, void *arg)
{
	struct server *server = arg;
	struct ucred peer;
	socklen_t length = sizeof(peer);
	int fd = accept4(socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) || peer.uid != server->peer) {
		log_line(LOG_WARNING, "refused", "a connection of user %u, who is not the server",
			 peer.uid);
		close(fd);
		return;
	}
	connection_add(server, fd);
}

/* ------------------------------------------------------------ generations */

/* Who waited for this one is answered now, and then what he has sent since. */
static void waiting_serve(struct server *server)
{
	struct connection *next;

	for (struct connection *at = server->connections; at; at = next) {
		struct ml_bytes header = at->waiting;

		next = at->next;
		if (!header.data)
			continue;
		at->waiting.data = NULL;
		request_serve(at, header, (struct ml_bytes){ NULL, 0 });
		free((void *)header.data);
		readable(at->buffer, at);
	}
}

static void generation_tell(struct server *server, int r, const struct ml_error *error,
			    int64_t cost)
{
	const struct signer *signer = server->signer;

	if (!r)
		log_line(LOG_INFO, "signed", "generation %llu.%llu: %zu nodes, %zu of them other, %lld ms of CPU",
			 (unsigned long long)signer->statement.epoch,
			 (unsigned long long)signer->statement.serial, signer->generation->count,
			 signer->generation->changed, (long long)cost);
	else if (!server->told)
		log_line(r == -EAGAIN ? LOG_NOTICE : LOG_ERR, "not-signed", "%s", error->text);
	server->told = r != 0;
}

static void generation_due(evutil_socket_t none, short what, void *arg)
{
	int64_t begun = milliseconds(CLOCK_PROCESS_CPUTIME_ID), cost;
	struct ml_error error = { .text = "" };
	struct server *server = arg;
	int r;

	(void)none;
	(void)what;
	r = issue(server->signer, &error);
	if (r == -EIO || r == -ENOMEM)
		die("%s", error.text);
	cost = milliseconds(CLOCK_PROCESS_CPUTIME_ID) - begun;
	server->rest_until = milliseconds(CLOCK_MONOTONIC) + (SIGNER_REST - 1) * cost;
	generation_tell(server, r, &error, cost);
	if (r)
		return;
	server->issued_boot = signer_boot();
	waiting_serve(server);
}

/* What comes within a moment is one generation, and making them is never most of the work. */
static void schedule(struct server *server)
{
	int64_t delay = server->rest_until - milliseconds(CLOCK_MONOTONIC);
	struct timeval wait;

	if (!server->signer->changed || event_pending(server->due, EV_TIMEOUT, NULL))
		return;
	if (delay < SIGNER_GATHER)
		delay = SIGNER_GATHER;
	wait = (struct timeval){ delay / 1000, delay % 1000 * 1000 };
	event_add(server->due, &wait);
}

/* A node that ends is out at that second, if nothing sets the clock; then within TICK. */
static void ends_look(struct server *server)
{
	int64_t next = ends_next(server->signer), now = signer_now(server->signer);
	struct timeval wait = { next - now, 0 };

	if (!next)
		return;
	if (next <= now)
		server->signer->changed = true;
	else if (next - now < TICK)
		event_add(server->ending, &wait);
}

/* By the clock that may be set as by the one that may not: whichever comes first. */
static void tick(evutil_socket_t none, short what, void *arg)
{
	struct server *server = arg;
	struct signer *signer = server->signer;

	(void)none;
	(void)what;
	ends_look(server);
	if (signer->has_statement &&
	    (signer_now(signer) - signer->statement.issued >= SIGNER_RENEWAL ||
	     signer_boot() - server->issued_boot >= SIGNER_RENEWAL))
		signer->changed = true;
	schedule(server);
}

/* ------------------------------------------------------------------ whole */

static void stop(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	event_base_loopbreak(arg);
}

static struct event *event_make(struct server *server, int fd, short what,
				event_callback_fn callback, void *arg)
{
	struct event *event = event_new(server->base, fd, what, callback, arg);

	if (!event)
		die("out of memory");
	return event;
}

static void ticking_start(struct server *server)
{
	static const struct timeval often = { TICK, 0 };

	event_add(event_make(server, -1, EV_PERSIST, tick, server), &often);
	tick(-1, 0, server);
}

void server_run(struct signer *signer, int listener, uid_t peer, void (*started)(void))
{
	struct server server = { .signer = signer, .peer = peer, .listener = listener };

	server.base = event_base_new();
	if (!server.base)
		die("cannot set up the event loop");
	server.accepting = event_make(&server, listener, EV_READ | EV_PERSIST, acceptable, &server);
	server.due = event_make(&server, -1, 0, generation_due, &server);
	server.ending = event_make(&server, -1, 0, tick, &server);
	server.issued_boot = signer_boot();
	event_add(evsignal_new(server.base, SIGTERM, stop, server.base), NULL);
	event_add(evsignal_new(server.base, SIGINT, stop, server.base), NULL);
	event_add(server.accepting, NULL);
	started();
	ticking_start(&server);
	event_base_dispatch(server.base);
}
