// SPDX-License-Identifier: MIT
/*
 * caller [OPTION]... connect|send tcp|udp ADDRESS PORT [N]
 *
 * Makes the calls of an ordinary program, and says what it was told:
 *
 *   connect	connect(), and of a datagram socket send(), unless PORT is 0
 *   send	sendto() on a socket without a destination
 *   N		so many destinations, from ADDRESS up; the last answer is printed
 *
 *   -p PORT	of the socket here		-m MARK	SO_MARK
 *   -d DEVICE	SO_BINDTODEVICE			-i DEVICE	by IP_PKTINFO (send, IPv4)
 *   -6		the address is IPv4, the socket IPv6
 *   -w MS	how long a connection may take (2000)
 *
 * Prints "yes", "timeout" or the error's name, as EPERM; "later EPERM" where
 * connect() did not fail with it at once. Status: 0 yes, 1 no, 2
 * usage, or no socket to try with.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct call {
	bool send, tcp, mapped;
	int port, mark, wait;
	const char *device, *by;
	struct sockaddr_storage to;
	socklen_t length;
};

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "caller: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void set(int fd, int level, int option, const void *value, socklen_t length)
{
	if (setsockopt(fd, level, option, value, length))
		give_up("setsockopt");
}

static void bind_port(int fd, const struct call *call)
{
	struct sockaddr_storage here = { .ss_family = call->to.ss_family };
	int one = 1;

	set(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	((struct sockaddr_in *)&here)->sin_port = htons((uint16_t)call->port);
	if (bind(fd, (struct sockaddr *)&here, call->length))
		give_up("bind");
}

static int open_socket(const struct call *call)
{
	int fd = socket(call->to.ss_family,
			(call->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);

	if (fd < 0)
		give_up("socket");
	if (call->port)
		bind_port(fd, call);
	if (call->mark)
		set(fd, SOL_SOCKET, SO_MARK, &call->mark, sizeof(call->mark));
	if (call->device)
		set(fd, SOL_SOCKET, SO_BINDTODEVICE, call->device,
		    (socklen_t)strlen(call->device));
	return fd;
}

static bool late;	/* the last answer came after connect() */

/* 0, or an errno. */
static int finish(int fd, const struct call *call)
{
	struct pollfd poller = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error;

	if (poll(&poller, 1, call->wait) < 1)
		return ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
		give_up("SO_ERROR");
	return error;
}

static int try_connect(int fd, const struct call *call)
{
	int code = connect(fd, (const struct sockaddr *)&call->to, call->length) ? errno : 0;

	late = code == EINPROGRESS;
	if (late)
		code = finish(fd, call);
	if (!code && !call->tcp && ((const struct sockaddr_in *)&call->to)->sin_port)
		code = send(fd, "x", 1, 0) < 0 ? errno : 0;
	return code;
}

static int try_send(int fd, const struct call *call)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = { .head = { .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO,
				.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)) } };
	struct in_pktinfo info = { 0 };
	struct iovec data = { .iov_base = "x", .iov_len = 1 };
	struct msghdr message = {
		.msg_name = (void *)&call->to, .msg_namelen = call->length,
		.msg_iov = &data, .msg_iovlen = 1,
	};

	if (call->by) {
		info.ipi_ifindex = (int)if_nametoindex(call->by);
		memcpy(CMSG_DATA(&control.head), &info, sizeof(info));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(fd, &message, 0) < 0 ? errno : 0;
}

static int try(const struct call *call)
{
	int fd = open_socket(call), code;

	code = call->send ? try_send(fd, call) : try_connect(fd, call);
	close(fd);
	return code;
}

/* The next address. */
static void advance(struct call *call)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&call->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&call->to;
	uint32_t *last = call->to.ss_family == AF_INET ? &v4->sin_addr.s_addr :
							 &v6->sin6_addr.s6_addr32[3];

	*last = htonl(ntohl(*last) + 1);
}

static void read_address(struct call *call, const char *address, int port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&call->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&call->to;
	char mapped[INET6_ADDRSTRLEN + 8];

	v4->sin_port = htons((uint16_t)port);
	snprintf(mapped, sizeof(mapped), "%s%s", call->mapped ? "::ffff:" : "", address);
	call->length = strchr(mapped, ':') ? sizeof(*v6) : sizeof(*v4);
	call->to.ss_family = strchr(mapped, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(call->to.ss_family, mapped, call->to.ss_family == AF_INET ?
		      (void *)&v4->sin_addr : (void *)&v6->sin6_addr) != 1) {
		errno = EINVAL;
		give_up(address);
	}
}

static void read_options(struct call *call, int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "p:m:d:i:w:6")) != -1) {
		switch (letter) {
		case 'p':
			call->port = atoi(optarg);
			break;
		case 'm':
			call->mark = atoi(optarg);
			break;
		case 'd':
			call->device = optarg;
			break;
		case 'i':
			call->by = optarg;
			break;
		case 'w':
			call->wait = atoi(optarg);
			break;
		case '6':
			call->mapped = true;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct call call = { .wait = 2000 };
	int code = 0, times;

	read_options(&call, argc, argv);
	argv += optind;
	argc -= optind;
	if (argc < 4 || argc > 5) {
		errno = EINVAL;
		give_up("connect|send tcp|udp ADDRESS PORT [N]");
	}
	call.send = !strcmp(argv[0], "send");
	call.tcp = !strcmp(argv[1], "tcp");
	read_address(&call, argv[2], atoi(argv[3]));
	for (times = argc == 5 ? atoi(argv[4]) : 1; times > 0; times--) {
		code = try(&call);
		advance(&call);
	}
	if (late && code == EPERM)
		fputs("later ", stdout);
	puts(!code ? "yes" : code == ETIMEDOUT ? "timeout" : strerrorname_np(code));
	return code ? 1 : 0;
}
