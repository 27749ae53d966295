// SPDX-License-Identifier: MIT
/* The rules block: what is written can be read, and only what is canonical. */
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

#include "policy.h"
#include "policy_service.h"
#include "rules.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *const policy_text =
	"{\"groups\":{\"group:g\":[\"a@x\"]},\"hosts\":{\"nas\":\"192.168.1.9\"},"
	"\"nodes\":{\"gate\":{\"addresses\":[\"10.0.0.1\",\"fd00::1\"],\"ignoreTunnels\":[\"wg9\"]},"
	"\"alice\":{\"user\":\"a@x\",\"addresses\":[\"10.0.0.2\",\"fd00::2\"],\"routes\":[\"10.2.0.0/16\"]}},"
	"\"grants\":[{\"src\":[\"group:g\",\"10.9.0.0/16\"],\"dst\":[\"*\"],\"ip\":[\"tcp:22\",\"icmp:*\"]},"
	"{\"src\":[\"*\"],\"dst\":[\"nas\"],\"ip\":[\"udp:53\"]}],"
	"\"deny\":[{\"src\":[\"*\"],\"dst\":[\"nas\"]}]}";

static void ruleset_make(struct ml_ruleset *ret)
{
	struct ml_policy *policy;
	struct ml_error error;

	if (ml_policy_parse("policy", policy_text, strlen(policy_text), &policy, &error) ||
	    ml_policy_ruleset(policy, "gate", ret, &error))
		fail_msg("%s", error.text);
	ml_policy_free(policy);
}

static char *block_make(void)
{
	struct ml_ruleset ruleset;
	struct ml_error error;
	char *block;
	size_t length;

	ruleset_make(&ruleset);
	if (ml_rules_format(&ruleset, &block, &length, &error))
		fail_msg("%s", error.text);
	assert_int_equal(strlen(block), length);
	ml_ruleset_free(&ruleset);
	return block;
}

static void assert_same_rule(const struct ml_rule *a, const struct ml_rule *b)
{
	assert_true(a->id == b->id);
	assert_int_equal(a->action, b->action);
	assert_int_equal(a->line, b->line);
	assert_string_equal(a->text, b->text);
	assert_int_equal(a->source_count, b->source_count);
	assert_memory_equal(a->sources, b->sources, a->source_count * sizeof(*a->sources));
	assert_int_equal(a->destination_count, b->destination_count);
	assert_memory_equal(a->destinations, b->destinations,
			    a->destination_count * sizeof(*a->destinations));
	assert_int_equal(a->service_count, b->service_count);
	assert_memory_equal(a->services, b->services, a->service_count * sizeof(*a->services));
}

static void assert_same_set(const struct ml_set *a, const struct ml_set *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->any, b->any);
	assert_int_equal(a->prefix_count, b->prefix_count);
	if (a->prefix_count)
		assert_memory_equal(a->prefixes, b->prefixes,
				    a->prefix_count * sizeof(*a->prefixes));
}

static void everything_comes_back(void **state)
{
	struct ml_ruleset a, b;
	struct ml_error error;
	char *block = block_make();

	(void)state;
	ruleset_make(&a);
	if (ml_rules_parse(block, strlen(block), &b, &error))
		fail_msg("%s", error.text);
	assert_int_equal(a.set_count, b.set_count);
	for (size_t i = 0; i < a.set_count; i++)
		assert_same_set(&a.sets[i], &b.sets[i]);
	assert_int_equal(a.rule_count, 3);
	assert_int_equal(a.rule_count, b.rule_count);
	for (size_t i = 0; i < a.rule_count; i++)
		assert_same_rule(&a.rules[i], &b.rules[i]);
	assert_int_equal(b.tunnel_count, 2);
	assert_memory_equal(a.tunnels, b.tunnels, 2 * sizeof(*a.tunnels));
	assert_int_equal(b.owner_count, 3);
	assert_memory_equal(a.owners, b.owners, 3 * sizeof(*a.owners));
	assert_int_equal(a.name_count, b.name_count);
	for (size_t i = 0; i < a.name_count; i++)
		assert_string_equal(a.names[i].name, b.names[i].name);
	assert_int_equal(a.reject_unmatched, b.reject_unmatched);
	ml_ruleset_free(&a);
	ml_ruleset_free(&b);
	free(block);
}

