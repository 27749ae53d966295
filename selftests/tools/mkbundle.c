// SPDX-License-Identifier: MIT
/*
 * mkbundle OUT [NAME=VALUE]...: a signed bundle of a small policy, by the
 * library alone, so that merlond's tests need nobody else's work. OUT ending in
 * "trust.json" is a trust file for the same names instead.
 *
 *   network=testnet node=gate seed=1        seed: of the signing key, 0 to 255
 *   epoch=1 serial=1
 *   issued=-60 notBefore=-60 expires=86400  seconds from now
 *   scope=tunnels tunnel=wg0
 *   allow=icmp|tcp|all|none                 what may pass, from anybody to anybody
 *   hosts=0                                 addresses in a rule that denies, for size
 *   image=good|bad                          bad: well signed, and refused by the kernel
 *   config=FILE                             of the leaf, beside the scope: JSON, for the tunnel
 *   count=N                                 as many, with rising serials; a '%' in OUT is
 *                                           the serial; allow=turns: icmp and all in turn
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/merlon.h>

#include "bundle.h"
#include "compile.h"
#include "file.h"
#include "rules.h"

static struct {
	const char *network, *node, *scope, *tunnel, *allow, *image, *config;
	long long seed, epoch, serial, issued, not_before, expires, hosts, count;
} wish = {
	.network = "testnet", .node = "gate", .scope = "tunnels", .tunnel = "wg0",
	.allow = "icmp",
	.image = "good", .seed = 1, .epoch = 1, .serial = 1, .issued = -60,
	.not_before = -60, .expires = 86400, .count = 1,
};

static struct ml_error error;

static void need(int code)
{
	if (!code)
		return;
	fprintf(stderr, "mkbundle: %s\n", error.text);
	exit(2);
}

static void *room(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		abort();
	return memory;
}

/* ------------------------------------------------------------------- wishes */

static const struct {
	const char *name;
	const char **text;
	long long *number;
} names[] = {
	{ "network", &wish.network, NULL }, { "node", &wish.node, NULL },
	{ "scope", &wish.scope, NULL }, { "tunnel", &wish.tunnel, NULL },
	{ "allow", &wish.allow, NULL }, { "image", &wish.image, NULL },
	{ "config", &wish.config, NULL }, { "seed", NULL, &wish.seed },
	{ "epoch", NULL, &wish.epoch }, { "serial", NULL, &wish.serial },
	{ "issued", NULL, &wish.issued }, { "notBefore", NULL, &wish.not_before },
	{ "expires", NULL, &wish.expires }, { "hosts", NULL, &wish.hosts },
	{ "count", NULL, &wish.count },
};

static void take_wish(const char *text)
{
	const char *value = strchr(text, '=');
	size_t i;

	for (i = 0; value && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) != (size_t)(value - text) ||
		    strncmp(names[i].name, text, (size_t)(value - text)))
			continue;
		if (names[i].text)
			*names[i].text = value + 1;
		else
			*names[i].number = strtoll(value + 1, NULL, 10);
		return;
	}
	fprintf(stderr, "mkbundle: '%s' is no wish\n", text);
	exit(2);
}

/* ------------------------------------------------------------------ ruleset */

static void add_service(struct ml_rule *rule, int16_t protocol, uint16_t last)
{
	rule->services = realloc(rule->services,
				 (rule->service_count + 1) * sizeof(*rule->services));
	rule->services[rule->service_count++] =
		(struct ml_service_range){ .protocol = protocol, .last = last };
}

static void add_rule(struct ml_ruleset *ruleset, enum merlon_action action, uint32_t source)
{
	struct ml_rule *rule = &ruleset->rules[ruleset->rule_count++];

	rule->id = ruleset->rule_count;
	rule->action = (uint8_t)action;
	rule->sources = room(sizeof(uint32_t));
	rule->sources[0] = source;
	rule->destinations = room(sizeof(uint32_t));
	rule->source_count = rule->destination_count = 1;
	rule->text = strdup("{}");
	rule->line = 1;
}

static const char *allowed(void)
{
	if (strcmp(wish.allow, "turns"))
		return wish.allow;
	return wish.serial % 2 ? "icmp" : "all";
}

static void allow(struct ml_ruleset *ruleset)
{
	struct ml_rule *rule = &ruleset->rules[ruleset->rule_count];

	if (!strcmp(allowed(), "none"))
		return;
	add_rule(ruleset, MERLON_ACTION_ALLOW, 0);
	if (!strcmp(allowed(), "all")) {
		add_service(rule, ML_PROTOCOL_ANY, 65535);
	} else if (!strcmp(allowed(), "tcp")) {
		add_service(rule, IPPROTO_TCP, 65535);
	} else {
		add_service(rule, IPPROTO_ICMP, 255);
		add_service(rule, IPPROTO_ICMPV6, 255);
	}
}

