// SPDX-License-Identifier: MIT
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ml_device_clean(struct ml_device *device)
{
	size_t i;

	for (i = 0; i < device->peer_count; i++)
		ml_prefixes_clean(&device->peers[i].allowed);
	free(device->peers);
	ml_prefixes_clean(&device->addresses);
	ml_prefixes_clean(&device->routes);
	memset(device, 0, sizeof(*device));
}

bool ml_endpoint_equal(const struct ml_endpoint *a, const struct ml_endpoint *b)
{
	return a->family == b->family && a->port == b->port &&
	       !memcmp(a->address, b->address, sizeof(a->address));
}

int ml_address_compare(const struct ml_prefix *a, const struct ml_prefix *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->address, b->address, sizeof(a->address));
}

static int by_address(const void *a, const void *b)
{
	return ml_address_compare(a, b);
}

static int by_key(const void *a, const void *b)
{
	const struct ml_device_peer *x = a, *y = b;

	return memcmp(x->key, y->key, sizeof(x->key));
}

static int key_of(const void *key, const void *peer)
{
	return memcmp(key, ((const struct ml_device_peer *)peer)->key, 32);
}

const struct ml_device_peer *ml_device_find(const struct ml_device *device,
					    const uint8_t key[static 32])
{
	if (!device->peer_count)
		return NULL;
	return bsearch(key, device->peers, device->peer_count, sizeof(*device->peers), key_of);
}

void ml_device_sort(struct ml_device *device)
{
	size_t i;

	for (i = 0; i < device->peer_count; i++)
		ml_prefixes_normalise(&device->peers[i].allowed);
	if (device->peer_count)
		qsort(device->peers, device->peer_count, sizeof(*device->peers), by_key);
	if (device->addresses.count)
		qsort(device->addresses.items, device->addresses.count,
		      sizeof(*device->addresses.items), by_address);
	ml_prefixes_normalise(&device->routes);
}

static int peer_from(const struct ml_wireguard_peer *from, struct ml_device_peer *peer)
{
	memcpy(peer->key, from->public_key, sizeof(peer->key));
	peer->endpoint.family = from->endpoint_family;
	peer->endpoint.port = from->endpoint_port;
	memcpy(peer->endpoint.address, from->endpoint, sizeof(peer->endpoint.address));
	return ml_prefixes_add_all(&peer->allowed, from->allowed, from->allowed_count);
}

int ml_device_from(const struct ml_wireguard_device *kernel, struct ml_device *ret)
{
	struct ml_device device = { .peers = NULL };
	size_t i;
	int code = 0;

	memcpy(device.name, kernel->name, sizeof(device.name));
	device.has_key = kernel->has_key;
	memcpy(device.key, kernel->public_key, sizeof(device.key));
	device.peers = calloc(kernel->peer_count + 1, sizeof(*device.peers));
	if (!device.peers)
		return -ENOMEM;
	device.peer_count = kernel->peer_count;
	for (i = 0; i < kernel->peer_count && !code; i++)
		code = peer_from(&kernel->peers[i], &device.peers[i]);
	if (code) {
		ml_device_clean(&device);
		return code;
	}
	ml_device_sort(&device);
	*ret = device;
	return 0;
}

/* One search for each length that there can be. */
bool ml_device_contains(const struct ml_device *device, const struct ml_endpoint *endpoint)
{
	unsigned int length = ml_family_bits(endpoint->family);
	struct ml_prefix prefix;

	ml_prefix_host(endpoint->family, endpoint->address, &prefix);
	if (device->addresses.count &&
	    bsearch(&prefix, device->addresses.items, device->addresses.count,
		    sizeof(prefix), ml_prefix_compare_qsort))
		return true;
	for (; length && device->routes.count; length--) {
		prefix.length = (uint8_t)length;
		if (bsearch(&prefix, device->routes.items, device->routes.count,
			    sizeof(prefix), ml_prefix_compare_qsort))
			return true;
		prefix.address[(length - 1) / 8] &= (uint8_t)~(0x80u >> (length - 1) % 8);
	}
	return false;
}
