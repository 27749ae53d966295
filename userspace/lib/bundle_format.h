/* SPDX-License-Identifier: MIT */
/* A bundle file's layout, for the files that write and read it (docs/formats.md). */
#ifndef ML_BUNDLE_FORMAT_H
#define ML_BUNDLE_FORMAT_H

#include <stdint.h>

#include "bundle.h"

#define ML_BUNDLE_MAGIC		"MERLONB1"
#define ML_BUNDLE_MAGIC_BYTES	8

enum ml_bundle_record {
	ML_BUNDLE_ENVELOPE = 1,
	ML_BUNDLE_PROOF,
	ML_BUNDLE_LEAF,
	ML_BUNDLE_IMAGE,
	ML_BUNDLE_RULES,
	__ML_BUNDLE_RECORD_MAX,
};

struct ml_bundle_header {	/* of a record; little-endian */
	uint32_t type;
	uint32_t zero;
	uint64_t bytes;
};

/*
 * What each may hold. Envelope and proof are small because they are parsed
 * before anything is known to be signed.
 */
#define ML_BUNDLE_MAX_ENVELOPE	(16u << 10)
#define ML_BUNDLE_MAX_PROOF	(8u << 10)
#define ML_BUNDLE_MAX_LEAF	(64u << 20)
#define ML_BUNDLE_MAX_IMAGE	(128u << 20)	/* MERLON_MAX_IMAGE_BYTES */
#define ML_BUNDLE_MAX_RULES	(256u << 20)

/* Bytes of zero behind a content of @bytes. */
static inline uint64_t ml_bundle_padding(uint64_t bytes)
{
	return -bytes & 7;
}

/*
 * The records of @file into @bundle, and nothing else: its framing is right, its
 * content proved by nobody. For showing what a file says it is. -EBADMSG, -E2BIG
 */
int ml_bundle_split(struct ml_bytes file, struct ml_bundle *bundle, struct ml_error *error);

#endif
