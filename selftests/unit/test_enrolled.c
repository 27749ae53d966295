// SPDX-License-Identifier: MIT
/* Nodes that did not come with the policy, and what they are held to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keys.h"
#include "policy.h"
#include "prefix.h"

static const char source[] =
	"{\"network\": {\"ipv4\": \"100.64.0.0/16\"},\n"
	" \"tagOwners\": {\"tag:web\": [\"a@example.org\"]},\n"
	" \"hosts\": {\"nas\": \"192.168.7.10\"},\n"
	" \"nodes\": {\"gate\": {\"addresses\": [\"100.64.0.1\"], \"routes\": [\"192.168.7.0/24\"]}},\n"
	" \"exit\": {\"nodes\": [\"gate\", \"old\"]},\n"
	" \"grants\": [{\"src\": [\"a@example.org\", \"old\"], \"dst\": [\"tag:web\"], \"ip\": [\"tcp:443\"]}],\n"
	" \"tests\": [{\"src\": \"old\", \"accept\": [\"tag:web:443\"]}]}\n";

static const uint8_t key[32] = { 9, 1 };
static const char *const tags[] = { "tag:web", "tag:web" };
static const char *const gone[] = { "old", "gate" };

static int setup(void **state)
{
	(void)state;
	return ml_keys_setup(NULL);
}

static int parse(const struct ml_policy_member *members, size_t count, struct ml_policy **ret,
		 struct ml_error *error)
{
	const struct ml_policy_enrolled enrolled = { members, count, gone, 2 };

	return ml_policy_parse_with("policy", source, strlen(source), &enrolled, ret, error);
}

static struct ml_prefix address(const char *text)
{
	struct ml_prefix prefix;

	assert_int_equal(ml_prefix_parse(text, &prefix), 0);
	return prefix;
}

static void refused(const struct ml_policy_member *members, size_t count, const char *want)
{
	struct ml_policy *policy = NULL;
	struct ml_error error;

	assert_int_equal(parse(members, count, &policy, &error), -EINVAL);
	assert_null(policy);
	if (!strstr(error.text, want) || !strstr(error.text, members[count - 1].name))
		fail_msg("wanted the node's name and \"%s\", found: %s", want, error.text);
}

static void enrolled_nodes_are_nodes(void **state)
{
	struct ml_prefix first = address("100.64.0.2"), second = address("100.64.0.3");
	const struct ml_policy_member members[] = {
		{ "web1", NULL, tags, 1, &second, 1, key, "192.0.2.1:51820" },
		{ "laptop", "a@example.org", NULL, 0, &first, 1, key, NULL },
	};
	struct ml_policy *policy;
	struct ml_error error;
	json_t *json, *peers;

	(void)state;
	if (parse(members, 2, &policy, &error))
		fail_msg("%s", error.text);
	assert_int_equal(ml_policy_node_count(policy), 3);
	assert_string_equal(ml_policy_node_name(policy, 1), "laptop");
	assert_true(ml_policy_has_address(policy, &(struct ml_prefix){ 2, 32, { 100, 64, 0, 1 } }));
	assert_false(ml_policy_has_address(policy, &first));
	assert_int_equal(ml_policy_pools(policy)->ipv4.length, 16);
	assert_int_equal(ml_policy_pools(policy)->ipv6.family, 0);
	assert_int_equal(ml_policy_test(policy, NULL, NULL, &error), 0);
	assert_int_equal(ml_policy_node_json(policy, "laptop", &json, &error), 0);
	peers = json_object_get(json, "peers");
	assert_string_equal(json_string_value(json_object_get(json_array_get(peers, 1), "endpoint")),
			    "192.0.2.1:51820");
	assert_string_equal(json_string_value(json_object_get(json_array_get(peers, 1), "publicKey")),
			    "CQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	json_decref(json);
	ml_policy_free(policy);
}

static void grants_reach_enrolled_nodes(void **state)
{
	struct ml_prefix first = address("100.64.0.2");
	const struct ml_policy_member member = { "laptop", "a@example.org", NULL, 0, &first, 1,
						 key, NULL };
	struct ml_policy *policy;
	struct ml_ruleset ruleset;
	struct ml_error error;
	size_t found = 0;

	(void)state;
	assert_int_equal(parse(&member, 1, &policy, &error), 0);
	assert_int_equal(ml_policy_ruleset(policy, "laptop", &ruleset, &error), 0);
	for (size_t i = 0; i < ruleset.set_count; i++)
		if (!strcmp(ruleset.sets[i].name, "a@example.org"))
			found = ruleset.sets[i].prefix_count;
	assert_int_equal(found, 1);
	ml_ruleset_free(&ruleset);
	ml_policy_free(policy);
}

static void what_nodes_are_held_to(void **state)
{
	struct ml_prefix good[2] = { address("100.64.0.2"), address("100.64.0.2") };
	struct ml_prefix taken = address("100.64.0.1"), net = address("100.64.2.0/24");
	struct ml_prefix loop = address("127.0.0.1");
	struct ml_policy_member m[2] = {
		{ "one", NULL, NULL, 0, good, 1, key, NULL },
		{ "two", NULL, NULL, 0, &taken, 1, key, NULL },
	};

	(void)state;
	refused(m, 2, "already claimed at line 4");
	m[1].addresses = good;
	refused(m, 2, "already claimed by the enrolled node \"one\"");
	m[1].addresses = &net;
	refused(m, 2, "no node can have");
	m[1].addresses = &loop;
	refused(m, 2, "no node can have");
	m[1].address_count = 0;
	refused(m, 2, "no address");
	m[0] = (struct ml_policy_member){ "gate", NULL, NULL, 0, good, 1, key, NULL };
	refused(m, 1, "defines at line 4");
	m[0].name = "nas";
	refused(m, 1, "defines at line 3");
	m[0].name = "Upper";
	refused(m, 1, "a name has");
	m[0].name = "10.0.0.1";
	refused(m, 1, "address");
	m[0].name = "one";
	m[0].owner = "nobody";
	refused(m, 1, "email");
	m[0].owner = "a@example.org";
	m[0].tags = tags;
	m[0].tag_count = 1;
	refused(m, 1, "one of them");
	m[0].owner = NULL;
	m[0].tag_count = 2;
	refused(m, 1, "twice");
	m[0].tags = (const char *const[]){ "tag:db" };
	m[0].tag_count = 1;
	refused(m, 1, "tagOwners");
	m[0].tag_count = 0;
	m[0].endpoint = "nowhere";
	refused(m, 1, "endpoint");
	m[1] = m[0] = (struct ml_policy_member){ "one", NULL, NULL, 0, good, 1, key, NULL };
	refused(m, 2, "there twice");
}

/* What is said of a node that has left means nobody, and is still no mistake. */
static void the_gone_are_nobody(void **state)
{
	struct ml_policy *policy = NULL;
	struct ml_ruleset ruleset;
	struct ml_error error;

	(void)state;
	assert_int_equal(ml_policy_parse("policy", source, strlen(source), &policy, &error), -EINVAL);
	assert_non_null(strstr(error.text, "\"old\" is not defined"));
	assert_int_equal(parse(NULL, 0, &policy, &error), 0);
	assert_int_equal(ml_policy_node_count(policy), 1);
	assert_int_equal(ml_policy_test(policy, NULL, NULL, &error), 0);
	assert_int_equal(ml_policy_ruleset(policy, "gate", &ruleset, &error), 0);
	for (size_t i = 0; i < ruleset.set_count; i++)
		assert_int_equal(ruleset.sets[i].prefix_count, 0);
	ml_ruleset_free(&ruleset);
	ml_policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enrolled_nodes_are_nodes),
		cmocka_unit_test(grants_reach_enrolled_nodes),
		cmocka_unit_test(what_nodes_are_held_to),
		cmocka_unit_test(the_gone_are_nobody),
	};

	return cmocka_run_group_tests_name("enrolled", tests, setup, NULL);
}
