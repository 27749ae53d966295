/* SPDX-License-Identifier: MIT */
/*
 * The compiler: what it makes of rulesets by hand, that the same ruleset gives
 * the same bytes, what it refuses and in which words, and its size and speed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <openssl/sha.h>
#include <cmocka.h>

#include "compile.h"

#include "../oracle/compare.h"
#include "../oracle/draft.h"
#include "../oracle/large_ruleset.h"
#include "../oracle/small_ruleset.h"

static uint8_t *compile(const struct ml_ruleset *ruleset, size_t *ret_length)
{
	struct ml_error error;
	uint8_t *image = NULL;

	if (ml_image_compile(ruleset, &image, ret_length, &error))
		fail_msg("refused: %s", error.text);
	return image;
}

static struct merlon_tables *build(const struct ml_ruleset *ruleset)
{
	struct merlon_tables *tables;
	struct merlon_fault fault;
	struct merlon_view view;
	size_t length;
	uint8_t *image = compile(ruleset, &length);

	assert_int_equal(merlon_image_check(image, length, &view, &fault), 0);
	assert_int_equal(merlon_tables_build(&view, &tables, &fault), 0);
	free(image);
	return tables;
}

static void compile_draft(struct ml_ruleset *ruleset, struct draft *draft)
{
	size_t length;
	uint8_t *image = compile(ruleset, &length);

	draft_read(draft, image);
	free(image);
	ml_ruleset_free(ruleset);
	free(ruleset);
}

static struct ml_ruleset *empty_ruleset(void)
{
	return must(calloc(1, sizeof(struct ml_ruleset)));
}

/* -------------------------------------------------------------- determinism */

static void digest_text(const uint8_t *image, size_t length, char text[65])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	int i;

	SHA256(image, length, digest);
	for (i = 0; i < SHA256_DIGEST_LENGTH; i++)
		sprintf(text + 2 * i, "%02x", digest[i]);
}

/* Changes with the format or the compiler's numbering, and then on purpose. */
static void test_golden(void **state)
{
	static const char golden[] =
		"c4f5d49785df6bf7212614dffab8515f804832df50430630ff1831a1eac2fbd1";
	struct ml_ruleset *ruleset = small_ruleset();
	size_t length;
	uint8_t *image = compile(ruleset, &length);
	char text[65];

	(void)state;
	digest_text(image, length, text);
	assert_string_equal(text, golden);
	free(image);
	ml_ruleset_free(ruleset);
	free(ruleset);
}

static void *copy_of(const void *from, size_t size)
{
	/* Of another size class now and then, and with others in between. */
	void *to = must(malloc(size + 1 + (size_t)rand() % 200)), *gap;

	gap = must(malloc(1 + (size_t)rand() % 300));
	if (size)
		memcpy(to, from, size);
	free(gap);
	return to;
}

static void copy_rule(struct ml_rule *to, const struct ml_rule *from)
{
	*to = *from;
	to->text = NULL;
	to->services = copy_of(from->services, from->service_count * sizeof(*from->services));
	to->destinations = copy_of(from->destinations,
				   from->destination_count * sizeof(*from->destinations));
	to->sources = copy_of(from->sources, from->source_count * sizeof(*from->sources));
}

/* The same, elsewhere: allocated from the last to the first. */
static struct ml_ruleset *copy_ruleset(const struct ml_ruleset *from)
{
	struct ml_ruleset *to = copy_of(from, sizeof(*from));
	size_t i;

	to->owners = copy_of(from->owners, from->owner_count * sizeof(*from->owners));
	to->tunnels = copy_of(from->tunnels, from->tunnel_count * sizeof(*from->tunnels));
	to->rules = copy_of(from->rules, from->rule_count * sizeof(*from->rules));
	for (i = from->rule_count; i--;)
		copy_rule(&to->rules[i], &from->rules[i]);
	to->sets = copy_of(from->sets, from->set_count * sizeof(*from->sets));
	for (i = from->set_count; i--;) {
		to->sets[i].name = NULL;
		to->sets[i].prefixes = copy_of(from->sets[i].prefixes,
			from->sets[i].prefix_count * sizeof(*from->sets[i].prefixes));
	}
	return to;
}

