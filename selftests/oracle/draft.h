/* SPDX-License-Identifier: MIT */
/* An image taken apart, so that a test can change one record and put it together. */
#ifndef DRAFT_H
#define DRAFT_H

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"

#define DRAFT_ROOM 128	/* records of a section */

struct draft {
	struct merlon_image_header header;
	uint32_t count[MERLON_SECTIONS];
	struct merlon_tunnel tunnels[DRAFT_ROOM];
	struct merlon_host4 hosts4[DRAFT_ROOM];
	struct merlon_host6 hosts6[DRAFT_ROOM];
	struct merlon_net4 nets4[DRAFT_ROOM];
	struct merlon_net6 nets6[DRAFT_ROOM];
	struct merlon_class classes[DRAFT_ROOM];
	struct merlon_pair pairs[DRAFT_ROOM];
	struct merlon_service services[DRAFT_ROOM];
	struct merlon_run runs[DRAFT_ROOM];
	__le32 verdicts[DRAFT_ROOM];
	struct merlon_rule rules[DRAFT_ROOM];
};

struct draft_section {
	size_t offset, size;
};

#define DRAFT_SECTION(field) { offsetof(struct draft, field), \
			       sizeof(((struct draft *)NULL)->field[0]) }

static const struct draft_section draft_sections[MERLON_SECTIONS] = {
	DRAFT_SECTION(tunnels), DRAFT_SECTION(hosts4), DRAFT_SECTION(hosts6),
	DRAFT_SECTION(nets4), DRAFT_SECTION(nets6), DRAFT_SECTION(classes),
	DRAFT_SECTION(pairs), DRAFT_SECTION(services), DRAFT_SECTION(runs),
	DRAFT_SECTION(verdicts), DRAFT_SECTION(rules),
};

static inline void draft_read(struct draft *draft, const uint8_t *image)
{
	size_t at = sizeof(draft->header);
	int i;

	memset(draft, 0, sizeof(*draft));
	memcpy(&draft->header, image, sizeof(draft->header));
	for (i = 0; i < MERLON_SECTIONS; i++) {
		draft->count[i] = le32toh(draft->header.count[i]);
		if (draft->count[i] > DRAFT_ROOM)
			abort();
		memcpy((uint8_t *)draft + draft_sections[i].offset, image + at,
		       draft->count[i] * draft_sections[i].size);
		at += draft->count[i] * draft_sections[i].size;
	}
}

/* Counts and length are made to fit; the caller frees. */
static inline uint8_t *draft_write(struct draft *draft, size_t *ret_length)
{
	size_t at = sizeof(draft->header), length = at;
	uint8_t *image;
	int i;

	for (i = 0; i < MERLON_SECTIONS; i++) {
		draft->header.count[i] = htole32(draft->count[i]);
		length += draft->count[i] * draft_sections[i].size;
	}
	draft->header.bytes = htole32((uint32_t)length);
	image = malloc(length);
	if (!image)
		abort();
	memcpy(image, &draft->header, sizeof(draft->header));
	for (i = 0; i < MERLON_SECTIONS; i++) {
		memcpy(image + at, (uint8_t *)draft + draft_sections[i].offset,
		       draft->count[i] * draft_sections[i].size);
		at += draft->count[i] * draft_sections[i].size;
	}
	*ret_length = length;
	return image;
}

/* Makes room for a copy of record @i behind it. */
static inline void draft_repeat(struct draft *draft, int section, uint32_t i)
{
	size_t size = draft_sections[section].size;
	uint8_t *record = (uint8_t *)draft + draft_sections[section].offset + i * size;

	memmove(record + size, record, (draft->count[section]++ - i) * size);
}

static inline void draft_drop(struct draft *draft, int section, uint32_t i)
{
	size_t size = draft_sections[section].size;
	uint8_t *record = (uint8_t *)draft + draft_sections[section].offset + i * size;

	memmove(record, record + size, (--draft->count[section] - i) * size);
}

#endif
