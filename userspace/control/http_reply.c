// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

#include "http_session.h"

#define MOST_FIELDS 32

static const char *status_title(unsigned int status)
{
	static const char *const titles[] = {
		[400 - 400] = "Bad Request",
		[401 - 400] = "Unauthorized",
		[403 - 400] = "Forbidden",
		[404 - 400] = "Not Found",
		[405 - 400] = "Method Not Allowed",
		[406 - 400] = "Not Acceptable",
		[408 - 400] = "Request Timeout",
		[409 - 400] = "Conflict",
		[410 - 400] = "Gone",
		[412 - 400] = "Precondition Failed",
		[413 - 400] = "Content Too Large",
		[415 - 400] = "Unsupported Media Type",
		[417 - 400] = "Expectation Failed",
		[422 - 400] = "Unprocessable Content",
		[429 - 400] = "Too Many Requests",
		[431 - 400] = "Request Header Fields Too Large",
		[500 - 400] = "Internal Server Error",
		[501 - 400] = "Not Implemented",
		[503 - 400] = "Service Unavailable",
	};
	const char *title = NULL;

	if (status >= 400 && status - 400 < sizeof(titles) / sizeof(titles[0]))
		title = titles[status - 400];
	return title ? title : "Error";
}

void http_outgoing_free(struct http_request *request)
{
	struct http_outgoing *reply = &request->reply;
	struct http_session *session = request->session;

	if (reply->copy) {
		session->backlog -= reply->length;
		http_release(session->context.above, reply->copy);
	}
	if (reply->file >= 0)
		close(reply->file);
	reply->copy = NULL;
	reply->file = -1;
	session->replies -= reply->counted;
	reply->counted = false;
}

static ssize_t reply_read(struct http_outgoing *reply, uint8_t *buffer, size_t size)
{
	if (size > reply->length - reply->sent)
		size = reply->length - reply->sent;
	if (reply->file >= 0)
		return pread(reply->file, buffer, size, (off_t)(reply->offset + reply->sent));
	memcpy(buffer, reply->copy + reply->sent, size);
	return (ssize_t)size;
}

/* nghttp2 wants the next bytes of a body. A file that is too short is no reply. */
static ssize_t on_read(nghttp2_session *h2, int32_t stream, uint8_t *buffer, size_t size,
		       uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct http_request *request = source->ptr;
	ssize_t r = reply_read(&request->reply, buffer, size);

	(void)h2;
	(void)stream;
	(void)user;
	if (r <= 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	request->reply.sent += (uint64_t)r;
	if (request->reply.sent == request->reply.length) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		http_outgoing_free(request);
	}
	return r;
}

/* ------------------------------------------------------------- a reply's head */

struct head {
	nghttp2_nv fields[MOST_FIELDS + 3];
	size_t count;
	char status[4], length[24], date[40];
};

