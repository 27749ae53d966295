/* SPDX-License-Identifier: MIT */
/* What this host listens on, and who is connected: sock_diag. */
#ifndef CLI_SOCKETS_H
#define CLI_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct socket_entry {
	uint8_t family, protocol;	/* IPPROTO_TCP or IPPROTO_UDP */
	bool listening;			/* else a connection */
	uint8_t local[16], remote[16];	/* network byte order; IPv4 in the first four */
	uint16_t local_port, remote_port;
	uint32_t device;		/* index, or 0 */
	uint32_t inode;
	char program[32];		/* whose it is; "" where nobody can tell */
};

struct socket_list {
	struct socket_entry *items;
	size_t count, room;
};

/* Listening sockets and established TCP connections of this network namespace. */
int sockets_read(struct socket_list *ret, struct ml_error *error);
void sockets_clean(struct socket_list *list);

#endif
