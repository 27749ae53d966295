// SPDX-License-Identifier: MIT
#include "policy_claims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "policy_read.h"

int ml_policy_claim_add(struct policy_reader *reader, struct policy_claims *claims,
			const struct policy_claim *claim)
{
	if (claims->count == claims->room) {
		size_t room = claims->room ? 2 * claims->room : 64;
		struct policy_claim *items = reallocarray(claims->items, room, sizeof(*items));

		if (!items)
			return ml_policy_no_memory(reader);
		claims->items = items;
		claims->room = room;
	}
	claims->items[claims->count++] = *claim;
	return 0;
}

static bool is_earlier(const struct policy_claim *a, const struct policy_claim *b)
{
	if (a->member && b->member)
		return strcmp(a->member, b->member) < 0;
	if (a->member || b->member)
		return !a->member;
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

static int claim_compare(const void *a, const void *b)
{
	const struct policy_claim *x = a, *y = b;
	int order = ml_prefix_compare(&x->prefix, &y->prefix);

	return order ? order : is_earlier(x, y) ? -1 : is_earlier(y, x);
}

static int claim_refuse(struct policy_reader *reader, const struct policy_claim *first,
			const struct policy_claim *second)
{
	char text[ML_PREFIX_TEXT], where[128];

	ml_prefix_format(&second->prefix, text);
	snprintf(where, sizeof(where), "at line %u, column %u", first->line, first->column);
	if (first->member)
		snprintf(where, sizeof(where), "by the enrolled node \"%s\"", first->member);
	if (!second->member)
		return policy_fail(reader, second, "%s is already claimed %s; "
				   "expected each address and route at one node", text, where);
	return ml_policy_fail_at(reader, -EINVAL, 0, 0, "the enrolled node \"%s\" has %s, which is "
				 "already claimed %s; expected each address and route at one node",
				 second->member, text, where);
}

/* A peer's addresses and routes are its allowed IPs: WireGuard gives each to one peer. */
int ml_policy_claims_check(struct policy_reader *reader, struct policy_claims *claims)
{
	const struct policy_claim *first = NULL, *second = NULL;

	if (claims->count)
		qsort(claims->items, claims->count, sizeof(*claims->items), claim_compare);
	for (size_t i = 1; i < claims->count; i++) {
		const struct policy_claim *a = &claims->items[i - 1], *b = &claims->items[i];

		if (ml_prefix_compare(&a->prefix, &b->prefix) ||
		    (second && is_earlier(second, b)))
			continue;
		first = a;
		second = b;
	}
	return second ? claim_refuse(reader, first, second) : 0;
}

void ml_policy_claims_clean(struct policy_claims *claims)
{
	free(claims->items);
	*claims = (struct policy_claims){ 0 };
}

static bool is_first_byte(const struct ml_prefix *address, uint8_t low, uint8_t high)
{
	return address->address[0] >= low && address->address[0] <= high;
}

bool ml_policy_address_usable(const struct ml_prefix *address)
{
	static const uint8_t zero[16], loopback[16] = { [15] = 1 };

	if (address->family == AF_INET)
		return !is_first_byte(address, 0, 0) && !is_first_byte(address, 127, 127) &&
		       !is_first_byte(address, 224, 255);
	return memcmp(address->address, zero, 16) != 0 &&
	       memcmp(address->address, loopback, 16) != 0 &&
	       !is_first_byte(address, 0xff, 0xff);
}
