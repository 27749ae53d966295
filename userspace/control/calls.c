// SPDX-License-Identifier: MIT
#include "calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "call_private.h"
#include "server.h"

struct calls {
	struct server *server;
	struct work *work;
	struct event *tick;		/* deadlines of those that wait */
	LIST_HEAD(calls_parked, call_private) parked;
	uint64_t wakes;			/* how often somebody was woken */
	bool draining;
};

static void call_free(struct call *call)
{
	struct call_private *private = call->private;

	json_decref(call->body);
	if (private->raw)
		explicit_bzero(private->raw, private->raw_length);
	free(private->raw);
	while (private->text_count) {
		char *text = private->texts[--private->text_count];

		explicit_bzero(text, strlen(text));
		free(text);
	}
	if (private->bytes)
		explicit_bzero(private->bytes, private->length);
	free(private->bytes);
	free(private);
	free(call);
}

/* ------------------------------------------------------------- from requests */

static void plain_refuse(struct http_request *request, unsigned int status, const char *word,
			 const char *sentence)
{
	static const struct http_field fields[] = { { "content-type", "application/json" } };
	char body[256];
	int length = snprintf(body, sizeof(body), "{\"error\":\"%s\",\"sentence\":\"%s\"}", word,
			      sentence);
	const struct http_reply reply = { .status = status, .fields = fields, .field_count = 1,
					  .body = body, .length = (size_t)length };

	http_reply(request, &reply);
}

/* A copy that lives as long as the call, and is wiped with it. NULL gives "". */
static const char *text_keep(struct call_private *private, const char *text)
{
	char *copy = strdup(text ? text : "");

	if (copy && private->text_count < CALL_TEXTS)
		private->texts[private->text_count++] = copy;
	else
		private->short_of_memory = true;
	return copy ? copy : "";
}

static void texts_copy(struct call *call, const struct http_request *request)
{
	static const char bearer[] = "Bearer ";
	struct call_private *private = call->private;
	const char *token = http_request_header(request, "authorization");

	call->method = text_keep(private, http_request_method(request));
	call->path = text_keep(private, http_request_path(request));
	call->user_agent = text_keep(private, http_request_header(request, "user-agent"));
	private->path_split = (char *)(uintptr_t)text_keep(private, call->path);
	if (token && !strncasecmp(token, bearer, strlen(bearer)))
		call->token = text_keep(private, token + strlen(bearer));
	snprintf(private->endpoint, sizeof(private->endpoint), "%s %s", call->method, call->path);
}

static void source_set(struct call *call, const struct http_request *request)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&call->source;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&call->source;
	const char *text = http_request_address(request);
	const struct http_certificate *certificate = http_request_certificate(request);

	call->local = http_request_local(request, &call->uid);
	snprintf(call->private->address, sizeof(call->private->address), "%s", text);
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		four->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
		six->sin6_family = AF_INET6;
	if (certificate) {
		call->has_certificate = true;
		memcpy(call->spki, certificate->spki, sizeof(call->spki));
	}
}

/* More pairs than any route knows are not looked at by any. */
static void query_copy(struct call_private *private, const struct http_request *request)
{
	const char *name, *value;

	while (private->query_count < CALL_QUERY &&
	       http_request_query_at(request, private->query_count, &name, &value)) {
		private->query[private->query_count].name = text_keep(private, name);
		private->query[private->query_count++].value = text_keep(private, value);
	}
}

static bool body_copy(struct call_private *private, const struct http_request *request)
{
	const uint8_t *body = http_request_body(request, &private->raw_length);

	if (!private->raw_length)
		return true;
	private->raw = malloc(private->raw_length);
	if (private->raw)
		memcpy(private->raw, body, private->raw_length);
	return private->raw;
}

static int64_t milliseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static struct call *call_make(struct calls *calls, const struct http_request *request)
{
	struct call *call = calloc(1, sizeof(*call));
	struct call_private *private = calloc(1, sizeof(*private));

	if (!call || !private) {
		free(call);
		free(private);
		return NULL;
	}
	call->private = private;
	call->server = calls->server;
	private->call = call;
	private->begun = milliseconds();
	source_set(call, request);
	texts_copy(call, request);
	query_copy(private, request);
	if (body_copy(private, request) && !private->short_of_memory)
		return call;
	call_free(call);
	return NULL;
}

/* ---------------------------------------------------------------- in a thread */

static void handler_run(struct call *call)
{
	int64_t seconds = 0;

	if (server_guard.admit && !call->local && !server_guard.admit(call, &seconds)) {
		call_retry_after(call, seconds);
		call_refuse(call, CALL_TOO_MANY, "too many failures from this address: wait %lld seconds",
			    (long long)seconds);
	} else if (call_authenticate(call) && call_body(call)) {
		call->route->handle(call);
	}
}

static void call_run(struct job *job, struct worker *worker)
{
	struct call_private *private = (struct call_private *)job;
	struct call *call = private->call;

	call->store = worker->store;
	call->signer = worker->signer;
	call->now = time(NULL);
	private->wait = false;
	handler_run(call);
	if (!private->answered && !private->wait)
		call_refuse(call, CALL_UNAVAILABLE, "the server has no answer to this");
}

/* ----------------------------------------------------------------- in the loop */

