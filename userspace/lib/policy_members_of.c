// SPDX-License-Identifier: MIT
/*
 * From a selector to nodes. Users, tags and nodes mean nodes; addresses mean the
 * nodes that claim any of them, by an address or a route.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy_reach.h"

struct visit {
	const struct ml_policy *policy;
	const struct ml_policy_reach *reach;
	int (*found)(void *arg, uint32_t node);
	void *arg;
};

static int links_visit(const struct visit *visit, const struct policy_link *link)
{
	int err = 0;

	for (; !err && link; link = link->next)
		if (link->index < visit->policy->node_count)
			err = visit->found(visit->arg, link->index);
	return err;
}

static int group_visit(const struct visit *visit, const struct policy_link *user)
{
	int err = 0;

	for (; !err && user; user = user->next)
		err = links_visit(visit, visit->policy->names.items[user->index].members);
	return err;
}

static bool has_kind(const struct policy_node *node, enum policy_kind kind)
{
	return kind == POLICY_ANY || (kind == POLICY_MEMBER ? node->user != POLICY_NONE :
							      node->tag_count > 0);
}

static int property_visit(const struct visit *visit, enum policy_kind kind)
{
	int err = 0;

	for (size_t i = 0; !err && i < visit->policy->node_count; i++)
		if (has_kind(&visit->policy->nodes[i], kind))
			err = visit->found(visit->arg, (uint32_t)i);
	return err;
}

/* The first place at or behind @prefix. */
static size_t place_find(const struct policy_place *places, size_t count,
			 const struct ml_prefix *prefix)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ml_prefix_compare(&places[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int places_visit(const struct visit *visit, const struct ml_prefix *prefix, bool within)
{
	const struct policy_place *places = visit->reach->places;
	size_t count = visit->reach->place_count;
	int err = 0;

	for (size_t i = place_find(places, count, prefix); !err && i < count; i++) {
		if (within ? !ml_prefix_contains(prefix, &places[i].prefix) :
			     ml_prefix_compare(prefix, &places[i].prefix) != 0)
			break;
		err = visit->found(visit->arg, places[i].node);
	}
	return err;
}

static void shorten(struct ml_prefix *prefix)
{
	unsigned int bit = --prefix->length;

	prefix->address[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
}

/* Whose claims lie in @prefix, and whose hold it: each length is looked up once. */
static int prefix_visit(const struct visit *visit, const struct ml_prefix *prefix)
{
	struct ml_prefix wider = *prefix;
	int err = places_visit(visit, prefix, true);

	while (!err && wider.length) {
		shorten(&wider);
		err = places_visit(visit, &wider, false);
	}
	return err;
}

static int prefixes_visit(const struct visit *visit, const struct ml_prefix *prefixes,
			  size_t count)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++)
		err = prefix_visit(visit, &prefixes[i]);
	return err;
}

static int internet_visit(const struct visit *visit)
{
	struct ml_prefixes prefixes = { 0 };
	int err = ml_ranges_prefixes(&visit->policy->internet, &prefixes);

	if (!err)
		err = prefixes_visit(visit, prefixes.items, prefixes.count);
	ml_prefixes_clean(&prefixes);
	return err;
}

int ml_policy_each_node(const struct ml_policy_reach *reach, uint32_t number,
			int (*found)(void *arg, uint32_t node), void *arg)
{
	const struct visit visit = { reach->policy, reach, found, arg };
	const struct policy_name *name = &reach->policy->names.items[number];

	switch ((enum policy_kind)name->kind) {
	case POLICY_USER:
	case POLICY_TAG:
	case POLICY_GONE:
		return links_visit(&visit, name->members);
	case POLICY_GROUP:
		return group_visit(&visit, name->members);
	case POLICY_NODE:
		return found(arg, name->index);
	case POLICY_ANY:
	case POLICY_MEMBER:
	case POLICY_TAGGED:
		return property_visit(&visit, name->kind);
	case POLICY_INTERNET:
		return internet_visit(&visit);
	case POLICY_HOST:
	case POLICY_IPSET:
	case POLICY_LITERAL:
		return prefixes_visit(&visit, name->prefixes, name->prefix_count);
	case POLICY_SELF:
		break;
	}
	return 0;
}

static int place_compare(const void *a, const void *b)
{
	const struct policy_place *x = a, *y = b;
	int order = ml_prefix_compare(&x->prefix, &y->prefix);

	return order ? order : (x->node > y->node) - (x->node < y->node);
}

static void places_add(struct ml_policy_reach *reach, const struct ml_prefix *prefixes,
		       size_t count, size_t node)
{
	for (size_t i = 0; i < count; i++)
		reach->places[reach->place_count++] = (struct policy_place){ prefixes[i],
									     (uint32_t)node };
}

int ml_policy_places_fill(struct ml_policy_reach *reach)
{
	const struct policy_node *nodes = reach->policy->nodes;
	size_t count = reach->policy->node_count, room = 1;

	for (size_t i = 0; i < count; i++)
		room += nodes[i].address_count + nodes[i].route_count;
	reach->places = reallocarray(NULL, room, sizeof(*reach->places));
	if (!reach->places)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		places_add(reach, nodes[i].addresses, nodes[i].address_count, i);
		places_add(reach, nodes[i].routes, nodes[i].route_count, i);
	}
	qsort(reach->places, reach->place_count, sizeof(*reach->places), place_compare);
	return 0;
}
