/* SPDX-License-Identifier: MIT */
/*
 * Who claims which address and route, of all nodes of a policy: those that its
 * source names, and those that were enrolled.
 */
#ifndef ML_POLICY_CLAIMS_H
#define ML_POLICY_CLAIMS_H

#include "policy_model.h"

struct policy_claim {
	struct ml_prefix prefix;
	unsigned int line, column;	/* where it is claimed */
	const char *member;		/* the enrolled node that claims it, or NULL */
};

/* Zero is none; free with ml_policy_claims_clean(). */
struct policy_claims {
	struct policy_claim *items;
	size_t count, room;
};

int ml_policy_claim_add(struct policy_reader *reader, struct policy_claims *claims,
			const struct policy_claim *claim);
/* -EINVAL where two claim the same: at the later one, in the order of reading. */
int ml_policy_claims_check(struct policy_reader *reader, struct policy_claims *claims);
void ml_policy_claims_clean(struct policy_claims *claims);

/* Is it an address that a node can have: not unspecified, loopback, multicast, reserved? */
bool ml_policy_address_usable(const struct ml_prefix *address);

/* policy_members.c: the enrolled nodes of @reader, behind those of the source */
int ml_policy_members_add(struct policy_reader *reader, struct policy_claims *claims);

#endif
