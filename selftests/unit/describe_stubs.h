/* SPDX-License-Identifier: MIT */
/*
 * describe.h's words, for tests of commands that print them: they say "x", and
 * are tested elsewhere.
 */
#ifndef DESCRIBE_STUBS_H
#define DESCRIBE_STUBS_H

#include <jansson.h>
#include <string.h>

#include "../../userspace/cli/describe.h"

const char *describe_address(const struct ml_ruleset *ruleset, uint8_t family,
			     const uint8_t *address, char buffer[static DESCRIBE_TEXT])
{
	(void)ruleset;
	(void)family;
	(void)address;
	return strcpy(buffer, "x");
}

const char *describe_name(const struct ml_ruleset *ruleset, uint8_t family,
			  const uint8_t *address)
{
	(void)ruleset;
	(void)family;
	(void)address;
	return NULL;
}

json_t *describe_address_json(uint8_t family, const uint8_t *address)
{
	(void)family;
	(void)address;
	return json_null();
}

const char *describe_service(uint8_t protocol, uint16_t selector,
			     char buffer[static DESCRIBE_TEXT])
{
	(void)protocol;
	(void)selector;
	return strcpy(buffer, "x");
}

#endif /* DESCRIBE_STUBS_H */
