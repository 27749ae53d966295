/* SPDX-License-Identifier: MIT */
/*
 * A policy in memory: names with numbers, nodes, rules in canonical form. The
 * sections are read by policy_<section>.c; policy_resolve.c says which
 * addresses a name means.
 *
 * Every selector, also a literal address, is a name in one table; a rule holds
 * the numbers of names. So a set of addresses is worked out once for a
 * ruleset, however many rules use it.
 */
#ifndef ML_POLICY_MODEL_H
#define ML_POLICY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "hujson.h"
#include "policy.h"
#include "policy_arena.h"
#include "policy_range.h"
#include "policy_service.h"
#include "policy_table.h"
#include "prefix.h"

#define POLICY_NONE ML_TABLE_NONE
#define POLICY_MAX_NAME 128u		/* bytes of a name, prefix included */
#define POLICY_MAX_NODES (1u << 18)
#define POLICY_MAX_IPSET_OPS (1u << 14)
#define POLICY_MAX_IPSET_DEPTH 32u
#define POLICY_MAX_TEST_CASES (1u << 16)

enum policy_kind {
	POLICY_ANY,		/* "*" */
	POLICY_USER,
	POLICY_GROUP,
	POLICY_TAG,
	POLICY_HOST,
	POLICY_NODE,
	POLICY_IPSET,
	POLICY_LITERAL,		/* an address, prefix or range */
	POLICY_MEMBER,		/* autogroup:member */
	POLICY_TAGGED,		/* autogroup:tagged */
	POLICY_INTERNET,	/* autogroup:internet */
	POLICY_SELF,		/* autogroup:self: never in a rule, rules are expanded */
	POLICY_GONE,		/* a node that was enrolled once */
};

/* A list of numbers in the arena; the order is of no interest. */
struct policy_link {
	uint32_t index;
	struct policy_link *next;
};

struct policy_name {
	const char *text;
	uint8_t kind;			/* enum policy_kind */
	unsigned int line, column;	/* where it was defined */
	struct policy_link *members;	/* user, tag, gone: nodes; group: names of users */
	struct ml_prefix *prefixes;	/* host, node, ipset, literal */
	size_t prefix_count;
	uint32_t index;			/* node: in the nodes; ipset: in the ipsets */
	bool said;			/* gone: something still speaks of it */
};

struct policy_names {
	struct policy_name *items;
	size_t count, room;
	struct ml_table table;		/* by text */
	struct policy_link *users;	/* all names of users */
};

enum policy_ipset_state { POLICY_IPSET_NEW, POLICY_IPSET_OPEN, POLICY_IPSET_DONE };

struct policy_ipset {
	const struct ml_hujson_member *source;
	struct ml_ranges ranges;
	uint32_t name;
	uint8_t state;
};

struct policy_rule {
	uint64_t id;
	uint8_t action;			/* enum merlon_action */
	uint32_t *sources, *destinations;	/* names, ascending by text */
	size_t source_count, destination_count;
	struct ml_service_range *services;
	size_t service_count;
	const char *text;
	unsigned int line, column;
};

struct policy_terms {	/* a rule as written; the arrays are the caller's */
	uint8_t action;
	uint32_t *sources, *destinations;
	size_t source_count, destination_count;
	struct ml_services services;
	const struct ml_hujson_value *place;
};

/* A rule for autogroup:self, which is expanded when all users are known. */
struct policy_self {
	struct policy_terms terms;
	struct policy_self *next;
};

struct policy_rules {
	struct policy_rule *items;	/* ascending by id once sealed */
	size_t count, room;
	struct policy_self *selves;
};

enum policy_from {
	POLICY_FROM_HERE,	/* opened from here, or through here */
	POLICY_FROM_OUTSIDE,
	POLICY_FROM_ANYWHERE,
};

/* What a rule of the guard asks of a packet beside destination and service. */
struct policy_when {
	uint8_t from;			/* enum policy_from */
	bool other_devices;		/* every device but these */
	const char **devices;		/* none: by any */
	size_t device_count;
	bool has_user;
	uint32_t user;
	const char *cgroup;		/* or NULL */
};

/* An entry of guard.allow. The arrays are in the arena. */
struct policy_allowance {
	struct policy_when when;
	uint32_t *destinations;		/* names */
	size_t destination_count;
	struct ml_service_range *services;
	size_t service_count;
	unsigned int line, column;
};

