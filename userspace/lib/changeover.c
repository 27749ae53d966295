// SPDX-License-Identifier: MIT
#include "changeover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const uint8_t ml_nobody[32] = {
	0x51, 0xe0, 0x99, 0x1e, 0xd5, 0x0b, 0x95, 0xfd, 0xa9, 0xf2, 0xf5, 0xc9, 0x71, 0x36,
	0xd7, 0xbc, 0x3a, 0xf8, 0xb1, 0xd7, 0xd2, 0x8e, 0xae, 0xef, 0x64, 0x48, 0xfd, 0x11,
	0x74, 0x97, 0x93, 0x33,
};

/* ---------------------------------------------------------------- ownership */

/* A prefix, whose it is, and whose its addresses would be without it. */
struct owned {
	struct ml_prefix prefix;
	const uint8_t *key;
	const uint8_t *cover;	/* NULL: nobody's */
};

struct owners {
	struct owned *items;	/* ascending by prefix: a cover stands before what it covers */
	size_t count;
};

static int by_prefix(const void *a, const void *b)
{
	return ml_prefix_compare(&((const struct owned *)a)->prefix,
				 &((const struct owned *)b)->prefix);
}

/*
 * The covers of a prefix are those of the one before it, or that one itself: a
 * chain that is left behind where it ends. @up: room for an index each.
 */
static void find_covers(struct owners *owners, size_t *up)
{
	size_t i, cover;

	for (i = 0; i < owners->count; i++) {
		cover = i ? i - 1 : SIZE_MAX;
		while (cover != SIZE_MAX && !ml_prefix_contains(&owners->items[cover].prefix,
								&owners->items[i].prefix))
			cover = up[cover];
		up[i] = cover;
		if (cover != SIZE_MAX)
			owners->items[i].cover = owners->items[cover].key;
	}
}

static void list_owned(const struct ml_device *device, struct owned *item)
{
	size_t i, j;

	for (i = 0; i < device->peer_count; i++)
		for (j = 0; j < device->peers[i].allowed.count; j++, item++) {
			item->prefix = device->peers[i].allowed.items[j];
			item->key = device->peers[i].key;
		}
}

static int find_owners(const struct ml_device *device, struct owners *ret)
{
	struct owners owners = { .items = NULL };
	size_t *up, i;

	for (i = 0; i < device->peer_count; i++)
		owners.count += device->peers[i].allowed.count;
	owners.items = calloc(owners.count + 1, sizeof(*owners.items));
	up = calloc(owners.count + 1, sizeof(*up));
	if (!owners.items || !up) {
		free(owners.items);
		free(up);
		return -ENOMEM;
	}
	list_owned(device, owners.items);
	if (owners.count)
		qsort(owners.items, owners.count, sizeof(*owners.items), by_prefix);
	find_covers(&owners, up);
	free(up);
	*ret = owners;
	return 0;
}

/* ------------------------------------------------------------------ changes */

struct plan {
	const struct ml_device *actual, *wanted, *previous;
	struct owners has, shall_have;
	struct ml_prefixes to_nobody;
	struct ml_prefixes *to_peer;	/* one list for each peer of @wanted */
	struct ml_changeover *out;
};

static bool same(const uint8_t *a, const uint8_t *b)
{
	return !memcmp(a, b, 32);
}

static int give(struct plan *plan, const struct owned *owned)
{
	const struct ml_device_peer *peer = ml_device_find(plan->wanted, owned->key);

	return ml_prefixes_add(&plan->to_peer[peer - plan->wanted->peers], &owned->prefix);
}

/* It goes with its peer, unless the peer stays, or another would inherit. */
static int take_away(struct plan *plan, const struct owned *owned)
{
	bool stays = ml_device_find(plan->wanted, owned->key);

	if (same(owned->key, ml_nobody) ||
	    (!stays && (!owned->cover || same(owned->cover, owned->key))))
		return 0;
	return ml_prefixes_add(&plan->to_nobody, &owned->prefix);
}

