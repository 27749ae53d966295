// SPDX-License-Identifier: MIT
/*
 * policy diff: which rules came, went or changed, and what that means for who
 * reaches whom. Reachability is asked of the compiled tables, for every pair of
 * named nodes and every service that a rule of either side can tell apart.
 */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "commands.h"
#include "describe.h"
#include "diff.h"
#include "kernel.h"
#include "prefix.h"

/* ------------------------------------------------------------------ rules */

static const struct ml_column rule_columns[] = {
	{ "change", "CHANGE", false },
	{ NULL, "RULE", false },
	{ NULL, "LINE", true },
	{ NULL, "ACTION", false },
	{ NULL, "SOURCE", false },
	{ NULL, "DESTINATION", false },
	{ NULL, "SERVICE", false },
	{ "rule", NULL, false },
};

static void text_cell(struct ml_output *out, char *text)
{
	ml_output_cell(out, NULL, ML_PLAIN, "%s", text ? text : "?");
	free(text);
}

static void rule_row(const char *change, const struct ml_ruleset *ruleset,
		     const struct ml_rule *rule, void *arg)
{
	struct ml_output *out = arg;

	ml_output_cell(out, json_string(change), *change == 'a' ? ML_GOOD : ML_BAD, "%s",
		       change);
	ml_output_cell(out, NULL, ML_PLAIN, "%016" PRIx64, rule->id);
	ml_output_cell(out, NULL, ML_PLAIN, "%u", rule->line);
	ml_output_cell(out, NULL, describe_action_colour(rule->action), "%s",
		       ml_action_name(rule->action));
	text_cell(out, describe_sources(ruleset, rule));
	text_cell(out, describe_destinations(ruleset, rule));
	text_cell(out, describe_services(rule->services, rule->service_count));
	ml_output_cell(out, describe_rule(ruleset, rule), ML_PLAIN, "%s", "");
}

typedef void (*rule_each)(const char *change, const struct ml_ruleset *ruleset,
			  const struct ml_rule *rule, void *arg);

/*
 * Do rules with one id let out to the same addresses? Of grants, reachability
 * tells; of the guard nothing else does. Sources are numbers, whose names are in
 * the id.
 */
static bool same_destinations(const struct ml_ruleset *a, const struct ml_rule *x,
			      const struct ml_ruleset *b, const struct ml_rule *y)
{
	for (size_t i = 0; i < x->destination_count; i++) {
		const struct ml_set *s = &a->sets[x->destinations[i]];
		const struct ml_set *t = &b->sets[y->destinations[i]];

		if (s->any != t->any || s->prefix_count != t->prefix_count)
			return false;
		for (size_t j = 0; j < s->prefix_count; j++)
			if (ml_prefix_compare(&s->prefixes[j], &t->prefixes[j]))
				return false;
	}
	return true;
}

struct walk {
	rule_each each;
	void *arg;
	size_t changes;
};

static void walk_tell(struct walk *walk, const char *change, const struct ml_ruleset *ruleset,
		      const struct ml_rule *rule)
{
	walk->each(change, ruleset, rule, walk->arg);
	walk->changes++;
}

/* Both ascend by id. @a and @b: for the names; @of_a and @of_b: they, or their guards. */
static void part_walk(struct walk *walk, const struct ml_ruleset *a, const struct ml_ruleset *of_a,
		      const struct ml_ruleset *b, const struct ml_ruleset *of_b)
{
	const struct ml_rule *x = of_a->rules, *y = of_b->rules;
	const struct ml_rule *x_end = x + of_a->rule_count, *y_end = y + of_b->rule_count;

	while (x < x_end || y < y_end) {
		if (y == y_end || (x < x_end && x->id < y->id)) {
			walk_tell(walk, "removed", a, x++);
		} else if (x == x_end || y->id < x->id) {
			walk_tell(walk, "added", b, y++);
		} else {
			if (of_a != a && !same_destinations(of_a, x, of_b, y))
				walk_tell(walk, "changed", b, y);
			x++;
			y++;
		}
	}
}

