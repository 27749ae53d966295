/* SPDX-License-Identifier: MIT */
/* Rules, addresses and packets in the words of a person and of JSON. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include <jansson.h>

#include "output.h"
#include "ruleset.h"

/* "group:eng, tag:web", malloc()ed; NULL: no memory */
char *describe_sources(const struct ml_ruleset *ruleset, const struct ml_rule *rule);
char *describe_destinations(const struct ml_ruleset *ruleset, const struct ml_rule *rule);
/* "icmp:*, tcp:22" */
char *describe_services(const struct ml_service_range *services, size_t count);

/* Is it one of the guard's? Then its sources are circumstances. */
bool describe_is_guard(const struct ml_ruleset *ruleset, const struct ml_rule *rule);

/* {"id", "action", "guard", "line", "sources", "destinations", "services", "text"} */
json_t *describe_rule(const struct ml_ruleset *ruleset, const struct ml_rule *rule);

#define DESCRIBE_TEXT 128
/* "laptop (100.64.0.10)", or the address alone. @ruleset may be NULL. */
const char *describe_address(const struct ml_ruleset *ruleset, uint8_t family,
			     const uint8_t *address, char buffer[static DESCRIBE_TEXT]);
/* The name of the smallest prefix that holds it; NULL: it has none. */
const char *describe_name(const struct ml_ruleset *ruleset, uint8_t family,
			  const uint8_t *address);
json_t *describe_address_json(uint8_t family, const uint8_t *address);
/* "tcp:22", "icmp:8", "gre" */
const char *describe_service(uint8_t protocol, uint16_t selector,
			     char buffer[static DESCRIBE_TEXT]);

enum ml_colour describe_action_colour(uint8_t action);

#endif