/* What a guard section says; what it leaves out is as in the top-level one. */
struct policy_guard {
	const struct ml_hujson_value *scope, *unmatched, *allow, *last_resort;
	struct policy_rules last_resort_rules;
	struct policy_allowance *allowances;	/* of @allow */
	size_t allowance_count;
};

struct policy_node {
	const char *name;
	uint32_t name_index, user;	/* names; user: or POLICY_NONE */
	struct ml_prefix *addresses, *routes;
	size_t address_count, route_count;
	const char *public_key, *endpoint;	/* or NULL */
	const char *tunnel;
	const char **ignored;
	size_t ignored_count;
	const char **tags;
	size_t tag_count;
	struct policy_guard guard;
};

struct policy_exit {
	bool present, allow_lan;
	uint32_t *nodes;
	size_t node_count;
};

struct policy_nameserver {
	struct ml_prefix address;
	const char *device;		/* by that alone; NULL: by any */
};

struct policy_dns {
	bool present, guard;
	const struct ml_hujson_value *nameservers, *doh;	/* as written, or NULL */
	struct policy_nameserver *servers;
	size_t server_count;
	const char **search;
	size_t search_count;
	struct ml_ranges resolvers;	/* whose HTTPS is DNS, too */
	unsigned int line;		/* of `guard` */
};

/* One destination of a test. */
struct policy_probe {
	const char *source, *destination;	/* as written */
	uint32_t source_name, destination_name;
	struct ml_services services;	/* selectors to try; any of them counts */
	bool want_allow;
	unsigned int line, column;
};

struct ml_policy {
	char *file;
	uint8_t digest[32];		/* of the source */
	struct ml_hujson *document;
	struct ml_arena arena;
	struct policy_names names;
	struct policy_ipset *ipsets;
	size_t ipset_count;
	struct policy_node *nodes;	/* as written; behind node_count: stand-ins of tests */
	size_t node_count, stand_in_count, node_room;
	size_t source_node_count;	/* of them; enrolled ones are behind them */
	uint32_t *node_order;		/* by name */
	bool has_nodes;			/* a section nodes or network, or enrolled ones */
	struct ml_policy_pools pools;
	struct ml_ranges internet;	/* what autogroup:internet means here */
	struct policy_rules rules;
	struct policy_guard guard;
	struct policy_exit exit;
	struct policy_dns dns;
	struct policy_probe *probes;
	size_t probe_count, probe_room;
};

/* A policy that is being read. */
struct policy_reader {
	struct ml_policy *policy;
	struct ml_error *error;
	const struct ml_policy_enrolled *enrolled;	/* or NULL */
};

/* policy_names.c */
int ml_policy_name_add(struct policy_reader *reader, enum policy_kind kind, const char *text,
		       uint32_t *ret);
uint32_t ml_policy_name_find(const struct ml_policy *policy, const char *text);
int ml_policy_link_add(struct policy_reader *reader, struct policy_link **list, uint32_t index);
void ml_policy_names_clean(struct policy_names *names);

/* policy_groups.c: groups, hosts, tagOwners */
int ml_policy_groups_read(struct policy_reader *reader, const struct ml_hujson_value *section);
int ml_policy_hosts_read(struct policy_reader *reader, const struct ml_hujson_value *section);
int ml_policy_tags_read(struct policy_reader *reader, const struct ml_hujson_value *section);
int ml_policy_tag_owners_check(struct policy_reader *reader, const struct ml_hujson_value *section);

/* policy_ipsets.c */
int ml_policy_ipsets_read(struct policy_reader *reader, const struct ml_hujson_value *section);
int ml_policy_ipsets_resolve(struct policy_reader *reader);

/* policy_network.c */
int ml_policy_network_read(struct policy_reader *reader, const struct ml_hujson_value *section);

/* policy_nodes.c: @section may be NULL; the enrolled ones too */
int ml_policy_nodes_read(struct policy_reader *reader, const struct ml_hujson_value *section);
/* Room for one more, or NULL: no memory, reported. */
struct policy_node *ml_policy_node_add(struct policy_reader *reader);
uint32_t ml_policy_node_find(const struct ml_policy *policy, const char *name);

/* policy_guard.c: guard, exit */
int ml_policy_guard_read(struct policy_reader *reader, const struct ml_hujson_value *section,
			 struct policy_guard *guard);
int ml_policy_guard_rules(struct policy_reader *reader, struct policy_guard *guard);
int ml_policy_exit_read(struct policy_reader *reader, const struct ml_hujson_value *section);
/* The guard of @node (or NULL) over the top-level one. */
struct policy_guard ml_policy_guard_of(const struct ml_policy *policy,
				       const struct policy_node *node);