static void head_add(struct head *head, const char *name, const char *value)
{
	/* nghttp2 copies both. */
	head->fields[head->count++] = (nghttp2_nv){
		(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
		NGHTTP2_NV_FLAG_NO_INDEX
	};
}

static bool field_is_sound(const struct http_field *field)
{
	return *field->name && *field->name != ':' &&
		nghttp2_check_header_name((const uint8_t *)field->name, strlen(field->name)) &&
		nghttp2_check_header_value((const uint8_t *)field->value, strlen(field->value)) &&
		strcmp(field->name, "content-length") != 0 && strcmp(field->name, "date") != 0;
}

static bool reply_is_sound(const struct http_reply *reply)
{
	size_t i;

	if (reply->status < 200 || reply->status > 599 || reply->field_count > MOST_FIELDS)
		return false;
	for (i = 0; i < reply->field_count; i++)
		if (!field_is_sound(&reply->fields[i]))
			return false;
	return true;
}

/* RFC 9110, 5.6.7; in the C locale whatever the program's is. */
static void date_format(char *text, size_t size)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	snprintf(text, size, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
		 tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
}

/* RFC 9110, 15.3.5 and 15.4.5 */
static bool has_content(unsigned int status)
{
	return status != 204 && status != 304;
}

static void head_fill(struct head *head, const struct http_reply *reply)
{
	size_t i;

	head->count = 0;
	snprintf(head->status, sizeof(head->status), "%u", reply->status % 1000);
	head_add(head, ":status", head->status);
	date_format(head->date, sizeof(head->date));
	head_add(head, "date", head->date);
	if (has_content(reply->status)) {
		snprintf(head->length, sizeof(head->length), "%zu", reply->length);
		head_add(head, "content-length", head->length);
	}
	for (i = 0; i < reply->field_count; i++)
		head_add(head, reply->fields[i].name, reply->fields[i].value);
}

/* ------------------------------------------------------------ how it is given */

/* -ENOMEM; what it took is then the request's to free. */
static int content_take(struct http_request *request, const struct http_reply *reply)
{
	struct http_session *session = request->session;
	struct http_outgoing *to = &request->reply;

	to->length = reply->length;
	if (reply->from_file) {
		to->file = reply->file;
		to->offset = reply->offset;
		return 0;
	}
	if (session->backlog && reply->length > session->context.limits->backlog_bytes -
	    (session->backlog < session->context.limits->backlog_bytes ?
	     session->backlog : session->context.limits->backlog_bytes))
		return -ENOMEM;
	to->copy = http_alloc(session->context.above, reply->length);
	if (!to->copy)
		return -ENOMEM;
	memcpy(to->copy, reply->body, reply->length);
	session->backlog += reply->length;
	return 0;
}

static void reply_count(struct http_request *request)
{
	struct http_session *session = request->session;

	request->reply.counted = true;
	if (session->replies++)
		return;
	session->reply_since = session->now;
	session->sent = 0;
}

static int reply_submit(struct http_request *request, const struct http_reply *reply)
{
	const char *method = http_request_method(request);
	nghttp2_data_provider content = { { .ptr = request }, on_read };
	bool with_content = reply->length && has_content(reply->status) &&
		!(method && !strcmp(method, "HEAD"));
	struct head head;

	if (with_content) {
		if (content_take(request, reply))
			return -ENOMEM;
	} else if (reply->from_file) {
		close(reply->file);
	}
	head_fill(&head, reply);
	if (nghttp2_submit_response(request->session->h2, request->stream, head.fields,
				    head.count, with_content ? &content : NULL)) {
		http_outgoing_free(request);
		return -ENOMEM;
	}
	reply_count(request);
	http_request_forget(request);
	return 0;
}

static int error_submit(struct http_request *request, unsigned int status)
{
	static const struct http_field type = { "content-type", "application/problem+json" };
	char body[96];
	struct http_reply reply = { .status = status, .fields = &type, .field_count = 1,
				    .body = body };

	reply.length = (size_t)snprintf(body, sizeof(body), "{\"status\":%u,\"title\":\"%s\"}",
					status, status_title(status));
	return reply_submit(request, &reply);
}

/* Sets the stage; false: there is nobody any more who could be answered. */
static bool reply_starts(struct http_request *request)
{
	struct http_session *session = request->session;
	bool answered = request->stage >= HTTP_STAGE_REPLY;

	if (!session->busy)
		session->now = http_now();
	if (!answered)
		request->stage = HTTP_STAGE_REPLY;
	request->since = session->now;
	return !answered && !session->over;
}

static void reply_fails(struct http_request *request)
{
	http_session_refused(request->session, HTTP_REFUSED_MEMORY,
			     "no memory for a reply, or too much of it not fetched");
	if (error_submit(request, 503))
		http_session_no_memory(request->session);
}

void http_reply(struct http_request *request, const struct http_reply *reply)
{
	struct http_session *session = request->session;

	if (!reply_starts(request)) {
		if (reply->from_file)
			close(reply->file);
		return;
	}
	if (!reply_is_sound(reply)) {
		if (reply->from_file)
			close(reply->file);
		if (error_submit(request, 500))
			http_session_no_memory(session);
	} else if (reply_submit(request, reply)) {
		reply_fails(request);
	}
	http_session_touch(session);
}

void http_reply_error(struct http_request *request, unsigned int status)
{
	if (!reply_starts(request))
		return;
	if (error_submit(request, status))
		http_session_no_memory(request->session);
	http_session_touch(request->session);
}
