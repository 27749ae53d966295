// SPDX-License-Identifier: MIT
#include "sockets.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 32768

struct dump {
	struct socket_list *list;
	uint8_t protocol;
};

static struct socket_entry *entry_add(struct socket_list *list)
{
	struct socket_entry *grown;

	if (list->count == list->room) {
		grown = realloc(list->items, (list->room * 2 + 64) * sizeof(*grown));
		if (!grown)
			return NULL;
		list->items = grown;
		list->room = list->room * 2 + 64;
	}
	memset(&list->items[list->count], 0, sizeof(*list->items));
	return &list->items[list->count++];
}

static int socket_message(const struct nlmsghdr *message, void *arg)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);
	struct dump *dump = arg;
	struct socket_entry *entry;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*diag))
		return MNL_CB_OK;
	entry = entry_add(dump->list);
	if (!entry) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	entry->family = diag->idiag_family;
	entry->protocol = dump->protocol;
	entry->listening = diag->idiag_state != TCP_ESTABLISHED;
	memcpy(entry->local, diag->id.idiag_src, 16);
	memcpy(entry->remote, diag->id.idiag_dst, 16);
	entry->local_port = ntohs(diag->id.idiag_sport);
	entry->remote_port = ntohs(diag->id.idiag_dport);
	entry->device = diag->id.idiag_if;
	entry->inode = diag->idiag_inode;
	return MNL_CB_OK;
}

static int dump_run(struct mnl_socket *socket, struct nlmsghdr *request, struct dump *dump)
{
	char buffer[BUFFER];
	ssize_t n;
	int ret;

	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(buffer, (size_t)n, request->nlmsg_seq,
				 mnl_socket_get_portid(socket), socket_message, dump);
	} while (ret > 0);
	return ret < 0 ? -errno : 0;
}

static int dump_one(struct mnl_socket *socket, struct socket_list *list, uint8_t family,
		    uint8_t protocol)
{
	char buffer[256] __attribute__((aligned(8)));
	struct dump dump = { .list = list, .protocol = protocol };
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *diag;

	request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = (uint32_t)time(NULL);
	diag = mnl_nlmsg_put_extra_header(request, sizeof(*diag));
	diag->sdiag_family = family;
	diag->sdiag_protocol = protocol;
	/* A UDP socket that waits for anybody is in state CLOSE. */
	diag->idiag_states = protocol == IPPROTO_TCP ? 1u << TCP_LISTEN | 1u << TCP_ESTABLISHED :
						       1u << TCP_CLOSE;
	return dump_run(socket, request, &dump);
}

/* --------------------------------------------------------------- programs */

static int by_inode(const void *a, const void *b)
{
	const struct socket_entry *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static void name_sockets(struct socket_list *list, uint32_t inode, const char *program)
{
	struct socket_entry key = { .inode = inode }, *found;

	found = bsearch(&key, list->items, list->count, sizeof(key), by_inode);
	if (found)
		snprintf(found->program, sizeof(found->program), "%s", program);
}

static void read_name(int process, char *ret, size_t size)
{
	int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

static void name_by_process(struct socket_list *list, int process)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	char program[32] = "", link[64];
	struct dirent *entry;
	unsigned int inode;
	ssize_t n;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return;
	}
	read_name(process, program, sizeof(program));
	while ((entry = readdir(directory))) {
		n = readlinkat(fd, entry->d_name, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = '\0';
		if (sscanf(link, "socket:[%u]", &inode) == 1)
			name_sockets(list, inode, program);
	}
	closedir(directory);
}

/* A help for the reader, not a fact to build on: what cannot be read stays unnamed. */
static void name_all(struct socket_list *list)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int process;

	if (!proc)
		return;
	qsort(list->items, list->count, sizeof(*list->items), by_inode);
	while ((entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		process = openat(dirfd(proc), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		name_by_process(list, process);
		close(process);
	}
	closedir(proc);
}

/* ------------------------------------------------------------------- list */

int sockets_read(struct socket_list *ret, struct ml_error *error)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	struct socket_list list = { 0 };
	int code = -errno;

	if (socket)
		code = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) ? -errno : 0;
	for (size_t i = 0; !code && i < 4; i++)
		code = dump_one(socket, &list, families[i & 1], protocols[i >> 1]);
	if (socket)
		mnl_socket_close(socket);
	if (code) {
		sockets_clean(&list);
		return ml_error_set(error, code, "the kernel did not tell its sockets: %s",
				    strerror(-code));
	}
	name_all(&list);
	*ret = list;
	return 0;
}

void sockets_clean(struct socket_list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}
