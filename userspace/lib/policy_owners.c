// SPDX-License-Identifier: MIT
/*
 * Owners: addresses whose packets only a node's tunnel may deliver. They are
 * the addresses and routes of all other nodes. The longest prefix counts, as
 * in a routing table: what the node itself has is left out of a wider route of
 * another one, and a narrower route of another one inside its own stays. A
 * default route owns nothing, or an exit would own the internet. And what is
 * public and nobody's is the internet.
 */
#include <errno.h>
#include <string.h>

#include "policy_read.h"

static int node_prefixes(const struct policy_node *node, struct ml_prefixes *ret)
{
	if (ml_prefixes_add_all(ret, node->addresses, node->address_count))
		return -ENOMEM;
	for (size_t i = 0; i < node->route_count; i++)
		if (node->routes[i].length && ml_prefixes_add(ret, &node->routes[i]))
			return -ENOMEM;
	return 0;
}

/* First of @own (sorted) that is not before @prefix. */
static size_t lower_bound(const struct ml_prefixes *own, const struct ml_prefix *prefix)
{
	size_t low = 0, high = own->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ml_prefix_compare(&own->items[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* @prefix without those of @own that lie in it, from @at on. */
static int prefix_without(const struct ml_prefix *prefix, const struct ml_prefixes *own, size_t at,
			  struct ml_prefixes *ret)
{
	struct ml_ranges left = { 0 }, holes = { 0 };
	int err = ml_ranges_add(&left, ml_range_of(prefix));

	for (; !err && at < own->count && ml_prefix_contains(prefix, &own->items[at]); at++)
		err = ml_ranges_add(&holes, ml_range_of(&own->items[at]));
	ml_ranges_normalise(&holes);
	if (!err)
		err = ml_ranges_subtract(&left, &holes);
	if (!err)
		err = ml_ranges_prefixes(&left, ret);
	ml_ranges_clean(&left);
	ml_ranges_clean(&holes);
	return err;
}

static int owner_add(const struct ml_prefix *prefix, const struct ml_prefixes *own,
		     struct ml_prefixes *ret)
{
	size_t at = lower_bound(own, prefix);

	if (at < own->count && ml_prefix_contains(prefix, &own->items[at]))
		return prefix_without(prefix, own, at, ret);
	return ml_prefixes_add(ret, prefix);
}

int ml_policy_owners(const struct policy_node *node, const struct policy_others *known,
		     const struct ml_policy_pools *pools, struct ml_prefixes *ret)
{
	struct ml_prefixes own = { 0 }, others = { 0 };
	int err = node_prefixes(node, &own);

	for (size_t i = 0; !err && i < known->count; i++)
		err = node_prefixes(known->items[i], &others);
	if (!err && pools->ipv4.family)
		err = ml_prefixes_add(&others, &pools->ipv4);
	if (!err && pools->ipv6.family)
		err = ml_prefixes_add(&others, &pools->ipv6);
	ml_prefixes_normalise(&own);
	for (size_t i = 0; !err && i < others.count; i++)
		err = owner_add(&others.items[i], &own, ret);
	ml_prefixes_normalise(ret);
	ml_prefixes_clean(&own);
	ml_prefixes_clean(&others);
	return err;
}

/* Or whoever may go out through an exit may go to a node, too, that nobody granted. */
int ml_policy_internet_resolve(struct policy_reader *reader)
{
	struct ml_policy *policy = reader->policy;
	struct ml_prefixes taken = { 0 };
	struct ml_ranges holes = { 0 };
	int err = ml_ranges_internet(&policy->internet);

	for (size_t i = 0; !err && i < policy->node_count; i++)
		err = node_prefixes(&policy->nodes[i], &taken);
	for (size_t i = 0; !err && i < taken.count; i++)
		err = ml_ranges_add(&holes, ml_range_of(&taken.items[i]));
	ml_ranges_normalise(&holes);
	if (!err)
		err = ml_ranges_subtract(&policy->internet, &holes);
	ml_prefixes_clean(&taken);
	ml_ranges_clean(&holes);
	return err ? ml_policy_no_memory(reader) : 0;
}