/* @block with the first @from made @to; fails if there is none. */
static char *replaced(const char *block, const char *from, const char *to)
{
	const char *at = strstr(block, from);
	size_t room = strlen(block) + strlen(to) + 1;
	char *out = malloc(room);

	if (!at)
		fail_msg("no %s in %s", from, block);
	assert_non_null(out);
	snprintf(out, room, "%.*s%s%s", (int)(at - block), block, to, at + strlen(from));
	return out;
}

struct damage_case {
	const char *from, *to;
};

/* No damage is taken, and each is spoken of. Frees the block. */
static void assert_all_refused(char *block, const struct damage_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *damaged = replaced(block, cases[i].from, cases[i].to);
		struct ml_ruleset ruleset;
		struct ml_error error = { 0 };

		if (ml_rules_parse(damaged, strlen(damaged), &ruleset, &error) != -EBADMSG)
			fail_msg("%s for %s was taken", cases[i].to, cases[i].from);
		assert_true(error.code == -EBADMSG && error.text[0]);
		free(damaged);
	}
	free(block);
}

static void damage_is_refused(void **state)
{
	static const struct damage_case cases[] = {
		{ "\"format\":1", "\"format\":2" },
		{ "\"format\":1", "\"format\":1,\"more\":1" },
		{ "\"format\":1,", "" },
		{ "\"rejectUnmatched\":false", "\"rejectUnmatched\":0" },
		{ "\"lines\":[", "\"lines\":[1," },
		{ "\"lines\":[1", "\"lines\":[-1" },
		{ "\"lines\":[1", "\"lines\":[4294967296" },
		{ "\"action\":\"allow\"", "\"action\":\"permit\"" },
		{ "\"action\":\"allow\"", "\"action\":\"drop\"" },	/* another id: out of order */
		{ "\"action\":\"allow\",", "" },
		{ "\"action\":\"allow\",", "\"action\":\"allow\",\"x\":1," },
		{ "\"dst\":[\"nas\"]", "\"dst\":[]" },
		{ "\"dst\":[\"nas\"]", "\"dst\":[\"nobody\"]" },
		{ "\"dst\":[\"nas\"]", "\"dst\":[\"nas\",\"nas\"]" },
		{ "\"dst\":[\"nas\"]", "\"dst\":[7]" },
		{ "\"src\":[\"10.9.0.0/16\",\"group:g\"]", "\"src\":[\"group:g\",\"10.9.0.0/16\"]" },
		{ "\"ip\":[\"*:*\"]", "\"ip\":[]" },
		{ "\"ip\":[\"udp:53\"]", "\"ip\":[\"udp:65536\"]" },
		{ "\"ip\":[\"udp:53\"]", "\"ip\":[null]" },
		{ "[\"*\",true]", "[\"*\",false]" },
		{ "[\"*\",true]", "[\"*\"]" },
		{ "[\"*\",true],", "" },
		{ "[\"*\",true]", "[\"\",true]" },
		{ "[\"*\",true]", "[\"*\",true],[\"*\",true]" },
		{ "[\"nas\",[\"192.168.1.9\"]]", "[\"nas\",[\"192.168.1.9\",\"192.168.1.8\"]]" },
		{ "[\"nas\",[\"192.168.1.9\"]]", "[\"nas\",[\"192.168.1.9\",\"192.168.1.9\"]]" },
		{ "[\"nas\",[\"192.168.1.9\"]]", "[\"nas\",[\"192.168.1.9/24\"]]" },
		{ "[\"nas\",[\"192.168.1.9\"]]", "[\"nas\",[\"nas\"]]" },
		{ "[\"nas\",[\"192.168.1.9\"]]", "[\"nas\",{}]" },
		{ "[\"wg0\",false]", "[\"wg0\",1]" },
		{ "[\"wg0\",false]", "[\"wg9\",false]" },
		{ "[\"wg0\",false]", "[\"\",false]" },
		{ "[\"wg0\",false]", "[\"w/0\",false]" },
		{ "[\"wg0\",false]", "[\"a-name-that-is-too-long\",false]" },
		{ "[\"10.0.0.2\",1]", "[\"10.0.0.2\",0]" },
		{ "[\"10.0.0.2\",1]", "[\"10.0.0.2\",3]" },
		{ "[\"10.0.0.2\",1]", "[\"10.0.0.2\",2]" },		/* an ignored one */
		{ "[\"10.0.0.2\",1]", "[\"10.3.0.0/16\",1]" },		/* out of order */
		{ "[\"10.0.0.2\",1]", "[\"10.0.0.2\"]" },
		{ "[\"10.0.0.1\",\"gate\"]", "[\"10.0.0.1\",\"\"]" },
		{ "[\"10.0.0.1\",\"gate\"]", "[\"10.0.0.2\",\"gate\"]" },
		{ "[\"10.0.0.1\",\"gate\"]", "[\"10.0.0.1\",7]" },
		{ "{", "{\"format\":1," },
		{ "{", "[" },
	};

	(void)state;
	assert_all_refused(block_make(), cases, LENGTH(cases));
}

