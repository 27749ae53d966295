/* SPDX-License-Identifier: MIT */
/*
 * A ruleset: what a policy means for one node, with every name resolved. The
 * policy front end (policy.h) makes it from HuJSON; the compiler (compile.h)
 * turns it into a policy image; the oracle in the selftests judges by it
 * directly. It is deterministic: the same policy gives the same ruleset.
 */
#ifndef ML_RULESET_H
#define ML_RULESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ml_prefix {
	uint8_t family;		/* AF_INET or AF_INET6 */
	uint8_t length;		/* 0 to 32 or 128 */
	uint8_t address[16];	/* network byte order; IPv4 in the first four; host bits zero */
};

/* A set of addresses. Prefixes ascending by (family, address, length), no duplicates. */
struct ml_set {
	char *name;		/* as a person knows it: "group:eng", "tag:web", "10.0.0.0/8" */
	bool any;		/* every address of both families; then no prefixes */
	struct ml_prefix *prefixes;
	size_t prefix_count;
};

#define ML_PROTOCOL_ANY (-1)	/* every protocol, selectors 0 to 65535 */

struct ml_service_range {
	int16_t protocol;	/* 0 to 255 or ML_PROTOCOL_ANY */
	uint16_t first, last;	/* as struct merlon_service; whole range if the rule names none */
};

struct ml_rule {
	uint64_t id;		/* of the canonical form; rules ascend by it */
	uint8_t action;		/* enum merlon_action */
	uint32_t *sources;	/* indices of sets; a packet's source is in any of them */
	size_t source_count;
	uint32_t *destinations;
	size_t destination_count;
	struct ml_service_range *services;	/* any of them; at least one */
	size_t service_count;
	char *text;		/* canonical form, JSON on one line: what the id is the hash of */
	unsigned int line;	/* of the policy source, where it was first written */
};

struct ml_tunnel {
	char name[16];		/* of the WireGuard device */
	bool ignored;
};

/* Which tunnel alone may deliver packets from these addresses. */
struct ml_owner {
	struct ml_prefix prefix;
	uint8_t tunnel;		/* from 1 */
};

/* What a person calls an address: the names of nodes, for events and answers. */
struct ml_name {
	struct ml_prefix prefix;
	char *name;
};

struct ml_guard;

struct ml_ruleset {
	struct ml_set *sets;
	size_t set_count;
	struct ml_rule *rules;	/* ascending by id, ids differ */
	size_t rule_count;
	struct ml_tunnel *tunnels;
	size_t tunnel_count;
	struct ml_owner *owners;	/* ascending by prefix as in struct ml_set; prefixes differ */
	size_t owner_count;
	struct ml_name *names;	/* ascending by prefix as in struct ml_set */
	size_t name_count;
	bool reject_unmatched;
	bool of_guard;		/* these are the rules of a guard, and their texts say so */
	struct ml_guard *guard;	/* NULL: none */
};

/*
 * The guard: what may leave by a device that is no tunnel, and what may not
 * leave. Its rules' sources are circumstances: addresses that are made of the
 * numbers of device, user and control group (linux/merlon.h, THE GUARD), in
 * IPv4, and in the last four bytes of IPv6. It has no tunnels, owners and guard.
 */
struct ml_guard {
	char (*devices)[16];	/* strictly ascending, as the next two; number 1 is the first */
	size_t device_count;
	uint32_t *users;
	size_t user_count;
	char (*cgroups)[256];	/* "/system.slice/chrony.service" */
	size_t cgroup_count;
	struct ml_ruleset rules;
};

void ml_rule_clean(struct ml_rule *rule);
void ml_guard_free(struct ml_guard *guard);
/* Frees what @ruleset holds, names included, and zeroes it; not @ruleset itself. */
void ml_ruleset_free(struct ml_ruleset *ruleset);

/* A packet as rules see it. */
struct ml_packet {
	uint8_t family;
	uint8_t protocol;
	uint8_t source[16], destination[16];
	uint16_t selector;	/* destination port or ICMP type, else 0 */
};

/**
 * ml_ruleset_match - the naive judge: walks every rule
 * @winner: index of the rule that decides, or SIZE_MAX: none speaks of it
 * @matches: if not NULL, indices of all rules that match, ascending
 * @match_count: on entry room in @matches, on return how many match
 *
 * Deny (DROP or REJECT) wins over allow, then the lowest id. Used by explain
 * (the rules that a winner shadows) and by tests as a judge of the classifier.
 */
void ml_ruleset_match(const struct ml_ruleset *ruleset, const struct ml_packet *packet,
		      size_t *winner, size_t *matches, size_t *match_count);

#endif
