// SPDX-License-Identifier: MIT
/*
 * Addresses for those that join: the next one behind the last that was given out,
 * so that one that became free is not in use again soon.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "prefix.h"
#include "signer.h"

static bool node_keeps(const struct signer_node *node, const struct ml_prefix *address,
		       int64_t now)
{
	if (node->revoked && now >= node->kept_until)
		return false;
	for (size_t i = 0; i < node->address_count; i++)
		if (!ml_prefix_compare(&node->addresses[i], address))
			return true;
	return false;
}

bool allot_is_free(const struct signer *signer, const struct ml_prefix *address, int64_t now)
{
	if (signer->base && ml_policy_has_address(signer->base, address))
		return false;
	for (size_t i = 0; i < signer->node_count; i++)
		if (node_keeps(&signer->nodes[i], address, now))
			return false;
	return true;
}

/* The address behind @address, as a number; at the end of @pool its beginning. */
static void step(const struct ml_prefix *pool, struct ml_prefix *address)
{
	unsigned int bytes = ml_family_bits(pool->family) / 8;
	struct ml_prefix next = *address;

	for (unsigned int i = bytes; i-- > 0;)
		if (++next.address[i])
			break;
	if (!ml_prefix_contains(pool, &next)) {
		next = *pool;
		next.length = (uint8_t)ml_family_bits(pool->family);
	}
	*address = next;
}

/* The first is the network's name, and IPv4's last one was its broadcast: people trip over both. */
static bool is_edge(const struct ml_prefix *pool, const struct ml_prefix *address)
{
	struct ml_prefix next = *address;

	if (!memcmp(address->address, pool->address, sizeof(pool->address)))
		return true;
	step(pool, &next);
	return pool->family == AF_INET &&
	       !memcmp(next.address, pool->address, sizeof(pool->address));
}

/* More than this many in a row that are taken: as good as full, and not worth a wait. */
#define TRIES	(1u << 20)

static int pool_allot(const struct signer *signer, const struct ml_prefix *pool,
		      const struct ml_prefix *last, int64_t now, struct ml_prefix *ret,
		      struct ml_error *error)
{
	struct ml_prefix address = *pool;
	unsigned int bits = ml_family_bits(pool->family) - pool->length;
	uint32_t tries = bits < 20 ? 1u << bits : TRIES;
	char text[ML_PREFIX_TEXT];

	address.length = (uint8_t)ml_family_bits(pool->family);
	if (last->family && ml_prefix_contains(pool, last))
		address = *last;
	while (tries--) {
		step(pool, &address);
		if (is_edge(pool, &address) || !allot_is_free(signer, &address, now))
			continue;
		*ret = address;
		return 0;
	}
	return ml_error_set(error, -ENOSPC, "no address of %s is left: those of revoked nodes are kept "
			    "until no generation that names them is valid; make \"network\" of the policy "
			    "wider", ml_prefix_format(pool, text));
}

int allot(const struct signer *signer, int64_t now, struct ml_prefix ret[static 2],
	  size_t *ret_count, struct ml_error *error)
{
	const struct ml_policy_pools *pools = ml_policy_pools(signer->base);
	size_t count = 0;
	int r = 0;

	if (!pools->ipv4.family && !pools->ipv6.family)
		return ml_error_set(error, -EAGAIN, "the policy has no section \"network\": say there from "
				    "which prefixes nodes get their addresses");
	if (pools->ipv4.family)
		r = pool_allot(signer, &pools->ipv4, &signer->last_ipv4, now, &ret[count++], error);
	if (!r && pools->ipv6.family)
		r = pool_allot(signer, &pools->ipv6, &signer->last_ipv6, now, &ret[count++], error);
	if (!r)
		*ret_count = count;
	return r;
}