/* ------------------------------------------------------------------- guard */

static const char *const guarded_text =
	"{\"hosts\":{\"nas\":\"192.168.1.9\"},\"guard\":{\"scope\":\"everything\",\"unmatched\":\"reject\",\"allow\":["
	"{\"dst\":[\"nas\"],\"ip\":[\"tcp:22\"],\"device\":\"eth0\",\"user\":7,\"cgroup\":\"/a/b\"},"
	"{\"dst\":[\"*\"],\"ip\":[\"udp:123\"],\"device\":\"eth1\",\"user\":9,\"cgroup\":\"/a-c\"},\"lan\"]},"
	"\"dns\":{\"guard\":true,\"nameservers\":[{\"address\":\"192.0.2.1\",\"device\":\"wg0\"}],\"doh\":[]}}";

static void guarded_make(struct ml_ruleset *ret)
{
	struct ml_policy *policy;
	struct ml_error error;

	if (ml_policy_parse("policy", guarded_text, strlen(guarded_text), &policy, &error) ||
	    ml_policy_ruleset(policy, NULL, ret, &error))
		fail_msg("%s", error.text);
	ml_policy_free(policy);
}

static char *guarded_block(void)
{
	struct ml_ruleset ruleset;
	struct ml_error error;
	char *block;
	size_t length;

	guarded_make(&ruleset);
	if (ml_rules_format(&ruleset, &block, &length, &error))
		fail_msg("%s", error.text);
	ml_ruleset_free(&ruleset);
	return block;
}

