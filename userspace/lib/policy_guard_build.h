/* SPDX-License-Identifier: MIT */
/*
 * The guard of one node while it is made: drafts of rules first, whose
 * destinations are sets already; then what they ask of a packet gets numbers,
 * and these make the sets of sources (ruleset.h, struct ml_guard).
 */
#ifndef ML_POLICY_GUARD_BUILD_H
#define ML_POLICY_GUARD_BUILD_H

#include "policy_model.h"

struct guard_draft {
	uint8_t action;			/* enum merlon_action */
	struct policy_when when;
	const uint32_t *destinations;	/* sets */
	size_t destination_count;
	const struct ml_service_range *services;
	size_t service_count;
	unsigned int line;
};

struct guard_build {
	const struct ml_policy *policy;
	const struct policy_node *node;	/* or NULL */
	struct policy_guard guard;	/* of the node */
	struct ml_guard *out;
	struct ml_table sets;		/* of out->rules, by name */
	size_t set_room;
	struct guard_draft *drafts;
	size_t draft_count, draft_room;
	struct ml_arena arena;		/* of the drafts */
};

/*
 * The set of that name. @prefixes become its own, or are freed where it is there
 * already: a name means one thing. NULL: every address. Return: 0, -ENOMEM.
 */
int ml_guard_set(struct guard_build *build, const char *name, struct ml_prefixes *prefixes,
		 uint32_t *ret);
/* @draft's arrays are copied. */
int ml_guard_draft(struct guard_build *build, const struct guard_draft *draft);

/* policy_guard_when.c */
/* "from here by eth0 user 123 cgroup /x", in the build's arena; NULL: no memory. */
const char *ml_guard_when_text(struct guard_build *build, const struct policy_when *when);
/* Numbers for what the drafts name: fills devices, users and cgroups of build->out. */
int ml_guard_number(struct guard_build *build);
/* The circumstances that @when means, once all have their numbers. */
int ml_guard_when_prefixes(const struct ml_guard *guard, const struct policy_when *when,
			   struct ml_prefixes *ret);

/* policy_guard_dns.c: what dns.guard asks for */
int ml_guard_dns(struct guard_build *build);

#endif
