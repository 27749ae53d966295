/* SPDX-License-Identifier: MIT */
/*
 * What happens to an armed namespace and is no command of Merlon's: devices that
 * come, are renamed, go up and move; namespaces that come and go; the module.
 * Each deed returns 0 or an errno, and allocates nothing itself.
 */
#ifndef FAULTN_DEEDS_H
#define FAULTN_DEEDS_H

#include <dirent.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faultn.h"
#include "nltool_link.h"

#define DEED_DEVICE "wgn"
#define DEED_OTHER "wgm"

static struct mnl_socket *deed_route;
static uint8_t deed_message[1024];
static int deed_here, deed_far;		/* namespaces */

/* --------------------------------------------------------------- rtnetlink */

static struct ifinfomsg *deed_begin(uint16_t type, uint16_t flags, const char *name)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(deed_message);
	struct ifinfomsg *link;

	if (!deed_route)
		deed_route = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!deed_route)
		die("rtnetlink");
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	message->nlmsg_seq = ++sequence;
	link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
	link->ifi_index = type == RTM_NEWLINK && flags ? 0 : (int)if_nametoindex(name);
	return link;
}

static int deed_send(void)
{
	static uint8_t answer[8192];
	const struct nlmsghdr *message = (const struct nlmsghdr *)answer;

	if (mnl_socket_sendto(deed_route, deed_message,
			      ((struct nlmsghdr *)deed_message)->nlmsg_len) < 0)
		return errno;
	if (mnl_socket_recvfrom(deed_route, answer, sizeof(answer)) < 0)
		return errno;
	if (message->nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	return -((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
}

/* An answer that was lost leaves nothing in the next one's way. */
static void deed_hang_up(void)
{
	if (deed_route)
		mnl_socket_close(deed_route);
	deed_route = NULL;
}

static void deed_write_create(void)
{
	struct nlmsghdr *message = (struct nlmsghdr *)deed_message;
	struct nlattr *nest;

	deed_begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, DEED_DEVICE);
	mnl_attr_put_strz(message, IFLA_IFNAME, DEED_DEVICE);
	nest = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_str(message, IFLA_INFO_KIND, "wireguard");
	mnl_attr_nest_end(message, nest);
}

static void deed_write_up(void)
{
	struct ifinfomsg *link = deed_begin(RTM_NEWLINK, 0, DEED_DEVICE);

	link->ifi_flags = link->ifi_change = IFF_UP;
}

static void deed_write_rename(void)
{
	deed_begin(RTM_NEWLINK, 0, DEED_DEVICE);
	mnl_attr_put_strz((struct nlmsghdr *)deed_message, IFLA_IFNAME, DEED_OTHER);
}

static void deed_write_move(int namespace)
{
	deed_begin(RTM_NEWLINK, 0, DEED_DEVICE);
	mnl_attr_put_u32((struct nlmsghdr *)deed_message, IFLA_NET_NS_FD, (uint32_t)namespace);
}

static void deed_delete(const char *name)
{
	if (!if_nametoindex(name))
		return;
	deed_begin(RTM_DELLINK, 0, name);
	errno = deed_send();
	if (errno)
		die(name);
}

static void deed_enter(int namespace)
{
	if (setns(namespace, CLONE_NEWNET))
		die("setns");
}

static bool deed_is_far(const char *name)
{
	bool is;

	deed_enter(deed_far);
	is = if_nametoindex(name);
	deed_enter(deed_here);
	return is;
}

/* Wherever it is, under whatever name. */
static void deed_sweep(void)
{
	deed_hang_up();
	deed_delete(DEED_DEVICE);
	deed_delete(DEED_OTHER);
	if (deed_is_far(DEED_DEVICE)) {
		deed_enter(deed_far);
		deed_hang_up();
		deed_delete(DEED_DEVICE);
		deed_enter(deed_here);
	}
	deed_hang_up();
}

static void deed_create(void)
{
	deed_sweep();
	deed_write_create();
	errno = deed_send();
	if (errno)
		die(DEED_DEVICE);
}

static bool deed_is_up(const char *name)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request))
		die(name);
	close(fd);
	return request.ifr_flags & IFF_UP;
}

/* ------------------------------------------------------------- namespaces */

static int deed_unshare(void)
{
	return unshare(CLONE_NEWNET) ? errno : 0;
}

#define DEED_WORKERS 256

static pid_t deed_worker[DEED_WORKERS];
static size_t deed_worker_count;

static int deed_open_of(const char *pid, const char *file, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, file);
	return open(path, flags | O_CLOEXEC);
}

static bool deed_is_worker(const char *pid)
{
	char name[16] = "";
	int fd = deed_open_of(pid, "comm", O_RDONLY);
	bool is = fd >= 0 && read(fd, name, sizeof(name) - 1) > 0 &&
		  !strncmp(name, "kworker/", 8);

	if (fd >= 0)
		close(fd);
	return is;
}

static void deed_set_worker(pid_t pid, const char *text)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%d", pid);
	fd = deed_open_of(name, "fail-nth", O_RDWR);
	if (fd < 0)
		return;		/* it has gone home */
	faults_write(fd, text);
	close(fd);
}

/*
 * Namespaces are cleaned up by a worker of the kernel's; by which, nobody can say
 * beforehand: the @n-th allocation of each fails.
 */
static void deed_workers_begin(unsigned int n)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	char text[16];

	if (faults.failn >= 0) {
		closedir(directory);
		faults_write_failn(n, true);
		return;
	}
	if (!directory)
		die("/proc");
	snprintf(text, sizeof(text), "%u", n);
	deed_worker_count = 0;
	while ((entry = readdir(directory)) && deed_worker_count < DEED_WORKERS) {
		if (!deed_is_worker(entry->d_name))
			continue;
		deed_worker[deed_worker_count] = atoi(entry->d_name);
		deed_set_worker(deed_worker[deed_worker_count++], text);
	}
	closedir(directory);
	if (!deed_worker_count) {
		fprintf(stderr, "faultn: /proc shows no worker of the kernel's\n");
		exit(2);
	}
}

/* Return: how many of them had an allocation fail. */
static unsigned int deed_workers_end(void)
{
	char name[16], text[16];
	unsigned int failed = 0;
	size_t i;
	int fd;

	if (faults.failn >= 0)
		return faults_end();
	for (i = 0; i < deed_worker_count; i++) {
		snprintf(name, sizeof(name), "%d", deed_worker[i]);
		fd = deed_open_of(name, "fail-nth", O_RDONLY);
		memset(text, 0, sizeof(text));
		failed += fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && !atoi(text);
		if (fd >= 0)
			close(fd);
		deed_set_worker(deed_worker[i], "0");
	}
	return failed;
}

#endif