bool ml_policy_guard_rejects(const struct policy_guard *guard);
bool ml_policy_guard_everything(const struct policy_guard *guard);

/* policy_allow.c: guard.allow. ORDER: behind dns, whose devices count with it. */
int ml_policy_allow_read(struct policy_reader *reader, struct policy_guard *guard);

/* policy_dns.c */
int ml_policy_dns_read(struct policy_reader *reader, const struct ml_hujson_value *section);
/* Has @node an address of `nameservers`? Then it resolves for others, and is not guarded. */
bool ml_policy_dns_is_resolver(const struct ml_policy *policy, const struct policy_node *node);

/* policy_guard_build.c: @ret is NULL where nothing is to be guarded */
int ml_policy_guard_build(const struct ml_policy *policy, const struct policy_node *node,
			  struct ml_guard **ret, struct ml_error *error);

/* policy_selector.c */
enum policy_side { POLICY_SOURCE, POLICY_DESTINATION };
/**
 * ml_policy_selector_read - a selector's name
 * @text: the selector, of @value or part of it
 * @value: for the place of errors
 */
int ml_policy_selector_read(struct policy_reader *reader, const char *text,
			    const struct ml_hujson_value *value, enum policy_side side,
			    uint32_t *ret);
/* Splits "host:ports", "[2001:db8::1]:ports"; @ret_selector is in the arena. */
int ml_policy_selector_split(struct policy_reader *reader, const struct ml_hujson_value *value,
			     const char **ret_selector, const char **ret_ports);

/* policy_rules.c: grants, acls, deny */
int ml_policy_grants_read(struct policy_reader *reader, const struct ml_hujson_value *section,
			  const char *what, struct policy_rules *into);
int ml_policy_acls_read(struct policy_reader *reader, const struct ml_hujson_value *section);
int ml_policy_deny_read(struct policy_reader *reader, const struct ml_hujson_value *section);

/* `ip`: -ENOMEM sets no sentence. */
int ml_policy_services_read(struct policy_reader *reader, const struct ml_hujson_value *list,
			    enum ml_service_star star, struct ml_services *ret);

/* policy_expand.c */
/* Adds what @terms mean, one rule per user where autogroup:self is a destination. */
int ml_policy_rules_add(struct policy_reader *reader, struct policy_rules *rules,
			const struct policy_terms *terms);
/* Sorts, and merges rules that say the same. */
int ml_policy_rules_seal(struct policy_reader *reader, struct policy_rules *rules);

/* policy_probe.c: the tests section */
int ml_policy_tests_read(struct policy_reader *reader, const struct ml_hujson_value *section);
/* Last of all: a stand-in is a node of nobody who has one. */
int ml_policy_stand_ins_add(struct policy_reader *reader);

/* policy_resolve.c */
enum policy_view { POLICY_VIEW_REAL, POLICY_VIEW_TESTS };	/* TESTS: with stand-ins */
/* Adds the addresses of a name; @ret_any where it is every address. */
int ml_policy_resolve(const struct ml_policy *policy, uint32_t name, enum policy_view view,
		      struct ml_prefixes *ret, bool *ret_any);

/* policy.c: @ret is NULL where @name is */
int ml_policy_node_get(const struct ml_policy *policy, const char *name,
		       const struct policy_node **ret, struct ml_error *error);

/* Of a node: the nodes that it must know, in the order of names, and not itself. */
struct policy_others {
	const struct policy_node **items;
	size_t count;
};

/* policy.c: all; @node may be NULL. -ENOMEM */
int ml_policy_others_all(const struct ml_policy *policy, const struct policy_node *node,
			 struct policy_others *ret);
void ml_policy_others_clean(struct policy_others *others);
/* policy_json.c */
int ml_policy_node_json_with(const struct ml_policy *policy, const struct policy_node *node,
			     const struct policy_others *others, json_t **ret,
			     struct ml_error *error);

/* policy_ruleset.c */
int ml_policy_ruleset_view(const struct ml_policy *policy, const struct policy_node *node,
			   enum policy_view view, struct ml_ruleset *ret, struct ml_error *error);
/* policy_owners.c: prefixes that only the tunnel of @node may deliver; @pools with them */
int ml_policy_owners(const struct policy_node *node, const struct policy_others *others,
		     const struct ml_policy_pools *pools, struct ml_prefixes *ret);
/* All nodes are known: what is public and no node's is the internet. */
int ml_policy_internet_resolve(struct policy_reader *reader);

#endif
