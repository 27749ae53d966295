// SPDX-License-Identifier: MIT
/*
 * Policies. Golden files in selftests/golden/policies (found from the root of
 * the tree):
 *
 *   good/NAME.hujson, NAME.json      Tailscale's syntax; the rules block without a node
 *   merlon/NAME.hujson, NAME.json    Merlon's own sections; every node, block and JSON
 *   bad/NAME.hujson, NAME.error      the exact error
 *
 * With MERLON_GOLDEN_WRITE=1 the expected files are written, for a person to
 * read before they are committed.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <linux/merlon.h>

#include "bundle.h"
#include "policy.h"
#include "policy_text.h"
#include "prefix.h"
#include "rules.h"

#define GOLDEN "selftests/golden/policies/"

static char *file_read(const char *path, size_t *ret_length)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t room = 0, length;

	if (!file)
		fail_msg("%s: %s (run me at the root of the tree)", path, strerror(errno));
	length = (size_t)getdelim(&text, &room, EOF, file);
	fclose(file);
	if (length == (size_t)-1)
		length = 0;
	*ret_length = length;
	return text;
}

/* Compares with the file, or writes it. */
static void golden_check(const char *path, const char *found)
{
	char *wanted;
	size_t length;
	FILE *file;

	if (getenv("MERLON_GOLDEN_WRITE")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(found, file);
		fclose(file);
		return;
	}
	wanted = file_read(path, &length);
	if (strcmp(wanted ? wanted : "", found))
		fail_msg("%s: expected\n%s\nfound\n%s", path, wanted, found);
	free(wanted);
}

/* The path of what is expected of a .hujson file. */
static void expected_path(const char *source, const char *suffix, char path[static 256])
{
	snprintf(path, 256, "%.*s%s", (int)(strlen(source) - strlen(".hujson")), source, suffix);
}

static int policy_of_file(const char *path, struct ml_policy **ret, struct ml_error *error)
{
	size_t length;
	char *text = file_read(path, &length);
	const char *name = strrchr(path, '/') + 1;
	int err = ml_policy_parse(name, text, length, ret, error);

	free(text);
	return err;
}

static struct ml_policy *policy_of(const char *text)
{
	struct ml_policy *policy = NULL;
	struct ml_error error = { 0 };
	char buffer[1024];

	if (ml_policy_parse("policy", text, strlen(text), &policy, &error))
		fail_msg("%s", ml_error_string(&error, buffer, sizeof(buffer)));
	return policy;
}

/* The rules block; it must also survive a reading. */
static void block_add(struct ml_text *out, const struct ml_policy *policy, const char *node)
{
	struct ml_ruleset ruleset, again;
	struct ml_error error = { 0 };
	char *block, *second;
	size_t length, second_length;

	assert_int_equal(ml_policy_ruleset(policy, node, &ruleset, &error), 0);
	if (ml_rules_format(&ruleset, &block, &length, &error))
		fail_msg("%s", error.text);
	if (ml_rules_parse(block, length, &again, &error))
		fail_msg("%s", error.text);
	assert_int_equal(ml_rules_format(&again, &second, &second_length, &error), 0);
	assert_int_equal(length, second_length);
	assert_string_equal(block, second);
	ml_text_add(out, block);
	ml_text_add(out, "\n");
	ml_ruleset_free(&ruleset);
	ml_ruleset_free(&again);
	free(block);
	free(second);
}

static char *block_of(const char *text, const char *node)
{
	struct ml_policy *policy = policy_of(text);
	struct ml_text out = { 0 };

	block_add(&out, policy, node);
	ml_policy_free(policy);
	return out.data;
}

static void node_json_add(struct ml_text *out, const struct ml_policy *policy, const char *node)
{
	struct ml_error error;
	json_t *json;
	char *text;

	assert_int_equal(ml_policy_node_json(policy, node, &json, &error), 0);
	text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	assert_non_null(text);
	ml_text_add(out, text);
	ml_text_add(out, "\n");
	free(text);
	json_decref(json);
}

static void tests_pass(const struct ml_policy *policy, const char *path)
{
	struct ml_error error = { 0 };
	char buffer[1024];

	if (ml_policy_test(policy, NULL, NULL, &error))
		fail_msg("%s: %s", path, ml_error_string(&error, buffer, sizeof(buffer)));
}

