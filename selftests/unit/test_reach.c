// SPDX-License-Identifier: MIT
/*
 * Who reaches whom, against a plain judge: every pair of nodes, every rule, every
 * pair of prefixes. And what a node that knows only those it reaches says of a
 * packet is what one that knows all nodes says.
 */
#include <errno.h>
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

#include "../oracle/random_ruleset.h"
#include "generate.h"
#include "keys.h"
#include "policy_model.h"
#include "policy_reach.h"
#include "policy_text.h"
#include "prefix.h"

#define NODES 24
#define ROUNDS 60

static int setup(void **state)
{
	(void)state;
	return ml_keys_setup(NULL);
}

/* ----------------------------------------------------------- a random policy */

static const char *const selectors[] = {
	"tag:a", "tag:b", "tag:c", "u1@x", "u2@x", "u3@x", "group:g", "n3", "n7", "lan5",
	"autogroup:member", "autogroup:tagged", "100.64.0.5", "100.64.0.0/29", "fd00::9",
	"192.168.5.9", "192.168.0.0/20", "ipset:few", "*", "autogroup:internet",
};

#define SELECTORS (sizeof(selectors) / sizeof(selectors[0]))

static void list_write(struct ml_text *out, struct chance *chance, const char *key, size_t from,
		       size_t below)
{
	uint32_t count = 1 + chance_below(chance, 2);

	ml_text_format(out, "\"%s\": [", key);
	for (uint32_t i = 0; i < count; i++)
		ml_text_format(out, "%s\"%s\"", i ? ", " : "",
			       selectors[from + chance_below(chance, (uint32_t)(below - from))]);
	ml_text_add(out, "]");
}

static void rules_write(struct ml_text *out, struct chance *chance, const char *section)
{
	uint32_t count = 1 + chance_below(chance, 6);

	ml_text_format(out, "\"%s\": [", section);
	for (uint32_t i = 0; i < count; i++) {
		ml_text_add(out, "{");
		list_write(out, chance, "src", 0, SELECTORS - 2);
		ml_text_add(out, ", ");
		list_write(out, chance, "dst", 0, chance_one_in(chance, 4) ? SELECTORS :
									     SELECTORS - 2);
		ml_text_format(out, ", \"ip\": [\"tcp:%u\"]},", 80 + chance_below(chance, 3));
	}
	ml_text_add(out, "],\n");
}

static void node_write(struct ml_text *out, struct chance *chance, unsigned int number)
{
	static const char *const owners[] = {
		"\"tags\": [\"tag:a\"]", "\"tags\": [\"tag:b\"]", "\"tags\": [\"tag:a\", \"tag:c\"]",
		"\"user\": \"u1@x\"", "\"user\": \"u2@x\"", "\"tags\": []",
	};

	ml_text_format(out, "\"n%u\": {\"addresses\": [\"100.64.0.%u\", \"fd00::%u\"], %s", number,
		       number + 1, number + 1, owners[chance_below(chance, 6)]);
	if (number % 8 == 5)
		ml_text_format(out, ", \"routes\": [\"192.168.%u.0/24\"%s]", number,
			       number == 13 ? ", \"0.0.0.0/0\"" : "");
	ml_text_add(out, "},\n");
}

static struct ml_policy *policy_random(struct chance *chance)
{
	struct ml_text out = { 0 };
	struct ml_policy *policy = NULL;
	struct ml_error error;

	ml_text_add(&out, "{\"tagOwners\": {\"tag:a\": [], \"tag:b\": [], \"tag:c\": []},\n"
		    "\"groups\": {\"group:g\": [\"u1@x\", \"u3@x\"]},\n"
		    "\"hosts\": {\"lan5\": \"192.168.5.0/28\"},\n"
		    "\"ipsets\": {\"ipset:few\": [\"add 100.64.0.8/30\", \"add host:lan5\"]},\n"
		    "\"nodes\": {");
	for (unsigned int i = 0; i < NODES; i++)
		node_write(&out, chance, i);
	ml_text_add(&out, "},\n");
	rules_write(&out, chance, "grants");
	rules_write(&out, chance, "deny");
	ml_text_add(&out, "}");
	if (ml_policy_parse("random", out.data, out.length, &policy, &error))
		fail_msg("%s\n%s", error.text, out.data);
	ml_text_clean(&out);
	return policy;
}

/* ---------------------------------------------------------------- the judge */

static bool claims_meet(const struct ml_prefix *prefixes, size_t count, const struct ml_set *set)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < set->prefix_count; j++)
			if (ml_prefix_contains(&prefixes[i], &set->prefixes[j]) ||
			    ml_prefix_contains(&set->prefixes[j], &prefixes[i]))
				return true;
	return false;
}

