/* SPDX-License-Identifier: MIT */
/*
 * A revocation: a node, or a grant, is to be worth nothing. The signer wants none of
 * this, since it only takes away; a server takes it from who has no session.
 *
 *   payloadType  application/vnd.merlon.revocation.v1+json
 *   payload      {"grant":"keyid" or "","network":"…","node":"…" or "","time":T}
 *
 * Signed by the role `membership` of the root. One of grant and node is empty. The
 * same again changes nothing, so that nothing must make it fresh; `time` tells two
 * of them apart. A name that is given out again behind @time is not meant.
 */
#ifndef ML_REVOCATION_H
#define ML_REVOCATION_H

#include "bundle.h"
#include "error.h"
#include "keys.h"
#include "root.h"

#define ML_REVOCATION_TYPE	"application/vnd.merlon.revocation.v1+json"

struct ml_revocation {
	char network[ML_NAME_MAX + 1];
	char node[ML_NAME_MAX + 1];	/* or "" */
	char grant[65];			/* its id, or "" */
	int64_t time;			/* Unix seconds, UTC */
	uint8_t digest[32];		/* SHA-256 of the payload; not read by ml_revocation_sign() */
};

/* @ret: the envelope, malloc()ed. What a reader would refuse is not written: -EINVAL. -ENOMEM */
int ml_revocation_sign(const struct ml_revocation *revocation,
		       const struct ml_secret_key *const *keys, size_t key_count, uint8_t **ret,
		       size_t *ret_length, struct ml_error *error);

/* -EBADMSG, -EKEYREJECTED, -EXDEV (another network), -E2BIG, -ENOMEM */
int ml_revocation_verify(const struct ml_root *root, struct ml_bytes envelope,
			 struct ml_revocation *ret, struct ml_error *error);

#endif