static void assert_same_image(const struct ml_ruleset *a, const struct ml_ruleset *b)
{
	size_t length, length_b;
	uint8_t *image = compile(a, &length), *image_b = compile(b, &length_b);

	assert_int_equal(length, length_b);
	assert_memory_equal(image, image_b, length);
	free(image);
	free(image_b);
}

/* What a rule names in which order, and how often, is not in the image. */
static void turn_lists(struct ml_ruleset *ruleset)
{
	struct ml_service_range range;
	struct ml_rule *rule;
	uint32_t *sources;
	size_t i;

	for (i = 0; i < ruleset->rule_count; i++) {
		rule = &ruleset->rules[i];
		range = rule->services[0];
		rule->services[0] = rule->services[rule->service_count - 1];
		rule->services[rule->service_count - 1] = range;
		if (!rule->source_count)
			continue;
		sources = must(calloc(rule->source_count + 1, sizeof(*sources)));
		sources[0] = rule->sources[rule->source_count - 1];
		memcpy(sources + 1, rule->sources, rule->source_count * sizeof(*sources));
		free(rule->sources);
		rule->sources = sources;
		rule->source_count++;
	}
}

static void test_determinism(void **state)
{
	struct ml_ruleset *ruleset, *copy;
	unsigned int i;

	(void)state;
	srand(1);
	for (i = 0; i < 100; i++) {
		struct chance chance = { .state = i };

		ruleset = random_ruleset(&chance, 30, 40);
		copy = copy_ruleset(ruleset);
		assert_same_image(ruleset, copy);
		turn_lists(copy);
		assert_same_image(ruleset, copy);
		ml_ruleset_free(copy);
		free(copy);
		ml_ruleset_free(ruleset);
		free(ruleset);
	}
}

/* ------------------------------------------------------------------- by hand */

static void test_empty(void **state)
{
	struct ml_ruleset *ruleset = empty_ruleset();
	struct draft draft;
	uint32_t i;

	(void)state;
	ruleset->reject_unmatched = true;
	compile_draft(ruleset, &draft);
	for (i = 0; i < MERLON_SECTIONS; i++)
		assert_int_equal(draft.count[i], i == MERLON_SECTION_CLASSES ? 2 :
				 i == MERLON_SECTION_VERDICTS ? 1 : 0);
	assert_int_equal(le32toh(draft.header.flags), MERLON_IMAGE_F_REJECT);
	assert_int_equal(le32toh(draft.header.services), 1);
	assert_int_equal(le32toh(draft.header.shapes), 1);
}

/* What has any on one side costs a row, not pairs. */
static void test_any_makes_no_pairs(void **state)
{
	struct ml_ruleset *ruleset = empty_ruleset();
	struct draft draft;
	char address[32];
	unsigned int i;

	(void)state;
	for (i = 1; i <= 30; i++) {
		snprintf(address, sizeof(address), "10.0.0.%u", i);
		add_rule(ruleset, i, MERLON_ACTION_ALLOW, "*", address, 6, i, i);
	}
	add_rule(ruleset, 100, MERLON_ACTION_ALLOW, "*", "*", 1, 8, 8);
	compile_draft(ruleset, &draft);
	assert_int_equal(draft.count[MERLON_SECTION_PAIRS], 0);
	assert_int_equal(draft.count[MERLON_SECTION_HOSTS4], 30);
	assert_int_equal(le32toh(draft.header.source_classes), 1);
	assert_int_equal(draft.count[MERLON_SECTION_CLASSES], 1 + 31);
}

/* A pair is listed where it says more than the rows of its classes. */
static void test_crossing(void **state)
{
	struct ml_ruleset *ruleset = empty_ruleset();
	struct draft draft;

	(void)state;
	add_rule(ruleset, 1, MERLON_ACTION_ALLOW, "*", "10.0.0.1", 6, 80, 80);
	add_rule(ruleset, 2, MERLON_ACTION_ALLOW, "10.0.0.2", "*", 6, 22, 22);
	add_rule(ruleset, 3, MERLON_ACTION_ALLOW, "10.0.0.3", "*", 6, 80, 80);
	compile_draft(ruleset, &draft);
	/* 10.0.0.3 to 10.0.0.1: rule 1 wins what rule 3 says, so no pair. */
	assert_int_equal(draft.count[MERLON_SECTION_PAIRS], 1);
	assert_int_equal(draft.count[MERLON_SECTION_RULES], 3);
}

