// SPDX-License-Identifier: MIT
/* A request's life, from its first field to the handler. */
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "http_session.h"

#define UNWANTED_MS 1000
#define FIRST_ROOM 2048		/* for a body that does not say how long it is */

struct http_request *http_request_new(struct http_session *session, int32_t stream)
{
	struct http_request *request = http_alloc(&session->account, sizeof(*request));

	if (!request)
		return NULL;
	request->session = session;
	request->stream = stream;
	request->since = session->now;
	request->fields.account = &session->account;
	request->fields.local = session->context.peer->local;
	request->fields.limit = session->context.limits->header_bytes;
	request->reply.file = -1;
	LIST_INSERT_HEAD(&session->requests, request, entry);
	++*session->context.requests;
	return request;
}

static void body_free(struct http_request *request)
{
	struct http_session *session = request->session;

	session->bodies -= request->body_length;
	request->body_length = 0;
	http_release(session->context.above, request->body);
	request->body = NULL;
}

void http_request_forget(struct http_request *request)
{
	body_free(request);
	http_fields_free(&request->fields);
}

void http_request_free(struct http_request *request)
{
	struct http_session *session = request->session;

	if (request->stage == HTTP_STAGE_KEPT && request->gone)
		request->gone(request, request->gone_data);
	LIST_REMOVE(request, entry);
	if (LIST_EMPTY(&session->requests))
		session->quiet_since = session->now;
	--*session->context.requests;
	http_outgoing_free(request);
	http_request_forget(request);
	http_release(&session->account, request);
}

static void request_reset(struct http_request *request, uint32_t code)
{
	struct http_session *session = request->session;

	request->stage = HTTP_STAGE_REFUSED;
	request->since = session->now;
	body_free(request);
	if (nghttp2_submit_rst_stream(session->h2, NGHTTP2_FLAG_NONE, request->stream, code))
		http_session_no_memory(session);
}

/* Where the fields are not complete yet, the answer waits for them. */
void http_request_refuse(struct http_request *request, const struct http_problem *problem)
{
	if (request->stage > HTTP_STAGE_BODY || request->problem)
		return;
	http_session_refused(request->session, problem->reason, problem->detail);
	request->problem = problem;
	if (!problem->status)
		request_reset(request, NGHTTP2_PROTOCOL_ERROR);
	else if (request->stage == HTTP_STAGE_BODY)
		http_reply_error(request, problem->status);
}

void http_request_field(struct http_request *request, const char *name, size_t name_length,
			const char *value, size_t value_length)
{
	const struct http_problem *problem;

	problem = http_fields_add(&request->fields, name, name_length, value, value_length);
	if (problem)
		http_request_refuse(request, problem);
}

/* The path is taken apart where it stands. */
static const struct http_problem *target_parse(struct http_request *request)
{
	const struct http_problem *problem = http_fields_check(&request->fields);
	const char *path = http_fields_find(&request->fields, ":path");

	if (problem)
		return problem;
	return http_target_parse(request->fields.text + (path - request->fields.text),
				 strlen(path), &request->target);
}

static const struct http_problem too_long = { HTTP_REFUSED_BODY, 413,
					      "a body beyond the limit" };

/* Asks the handler how long the body may be. */
static void body_expect(struct http_request *request)
{
	const struct http_context *context = &request->session->context;
	unsigned int status = 0;

	request->body_limit = context->limits->body_bytes;
	request->stage = HTTP_STAGE_HANDLER;
	if (context->handler->begin)
		status = context->handler->begin(request, &request->body_limit, context->data);
	if (request->stage != HTTP_STAGE_HANDLER)
		return;
	if (status) {
		http_reply_error(request, status);
		return;
	}
	request->stage = HTTP_STAGE_BODY;
	request->since = request->session->now;
	if (http_fields_content_length(&request->fields) > (int64_t)request->body_limit)
		http_request_refuse(request, &too_long);
}

void http_request_begin(struct http_request *request)
{
	const struct http_problem *problem;

	if (request->stage != HTTP_STAGE_FIELDS)
		return;
	if (!request->problem) {
		problem = target_parse(request);
		if (problem)
			http_request_refuse(request, problem);
	}
	if (request->stage != HTTP_STAGE_FIELDS)
		return;
	if (request->problem) {
		http_reply_error(request, request->problem->status);
		return;
	}
	body_expect(request);
	if (request->complete)
		http_request_complete(request);
}