static int move(struct plan *plan, const struct owned *from, const struct owned *to)
{
	int code = 0;

	if (same(from->key, to->key))
		return 0;
	if (!same(from->key, ml_nobody))
		code = ml_prefixes_add(&plan->to_nobody, &from->prefix);
	return code ? code : give(plan, to);
}

/* Under somebody else's cover it must not be that one's, not even now. */
static int come(struct plan *plan, const struct owned *owned)
{
	int code = 0;

	if (owned->cover && !same(owned->cover, owned->key))
		code = ml_prefixes_add(&plan->to_nobody, &owned->prefix);
	return code ? code : give(plan, owned);
}

static int compare_at(const struct owners *a, size_t i, const struct owners *b, size_t j)
{
	if (i == a->count)
		return 1;
	return j == b->count ? -1 : ml_prefix_compare(&a->items[i].prefix,
						       &b->items[j].prefix);
}

static int plan_prefixes(struct plan *plan)
{
	const struct owners *has = &plan->has, *shall = &plan->shall_have;
	size_t i = 0, j = 0;
	int code = 0, order;

	while (!code && (i < has->count || j < shall->count)) {
		order = compare_at(has, i, shall, j);
		if (order < 0)
			code = take_away(plan, &has->items[i++]);
		else if (order > 0)
			code = come(plan, &shall->items[j++]);
		else
			code = move(plan, &has->items[i++], &shall->items[j++]);
	}
	return code;
}

static struct ml_peer_change *add_change(struct ml_changes *changes, const uint8_t *key)
{
	struct ml_peer_change *change;
	size_t room = changes->peer_room ? 2 * changes->peer_room : 16;

	if (changes->peer_count == changes->peer_room) {
		change = reallocarray(changes->peers, room, sizeof(*change));
		if (!change)
			return NULL;
		changes->peers = change;
		changes->peer_room = room;
	}
	change = &changes->peers[changes->peer_count++];
	memset(change, 0, sizeof(*change));
	memcpy(change->key, key, sizeof(change->key));
	return change;
}

static int add_removal(struct ml_changes *changes, const uint8_t *key)
{
	struct ml_peer_change *change = add_change(changes, key);

	if (!change)
		return -ENOMEM;
	change->remove = true;
	return 0;
}

/* What is listed so far belongs to the change from now on. */
static int add_gift(struct ml_changes *changes, const uint8_t *key, bool create,
		    const struct ml_endpoint *endpoint, struct ml_prefixes *allowed)
{
	struct ml_peer_change *change = add_change(changes, key);

	if (!change)
		return -ENOMEM;
	change->create = create;
	if (endpoint)
		change->endpoint = *endpoint;
	if (allowed) {
		change->allowed = *allowed;
		*allowed = (struct ml_prefixes){ .items = NULL };
	}
	return 0;
}

/* The bundle says another one than it said before. */
static bool endpoint_changes(const struct plan *plan, const struct ml_device_peer *actual,
			     const struct ml_device_peer *wanted)
{
	const struct ml_device_peer *before = plan->previous ?
		ml_device_find(plan->previous, wanted->key) : NULL;

	return before && wanted->endpoint.family && actual->endpoint.family &&
	       !ml_endpoint_equal(&before->endpoint, &wanted->endpoint) &&
	       !ml_endpoint_equal(&actual->endpoint, &wanted->endpoint);
}

static int plan_before(struct plan *plan)
{
	struct ml_changes *before = &plan->out->before;
	const struct ml_device_peer *peer, *wanted;
	int code = 0;
	size_t i;

	if (plan->to_nobody.count)
		code = add_gift(before, ml_nobody, true, NULL, &plan->to_nobody);
	for (i = 0; i < plan->actual->peer_count && !code; i++) {
		peer = &plan->actual->peers[i];
		wanted = ml_device_find(plan->wanted, peer->key);
		if (wanted && endpoint_changes(plan, peer, wanted))
			code = add_gift(before, peer->key, false, &wanted->endpoint, NULL);
		else if (!wanted && !same(peer->key, ml_nobody))
			code = add_removal(before, peer->key);
	}
	return code;
}

