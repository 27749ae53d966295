/* SPDX-License-Identifier: MIT */
/*
 * An extension: a node may stay until another day than its grant said, or for good.
 *
 *   payloadType  application/vnd.merlon.extension.v1+json
 *   payload      {"expires":T or 0,"grant":"keyid","network":"…","node":"…","time":T}
 *
 * Signed by the role `membership` of the root. `grant` is the one that let the node in:
 * together with the name it is one node, for ever, as a revocation ends a node's grant.
 * Of two the one with the higher `time` holds, so that an old one is worth nothing.
 */
#ifndef ML_EXTENSION_H
#define ML_EXTENSION_H

#include "bundle.h"
#include "error.h"
#include "keys.h"
#include "root.h"

#define ML_EXTENSION_TYPE	"application/vnd.merlon.extension.v1+json"

struct ml_extension {
	char network[ML_NAME_MAX + 1], node[ML_NAME_MAX + 1];
	char grant[65];			/* its id */
	int64_t expires;		/* Unix seconds, UTC; 0: never */
	int64_t time;			/* when it was signed; earlier than @expires */
	uint8_t digest[32];		/* SHA-256 of the payload; not read by ml_extension_sign() */
};

/* @ret: the envelope, malloc()ed. What a reader would refuse is not written: -EINVAL. -ENOMEM */
int ml_extension_sign(const struct ml_extension *extension,
		      const struct ml_secret_key *const *keys, size_t key_count, uint8_t **ret,
		      size_t *ret_length, struct ml_error *error);

/* -EBADMSG, -EKEYREJECTED, -EXDEV (another network), -E2BIG, -ENOMEM */
int ml_extension_verify(const struct ml_root *root, struct ml_bytes envelope,
			struct ml_extension *ret, struct ml_error *error);

#endif
