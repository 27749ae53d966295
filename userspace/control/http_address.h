/* SPDX-License-Identifier: MIT */
/* How many connections an address has: one IPv4 address, or one IPv6 /64. */
#ifndef MERLON_CONTROL_HTTP_ADDRESS_H
#define MERLON_CONTROL_HTTP_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_addresses;

/* The first half of an IPv6 address, or all of an IPv4 address, as a number. */
typedef uint64_t http_prefix;

struct http_addresses *http_addresses_new(void);
void http_addresses_free(struct http_addresses *addresses);

/* Text and prefix; an IPv4-mapped IPv6 address is the IPv4 address. */
http_prefix http_address_read(const struct sockaddr *address, char text[static INET6_ADDRSTRLEN]);

/* False: @limit connections are there already, or no memory. */
bool http_addresses_add(struct http_addresses *addresses, http_prefix prefix,
			unsigned int limit);
void http_addresses_remove(struct http_addresses *addresses, http_prefix prefix);

#endif
