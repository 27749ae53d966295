// SPDX-License-Identifier: MIT
/*
 * The section tests, and stand-ins: a test speaks of "a device of alice's",
 * also where alice has none yet. Such a device gets addresses that nothing but
 * its own name and "*" can mean, and only tests see it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "policy_read.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct test {
	const struct ml_hujson_value *src, *proto, *accept, *allow, *deny;
	const char *protocol;
	uint32_t source;
};

static bool is_single(const struct policy_name *name)
{
	return name->prefix_count == 1 && ml_prefix_is_host(&name->prefixes[0]);
}

/* Who can send or get a packet: no sets of addresses, of which a test would see one. */
static int endpoint_check(struct policy_reader *reader, const struct ml_hujson_value *value,
			  uint32_t number)
{
	const struct policy_name *name = &reader->policy->names.items[number];

	switch (name->kind) {
	case POLICY_USER:
	case POLICY_GROUP:
	case POLICY_TAG:
	case POLICY_NODE:
	case POLICY_GONE:
		return 0;
	case POLICY_HOST:
	case POLICY_LITERAL:
		if (is_single(name))
			return 0;
		/* fall through */
	default:
		return policy_fail(reader, value, "a test needs a user, group:, tag:, node, or a host or "
				   "address that is a single one, found \"%s\"", name->text);
	}
}

static int endpoint_read(struct policy_reader *reader, const char *text,
			 const struct ml_hujson_value *value, enum policy_side side, uint32_t *ret)
{
	int err = ml_policy_selector_read(reader, text, value, side, ret);

	return err ? err : endpoint_check(reader, value, *ret);
}

/* ICMP has no ports: Tailscale's users write 0, and mean a ping. */
static const char *port_meant(const char *protocol, const char *port)
{
	struct ml_services whole = { 0 };
	char why[ML_SERVICE_WHY];
	uint16_t last = 65535;

	if (strcmp(port, "0") != 0 && strcmp(port, "*") != 0)
		return port;
	if (protocol && !ml_services_parse_ports(&whole, protocol, "*", why))
		last = whole.items[0].last;
	ml_services_clean(&whole);
	return last == 0 ? "*" : last == 255 ? "echo-request" : port;
}

static int probe_services(struct policy_reader *reader, const struct test *test,
			  const struct ml_hujson_value *value, const char *port,
			  struct ml_services *ret)
{
	char why[ML_SERVICE_WHY];
	int err = ml_services_parse_ports(ret, test->protocol, port_meant(test->protocol, port), why);

	if (err == -EINVAL)
		return policy_fail(reader, value, "%s", why);
	if (err)
		return ml_policy_no_memory(reader);
	ml_services_normalise(ret);
	for (size_t i = 0; i < ret->count; i++)
		if (ret->items[i].first != ret->items[i].last)
			return policy_fail(reader, value, "expected one port, found \"%.40s\"", port);
	return 0;
}

static int probe_push(struct policy_reader *reader, const struct policy_probe *probe,
		      const struct ml_hujson_value *value)
{
	struct ml_policy *policy = reader->policy;

	if (policy->probe_count >= POLICY_MAX_TEST_CASES)
		return policy_fail_code(reader, -E2BIG, value, "more than %u cases in tests",
					POLICY_MAX_TEST_CASES);
	if (policy->probe_count == policy->probe_room) {
		size_t room = policy->probe_room ? 2 * policy->probe_room : 16;
		struct policy_probe *probes = reallocarray(policy->probes, room, sizeof(*probes));

		if (!probes)
			return ml_policy_no_memory(reader);
		policy->probes = probes;
		policy->probe_room = room;
	}
	policy->probes[policy->probe_count++] = *probe;
	return 0;
}

static int probe_read(struct policy_reader *reader, const struct test *test,
		      const struct ml_hujson_value *value, bool want_allow)
{
	struct policy_probe probe = {
		.source = test->src->string.text,
		.destination = value->string.text,
		.source_name = test->source,
		.want_allow = want_allow,
		.line = value->line,
		.column = value->column,
	};
	const char *selector, *port;
	int err = ml_policy_selector_split(reader, value, &selector, &port);

	if (!err)
		err = endpoint_read(reader, selector, value, POLICY_DESTINATION,
				    &probe.destination_name);
	if (!err)
		err = probe_services(reader, test, value, port, &probe.services);
	if (!err)
		err = probe_push(reader, &probe, value);
	if (err)
		ml_services_clean(&probe.services);
	return err;
}

