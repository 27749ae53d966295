// SPDX-License-Identifier: MIT
#include "http_session.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "http_frames.h"

#define DRAIN_MS 1000		/* for a client's answer to the first GOAWAY */

uint64_t http_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void http_session_refused(struct http_session *session, enum http_reason reason,
			  const char *detail)
{
	const struct http_refusal refusal = { reason, detail, session->context.peer->address };

	if (session->context.handler->refused)
		session->context.handler->refused(&refusal, session->context.data);
}

void http_session_touch(struct http_session *session)
{
	if (!session->busy && session->context.wake)
		session->context.wake(session->context.wake_data);
}

static void put32(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 24);
	to[1] = (uint8_t)(value >> 16);
	to[2] = (uint8_t)(value >> 8);
	to[3] = (uint8_t)value;
}

/*
 * nghttp2 cannot be used once a callback has failed, so the last frame is
 * written here (RFC 9113, 6.8): 8 bytes of type 7, without flags, on stream 0.
 */
void http_session_fail(struct http_session *session, uint32_t code, enum http_reason reason,
		       const char *detail)
{
	static const uint8_t head[9] = { 0, 0, 8, NGHTTP2_GOAWAY };
	int32_t last;

	if (session->over)
		return;
	session->over = true;
	last = nghttp2_session_get_last_proc_stream_id(session->h2);
	memcpy(session->farewell, head, sizeof(head));
	put32(session->farewell + 9, (uint32_t)last);
	put32(session->farewell + 13, code);
	session->farewell_length = sizeof(session->farewell);
	session->end_at = session->now + session->context.limits->send_ms;
	http_session_refused(session, reason, detail);
	http_session_touch(session);
}

void http_session_no_memory(struct http_session *session)
{
	http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_MEMORY,
			  "a connection that needs too much memory");
}

/* Nothing of streams that are over, no table of fields for replies. */
static int option_new(nghttp2_option **ret)
{
	nghttp2_option *option;
	unsigned int type;

	if (nghttp2_option_new(&option))
		return -ENOMEM;
	for (type = NGHTTP2_CONTINUATION + 1; type <= UINT8_MAX; type++)
		nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
	nghttp2_option_set_max_outbound_ack(option, 64);
	nghttp2_option_set_max_settings(option, 16);
	nghttp2_option_set_max_continuations(option, 2 * HTTP_LONGEST_BLOCK);
	*ret = option;
	return 0;
}

static int h2_new(struct http_session *session)
{
	nghttp2_mem memory = http_memory_for(&session->account);
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	int r;

	if (http_frames_callbacks(&callbacks))
		return -ENOMEM;
	if (option_new(&option)) {
		nghttp2_session_callbacks_del(callbacks);
		return -ENOMEM;
	}
	r = nghttp2_session_server_new3(&session->h2, callbacks, session, option, &memory);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return r ? -ENOMEM : 0;
}

/*
 * No table for compressed fields: what a client sends once, its credentials
 * among it, is then not held for as long as it is connected, and cannot be
 * unpacked again and again.
 */
static int settings_submit(const struct http_session *session)
{
	const struct http_limits *limits = session->context.limits;
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0 },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->header_bytes },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};

	return nghttp2_submit_settings(session->h2, NGHTTP2_FLAG_NONE, settings,
				       sizeof(settings) / sizeof(settings[0]));
}

int http_session_new(const struct http_context *context, uint64_t now,
		     struct http_session **ret)
{
	struct http_session *session = http_alloc(context->above, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->context = *context;
	session->account.limit = context->limits->connection_memory;
	session->account.above = context->above;
	session->now = session->quiet_since = now;
	http_bucket_fill(&session->frames, &context->limits->frames, now);
	http_bucket_fill(&session->resets, &context->limits->resets, now);
	LIST_INIT(&session->requests);
	if (h2_new(session) || settings_submit(session)) {
		nghttp2_session_del(session->h2);
		http_release(context->above, session);
		return -ENOMEM;
	}
	*ret = session;
	return 0;
}

void http_session_free(struct http_session *session)
{
	if (!session)
		return;
	session->busy = true;
	while (!LIST_EMPTY(&session->requests))
		http_request_free(LIST_FIRST(&session->requests));
	nghttp2_session_del(session->h2);
	http_release(session->context.above, session);
}

/* What nghttp2 says where it will not go on. */
static void session_broken(struct http_session *session, ssize_t error)
{
	if (error == NGHTTP2_ERR_NOMEM)
		http_session_no_memory(session);
	else if (error == NGHTTP2_ERR_FLOODED)
		http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_FLOOD,
				  "answers that the client does not fetch");
	else
		http_session_fail(session, NGHTTP2_PROTOCOL_ERROR, HTTP_REFUSED_PROTOCOL,
				  nghttp2_strerror((int)error));
}

