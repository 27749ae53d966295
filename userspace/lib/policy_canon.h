/* SPDX-License-Identifier: MIT */
/*
 * The canonical form of a rule: one line of JSON with sorted keys and names,
 *
 *   {"action":"allow","dst":["tag:web"],"ip":["tcp:443"],"src":["group:eng"]}
 *
 * and of a rule of the guard, which nobody can take for a grant,
 *
 *   {"dst":["*"],"guard":"allow","ip":["udp:123"],"src":["from here"]}
 *
 * It holds names as the author wrote them, not addresses, so that a rule keeps
 * its id and its counter when a node joins. The id is the first eight bytes of
 * its SHA-256, little-endian.
 */
#ifndef ML_POLICY_CANON_H
#define ML_POLICY_CANON_H

#include <stddef.h>
#include <stdint.h>

#include "policy_text.h"
#include "ruleset.h"

struct ml_rule_form {
	const char *(*name)(const void *arg, uint32_t number);
	const void *arg;
	uint8_t action;			/* enum merlon_action */
	bool guard;			/* one of the guard's */
	const uint32_t *sources, *destinations;	/* ascending by name, no duplicates */
	size_t source_count, destination_count;
	const struct ml_service_range *services;	/* normalised */
	size_t service_count;
};

void ml_rule_form_text(struct ml_text *text, const struct ml_rule_form *form);
uint64_t ml_rule_id(const char *text, size_t length);

/* "allow", "drop", "reject" and back; NULL and 0 (UNSPEC) where there is none. */
const char *ml_rule_action_name(uint8_t action);
uint8_t ml_action_parse(const char *name);

#endif