static bool body_room(struct http_request *request, size_t more)
{
	size_t need = request->body_length + more + 1;	/* and a NUL */
	size_t room = request->body_room ? 2 * request->body_room : FIRST_ROOM;
	uint8_t *body;

	if (need <= request->body_room)
		return true;
	room = room < need ? need : room;
	body = http_resize(request->session->context.above, request->body, room);
	if (!body)
		return false;
	request->body = body;
	request->body_room = room;
	return true;
}

void http_request_data(struct http_request *request, const uint8_t *bytes, size_t length)
{
	static const struct http_problem full = { HTTP_REFUSED_MEMORY, 503,
						  "no memory for a request's body" };
	struct http_session *session = request->session;
	size_t most = session->context.limits->bodies_connection;

	most = most < request->body_limit ? request->body_limit : most;
	if (length > request->body_limit - request->body_length) {
		http_request_refuse(request, &too_long);
	} else if (session->bodies + length > most || !body_room(request, length)) {
		http_request_refuse(request, &full);
	} else {
		memcpy(request->body + request->body_length, bytes, length);
		request->body_length += length;
		request->body[request->body_length] = 0;
		session->bodies += length;
	}
}

void http_request_complete(struct http_request *request)
{
	const struct http_context *context = &request->session->context;

	if (request->stage != HTTP_STAGE_BODY)
		return;
	request->stage = HTTP_STAGE_HANDLER;
	context->handler->handle(request, context->data);
	if (request->stage == HTTP_STAGE_HANDLER)
		http_reply_error(request, 500);
}

uint64_t http_request_deadline(const struct http_request *request)
{
	const struct http_limits *limits = request->session->context.limits;

	switch (request->stage) {
	case HTTP_STAGE_BODY:
		return request->since + limits->body_ms +
			request->body_length * 1000 / limits->body_rate;
	case HTTP_STAGE_REPLY:
		/* One reply alone may wait for others, but not for ever. */
		return request->since + 10ull * limits->send_ms +
			request->reply.length / limits->send_rate * 1000;
	case HTTP_STAGE_UNWANTED:
		return request->since + UNWANTED_MS;
	case HTTP_STAGE_REFUSED:
		return request->since + limits->send_ms;
	default:
		return UINT64_MAX;
	}
}

void http_request_expire(struct http_request *request)
{
	static const struct http_problem slow = { HTTP_REFUSED_SLOW, 408,
						  "a body that does not end" };

	if (request->stage == HTTP_STAGE_BODY)
		http_request_refuse(request, &slow);
	else if (request->stage == HTTP_STAGE_UNWANTED)
		request_reset(request, NGHTTP2_NO_ERROR);
	else
		http_session_fail(request->session, NGHTTP2_ENHANCE_YOUR_CALM,
				  HTTP_REFUSED_SLOW, "a reply that the client does not fetch");
}

/* ------------------------------------------------------ for the handler */

const char *http_request_method(const struct http_request *request)
{
	return http_fields_find(&request->fields, ":method");
}

const char *http_request_path(const struct http_request *request)
{
	return request->target.path;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
	size_t i;

	for (i = 0; i < request->target.query_count; i++)
		if (!strcmp(request->target.query[i].name, name))
			return request->target.query[i].value;
	return NULL;
}

bool http_request_query_at(const struct http_request *request, size_t index,
			   const char **ret_name, const char **ret_value)
{
	if (index >= request->target.query_count)
		return false;
	*ret_name = request->target.query[index].name;
	*ret_value = request->target.query[index].value;
	return true;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
	const char *value = http_fields_find(&request->fields, name);

	/* The host may be in either. */
	if (!value && !strcmp(name, ":authority"))
		value = http_fields_find(&request->fields, "host");
	return value;
}

const uint8_t *http_request_body(const struct http_request *request, size_t *ret_length)
{
	*ret_length = request->body_length;
	return request->body ? request->body : (const uint8_t *)"";
}

const char *http_request_address(const struct http_request *request)
{
	return request->session->context.peer->address;
}

const struct http_certificate *http_request_certificate(const struct http_request *request)
{
	const struct http_certificate *certificate = request->session->context.peer->certificate;

	return certificate && certificate->until > time(NULL) ? certificate : NULL;
}

void http_request_keep(struct http_request *request,
		       void (*gone)(struct http_request *request, void *data), void *data)
{
	if (request->stage != HTTP_STAGE_HANDLER && request->stage != HTTP_STAGE_KEPT)
		return;
	request->stage = HTTP_STAGE_KEPT;
	request->gone = gone;
	request->gone_data = data;
}

bool http_request_local(const struct http_request *request, uid_t *ret_uid)
{
	const struct http_peer *peer = request->session->context.peer;

	if (peer->local)
		*ret_uid = peer->uid;
	return peer->local;
}