void http_session_input(struct http_session *session, const uint8_t *bytes, size_t length,
			uint64_t now)
{
	ssize_t r;

	session->now = now;
	if (session->over || !length)
		return;
	session->busy = true;
	r = nghttp2_session_mem_recv(session->h2, bytes, length);
	if (r < 0)
		session_broken(session, r);
	session->busy = false;
}

size_t http_session_output(struct http_session *session, const uint8_t **ret, uint64_t now)
{
	ssize_t r = 0;

	session->now = now;
	if (!session->over) {
		session->busy = true;
		r = nghttp2_session_mem_send(session->h2, ret);
		if (r < 0)
			session_broken(session, r);
		session->busy = false;
	}
	if (r > 0 || !session->over)
		return (size_t)r;
	*ret = session->farewell;
	r = (ssize_t)session->farewell_length;
	session->farewell_length = 0;
	return (size_t)r;
}

bool http_session_finished(const struct http_session *session)
{
	if (session->over)
		return session->dead || !session->farewell_length;
	return session->dead || (!nghttp2_session_want_read(session->h2) &&
				 !nghttp2_session_want_write(session->h2));
}

void http_session_drain_finish(struct http_session *session)
{
	session->drain_at = 0;
	nghttp2_submit_goaway(session->h2, NGHTTP2_FLAG_NONE,
			      nghttp2_session_get_last_proc_stream_id(session->h2),
			      NGHTTP2_NO_ERROR, NULL, 0);
}

void http_session_drain(struct http_session *session, uint64_t now)
{
	session->now = now;
	if (session->over || session->drain_at)
		return;
	session->drain_at = now + DRAIN_MS;
	if (nghttp2_submit_shutdown_notice(session->h2))
		http_session_no_memory(session);
	http_session_touch(session);
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/* By when a client without a request must have one, or have said hello. */
static uint64_t quiet_deadline(const struct http_session *session)
{
	const struct http_limits *limits = session->context.limits;

	if (!LIST_EMPTY(&session->requests))
		return UINT64_MAX;
	return session->quiet_since + (session->greeted ? limits->idle_ms : limits->header_ms);
}

static uint64_t block_deadline(const struct http_session *session)
{
	return session->block_since ?
		session->block_since + session->context.limits->header_ms : UINT64_MAX;
}

/* Replies together must move; nghttp2 sends them one by one. */
static uint64_t send_deadline(const struct http_session *session)
{
	const struct http_limits *limits = session->context.limits;

	if (!session->replies)
		return UINT64_MAX;
	return session->reply_since + limits->send_ms +
		session->sent * 1000 / limits->send_rate;
}

uint64_t http_session_deadline(const struct http_session *session)
{
	const struct http_request *request;
	uint64_t deadline;

	if (session->end_at)
		return session->end_at;
	deadline = earlier(quiet_deadline(session), block_deadline(session));
	deadline = earlier(deadline, send_deadline(session));
	if (session->drain_at)
		deadline = earlier(deadline, session->drain_at);
	LIST_FOREACH(request, &session->requests, entry)
		deadline = earlier(deadline, http_request_deadline(request));
	return deadline;
}

static void quiet_expire(struct http_session *session)
{
	if (!session->greeted) {
		http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_SLOW,
				  "no HTTP/2 behind the handshake");
		return;
	}
	session->end_at = session->now + session->context.limits->send_ms;
	if (nghttp2_session_terminate_session(session->h2, NGHTTP2_NO_ERROR))
		http_session_no_memory(session);
}

static void requests_expire(struct http_session *session)
{
	struct http_request *request;

	LIST_FOREACH(request, &session->requests, entry)
		if (http_request_deadline(request) <= session->now)
			http_request_expire(request);
}

void http_session_expire(struct http_session *session, uint64_t now)
{
	session->now = now;
	if (session->end_at) {
		session->dead = session->dead || session->end_at <= now;
		return;
	}
	session->busy = true;
	if (block_deadline(session) <= now)
		http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_SLOW,
				  "fields that do not end");
	else if (send_deadline(session) <= now)
		http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_SLOW,
				  "replies that the client does not fetch");
	else if (quiet_deadline(session) <= now)
		quiet_expire(session);
	if (session->drain_at && session->drain_at <= now)
		http_session_drain_finish(session);
	requests_expire(session);
	session->busy = false;
}
