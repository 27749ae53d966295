/* SPDX-License-Identifier: MIT */
/* Whose connection arming could cut: the caller's own. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session {
	uint8_t family;
	uint8_t client[16], server[16];	/* network byte order */
	uint16_t client_port, server_port;
	char device[IF_NAMESIZE];	/* the WireGuard device that it runs through, or "" */
	char way[IF_NAMESIZE];		/* the device by which its answers leave, or "" */
};

/**
 * session_find - the SSH connection that this process descends from
 *
 * From SSH_CONNECTION, its own or, since sudo and su take it away, that of a
 * process above it. Return: is there one?
 */
bool session_find(struct session *ret);

/* From the text of SSH_CONNECTION: "CLIENT PORT SERVER PORT". */
bool session_parse(const char *text, struct session *ret);

/* Is / on a disk that is reached over the network? What it is, or NULL. */
const char *session_network_root(void);

#endif
