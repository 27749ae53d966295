// SPDX-License-Identifier: MIT
/* What nghttp2 calls: every frame that comes or goes, judged before it costs anything. */
#include "http_frames.h"

#include <errno.h>
#include <string.h>

#define BOMB 4			/* times limits.header_bytes: not a mistake any more */

static int verdict(const struct http_session *session)
{
	return session->over ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

void http_session_spend(struct http_session *session)
{
	if (!http_bucket_spend(&session->frames, &session->context.limits->frames,
			       session->now))
		http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_FLOOD,
				  "frames that ask for nothing");
}

static void reset_spend(struct http_session *session)
{
	if (!http_bucket_spend(&session->resets, &session->context.limits->resets,
			       session->now))
		http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_FLOOD,
				  "streams that end early");
}

static struct http_request *request_of(struct http_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session->h2, stream);
}

/* A piece of a block of fields, which must not be many, long or empty. */
static void block_piece(struct http_session *session, const nghttp2_frame_hd *head)
{
	if (head->type == NGHTTP2_HEADERS) {
		session->continuations = 0;
		session->block_sent = session->block_bytes = 0;
	} else if (++session->continuations > HTTP_LONGEST_BLOCK || !head->length) {
		http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_FLOOD,
				  "CONTINUATION frames");
	}
	session->block_sent += head->length;
	if (session->block_sent > session->context.limits->header_bytes + 1024)
		http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_HEADER,
				  "a block of fields far beyond the limit");
}

static int on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *head, void *user)
{
	struct http_session *session = user;

	(void)h2;
	switch (head->type) {
	case NGHTTP2_DATA:
		break;
	case NGHTTP2_HEADERS:
	case NGHTTP2_CONTINUATION:
		block_piece(session, head);
		break;
	case NGHTTP2_RST_STREAM:
		reset_spend(session);
		break;
	default:
		http_session_spend(session);
	}
	return verdict(session);
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	static const struct http_problem trailers = { HTTP_REFUSED_MALFORMED, 0,
						      "fields behind the body" };
	struct http_session *session = user;
	struct http_request *request = request_of(session, frame->hd.stream_id);

	session->block_since = session->now;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
		if (request)
			http_request_refuse(request, &trailers);
		return verdict(session);
	}
	request = http_request_new(session, frame->hd.stream_id);
	if (request)
		nghttp2_session_set_stream_user_data(h2, frame->hd.stream_id, request);
	else
		http_session_no_memory(session);
	return verdict(session);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_length, const uint8_t *value, size_t value_length,
		     uint8_t flags, void *user)
{
	struct http_session *session = user;
	struct http_request *request = request_of(session, frame->hd.stream_id);

	(void)h2;
	(void)flags;
	session->block_bytes += name_length + value_length + 32;
	if (session->block_bytes > BOMB * session->context.limits->header_bytes)
		http_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM, HTTP_REFUSED_HEADER,
				  "fields that unpack far beyond the limit");
	else if (request && request->stage == HTTP_STAGE_FIELDS && !request->problem)
		http_request_field(request, (const char *)name, name_length,
				   (const char *)value, value_length);
	return verdict(session);
}

/* What nghttp2 takes offence at. It would only leave the field out. */
static int on_invalid_header(nghttp2_session *h2, const nghttp2_frame *frame,
			     const uint8_t *name, size_t name_length, const uint8_t *value,
			     size_t value_length, uint8_t flags, void *user)
{
	static const struct http_problem invalid = { HTTP_REFUSED_MALFORMED, 0,
						     "a field that HTTP does not allow" };
	struct http_request *request = request_of(user, frame->hd.stream_id);

	(void)h2;
	(void)name;
	(void)name_length;
	(void)value;
	(void)value_length;
	(void)flags;
	if (request)
		http_request_refuse(request, &invalid);
	return verdict(user);
}

/* nghttp2 has refused a frame, and reset its stream or ended the connection. */
static int on_invalid_frame(nghttp2_session *h2, const nghttp2_frame *frame, int error,
			    void *user)
{
	struct http_session *session = user;
	struct http_request *request = request_of(session, frame->hd.stream_id);
	bool http = error == NGHTTP2_ERR_HTTP_HEADER || error == NGHTTP2_ERR_HTTP_MESSAGING;

	(void)h2;
	session->block_since = 0;
	session->told = true;
	if (request && request->stage == HTTP_STAGE_REFUSED)
		return verdict(session);
	if (request && request->stage <= HTTP_STAGE_BODY)
		request->stage = HTTP_STAGE_REFUSED;
	if (error == NGHTTP2_ERR_REFUSED_STREAM)
		http_session_refused(session, HTTP_REFUSED_FLOOD, "too many streams at once");
	else
		http_session_refused(session,
				     http ? HTTP_REFUSED_MALFORMED : HTTP_REFUSED_PROTOCOL,
				     nghttp2_strerror(error));
	return verdict(session);
}