static void call_reply(struct call *call)
{
	struct call_private *private = call->private;
	struct http_field fields[3] = { { "cache-control", "no-store" } };
	struct http_reply reply = { .status = private->status, .fields = fields, .field_count = 1,
				    .body = private->bytes, .length = private->length };

	if (private->type)
		fields[reply.field_count++] = (struct http_field){ "content-type", private->type };
	if (private->retry_after[0])
		fields[reply.field_count++] = (struct http_field){ "retry-after",
								   private->retry_after };
	if (private->request)
		http_reply(private->request, &reply);
	call_free(call);
}

static void call_submit(struct calls *calls, struct call_private *private, bool always);

static void call_park(struct calls *calls, struct call_private *private)
{
	if (!private->request) {
		call_free(private->call);
		return;
	}
	private->waited = calls->draining || milliseconds() >= private->deadline;
	if (private->waited || private->wakes != calls->wakes) {
		call_submit(calls, private, true);
		return;
	}
	private->stage = CALL_PARKED;
	LIST_INSERT_HEAD(&calls->parked, private, parked);
}

static void call_done(struct job *job)
{
	struct call_private *private = (struct call_private *)job;

	if (private->answered)
		call_reply(private->call);
	else
		call_park(server_calls(private->call->server), private);
}

static void call_submit(struct calls *calls, struct call_private *private, bool always)
{
	private->stage = CALL_RUNS;
	private->wakes = calls->wakes;
	private->job.run = call_run;
	private->job.done = call_done;
	if (work_submit(calls->work, &private->job, always))
		return;
	call_retry_after(private->call, 5);
	call_refuse(private->call, CALL_UNAVAILABLE, "the server has too much to do: try again in a while");
	call_reply(private->call);
}

static void on_gone(struct http_request *request, void *data)
{
	struct call_private *private = data;

	(void)request;
	private->request = NULL;
	if (private->stage != CALL_PARKED)
		return;
	LIST_REMOVE(private, parked);
	call_free(private->call);
}

static void on_request(struct http_request *request, void *data)
{
	struct calls *calls = data;
	struct call *call = call_make(calls, request);
	int r;

	if (!call) {
		plain_refuse(request, 503, "unavailable", "the server has no memory for this");
		return;
	}
	r = route_find(call->method, call->path, call->private->path_split, &call->route,
		       call->parameters);
	if (r) {
		if (r == -ENOENT)
			plain_refuse(request, 404, "not-found", "there is nothing at this path");
		else
			plain_refuse(request, 405, "not-allowed", "this path does not take this method");
		call_free(call);
		return;
	}
	call->private->request = request;
	http_request_keep(request, on_gone, call->private);
	call_submit(calls, call->private, false);
}

/* How long a body may be is the route's to say. */
static unsigned int on_begin(struct http_request *request, size_t *ret_limit, void *data)
{
	const char *path = http_request_path(request);
	const char *parameters[ROUTE_PARAMETERS];
	const struct route *route;
	char *split = malloc(strlen(path) + 1);

	(void)data;
	if (!split)
		return 503;
	*ret_limit = ROUTE_BODY;
	if (!route_find(http_request_method(request), path, split, &route, parameters) && route->body)
		*ret_limit = route->body;
	free(split);
	return 0;
}

static void on_refused(const struct http_refusal *refusal, void *data)
{
	const struct calls *calls = data;

	server_refused(calls->server, refusal);
}

const struct http_handler calls_handler = {
	.begin = on_begin,
	.handle = on_request,
	.refused = on_refused,
};

/* ------------------------------------------------------------------ waiting */

static void parked_resume(struct calls *calls, struct call_private *private)
{
	LIST_REMOVE(private, parked);
	call_submit(calls, private, true);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct calls *calls = arg;
	struct call_private *private, *next;
	int64_t now = milliseconds();

	(void)fd;
	(void)what;
	for (private = LIST_FIRST(&calls->parked); private; private = next) {
		next = LIST_NEXT(private, parked);
		private->waited = calls->draining || now >= private->deadline;
		if (private->waited)
			parked_resume(calls, private);
	}
}

void calls_wake(struct calls *calls, const char *node)
{
	struct call_private *private, *next;

	calls->wakes++;
	for (private = LIST_FIRST(&calls->parked); private; private = next) {
		next = LIST_NEXT(private, parked);
		if (!node || !strcmp(private->call->node, node))
			parked_resume(calls, private);
	}
}

void calls_drain(struct calls *calls)
{
	calls->draining = true;
	on_tick(-1, 0, calls);
}

/* -------------------------------------------------------------------- whole */

struct calls *calls_new(struct server *server, struct event_base *base)
{
	static const struct timeval often = { 0, 250000 };
	struct calls *calls = calloc(1, sizeof(*calls));

	if (!calls)
		return NULL;
	calls->server = server;
	LIST_INIT(&calls->parked);
	calls->tick = event_new(base, -1, EV_PERSIST, on_tick, calls);
	if (calls->tick && !event_add(calls->tick, &often))
		return calls;
	calls_free(calls);
	return NULL;
}

void calls_set_work(struct calls *calls, struct work *work)
{
	calls->work = work;
}

void calls_free(struct calls *calls)
{
	if (!calls)
		return;
	if (calls->tick)
		event_free(calls->tick);
	free(calls);
}
