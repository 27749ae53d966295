// SPDX-License-Identifier: MIT
/* libcurl in the event loop of libevent: its sockets and its timer are events there. */
#include "private.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

struct loop {
	struct ml_client *client;
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	ml_client_done done;	/* NULL: nothing is under way */
	void *data;
};

/* What was asked for has an end: out of libcurl first, since done() may ask again. */
static void finish(struct loop *loop, CURLcode result)
{
	struct ml_client_answer answer = { .status = 0 };
	struct ml_error error = { .code = 0 };
	ml_client_done done = loop->done;
	int code;

	curl.multi_remove_handle(loop->multi, loop->client->easy);
	code = call_end(loop->client, result, &answer, &error);
	loop->done = NULL;
	done(loop->data, code, &answer, &error);
	ml_client_answer_clean(&answer);
}

static void look(struct loop *loop)
{
	const CURLMsg *message;
	int left;

	message = loop->done ? curl.multi_info_read(loop->multi, &left) : NULL;
	if (message && message->msg == CURLMSG_DONE)
		finish(loop, message->data.result);
}

static void ready(evutil_socket_t socket, short what, void *arg)
{
	struct loop *loop = arg;
	int mask = (what & EV_READ ? CURL_CSELECT_IN : 0) |
		   (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	curl.multi_socket_action(loop->multi, socket, mask, &running);
	look(loop);
}

static void timed(evutil_socket_t socket, short what, void *arg)
{
	struct loop *loop = arg;
	int running;

	(void)socket;
	(void)what;
	curl.multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	look(loop);
}

/* @assigned: the socket's event, NULL as long as it has none. */
static int watch(CURL *easy, curl_socket_t socket, int what, void *arg, void *assigned)
{
	struct loop *loop = arg;
	struct event *event = assigned;
	short wanted = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
			       (what & CURL_POLL_OUT ? EV_WRITE : 0));

	(void)easy;
	if (event)
		event_free(event);
	curl.multi_assign(loop->multi, socket, NULL);
	if (what == CURL_POLL_REMOVE)
		return 0;
	event = event_new(loop->base, socket, wanted, ready, loop);
	if (!event || event_add(event, NULL))
		return -1;
	curl.multi_assign(loop->multi, socket, event);
	return 0;
}

/* Never at once, which would be from within libcurl. */
static int set_timer(CURLM *multi, long ms, void *arg)
{
	const struct timeval when = { ms / 1000, ms % 1000 * 1000 };
	struct loop *loop = arg;

	(void)multi;
	if (ms < 0)
		return event_del(loop->timer);
	return event_add(loop->timer, &when);
}

int ml_client_attach(struct ml_client *client, struct event_base *base,
		     struct ml_error *error)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return ml_error_set(error, -ENOMEM, "no memory to ask the server");
	client->loop = loop;
	loop->client = client;
	loop->base = base;
	loop->multi = curl.multi_init();
	loop->timer = evtimer_new(base, timed, loop);
	if (!loop->multi || !loop->timer ||
	    curl.multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, watch) ||
	    curl.multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop) ||
	    curl.multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, set_timer) ||
	    curl.multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop)) {
		loop_free(client);
		return ml_error_set(error, -ENOMEM, "no memory to ask the server");
	}
	return 0;
}

int ml_client_start(struct ml_client *client, const struct ml_client_request *request,
		    ml_client_done done, void *data, struct ml_error *error)
{
	struct loop *loop = client->loop;
	int code;

	if (loop->done)
		return ml_error_set(error, -EBUSY, "the server is being asked already");
	code = call_begin(client, request, error);
	if (code)
		return code;
	loop->done = done;
	loop->data = data;
	if (curl.multi_add_handle(loop->multi, client->easy)) {
		loop->done = NULL;
		call_drop(client);
		return ml_error_set(error, -ENOMEM, "no memory to ask the server");
	}
	return 0;
}

void ml_client_cancel(struct ml_client *client)
{
	struct loop *loop = client->loop;

	if (!loop || !loop->done)
		return;
	loop->done = NULL;
	curl.multi_remove_handle(loop->multi, client->easy);
	call_drop(client);
}

void loop_free(struct ml_client *client)
{
	struct loop *loop = client->loop;

	if (!loop)
		return;
	ml_client_cancel(client);
	if (loop->multi)
		curl.multi_cleanup(loop->multi);
	if (loop->timer)
		event_free(loop->timer);
	free(loop);
	client->loop = NULL;
}
