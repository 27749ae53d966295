// SPDX-License-Identifier: MIT
/*
 * askd [--socket PATH] status | apply FILE | armed SCOPE MODE | disarmed | raw TEXT
 *
 * Asks merlond, prints the reply as JSON on one line, and exits with 0 (done),
 * 1 (refused) or 2 (no reply).
 *
 * askd [--socket PATH] two | hold N
 *
 * What no client of the library does: a request with two descriptors; N
 * connections that ask nothing, until standard input ends ("held" is printed).
 *
 * askd kernel status | arm SCOPE MODE [CONFIRM_S] | disarm | confirm
 *
 * The same of the kernel module, without merlond.
 *
 * askd watermark FILE
 *
 * What merlond will not go below, as EPOCH.SERIAL.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"
#include "file.h"
#include "kernel.h"

static struct ml_error error;

static int fail(void)
{
	fprintf(stderr, "askd: %s\n", error.text);
	return 2;
}

static enum merlon_scope scope_of(const char *text)
{
	return !strcmp(text, "everything") ? MERLON_SCOPE_EVERYTHING : MERLON_SCOPE_TUNNELS;
}

static enum merlon_mode mode_of(const char *text)
{
	return !strcmp(text, "observing") ? MERLON_MODE_OBSERVING : MERLON_MODE_ENFORCING;
}

/* ------------------------------------------------------------------- kernel */

static int print_status(struct ml_kernel *kernel)
{
	struct ml_kernel_status status;
	size_t i;

	if (ml_kernel_status(kernel, &status, &error))
		return fail();
	printf("state=%s scope=%s mode=%s generation=%ju.%ju last=%ju.%ju confirm=%u "
	       "lifetime=%ju rules=%u hosts=%u version=%s digest=",
	       ml_state_name(status.state), ml_scope_name(status.scope),
	       ml_mode_name(status.mode), (uintmax_t)status.epoch, (uintmax_t)status.serial,
	       (uintmax_t)status.last_epoch, (uintmax_t)status.last_serial, status.confirm_s,
	       (uintmax_t)status.lifetime_ms / 1000, status.rules, status.hosts,
	       status.module_version);
	for (i = 0; i < 4; i++)
		printf("%02x", status.digest[i]);
	printf("\n");
	return 0;
}

static int kernel_command(struct ml_kernel *kernel, int argc, char **argv)
{
	int code;

	if (!strcmp(argv[0], "status"))
		return print_status(kernel);
	if (!strcmp(argv[0], "arm") && argc >= 3)
		code = ml_kernel_arm(kernel, scope_of(argv[1]), mode_of(argv[2]),
				     argc > 3 ? (uint32_t)atoi(argv[3]) : 0, "test", &error);
	else if (!strcmp(argv[0], "disarm"))
		code = ml_kernel_disarm(kernel, "test", &error);
	else if (!strcmp(argv[0], "confirm"))
		code = ml_kernel_confirm(kernel, &error);
	else
		return 2;
	return code ? fail() : 0;
}

static int ask_kernel(int argc, char **argv)
{
	struct ml_kernel *kernel;
	int status;

	if (argc < 1)
		return 2;
	if (ml_kernel_open(&kernel, &error))
		return fail();
	status = kernel_command(kernel, argc, argv);
	ml_kernel_close(kernel);
	return status;
}

/* ------------------------------------------------------------------ merlond */

static int connect_raw(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return fd;
}

static int ask_two(const char *path)
{
	static char text[] = "{\"request\":\"apply\"}";
	struct iovec part = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	char control[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	const int descriptors[] = { 0, 1 };
	int fd = connect_raw(path);
	char reply[ML_DAEMON_MESSAGE];

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(descriptors));
	memcpy(CMSG_DATA(head), descriptors, sizeof(descriptors));
	if (fd < 0 || sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		return 2;
	return recv(fd, reply, sizeof(reply), 0) < 0 ? 2 : 0;
}

static int hold(const char *path, int count)
{
	char byte;

	while (count-- > 0)
		if (connect_raw(path) < 0)
			return 2;
	printf("held\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}

/* What no client of the library would ever send. */
static int ask_raw(const char *path, const char *text)
{
	int fd = connect_raw(path);
	char reply[ML_DAEMON_MESSAGE];
	ssize_t length;

	if (fd < 0)
		return 2;
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return 2;
	length = recv(fd, reply, sizeof(reply), 0);
	if (length <= 0)
		return 2;
	printf("%.*s\n", (int)length, reply);
	return strstr(reply, "\"ok\":true") ? 0 : 1;
}

static int ask_apply(struct ml_daemon *daemon, const char *path,
		     struct ml_daemon_reply *reply)
{
	struct ml_bytes bundle;
	uint8_t *bytes;
	int code = ml_file_read(path, ML_BUNDLE_MAX_BYTES, &bytes, &bundle.length, &error);

	if (code)
		return code;
	bundle.data = bytes;
	code = ml_daemon_apply(daemon, bundle, reply, &error);
	free(bytes);
	return code;
}

static int ask(struct ml_daemon *daemon, int argc, char **argv, struct ml_daemon_reply *reply)
{
	if (!strcmp(argv[0], "status"))
		return ml_daemon_status(daemon, reply, &error);
	if (!strcmp(argv[0], "apply") && argc == 2)
		return ask_apply(daemon, argv[1], reply);
	if (!strcmp(argv[0], "armed") && argc == 3)
		return ml_daemon_armed(daemon, scope_of(argv[1]), mode_of(argv[2]), reply,
				       &error);
	if (!strcmp(argv[0], "disarmed"))
		return ml_daemon_disarmed(daemon, reply, &error);
	return ml_error_set(&error, -EINVAL, "no such request");
}

static int ask_daemon(const char *path, int argc, char **argv)
{
	struct ml_daemon_reply reply = { .json = NULL };
	struct ml_daemon *daemon;
	char *text;
	int code;

	if (ml_daemon_open(path, &daemon, &error))
		return fail();
	code = ask(daemon, argc, argv, &reply);
	ml_daemon_close(daemon);
	if (!reply.json)
		return fail();
	text = json_dumps(reply.json, JSON_COMPACT | JSON_SORT_KEYS);
	printf("%s\n", text);
	free(text);
	ml_daemon_reply_clean(&reply);
	return code ? 1 : 0;
}

static int print_watermark(const char *path)
{
	struct ml_watermark watermark;

	if (ml_watermark_read(path, &watermark, &error))
		return fail();
	printf("%ju.%ju\n", (uintmax_t)watermark.epoch, (uintmax_t)watermark.serial);
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = ML_DAEMON_SOCKET;

	if (argc > 2 && !strcmp(argv[1], "--socket")) {
		path = argv[2];
		argc -= 2;
		argv += 2;
	}
	if (argc < 2)
		return 2;
	if (!strcmp(argv[1], "kernel"))
		return ask_kernel(argc - 2, argv + 2);
	if (!strcmp(argv[1], "watermark") && argc == 3)
		return print_watermark(argv[2]);
	if (!strcmp(argv[1], "raw") && argc == 3)
		return ask_raw(path, argv[2]);
	if (!strcmp(argv[1], "two"))
		return ask_two(path);
	if (!strcmp(argv[1], "hold") && argc == 3)
		return hold(path, atoi(argv[2]));
	return ask_daemon(path, argc - 1, argv + 1);
}
