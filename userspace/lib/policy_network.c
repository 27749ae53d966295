// SPDX-License-Identifier: MIT
/* The section network: from which prefixes enrolled nodes get their addresses. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "policy_claims.h"
#include "policy_read.h"

struct pool_rule {
	const char *key, *example;
	uint8_t family, shortest, longest;
};

/* At least a handful of nodes; and no pool takes a whole family. */
static const struct pool_rule ipv4_rule = { "ipv4", "100.64.0.0/10", AF_INET, 8, 29 };
static const struct pool_rule ipv6_rule = { "ipv6", "fd00:6d65::/64", AF_INET6, 16, 125 };

static int pool_check(struct policy_reader *reader, const struct ml_hujson_value *value,
		      const struct pool_rule *rule, const struct ml_prefix *pool)
{
	if (pool->family != rule->family || pool->length < rule->shortest ||
	    pool->length > rule->longest)
		return policy_fail(reader, value, "%s: expected a prefix of a length from %u to %u, "
				   "as %s, found \"%.64s\"", rule->key, rule->shortest,
				   rule->longest, rule->example, value->string.text);
	if (!ml_policy_address_usable(pool))
		return policy_fail(reader, value, "%s: %.64s is unspecified, loopback, multicast or "
				   "reserved; expected addresses that nodes can have", rule->key,
				   value->string.text);
	return 0;
}

static int pool_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		     const struct pool_rule *rule, struct ml_prefix *ret)
{
	struct ml_prefix pool = { .family = 0 };
	int err = ml_policy_expect(reader, value, ML_HUJSON_STRING, rule->key);

	if (!err)
		err = ml_policy_read_prefix(reader, value->string.text, value, &pool);
	if (!err)
		err = pool_check(reader, value, rule, &pool);
	if (!err)
		*ret = pool;
	return err;
}

int ml_policy_network_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	const struct ml_hujson_value *ipv4 = NULL, *ipv6 = NULL;
	const struct policy_field fields[] = {
		{ "ipv4", POLICY_FIELD_OPTIONAL, &ipv4, NULL },
		{ "ipv6", POLICY_FIELD_OPTIONAL, &ipv6, NULL },
	};
	struct ml_policy_pools *pools = &reader->policy->pools;
	int err = ml_policy_fields(reader, section, "network", fields, 2);

	if (!err && !ipv4 && !ipv6)
		return policy_fail(reader, section, "network: expected \"ipv4\", \"ipv6\" or both: from "
				   "which addresses shall nodes get theirs?");
	if (!err && ipv4)
		err = pool_read(reader, ipv4, &ipv4_rule, &pools->ipv4);
	if (!err && ipv6)
		err = pool_read(reader, ipv6, &ipv6_rule, &pools->ipv6);
	if (!err)
		reader->policy->has_nodes = true;
	return err;
}

const struct ml_policy_pools *ml_policy_pools(const struct ml_policy *policy)
{
	return &policy->pools;
}

bool ml_policy_has_address(const struct ml_policy *policy, const struct ml_prefix *address)
{
	for (size_t i = 0; i < policy->source_node_count; i++)
		for (size_t j = 0; j < policy->nodes[i].address_count; j++)
			if (!ml_prefix_compare(&policy->nodes[i].addresses[j], address))
				return true;
	return false;
}