static int plan_peer(struct plan *plan, size_t index)
{
	const struct ml_device_peer *wanted = &plan->wanted->peers[index];
	const struct ml_device_peer *actual = ml_device_find(plan->actual, wanted->key);
	bool endpoint = wanted->endpoint.family && (!actual || !actual->endpoint.family);

	if (actual && !endpoint && !plan->to_peer[index].count)
		return 0;
	return add_gift(&plan->out->after, wanted->key, true,
			endpoint ? &wanted->endpoint : NULL, &plan->to_peer[index]);
}

static int plan_after(struct plan *plan)
{
	const struct ml_changes *before = &plan->out->before;
	int code = 0;
	size_t i;

	for (i = 0; i < plan->wanted->peer_count && !code; i++)
		code = plan_peer(plan, i);
	if (!code && (ml_device_find(plan->actual, ml_nobody) ||
		      (before->peer_count && same(before->peers[0].key, ml_nobody))))
		code = add_removal(&plan->out->after, ml_nobody);
	return code;
}

/* To @only_a what is in @a alone, to @only_b likewise; both ascend. */
static int differ(const struct ml_prefixes *a, const struct ml_prefixes *b,
		  int (*compare)(const struct ml_prefix *a, const struct ml_prefix *b),
		  struct ml_prefixes *only_a, struct ml_prefixes *only_b)
{
	size_t i = 0, j = 0;
	int code = 0, order;

	while (!code && (i < a->count || j < b->count)) {
		order = i == a->count ? 1 : j == b->count ? -1 :
			compare(&a->items[i], &b->items[j]);
		if (order < 0)
			code = ml_prefixes_add(only_a, &a->items[i]);
		else if (order > 0)
			code = ml_prefixes_add(only_b, &b->items[j]);
		i += order <= 0;
		j += order >= 0;
	}
	return code;
}

static int plan_all(struct plan *plan)
{
	struct ml_changeover *out = plan->out;
	int code = find_owners(plan->actual, &plan->has);

	if (!code)
		code = find_owners(plan->wanted, &plan->shall_have);
	if (!code)
		code = plan_prefixes(plan);
	if (!code)
		code = plan_before(plan);
	if (!code)
		code = plan_after(plan);
	if (!code)
		code = differ(&plan->actual->routes, &plan->wanted->routes, ml_prefix_compare,
			      &out->before.routes, &out->after.routes);
	if (!code)
		code = differ(&plan->actual->addresses, &plan->wanted->addresses,
			      ml_address_compare, &out->before.addresses,
			      &out->after.addresses);
	return code;
}

int ml_changeover_plan(const struct ml_device *actual, const struct ml_device *wanted,
		       const struct ml_device *previous, struct ml_changeover *ret)
{
	struct ml_changeover out = { .before = { .peers = NULL } };
	struct plan plan = {
		.actual = actual, .wanted = wanted, .previous = previous, .out = &out,
	};
	int code = -ENOMEM;
	size_t i;

	plan.to_peer = calloc(wanted->peer_count + 1, sizeof(*plan.to_peer));
	if (plan.to_peer)
		code = plan_all(&plan);
	for (i = 0; plan.to_peer && i < wanted->peer_count; i++)
		ml_prefixes_clean(&plan.to_peer[i]);
	free(plan.to_peer);
	free(plan.has.items);
	free(plan.shall_have.items);
	ml_prefixes_clean(&plan.to_nobody);
	if (code)
		ml_changeover_clean(&out);
	else
		*ret = out;
	return code;
}

static void clean(struct ml_changes *changes)
{
	size_t i;

	for (i = 0; i < changes->peer_count; i++)
		ml_prefixes_clean(&changes->peers[i].allowed);
	free(changes->peers);
	ml_prefixes_clean(&changes->routes);
	ml_prefixes_clean(&changes->addresses);
	memset(changes, 0, sizeof(*changes));
}

void ml_changeover_clean(struct ml_changeover *changeover)
{
	clean(&changeover->before);
	clean(&changeover->after);
}

bool ml_changes_empty(const struct ml_changes *changes)
{
	return !changes->peer_count && !changes->routes.count && !changes->addresses.count;
}