/* Addresses that no rule tells apart share a class; what repeats is left out. */
static void test_classes(void **state)
{
	struct ml_ruleset *ruleset = empty_ruleset();
	struct draft draft;

	(void)state;
	add_rule(ruleset, 1, MERLON_ACTION_ALLOW, "10.0.0.1 10.0.0.2 fd00::1",
		 "10.0.0.0/8 10.1.0.0/16 10.1.2.3 fd00::/8", 6, 80, 80);
	add_rule(ruleset, 2, MERLON_ACTION_ALLOW, "10.0.0.2 10.0.0.1 fd00::1",
		 "10.0.0.0/8 fd00::/8", 6, 443, 443);
	compile_draft(ruleset, &draft);
	assert_int_equal(le32toh(draft.header.source_classes), 2);
	assert_int_equal(draft.count[MERLON_SECTION_CLASSES], 4);
	assert_int_equal(draft.count[MERLON_SECTION_HOSTS4], 2);
	assert_int_equal(draft.count[MERLON_SECTION_HOSTS6], 1);
	assert_int_equal(draft.count[MERLON_SECTION_NETS4], 1);
	assert_int_equal(draft.count[MERLON_SECTION_NETS6], 1);
	assert_int_equal(draft.count[MERLON_SECTION_PAIRS], 1);
}

static void test_services(void **state)
{
	struct ml_ruleset *ruleset = empty_ruleset();
	struct draft draft;

	(void)state;
	add_rule(ruleset, 1, MERLON_ACTION_ALLOW, "10.0.0.1", "*", ML_PROTOCOL_ANY, 0, 65535);
	add_rule(ruleset, 2, MERLON_ACTION_DROP, "10.0.0.1", "*", 6, 20, 30);
	add_rule(ruleset, 3, MERLON_ACTION_DROP, "10.0.0.2", "*", 6, 25, 40);
	/* No protocol has more types than 256; what is above them is cut off. */
	add_rule(ruleset, 4, MERLON_ACTION_DROP, "10.0.0.3", "*", 58, 0, 65535);
	compile_draft(ruleset, &draft);
	/* 20-24, 25-30, 31-40, ICMPv6; and 0, all others. */
	assert_int_equal(le32toh(draft.header.services), 5);
	assert_int_equal(draft.count[MERLON_SECTION_SERVICES], 4);
	assert_int_equal(le16toh(draft.services[3].last), 255);
	/* The full rule speaks of service 0 too. */
	assert_int_equal(le16toh(draft.runs[0].first), 0);
}

static uint32_t ask(const struct merlon_tables *tables, const char *source,
		    const char *destination, uint8_t protocol, uint16_t selector)
{
	struct ml_prefix from = prefix_of(source), to = prefix_of(destination);
	struct ml_packet packet = {
		.family = from.family, .protocol = protocol, .selector = selector,
	};

	memcpy(packet.source, from.address, 16);
	memcpy(packet.destination, to.address, 16);
	return judge_fast(tables, &packet);
}

static void test_verdicts(void **state)
{
	struct ml_ruleset *ruleset = small_ruleset();
	struct merlon_tables *tables = build(ruleset);

	(void)state;
	assert_int_equal(ask(tables, "10.7.0.1", "10.1.2.3", 6, 80),
			 MERLON_VERDICT(MERLON_ACTION_ALLOW, 1));
	assert_int_equal(ask(tables, "10.7.0.1", "10.1.2.3", 6, 22),
			 MERLON_VERDICT(MERLON_ACTION_ALLOW, 2));
	assert_int_equal(ask(tables, "10.7.0.2", "10.1.2.3", 6, 22),
			 MERLON_VERDICT(MERLON_ACTION_DROP, 0));
	assert_int_equal(ask(tables, "10.7.0.2", "10.1.9.3", 6, 80),
			 MERLON_VERDICT(MERLON_ACTION_REJECT, 3));
	assert_int_equal(ask(tables, "8.8.8.8", "10.7.0.3", 17, 53),
			 MERLON_VERDICT(MERLON_ACTION_ALLOW, 4));
	assert_int_equal(ask(tables, "fd07::1", "2001:db8::1", 1, 8),
			 MERLON_VERDICT(MERLON_ACTION_ALLOW, 5));
	/* A deny wins, though an allow has the lower id. */
	assert_int_equal(ask(tables, "10.7.0.1", "10.1.9.9", 6, 139),
			 MERLON_VERDICT(MERLON_ACTION_DROP, 6));
	merlon_tables_free(tables);
	ml_ruleset_free(ruleset);
	free(ruleset);
}

