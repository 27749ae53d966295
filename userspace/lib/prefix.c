// SPDX-License-Identifier: MIT
#include "prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "0" to "128" without sign, blank or leading zero; -1 is not a length. */
static int length_parse(const char *text, unsigned int bits)
{
	unsigned int value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + (unsigned int)(*text - '0');
		if (value > bits)
			return -1;
	}
	return (int)value;
}

/* Clears the host bits; true if any was set. */
static bool host_bits_clear(struct ml_prefix *prefix)
{
	unsigned int bytes = ml_family_bits(prefix->family) / 8;
	bool any = false;

	if (ml_prefix_is_host(prefix))
		return false;
	for (unsigned int i = 0; i < bytes; i++) {
		unsigned int kept = prefix->length <= i * 8 ? 0 : prefix->length - i * 8;
		uint8_t mask = kept >= 8 ? 0xff : (uint8_t)(0xff00 >> kept);

		any |= prefix->address[i] & ~mask;
		prefix->address[i] &= mask;
	}
	return any;
}

int ml_prefix_parse(const char *text, struct ml_prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct ml_prefix prefix = { 0 };
	char address[INET6_ADDRSTRLEN];
	int bits;

	if (!length || length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	prefix.family = memchr(address, ':', length) ? AF_INET6 : AF_INET;
	if (inet_pton(prefix.family, address, prefix.address) != 1)
		return -EINVAL;
	bits = (int)ml_family_bits(prefix.family);
	if (slash)
		bits = length_parse(slash + 1, (unsigned int)bits);
	if (bits < 0)
		return -EINVAL;
	prefix.length = (uint8_t)bits;
	bits = host_bits_clear(&prefix) ? -ERANGE : 0;
	*ret = prefix;
	return bits;
}

bool ml_prefix_valid(const struct ml_prefix *prefix)
{
	static const uint8_t zero[16];
	struct ml_prefix copy = *prefix;
	unsigned int bytes;

	if (prefix->family != AF_INET && prefix->family != AF_INET6)
		return false;
	bytes = ml_family_bits(prefix->family) / 8;
	if (prefix->length > bytes * 8 || host_bits_clear(&copy))
		return false;
	return !memcmp(prefix->address + bytes, zero, sizeof(prefix->address) - bytes);
}

void ml_prefix_host(uint8_t family, const uint8_t *address, struct ml_prefix *ret)
{
	struct ml_prefix prefix = { .family = family };

	prefix.length = (uint8_t)ml_family_bits(family);
	memcpy(prefix.address, address, prefix.length / 8);
	*ret = prefix;
}

const char *ml_prefix_format(const struct ml_prefix *prefix, char buffer[static ML_PREFIX_TEXT])
{
	size_t used;

	if (!inet_ntop(prefix->family, prefix->address, buffer, INET6_ADDRSTRLEN))
		snprintf(buffer, ML_PREFIX_TEXT, "?");
	used = strlen(buffer);
	if (!ml_prefix_is_host(prefix))
		snprintf(buffer + used, ML_PREFIX_TEXT - used, "/%u", prefix->length);
	return buffer;
}

int ml_prefix_compare(const struct ml_prefix *a, const struct ml_prefix *b)
{
	int order;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	order = memcmp(a->address, b->address, sizeof(a->address));
	if (order)
		return order;
	return (int)a->length - (int)b->length;
}

int ml_prefix_compare_qsort(const void *a, const void *b)
{
	return ml_prefix_compare(a, b);
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return !rest || !((a[bits / 8] ^ b[bits / 8]) >> (8 - rest));
}

bool ml_prefix_contains(const struct ml_prefix *outer, const struct ml_prefix *inner)
{
	return outer->family == inner->family && outer->length <= inner->length &&
	       bits_equal(outer->address, inner->address, outer->length);
}

bool ml_prefix_has(const struct ml_prefix *prefix, uint8_t family, const uint8_t *address)
{
	return prefix->family == family && bits_equal(prefix->address, address, prefix->length);
}

static int prefixes_reserve(struct ml_prefixes *list, size_t more)
{
	size_t room = list->room ? list->room : 4;
	struct ml_prefix *items;

	while (room < list->count + more)
		room *= 2;
	if (room == list->room)
		return 0;
	items = reallocarray(list->items, room, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->room = room;
	return 0;
}

int ml_prefixes_add(struct ml_prefixes *list, const struct ml_prefix *prefix)
{
	return ml_prefixes_add_all(list, prefix, 1);
}

int ml_prefixes_add_all(struct ml_prefixes *list, const struct ml_prefix *items, size_t count)
{
	if (!count)
		return 0;
	if (prefixes_reserve(list, count))
		return -ENOMEM;
	memcpy(list->items + list->count, items, count * sizeof(*items));
	list->count += count;
	return 0;
}

void ml_prefixes_normalise(struct ml_prefixes *list)
{
	size_t kept = 0;

	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof(*list->items), ml_prefix_compare_qsort);
	for (size_t i = 1; i < list->count; i++)
		if (ml_prefix_compare(&list->items[kept], &list->items[i]))
			list->items[++kept] = list->items[i];
	list->count = kept + 1;
}

void ml_prefixes_clean(struct ml_prefixes *list)
{
	free(list->items);
	*list = (struct ml_prefixes){ 0 };
}
