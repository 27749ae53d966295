// SPDX-License-Identifier: MIT
/*
 * knock COUNT
 *
 * Sends COUNT datagrams of one byte, each from port 40000 to another address and port in
 * 10.128.0.0/9: as many connections, where conntrack runs.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(40000) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), i, count = argc == 2 ? atoi(argv[1]) : -1;

	if (count < 0) {
		fprintf(stderr, "usage: knock COUNT\n");
		return 2;
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror("knock");
		return 1;
	}
	for (i = 0; i < count; i++) {
		address.sin_addr.s_addr = htonl(0x0a800000u + (uint32_t)i % 65536);
		address.sin_port = htons((uint16_t)(5000 + i / 65536));
		if (sendto(fd, "", 1, 0, (struct sockaddr *)&address, sizeof(address)) != 1) {
			perror("knock: sendto");
			return 1;
		}
	}
	return 0;
}