/* 198.18.0.0 and up: nobody lives there. */
static void deny_hosts(struct ml_ruleset *ruleset)
{
	struct ml_set *set = &ruleset->sets[1];
	size_t i;

	if (!wish.hosts)
		return;
	set->name = strdup("nobody");
	set->prefix_count = (size_t)wish.hosts;
	set->prefixes = room(set->prefix_count * sizeof(*set->prefixes));
	for (i = 0; i < set->prefix_count; i++) {
		uint32_t address = htonl(0xc6120000u + (uint32_t)i);

		set->prefixes[i].family = AF_INET;
		set->prefixes[i].length = 32;
		memcpy(set->prefixes[i].address, &address, sizeof(address));
	}
	ruleset->set_count = 2;
	add_rule(ruleset, MERLON_ACTION_DROP, 1);
	add_service(&ruleset->rules[ruleset->rule_count - 1], ML_PROTOCOL_ANY, 65535);
}

static void fill_ruleset(struct ml_ruleset *ruleset)
{
	memset(ruleset, 0, sizeof(*ruleset));
	ruleset->sets = room(2 * sizeof(*ruleset->sets));
	ruleset->sets[0].name = strdup("*");
	ruleset->sets[0].any = true;
	ruleset->set_count = 1;
	ruleset->rules = room(2 * sizeof(*ruleset->rules));
	ruleset->tunnels = room(sizeof(*ruleset->tunnels));
	snprintf(ruleset->tunnels[0].name, sizeof(ruleset->tunnels[0].name), "%s",
		 wish.tunnel);
	ruleset->tunnel_count = 1;
	allow(ruleset);
	deny_hosts(ruleset);
}

/* ------------------------------------------------------------------- bundle */

static struct ml_bytes image_of(const struct ml_ruleset *ruleset)
{
	uint8_t *bytes;
	size_t length;

	need(ml_image_compile(ruleset, &bytes, &length, &error));
	if (!strcmp(wish.image, "bad"))
		bytes[length - 1] = 1;	/* a byte of the last rule that must be 0 */
	return (struct ml_bytes){ bytes, length };
}

static struct ml_secret_key *signing_key(void)
{
	struct ml_secret_key *key;
	uint8_t seed[32];

	memset(seed, (int)wish.seed, sizeof(seed));
	need(ml_secret_key_from_seed(seed, &key, &error));
	return key;
}

static void fill_statement(struct ml_statement *statement)
{
	time_t now = time(NULL);

	memset(statement, 0, sizeof(*statement));
	snprintf(statement->network, sizeof(statement->network), "%s", wish.network);
	statement->epoch = (uint64_t)wish.epoch;
	statement->serial = (uint64_t)wish.serial;
	statement->issued = now + wish.issued;
	statement->not_before = now + wish.not_before;
	statement->expires = now + wish.expires;
}

static json_t *leaf_config(void)
{
	json_error_t reason;
	json_t *config = wish.config ? json_load_file(wish.config, 0, &reason) : json_object();

	if (!config) {
		fprintf(stderr, "mkbundle: %s: %s\n", wish.config, reason.text);
		exit(2);
	}
	json_object_set_new(config, "scope", json_string(wish.scope));
	return config;
}

static void write_bundle(const char *path)
{
	static const char no_rules[] = "{}";
	struct ml_bytes rules = { (const uint8_t *)no_rules, 2 }, image, envelope;
	json_t *config = leaf_config();
	struct ml_leaf_input leaf = { .node = wish.node };
	struct ml_statement statement;
	struct ml_ruleset ruleset;
	uint8_t *bytes;
	size_t length;

	fill_ruleset(&ruleset);
	image = image_of(&ruleset);
	need(ml_leaf_format(wish.network, wish.node, config, image, rules, &bytes, &length,
			    &error));
	leaf.leaf = (struct ml_bytes){ bytes, length };
	fill_statement(&statement);
	need(ml_statement_sign(&statement, &leaf, 1, signing_key(), &bytes, &length, &error));
	envelope = (struct ml_bytes){ bytes, length };
	need(ml_bundle_format(envelope, &leaf, 1, 0, image, rules, &bytes, &length, &error));
	need(ml_file_write_atomic(path, bytes, length, 0600, &error));
}

static void write_bundles(const char *path)
{
	const char *percent = strchr(path, '%');
	char name[4096];

	for (; wish.count > 0; wish.count--, wish.serial++) {
		snprintf(name, sizeof(name), "%s", path);
		if (percent)
			snprintf(name, sizeof(name), "%.*s%lld%s", (int)(percent - path), path,
				 wish.serial, percent + 1);
		write_bundle(name);
	}
}

static void write_trust(const char *path)
{
	struct ml_trust trust = { .key_count = 1 };

	snprintf(trust.network, sizeof(trust.network), "%s", wish.network);
	snprintf(trust.node, sizeof(trust.node), "%s", wish.node);
	ml_secret_key_public(signing_key(), &trust.keys[0]);
	need(ml_trust_write(path, &trust, &error));
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), want = strlen(end);

	return length >= want && !strcmp(text + length - want, end);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: mkbundle OUT [NAME=VALUE]...\n");
		return 2;
	}
	for (i = 2; i < argc; i++)
		take_wish(argv[i]);
	need(ml_keys_setup(&error));
	if (ends_with(argv[1], "trust.json"))
		write_trust(argv[1]);
	else
		write_bundles(argv[1]);
	return 0;
}
