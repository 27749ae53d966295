// SPDX-License-Identifier: MIT
#include "daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel.h"

#define REPLY_SECONDS 300	/* the largest policy under the slowest emulation */

struct ml_daemon {
	int fd;
	char buffer[ML_DAEMON_MESSAGE];
};

/* -------------------------------------------------------------- connection */

static int connect_to(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = REPLY_SECONDS };
	int fd, code = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		code = -errno;
	if (code)
		close(fd);
	else
		*ret_fd = fd;
	return code;
}

int ml_daemon_open(const char *path, struct ml_daemon **ret, struct ml_error *error)
{
	struct ml_daemon *daemon = calloc(1, sizeof(*daemon));
	int code;

	if (!daemon)
		return ml_error_set(error, -ENOMEM, "out of memory");
	path = path ? path : ML_DAEMON_SOCKET;
	code = connect_to(path, &daemon->fd);
	if (!code) {
		*ret = daemon;
		return 0;
	}
	free(daemon);
	if (code == -ENOENT || code == -ECONNREFUSED)
		return ml_error_set(error, code, "merlond does not run (nobody listens at "
				    "%s): run 'systemctl start merlond'", path);
	return ml_error_set(error, code, "cannot reach merlond at %s: %s", path,
			    strerror(-code));
}

void ml_daemon_close(struct ml_daemon *daemon)
{
	if (!daemon)
		return;
	close(daemon->fd);
	free(daemon);
}

/* ---------------------------------------------------------------- messages */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int send_request(struct ml_daemon *daemon, const char *text, int fd)
{
	struct iovec part = { .iov_base = (void *)text, .iov_len = strlen(text) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	union control control = { .bytes = { 0 } };
	struct cmsghdr *head;

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	return sendmsg(daemon->fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/*
 * A client that may not ask at all is refused before its request is read; the
 * kernel then reports the loss of the request first, and the refusal after it.
 */
static ssize_t receive(struct ml_daemon *daemon)
{
	bool reset = false;
	ssize_t length;

	for (;;) {
		length = recv(daemon->fd, daemon->buffer, sizeof(daemon->buffer), MSG_TRUNC);
		if (length >= 0 || (errno != EINTR && (errno != ECONNRESET || reset)))
			return length;
		reset = errno == ECONNRESET;
	}
}

static int receive_reply(struct ml_daemon *daemon, json_t **ret, struct ml_error *error)
{
	ssize_t length = receive(daemon);
	json_t *json;

	if (length < 0 && errno == EAGAIN)
		return ml_error_set(error, -ETIMEDOUT, "merlond did not answer in %d seconds",
				    REPLY_SECONDS);
	if (length <= 0)
		return ml_error_set(error, -ECONNRESET, "merlond ended before it answered: "
				    "'merlon status' tells what is in force");
	if ((size_t)length > sizeof(daemon->buffer))
		return ml_error_set(error, -EMSGSIZE, "merlond's answer is too long");
	json = json_loadb(daemon->buffer, (size_t)length, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return ml_error_set(error, -EBADMSG, "merlond's answer is not JSON");
	}
	*ret = json;
	return 0;
}

/* ----------------------------------------------------------------- replies */

static unsigned int value_of(const json_t *json, const char *key, unsigned int max,
			     const char *(*name)(unsigned int))
{
	const char *text = json_string_value(json_object_get(json, key));
	unsigned int i;

	for (i = 1; text && i <= max; i++)
		if (!strcmp(text, name(i)))
			return i;
	return 0;
}

static const char *state_name(unsigned int value) { return ml_state_name(value); }
static const char *scope_name(unsigned int value) { return ml_scope_name(value); }
static const char *mode_name(unsigned int value) { return ml_mode_name(value); }

static uint64_t number_of(const json_t *json, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(json, key));

	return value > 0 ? (uint64_t)value : 0;
}

static void reply_fill(json_t *json, struct ml_daemon_reply *ret)
{
	const char *sentence = json_string_value(json_object_get(json, "sentence"));

	memset(ret, 0, sizeof(*ret));
	ret->epoch = number_of(json, "epoch");
	ret->serial = number_of(json, "serial");
	ret->state = value_of(json, "state", MERLON_STATE_MAX, state_name);
	ret->scope = value_of(json, "scope", MERLON_SCOPE_MAX, scope_name);
	ret->mode = value_of(json, "mode", MERLON_MODE_MAX, mode_name);
	snprintf(ret->sentence, sizeof(ret->sentence), "%s", sentence ? sentence : "");
	ret->json = json_incref(json);
}

void ml_daemon_reply_clean(struct ml_daemon_reply *reply)
{
	json_decref(reply->json);
	memset(reply, 0, sizeof(*reply));
}

static int reply_code(const json_t *json, struct ml_error *error)
{
	const json_t *code = json_object_get(json, "code");
	const char *sentence = json_string_value(json_object_get(json, "sentence"));
	json_int_t value = json_integer_value(code);

	if (!json_is_integer(code) || value > 0 || value < -4095)
		return ml_error_set(error, -EBADMSG, "merlond's answer has no code");
	if (!value)
		return 0;
	return ml_error_set(error, (int)value, "%s", sentence && sentence[0] ?
			    sentence : strerror((int)-value));
}

/* Takes @request. */
static int ask(struct ml_daemon *daemon, json_t *request, int fd,
	       struct ml_daemon_reply *ret, struct ml_error *error)
{
	char *text = request ? json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_t *json = NULL;
	int code;

	json_decref(request);
	if (!text)
		return ml_error_set(error, -ENOMEM, "out of memory");
	code = send_request(daemon, text, fd);
	free(text);
	/* EPIPE: it hung up, and may have said why before that. */
	if (code && code != -EPIPE)
		return ml_error_set(error, code, "cannot ask merlond: %s", strerror(-code));
	code = receive_reply(daemon, &json, error);
	if (code)
		return code;
	code = reply_code(json, error);
	if (ret)
		reply_fill(json, ret);
	json_decref(json);
	return code;
}

/* ---------------------------------------------------------------- requests */

int ml_daemon_apply(struct ml_daemon *daemon, struct ml_bytes bundle,
		    struct ml_daemon_reply *ret, struct ml_error *error)
{
	int fd, code;

	if (bundle.length > ML_BUNDLE_MAX_BYTES)
		return ml_error_set(error, -E2BIG, "a bundle of %zu bytes: the limit is %u",
				    bundle.length, ML_BUNDLE_MAX_BYTES);
	code = ml_sealed_create(bundle, &fd, error);
	if (code)
		return code;
	code = ask(daemon, json_pack("{s:s}", "request", "apply"), fd, ret, error);
	close(fd);
	return code;
}

int ml_daemon_status(struct ml_daemon *daemon, struct ml_daemon_reply *ret,
		     struct ml_error *error)
{
	return ask(daemon, json_pack("{s:s}", "request", "status"), -1, ret, error);
}

int ml_daemon_armed(struct ml_daemon *daemon, enum merlon_scope scope,
		    enum merlon_mode mode, struct ml_daemon_reply *ret,
		    struct ml_error *error)
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "request", "armed",
				    "scope", ml_scope_name(scope), "mode", ml_mode_name(mode));

	return ask(daemon, request, -1, ret, error);
}

