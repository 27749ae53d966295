/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a policy image: refused, or tables that every tuple can be
 * looked up in. Random bytes alone are hardly ever an image. So an even first
 * byte means: bytes follow, repair their magic, version and length; an odd one:
 * the second seeds a valid image, and edits of it follow.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "compile.h"
#include "tables_of.h"

#include "../oracle/random_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every cell: a packet would seldom find the one that is wrong. */
static void look_up_cells(const struct merlon_tables *tables, const struct merlon_view *view)
{
	uint32_t s, d, i, verdict;
	struct merlon_row row;
	bool listed;

	for (s = 0; s < view->source_classes && s < 30; s++)
		for (d = 0; d < view->destination_classes && d < 30; d++)
			for (i = 0; i < view->nr_services && i < 60; i++) {
				row = merlon_row_find(tables, s, d, &listed);
				verdict = merlon_row_verdict(tables, row, i);
				if (MERLON_VERDICT_RULE(verdict) >
				    merlon_tables_rule_count(tables))
					abort();
			}
}

static void classify_all(const struct merlon_tables *tables, const struct merlon_view *view)
{
	struct chance chance = { .state = 1 };
	uint8_t src[16], dst[16];
	struct merlon_trace trace;
	uint32_t i, verdict;
	__be32 a, b;

	for (i = 0; i < 100; i++) {
		uint8_t family = i % 2 ? AF_INET : AF_INET6;
		uint8_t protocol = i % 7 ? (uint8_t)(i * 5) : 6;

		random_address(&chance, family, src);
		random_address(&chance, family, dst);
		if (view->count[MERLON_SECTION_HOSTS6] && i % 4 == 0)
			memcpy(dst, view->hosts6[i % view->count[MERLON_SECTION_HOSTS6]].address, 16);
		if (view->count[MERLON_SECTION_HOSTS4] && i % 4 == 1)
			memcpy(src, &view->hosts4[i % view->count[MERLON_SECTION_HOSTS4]].address, 4);
		memcpy(&a, src, 4);
		memcpy(&b, dst, 4);
		verdict = family == AF_INET ?
			  merlon_classify4(tables, a, b, protocol, (uint16_t)(i * 997)) :
			  merlon_classify6(tables, src, dst, protocol, (uint16_t)(i * 997));
		merlon_classify_trace(tables, family, src, dst, protocol, (uint16_t)(i * 997),
				      &trace);
		if (verdict != trace.verdict ||
		    MERLON_VERDICT_RULE(verdict) > merlon_tables_rule_count(tables) ||
		    merlon_owner6(tables, src) > merlon_tables_tunnel_count(tables) ||
		    merlon_owner4(tables, a) > merlon_tables_tunnel_count(tables))
			abort();
	}
}

static uint8_t *repaired(const uint8_t *data, size_t size)
{
	struct merlon_image_header header;
	uint8_t *bytes = must(malloc(size + 1));

	if (size)
		memcpy(bytes, data, size);
	if (size < sizeof(header))
		return bytes;
	memcpy(&header, bytes, sizeof(header));
	memcpy(header.magic, MERLON_IMAGE_MAGIC, sizeof(header.magic));
	header.version = htole32(MERLON_IMAGE_VERSION);
	/* A length that is shorter, on a multiple of four, has a guard behind it. */
	if (le32toh(header.bytes) < sizeof(header) || le32toh(header.bytes) >= size)
		header.bytes = htole32((uint32_t)size);
	memcpy(bytes, &header, sizeof(header));
	return bytes;
}

/* Edits of four bytes each: place, kind and value. */
static uint8_t *edited(const uint8_t *data, size_t size, size_t *ret_length)
{
	struct chance chance = { .state = data[0] };
	struct ml_ruleset *ruleset = random_ruleset(&chance, 6, 6);
	uint8_t *image = NULL;
	size_t i, at;

	if (data[0] & 1)
		random_guard(&chance, ruleset, 6, 6);
	if (ml_image_compile(ruleset, &image, ret_length, NULL))
		abort();
	ml_ruleset_free(ruleset);
	free(ruleset);
	for (i = 1; i + 4 <= size; i += 4) {
		/* From the end, too: that is where the guard is. */
		at = (data[i] | (size_t)data[i + 1] << 8) % *ret_length;
		if (data[i + 2] & 64)
			at = *ret_length - 1 - at;
		if (data[i + 2] % 3 == 0)
			image[at] = data[i + 3];
		else if (data[i + 2] % 3 == 1)
			image[at] = (uint8_t)(image[at] + (data[i + 3] % 4) - 2);
		else
			image[at] ^= (uint8_t)(1 << data[i + 3] % 8);
	}
	return image;
}

static void part_check(const struct merlon_tables *tables, const struct merlon_view *view)
{
	look_up_cells(tables, view);
	classify_all(tables, view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ml_tables tables;
	struct merlon_fault fault;
	size_t length = size ? size - 1 : 0;
	uint8_t *bytes;

	if (size > 1 && data[0] % 2)
		bytes = edited(data + 1, size - 1, &length);
	else
		bytes = repaired(data + !!size, length);
	if (!ml_tables_of(bytes, length, &tables, &fault)) {
		part_check(tables.tables, &tables.view);
		if (tables.guard)
			part_check(tables.guard, &tables.guard_view);
		ml_tables_clean(&tables);
	}
	free(bytes);
	return 0;
}
