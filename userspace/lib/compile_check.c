/* SPDX-License-Identifier: MIT */
/*
 * Is a ruleset what ruleset.h says it is? The policy front end makes no other;
 * a caller that does hears of it here, not by a wrong verdict.
 */
#include "compile_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "classifier.h"

#define REFUSE(...) ml_error_set(c->error, -EINVAL, __VA_ARGS__)

bool compile_prefix_clean(const struct ml_prefix *prefix)
{
	unsigned int bits = prefix->family == AF_INET ? 32 : 128, i;

	if (prefix->family != AF_INET && prefix->family != AF_INET6)
		return false;
	if (prefix->length > bits)
		return false;
	for (i = prefix->length; i < 128; i++)
		if (prefix->address[i / 8] >> (7 - i % 8) & 1)
			return false;
	return true;
}

static int prefix_compare(const struct ml_prefix *a, const struct ml_prefix *b)
{
	int order;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	order = memcmp(a->address, b->address, sizeof(a->address));
	return order ? order : (int)a->length - (int)b->length;
}

static int check_set(struct compile *c, const struct ml_set *set)
{
	const char *name = set->name ? set->name : "without a name";
	size_t i;

	if (set->any && set->prefix_count)
		return REFUSE("set %s is every address and also lists prefixes", name);
	for (i = 0; i < set->prefix_count; i++) {
		if (!compile_prefix_clean(&set->prefixes[i]))
			return REFUSE("set %s: entry %zu is not a prefix", name, i);
		if (i && prefix_compare(&set->prefixes[i - 1], &set->prefixes[i]) >= 0)
			return REFUSE("set %s: prefixes are not in ascending order", name);
	}
	return 0;
}

static int check_range(struct compile *c, const struct ml_rule *rule,
		       const struct ml_service_range *range)
{
	if (range->protocol < ML_PROTOCOL_ANY || range->protocol > 255)
		return REFUSE("line %u: %d is not a protocol", rule->line, range->protocol);
	if (range->first > range->last)
		return REFUSE("line %u: %u-%u is not a range", rule->line,
			      range->first, range->last);
	if (range->protocol != ML_PROTOCOL_ANY &&
	    range->first > merlon_selector_max((uint8_t)range->protocol))
		return REFUSE("line %u: protocol %d has no port or type %u", rule->line,
			      range->protocol, range->first);
	return 0;
}

static int check_sets(struct compile *c, const struct ml_rule *rule,
		      const uint32_t *sets, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (sets[i] >= c->ruleset->set_count)
			return REFUSE("line %u: set %u does not exist", rule->line, sets[i]);
	return 0;
}

static int check_rule(struct compile *c, size_t i)
{
	const struct ml_rule *rule = &c->ruleset->rules[i];
	size_t j;
	int ret;

	if (!rule->id || (i && rule->id <= rule[-1].id))
		return REFUSE("line %u: rules are not in ascending order of id", rule->line);
	if (rule->action == MERLON_ACTION_UNSPEC || rule->action > MERLON_ACTION_MAX)
		return REFUSE("line %u: %u is not an action", rule->line, rule->action);
	if (!rule->service_count)
		return REFUSE("line %u: the rule names no service", rule->line);
	ret = check_sets(c, rule, rule->sources, rule->source_count);
	if (!ret)
		ret = check_sets(c, rule, rule->destinations, rule->destination_count);
	for (j = 0; !ret && j < rule->service_count; j++)
		ret = check_range(c, rule, &rule->services[j]);
	return ret;
}

static int check_owner(struct compile *c, size_t i)
{
	const struct ml_ruleset *ruleset = c->ruleset;
	const struct ml_owner *owner = &ruleset->owners[i];

	if (!compile_prefix_clean(&owner->prefix))
		return REFUSE("owner %zu: not a prefix", i);
	if (i && prefix_compare(&owner[-1].prefix, &owner->prefix) >= 0)
		return REFUSE("owner %zu: not in ascending order of prefixes", i);
	if (!owner->tunnel || owner->tunnel > ruleset->tunnel_count)
		return REFUSE("owner %zu: tunnel %u does not exist", i, owner->tunnel);
	if (ruleset->tunnels[owner->tunnel - 1].ignored)
		return REFUSE("owner %zu: tunnel %.15s is ignored and owns nothing", i,
			      ruleset->tunnels[owner->tunnel - 1].name);
	return 0;
}

static int check_limits(struct compile *c)
{
	if (c->ruleset->rule_count > MERLON_MAX_RULES)
		return compile_too_many(c, "rules", c->ruleset->rule_count,
					"MERLON_MAX_RULES", MERLON_MAX_RULES,
					"let rules name groups instead of hosts");
	if (c->ruleset->tunnel_count > MERLON_MAX_TUNNELS)
		return compile_too_many(c, "tunnels", c->ruleset->tunnel_count,
					"MERLON_MAX_TUNNELS", MERLON_MAX_TUNNELS,
					"put more peers on one WireGuard device");
	return 0;
}

static int check_tunnels(struct compile *c)
{
	const struct ml_ruleset *ruleset = c->ruleset;
	char name[16];	/* NUL to the end, whatever follows the first */
	size_t i, j;

	for (i = 0; i < ruleset->tunnel_count; i++) {
		strncpy(name, ruleset->tunnels[i].name, sizeof(name));
		if (!merlon_device_name_valid((const u8 *)name))
			return REFUSE("\"%.15s\" is not the name of a device",
				      ruleset->tunnels[i].name);
		for (j = 0; j < i; j++)
			if (!strncmp(ruleset->tunnels[i].name, ruleset->tunnels[j].name, 16))
				return REFUSE("tunnel %s is named twice",
					      ruleset->tunnels[i].name);
	}
	return 0;
}

int compile_check(struct compile *c)
{
	size_t i;
	int ret = check_limits(c);

	if (!ret)
		ret = check_tunnels(c);
	for (i = 0; !ret && i < c->ruleset->set_count; i++)
		ret = check_set(c, &c->ruleset->sets[i]);
	for (i = 0; !ret && i < c->ruleset->rule_count; i++)
		ret = check_rule(c, i);
	for (i = 0; !ret && i < c->ruleset->owner_count; i++)
		ret = check_owner(c, i);
	return ret;
}