static void test_match_list(void **state)
{
	struct ml_ruleset *ruleset = small_ruleset();
	struct ml_packet packet = { .family = AF_INET, .protocol = 6, .selector = 139 };
	size_t winner, matches[4], count = 4;

	(void)state;
	memcpy(packet.source, prefix_of("10.7.0.1").address, 16);
	memcpy(packet.destination, prefix_of("10.1.9.9").address, 16);
	ml_ruleset_match(ruleset, &packet, &winner, matches, &count);
	assert_int_equal(winner, 5);
	assert_int_equal(count, 2);
	assert_int_equal(matches[0], 0);
	assert_int_equal(matches[1], 5);
	count = 1;
	ml_ruleset_match(ruleset, &packet, &winner, matches, &count);
	assert_int_equal(count, 2);
	ml_ruleset_free(ruleset);
	free(ruleset);
}

/* ------------------------------------------------------------------ refusals */

static void refuse(struct ml_ruleset *ruleset, int code, const char *what)
{
	uint8_t *image = (uint8_t *)1;
	struct ml_error error = { .text = "nothing" };
	size_t length = 7;
	int ret = ml_image_compile(ruleset, &image, &length, &error);

	if (ret != code || !strstr(error.text, what))
		fail_msg("\"%s\": %d, %s", what, ret, error.text);
	assert_true(image == (uint8_t *)1 && length == 7);
	/* An error that nobody asked for is nobody's harm. */
	assert_int_equal(ml_image_compile(ruleset, &image, &length, NULL), code);
	ml_ruleset_free(ruleset);
	free(ruleset);
}

static void test_not_canonical(void **state)
{
	struct ml_ruleset *r;

	(void)state;
#define TRY(change, what) do { r = small_ruleset(); change; refuse(r, -EINVAL, what); } while (0)
	TRY(r->sets[0].any = true, "also lists prefixes");
	TRY(r->sets[0].prefixes[0].length = 31, "is not a prefix");
	TRY(r->sets[0].prefixes[0].length = 33, "is not a prefix");
	TRY(r->sets[0].prefixes[0].family = 3, "is not a prefix");
	TRY(r->sets[0].prefixes[0].address[9] = 3, "is not a prefix");
	TRY(r->sets[0].prefixes[0] = r->sets[0].prefixes[1], "not in ascending order");
	TRY(r->rules[0].id = 0, "ascending order of id");
	TRY(r->rules[1].id = 0x1111, "ascending order of id");
	TRY(r->rules[1].action = 0, "not an action");
	TRY(r->rules[1].action = 4, "not an action");
	TRY(r->rules[1].service_count = 0, "names no service");
	TRY(r->rules[1].sources[0] = 12, "set 12 does not exist");
	TRY(r->rules[1].destinations[0] = 12, "set 12 does not exist");
	TRY(r->rules[1].services[0].protocol = -2, "is not a protocol");
	TRY(r->rules[1].services[0].protocol = 256, "is not a protocol");
	TRY(r->rules[1].services[0].first = 23, "is not a range");
	TRY(r->rules[1].services[0].protocol = 47, "has no port or type");
	TRY(r->owners[0].prefix.length = 7, "not a prefix");
	TRY(r->owners[0].prefix = r->owners[1].prefix, "ascending order of prefixes");
	TRY(r->owners[0].tunnel = 0, "tunnel 0 does not exist");
	TRY(r->owners[0].tunnel = 4, "tunnel 4 does not exist");
	TRY(r->owners[0].tunnel = 3, "is ignored and owns nothing");
	TRY(strcpy(r->tunnels[1].name, "wg0"), "named twice");
	TRY(strcpy(r->tunnels[1].name, "a b"), "not the name of a device");
	TRY(strcpy(r->tunnels[1].name, ""), "not the name of a device");
#undef TRY
}

