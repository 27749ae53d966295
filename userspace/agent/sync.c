// SPDX-License-Identifier: MIT
/* The process that talks to the world, and can do nothing to it. */
#include "sync.h"

#include <string.h>

#include "client.h"
#include "log.h"
#include "privilege.h"

static struct sync self;

static void end(void)
{
	event_base_loopbreak(self.base);
}

static void ordered(evutil_socket_t socket, short what, void *arg)
{
	struct message message;
	int code = message_receive(socket, &message);

	(void)what;
	(void)arg;
	if (code == 0)
		end();
	else if (code < 0)
		die("the supervisor sent what is no message: %s", strerror(-code));
	else if (message.type == MESSAGE_PING)
		message_send(socket, MESSAGE_PONG, 0, NULL, -1);
	else if (message.type == MESSAGE_TRUST)
		self.agent->trust = message.content.trust;
	else
		die("the supervisor sent a message of type %u", message.type);
}

static void answered(evutil_socket_t socket, short what, void *arg)
{
	struct message message;
	int code = message_receive(socket, &message);

	(void)what;
	(void)arg;
	if (code == 0)
		end();
	else if (code < 0)
		die("apply sent what is no message: %s", strerror(-code));
	else if (message.type == MESSAGE_RESULT)
		task_finish(&self, &message);
	else
		die("apply sent a message of type %u", message.type);
}

static void hear(int socket, event_callback_fn callback)
{
	struct event *event = event_new(self.base, socket, EV_READ | EV_PERSIST, callback,
					NULL);

	if (!event || event_add(event, NULL))
		die("out of memory");
}

static void start(struct agent *agent)
{
	struct ml_error error;

	self.agent = agent;
	/* libcurl, for whom it is needed, while it can be found. */
	if (agent->enrolled && ml_client_setup(&error))
		die("%s", error.text);
	privilege_enclose(agent->inbox);
	privilege_drop(agent->sync_uid, agent->sync_gid, 0);
	self.base = event_base_new();
	if (!self.base)
		die("cannot set up the event loop");
	hear(agent->sync_supervisor[1], ordered);
	hear(agent->apply_sync[1], answered);
	control_setup(&self);
	if (agent->enrolled)
		courier_setup(&self);
}

int sync_run(struct agent *agent)
{
	start(agent);
	inbox_setup(&self);
	filter_install(agent->enrolled ? FILTER_COURIER : FILTER_SYNC);
	inbox_start(&self);
	if (agent->enrolled)
		courier_start(&self);
	message_send(agent->sync_supervisor[1], MESSAGE_READY, 0, NULL, -1);
	event_base_dispatch(self.base);
	return 0;
}