static size_t rules_walk(const struct ml_ruleset *a, const struct ml_ruleset *b,
			 rule_each each, void *arg)
{
	static const struct ml_ruleset none;
	struct walk walk = { .each = each, .arg = arg };

	part_walk(&walk, a, a, b, b);
	part_walk(&walk, a, a->guard ? &a->guard->rules : &none, b,
		  b->guard ? &b->guard->rules : &none);
	return walk.changes;
}

/* --------------------------------------------------------------- one node */

static const struct ml_column reach_columns[] = {
	{ "family", "FAMILY", false },
	{ "source", "FROM", false },
	{ "destination", "TO", false },
	{ "service", "SERVICE", false },
	{ "before", "BEFORE", false },
	{ "after", "AFTER", false },
};

/* A network's JSON is its prefix, which may have many names; a set is known by its own. */
static void end_cell(struct ml_output *out, const struct diff_end *end)
{
	const char *name = end->name.name;
	char prefix[ML_PREFIX_TEXT];

	ml_prefix_format(&end->name.prefix, prefix);
	if (ml_prefix_is_host(&end->name.prefix) || !strcmp(name, prefix))
		ml_output_cell(out, ml_output_text(name), ML_PLAIN, "%s", name);
	else
		ml_output_cell(out, ml_output_text(end->named ? prefix : name), ML_PLAIN,
			       "%s (%s)", name, prefix);
}

static void allow_cell(struct ml_output *out, bool allow, enum ml_colour colour)
{
	ml_output_cell(out, json_string(allow ? "allow" : "deny"), colour, "%s",
		       allow ? "allow" : "deny");
}

/* "1:*" tells it from that of IPv6, which the family does here. */
static char *reach_service(const struct diff_reach *reach)
{
	char *service = describe_services(&reach->service, 1);

	if (!service || strcmp(service, "1:*"))
		return service;
	free(service);
	return strdup("icmp:*");
}

static void reach_row(const struct diff_reach *reach, void *arg)
{
	bool ipv4 = reach->source->name.prefix.family == AF_INET;
	const char *family = ipv4 ? "ipv4" : "ipv6";
	char *service = reach_service(reach);
	struct ml_output *out = arg;

	ml_output_cell(out, json_string(family), ML_DIM, "%s", family);
	end_cell(out, reach->source);
	end_cell(out, reach->destination);
	ml_output_cell(out, ml_output_text(service), ML_PLAIN, "%s", service ? service : "?");
	allow_cell(out, reach->before, ML_DIM);
	allow_cell(out, reach->after, reach->after ? ML_GOOD : ML_BAD);
	free(service);
}

static int node_diff(struct ml_output *out, const struct sheet *a, const struct sheet *b,
		     size_t *ret_changes, struct ml_error *error)
{
	size_t changes = 0;
	int code;

	ml_output_table(out, "rules", rule_columns, 8);
	*ret_changes += rules_walk(&a->ruleset, &b->ruleset, rule_row, out);
	ml_output_table_end(out);
	ml_output_table(out, "reachability", reach_columns, 6);
	code = diff_reachability(a, b, reach_row, out, &changes, error);
	ml_output_table_end(out);
	ml_output_value(out, "reachabilityComplete", json_boolean(code != -E2BIG));
	if (code == -E2BIG)
		ml_output_say(out, ML_WARN, "(reachability left out: %s)", error->text);
	*ret_changes += changes;
	return code == -E2BIG ? 0 : code;
}

/* ------------------------------------------------------- nodes that fare alike */

#define SEEN 64

/* What was told of earlier nodes, by its digest. */
struct seen {
	struct {
		uint8_t digest[32];
		char name[ML_NAME_MAX + 1];
	} items[SEEN];
	size_t count;
};

