// SPDX-License-Identifier: MIT
/*
 * dns.guard: lookups go to the nameservers that the policy names, and nowhere
 * else. A deny wins over every allow, so what is let through is cut out of the
 * denies; and what has a device is denied by all others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "policy_guard_build.h"
#include "policy_text.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* DNS, DNS over TLS and over QUIC, mDNS, LLMNR, NetBIOS names. */
static const char *const dns[] = {
	"tcp:53", "udp:53", "udp:137", "tcp:853", "udp:853", "udp:5353", "tcp:5355", "udp:5355",
};
static const char *const https[] = { "tcp:443", "udp:443" };
/* What a nameserver is asked by. */
static const char *const lookup[] = { "tcp:53", "udp:53", "tcp:853", "udp:853" };

/* Nameservers that have the same devices. */
struct group {
	const char **devices;	/* ascending */
	size_t device_count;
	struct ml_ranges addresses;
};

struct dns_build {
	struct guard_build *build;
	struct ml_ranges servers;	/* all of them */
	struct group *groups;
	size_t group_count;
	uint8_t deny;			/* enum merlon_action */
};

/* ------------------------------------------------------------------ groups */

static bool same_address(const struct policy_nameserver *a, const struct policy_nameserver *b)
{
	return !ml_prefix_compare(&a->address, &b->address);
}

static int text_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All that its address is named with. Return: how many; 0: it goes by any, or stood before. */
static size_t devices_find(const struct policy_dns *from, size_t index, const char **ret)
{
	const struct policy_nameserver *server = &from->servers[index];
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < from->server_count; i++) {
		if (!same_address(&from->servers[i], server))
			continue;
		if (!from->servers[i].device || i < index)
			return 0;
		ret[count++] = from->servers[i].device;
	}
	qsort(ret, count, sizeof(*ret), text_compare);
	for (size_t i = 0; i < count; i++)
		if (!kept || strcmp(ret[kept - 1], ret[i]) != 0)
			ret[kept++] = ret[i];
	return kept;
}

static struct group *group_find(struct dns_build *b, const char **devices, size_t count)
{
	struct group *group;
	size_t i, j;

	for (i = 0; i < b->group_count; i++) {
		group = &b->groups[i];
		for (j = 0; j < count && group->device_count == count; j++)
			if (strcmp(group->devices[j], devices[j]) != 0)
				break;
		if (group->device_count == count && j == count)
			return group;
	}
	group = &b->groups[b->group_count];
	group->devices = ml_arena_copy(&b->build->arena, devices, count * sizeof(*devices));
	group->device_count = count;
	b->group_count += !!group->devices;
	return group->devices ? group : NULL;
}

static int server_take(struct dns_build *b, size_t index, const char **devices)
{
	const struct policy_dns *from = &b->build->policy->dns;
	struct ml_range range = ml_range_of(&from->servers[index].address);
	struct group *group;
	size_t count;

	if (ml_ranges_add(&b->servers, range))
		return -ENOMEM;
	count = devices_find(from, index, devices);
	if (!count)
		return 0;
	group = group_find(b, devices, count);
	return group ? ml_ranges_add(&group->addresses, range) : -ENOMEM;
}

static int servers_take(struct dns_build *b)
{
	size_t count = b->build->policy->dns.server_count;
	const char **devices = calloc(count + 1, sizeof(*devices));
	int err = 0;

	b->groups = calloc(count + 1, sizeof(*b->groups));
	if (!devices || !b->groups)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < count; i++)
		err = server_take(b, i, devices);
	ml_ranges_normalise(&b->servers);
	for (size_t i = 0; i < b->group_count; i++)
		ml_ranges_normalise(&b->groups[i].addresses);
	free(devices);
	return err;
}

/* ------------------------------------------------------------------- rules */

static int services_make(const char *const *texts, size_t count, struct ml_services *ret)
{
	char why[ML_SERVICE_WHY];

	for (size_t i = 0; i < count; i++)
		if (ml_services_parse(ret, texts[i], ML_SERVICE_STAR_USUAL, why))
			return -ENOMEM;
	ml_services_normalise(ret);
	return 0;
}

/* A rule for the addresses @to, if there are any. */
static int rule_add(struct dns_build *b, uint8_t action, const struct policy_when *when,
		    const char *name, const struct ml_ranges *to,
		    const char *const *texts, size_t count)
{
	struct ml_services services = { 0 };
	struct ml_prefixes prefixes = { 0 };
	uint32_t set;
	int err = services_make(texts, count, &services);
	struct guard_draft draft = {
		.action = action,
		.when = *when,
		.destinations = &set,
		.destination_count = 1,
		.services = services.items,
		.service_count = services.count,
		.line = b->build->policy->dns.line,
	};

	if (!err)
		err = ml_ranges_prefixes(to, &prefixes);
	if (!err && prefixes.count) {
		err = ml_guard_set(b->build, name, &prefixes, &set);
		if (!err)
			err = ml_guard_draft(b->build, &draft);
	} else {
		ml_prefixes_clean(&prefixes);
	}
	ml_services_clean(&services);
	return err;
}