static void test_tunnel_limit(void **state)
{
	struct ml_ruleset *ruleset = empty_ruleset();
	char name[16];
	unsigned int i;

	(void)state;
	for (i = 0; i <= MERLON_MAX_TUNNELS; i++) {
		snprintf(name, sizeof(name), "wg%u", i);
		add_tunnel(ruleset, name, false);
	}
	refuse(ruleset, -E2BIG, "MERLON_MAX_TUNNELS is 16: put more peers");
}

/* 3,000 sources and 3,000 destinations that rules tell apart, all to all. */
static void test_pair_limit(void **state)
{
	struct large large = { .peers = 3000, .rules = 3000 };
	struct ml_ruleset *ruleset = large_ruleset(&large);
	uint32_t i;

	(void)state;
	for (i = 0; i < large.rules; i++) {
		struct ml_rule *rule = &ruleset->rules[i];

		rule->destination_count = 10;
		rule->destinations = must(realloc(rule->destinations, 11 * sizeof(uint32_t)));
		/* Every rule names nine groups of ten, that is nine tenths. */
		for (uint32_t j = 1; j < 11; j++)
			rule->destinations[j - 1] = large.peers + j - 1;
		rule->destinations[i % 10] = i;
	}
	refuse(ruleset, -E2BIG, "MERLON_MAX_PAIRS is 4194304");
}

/* Rule i names port i; @second: and one that another rule names, too. */
static struct ml_ruleset *many_ports(uint32_t rules, bool second)
{
	struct large large = { .peers = rules, .rules = rules };
	struct ml_ruleset *ruleset = large_ruleset(&large);
	uint32_t i;

	for (i = 0; i < large.rules; i++) {
		struct ml_rule *rule = &ruleset->rules[i];

		rule->services = must(realloc(rule->services, 2 * sizeof(*rule->services)));
		rule->services[0].protocol = 6;
		rule->services[0].first = rule->services[0].last = (uint16_t)i;
		rule->services[1] = rule->services[0];
		rule->services[1].first = rule->services[1].last = (uint16_t)(i + rules / 2);
		rule->service_count = second ? 2 : 1;
	}
	return ruleset;
}

/* @image with @more services, each a port of TCP from 20,000 on; none is in a shape. */
static uint8_t *add_services(const uint8_t *image, size_t *length, uint32_t more)
{
	struct merlon_view view;
	struct merlon_fault fault;
	struct merlon_image_header header;
	struct merlon_service *added;
	size_t at, size = *length + more * sizeof(*added);
	uint8_t *ret = must(malloc(size));
	uint32_t i;

	assert_int_equal(merlon_image_check(image, *length, &view, &fault), 0);
	header = *view.header;
	at = (size_t)((const uint8_t *)(view.services + view.count[MERLON_SECTION_SERVICES]) - image);
	memcpy(ret, image, at);
	added = (struct merlon_service *)(ret + at);
	for (i = 0; i < more; i++)
		added[i] = (struct merlon_service){
			.protocol = 6, .first = htole16((uint16_t)(20000 + i)),
			.last = htole16((uint16_t)(20000 + i)),
			.service = htole16((uint16_t)(view.nr_services + i)),
		};
	memcpy(ret + at + more * sizeof(*added), image + at, *length - at);
	header.bytes = htole32((uint32_t)size);
	header.services = htole32(view.nr_services + more);
	header.count[MERLON_SECTION_SERVICES] =
		htole32(view.count[MERLON_SECTION_SERVICES] + more);
	memcpy(ret, &header, sizeof(header));
	*length = size;
	return ret;
}

