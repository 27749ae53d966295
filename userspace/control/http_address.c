// SPDX-License-Identifier: MIT
#include "http_address.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <sodium.h>

#define CHAINS 4096

struct holder {
	SLIST_ENTRY(holder) next;
	http_prefix prefix;
	unsigned int connections;	/* at least one */
};

/* The key keeps strangers from choosing addresses that fall into one chain. */
struct http_addresses {
	unsigned char key[crypto_shorthash_KEYBYTES];
	SLIST_HEAD(chain, holder) chains[CHAINS];
};

struct http_addresses *http_addresses_new(void)
{
	struct http_addresses *addresses = calloc(1, sizeof(*addresses));

	if (addresses)
		crypto_shorthash_keygen(addresses->key);
	return addresses;
}

void http_addresses_free(struct http_addresses *addresses)
{
	struct holder *holder;
	size_t i;

	for (i = 0; addresses && i < CHAINS; i++) {
		while ((holder = SLIST_FIRST(&addresses->chains[i]))) {
			SLIST_REMOVE_HEAD(&addresses->chains[i], next);
			free(holder);
		}
	}
	free(addresses);
}

/* As if it were of 8000::/32, which nobody has. */
static http_prefix prefix_v4(const void *address)
{
	uint32_t value;

	memcpy(&value, address, sizeof(value));
	return 1ull << 63 | value;
}

http_prefix http_address_read(const struct sockaddr *address, char text[static INET6_ADDRSTRLEN])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	http_prefix prefix;

	if (address->sa_family == AF_INET) {
		inet_ntop(AF_INET, &four->sin_addr, text, INET6_ADDRSTRLEN);
		return prefix_v4(&four->sin_addr);
	}
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
		return prefix_v4(&six->sin6_addr.s6_addr[12]);
	}
	inet_ntop(AF_INET6, &six->sin6_addr, text, INET6_ADDRSTRLEN);
	memcpy(&prefix, &six->sin6_addr, sizeof(prefix));
	return be64toh(prefix);
}

static struct chain *chain_of(struct http_addresses *addresses, http_prefix prefix)
{
	unsigned char bytes[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(bytes, (const unsigned char *)&prefix, sizeof(prefix), addresses->key);
	memcpy(&hash, bytes, sizeof(hash));
	return &addresses->chains[hash % CHAINS];
}

static struct holder *holder_find(struct chain *chain, http_prefix prefix)
{
	struct holder *holder;

	SLIST_FOREACH(holder, chain, next)
		if (holder->prefix == prefix)
			return holder;
	return NULL;
}

bool http_addresses_add(struct http_addresses *addresses, http_prefix prefix,
			unsigned int limit)
{
	struct chain *chain = chain_of(addresses, prefix);
	struct holder *holder = holder_find(chain, prefix);

	if (holder ? holder->connections >= limit : !limit)
		return false;
	if (!holder) {
		holder = calloc(1, sizeof(*holder));
		if (!holder)
			return false;
		holder->prefix = prefix;
		SLIST_INSERT_HEAD(chain, holder, next);
	}
	holder->connections++;
	return true;
}

void http_addresses_remove(struct http_addresses *addresses, http_prefix prefix)
{
	struct chain *chain = chain_of(addresses, prefix);
	struct holder *holder = holder_find(chain, prefix);

	if (!holder || --holder->connections)
		return;
	SLIST_REMOVE(chain, holder, holder, next);
	free(holder);
}
