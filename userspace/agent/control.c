// SPDX-License-Identifier: MIT
/* The control socket: daemon.h has the protocol. */
#include "sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"
#include "log.h"

#define CLIENTS_MAX 32
#define CLIENTS_ROOT 8		/* more, that only root can take */
#define PAUSE_SECONDS 1		/* until the next accept() after one that found no room */
#define IDLE_SECONDS 60
#define GROUPS_MAX 64

struct client {
	struct sync *sync;
	int fd;
	bool root;
	struct event *event;
	struct task *task;	/* what is done for it now, or NULL */
	struct client *next;
};

static struct event *newcomers, *pause_over;
static struct client *clients;
static size_t client_count;

/* ------------------------------------------------------------------ replies */

static void put(json_t *json, const char *key, json_t *value)
{
	json_object_set_new(json, key, value);
}

static json_t *generation_json(const struct message_generation *generation)
{
	return json_pack("{s:I, s:I, s:I}", "epoch", (json_int_t)generation->epoch,
			 "notBefore", (json_int_t)generation->not_before,
			 "serial", (json_int_t)generation->serial);
}

static json_t *pending_json(const struct message_result *result)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < result->pending_count && i < MESSAGE_PENDING; i++)
		json_array_append_new(list, generation_json(&result->pending[i]));
	return list;
}

static void put_accepted(json_t *json, const struct message_result *result)
{
	if (!result->accepted)
		return;
	put(json, "issued", json_integer(result->issued));
	put(json, "notBefore", json_integer(result->not_before));
	put(json, "expires", json_integer(result->expires));
	put(json, "stale", json_boolean(result->stale));
	if (result->bundle_scope)
		put(json, "bundleScope", json_string(ml_scope_name(result->bundle_scope)));
}

static void put_tunnel(json_t *json, const struct message_result *result)
{
	if (result->has_tunnel)
		put(json, "tunnel", json_pack("{s:s, s:i, s:s}", "device", result->tunnel,
					      "peers", (int)result->tunnel_peers, "problem",
					      result->tunnel_problem));
}

static void put_status(json_t *json, const struct sync *sync,
		       const struct message_result *result)
{
	put(json, "network", json_string(sync->agent->trust.network));
	put(json, "node", json_string(sync->agent->trust.node));
	put(json, "version", json_string(MERLON_VERSION));
	put(json, "quarantined", json_integer(result->quarantined));
	put(json, "pending", pending_json(result));
	put_accepted(json, result);
	put_tunnel(json, result);
	courier_status(json);
	if (result->armed_scope)
		put(json, "armed", json_pack("{s:s, s:s}",
			"mode", ml_mode_name(result->armed_mode),
			"scope", ml_scope_name(result->armed_scope)));
}

static json_t *reply_json(const struct message_result *result)
{
	json_t *json = json_pack("{s:b, s:i, s:s}", "ok", !result->code, "code",
				 (int)result->code, "sentence", result->sentence);

	if (!result->state)
		return json;
	put(json, "epoch", json_integer((json_int_t)result->epoch));
	put(json, "serial", json_integer((json_int_t)result->serial));
	put(json, "state", json_string(ml_state_name(result->state)));
	put(json, "scope", json_string(ml_scope_name(result->scope)));
	put(json, "mode", json_string(ml_mode_name(result->mode)));
	return json;
}

/* A client that does not read its reply is not waited for. */
static int send_json(int fd, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	ssize_t sent = -1;

	json_decref(json);
	if (text)
		sent = send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	free(text);
	return sent < 0 ? -1 : 0;
}

static int send_refusal(int fd, int code, const char *sentence)
{
	return send_json(fd, json_pack("{s:b, s:i, s:s}", "ok", 0, "code", code, "sentence",
				       sentence));
}

/* ------------------------------------------------------------------ clients */

static void forget(struct client *client)
{
	struct client **link = &clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	client_count--;
	if (client->task)
		client->task->owner = NULL;
	event_free(client->event);
	close(client->fd);
	free(client);
}

static void listen_again(struct client *client)
{
	const struct timeval idle = { IDLE_SECONDS, 0 };

	if (event_add(client->event, &idle))
		forget(client);
}

static void done(struct task *task, const struct message_result *result)
{
	struct client *client = task->owner;
	json_t *json;

	if (!client)
		return;
	client->task = NULL;
	json = reply_json(result);
	if (task->type == MESSAGE_QUERY)
		put_status(json, client->sync, result);
	if (send_json(client->fd, json))
		forget(client);
	else
		listen_again(client);
}

static void start(struct client *client, enum message_type type, int fd)
{
	client->task = task_add(client->sync, type, fd, done, client);
	if (client->task)
		event_del(client->event);
	else
		send_refusal(client->fd, -EBUSY, "merlond has too much to do: try again");
}