static void hash_rule(const char *change, const struct ml_ruleset *ruleset,
		      const struct ml_rule *rule, void *arg)
{
	(void)ruleset;
	crypto_hash_sha256_update(arg, (const uint8_t *)change, strlen(change));
	crypto_hash_sha256_update(arg, (const uint8_t *)&rule->id, sizeof(rule->id));
}

static void hash_end(crypto_hash_sha256_state *hash, const struct ml_name *name)
{
	char prefix[ML_PREFIX_TEXT];

	ml_prefix_format(&name->prefix, prefix);
	crypto_hash_sha256_update(hash, (const uint8_t *)name->name, strlen(name->name) + 1);
	crypto_hash_sha256_update(hash, (const uint8_t *)prefix, strlen(prefix) + 1);
}

static void hash_reach(const struct diff_reach *reach, void *arg)
{
	const uint16_t rest[] = {
		(uint16_t)reach->service.protocol, reach->service.first, reach->service.last,
		reach->before, reach->after,
	};

	hash_end(arg, &reach->source->name);
	hash_end(arg, &reach->destination->name);
	crypto_hash_sha256_update(arg, (const uint8_t *)rest, sizeof(rest));
}

/* The node that was told before and differs in the same way; NULL: none. */
static const char *seen_before(struct seen *seen, const char *node, const struct sheet *a,
			       const struct sheet *b)
{
	crypto_hash_sha256_state hash;
	struct ml_error ignored;
	uint8_t digest[32];
	size_t count;

	crypto_hash_sha256_init(&hash);
	rules_walk(&a->ruleset, &b->ruleset, hash_rule, &hash);
	diff_reachability(a, b, hash_reach, &hash, &count, &ignored);
	crypto_hash_sha256_final(&hash, digest);
	for (size_t i = 0; i < seen->count; i++) {
		if (!memcmp(seen->items[i].digest, digest, sizeof(digest)))
			return seen->items[i].name;
	}
	if (seen->count < SEEN && node) {
		memcpy(seen->items[seen->count].digest, digest, sizeof(digest));
		snprintf(seen->items[seen->count++].name, ML_NAME_MAX + 1, "%s", node);
	}
	return NULL;
}

/* ------------------------------------------------------------------ sides */

struct sides {
	struct source a, b;
	struct seen seen;
	size_t changes;
};

static bool has_sheet(const struct source *source, const char *node)
{
	for (size_t i = 0; i < source_sheets(source); i++) {
		const char *name = source_sheet_name(source, i);

		if (name == node || (name && node && !strcmp(name, node)))
			return true;
	}
	return false;
}

/* A node that one side does not have is compared with a policy without rules. */
static int sheet_or_empty(const struct source *source, const char *node, struct sheet *ret,
			  struct ml_error *error)
{
	memset(ret, 0, sizeof(*ret));
	if (!has_sheet(source, node))
		return 0;
	return sheet_open(source, node, ret, error);
}

static void heading(struct ml_output *out, const char *node, const struct sheet *a,
		    const struct sheet *b)
{
	ml_output_value(out, "node", ml_output_text(node));
	if (!node)
		return;
	ml_output_say(out, ML_STRONG, "%s%s", node,
		      !a->image ? " (new)" : !b->image ? " (gone)" : "");
}

static bool same_image(const struct sheet *a, const struct sheet *b)
{
	return a->image && b->image && a->length == b->length &&
	       !memcmp(a->image, b->image, a->length);
}

static int node_tell(struct ml_output *out, struct sides *sides, const char *node,
		     const struct sheet *a, const struct sheet *b, struct ml_error *error)
{
	const char *same = a->image && b->image ? seen_before(&sides->seen, node, a, b) : NULL;
	int code = 0;

	ml_output_object(out, NULL);
	heading(out, node, a, b);
	ml_output_value(out, "sameAs", ml_output_text(same));
	if (same)
		ml_output_say(out, ML_DIM, "  as %s", same);
	else
		code = node_diff(out, a, b, &sides->changes, error);
	/* The images differ, if in nothing else then in owners or tunnels. */
	sides->changes++;
	ml_output_end(out);
	return code;
}

