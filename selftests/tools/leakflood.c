// SPDX-License-Identifier: MIT
/*
 * leakflood NAMESPACE DEVICE ADDRESS4 ADDRESS6 MARKER MARK MAC MS
 *
 * Tries to get UDP with MARKER in it out of NAMESPACE, every MS milliseconds, in
 * each of these ways, with sockets that are new each time: as routing decides, by
 * DEVICE (SO_BINDTODEVICE), with WireGuard's MARK, and as a frame to MAC by
 * AF_PACKET; IPv4 and IPv6. DEVICE may come and go. For every line on standard
 * input: how often it tried, and how often the kernel refused, "TRIED REFUSED".
 */
#include <errno.h>
#include <netinet/ether.h>
#include <poll.h>
#include <time.h>

#include "netns.h"
#include "sender.h"

#define PORT 7777

struct flood {
	const char *device;
	struct craft craft[2];
	const uint8_t *marker;
	size_t length;
	int mark;
	uint8_t mac[6];
	unsigned long tried, refused;
};

enum way { ROUTED, BOUND, MARKED, FRAME, WAYS };

static socklen_t address_of(const struct craft *craft, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = craft->family;
	if (craft->family == AF_INET) {
		v4->sin_port = htons(PORT);
		memcpy(&v4->sin_addr, craft->destination, 4);
		return sizeof(*v4);
	}
	v6->sin6_port = htons(PORT);
	memcpy(&v6->sin6_addr, craft->destination, 16);
	return sizeof(*v6);
}

static bool send_datagram(const struct flood *flood, const struct craft *craft, enum way way)
{
	int fd = socket(craft->family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_storage to;
	socklen_t size = address_of(craft, &to);
	bool sent;

	sender_check(fd >= 0, "socket");
	sent = (way != BOUND || !setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, flood->device,
					    (socklen_t)strlen(flood->device))) &&
	       (way != MARKED || !setsockopt(fd, SOL_SOCKET, SO_MARK, &flood->mark,
					     sizeof(flood->mark))) &&
	       sendto(fd, flood->marker, flood->length, 0, (struct sockaddr *)&to, size) >= 0;
	close(fd);
	return sent;
}

static bool send_frame(const struct flood *flood, const struct craft *craft)
{
	static uint8_t bytes[CRAFT_ROOM];
	struct sender sender = { .ifindex = (int)if_nametoindex(flood->device) };
	bool sent;

	if (!sender.ifindex)
		return false;
	memcpy(sender.to, flood->mac, sizeof(sender.to));
	sender.fd[0] = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	sender_check(sender.fd[0] >= 0, "packet socket");
	sent = sender_send(&sender, craft, bytes, craft_build(craft, bytes)) >= 0;
	close(sender.fd[0]);
	return sent;
}

static void once(struct flood *flood)
{
	int way, i;

	for (way = 0; way < WAYS; way++) {
		for (i = 0; i < 2; i++) {
			const struct craft *craft = &flood->craft[i];
			bool sent = way == FRAME ? send_frame(flood, craft) :
						   send_datagram(flood, craft, (enum way)way);

			flood->tried++;
			flood->refused += !sent;
		}
	}
}

/* A line each time that somebody asks; false: nobody is there any more. */
static bool answer(const struct flood *flood)
{
	char line[16];

	if (!fgets(line, sizeof(line), stdin))
		return false;
	printf("%lu %lu\n", flood->tried, flood->refused);
	fflush(stdout);
	return true;
}

static void make(struct flood *flood, int i, int family, const char *to)
{
	struct craft *craft = &flood->craft[i];

	craft_init(craft);
	craft->family = (uint8_t)family;
	craft->protocol = IPPROTO_UDP;
	craft->source_port = PORT;
	craft->port = PORT;
	craft->data = flood->marker;
	craft->data_length = flood->length;
	sender_check(inet_pton(family, to, craft->destination) == 1, to);
	/* Its own address, as far as the frame says: nobody is to answer. */
	memcpy(craft->source, craft->destination, sizeof(craft->source));
}

int main(int argc, char **argv)
{
	struct pollfd asked = { .fd = STDIN_FILENO, .events = POLLIN };
	struct flood flood = { 0 };
	struct ether_addr *mac;
	int ms;

	if (argc != 9 || !(mac = ether_aton(argv[7]))) {
		fprintf(stderr, "usage: leakflood NAMESPACE DEVICE ADDRESS4 ADDRESS6 MARKER "
				"MARK MAC MS\n");
		return 2;
	}
	netns_enter(argv[1]);
	flood.device = argv[2];
	flood.marker = (const uint8_t *)argv[5];
	flood.length = strlen(argv[5]);
	flood.mark = atoi(argv[6]);
	memcpy(flood.mac, mac, sizeof(flood.mac));
	ms = atoi(argv[8]);
	make(&flood, 0, AF_INET, argv[3]);
	make(&flood, 1, AF_INET6, argv[4]);
	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		once(&flood);
		if (poll(&asked, 1, ms) > 0 && !answer(&flood))
			return 0;
	}
}