/* ----------------------------------------------------------------- requests */

/* Takes @fd. */
static void serve(struct client *client, const struct ml_daemon_request *request, int fd)
{
	const char *sentence = NULL;
	int code = -EBADMSG;

	if (request->type != ML_DAEMON_STATUS && !client->root) {
		code = -EPERM;
		sentence = "only root may ask merlond for that";
	} else if (request->type == ML_DAEMON_APPLY && fd < 0) {
		sentence = "'apply' wants the bundle, as a descriptor";
	} else if (request->type != ML_DAEMON_APPLY && fd >= 0) {
		sentence = "only 'apply' comes with a descriptor";
	}
	if (sentence) {
		if (fd >= 0)
			close(fd);
		send_refusal(client->fd, code, sentence);
	} else if (request->type == ML_DAEMON_APPLY) {
		start(client, MESSAGE_OFFER, fd);
	} else if (request->type == ML_DAEMON_STATUS) {
		start(client, MESSAGE_QUERY, -1);
	} else {
		start(client, MESSAGE_REARMED, -1);
	}
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int descriptor_of(struct msghdr *message)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

/* Length of the request in @text; 0: the client is gone; -1: it makes no sense. */
static ssize_t receive(int socket, char *text, size_t size, int *ret_fd)
{
	struct iovec part = { .iov_base = text, .iov_len = size };
	union control control;
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		/* Room for one: a second descriptor is then cut off, not installed. */
		.msg_control = control.bytes, .msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*ret_fd = length > 0 ? descriptor_of(&message) : -1;
	if (length <= 0)
		return 0;
	return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -1 : length;
}

static void readable(evutil_socket_t socket, short what, void *arg)
{
	struct client *client = arg;
	struct ml_daemon_request request;
	struct ml_error error = { .text = "the request is too long" };
	char text[ML_DAEMON_MESSAGE];
	ssize_t length;
	int fd = -1;

	length = what & EV_READ ? receive(socket, text, sizeof(text), &fd) : 0;
	if (length > 0 && !ml_daemon_request_parse(text, (size_t)length, &request, &error)) {
		serve(client, &request, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (length)
		send_refusal(client->fd, -EBADMSG, error.text);
	forget(client);
}

/* ---------------------------------------------------------------- newcomers */

static bool in_group(int fd, const struct ucred *peer, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);
	size_t i;

	if (group == (gid_t)-1)
		return false;
	if (peer->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		return false;
	for (i = 0; i < size / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* 0: may ask; otherwise the code and the sentence of the refusal. */
static int judge_peer(const struct sync *sync, int fd, bool *ret_root, const char **ret_sentence)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	*ret_sentence = "merlond cannot tell who asks";
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -EPERM;
	*ret_root = peer.uid == 0;
	*ret_sentence = "merlond answers root, and members of the group " ML_DAEMON_USER;
	if (!*ret_root && !in_group(fd, &peer, sync->agent->status_gid))
		return -EPERM;
	*ret_sentence = "merlond has too many clients: try again";
	if (client_count >= CLIENTS_MAX + (*ret_root ? CLIENTS_ROOT : 0))
		return -EBUSY;
	return 0;
}

static void welcome(struct sync *sync, int fd, bool root)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		close(fd);
		return;
	}
	client->sync = sync;
	client->fd = fd;
	client->root = root;
	client->event = event_new(sync->base, fd, EV_READ | EV_PERSIST, readable, client);
	if (!client->event) {
		close(fd);
		free(client);
		return;
	}
	client->next = clients;
	clients = client;
	client_count++;
	listen_again(client);
}

/* Who waits stays in the backlog, and would wake this process up at once. */
static void pause_listening(void)
{
	const struct timeval pause = { PAUSE_SECONDS, 0 };

	if (!event_add(pause_over, &pause))
		event_del(newcomers);
}

static void listen_on(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (event_add(newcomers, NULL))
		die("out of memory");
}

static void connected(evutil_socket_t listener, short what, void *arg)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	bool root = false;
	const char *sentence;
	int code;

	(void)what;
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			pause_listening();
		return;
	}
	code = judge_peer(arg, fd, &root, &sentence);
	if (!code) {
		welcome(arg, fd, root);
		return;
	}
	send_refusal(fd, code, sentence);
	close(fd);
}

void control_setup(struct sync *sync)
{
	newcomers = event_new(sync->base, sync->agent->listener, EV_READ | EV_PERSIST,
			      connected, sync);
	pause_over = evtimer_new(sync->base, listen_on, sync);
	if (!newcomers || !pause_over || event_add(newcomers, NULL))
		die("out of memory");
}
