// SPDX-License-Identifier: MIT
/* The sections grants, acls and deny. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "policy_read.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int selectors_read(struct policy_reader *reader, const struct ml_hujson_value *list,
			  const char *what, enum policy_side side, uint32_t **ret, size_t *ret_count)
{
	uint32_t *names;
	int err = ml_policy_expect_strings(reader, list, what);

	if (err)
		return err;
	if (!list->array.count)
		return policy_fail(reader, list, "%s: expected at least one selector", what);
	names = ml_arena_alloc(&reader->policy->arena, list->array.count * sizeof(*names));
	if (!names)
		return ml_policy_no_memory(reader);
	for (size_t i = 0; !err && i < list->array.count; i++)
		err = ml_policy_selector_read(reader, list->array.items[i].string.text,
					      &list->array.items[i], side, &names[i]);
	*ret = names;
	*ret_count = list->array.count;
	return err;
}

int ml_policy_services_read(struct policy_reader *reader, const struct ml_hujson_value *list,
			    enum ml_service_star star, struct ml_services *ret)
{
	char why[ML_SERVICE_WHY];
	int err = ml_policy_expect_strings(reader, list, "ip");

	if (!err && !list->array.count)
		return policy_fail(reader, list, "ip: expected at least one service, or \"*\"");
	for (size_t i = 0; !err && i < list->array.count; i++) {
		err = ml_services_parse(ret, list->array.items[i].string.text, star, why);
		if (err == -EINVAL)
			return policy_fail(reader, &list->array.items[i], "ip: %s", why);
	}
	return err ? err : 0;
}

struct grant_fields {
	const struct ml_hujson_value *src, *dst, *ip, *action;
};

/* What grants and deny rules have in common. */
static int terms_read(struct policy_reader *reader, const struct grant_fields *fields,
		      enum ml_service_star star, struct policy_terms *terms)
{
	char why[ML_SERVICE_WHY];
	int err;

	err = selectors_read(reader, fields->src, "src", POLICY_SOURCE, &terms->sources,
			     &terms->source_count);
	if (!err)
		err = selectors_read(reader, fields->dst, "dst", POLICY_DESTINATION,
				     &terms->destinations, &terms->destination_count);
	if (err)
		return err;
	err = fields->ip ? ml_policy_services_read(reader, fields->ip, star, &terms->services) :
			   ml_services_parse(&terms->services, "*", star, why);
	return err == -ENOMEM ? ml_policy_no_memory(reader) : err;
}

static int grant_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		      const char *what, struct policy_rules *into)
{
	struct grant_fields f = { 0 };
	const struct policy_field fields[] = {
		{ "src", POLICY_FIELD_REQUIRED, &f.src, NULL },
		{ "dst", POLICY_FIELD_REQUIRED, &f.dst, NULL },
		{ "ip", POLICY_FIELD_REQUIRED, &f.ip, NULL },
		{ "app", POLICY_FIELD_REFUSED, NULL, "it grants no application capabilities" },
		{ "via", POLICY_FIELD_REFUSED_UNLESS_EMPTY, NULL, "routes are named in nodes" },
		{ "srcPosture", POLICY_FIELD_REFUSED_UNLESS_EMPTY, NULL,
		  "there are no device postures" },
	};
	struct policy_terms terms = { .action = MERLON_ACTION_ALLOW, .place = value };
	int err = ml_policy_fields(reader, value, what, fields, LENGTH(fields));

	if (!err)
		err = terms_read(reader, &f, ML_SERVICE_STAR_USUAL, &terms);
	if (!err)
		err = ml_policy_rules_add(reader, into, &terms);
	ml_services_clean(&terms.services);
	return err;
}

int ml_policy_grants_read(struct policy_reader *reader, const struct ml_hujson_value *section,
			  const char *what, struct policy_rules *into)
{
	int err = ml_policy_expect(reader, section, ML_HUJSON_ARRAY, what);

	for (size_t i = 0; !err && i < section->array.count; i++)
		err = grant_read(reader, &section->array.items[i], "a grant", into);
	return err;
}