static int probes_read(struct policy_reader *reader, const struct test *test,
		       const struct ml_hujson_value *list, const char *what, bool want_allow)
{
	int err = list ? ml_policy_expect_strings(reader, list, what) : 0;

	for (size_t i = 0; list && !err && i < list->array.count; i++)
		err = probe_read(reader, test, &list->array.items[i], want_allow);
	return err;
}

static int test_head_read(struct policy_reader *reader, struct test *test)
{
	int err = ml_policy_expect(reader, test->src, ML_HUJSON_STRING, "src");

	if (!err)
		err = endpoint_read(reader, test->src->string.text, test->src, POLICY_SOURCE,
				    &test->source);
	if (!err && test->proto)
		err = ml_policy_read_protocol(reader, test->proto, &test->protocol);
	return err;
}

static int test_read(struct policy_reader *reader, const struct ml_hujson_value *value)
{
	struct test test = { 0 };
	const struct policy_field fields[] = {
		{ "src", POLICY_FIELD_REQUIRED, &test.src, NULL },
		{ "proto", POLICY_FIELD_OPTIONAL, &test.proto, NULL },
		{ "accept", POLICY_FIELD_OPTIONAL, &test.accept, NULL },
		{ "deny", POLICY_FIELD_OPTIONAL, &test.deny, NULL },
		{ "allow", POLICY_FIELD_OPTIONAL, &test.allow, NULL },	/* accept's old name */
		{ "srcPostureAttrs", POLICY_FIELD_REFUSED, NULL, "there are no device postures" },
	};
	int err = ml_policy_fields(reader, value, "a test", fields, LENGTH(fields));

	if (!err)
		err = test_head_read(reader, &test);
	if (!err && !test.accept && !test.deny && !test.allow)
		return policy_fail(reader, value, "a test: expected \"accept\" or \"deny\"");
	if (!err)
		err = probes_read(reader, &test, test.accept, "accept", true);
	if (!err)
		err = probes_read(reader, &test, test.allow, "allow", true);
	if (!err)
		err = probes_read(reader, &test, test.deny, "deny", false);
	return err;
}

int ml_policy_tests_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	int err = ml_policy_expect(reader, section, ML_HUJSON_ARRAY, "tests");

	for (size_t i = 0; !err && i < section->array.count; i++)
		err = test_read(reader, &section->array.items[i]);
	return err;
}

/* 240.0.0.1 and 100::1 and so on: reserved, and discarded by every router. */
static int stand_in_addresses(struct policy_reader *reader, struct policy_node *node)
{
	uint32_t number = (uint32_t)reader->policy->stand_in_count + 1;
	uint8_t v4[4] = { 240, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };
	uint8_t v6[16] = { 0x01, [13] = v4[1], [14] = v4[2], [15] = v4[3] };

	node->addresses = ml_arena_alloc(&reader->policy->arena, 2 * sizeof(*node->addresses));
	if (!node->addresses || number >= 1u << 24)
		return ml_policy_no_memory(reader);
	ml_prefix_host(AF_INET, v4, &node->addresses[0]);
	ml_prefix_host(AF_INET6, v6, &node->addresses[1]);
	node->address_count = 2;
	return 0;
}

static int stand_in_add(struct policy_reader *reader, uint32_t owner)
{
	struct ml_policy *policy = reader->policy;
	struct policy_name *name = &policy->names.items[owner];
	struct policy_node *node = ml_policy_node_add(reader);
	int err;

	if (!node)
		return -ENOMEM;
	err = stand_in_addresses(reader, node);
	if (err)
		return err;
	node->user = name->kind == POLICY_USER ? owner : POLICY_NONE;
	node->tag_count = name->kind == POLICY_TAG;
	err = ml_policy_link_add(reader, &name->members,
				 (uint32_t)(policy->node_count + policy->stand_in_count));
	policy->stand_in_count++;
	return err;
}

static int endpoint_stand_ins(struct policy_reader *reader, uint32_t number)
{
	const struct policy_name *name = &reader->policy->names.items[number];
	int err = 0;

	if ((name->kind == POLICY_USER || name->kind == POLICY_TAG ||
	     name->kind == POLICY_GONE) && !name->members)
		return stand_in_add(reader, number);
	if (name->kind != POLICY_GROUP)
		return 0;
	for (const struct policy_link *user = name->members; !err && user; user = user->next)
		err = endpoint_stand_ins(reader, user->index);
	return err;
}

int ml_policy_stand_ins_add(struct policy_reader *reader)
{
	int err = 0;

	for (size_t i = 0; !err && i < reader->policy->probe_count; i++) {
		err = endpoint_stand_ins(reader, reader->policy->probes[i].source_name);
		if (!err)
			err = endpoint_stand_ins(reader, reader->policy->probes[i].destination_name);
	}
	return err;
}
