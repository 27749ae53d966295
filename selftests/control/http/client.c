// SPDX-License-Identifier: MIT
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include "common.h"

struct client {
	int fd;
	SSL *tls;
	nghttp2_hd_deflater *deflater;
	nghttp2_hd_inflater *inflater;
};

const char *client_source = "127.0.0.1";

/* Each on its own, as the tests send them. */
static void socket_set(int fd)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	/* Nothing may hang for ever, whatever a broken server does. */
	const struct timeval limit = { 20, 0 };
	int on = 1;

	signal(SIGPIPE, SIG_IGN);
	inet_pton(AF_INET, client_source, &from.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)))
		abort();
}

int client_socket(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	socket_set(fd);
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	close(fd);
	return -1;
}

static SSL *tls_new(const char *certificate)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char path[256];
	SSL *tls;

	SSL_CTX_set_alpn_protos(context, (const unsigned char *)"\2h2", 3);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	if (certificate) {
		snprintf(path, sizeof(path), "%s.pem", certificate);
		if (SSL_CTX_use_certificate_file(context, path, SSL_FILETYPE_PEM) != 1)
			abort();
		snprintf(path, sizeof(path), "%s.key", certificate);
		if (SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
			abort();
	}
	tls = SSL_new(context);
	SSL_CTX_free(context);
	return tls;
}

struct client *client_open(uint16_t port, const char *certificate)
{
	struct client *client = calloc(1, sizeof(*client));

	client->fd = client_socket(port);
	client->tls = tls_new(certificate);
	nghttp2_hd_deflate_new(&client->deflater, 0);
	nghttp2_hd_inflate_new(&client->inflater);
	if (client->fd >= 0 && SSL_set_fd(client->tls, client->fd) &&
	    SSL_connect(client->tls) == 1)
		return client;
	client_close(client);
	return NULL;
}

void client_close(struct client *client)
{
	SSL_free(client->tls);
	if (client->fd >= 0)
		close(client->fd);
	nghttp2_hd_deflate_del(client->deflater);
	nghttp2_hd_inflate_del(client->inflater);
	free(client);
}

void client_server_name(struct client *client, char *ret, size_t size)
{
	X509 *one = SSL_get1_peer_certificate(client->tls);

	X509_NAME_get_text_by_NID(X509_get_subject_name(one), NID_commonName, ret, (int)size);
	X509_free(one);
}

