// SPDX-License-Identifier: MIT
/* The section dns: who resolves names, by which device, and what else is DNS. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "doh_resolvers.h"
#include "policy_read.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int address_read(struct policy_reader *reader, const struct ml_hujson_value *value,
			struct ml_prefix *ret)
{
	int err = ml_policy_read_prefix(reader, value->string.text, value, ret);

	if (!err && strchr(value->string.text, '/'))
		return policy_fail(reader, value, "nameservers: expected an address, found \"%s\"",
				   value->string.text);
	return err;
}

static int server_object_read(struct policy_reader *reader, const struct ml_hujson_value *value,
			      struct policy_nameserver *ret)
{
	const struct ml_hujson_value *address = NULL, *device = NULL;
	const struct policy_field fields[] = {
		{ "address", POLICY_FIELD_REQUIRED, &address, NULL },
		{ "device", POLICY_FIELD_REQUIRED, &device, NULL },
	};
	int err = ml_policy_fields(reader, value, "a nameserver", fields, LENGTH(fields));

	if (!err)
		err = ml_policy_expect(reader, address, ML_HUJSON_STRING, "address");
	if (!err)
		err = address_read(reader, address, &ret->address);
	return err ? err : ml_policy_read_device(reader, device, "device", &ret->device);
}

static int server_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		       struct policy_nameserver *ret)
{
	if (value->type == ML_HUJSON_STRING)
		return address_read(reader, value, &ret->address);
	if (value->type == ML_HUJSON_OBJECT)
		return server_object_read(reader, value, ret);
	return policy_fail(reader, value, "nameservers: expected an address, or an object with \"address\" "
			   "and \"device\", found %s", ml_hujson_type_name(value));
}

/* Counted in pairs: who writes that many has a program do it. */
static int devices_check(struct policy_reader *reader, const struct ml_hujson_value *list)
{
	const struct policy_dns *dns = &reader->policy->dns;
	const char *seen[MERLON_MAX_CONDITIONS];
	size_t count = 0, j;

	for (size_t i = 0; i < dns->server_count; i++) {
		const char *device = dns->servers[i].device;

		for (j = 0; device && j < count && strcmp(seen[j], device) != 0;)
			j++;
		if (!device || j < count)
			continue;
		if (count == LENGTH(seen))
			return policy_fail_code(reader, -E2BIG, &list->array.items[i],
						"nameservers: more than %u devices are named",
						MERLON_MAX_CONDITIONS);
		seen[count++] = device;
	}
	return 0;
}

static int servers_read(struct policy_reader *reader, const struct ml_hujson_value *list)
{
	struct policy_dns *dns = &reader->policy->dns;
	int err = ml_policy_expect(reader, list, ML_HUJSON_ARRAY, "nameservers");

	if (err)
		return err;
	dns->nameservers = list;
	dns->servers = ml_arena_alloc(&reader->policy->arena,
				      list->array.count * sizeof(*dns->servers));
	if (!dns->servers)
		return ml_policy_no_memory(reader);
	for (; !err && dns->server_count < list->array.count; dns->server_count++)
		err = server_read(reader, &list->array.items[dns->server_count],
				  &dns->servers[dns->server_count]);
	return err ? err : devices_check(reader, list);
}

/* ----------------------------------------------------------- DNS over HTTPS */

static int default_add(struct policy_reader *reader)
{
	struct ml_prefix prefix;

	for (size_t i = 0; i < LENGTH(doh_resolvers); i++)
		if (ml_prefix_parse(doh_resolvers[i], &prefix) ||
		    ml_ranges_add(&reader->policy->dns.resolvers, ml_range_of(&prefix)))
			return ml_policy_no_memory(reader);
	return 0;
}

static int resolver_add(struct policy_reader *reader, const struct ml_hujson_value *value)
{
	const char *text = value->string.text;
	struct policy_guess guess = { .wanted = text };
	char did_you_mean[POLICY_MAX_NAME + 32];
	struct ml_prefix prefix;
	int err;

	if (!strcmp(text, "default"))
		return default_add(reader);
	ml_policy_guess_offer(&guess, "default");
	if (!ml_policy_reads_as_address(text))
		return policy_fail(reader, value, "doh: expected \"default\", an address or a prefix, "
				   "found \"%.64s\"%s", text,
				   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
	err = ml_policy_read_prefix(reader, text, value, &prefix);
	if (!err && ml_ranges_add(&reader->policy->dns.resolvers, ml_range_of(&prefix)))
		return ml_policy_no_memory(reader);
	return err;
}

/* Left out, it is the default. */
static int doh_read(struct policy_reader *reader, const struct ml_hujson_value *list)
{
	struct policy_dns *dns = &reader->policy->dns;
	int err;

	dns->doh = list;
	if (list) {
		err = ml_policy_expect_strings(reader, list, "doh");
		for (size_t i = 0; !err && i < list->array.count; i++)
			err = resolver_add(reader, &list->array.items[i]);
	} else {
		err = default_add(reader);
	}
	ml_ranges_normalise(&dns->resolvers);
	return err;
}

int ml_policy_dns_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	struct policy_dns *out = &reader->policy->dns;
	const struct ml_hujson_value *nameservers = NULL, *search = NULL, *guard = NULL, *doh = NULL;
	const struct policy_field fields[] = {
		{ "nameservers", POLICY_FIELD_OPTIONAL, &nameservers, NULL },
		{ "search", POLICY_FIELD_OPTIONAL, &search, NULL },
		{ "guard", POLICY_FIELD_OPTIONAL, &guard, NULL },
		{ "doh", POLICY_FIELD_OPTIONAL, &doh, NULL },
	};
	int err = ml_policy_fields(reader, section, "dns", fields, LENGTH(fields));

	if (!err && nameservers)
		err = servers_read(reader, nameservers);
	if (!err && search)
		err = ml_policy_read_strings(reader, search, "search", &out->search,
					     &out->search_count);
	if (!err && guard)
		err = ml_policy_read_bool(reader, guard, "guard", &out->guard);
	if (!err)
		err = doh_read(reader, doh);
	out->line = guard ? guard->line : 0;
	out->present = true;
	return err;
}

bool ml_policy_dns_is_resolver(const struct ml_policy *policy, const struct policy_node *node)
{
	for (size_t i = 0; node && i < policy->dns.server_count; i++)
		for (size_t j = 0; j < node->address_count; j++)
			if (!ml_prefix_compare(&policy->dns.servers[i].address, &node->addresses[j]))
				return true;
	return false;
}