static void good_check(const char *path)
{
	struct ml_policy *policy = NULL;
	struct ml_error error = { 0 };
	struct ml_text out = { 0 };
	char expected[256], buffer[1024];

	if (policy_of_file(path, &policy, &error))
		fail_msg("%s", ml_error_string(&error, buffer, sizeof(buffer)));
	block_add(&out, policy, NULL);
	for (size_t i = 0; i < ml_policy_node_count(policy); i++) {
		ml_text_format(&out, "%s\n", ml_policy_node_name(policy, i));
		block_add(&out, policy, ml_policy_node_name(policy, i));
		node_json_add(&out, policy, ml_policy_node_name(policy, i));
	}
	expected_path(path, ".json", expected);
	golden_check(expected, out.data);
	tests_pass(policy, path);
	ml_text_clean(&out);
	ml_policy_free(policy);
}

static void bad_check(const char *path)
{
	struct ml_policy *policy = NULL;
	struct ml_error error = { 0 };
	char expected[256], buffer[1024], found[1100];
	int err = policy_of_file(path, &policy, &error);

	assert_null(policy);
	assert_int_equal(err, error.code);
	snprintf(found, sizeof(found), "%s %s\n", strerrorname_np(-err),
		 ml_error_string(&error, buffer, sizeof(buffer)));
	expected_path(path, ".error", expected);
	golden_check(expected, found);
}

static void each(const char *pattern, size_t at_least, void (*check)(const char *path))
{
	glob_t found;

	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= at_least);
	for (size_t i = 0; i < found.gl_pathc; i++)
		check(found.gl_pathv[i]);
	globfree(&found);
}

static void tailscale_syntax_loads(void **state)
{
	(void)state;
	each(GOLDEN "good/*.hujson", 20, good_check);
}

static void merlon_sections_load(void **state)
{
	(void)state;
	each(GOLDEN "merlon/*.hujson", 1, good_check);
}

static void errors_name_place_and_remedy(void **state)
{
	(void)state;
	each(GOLDEN "bad/*.hujson", 12, bad_check);
}

static void example_check(const char *path)
{
	struct ml_policy *policy = NULL;
	struct ml_error error = { 0 };

	assert_int_equal(policy_of_file(path, &policy, &error), 0);
	tests_pass(policy, path);
	ml_policy_free(policy);
}

static void examples_pass_their_tests(void **state)
{
	(void)state;
	each("docs/policies/*.hujson", 3, example_check);
}

/* The example of docs/policy.md is a policy, and its canonical rule is of it. */
static void documentation_is_true(void **state)
{
	size_t length;
	char *text = file_read("docs/policy.md", &length), *begin, *end, *block;
	struct ml_policy *policy;

	(void)state;
	begin = strstr(text, "\n    {\n");
	assert_non_null(begin);
	end = strstr(begin, "\n    }\n");
	assert_non_null(end);
	end[strlen("\n    }")] = '\0';
	policy = policy_of(begin);
	tests_pass(policy, "docs/policy.md");
	ml_policy_free(policy);
	block = block_of(begin, NULL);
	begin = strstr(end + strlen("\n    }") + 1, "\n    {\"action\"");
	assert_non_null(begin);
	*strchr(begin + 1, '\n') = '\0';
	assert_non_null(strstr(block, begin + strlen("\n    ")));
	free(block);
	free(text);
}

static const char *const in_order =
	"{\"tagOwners\":{\"tag:a\":[],\"tag:b\":[]},\"groups\":{\"group:g\":[\"x@y\",\"z@y\"]},"
	"\"grants\":[{\"src\":[\"tag:a\",\"group:g\"],\"dst\":[\"tag:b\"],\"ip\":[\"tcp:1\",\"udp:2\"]},"
	"{\"src\":[\"autogroup:member\"],\"dst\":[\"autogroup:self\"],\"ip\":[\"*\"]}],"
	"\"deny\":[{\"src\":[\"*\"],\"dst\":[\"tag:b\"],\"ip\":[\"tcp:3\"]}]}";
static const char *const out_of_order =
	"{\"deny\":[{\"ip\":[\"tcp:3\"],\"dst\":[\"tag:b\"],\"src\":[\"*\"]}],"
	"\"grants\":[{\"src\":[\"autogroup:member\"],\"dst\":[\"autogroup:self\"],\"ip\":[\"*\"]},"
	"{\"dst\":[\"tag:b\"],\"src\":[\"group:g\",\"tag:a\"],\"ip\":[\"udp:2\",\"tcp:1\"]}],"
	"\"groups\":{\"group:g\":[\"z@y\",\"x@y\"]},\"tagOwners\":{\"tag:b\":[],\"tag:a\":[]}}";

