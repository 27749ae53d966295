/* SPDX-License-Identifier: MIT */
/*
 * What a WireGuard device has: who its peers are, which addresses are whose, its
 * own addresses, and the routes by it. As a bundle wants it (desired.h) and as
 * the kernel has it (ml_device_from()), so that they can be compared
 * (changeover.h).
 */
#ifndef ML_DEVICE_H
#define ML_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prefix.h"
#include "wireguard.h"

struct ml_endpoint {
	uint8_t family;		/* AF_INET, AF_INET6, or 0: none */
	uint8_t address[16];	/* network byte order; IPv4 in the first four */
	uint16_t port;		/* host byte order */
};

struct ml_device_peer {
	uint8_t key[32];		/* public */
	struct ml_endpoint endpoint;
	struct ml_prefixes allowed;	/* ascending, no duplicates */
};

struct ml_device {
	char name[16];
	bool has_key;			/* the next is known */
	uint8_t key[32];		/* its own, public */
	struct ml_device_peer *peers;	/* ascending by key, no duplicates */
	size_t peer_count;
	/* As in "ip address add": host bits are the address, the length is the net's. */
	struct ml_prefixes addresses;	/* ascending by (family, address) */
	struct ml_prefixes routes;	/* ascending; length 0: the default route */
};

void ml_device_clean(struct ml_device *device);
bool ml_endpoint_equal(const struct ml_endpoint *a, const struct ml_endpoint *b);

/* NULL: there is none with this key. */
const struct ml_device_peer *ml_device_find(const struct ml_device *device,
					    const uint8_t key[static 32]);
/* Is it reached by the tunnel itself: one of its addresses, or behind a route but the default? */
bool ml_device_contains(const struct ml_device *device, const struct ml_endpoint *endpoint);
/* Puts peers and lists into their order. */
void ml_device_sort(struct ml_device *device);

/* By (family, address): addresses with other lengths are the same address. */
int ml_address_compare(const struct ml_prefix *a, const struct ml_prefix *b);

/* Peers, key and name as the kernel told them, without addresses and routes. -ENOMEM. */
int ml_device_from(const struct ml_wireguard_device *kernel, struct ml_device *ret);

#endif