/* 3,001 shapes that need slots: by how many services they may be, and by one more. */
static void test_slot_limit(void **state)
{
	struct ml_ruleset *ruleset = many_ports(3000, true);
	uint32_t few = MERLON_MAX_SLOTS / 3001 - 4501;
	struct merlon_fault fault;
	struct merlon_view view;
	uint8_t *image, *larger;
	size_t length, more;

	(void)state;
	image = compile(ruleset, &length);
	more = length;
	larger = add_services(image, &more, few);
	assert_int_equal(merlon_image_check(larger, more, &view, &fault), 0);
	assert_int_equal(view.wide_shapes, 3001);
	free(larger);
	more = length;
	larger = add_services(image, &more, few + 1);
	assert_int_equal(merlon_image_check(larger, more, &view, &fault), -E2BIG);
	assert_non_null(strstr(fault.what, "MERLON_MAX_SLOTS"));
	free(larger);
	free(image);
	ml_ruleset_free(ruleset);
	free(ruleset);
	refuse(many_ports(5000, true), -E2BIG, "MERLON_MAX_SLOTS");
}

/* Shapes of one run need no slots, however many there are. */
static void test_lone_runs(void **state)
{
	struct ml_ruleset *ruleset = many_ports(5000, false);
	struct merlon_tables *tables = build(ruleset);

	(void)state;
	assert_true(merlon_tables_bytes(tables) < 2 << 20);
	merlon_tables_free(tables);
	ml_ruleset_free(ruleset);
	free(ruleset);
}

/* 16,000 ranges, each over 16,000 ports: little to write down, gigabytes to work out. */
static void test_port_limit(void **state)
{
	struct large large = { .peers = 100, .rules = 16000 };
	struct ml_ruleset *ruleset = large_ruleset(&large);
	uint32_t i;

	(void)state;
	for (i = 0; i < large.rules; i++) {
		ruleset->rules[i].services->first = (uint16_t)i;
		ruleset->rules[i].services->last = (uint16_t)(i + 16000);
	}
	refuse(ruleset, -E2BIG,
	       "memberships of ports in rules' services; the compiler's limit is 134217728: let rules share ports and ranges");
}

static void test_net_limits(void **state)
{
	struct ml_ruleset *ruleset = empty_ruleset();
	struct ml_set *set;
	uint32_t i;

	(void)state;
	add_rule(ruleset, 1, MERLON_ACTION_ALLOW, "*", "", 6, 80, 80);
	set = &ruleset->sets[1];
	set->prefixes = must(calloc(65537, sizeof(*set->prefixes)));
	set->prefix_count = 65537;
	for (i = 0; i < 65537; i++) {
		set->prefixes[i].family = AF_INET6;
		set->prefixes[i].length = 127;
		set->prefixes[i].address[0] = (uint8_t)(i >> 16);
		set->prefixes[i].address[1] = (uint8_t)(i >> 8);
		set->prefixes[i].address[2] = (uint8_t)i;
	}
	set->prefix_count = 5100;
	refuse(copy_ruleset(ruleset), -E2BIG, "MERLON_MAX_NET_NODES");
	set->prefix_count = 65537;
	refuse(ruleset, -E2BIG, "MERLON_MAX_NETS is 65536: use larger prefixes");
}

/* ----------------------------------------------------------------- no memory */

#ifndef __SANITIZE_ADDRESS__	/* which has these functions for itself */

extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void __libc_free(void *p);

static bool counting;
static long calls, fail_call, live;

static bool fails(void)
{
	return counting && ++calls == fail_call;
}

void *calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);

	live += counting && p;
	return p;
}

void *reallocarray(void *old, size_t n, size_t size)
{
	void *p;

	if (fails())
		return NULL;
	p = __libc_realloc(old, n * size);
	live += counting && p && !old;
	return p;
}

void free(void *p)
{
	live -= counting && p;
	__libc_free(p);
}

/* Each allocation of a compilation fails in turn; nothing may stay behind. */
static void test_no_memory(void **state)
{
	struct ml_ruleset *ruleset = small_ruleset();
	struct ml_error error;
	uint8_t *image = NULL;
	size_t length;
	int ret = -1;

	(void)state;
	for (fail_call = 1; ret; fail_call++) {
		calls = live = 0;
		counting = true;
		ret = ml_image_compile(ruleset, &image, &length, &error);
		counting = false;
		assert_int_equal(live, ret ? 0 : 1);
		assert_int_equal(ret, ret ? -ENOMEM : 0);
		if (ret)
			assert_non_null(strstr(error.text, "out of memory"));
	}
	print_message("# %ld allocations\n", calls);
	assert_true(calls > 50);
	free(image);
	ml_ruleset_free(ruleset);
}

