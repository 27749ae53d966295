/* SPDX-License-Identifier: MIT */
/*
 * A policy: what an author writes, in HuJSON (docs/policy.md has the
 * language). This is the front end: text in, names resolved, rulesets out.
 */
#ifndef ML_POLICY_H
#define ML_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"
#include "ruleset.h"

#define ML_POLICY_MAX_BYTES (64u << 20)	/* of a policy source */

struct ml_policy;	/* opaque; immutable once parsed */

/**
 * ml_policy_parse - read and check a policy source
 * @file: its name, for errors
 * @text: HuJSON, UTF-8, not NUL-terminated
 * @length: in bytes, at most ML_POLICY_MAX_BYTES
 *
 * Everything that can be known without running the tests is checked: syntax,
 * unknown keys, undefined names, addresses, ports, cycles of groups. The first
 * error is reported with line and column and what was expected.
 * Return: 0, -EINVAL, -EOPNOTSUPP (a section of Tailscale's that Merlon does
 * not have, named), -E2BIG, -ENOMEM.
 */
int ml_policy_parse(const char *file, const char *text, size_t length,
		    struct ml_policy **ret, struct ml_error *error);
void ml_policy_free(struct ml_policy *policy);

/* A node that did not come with the source: it was enrolled. */
struct ml_policy_member {
	const char *name;
	const char *owner;		/* its user, or NULL or "" */
	const char *const *tags;	/* that tagOwners must define; none where there is a user */
	size_t tag_count;
	const struct ml_prefix *addresses;	/* single ones; at least one */
	size_t address_count;
	const uint8_t *public_key;	/* of WireGuard, 32 bytes */
	const char *endpoint;		/* or NULL */
};

struct ml_policy_enrolled {
	const struct ml_policy_member *members;
	size_t count;
	/* Names of nodes that have left: a policy may still say them, and means nobody. */
	const char *const *gone;
	size_t gone_count;
};

/**
 * ml_policy_parse_with - a source, and nodes that were enrolled
 * @enrolled: copied; NULL: none
 *
 * They are held to what the section nodes is held to: names and addresses are
 * claimed once, tags are defined. Errors name the node. Return: as
 * ml_policy_parse().
 */
int ml_policy_parse_with(const char *file, const char *text, size_t length,
			 const struct ml_policy_enrolled *enrolled, struct ml_policy **ret,
			 struct ml_error *error);

/**
 * ml_policy_admits - could @member be enrolled, for all that the source says?
 * @policy: parsed with no members, and the names of those that have left
 *
 * A quick answer for one that joins; what other enrolled nodes have is the
 * caller's to know. Return: 0; -EINVAL: never as it is; -EEXIST: its name or key is
 * taken, or is that of a node that has left and that the policy still speaks of.
 */
int ml_policy_admits(const struct ml_policy *policy, const struct ml_policy_member *member,
		     struct ml_error *error);

/* The section network: where enrolled nodes get their addresses. Family 0: none of it. */
struct ml_policy_pools {
	struct ml_prefix ipv4, ipv6;
};

const struct ml_policy_pools *ml_policy_pools(const struct ml_policy *policy);
/* Does a node that the source itself names have @address? */
bool ml_policy_has_address(const struct ml_policy *policy, const struct ml_prefix *address);

/* The nodes of a policy in canonical order (byte order of names). */
size_t ml_policy_node_count(const struct ml_policy *policy);
const char *ml_policy_node_name(const struct ml_policy *policy, size_t index);

/**
 * ml_policy_ruleset - what the policy means for one node
 * @node: its name; NULL: the rules over the addresses of all nodes, with tunnel
 *	wg0 and no owners, as a policy without a nodes section needs it
 * @ret: untouched on failure; free with ml_ruleset_free()
 *
 * Return: 0, -ENOENT (no such node), -EINVAL, -E2BIG, -ENOMEM.
 */
int ml_policy_ruleset(const struct ml_policy *policy, const char *node,
		      struct ml_ruleset *ret, struct ml_error *error);

/*
 * For large networks: the same for a node that knows no others than those it
 * reaches or is reached by, by a grant, and no rules than those that speak of it. By
 * WireGuard's routing nothing else can come to it or be sent by it: what such a
 * ruleset does not speak of is denied. Worked out once for all nodes.
 */
struct ml_policy_reach;

/* @policy must stay as long as @ret. -ENOMEM */
int ml_policy_reach_build(const struct ml_policy *policy, struct ml_policy_reach **ret,
			  struct ml_error *error);
void ml_policy_reach_free(struct ml_policy_reach *reach);

/**
 * ml_policy_reach_digest - of all that the bundle of a node is made of
 * @index: of the node, in canonical order
 *
 * Where it is the same for two policies, ml_policy_ruleset_of() and
 * ml_policy_node_json_of() are, too.
 */
void ml_policy_reach_digest(const struct ml_policy_reach *reach, size_t index,
			    uint8_t ret[static 32]);
/* How many nodes that one must know, besides itself. */
size_t ml_policy_reach_count(const struct ml_policy_reach *reach, size_t index);
int ml_policy_ruleset_of(const struct ml_policy_reach *reach, size_t index,
			 struct ml_ruleset *ret, struct ml_error *error);
int ml_policy_node_json_of(const struct ml_policy_reach *reach, size_t index, json_t **ret,
			   struct ml_error *error);

/**
 * ml_policy_node_json - the node's part of its bundle, but for the policy image
 *
 * A jansson object: {"addresses": [...], "allowances": {...}, "dns": {...},
 * "exit": {...}, "peers": [...], "publicKey": "...", "routes": [...],
 * "scope": "tunnels", "tunnels": [...]}; keys that do not apply are left out. Caller owns it.
 *
 *   allowances  {"allow": ["ntp", ...], "lastResort": [canonical rules]}
 *   dns         {"guard": bool, "nameservers": [...], "search": [...]}
 *   exit        {"allowLan": bool, "nodes": [...], "self": is this node one?}
 *   peers       all other nodes by name: {"allowedIPs": [...], "endpoint": "...",
 *               "name": "...", "publicKey": "..."}
 *   publicKey   of the node itself: with which its peers know it
 *   tunnels     [{"ignored": bool, "name": "wg0"}, ...]; the first is the node's own
 */
int ml_policy_node_json(const struct ml_policy *policy, const char *node,
			json_t **ret, struct ml_error *error);

#define ML_POLICY_WARNINGS 7

/**
 * ml_policy_warnings - what the policy asks for and this release does not do, and
 * what will hardly be meant: rules for nobody, or no grant at all
 * @ret: a sentence each; they are constant
 *
 * Return: how many.
 */
size_t ml_policy_warnings(const struct ml_policy *policy,
			  const char *ret[static ML_POLICY_WARNINGS]);

/* The outcome of one case of the policy's own `tests`. */
struct ml_policy_case {
	unsigned int line;
	const char *source;	/* as written; belongs to the policy */
	const char *destination;
	bool want_allow, got_allow;
	uint64_t rule_id;	/* the winner; 0: no rule */
};

/* How many cases ml_policy_test() runs. */
size_t ml_policy_test_count(const struct ml_policy *policy);

/**
 * ml_policy_test - run the policy's `tests` through compiler and classifier
 * @report: called for every case, or NULL
 *
 * Return: 0 all as wanted; -EPERM: at least one is not (the first is in
 * @error); other: as ml_policy_ruleset().
 */
int ml_policy_test(const struct ml_policy *policy,
		   void (*report)(const struct ml_policy_case *result, void *arg),
		   void *arg, struct ml_error *error);

#endif
