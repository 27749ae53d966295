// SPDX-License-Identifier: MIT
/*
 * What a client can say behind TLS. The first byte chooses: its bits 0 to 3, in how
 * large pieces the rest arrives; bit 4, whether a proper greeting comes first; bit
 * 5, whether the server drains half-way; bit 6, whether time passes; bit 7, whether
 * memory is scarce. Whatever comes, nothing is left behind, nobody who waits is
 * forgotten, and the limits hold.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http_session.h"

#define WAITERS 128
#define GREETING "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_request *waiting[WAITERS];
static size_t waiters;

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void on_gone(struct http_request *request, void *data)
{
	size_t i;

	(void)data;
	for (i = 0; i < waiters && waiting[i] != request; i++)
		;
	need(i < waiters);
	waiting[i] = waiting[--waiters];
}

/* What the handler is promised of a request. */
static void request_check(const struct http_request *request)
{
	const char *path = http_request_path(request), *host;
	size_t length;

	need(path[0] == '/' && !strstr(path, "//") && !strstr(path, "/../"));
	need(http_text_is_clean(path, strlen(path)));
	need(http_request_method(request) != NULL);
	host = http_request_header(request, ":authority");
	need(host && *host);
	need(http_request_body(request, &length)[length] == 0 || !length);
	need(length <= http_limits_default.body_bytes);
	need(!http_request_header(request, "transfer-encoding"));
}

static void on_handle(struct http_request *request, void *data)
{
	static const char bytes[40000];
	struct http_reply reply = { .status = 200 };

	(void)data;
	request_check(request);
	switch (http_request_path(request)[1]) {
	case 'w':
		need(waiters < WAITERS);
		waiting[waiters++] = request;
		http_request_keep(request, on_gone, NULL);
		break;
	case 'b':
		reply.body = bytes;
		reply.length = sizeof(bytes);
		http_reply(request, &reply);
		break;
	case 'n':
		break;
	default:
		reply.body = http_request_body(request, &reply.length);
		http_reply(request, &reply);
	}
}

static unsigned int on_begin(struct http_request *request, size_t *ret_limit, void *data)
{
	(void)data;
	(void)ret_limit;
	return http_request_path(request)[1] == 'e' ? 401 : 0;
}

static void on_refused(const struct http_refusal *refusal, void *data)
{
	(void)data;
	need(refusal->detail && *refusal->detail && refusal->reason > HTTP_REFUSED_UNSPEC &&
	     refusal->reason < __HTTP_REFUSED_MAX);
}

static void drink(struct http_session *session, uint64_t now)
{
	const uint8_t *bytes;
	size_t total = 0, length;

	while ((length = http_session_output(session, &bytes, now))) {
		total += length;
		need(total < 64 * 1024 * 1024);
	}
}

static void feed(struct http_session *session, const uint8_t *data, size_t size, uint8_t mode)
{
	size_t piece = (size_t)1 << (mode & 15), part;
	uint64_t now = 1000;

	while (size) {
		part = size < piece ? size : piece;
		http_session_input(session, data, part, now);
		drink(session, now);
		data += part;
		size -= part;
		if (mode & 32)
			http_session_drain(session, now);
		if (mode & 64) {
			now += 2000;
			if (http_session_deadline(session) <= now)
				http_session_expire(session, now);
		}
		drink(session, now);
	}
	if (waiters) {
		waiters--;
		http_reply_error(waiting[waiters], 404);
	}
	drink(session, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_handler handler = { on_begin, on_handle, on_refused };
	static const struct http_peer peer = { .address = "192.0.2.1" };
	struct http_limits limits = http_limits_default;
	struct http_account account = { .limit = limits.memory };
	unsigned int requests = 0;
	const struct http_context context = { .limits = &limits, .handler = &handler,
					      .peer = &peer, .above = &account,
					      .requests = &requests };
	struct http_session *session;

	if (!size)
		return 0;
	if (data[0] & 128)
		limits.connection_memory = 32 * 1024 + size * 16;
	if (!http_session_new(&context, 1000, &session)) {
		if (data[0] & 16)
			http_session_input(session, (const uint8_t *)GREETING,
					   sizeof(GREETING) - 1, 1000);
		feed(session, data + 1, size - 1, data[0]);
		need(session->account.used <= limits.connection_memory);
		need(session->backlog <= limits.backlog_bytes + 40000);
		http_session_free(session);
	}
	need(!waiters && !requests && !account.used);
	return 0;
}