static int deny_read(struct policy_reader *reader, const struct ml_hujson_value *value)
{
	static const char *const actions[] = { "drop", "reject" };
	struct grant_fields f = { 0 };
	const struct policy_field fields[] = {
		{ "src", POLICY_FIELD_REQUIRED, &f.src, NULL },
		{ "dst", POLICY_FIELD_REQUIRED, &f.dst, NULL },
		{ "ip", POLICY_FIELD_OPTIONAL, &f.ip, NULL },
		{ "action", POLICY_FIELD_OPTIONAL, &f.action, NULL },
	};
	struct policy_terms terms = { .place = value };
	size_t action = 0;
	int err = ml_policy_fields(reader, value, "a deny rule", fields, LENGTH(fields));

	if (!err && f.action)
		err = ml_policy_read_word(reader, f.action, "action", actions, LENGTH(actions), &action);
	terms.action = action ? MERLON_ACTION_REJECT : MERLON_ACTION_DROP;
	if (!err)
		err = terms_read(reader, &f, ML_SERVICE_STAR_EVERY, &terms);
	if (!err)
		err = ml_policy_rules_add(reader, &reader->policy->rules, &terms);
	ml_services_clean(&terms.services);
	return err;
}

int ml_policy_deny_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	int err = ml_policy_expect(reader, section, ML_HUJSON_ARRAY, "deny");

	for (size_t i = 0; !err && i < section->array.count; i++)
		err = deny_read(reader, &section->array.items[i]);
	return err;
}

/* A destination of an ACL, with the ports that are its own. */
struct target {
	uint32_t name;
	struct ml_services services;
};

struct acl {
	const struct ml_hujson_value *action, *src, *users, *dst, *ports, *proto;
	const char *protocol;
	uint32_t *sources;
	size_t source_count;
	struct target *targets;
	size_t target_count;
};

static int target_read(struct policy_reader *reader, const struct acl *acl,
		       const struct ml_hujson_value *value, struct target *ret)
{
	const char *selector, *ports;
	char why[ML_SERVICE_WHY];
	int err = ml_policy_selector_split(reader, value, &selector, &ports);

	if (!err)
		err = ml_policy_selector_read(reader, selector, value, POLICY_DESTINATION, &ret->name);
	if (err)
		return err;
	err = ml_services_parse_ports(&ret->services, acl->protocol, ports, why);
	if (err == -EINVAL)
		return policy_fail(reader, value, "dst: %s", why);
	if (err)
		return ml_policy_no_memory(reader);
	ml_services_normalise(&ret->services);
	return 0;
}

static int targets_read(struct policy_reader *reader, struct acl *acl)
{
	int err = ml_policy_expect_strings(reader, acl->dst, "dst");

	if (err)
		return err;
	if (!acl->dst->array.count)
		return policy_fail(reader, acl->dst, "dst: expected at least one destination");
	acl->targets = calloc(acl->dst->array.count, sizeof(*acl->targets));
	if (!acl->targets)
		return ml_policy_no_memory(reader);
	acl->target_count = acl->dst->array.count;
	for (size_t i = 0; !err && i < acl->target_count; i++)
		err = target_read(reader, acl, &acl->dst->array.items[i], &acl->targets[i]);
	return err;
}

static int services_compare(const struct ml_services *a, const struct ml_services *b)
{
	size_t bytes = a->count * sizeof(*a->items);

	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	return bytes ? memcmp(a->items, b->items, bytes) : 0;
}

static int target_compare(const void *a, const void *b)
{
	return services_compare(&((const struct target *)a)->services,
				&((const struct target *)b)->services);
}

/* One rule for all destinations that have the same services. */
static int targets_add(struct policy_reader *reader, const struct acl *acl,
		       const struct ml_hujson_value *value, const struct target *targets,
		       size_t count)
{
	struct policy_terms terms = {
		.action = MERLON_ACTION_ALLOW,
		.place = value,
		.sources = acl->sources,
		.source_count = acl->source_count,
		.destination_count = count,
		.services = targets[0].services,
	};
	int err;

	terms.destinations = reallocarray(NULL, count, sizeof(*terms.destinations));
	if (!terms.destinations)
		return ml_policy_no_memory(reader);
	for (size_t i = 0; i < count; i++)
		terms.destinations[i] = targets[i].name;
	err = ml_policy_rules_add(reader, &reader->policy->rules, &terms);
	free(terms.destinations);
	return err;
}