static void order_never_matters(void **state)
{
	char *a = block_of(in_order, NULL), *b = block_of(out_of_order, NULL);

	(void)state;
	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void ids_outlive_addresses(void **state)
{
	struct ml_policy *before = policy_of(
		"{\"nodes\":{\"n\":{\"user\":\"u@x\",\"addresses\":[\"10.0.0.1\"]}},"
		"\"grants\":[{\"src\":[\"u@x\"],\"dst\":[\"*\"],\"ip\":[\"tcp:1\"]}]}");
	struct ml_policy *after = policy_of(
		"{\"nodes\":{\"n\":{\"user\":\"u@x\",\"addresses\":[\"10.0.0.1\"]},"
		"\"m\":{\"user\":\"u@x\",\"addresses\":[\"10.0.0.2\"]}},"
		"\"grants\":[{\"src\":[\"u@x\"],\"dst\":[\"*\"],\"ip\":[\"tcp:1\"]}]}");
	struct ml_ruleset a, b;
	struct ml_error error;

	(void)state;
	assert_int_equal(ml_policy_ruleset(before, "n", &a, &error), 0);
	assert_int_equal(ml_policy_ruleset(after, "n", &b, &error), 0);
	assert_int_equal(a.rule_count, 1);
	assert_true(a.rules[0].id == b.rules[0].id);
	assert_int_equal(a.sets[1].prefix_count + 1, b.sets[1].prefix_count);
	/* printf '%s' TEXT | sha256sum: the first eight bytes, the last first */
	assert_string_equal(a.rules[0].text,
			    "{\"action\":\"allow\",\"dst\":[\"*\"],\"ip\":[\"tcp:1\"],\"src\":[\"u@x\"]}");
	assert_true(a.rules[0].id == 0x739e4c1ea1eb56b5);
	ml_ruleset_free(&a);
	ml_ruleset_free(&b);
	ml_policy_free(before);
	ml_policy_free(after);
}

struct tally {
	unsigned int cases, wrong;
	uint64_t rule_id;
};

static void tally_case(const struct ml_policy_case *result, void *arg)
{
	struct tally *tally = arg;

	tally->cases++;
	tally->wrong += result->want_allow != result->got_allow;
	if (result->want_allow != result->got_allow)
		tally->rule_id = result->rule_id;
}

static void failing_tests_are_found(void **state)
{
	struct ml_policy *policy = policy_of(
		"{\"tagOwners\":{\"tag:w\":[]},\"grants\":["
		"{\"src\":[\"a@x\"],\"dst\":[\"tag:w\"],\"ip\":[\"tcp:80\"]}],\n"
		"\"deny\":[{\"src\":[\"*\"],\"dst\":[\"tag:w\"],\"ip\":[\"tcp:80\"]}],\n"
		"\"tests\":[{\"src\":\"a@x\",\"accept\":[\"tag:w:80\"]},\n"
		"{\"src\":\"a@x\",\"deny\":[\"tag:w:81\"]},\n"
		"{\"src\":\"a@x\",\"accept\":[\"tag:w:81\"]}]}");
	struct tally tally = { 0 };
	struct ml_error error = { 0 };
	char buffer[1024];

	(void)state;
	assert_int_equal(ml_policy_test(policy, tally_case, &tally, &error), -EPERM);
	assert_int_equal(tally.cases, 3);
	assert_int_equal(tally.wrong, 2);
	assert_string_equal(ml_error_string(&error, buffer, sizeof(buffer)),
			    "policy:3:33: test: a@x to tag:w:80: expected accept, but the rule at line 2 "
			    "denies tcp:80 from 240.0.0.1 to 240.0.0.2");
	ml_policy_free(policy);
}

/* One member of a group who cannot is enough to fail an accept, and to keep a deny. */
static void groups_are_tested_whole(void **state)
{
	struct ml_policy *policy = policy_of(
		"{\"groups\":{\"group:g\":[\"a@x\",\"b@x\",\"c@x\"]},"
		"\"grants\":[{\"src\":[\"a@x\",\"c@x\"],\"dst\":[\"10.0.0.1\"],\"ip\":[\"tcp:80\"]}],"
		"\"tests\":[{\"src\":\"group:g\",\"proto\":\"tcp\",\"accept\":[\"10.0.0.1:80\"],"
		"\"deny\":[\"10.0.0.1:80\"]}]}");
	struct tally tally = { 0 };

	(void)state;
	assert_int_equal(ml_policy_test(policy, tally_case, &tally, NULL), -EPERM);
	assert_int_equal(tally.cases, 2);
	assert_int_equal(tally.wrong, 2);
	ml_policy_free(policy);
}

static bool set_has(const struct ml_ruleset *ruleset, const char *name, const char *address)
{
	struct ml_prefix host;

	assert_int_equal(ml_prefix_parse(address, &host), 0);
	for (size_t i = 0; i < ruleset->set_count; i++) {
		const struct ml_set *set = &ruleset->sets[i];

		if (strcmp(set->name, name))
			continue;
		for (size_t j = 0; j < set->prefix_count; j++)
			if (ml_prefix_contains(&set->prefixes[j], &host))
				return true;
		return set->any;
	}
	fail_msg("no set %s", name);
	return false;
}

static void internet_is_public(void **state)
{
	static const char *const public[] = {
		"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
		"128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
		"192.167.255.255", "192.169.0.0", "203.0.113.80", "223.255.255.255", "2000::",
		"2001:db8::1", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	};
	static const char *const others[] = {
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
		"127.0.0.1", "169.254.0.0", "169.254.255.255", "172.16.0.0", "172.31.255.255",
		"192.168.0.0", "192.168.255.255", "224.0.0.0", "240.0.0.1", "255.255.255.255", "::", "::1",
		"1fff::", "4000::", "fc00::", "fd7a::1", "fe80::1", "ff02::1",
	};
	struct ml_policy *policy = policy_of(
		"{\"grants\":[{\"src\":[\"*\"],\"dst\":[\"autogroup:internet\"],\"ip\":[\"*\"]}]}");
	struct ml_ruleset ruleset;

	(void)state;
	assert_int_equal(ml_policy_ruleset(policy, NULL, &ruleset, NULL), 0);
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++)
		if (!set_has(&ruleset, "autogroup:internet", public[i]))
			fail_msg("%s is public", public[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (set_has(&ruleset, "autogroup:internet", others[i]))
			fail_msg("%s is not public", others[i]);
	ml_ruleset_free(&ruleset);
	ml_policy_free(policy);
}

/* A node's public address and its route are its own; the default route is nobody's. */
static void internet_is_no_nodes(void **state)
{
	static const char *const sets[] = { "autogroup:internet", "ipset:out" };
	static const char *const taken[] = {
		"198.51.100.0", "198.51.100.255", "203.0.113.1", "2001:db8:1::9",
	};
	static const char *const free_[] = {
		"198.51.99.255", "198.51.101.0", "203.0.113.0", "203.0.113.2", "2001:db8:1::8",
		"2001:db8:1::a", "8.8.8.8",
	};
	struct ml_policy *policy = policy_of(
		"{\"nodes\":{"
		"\"db\":{\"addresses\":[\"10.1.0.9\",\"2001:db8:1::9\"],\"routes\":[\"198.51.100.0/24\"]},"
		"\"exit\":{\"addresses\":[\"203.0.113.1\"],\"routes\":[\"0.0.0.0/0\",\"::/0\"]}},"
		"\"ipsets\":{\"ipset:out\":[\"autogroup:internet\"]},"
		"\"grants\":[{\"src\":[\"*\"],\"dst\":[\"autogroup:internet\",\"ipset:out\"],\"ip\":[\"*\"]}]}");
	struct ml_ruleset ruleset;

	(void)state;
	assert_int_equal(ml_policy_ruleset(policy, "exit", &ruleset, NULL), 0);
	for (size_t set = 0; set < 2; set++) {
		for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
			if (set_has(&ruleset, sets[set], taken[i]))
				fail_msg("%s of a node is in %s", taken[i], sets[set]);
		for (size_t i = 0; i < sizeof(free_) / sizeof(free_[0]); i++)
			if (!set_has(&ruleset, sets[set], free_[i]))
				fail_msg("%s is not in %s", free_[i], sets[set]);
	}
	ml_ruleset_free(&ruleset);
	ml_policy_free(policy);
}

static const struct ml_owner *owner_of(const struct ml_ruleset *ruleset, const char *address)
{
	const struct ml_owner *longest = NULL;
	struct ml_prefix host;

	assert_int_equal(ml_prefix_parse(address, &host), 0);
	for (size_t i = 0; i < ruleset->owner_count; i++)
		if (ml_prefix_contains(&ruleset->owners[i].prefix, &host) &&
		    (!longest || longest->prefix.length < ruleset->owners[i].prefix.length))
			longest = &ruleset->owners[i];
	return longest;
}

static void owners_follow_the_longest_prefix(void **state)
{
	struct ml_policy *policy = policy_of(
		"{\"nodes\":{"
		"\"gate\":{\"addresses\":[\"10.1.0.1\",\"fd01::1\"],\"routes\":[\"0.0.0.0/0\",\"::/0\",\"192.168.7.0/24\"]},"
		"\"wide\":{\"addresses\":[\"10.1.0.2\"],\"routes\":[\"192.168.0.0/16\"]},"
		"\"near\":{\"addresses\":[\"192.168.7.9\"]},"
		"\"exit\":{\"addresses\":[\"10.1.0.3\"],\"routes\":[\"0.0.0.0/0\",\"::/0\"]}}}");
	struct ml_ruleset ruleset;

	(void)state;
	assert_int_equal(ml_policy_ruleset(policy, "gate", &ruleset, NULL), 0);
	assert_non_null(owner_of(&ruleset, "10.1.0.2"));
	assert_non_null(owner_of(&ruleset, "192.168.6.1"));
	assert_non_null(owner_of(&ruleset, "192.168.255.255"));
	assert_non_null(owner_of(&ruleset, "192.168.7.9"));	/* a peer's, inside the own LAN */
	assert_null(owner_of(&ruleset, "192.168.7.8"));		/* the own LAN */
	assert_null(owner_of(&ruleset, "10.1.0.1"));
	assert_int_equal(owner_of(&ruleset, "10.1.0.3")->tunnel, 1);
	ml_ruleset_free(&ruleset);
	assert_int_equal(ml_policy_ruleset(policy, "wide", &ruleset, NULL), 0);
	assert_non_null(owner_of(&ruleset, "192.168.7.8"));
	assert_null(owner_of(&ruleset, "192.168.6.1"));
	assert_null(owner_of(&ruleset, "8.8.8.8"));		/* exits own no internet */
	assert_null(owner_of(&ruleset, "2001:db8::1"));
	assert_non_null(owner_of(&ruleset, "fd01::1"));
	ml_ruleset_free(&ruleset);
	ml_policy_free(policy);
}

static void unknown_nodes_are_refused(void **state)
{
	struct ml_policy *policy = policy_of("{}");
	struct ml_error error = { 0 };
	struct ml_ruleset ruleset;

	(void)state;
	assert_int_equal(ml_policy_ruleset(policy, "ghost", &ruleset, &error), -ENOENT);
	assert_string_equal(error.text, "no node \"ghost\" in this policy");
	assert_int_equal(ml_policy_node_count(policy), 0);
	assert_int_equal(ml_policy_test(policy, NULL, NULL, &error), 0);
	ml_policy_free(policy);
}

static void nodes_are_in_canonical_order(void **state)
{
	struct ml_policy *policy = policy_of(
		"{\"nodes\":{\"b\":{\"addresses\":[\"10.0.0.2\"]},\"a\":{\"addresses\":[\"10.0.0.3\"]},"
		"\"0c\":{\"addresses\":[\"10.0.0.1\"]}}}");

	(void)state;
	assert_int_equal(ml_policy_node_count(policy), 3);
	assert_string_equal(ml_policy_node_name(policy, 0), "0c");
	assert_string_equal(ml_policy_node_name(policy, 1), "a");
	assert_string_equal(ml_policy_node_name(policy, 2), "b");
	ml_policy_free(policy);
}

/* A name that the policy takes is one that can be signed. */
static void names_pass_a_leaf(void **state)
{
	static const char *const names[] = {
		"alice", "0", "a.b_c-d", "Alice", "_x", "-x", ".x", "", "a b",
		"a234567890123456789012345678901234567890123456789012345678901234",
		"a2345678901234567890123456789012345678901234567890123456789012345",
	};
	struct ml_error error;
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ml_policy *policy = NULL;
		int length = snprintf(text, sizeof(text),
				      "{\"nodes\":{\"%s\":{\"addresses\":[\"10.0.0.2\"]}}}", names[i]);

		ml_policy_parse("policy", text, (size_t)length, &policy, &error);
		if ((policy != NULL) != ml_name_valid(names[i]))
			fail_msg("\"%s\" is %sa node's name, and %sa leaf's", names[i],
				 policy ? "" : "not ", policy ? "not " : "");
		ml_policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tailscale_syntax_loads),
		cmocka_unit_test(merlon_sections_load),
		cmocka_unit_test(errors_name_place_and_remedy),
		cmocka_unit_test(examples_pass_their_tests),
		cmocka_unit_test(documentation_is_true),
		cmocka_unit_test(order_never_matters),
		cmocka_unit_test(ids_outlive_addresses),
		cmocka_unit_test(failing_tests_are_found),
		cmocka_unit_test(groups_are_tested_whole),
		cmocka_unit_test(internet_is_public),
		cmocka_unit_test(internet_is_no_nodes),
		cmocka_unit_test(names_pass_a_leaf),
		cmocka_unit_test(owners_follow_the_longest_prefix),
		cmocka_unit_test(unknown_nodes_are_refused),
		cmocka_unit_test(nodes_are_in_canonical_order),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