/* What means nodes means them by their addresses; by the longest prefix nobody else gets those. */
static bool means_nodes(const struct ml_set *set)
{
	static const char *const beginnings[] = { "tag:", "u", "group:", "n", "autogroup:member",
						  "autogroup:tagged" };

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (!strncmp(set->name, beginnings[i], strlen(beginnings[i])))
			return true;
	return false;
}

static bool node_meets(const struct policy_node *node, const struct ml_ruleset *whole,
		       const uint32_t *sets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct ml_set *set = &whole->sets[sets[i]];

		if (set->any || claims_meet(node->addresses, node->address_count, set) ||
		    (!means_nodes(set) && claims_meet(node->routes, node->route_count, set)))
			return true;
	}
	return false;
}

static bool plainly_leads(const struct policy_node *from, const struct policy_node *to,
			  const struct ml_ruleset *whole)
{
	for (size_t i = 0; i < whole->rule_count; i++) {
		const struct ml_rule *rule = &whole->rules[i];

		if (rule->action == MERLON_ACTION_ALLOW &&
		    node_meets(from, whole, rule->sources, rule->source_count) &&
		    node_meets(to, whole, rule->destinations, rule->destination_count))
			return true;
	}
	return false;
}

static bool knows(const struct policy_others *others, const struct policy_node *node)
{
	for (size_t i = 0; i < others->count; i++)
		if (others->items[i] == node)
			return true;
	return false;
}

static size_t reach_check(const struct ml_policy *policy, const struct ml_policy_reach *reach,
			  uint32_t rank, const struct ml_ruleset *whole)
{
	const struct policy_node *node = ml_policy_node_at(policy, rank), *other;
	struct policy_others others;
	size_t count;

	assert_int_equal(ml_policy_others_of(reach, rank, &others), 0);
	count = others.count;
	assert_int_equal(count, ml_policy_reach_count(reach, rank));
	for (uint32_t i = 0; i < NODES; i++) {
		other = ml_policy_node_at(policy, i);
		if (other == node)
			continue;
		if (knows(&others, other) != (plainly_leads(node, other, whole) ||
					      plainly_leads(other, node, whole)))
			fail_msg("%s and %s", node->name, other->name);
	}
	ml_policy_others_clean(&others);
	return count;
}

static void reach_is_what_grants_say(void **state)
{
	struct chance chance = { .state = 1 };
	size_t known = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct ml_policy *policy = policy_random(&chance);
		struct ml_policy_reach *reach;
		struct ml_ruleset whole;
		struct ml_error error;

		assert_int_equal(ml_policy_reach_build(policy, &reach, &error), 0);
		assert_int_equal(ml_policy_ruleset(policy, NULL, &whole, &error), 0);
		for (uint32_t rank = 0; rank < NODES; rank++)
			known += reach_check(policy, reach, rank, &whole);
		ml_ruleset_free(&whole);
		ml_policy_reach_free(reach);
		ml_policy_free(policy);
	}
	/* Some, and not all: else there was nothing to tell apart. */
	assert_in_range(known, ROUNDS * NODES, ROUNDS * NODES * (NODES - 1) * 9 / 10);
}

/* ------------------------------------------------------------------ verdicts */

static uint64_t verdict(const struct ml_ruleset *ruleset, const struct ml_prefix *from,
			const struct ml_prefix *to, uint16_t port)
{
	struct ml_packet packet = { .family = from->family, .protocol = 6, .selector = port };
	size_t winner, room = 0;

	memcpy(packet.source, from->address, 16);
	memcpy(packet.destination, to->address, 16);
	ml_ruleset_match(ruleset, &packet, &winner, NULL, &room);
	return winner == SIZE_MAX ? 0 : ruleset->rules[winner].id;
}

static bool allows(const struct ml_ruleset *ruleset, uint64_t id)
{
	for (size_t i = 0; i < ruleset->rule_count; i++)
		if (ruleset->rules[i].id == id)
			return ruleset->rules[i].action == MERLON_ACTION_ALLOW;
	return false;
}