static int compare_node(struct ml_output *out, struct sides *sides, const char *node,
			struct ml_error *error)
{
	struct sheet a = { 0 }, b = { 0 };
	int code;

	code = sheet_or_empty(&sides->a, node, &a, error);
	if (!code)
		code = sheet_or_empty(&sides->b, node, &b, error);
	if (!code && !same_image(&a, &b))
		code = node_tell(out, sides, node, &a, &b, error);
	sheet_close(&a);
	sheet_close(&b);
	return code;
}

/* Nodes of A, then those that B alone has. */
static int compare_all(struct ml_output *out, struct sides *sides, struct ml_error *error)
{
	const char *name;
	int code = 0;

	for (size_t i = 0; !code && i < source_sheets(&sides->a); i++)
		code = compare_node(out, sides, source_sheet_name(&sides->a, i), error);
	for (size_t i = 0; !code && i < source_sheets(&sides->b); i++) {
		name = source_sheet_name(&sides->b, i);
		if (!has_sheet(&sides->a, name))
			code = compare_node(out, sides, name, error);
	}
	return code;
}

static int compare_one(struct cli *cli, struct sides *sides, const char *node,
		       struct ml_error *error)
{
	if (!has_sheet(&sides->a, node) && !has_sheet(&sides->b, node))
		return ml_error_set(error, -ENOENT, "neither side has a node '%s'", node);
	return compare_node(cli->output, sides, node, error);
}

/* Of what a bundle was made for one node, another node's bundle can tell nothing. */
static int nodes_check(const struct sides *sides, struct ml_error *error)
{
	if (sides->a.policy || sides->b.policy ||
	    !strcmp(sides->a.bundle.node, sides->b.bundle.node))
		return 0;
	return ml_error_set(error, -EINVAL, "these are bundles of two nodes, %s and %s",
			    sides->a.bundle.node, sides->b.bundle.node);
}

static int diff(struct cli *cli, struct sides *sides, struct ml_error *error)
{
	const char *node = cli_option(cli, "node");
	struct ml_output *out = cli->output;
	int code = nodes_check(sides, error);

	if (code)
		return code;
	/* A bundle is one node's: of a source, that node is meant. */
	if (!node && !sides->a.policy)
		node = sides->a.bundle.node;
	else if (!node && !sides->b.policy)
		node = sides->b.bundle.node;
	ml_output_list(out, "nodes");
	code = node ? compare_one(cli, sides, node, error) : compare_all(out, sides, error);
	ml_output_end(out);
	if (code)
		return code;
	ml_output_value(out, "same", json_boolean(!sides->changes));
	if (!sides->changes)
		ml_output_say(out, ML_GOOD, "No difference.");
	return 0;
}

static int diff_run(struct cli *cli)
{
	struct sides sides = { 0 };
	struct ml_error error;
	int code;

	code = source_open(cli_operand(cli, 0), NULL, &sides.a, &error);
	if (!code)
		code = source_open(cli_operand(cli, 1), NULL, &sides.b, &error);
	if (!code)
		code = diff(cli, &sides, &error);
	source_close(&sides.a);
	source_close(&sides.b);
	if (code)
		return cli_fail(cli, &error);
	return sides.changes ? CLI_NO : CLI_YES;
}

static const struct cli_option diff_options[] = {
	{ "node", 'n', "NODE", "compare for this node alone (default: all)" },
	{ 0 },
};

const struct cli_command cli_policy_diff = {
	.name = "policy diff", .operands = "A B", .least = 2, .most = 2,
	.summary = "show which rules and whose reach differ between two policies",
	.notes = "A and B are policy sources or bundles. Exit status: 0 no difference, 1 some.",
	.options = diff_options,
	.run = diff_run,
};