int ml_daemon_disarmed(struct ml_daemon *daemon, struct ml_daemon_reply *ret,
		       struct ml_error *error)
{
	return ask(daemon, json_pack("{s:s}", "request", "disarmed"), -1, ret, error);
}

/* ------------------------------------------------------------ other side */

static int request_type(const json_t *json, struct ml_daemon_request *ret,
			struct ml_error *error)
{
	static const char *const names[] = {
		[ML_DAEMON_STATUS] = "status",
		[ML_DAEMON_APPLY] = "apply",
		[ML_DAEMON_ARMED] = "armed",
		[ML_DAEMON_DISARMED] = "disarmed",
	};
	const char *name = json_string_value(json_object_get(json, "request"));
	unsigned int i;

	if (!name)
		return ml_error_set(error, -EBADMSG, "the request has no \"request\"");
	for (i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(name, names[i])) {
			ret->type = i;
			return 0;
		}
	}
	return ml_error_set(error, -EBADMSG, "no request '%.40s': expected status, apply, "
			    "armed or disarmed", name);
}

static int request_fill(const json_t *json, struct ml_daemon_request *ret,
			struct ml_error *error)
{
	size_t keys = 1;
	int code = request_type(json, ret, error);

	if (code)
		return code;
	if (ret->type == ML_DAEMON_ARMED) {
		ret->scope = value_of(json, "scope", MERLON_SCOPE_MAX, scope_name);
		ret->mode = value_of(json, "mode", MERLON_MODE_MAX, mode_name);
		if (!ret->scope || !ret->mode)
			return ml_error_set(error, -EBADMSG,
					    "'armed' wants a scope and a mode");
		keys = 3;
	}
	if (json_object_size(json) != keys)
		return ml_error_set(error, -EBADMSG, "the request has keys that are not known");
	return 0;
}

int ml_daemon_request_parse(const char *text, size_t length, struct ml_daemon_request *ret,
			    struct ml_error *error)
{
	struct ml_daemon_request request = { .type = ML_DAEMON_NONE };
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	int code;

	if (!json_is_object(json))
		code = ml_error_set(error, -EBADMSG, "the request is not a JSON object");
	else
		code = request_fill(json, &request, error);
	json_decref(json);
	if (!code)
		*ret = request;
	return code;
}