/* What no grant speaks of may be denied by a rule in one view and by none in the other. */
static void same_verdict(const struct ml_ruleset *whole, const struct ml_ruleset *part,
			 const struct ml_prefix *from, const struct ml_prefix *to)
{
	for (uint16_t port = 79; port < 84; port++) {
		uint64_t wanted = verdict(whole, from, to, port), found = verdict(part, from, to, port);
		char a[ML_PREFIX_TEXT], b[ML_PREFIX_TEXT];

		if (allows(whole, wanted) != allows(part, found) ||
		    (allows(whole, wanted) && wanted != found))
			fail_msg("%s to %s port %u", ml_prefix_format(from, a),
				 ml_prefix_format(to, b), port);
	}
}

static size_t verdicts_check(const struct ml_policy *policy, const struct ml_policy_reach *reach,
			     uint32_t rank, const struct ml_ruleset *whole)
{
	const struct policy_node *node = ml_policy_node_at(policy, rank), *other;
	struct ml_prefix behind = { AF_INET, 32, { 192, 168, 5, 9 } };
	struct ml_ruleset part;
	struct ml_error error;
	size_t rules;

	assert_int_equal(ml_policy_ruleset_of(reach, rank, &part, &error), 0);
	for (uint32_t i = 0; i < NODES; i++) {
		other = ml_policy_node_at(policy, i);
		for (size_t j = 0; j < node->address_count && other != node; j++) {
			same_verdict(whole, &part, &node->addresses[j], &other->addresses[j]);
			same_verdict(whole, &part, &other->addresses[j], &node->addresses[j]);
		}
		if (strcmp(node->name, "n5") || other == node)
			continue;
		same_verdict(whole, &part, &behind, &other->addresses[0]);
		same_verdict(whole, &part, &other->addresses[0], &behind);
	}
	rules = part.rule_count;
	ml_ruleset_free(&part);
	return rules;
}

static void a_part_judges_as_the_whole(void **state)
{
	struct chance chance = { .state = 2 };
	size_t rules = 0, all = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct ml_policy *policy = policy_random(&chance);
		struct ml_policy_reach *reach;
		struct ml_ruleset whole;
		struct ml_error error;

		assert_int_equal(ml_policy_reach_build(policy, &reach, &error), 0);
		assert_int_equal(ml_policy_ruleset(policy, NULL, &whole, &error), 0);
		for (uint32_t rank = 0; rank < NODES; rank++)
			rules += verdicts_check(policy, reach, rank, &whole);
		all += NODES * whole.rule_count;
		ml_ruleset_free(&whole);
		ml_policy_reach_free(reach);
		ml_policy_free(policy);
	}
	assert_in_range(rules, all / 10, all * 9 / 10);
}

/* --------------------------------------------------------------- generations */

static const char small[] =
	"{\"network\": {\"ipv4\": \"100.64.0.0/16\"},\n"
	" \"tagOwners\": {\"tag:a\": [], \"tag:b\": []},\n"
	" \"grants\": [{\"src\": [\"tag:a\"], \"dst\": [\"tag:a\"], \"ip\": [\"tcp:1\"]},\n"
	"              {\"src\": [\"tag:b\"], \"dst\": [\"tag:b\"], \"ip\": [\"tcp:2\"]}]}\n";

/* Another one for tag:b alone. */
static const char other[] =
	"{\"network\": {\"ipv4\": \"100.64.0.0/16\"},\n"
	" \"tagOwners\": {\"tag:a\": [], \"tag:b\": []},\n"
	" \"grants\": [{\"src\": [\"tag:a\"], \"dst\": [\"tag:a\"], \"ip\": [\"tcp:1\"]},\n"
	"              {\"src\": [\"tag:b\"], \"dst\": [\"tag:b\"], \"ip\": [\"tcp:3\"]}]}\n";

static const char *const tag_a[] = { "tag:a" }, *const tag_b[] = { "tag:b" };

static struct ml_generation *generate(const char *text, struct ml_policy_member *members,
				      size_t count, const struct ml_generation *before,
				      struct ml_blocks *blocks)
{
	const struct ml_policy_enrolled enrolled = { members, count, NULL, 0 };
	struct ml_generation *generation;
	struct ml_policy *policy;
	struct ml_error error;

	if (ml_policy_parse_with("small", text, strlen(text), &enrolled, &policy, &error) ||
	    ml_generation_build(policy, "net", before, blocks, &generation, &error))
		fail_msg("%s", error.text);
	ml_policy_free(policy);
	return generation;
}

