/* SPDX-License-Identifier: MIT */
/* Sending bytes as they are: past netfilter, or through all of it. */
#ifndef SENDER_H
#define SENDER_H

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "craft.h"

/* What the C library has no name for. */
#define SENDER_IP_NODEFRAG	22	/* fragments go out as they are */
#define SENDER_IPV6_HDRINCL	36

/**
 * struct sender - out of one device of one namespace
 * @raw: by raw IP sockets, not by a packet socket
 * @fd: of IPv4 (or both), and IPv6
 * @to: where a packet socket sends frames; broadcast where nothing else is set
 */
struct sender {
	bool raw;
	int ifindex;
	int fd[2];
	uint8_t to[6];
};

static inline void sender_check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static inline int sender_open_raw(int family, const char *device)
{
	int fd = socket(family, SOCK_RAW, IPPROTO_RAW), one = 1;
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	int option = family == AF_INET ? SENDER_IP_NODEFRAG : SENDER_IPV6_HDRINCL;

	sender_check(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
					    (socklen_t)strlen(device)) &&
		     !setsockopt(fd, level, option, &one, sizeof(one)), "raw socket");
	return fd;
}

static inline void sender_open(struct sender *sender, bool raw, const char *device)
{
	sender->raw = raw;
	memset(sender->to, 255, sizeof(sender->to));
	sender->ifindex = (int)if_nametoindex(device);
	sender_check(sender->ifindex, device);
	if (raw) {
		sender->fd[0] = sender_open_raw(AF_INET, device);
		sender->fd[1] = sender_open_raw(AF_INET6, device);
		return;
	}
	sender->fd[0] = socket(AF_PACKET, SOCK_DGRAM, 0);
	sender_check(sender->fd[0] >= 0, "packet socket");
}

static inline ssize_t sender_send_raw(const struct sender *sender, const struct craft *craft,
				      const uint8_t *bytes, size_t length)
{
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };

	memcpy(&to4.sin_addr, craft->destination, 4);
	memcpy(&to6.sin6_addr, craft->destination, 16);
	if (craft->family == AF_INET)
		return sendto(sender->fd[0], bytes, length, 0, (struct sockaddr *)&to4,
			      sizeof(to4));
	return sendto(sender->fd[1], bytes, length, 0, (struct sockaddr *)&to6, sizeof(to6));
}

static inline ssize_t sender_send(const struct sender *sender, const struct craft *craft,
				  const uint8_t *bytes, size_t length)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(craft->family == AF_INET ? ETH_P_IP : ETH_P_IPV6),
		.sll_ifindex = sender->ifindex,
		.sll_halen = sizeof(sender->to),
	};

	memcpy(to.sll_addr, sender->to, sizeof(sender->to));
	if (sender->raw)
		return sender_send_raw(sender, craft, bytes, length);
	return sendto(sender->fd[0], bytes, length, 0, (struct sockaddr *)&to, sizeof(to));
}

#endif