static void guard_comes_back(void **state)
{
	struct ml_ruleset a, b;
	struct ml_error error;
	char *block = guarded_block();

	(void)state;
	guarded_make(&a);
	if (ml_rules_parse(block, strlen(block), &b, &error))
		fail_msg("%s", error.text);
	assert_non_null(b.guard);
	assert_int_equal(b.guard->device_count, 3);
	assert_memory_equal(a.guard->devices, b.guard->devices, 3 * sizeof(*a.guard->devices));
	assert_int_equal(b.guard->user_count, 2);
	assert_memory_equal(a.guard->users, b.guard->users, 2 * sizeof(*a.guard->users));
	assert_int_equal(b.guard->cgroup_count, 2);
	assert_memory_equal(a.guard->cgroups, b.guard->cgroups, 2 * sizeof(*a.guard->cgroups));
	assert_true(b.guard->rules.of_guard);
	assert_int_equal(b.guard->rules.rule_count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_same_rule(&a.guard->rules.rules[i], &b.guard->rules.rules[i]);
	assert_int_equal(a.guard->rules.set_count, b.guard->rules.set_count);
	for (size_t i = 0; i < a.guard->rules.set_count; i++)
		assert_same_set(&a.guard->rules.sets[i], &b.guard->rules.sets[i]);
	ml_ruleset_free(&a);
	ml_ruleset_free(&b);
	free(block);
}

static void damaged_guard_is_refused(void **state)
{
	static const struct damage_case cases[] = {
		{ "\"guard\":{", "\"gaurd\":{" },
		{ "\"guard\":{", "\"guard\":null,\"x\":{" },
		{ "\"guard\":{", "\"guard\":{\"x\":1," },
		{ "\"cgroups\":[\"/a-c\",\"/a/b\"]", "\"cgroups\":[\"/a/b\",\"/a-c\"]" },
		{ "\"/a/b\"],\"devices\"", "\"/a-c/b\"],\"devices\"" },
		{ "\"/a/b\"],\"devices\"", "\"/a/\"],\"devices\"" },
		{ "\"/a/b\"],\"devices\"", "\"a/b\"],\"devices\"" },
		{ "\"eth0\",\"eth1\"", "\"eth1\",\"eth0\"" },
		{ "\"eth0\",\"eth1\"", "\"eth1\",\"eth1\"" },
		{ "\"eth0\",\"eth1\"", "\"eth0eth0eth0eth0\",\"eth1\"" },
		{ "\"eth0\",\"eth1\"", "\"eth 0\",\"eth1\"" },
		{ "\"eth0\",\"eth1\"", "0,\"eth1\"" },
		{ "\"users\":[7,9]", "\"users\":[9,7]" },
		{ "\"users\":[7,9]", "\"users\":[7,7]" },
		{ "\"users\":[7,9]", "\"users\":[7,4294967295]" },
		{ "\"users\":[7,9]", "\"users\":[-1,9]" },
		{ "\"users\":[7,9]", "\"users\":[\"7\",9]" },
		{ "\"lines\":[", "\"lines\":[1," },
		{ "\"guard\":\"allow\"", "\"guard\":\"permit\"" },
		{ "\"guard\":\"allow\"", "\"guard\":\"drop\"" },
		{ "\"guard\":\"allow\"", "\"action\":\"allow\"" },	/* a grant */
		{ "\"dst\":[\"nas\"]", "\"dst\":[\"sam\"]" },
		{ "[\"nas\",[\"192.168.1.9\"]]", "[\"nas\",[\"192.168.1.9/24\"]]" },
	};

	(void)state;
	assert_all_refused(guarded_block(), cases, LENGTH(cases));
}

/* What the image's second part cannot be made of is not written. */
static void odd_guards_are_not_written(void **state)
{
	struct ml_ruleset ruleset;
	struct ml_error error;
	char *block;
	size_t length, count;

	(void)state;
	guarded_make(&ruleset);
	count = ruleset.guard->rules.rule_count;
	ruleset.guard->rules.rule_count = 0;
	assert_int_equal(ml_rules_format(&ruleset, &block, &length, &error), -EINVAL);
	ruleset.guard->rules.rule_count = count;
	ruleset.guard->rules.reject_unmatched = true;
	assert_int_equal(ml_rules_format(&ruleset, &block, &length, &error), -EINVAL);
	ruleset.guard->rules.reject_unmatched = false;
	ruleset.guard->rules.of_guard = false;
	assert_int_equal(ml_rules_format(&ruleset, &block, &length, &error), -EINVAL);
	ruleset.guard->rules.of_guard = true;
	assert_int_equal(ml_rules_format(&ruleset, &block, &length, &error), 0);
	ml_ruleset_free(&ruleset);
	free(block);
}

static void truncation_is_refused(void **state)
{
	char *block = block_make();
	struct ml_ruleset ruleset;

	(void)state;
	for (size_t i = 0; i < strlen(block); i++) {
		char *cut = strndup(block, i);

		assert_int_equal(ml_rules_parse(cut, i, &ruleset, NULL), -EBADMSG);
		free(cut);
	}
	free(block);
}

/* A block that is read is the same block when it is written, whatever bit was turned. */
static void turned_bits_do_not_pass_unseen(void **state)
{
	char *block = block_make();
	size_t length = strlen(block);

	(void)state;
	for (size_t bit = 0; bit < 8 * length; bit++) {
		struct ml_ruleset ruleset;
		char *again;
		size_t again_length;

		block[bit / 8] ^= (char)(1 << bit % 8);
		if (!ml_rules_parse(block, length, &ruleset, NULL)) {
			assert_int_equal(ml_rules_format(&ruleset, &again, &again_length, NULL), 0);
			free(again);
			ml_ruleset_free(&ruleset);
		}
		block[bit / 8] ^= (char)(1 << bit % 8);
	}
	free(block);
}

typedef void damage(struct ml_ruleset *ruleset);

static void damage_id(struct ml_ruleset *ruleset) { ruleset->rules[0].id ^= 1; }
static void damage_text(struct ml_ruleset *ruleset) { ruleset->rules[1].text[2] = 'A'; }
static void damage_action(struct ml_ruleset *ruleset) { ruleset->rules[0].action = 0; }
static void damage_source(struct ml_ruleset *ruleset) { ruleset->rules[0].sources[0] = 99; }
static void damage_service(struct ml_ruleset *ruleset) { ruleset->rules[0].services[0].first = 65535; }
static void damage_family(struct ml_ruleset *ruleset) { ruleset->names[0].prefix.family = 3; }
static void damage_length(struct ml_ruleset *ruleset) { ruleset->owners[0].prefix.length = 33; }
static void damage_host_bits(struct ml_ruleset *ruleset) { ruleset->owners[0].prefix.length = 8; }
static void damage_tail(struct ml_ruleset *ruleset) { ruleset->owners[0].prefix.address[9] = 1; }
static void damage_tunnel(struct ml_ruleset *ruleset) { memset(ruleset->tunnels[0].name, 'x', 16); }
static void damage_any(struct ml_ruleset *ruleset) { ruleset->sets[1].any = true; }

static void odd_rulesets_are_not_written(void **state)
{
	static damage *const damages[] = {
		damage_id, damage_text, damage_action, damage_source, damage_service, damage_family,
		damage_length, damage_host_bits, damage_tail, damage_tunnel, damage_any,
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(damages); i++) {
		struct ml_ruleset ruleset;
		struct ml_error error = { 0 };
		char *block;
		size_t length;

		ruleset_make(&ruleset);
		damages[i](&ruleset);
		if (ml_rules_format(&ruleset, &block, &length, &error) != -EINVAL)
			fail_msg("damage %zu was written", i);
		assert_true(error.text[0]);
		ml_ruleset_free(&ruleset);
	}
}

static void services_are_canonical(void **state)
{
	static const struct {
		const char *list[6], *canonical;
	} cases[] = {
		{ { "*" }, "[\"icmp:*\",\"tcp:*\",\"udp:*\"]" },
		{ { "*:*", "tcp:22", "icmp:8" }, "[\"*:*\"]" },
		{ { "443" }, "[\"tcp:443\",\"udp:443\"]" },
		{ { "tcp:80", "tcp:81", "tcp:82-90", "tcp:85" }, "[\"tcp:80-90\"]" },
		{ { "tcp:0-100", "tcp:101-65535" }, "[\"tcp:*\"]" },
		{ { "tcp:80", "tcp:82" }, "[\"tcp:80\",\"tcp:82\"]" },
		{ { "icmp:*" }, "[\"icmp:*\"]" },
		{ { "1:*" }, "[\"1:*\"]" },
		{ { "58:*" }, "[\"ipv6-icmp:*\"]" },
		{ { "1:*", "58:*" }, "[\"icmp:*\"]" },
		{ { "1:*", "58:1-4" }, "[\"1:*\",\"ipv6-icmp:1-4\"]" },
		{ { "icmp:8" }, "[\"icmp:8\"]" },
		{ { "icmp:echo-request" }, "[\"icmp:8\",\"ipv6-icmp:128\"]" },
		{ { "ipv6-icmp:echo-request" }, "[\"ipv6-icmp:128\"]" },
		{ { "icmp:packet-too-big" }, "[\"ipv6-icmp:2\"]" },
		{ { "icmp:0-255" }, "[\"1:*\"]" },
		{ { "gre:*", "47:*" }, "[\"gre:*\"]" },
		{ { "ip-in-ip:*" }, "[\"ipv4:*\"]" },
		{ { "255:*", "6:1" }, "[\"tcp:1\",\"255:*\"]" },
		{ { "sctp:3868", "dccp:5", "udplite:6" }, "[\"dccp:5\",\"sctp:3868\",\"udplite:6\"]" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct ml_services services = { 0 };
		struct ml_text text = { 0 };
		char why[ML_SERVICE_WHY];

		for (size_t j = 0; cases[i].list[j]; j++)
			assert_int_equal(ml_services_parse(&services, cases[i].list[j],
							   ML_SERVICE_STAR_USUAL, why), 0);
		ml_services_normalise(&services);
		ml_services_format(&text, services.items, services.count);
		assert_string_equal(text.data, cases[i].canonical);
		ml_text_clean(&text);
		ml_services_clean(&services);
	}
}

static void odd_services_are_refused(void **state)
{
	static const char *const cases[] = {
		"", ":", "tcp", "tcp:", "tcp:-", "tcp:1-", "tcp:-1", "tcp:2-1", "tcp:65536", "tcp:080",
		"tcp:1,2", "tcp:*-2", "tcp: 1", "65536", "-1", "0:*", "256:*", "00:*", "gre:0", "gre:1",
		"icmp:256", "icmp:ping", "tcp:echo-request", "**", "*:1", "*:", "1-2-3", "TCP:1", "tcp:1 ",
		"tcp:99999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct ml_services services = { 0 };
		char why[ML_SERVICE_WHY] = "";

		if (ml_services_parse(&services, cases[i], ML_SERVICE_STAR_USUAL, why) != -EINVAL)
			fail_msg("\"%s\" was taken", cases[i]);
		assert_true(why[0]);
		ml_services_clean(&services);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_comes_back),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(guard_comes_back),
		cmocka_unit_test(damaged_guard_is_refused),
		cmocka_unit_test(odd_guards_are_not_written),
		cmocka_unit_test(truncation_is_refused),
		cmocka_unit_test(turned_bits_do_not_pass_unseen),
		cmocka_unit_test(odd_rulesets_are_not_written),
		cmocka_unit_test(services_are_canonical),
		cmocka_unit_test(odd_services_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