static void only_what_changed_is_made(void **state)
{
	struct ml_prefix addresses[6];
	uint8_t keys[6][32] = { { 0 } };
	char names[6][4];
	struct ml_policy_member members[6];
	struct ml_blocks *blocks = ml_blocks_new();
	struct ml_generation *first, *second, *again;

	(void)state;
	for (uint8_t i = 0; i < 6; i++) {
		ml_prefix_host(AF_INET, (uint8_t[]){ 100, 64, 0, i + 1 }, &addresses[i]);
		keys[i][0] = i;
		snprintf(names[i], sizeof(names[i]), "n%u", i);
		members[i] = (struct ml_policy_member){ names[i], NULL, i < 3 ? tag_a : tag_b, 1,
							&addresses[i], 1, keys[i], NULL };
	}
	first = generate(small, members, 5, NULL, blocks);
	assert_int_equal(first->changed, 5);
	again = generate(small, members, 5, first, blocks);
	assert_int_equal(again->changed, 0);
	second = generate(small, members, 6, again, blocks);	/* n5 is of tag:b, with n3 and n4 */
	assert_int_equal(second->changed, 3);
	assert_false(second->nodes[ml_generation_find(second, "n0")].changed);
	assert_true(second->nodes[ml_generation_find(second, "n3")].changed);
	assert_int_equal(ml_generation_find(second, "n9"), SIZE_MAX);
	ml_generation_free(again);
	again = generate(other, members, 6, second, blocks);
	assert_int_equal(again->changed, 3);
	assert_false(again->nodes[ml_generation_find(again, "n0")].changed);
	assert_true(again->nodes[ml_generation_find(again, "n5")].changed);
	ml_generation_free(again);
	keys[0][5] = 1;						/* another key of n0 */
	again = generate(small, members, 6, second, blocks);
	assert_int_equal(again->changed, 3);
	ml_generation_free(again);
	ml_generation_free(first);
	ml_generation_free(second);
	assert_int_equal(ml_blocks_count(blocks), 0);
	ml_blocks_free(blocks);
}

static void bundles_are_verified(void **state)
{
	struct ml_prefix address = { AF_INET, 32, { 100, 64, 0, 1 } };
	static const uint8_t public[32] = { 9 };
	struct ml_policy_member member = { "n0", NULL, tag_a, 1, &address, 1, public, NULL };
	struct ml_statement statement = { .network = "net", .serial = 1, .expires = 100 };
	struct ml_trust trust = { .network = "net", .node = "n0", .key_count = 1 };
	struct ml_blocks *blocks = ml_blocks_new();
	struct ml_generation *generation = generate(small, &member, 1, NULL, blocks);
	struct ml_bytes envelope, file;
	struct ml_secret_key *key;
	struct ml_bundle bundle;
	uint8_t *signed_, *bytes;
	struct ml_error error;

	(void)state;
	assert_int_equal(ml_secret_key_generate(&key, &error), 0);
	ml_secret_key_public(key, &trust.keys[0]);
	assert_int_equal(ml_statement_sign_tree(&statement, generation->tree, key, &signed_,
						&envelope.length, &error), 0);
	envelope.data = signed_;
	assert_int_equal(ml_generation_bundle(generation, envelope, 0, &bytes, &file.length,
					      &error), 0);
	file.data = bytes;
	if (ml_bundle_verify(file, &trust, &bundle, &error))
		fail_msg("%s", error.text);
	assert_string_equal(bundle.node, "n0");
	free(bytes);
	free(signed_);
	ml_secret_key_free(key);
	ml_generation_free(generation);
	ml_blocks_free(blocks);
}

/* Equal blocks are one, for as long as anybody holds it. */
static void blocks_are_kept_once(void **state)
{
	struct ml_blocks *blocks = ml_blocks_new();
	struct ml_block *many[3000], *twice;

	(void)state;
	for (uint32_t i = 0; i < 3000; i++)
		assert_non_null(many[i] = ml_blocks_put(blocks, &i, sizeof(i)));
	for (uint32_t i = 0; i < 3000; i += 7) {
		twice = ml_blocks_put(blocks, &i, sizeof(i));
		assert_ptr_equal(twice, many[i]);
		ml_blocks_drop(blocks, twice);
	}
	assert_int_equal(ml_blocks_count(blocks), 3000);
	assert_int_equal(ml_blocks_bytes(blocks), 12000);
	for (uint32_t i = 0; i < 3000; i++)
		ml_blocks_drop(blocks, many[i]);
	assert_int_equal(ml_blocks_count(blocks), 0);
	ml_blocks_free(blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reach_is_what_grants_say),
		cmocka_unit_test(a_part_judges_as_the_whole),
		cmocka_unit_test(only_what_changed_is_made),
		cmocka_unit_test(bundles_are_verified),
		cmocka_unit_test(blocks_are_kept_once),
	};

	return cmocka_run_group_tests_name("reach", tests, setup, NULL);
}