bool client_update_key(struct client *client)
{
	return SSL_key_update(client->tls, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
		SSL_do_handshake(client->tls) == 1;
}

bool client_can_resume(struct client *client)
{
	return SSL_SESSION_is_resumable(SSL_get_session(client->tls));
}

bool client_send(struct client *client, const void *bytes, size_t length)
{
	size_t sent;

	return !length || SSL_write_ex(client->tls, bytes, length, &sent) == 1;
}

bool client_frame(struct client *client, uint8_t type, uint8_t flags, uint32_t stream,
		  const void *payload, size_t length)
{
	uint8_t bytes[9 + 65536] = { (uint8_t)(length >> 16), (uint8_t)(length >> 8),
				     (uint8_t)length, type, flags, (uint8_t)(stream >> 24),
				     (uint8_t)(stream >> 16), (uint8_t)(stream >> 8),
				     (uint8_t)stream };

	if (length > 65536)
		abort();
	if (length)
		memcpy(bytes + 9, payload, length);
	return client_send(client, bytes, 9 + length);
}

struct client *client_greet(uint16_t port, const char *certificate)
{
	struct client *client = client_open(port, certificate);
	struct frame frame;

	if (!client || !client_send(client, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN) ||
	    !client_frame(client, SETTINGS, 0, 0, NULL, 0)) {
		fprintf(stderr, "client: not greeted\n");
		abort();
	}
	while (client_read(client, &frame, 10000) == HEARD_FRAME)
		if (frame.type == SETTINGS && !(frame.flags & ACK))
			break;
	client_frame(client, SETTINGS, ACK, 0, NULL, 0);
	return client;
}

size_t client_block(struct client *client, const struct pair *pairs, size_t count,
		    uint8_t *ret)
{
	nghttp2_nv fields[600];
	ssize_t length;
	size_t i;

	for (i = 0; i < count; i++)
		fields[i] = (nghttp2_nv){ (uint8_t *)pairs[i].name, (uint8_t *)pairs[i].value,
					  strlen(pairs[i].name), strlen(pairs[i].value),
					  NGHTTP2_NV_FLAG_NO_INDEX };
	length = nghttp2_hd_deflate_hd(client->deflater, ret, 65536, fields, count);
	if (length < 0)
		abort();
	return (size_t)length;
}

bool client_headers(struct client *client, uint32_t stream, uint8_t flags,
		    const struct pair *pairs, size_t count)
{
	uint8_t block[65536];
	size_t length = client_block(client, pairs, count, block);

	return client_frame(client, HEADERS, flags | END_HEADERS, stream, block, length);
}

bool client_get(struct client *client, uint32_t stream, const char *path)
{
	const struct pair pairs[] = { { ":method", "GET" }, { ":scheme", "https" },
				      { ":authority", "localhost" }, { ":path", path } };

	return client_headers(client, stream, END_STREAM, pairs, 4);
}

static enum heard bytes_read(struct client *client, uint8_t *to, size_t length, uint64_t until)
{
	struct pollfd ready = { .fd = client->fd, .events = POLLIN };
	size_t have = 0, more;
	int wait;

	while (have < length) {
		wait = until > now_ms() ? (int)(until - now_ms()) : 0;
		if (!SSL_has_pending(client->tls) && poll(&ready, 1, wait) <= 0)
			return HEARD_NOTHING;
		if (SSL_read_ex(client->tls, to + have, length - have, &more) != 1)
			return HEARD_CLOSED;
		have += more;
	}
	return HEARD_FRAME;
}

enum heard client_read(struct client *client, struct frame *ret, int ms)
{
	uint64_t until = now_ms() + (uint64_t)ms;
	uint8_t head[9];
	enum heard heard = bytes_read(client, head, sizeof(head), until);

	if (heard != HEARD_FRAME)
		return heard;
	ret->length = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
	ret->type = head[3];
	ret->flags = head[4];
	ret->stream = ((uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 |
		       (uint32_t)head[7] << 8 | head[8]) & 0x7fffffff;
	if (ret->length > sizeof(ret->payload))
		abort();
	return bytes_read(client, ret->payload, ret->length, until + 5000);
}

static uint32_t get32(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 |
		from[3];
}

/* Takes one frame, and what it gives to the windows of the connection and @stream. */
static bool window_wait(struct client *client, uint32_t stream, size_t windows[static 2])
{
	struct frame frame;

	if (client_read(client, &frame, 10000) != HEARD_FRAME || frame.type == GOAWAY ||
	    (frame.stream == stream && (frame.type == RST_STREAM || frame.type == HEADERS)))
		return false;
	if (frame.type == WINDOW_UPDATE)
		windows[frame.stream == stream] += get32(frame.payload);
	return true;
}

bool client_body(struct client *client, uint32_t stream, size_t length)
{
	static const char bytes[16384];
	size_t windows[2] = { 65535, 65535 }, part;

	while (length) {
		part = length < sizeof(bytes) ? length : sizeof(bytes);
		if (windows[0] < part || windows[1] < part) {
			if (!window_wait(client, stream, windows))
				return false;
			continue;
		}
		if (!client_frame(client, DATA, 0, stream, bytes, part))
			return false;
		windows[0] -= part;
		windows[1] -= part;
		length -= part;
	}
	return true;
}

static void fields_read(struct client *client, const struct frame *frame, struct answer *ret)
{
	const uint8_t *at = frame->payload;
	size_t left = frame->length;
	nghttp2_nv field;
	int flags = 0;
	ssize_t r;

	while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		r = nghttp2_hd_inflate_hd2(client->inflater, &field, &flags, at, left, 1);
		if (r < 0)
			abort();
		at += r;
		left -= (size_t)r;
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT))
			continue;
		if (field.namelen == 7 && !memcmp(field.name, ":status", 7))
			ret->status = (unsigned int)atoi((const char *)field.value);
		if (field.namelen == 12 && !memcmp(field.name, "content-type", 12))
			snprintf(ret->type, sizeof(ret->type), "%s", field.value);
	}
	nghttp2_hd_inflate_end_headers(client->inflater);
}

static void data_read(struct client *client, const struct frame *frame, struct answer *ret)
{
	uint8_t more[4] = { (uint8_t)(frame->length >> 24), (uint8_t)(frame->length >> 16),
			    (uint8_t)(frame->length >> 8), (uint8_t)frame->length };
	size_t room = sizeof(ret->text) - 1, part;

	if (ret->length < room) {
		part = frame->length < room - ret->length ? frame->length : room - ret->length;
		memcpy(ret->text + ret->length, frame->payload, part);
	}
	ret->length += frame->length;
	if (!frame->length)
		return;
	client_frame(client, WINDOW_UPDATE, 0, 0, more, 4);
	if (!(frame->flags & END_STREAM))
		client_frame(client, WINDOW_UPDATE, 0, frame->stream, more, 4);
}

static void answer_take(struct client *client, uint32_t stream, const struct frame *frame,
			struct answer *ret)
{
	if (frame->type == GOAWAY) {
		ret->goaway = true;
		ret->code = get32(frame->payload + 4);
	} else if (frame->type == HEADERS) {
		struct answer other;

		fields_read(client, frame, frame->stream == stream ? ret : &other);
	} else if (frame->stream == stream && frame->type == RST_STREAM) {
		ret->reset = true;
		ret->code = get32(frame->payload);
	} else if (frame->type == DATA && frame->stream == stream) {
		data_read(client, frame, ret);
	}
	if (frame->stream == stream && frame->type <= HEADERS && (frame->flags & END_STREAM))
		ret->complete = true;
}

void client_answer(struct client *client, uint32_t stream, struct answer *ret, int ms)
{
	uint64_t until = now_ms() + (uint64_t)ms;
	struct frame frame;

	memset(ret, 0, sizeof(*ret));
	while (!ret->complete && !ret->reset) {
		int left = until > now_ms() ? (int)(until - now_ms()) : 0;
		enum heard heard = client_read(client, &frame, left);

		ret->closed = heard == HEARD_CLOSED;
		if (heard != HEARD_FRAME)
			return;
		answer_take(client, stream, &frame, ret);
	}
}
