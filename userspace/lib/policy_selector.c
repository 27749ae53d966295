// SPDX-License-Identifier: MIT
/* Selectors: who and where a rule speaks of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy_read.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A selector while it is read. */
struct selector {
	const char *text;
	const struct ml_hujson_value *value;
	enum policy_side side;
};

static const struct {
	const char *text, *canonical;
	enum policy_kind kind;
} autogroups[] = {
	{ "autogroup:member", "autogroup:member", POLICY_MEMBER },
	{ "autogroup:members", "autogroup:member", POLICY_MEMBER },	/* Tailscale's old name */
	{ "autogroup:tagged", "autogroup:tagged", POLICY_TAGGED },
	{ "autogroup:internet", "autogroup:internet", POLICY_INTERNET },
	{ "autogroup:self", "autogroup:self", POLICY_SELF },
};

static int unsupported(struct policy_reader *reader, const struct selector *selector,
		       const char *instead)
{
	return policy_fail_code(reader, -EOPNOTSUPP, selector->value,
				"\"%.64s\" is not supported by Merlon; %s", selector->text, instead);
}

static int autogroup_unknown(struct policy_reader *reader, const struct selector *selector)
{
	static const char *const others[] = {
		"admin", "owner", "it-admin", "network-admin", "billing-admin", "auditor", "shared",
		"nonroot", "danger-all",
	};
	const char *role = selector->text + strlen("autogroup:");

	for (size_t i = 0; i < LENGTH(others); i++)
		if (!strcmp(others[i], role))
			return unsupported(reader, selector, "expected autogroup:member, autogroup:tagged, "
					   "autogroup:self or autogroup:internet, or a group: of your own");
	return policy_fail(reader, selector->value, "unknown autogroup \"%.64s\"; expected "
			   "autogroup:member, autogroup:tagged, autogroup:self or autogroup:internet",
			   selector->text);
}

static int autogroup_read(struct policy_reader *reader, const struct selector *selector,
			  uint32_t *ret)
{
	for (size_t i = 0; i < LENGTH(autogroups); i++) {
		enum policy_kind kind = autogroups[i].kind;

		if (strcmp(autogroups[i].text, selector->text) != 0)
			continue;
		if (selector->side == POLICY_SOURCE &&
		    (kind == POLICY_SELF || kind == POLICY_INTERNET))
			return policy_fail(reader, selector->value, "\"%s\" can only be a destination",
					   selector->text);
		return ml_policy_name_add(reader, kind, autogroups[i].canonical, ret);
	}
	return autogroup_unknown(reader, selector);
}

static const struct defined {
	const char *prefix, *section;
	enum policy_kind kind;
} definitions[] = {
	{ "group:", "groups", POLICY_GROUP },
	{ "tag:", "tagOwners", POLICY_TAG },
	{ "ipset:", "ipsets", POLICY_IPSET },
};

/*
 * "tag:web:443" and "nas:22", where the ports have a place of their own. Of an acl,
 * they have been split off before. 0: nothing of that kind.
 */
static int ports_refuse(struct policy_reader *reader, const struct selector *selector)
{
	const char *text = selector->text, *colon = strrchr(text, ':');

	if (selector->side != POLICY_DESTINATION || !colon || !colon[1] ||
	    strspn(colon + 1, "0123456789-,*") != strlen(colon + 1))
		return 0;
	return policy_fail(reader, selector->value, "in a grant the ports go into ip: "
			   "\"dst\":[\"%.*s\"], \"ip\":[\"tcp:%.40s\"]", (int)(colon - text), text,
			   colon + 1);
}