static int text_add(struct ml_ranges *list, const char *text)
{
	struct ml_prefix prefix;

	return ml_prefix_parse(text, &prefix) ? -EINVAL : ml_ranges_add(list, ml_range_of(&prefix));
}

static int copy(const struct ml_ranges *from, struct ml_ranges *ret)
{
	for (size_t i = 0; i < from->count; i++)
		if (ml_ranges_add(ret, from->items[i]))
			return -ENOMEM;
	return 0;
}

/* Loopback is cut out, too: what goes there is no lookup that leaves. */
static int deny_others(struct dns_build *b)
{
	const struct policy_when always = { .from = POLICY_FROM_HERE };
	struct ml_ranges left = { 0 }, holes = { 0 };
	int err = copy(&b->servers, &holes);

	if (!err)
		err = text_add(&holes, "127.0.0.0/8");
	if (!err)
		err = text_add(&holes, "::1");
	ml_ranges_normalise(&holes);
	if (!err)
		err = text_add(&left, "0.0.0.0/0");
	if (!err)
		err = text_add(&left, "::/0");
	if (!err)
		err = ml_ranges_subtract(&left, &holes);
	if (!err)
		err = rule_add(b, b->deny, &always, "all but dns.nameservers", &left, dns,
			       LENGTH(dns));
	ml_ranges_clean(&left);
	ml_ranges_clean(&holes);
	return err;
}

static int deny_https(struct dns_build *b)
{
	const struct policy_when always = { .from = POLICY_FROM_HERE };
	struct ml_ranges left = { 0 };
	int err = copy(&b->build->policy->dns.resolvers, &left);

	if (!err)
		err = ml_ranges_subtract(&left, &b->servers);
	if (!err)
		err = rule_add(b, b->deny, &always, "dns.doh but dns.nameservers", &left, https,
			       LENGTH(https));
	ml_ranges_clean(&left);
	return err;
}

/* Those of @group that speak HTTPS, too. */
static int group_https(const struct dns_build *b, const struct group *group,
		       struct ml_ranges *ret)
{
	struct ml_ranges others = { 0 };
	int err = copy(&group->addresses, &others);

	if (!err)
		err = copy(&group->addresses, ret);
	if (!err)
		err = ml_ranges_subtract(&others, &b->build->policy->dns.resolvers);
	if (!err)
		err = ml_ranges_subtract(ret, &others);
	ml_ranges_clean(&others);
	return err;
}

static int group_deny(struct dns_build *b, const struct group *group, const char *name)
{
	const struct policy_when others = {
		.from = POLICY_FROM_HERE, .other_devices = true,
		.devices = group->devices, .device_count = group->device_count,
	};
	struct ml_ranges secure = { 0 };
	struct ml_text text = { 0 };
	int err = rule_add(b, b->deny, &others, name, &group->addresses, dns, LENGTH(dns));

	ml_text_format(&text, "dns.doh of %s", name);
	if (!err)
		err = text.failed ? -ENOMEM : group_https(b, group, &secure);
	if (!err)
		err = rule_add(b, b->deny, &others, text.data, &secure, https, LENGTH(https));
	ml_ranges_clean(&secure);
	ml_text_clean(&text);
	return err;
}

/* By a device that is not the tunnel nothing leaves that is not allowed to. */
static int group_allow(struct dns_build *b, const struct group *group, const char *name)
{
	const char *tunnel = b->build->node ? b->build->node->tunnel : "wg0";
	struct policy_when when = { .from = POLICY_FROM_HERE };

	if (!ml_policy_guard_everything(&b->build->guard))
		return 0;
	when.devices = ml_arena_alloc(&b->build->arena,
				      group->device_count * sizeof(*when.devices));
	if (!when.devices)
		return -ENOMEM;
	for (size_t i = 0; i < group->device_count; i++)
		if (strcmp(group->devices[i], tunnel) != 0)
			when.devices[when.device_count++] = group->devices[i];
	if (!when.device_count)
		return 0;
	return rule_add(b, MERLON_ACTION_ALLOW, &when, name, &group->addresses, lookup,
			LENGTH(lookup));
}

static int group_rules(struct dns_build *b, const struct group *group)
{
	struct ml_text name = { 0 };
	int err;

	ml_text_add(&name, "dns.nameservers by");
	for (size_t i = 0; i < group->device_count; i++)
		ml_text_format(&name, " %s", group->devices[i]);
	err = name.failed ? -ENOMEM : group_deny(b, group, name.data);
	if (!err)
		err = group_allow(b, group, name.data);
	ml_text_clean(&name);
	return err;
}

int ml_guard_dns(struct guard_build *build)
{
	struct dns_build b = { .build = build };
	int err;

	b.deny = ml_policy_guard_rejects(&build->guard) ? MERLON_ACTION_REJECT : MERLON_ACTION_DROP;
	err = servers_take(&b);
	if (!err)
		err = deny_others(&b);
	if (!err)
		err = deny_https(&b);
	for (size_t i = 0; !err && i < b.group_count; i++)
		err = group_rules(&b, &b.groups[i]);
	for (size_t i = 0; i < b.group_count; i++)
		ml_ranges_clean(&b.groups[i].addresses);
	free(b.groups);
	ml_ranges_clean(&b.servers);
	return err;
}
