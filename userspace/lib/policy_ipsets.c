// SPDX-License-Identifier: MIT
/*
 * The section ipsets: ranges of addresses, added and removed in the order they
 * are written. A set can be used in another before or behind it in the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy_read.h"

/* Above this many ranges that were only added, a list is sorted and merged. */
#define PENDING_MAX 4096u

/* What one set is made of while it is worked out. */
struct work {
	struct ml_ranges *ranges;	/* the set */
	struct ml_ranges removed;	/* what the current run of "remove" takes away */
	size_t settled;			/* count of ranges when they were last merged */
	unsigned int depth;
};

static int ipset_resolve(struct policy_reader *reader, uint32_t index, unsigned int depth);

static int settle(struct policy_reader *reader, struct work *work)
{
	ml_ranges_normalise(work->ranges);
	ml_ranges_normalise(&work->removed);
	if (work->removed.count && ml_ranges_subtract(work->ranges, &work->removed))
		return ml_policy_no_memory(reader);
	work->removed.count = 0;
	work->settled = work->ranges->count;
	return 0;
}

static int host_ranges(struct policy_reader *reader, const char *host,
		       const struct ml_hujson_value *value, struct ml_ranges *into)
{
	struct policy_guess guess = { .wanted = host };
	char did_you_mean[POLICY_MAX_NAME + 32];
	uint32_t found = ml_policy_name_find(reader->policy, host);
	const struct policy_name *name = NULL;

	if (found != POLICY_NONE)
		name = &reader->policy->names.items[found];
	if (!name || name->kind != POLICY_HOST) {
		ml_policy_guess_names(&guess, reader->policy, POLICY_HOST);
		return policy_fail(reader, value, "\"%.64s\" is not defined in hosts%s", host,
				   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
	}
	if (ml_ranges_add(into, ml_range_of(&name->prefixes[0])))
		return ml_policy_no_memory(reader);
	return 0;
}

static int ipset_ranges(struct policy_reader *reader, const char *text,
			const struct ml_hujson_value *value, struct work *work,
			struct ml_ranges *into)
{
	struct policy_guess guess = { .wanted = text };
	char did_you_mean[POLICY_MAX_NAME + 32];
	uint32_t found = ml_policy_name_find(reader->policy, text);
	const struct policy_ipset *other;
	int err = 0;

	if (found == POLICY_NONE) {
		ml_policy_guess_names(&guess, reader->policy, POLICY_IPSET);
		return policy_fail(reader, value, "\"%.64s\" is not defined in ipsets%s", text,
				   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
	}
	other = &reader->policy->ipsets[reader->policy->names.items[found].index];
	if (other->state == POLICY_IPSET_OPEN)
		return policy_fail(reader, value, "\"%.64s\" holds itself; expected no circle of ipsets",
				   text);
	if (other->state == POLICY_IPSET_NEW)
		err = ipset_resolve(reader, reader->policy->names.items[found].index, work->depth + 1);
	for (size_t i = 0; !err && i < other->ranges.count; i++)
		if (ml_ranges_add(into, other->ranges.items[i]))
			return ml_policy_no_memory(reader);
	return err;
}

static int literal_range(struct policy_reader *reader, const char *text,
			 const struct ml_hujson_value *value, struct ml_ranges *into)
{
	struct ml_range range;
	struct ml_prefix prefix;
	int err;

	if (strchr(text, '-') && !strchr(text, '/')) {
		err = ml_range_parse(text, &range);
		if (err)
			return policy_fail(reader, value, "\"%.80s\" is not a range; expected two "
					   "addresses of one family, the lower first", text);
	} else {
		err = ml_policy_read_prefix(reader, text, value, &prefix);
		if (err)
			return err;
		range = ml_range_of(&prefix);
	}
	return ml_ranges_add(into, range) ? ml_policy_no_memory(reader) : 0;
}

static int internet_ranges(struct policy_reader *reader, struct ml_ranges *into)
{
	const struct ml_ranges *internet = &reader->policy->internet;

	for (size_t i = 0; i < internet->count; i++)
		if (ml_ranges_add(into, internet->items[i]))
			return ml_policy_no_memory(reader);
	return 0;
}

static int target_ranges(struct policy_reader *reader, const char *text,
			 const struct ml_hujson_value *value, struct work *work,
			 struct ml_ranges *into)
{
	if (!strncmp(text, "host:", 5))
		return host_ranges(reader, text + 5, value, into);
	if (!strncmp(text, "ipset:", 6))
		return ipset_ranges(reader, text, value, work, into);
	if (!strcmp(text, "autogroup:internet"))
		return internet_ranges(reader, into);
	if (text[0] && !strchr("0123456789:abcdefABCDEF", text[0]))
		return policy_fail(reader, value, "expected an address, a prefix, a range, host:name, "
				   "ipset:name or autogroup:internet, found \"%.64s\"", text);
	return literal_range(reader, text, value, into);
}

static int operation_apply(struct policy_reader *reader, struct work *work,
			   const struct ml_hujson_value *value, bool bare_allowed)
{
	const char *text = value->string.text;
	int err = 0;

	if (!strncmp(text, "remove ", 7))
		return target_ranges(reader, text + 7, value, work, &work->removed);
	if (work->removed.count || work->ranges->count > 2 * work->settled + PENDING_MAX)
		err = settle(reader, work);
	if (err)
		return err;
	if (!strncmp(text, "add ", 4))
		return target_ranges(reader, text + 4, value, work, work->ranges);
	if (!bare_allowed)
		return policy_fail(reader, value, "expected \"add %.64s\" or \"remove %.64s\": this set "
				   "removes something", text, text);
	return target_ranges(reader, text, value, work, work->ranges);
}

static bool removes_something(const struct ml_hujson_value *operations)
{
	for (size_t i = 0; i < operations->array.count; i++)
		if (!strncmp(operations->array.items[i].string.text, "remove ", 7))
			return true;
	return false;
}

static int operations_apply(struct policy_reader *reader, struct work *work,
			    const struct ml_hujson_value *operations)
{
	bool bare_allowed;
	int err = ml_policy_expect_strings(reader, operations, "an ipset");

	if (err)
		return err;
	if (operations->array.count > POLICY_MAX_IPSET_OPS)
		return policy_fail_code(reader, -E2BIG, operations, "more than %u entries in an ipset",
					POLICY_MAX_IPSET_OPS);
	bare_allowed = !removes_something(operations);
	for (size_t i = 0; !err && i < operations->array.count; i++)
		err = operation_apply(reader, work, &operations->array.items[i], bare_allowed);
	return err ? err : settle(reader, work);
}

static int ipset_finish(struct policy_reader *reader, struct policy_ipset *ipset)
{
	struct policy_name *name = &reader->policy->names.items[ipset->name];
	struct ml_prefixes prefixes = { 0 };
	int err = ml_ranges_prefixes(&ipset->ranges, &prefixes);

	if (!err) {
		name->prefix_count = prefixes.count;
		name->prefixes = ml_arena_copy(&reader->policy->arena, prefixes.items,
					       prefixes.count * sizeof(*prefixes.items));
	}
	ml_prefixes_clean(&prefixes);
	return err || !name->prefixes ? ml_policy_no_memory(reader) : 0;
}

static int ipset_resolve(struct policy_reader *reader, uint32_t index, unsigned int depth)
{
	struct policy_ipset *ipset = &reader->policy->ipsets[index];
	struct work work = { .ranges = &ipset->ranges, .depth = depth };
	int err;

	if (ipset->state == POLICY_IPSET_DONE)
		return 0;
	if (depth > POLICY_MAX_IPSET_DEPTH)
		return policy_fail_code(reader, -E2BIG, ipset->source,
					"more than %u ipsets inside each other", POLICY_MAX_IPSET_DEPTH);
	ipset->state = POLICY_IPSET_OPEN;
	err = operations_apply(reader, &work, &ipset->source->value);
	ml_ranges_clean(&work.removed);
	if (!err)
		err = ipset_finish(reader, ipset);
	ipset->state = POLICY_IPSET_DONE;
	return err;
}

static int ipset_read(struct policy_reader *reader, const struct ml_hujson_member *member,
		      uint32_t index)
{
	struct policy_ipset *ipset = &reader->policy->ipsets[index];
	struct policy_name *name;
	int err = ml_policy_check_name(reader, member, "ipset:");

	if (!err)
		err = ml_policy_name_add(reader, POLICY_IPSET, member->key, &ipset->name);
	if (err)
		return err;
	name = &reader->policy->names.items[ipset->name];
	name->index = index;
	name->line = member->line;
	name->column = member->column;
	ipset->source = member;
	return 0;
}

int ml_policy_ipsets_read(struct policy_reader *reader, const struct ml_hujson_value *section)
{
	struct ml_policy *policy = reader->policy;
	int err = ml_policy_expect(reader, section, ML_HUJSON_OBJECT, "ipsets");

	if (err)
		return err;
	policy->ipsets = calloc(section->object.count + 1, sizeof(*policy->ipsets));
	if (!policy->ipsets)
		return ml_policy_no_memory(reader);
	policy->ipset_count = section->object.count;
	for (size_t i = 0; !err && i < section->object.count; i++)
		err = ipset_read(reader, &section->object.members[i], (uint32_t)i);
	return err;
}

int ml_policy_ipsets_resolve(struct policy_reader *reader)
{
	int err = 0;

	for (size_t i = 0; !err && i < reader->policy->ipset_count; i++)
		err = ipset_resolve(reader, (uint32_t)i, 1);
	return err;
}
