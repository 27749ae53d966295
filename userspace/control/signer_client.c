// SPDX-License-Identifier: MIT
#include "signer_client.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "strict.h"

#define WHAT		"the signer's answer"
#define HEAD		12
#define HEADER_MAX	(64u << 20)	/* of an answer: 10,000 nodes have 3 MB */
#define BLOB_MAX	(128ull << 20)
#define PATIENCE	30		/* seconds, of what is submitted */

struct signer_client {
	struct sockaddr_un address;
	int fd;
	const atomic_bool *stop;
	int64_t deadline;		/* milliseconds; 0: none */
};

int signer_client_new(const char *path, struct signer_client **ret, struct ml_error *error)
{
	struct signer_client *client = calloc(1, sizeof(*client));

	if (!client)
		return ml_error_set(error, -ENOMEM, "out of memory");
	client->fd = -1;
	client->address.sun_family = AF_UNIX;
	snprintf(client->address.sun_path, sizeof(client->address.sun_path), "%s", path);
	*ret = client;
	return 0;
}

static void disconnect(struct signer_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

void signer_client_free(struct signer_client *client)
{
	if (!client)
		return;
	disconnect(client);
	free(client);
}

void signer_client_stop_on(struct signer_client *client, const atomic_bool *stop)
{
	client->stop = stop;
}

static int64_t milliseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int lost(struct signer_client *client, const char *what, struct ml_error *error)
{
	disconnect(client);
	return ml_error_set(error, -EHOSTDOWN, "the signer at %s %s", client->address.sun_path, what);
}

static int connect_now(struct signer_client *client, struct ml_error *error)
{
	if (client->fd >= 0)
		return 0;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || connect(client->fd, (const struct sockaddr *)&client->address,
				      sizeof(client->address)))
		return lost(client, strerror(errno), error);
	return 0;
}

/* Wakes each second to see whether it shall end. */
static int wait_for(struct signer_client *client, short what, struct ml_error *error)
{
	struct pollfd at = { .fd = client->fd, .events = what };
	int r;

	do {
		if (client->stop && atomic_load(client->stop))
			return lost(client, "is not waited for any more", error);
		if (client->deadline && milliseconds() > client->deadline)
			return lost(client, "does not answer", error);
		r = poll(&at, 1, 500);
	} while (r == 0 || (r < 0 && errno == EINTR));
	return r < 0 ? lost(client, strerror(errno), error) : 0;
}

static int send_all(struct signer_client *client, const void *bytes, size_t length,
		    struct ml_error *error)
{
	const uint8_t *at = bytes;
	ssize_t sent;
	int r;