static int acl_add(struct policy_reader *reader, const struct acl *acl,
		   const struct ml_hujson_value *value)
{
	size_t begin = 0;
	int err = 0;

	qsort(acl->targets, acl->target_count, sizeof(*acl->targets), target_compare);
	for (size_t i = 1; !err && i <= acl->target_count; i++) {
		if (i < acl->target_count && !target_compare(&acl->targets[i - 1], &acl->targets[i]))
			continue;
		err = targets_add(reader, acl, value, acl->targets + begin, i - begin);
		begin = i;
	}
	return err;
}

/* `users` and `ports` are what Tailscale called `src` and `dst` once. */
static int legacy_keys(struct policy_reader *reader, const struct ml_hujson_value *value,
		       struct acl *acl)
{
	if (acl->src && acl->users)
		return policy_fail(reader, acl->users, "an acl has \"src\" or its old name \"users\", not both");
	if (acl->dst && acl->ports)
		return policy_fail(reader, acl->ports, "an acl has \"dst\" or its old name \"ports\", not both");
	if (acl->users)
		acl->src = acl->users;
	if (acl->ports)
		acl->dst = acl->ports;
	if (!acl->src)
		return policy_fail(reader, value, "an acl: expected a key \"src\"");
	if (!acl->dst)
		return policy_fail(reader, value, "an acl: expected a key \"dst\"");
	return 0;
}

/* What other filters write here. */
static int denial_check(struct policy_reader *reader, const struct ml_hujson_value *value)
{
	static const char *const denials[] = { "deny", "drop", "reject", "block" };

	if (value->type != ML_HUJSON_STRING)
		return 0;
	for (size_t i = 0; i < LENGTH(denials); i++)
		if (!strcmp(denials[i], value->string.text))
			return policy_fail(reader, value, "action: expected \"accept\", found \"%s\"; "
					   "denials go into the section \"deny\"", denials[i]);
	return 0;
}

static int acl_parts_read(struct policy_reader *reader, struct acl *acl)
{
	static const char *const actions[] = { "accept" };
	size_t action;
	int err = denial_check(reader, acl->action);

	if (!err)
		err = ml_policy_read_word(reader, acl->action, "action", actions, 1, &action);
	if (!err && acl->proto)
		err = ml_policy_read_protocol(reader, acl->proto, &acl->protocol);
	if (!err)
		err = selectors_read(reader, acl->src, "src", POLICY_SOURCE, &acl->sources,
				     &acl->source_count);
	return err ? err : targets_read(reader, acl);
}

static void acl_clean(struct acl *acl)
{
	for (size_t i = 0; i < acl->target_count; i++)
		ml_services_clean(&acl->targets[i].services);
	free(acl->targets);
}

static int acl_read(struct policy_reader *reader, const struct ml_hujson_value *value)
{
	struct acl acl = { 0 };
	const struct policy_field fields[] = {
		{ "action", POLICY_FIELD_REQUIRED, &acl.action, NULL },
		{ "src", POLICY_FIELD_OPTIONAL, &acl.src, NULL },
		{ "dst", POLICY_FIELD_OPTIONAL, &acl.dst, NULL },
		{ "proto", POLICY_FIELD_OPTIONAL, &acl.proto, NULL },
		{ "users", POLICY_FIELD_OPTIONAL, &acl.users, NULL },
		{ "ports", POLICY_FIELD_OPTIONAL, &acl.ports, NULL },
		{ "srcPosture", POLICY_FIELD_REFUSED_UNLESS_EMPTY, NULL,
		  "there are no device postures" },
	};
	int err = ml_policy_fields(reader, value, "an acl", fields, LENGTH(fields));

	if (!err)
		err = legacy_keys(reader, value, &acl);
	if (!err)
		err = acl_parts_read(reader, &acl);
	if (!err)
		err = acl_add(reader, &acl, value);
	acl_clean(&acl);
	return err;
}

int ml_policy_acls_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	int err = ml_policy_expect(reader, section, ML_HUJSON_ARRAY, "acls");

	for (size_t i = 0; !err && i < section->array.count; i++)
		err = acl_read(reader, &section->array.items[i]);
	return err;
}
