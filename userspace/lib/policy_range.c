// SPDX-License-Identifier: MIT
#include "policy_range.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned __int128 family_last(uint8_t family)
{
	return family == AF_INET ? UINT32_MAX : ~(unsigned __int128)0;
}

struct ml_range ml_range_of(const struct ml_prefix *prefix)
{
	struct ml_range range = { .family = prefix->family };
	unsigned int bits = ml_family_bits(prefix->family);

	for (unsigned int i = 0; i < bits / 8; i++)
		range.first = range.first << 8 | prefix->address[i];
	range.last = range.first;
	if (prefix->length < bits)
		range.last |= family_last(prefix->family) >> prefix->length;
	return range;
}

int ml_range_parse(const char *text, struct ml_range *ret)
{
	const char *dash = strchr(text, '-');
	char first[INET6_ADDRSTRLEN];
	struct ml_prefix a, b;

	if (!dash || dash == text || (size_t)(dash - text) >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = '\0';
	if (ml_prefix_parse(first, &a) || ml_prefix_parse(dash + 1, &b) || strchr(text, '/') ||
	    a.family != b.family || memcmp(a.address, b.address, sizeof(a.address)) > 0)
		return -EINVAL;
	*ret = ml_range_of(&a);
	ret->last = ml_range_of(&b).last;
	return 0;
}

int ml_ranges_add(struct ml_ranges *list, struct ml_range range)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		struct ml_range *items = reallocarray(list->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = range;
	return 0;
}

static int range_compare(const void *a, const void *b)
{
	const struct ml_range *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

void ml_ranges_normalise(struct ml_ranges *list)
{
	size_t kept = 0;

	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof(*list->items), range_compare);
	for (size_t i = 1; i < list->count; i++) {
		struct ml_range *last = &list->items[kept], *next = &list->items[i];

		if (next->family != last->family ||
		    (next->first > last->last && next->first - 1 > last->last))
			list->items[++kept] = *next;
		else if (next->last > last->last)
			last->last = next->last;
	}
	list->count = kept + 1;
}

/* Does @a end before @b begins? */
static bool is_before(const struct ml_range *a, const struct ml_range *b)
{
	return a->family != b->family ? a->family < b->family : a->last < b->first;
}

/* Adds what is left of @range without @holes, from *@at on, to @ret. */
static int range_subtract(struct ml_range range, const struct ml_ranges *holes, size_t *at,
			  struct ml_ranges *ret)
{
	while (*at < holes->count && is_before(&holes->items[*at], &range))
		++*at;
	for (size_t i = *at; i < holes->count && !is_before(&range, &holes->items[i]); i++) {
		const struct ml_range *hole = &holes->items[i];
		struct ml_range left = range;

		left.last = hole->first - 1;
		if (hole->first > range.first && ml_ranges_add(ret, left))
			return -ENOMEM;
		if (hole->last >= range.last)
			return 0;
		range.first = hole->last + 1;
	}
	return ml_ranges_add(ret, range);
}

int ml_ranges_subtract(struct ml_ranges *list, const struct ml_ranges *other)
{
	struct ml_ranges left = { 0 };
	size_t at = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (range_subtract(list->items[i], other, &at, &left)) {
			ml_ranges_clean(&left);
			return -ENOMEM;
		}
	}
	ml_ranges_clean(list);
	*list = left;
	return 0;
}

static struct ml_prefix prefix_of(uint8_t family, unsigned __int128 first, unsigned int length)
{
	struct ml_prefix prefix = { .family = family, .length = (uint8_t)length };
	unsigned int bytes = ml_family_bits(family) / 8;

	for (unsigned int i = bytes; i-- > 0; first >>= 8)
		prefix.address[i] = (uint8_t)first;
	return prefix;
}

/* Mask of the addresses behind the first in a prefix of @length. */
static unsigned __int128 prefix_span(uint8_t family, unsigned int length)
{
	return length == ml_family_bits(family) ? 0 : family_last(family) >> length;
}

int ml_range_prefixes(struct ml_range range, struct ml_prefixes *ret)
{
	for (;;) {
		unsigned int length = ml_family_bits(range.family);
		unsigned __int128 span;
		struct ml_prefix prefix;

		while (length && !(range.first & prefix_span(range.family, length - 1)) &&
		       prefix_span(range.family, length - 1) <= range.last - range.first)
			length--;
		prefix = prefix_of(range.family, range.first, length);
		if (ml_prefixes_add(ret, &prefix))
			return -ENOMEM;
		span = prefix_span(range.family, length);
		if (range.last - range.first == span)
			return 0;
		range.first += span + 1;
	}
}

int ml_ranges_prefixes(const struct ml_ranges *list, struct ml_prefixes *ret)
{
	for (size_t i = 0; i < list->count; i++)
		if (ml_range_prefixes(list->items[i], ret))
			return -ENOMEM;
	return 0;
}

void ml_ranges_clean(struct ml_ranges *list)
{
	free(list->items);
	*list = (struct ml_ranges){ 0 };
}

static int ranges_add_texts(struct ml_ranges *list, const char *const *texts, size_t count)
{
	struct ml_prefix prefix;

	for (size_t i = 0; i < count; i++)
		if (ml_prefix_parse(texts[i], &prefix) ||
		    ml_ranges_add(list, ml_range_of(&prefix)))
			return -ENOMEM;
	return 0;
}

int ml_ranges_internet(struct ml_ranges *ret)
{
	static const char *const all[] = { "0.0.0.0/0", "2000::/3" };
	static const char *const not_public[] = {
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
		"172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
	};
	struct ml_ranges holes = { 0 };
	int err = ranges_add_texts(ret, all, sizeof(all) / sizeof(all[0]));

	if (!err)
		err = ranges_add_texts(&holes, not_public, sizeof(not_public) / sizeof(not_public[0]));
	if (!err)
		err = ml_ranges_subtract(ret, &holes);
	ml_ranges_clean(&holes);
	return err;
}