/* Frames that nobody knows are counted as they begin, and then skipped. */
static int on_unknown(nghttp2_session *h2, void **payload, const nghttp2_frame_hd *head,
		      void *user)
{
	(void)h2;
	(void)payload;
	(void)head;
	(void)user;
	return NGHTTP2_ERR_CANCEL;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *bytes,
		   size_t length, void *user)
{
	struct http_session *session = user;
	struct http_request *request = request_of(session, stream);

	(void)h2;
	(void)flags;
	if (request && request->stage == HTTP_STAGE_BODY)
		http_request_data(request, bytes, length);
	return verdict(session);
}

static void headers_received(struct http_session *session, const nghttp2_frame *frame)
{
	struct http_request *request = request_of(session, frame->hd.stream_id);

	session->block_since = 0;
	/* A request allows the few frames that clients add to one. */
	http_bucket_earn(&session->frames, &session->context.limits->frames, 2);
	if (!request)
		return;
	request->complete = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		http_request_begin(request);
}

static void data_received(struct http_session *session, const nghttp2_frame *frame)
{
	struct http_request *request = request_of(session, frame->hd.stream_id);

	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
		if (frame->hd.length == frame->data.padlen)
			http_session_spend(session);
	} else if (request) {
		request->complete = true;
		http_request_complete(request);
	}
}

static int on_frame_received(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct http_session *session = user;

	(void)h2;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		headers_received(session, frame);
		break;
	case NGHTTP2_DATA:
		data_received(session, frame);
		break;
	case NGHTTP2_SETTINGS:
		session->greeted = true;
		break;
	case NGHTTP2_PING:
		if (session->drain_at && (frame->hd.flags & NGHTTP2_FLAG_ACK) &&
		    !memcmp(frame->ping.opaque_data, HTTP_DRAIN_PING, 8))
			http_session_drain_finish(session);
		break;
	}
	return verdict(session);
}

/*
 * RFC 9113, 8.1: the answer is complete, and the rest of the body is not wanted.
 * It is thrown away for a moment, because clients (libcurl) that are told so at
 * once forget the answer over it.
 */
static void unwanted_begin(struct http_session *session, const nghttp2_frame *frame,
			   struct http_request *request)
{
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) || !request || request->complete)
		return;
	request->stage = HTTP_STAGE_UNWANTED;
	request->since = session->now;
}

/* We end a stream; where nghttp2 does, it did not always tell on_invalid_frame(). */
static void reset_sent(struct http_session *session, const nghttp2_frame *frame,
		       struct http_request *request)
{
	if (frame->rst_stream.error_code == NGHTTP2_NO_ERROR)
		return;
	reset_spend(session);
	if (!request || request->stage > HTTP_STAGE_BODY)
		return;
	request->stage = HTTP_STAGE_REFUSED;
	http_session_refused(session, HTTP_REFUSED_MALFORMED,
			     "a body that is not as long as its content-length");
}

/*
 * Behind the first GOAWAY of a drain goes a PING, whose answer says that the
 * client knows; nghttp2 would send it before one that waits. Where nghttp2 gives
 * up, it did not always tell on_invalid_frame() why.
 */
static void goaway_sent(struct http_session *session, const nghttp2_frame *frame)
{
	if (session->drain_at && frame->goaway.last_stream_id == INT32_MAX &&
	    nghttp2_submit_ping(session->h2, NGHTTP2_FLAG_NONE,
				(const uint8_t *)HTTP_DRAIN_PING))
		http_session_no_memory(session);
	if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !session->told)
		http_session_refused(session, HTTP_REFUSED_PROTOCOL,
				     "frames against the protocol");
}

static int on_frame_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct http_session *session = user;
	struct http_request *request = request_of(session, frame->hd.stream_id);

	(void)h2;
	switch (frame->hd.type) {
	case NGHTTP2_RST_STREAM:
		reset_sent(session, frame, request);
		break;
	case NGHTTP2_DATA:
		/* A client that reads may move its windows. */
		http_bucket_earn(&session->frames, &session->context.limits->frames,
				 2 + (unsigned int)(frame->hd.length / 1024));
		session->sent += frame->hd.length;
		unwanted_begin(session, frame, request);
		break;
	case NGHTTP2_HEADERS:
		unwanted_begin(session, frame, request);
		break;
	case NGHTTP2_GOAWAY:
		goaway_sent(session, frame);
		break;
	}
	return verdict(session);
}

static int on_stream_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *user)
{
	struct http_session *session = user;
	struct http_request *request = request_of(session, stream);

	(void)h2;
	(void)code;
	if (request)
		http_request_free(request);
	return 0;
}

int http_frames_callbacks(nghttp2_session_callbacks **ret)
{
	nghttp2_session_callbacks *to;

	if (nghttp2_session_callbacks_new(&to))
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_frame_callback(to, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(to, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(to, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(to, on_invalid_header);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(to, on_invalid_frame);
	nghttp2_session_callbacks_set_unpack_extension_callback(to, on_unknown);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(to, on_frame_received);
	nghttp2_session_callbacks_set_on_frame_send_callback(to, on_frame_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(to, on_stream_close);
	*ret = to;
	return 0;
}