static int defined_read(struct policy_reader *reader, const struct selector *selector,
			const struct defined *definition, uint32_t *ret)
{
	struct policy_guess guess = { .wanted = selector->text };
	char did_you_mean[POLICY_MAX_NAME + 32];

	*ret = ml_policy_name_find(reader->policy, selector->text);
	if (*ret != POLICY_NONE)
		return 0;
	if (ports_refuse(reader, selector))
		return -EINVAL;
	ml_policy_guess_names(&guess, reader->policy, definition->kind);
	return policy_fail(reader, selector->value, "\"%.80s\" is not defined in %s%s",
			   selector->text, definition->section,
			   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
}

static int foreign_check(struct policy_reader *reader, const struct selector *selector)
{
	static const struct {
		const char *prefix, *instead;
	} foreign[] = {
		{ "svc:", "name the node, a host or an address" },
		{ "user:", "write a group: with the users of the domain" },
		{ "localpart:", "write the users" },
		{ "posture:", "there are no device postures" },
	};

	for (size_t i = 0; i < LENGTH(foreign); i++)
		if (!strncmp(selector->text, foreign[i].prefix, strlen(foreign[i].prefix)))
			return unsupported(reader, selector, foreign[i].instead);
	return 0;
}

static int literal_keep(struct policy_reader *reader, const char *canonical,
			const struct ml_prefix *prefixes, size_t count, uint32_t *ret)
{
	struct policy_name *name;
	int err = ml_policy_name_add(reader, POLICY_LITERAL, canonical, ret);

	if (err)
		return err;
	name = &reader->policy->names.items[*ret];
	if (name->prefixes)
		return 0;
	name->prefixes = ml_arena_copy(&reader->policy->arena, prefixes, count * sizeof(*prefixes));
	name->prefix_count = count;
	return name->prefixes ? 0 : ml_policy_no_memory(reader);
}

/* The two ends as ml_prefix_format() writes them. */
static void range_text(const struct ml_prefixes *ends, char text[static 2 * ML_PREFIX_TEXT])
{
	size_t length;

	ml_prefix_format(&ends->items[0], text);
	length = strlen(text);
	text[length] = '-';
	ml_prefix_format(&ends->items[1], text + length + 1);
}

static int range_read(struct policy_reader *reader, struct ml_range range, uint32_t *ret)
{
	struct ml_range first = range, last = range;
	struct ml_prefixes ends = { 0 }, prefixes = { 0 };
	char text[2 * ML_PREFIX_TEXT];
	int err;

	first.last = range.first;
	last.first = range.last;
	err = ml_range_prefixes(first, &ends);
	if (!err)
		err = ml_range_prefixes(last, &ends);
	if (!err)
		err = ml_range_prefixes(range, &prefixes);
	if (err) {
		err = ml_policy_no_memory(reader);
	} else {
		range_text(&ends, text);
		err = literal_keep(reader, text, prefixes.items, prefixes.count, ret);
	}
	ml_prefixes_clean(&ends);
	ml_prefixes_clean(&prefixes);
	return err;
}

/* 0: read; 1: not an address of any form. */
static int literal_read(struct policy_reader *reader, const struct selector *selector,
			uint32_t *ret)
{
	char canonical[ML_PREFIX_TEXT];
	struct ml_prefix prefix;
	struct ml_range range;
	int err = ml_prefix_parse(selector->text, &prefix);

	if (err == -ERANGE)
		return ml_policy_read_prefix(reader, selector->text, selector->value, &prefix);
	if (!err) {
		err = ml_policy_check_prefix(reader, &prefix, selector->value);
		return err ? err : literal_keep(reader, ml_prefix_format(&prefix, canonical),
						&prefix, 1, ret);
	}
	if (ml_range_parse(selector->text, &range))
		return 1;
	return range_read(reader, range, ret);
}

static int alias_read(struct policy_reader *reader, const struct selector *selector,
		      const char *alias, uint32_t *ret)
{
	struct policy_guess guess = { .wanted = alias };
	char did_you_mean[POLICY_MAX_NAME + 32];
	enum policy_kind kind;

	*ret = ml_policy_name_find(reader->policy, alias);
	kind = *ret == POLICY_NONE ? POLICY_ANY : reader->policy->names.items[*ret].kind;
	if (kind == POLICY_GONE && alias == selector->text)
		reader->policy->names.items[*ret].said = true;
	if (kind == POLICY_HOST ||
	    ((kind == POLICY_NODE || kind == POLICY_GONE) && alias == selector->text))
		return 0;
	if (ports_refuse(reader, selector))
		return -EINVAL;
	ml_policy_guess_names(&guess, reader->policy, POLICY_HOST);
	if (alias == selector->text)
		ml_policy_guess_names(&guess, reader->policy, POLICY_NODE);
	return policy_fail(reader, selector->value, "\"%.64s\" is not defined in hosts%s; expected a "
			   "user, group:, tag:, host, node, ipset:, autogroup:, address or *%s", alias,
			   alias == selector->text ? " or nodes" : "",
			   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
}

static int user_read(struct policy_reader *reader, const struct selector *selector, uint32_t *ret)
{
	if (!ml_policy_name_valid(selector->text))
		return policy_fail(reader, selector->value, "\"%.64s\" is not a user's email address",
				   selector->text);
	return ml_policy_name_add(reader, POLICY_USER, selector->text, ret);
}

static int selector_read(struct policy_reader *reader, const struct selector *selector,
			 uint32_t *ret)
{
	int err;

	if (!strcmp(selector->text, "*"))
		return ml_policy_name_add(reader, POLICY_ANY, "*", ret);
	if (!strncmp(selector->text, "autogroup:", 10))
		return autogroup_read(reader, selector, ret);
	for (size_t i = 0; i < LENGTH(definitions); i++)
		if (!strncmp(selector->text, definitions[i].prefix, strlen(definitions[i].prefix)))
			return defined_read(reader, selector, &definitions[i], ret);
	if (!strncmp(selector->text, "host:", 5))
		return alias_read(reader, selector, selector->text + 5, ret);
	err = foreign_check(reader, selector);
	if (err)
		return err;
	if (strchr(selector->text, '@'))
		return user_read(reader, selector, ret);
	err = literal_read(reader, selector, ret);
	return err == 1 ? alias_read(reader, selector, selector->text, ret) : err;
}

int ml_policy_selector_read(struct policy_reader *reader, const char *text,
			    const struct ml_hujson_value *value, enum policy_side side,
			    uint32_t *ret)
{
	const struct selector selector = { text, value, side };

	return selector_read(reader, &selector, ret);
}

/* An IPv6 address without brackets leaves open which colon is the last one. */
static int ambiguity_check(struct policy_reader *reader, const struct ml_hujson_value *value,
			   const char *selector)
{
	struct ml_prefix prefix;

	if (strchr(selector, '/') || ml_prefix_parse(selector, &prefix) || prefix.family == 2)
		return 0;
	return policy_fail(reader, value, "\"%.80s\": expected an IPv6 address in brackets, "
			   "[address]:ports", value->string.text);
}

int ml_policy_selector_split(struct policy_reader *reader, const struct ml_hujson_value *value,
			     const char **ret_selector, const char **ret_ports)
{
	const char *text = value->string.text, *colon = strrchr(text, ':');
	char *selector;
	size_t length;

	if (!colon || !colon[1] || colon == text)
		return policy_fail(reader, value, "expected a destination with its ports, as in tag:web:443 "
				   "or 10.0.0.0/8:*, found \"%.64s\"", text);
	length = (size_t)(colon - text);
	selector = ml_arena_string(&reader->policy->arena, text, length);
	if (!selector)
		return ml_policy_no_memory(reader);
	*ret_ports = colon + 1;
	*ret_selector = selector;
	if (length > 2 && selector[0] == '[' && selector[length - 1] == ']') {
		selector[length - 1] = '\0';
		*ret_selector = selector + 1;
		return 0;
	}
	if (!strcmp(selector, "tag") || !strcmp(selector, "group") || !strcmp(selector, "ipset") ||
	    !strcmp(selector, "autogroup"))
		return policy_fail(reader, value, "\"%.64s\" has no ports; expected for example \"%.64s:*\"",
				   text, text);
	return ambiguity_check(reader, value, selector);
}
