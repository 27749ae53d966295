/* SPDX-License-Identifier: MIT */
/*
 * Services: protocols with ports or ICMP types, as authors write them and in
 * the one form that rule ids are made from.
 */
#ifndef ML_POLICY_SERVICE_H
#define ML_POLICY_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "policy_text.h"
#include "ruleset.h"

/* A growable list. Zero is an empty one; free with ml_services_clean(). */
struct ml_services {
	struct ml_service_range *items;
	size_t count, room;
};

#define ML_SERVICE_WHY 256	/* room for a sentence */

/* "*" alone: TCP, UDP and ICMP, as in grants; or every protocol, as in deny. */
enum ml_service_star {
	ML_SERVICE_STAR_USUAL,
	ML_SERVICE_STAR_EVERY,
};

/**
 * ml_services_parse - one entry of `ip`
 * @text: "*", "443", "80-90", "tcp:443", "tcp:80-90", "icmp:*", "icmp:8",
 *	"icmp:echo-request", "47:*", "*:*" (every protocol)
 * @list: what it means is added
 * @why: filled on -EINVAL: what is wrong and what was expected
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
int ml_services_parse(struct ml_services *list, const char *text, enum ml_service_star star,
		      char why[static ML_SERVICE_WHY]);

/**
 * ml_services_parse_ports - `proto` and the ports of an ACL's destination
 * @protocol: "tcp", "icmp", "47", ... or NULL: not named
 * @ports: "22", "80,443", "1000-2000", "*"
 */
int ml_services_parse_ports(struct ml_services *list, const char *protocol, const char *ports,
			    char why[static ML_SERVICE_WHY]);

/* Sorts, merges, and removes what another range contains. */
void ml_services_normalise(struct ml_services *list);

/* One range as in the canonical form, without quotes: "tcp:22". */
void ml_service_format(struct ml_text *text, const struct ml_service_range *range);
/* The canonical JSON array of a normalised list: ["icmp:*","tcp:22"]. */
void ml_services_format(struct ml_text *text, const struct ml_service_range *items, size_t count);

/* The last selector of a protocol: 65535, 255, or 0 where it has none. */
uint16_t ml_service_last(int16_t protocol);

void ml_services_clean(struct ml_services *list);

/* Is it a protocol that @text names, by name or number? */
bool ml_service_protocol_known(const char *text);

#endif