#endif

/* ---------------------------------------------------------------------- size */

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void check_packets(const struct ml_ruleset *ruleset, const struct merlon_tables *tables,
			  const struct large *large)
{
	/* The naive judges take their time over groups of 20,000 prefixes. */
	uint32_t i, step = large->rules / (large->groups ? 4 : 50) + 1;

	for (i = 0; i < large->rules; i += step) {
		uint8_t family = large->only6 || i % 2 ? AF_INET6 : AF_INET;
		uint32_t to = (uint32_t)(((uint64_t)i * 7919 + 1) % large->peers);
		struct ml_prefix source = peer_prefix(i % large->peers, family);
		struct ml_prefix destination = peer_prefix(to, family);
		struct ml_packet packet = {
			.family = family, .protocol = i % 3 ? 6 : 17,
			.selector = (uint16_t)(1000 + i % 50),
		};
		const char *what;

		memcpy(packet.source, source.address, 16);
		memcpy(packet.destination, destination.address, 16);
		what = compare_judges(ruleset, tables, &packet);
		if (what)
			fail_msg("rule %u: %s", i, what);
	}
}

/* Bytes of kernel tables, less what a policy of no size takes, for each thing. */
static void check_memory(const struct merlon_tables *tables, const struct large *large,
			 size_t empty)
{
	uint32_t families = large->only4 || large->only6 ? 1 : 2;
	uint64_t things = (uint64_t)large->rules + (uint64_t)large->peers * families;
	double each = (double)(merlon_tables_bytes(tables) - empty) / (double)things;

	print_message("# %.1f bytes for each rule and each address\n", each);
	assert_true(each <= 64);
}

static void measure(const struct large *large, bool memory)
{
	struct ml_ruleset *ruleset = large_ruleset(large);
	struct large none = { .peers = 2, .rules = 50 };
	struct ml_ruleset *small = large_ruleset(&none);
	struct merlon_tables *tables, *empty = build(small);
	struct merlon_fault fault;
	struct merlon_view view;
	double start = milliseconds(), compiled, checked, built;
	size_t length;
	uint8_t *image = compile(ruleset, &length);

	compiled = milliseconds();
	assert_int_equal(merlon_image_check(image, length, &view, &fault), 0);
	checked = milliseconds();
	assert_int_equal(merlon_tables_build(&view, &tables, &fault), 0);
	built = milliseconds();
	print_message("# %u rules, %u peers: image of %zu bytes, compiled in %.0f ms, checked in %.1f, built in %.1f; %u pairs\n",
		      large->rules, large->peers, length, compiled - start,
		      checked - compiled, built - checked, merlon_tables_pair_count(tables));
	if (memory)
		check_memory(tables, large, merlon_tables_bytes(empty));
	check_packets(ruleset, tables, large);
	merlon_tables_free(tables);
	merlon_tables_free(empty);
	free(image);
	ml_ruleset_free(ruleset);
	free(ruleset);
	ml_ruleset_free(small);
	free(small);
}

static void test_size(void **state)
{
	static const struct large sizes[] = {
		{ .peers = 10, .rules = 10 },
		{ .peers = 1000, .rules = 1000 },
		{ .peers = 100000, .rules = 100000 },
		{ .peers = 100000, .rules = 100000, .only4 = true },
		{ .peers = 100000, .rules = 100000, .only6 = true },
		{ .peers = 100000, .rules = 100000, .any = true },
		{ .peers = 100000, .rules = 100000, .groups = true },
		{ .peers = 100000, .rules = 10000, .groups = true, .any = true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure(&sizes[i], sizes[i].rules > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_determinism),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_any_makes_no_pairs),
		cmocka_unit_test(test_crossing),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_match_list),
		cmocka_unit_test(test_not_canonical),
		cmocka_unit_test(test_tunnel_limit),
		cmocka_unit_test(test_pair_limit),
		cmocka_unit_test(test_slot_limit),
		cmocka_unit_test(test_lone_runs),
		cmocka_unit_test(test_port_limit),
		cmocka_unit_test(test_net_limits),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_no_memory),
#endif
		cmocka_unit_test(test_size),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