	while (length) {
		r = wait_for(client, POLLOUT, error);
		if (r)
			return r;
		sent = send(client->fd, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (sent < 0)
			return lost(client, strerror(errno), error);
		at += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int receive_all(struct signer_client *client, void *bytes, size_t length,
		       struct ml_error *error)
{
	uint8_t *at = bytes;
	ssize_t got;
	int r;

	while (length) {
		r = wait_for(client, POLLIN, error);
		if (r)
			return r;
		got = recv(client->fd, at, length, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			return lost(client, got ? strerror(errno) : "has gone away", error);
		at += got;
		length -= (size_t)got;
	}
	return 0;
}

static int request_send(struct signer_client *client, const json_t *header,
			struct ml_bytes blob, struct ml_error *error)
{
	uint8_t head[HEAD];
	uint64_t blob_le = htole64(blob.length);
	uint32_t length_le;
	size_t length;
	char *text = ml_strict_dump(header, &length);
	int r;

	if (!text)
		return ml_error_set(error, -ENOMEM, "out of memory");
	length_le = htole32((uint32_t)length);
	memcpy(head, &length_le, 4);
	memcpy(head + 4, &blob_le, 8);
	r = send_all(client, head, sizeof(head), error);
	if (!r)
		r = send_all(client, text, length, error);
	if (!r)
		r = send_all(client, blob.data, blob.length, error);
	free(text);
	return r;
}

/* @ret: the header, then the blob. */
static int answer_receive(struct signer_client *client, uint8_t **ret, size_t *ret_header,
			  size_t *ret_blob, struct ml_error *error)
{
	uint8_t head[HEAD], *bytes;
	uint32_t header;
	uint64_t blob;
	int r = receive_all(client, head, sizeof(head), error);

	if (r)
		return r;
	memcpy(&header, head, 4);
	memcpy(&blob, head + 4, 8);
	*ret_header = le32toh(header);
	if (*ret_header > HEADER_MAX || le64toh(blob) > BLOB_MAX)
		return lost(client, "says what is no answer", error);
	*ret_blob = le64toh(blob);
	bytes = malloc(*ret_header + *ret_blob + 1);
	if (!bytes) {
		disconnect(client);
		return ml_error_set(error, -ENOMEM, "out of memory");
	}
	r = receive_all(client, bytes, *ret_header + *ret_blob, error);
	if (r)
		free(bytes);
	else
		*ret = bytes;
	return r;
}

static int code_of(const char *name)
{
	static const int codes[] = { EBADMSG, EKEYREJECTED, EXDEV, ETIME, ESTALE, ENOENT, EEXIST,
				     EINVAL, EAGAIN, ENOSPC, E2BIG, EALREADY };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (name && !strcmp(name, strerrorname_np(codes[i])))
			return -codes[i];
	return -EPROTO;
}

static int answer_judge(struct signer_client *client, const uint8_t *bytes, size_t header,
			json_t **ret, struct ml_error *error)
{
	const char *sentence;
	json_t *json;

	if (ml_strict_load(bytes, header, WHAT, &json, error))
		return lost(client, "says what is no answer", error);
	if (json_is_true(json_object_get(json, "ok"))) {
		*ret = json;
		return 0;
	}
	sentence = json_string_value(json_object_get(json, "error"));
	ml_error_set(error, code_of(json_string_value(json_object_get(json, "code"))), "%s",
		     sentence ? sentence : "the signer refuses, and does not say why");
	json_decref(json);
	return error->code;
}

static int exchange(struct signer_client *client, const json_t *header, struct ml_bytes blob,
		    uint8_t **ret, size_t *ret_header, size_t *ret_blob, struct ml_error *error)
{
	bool fresh = client->fd < 0;
	int r = connect_now(client, error);

	if (!r)
		r = request_send(client, header, blob, error);
	if (!r)
		r = answer_receive(client, ret, ret_header, ret_blob, error);
	/* A connection of old may be of a signer that was started anew since. */
	if (r == -EHOSTDOWN && !fresh && !(client->stop && atomic_load(client->stop)))
		return exchange(client, header, blob, ret, ret_header, ret_blob, error);
	return r;
}

int signer_client_ask(struct signer_client *client, json_t *header, struct ml_bytes blob,
		      unsigned int patience, json_t **ret, uint8_t **ret_blob,
		      size_t *ret_length, struct ml_error *error)
{
	size_t header_length = 0, blob_length = 0;
	struct ml_error local;
	json_t *json = NULL;
	uint8_t *bytes = NULL;
	int r;

	if (!error)
		error = &local;
	if (!header)
		return ml_error_set(error, -ENOMEM, "out of memory");
	client->deadline = patience ? milliseconds() + (int64_t)patience * 1000 : 0;
	r = exchange(client, header, blob, &bytes, &header_length, &blob_length, error);
	json_decref(header);
	if (r)
		return r;
	r = answer_judge(client, bytes, header_length, &json, error);
	if (!r && ret_blob) {
		memmove(bytes, bytes + header_length, blob_length);
		*ret_blob = bytes;
		*ret_length = blob_length;
	} else {
		free(bytes);
	}
	if (!r && ret)
		*ret = json;
	else
		json_decref(json);
	return r;
}

int signer_client_submit(struct signer_client *client, const char *kind,
			 struct ml_bytes envelope, json_t **ret, struct ml_error *error)
{
	return signer_client_ask(client, json_pack("{s:s, s:s}", "kind", kind, "request", "submit"),
				 envelope, PATIENCE, ret, NULL, NULL, error);
}
