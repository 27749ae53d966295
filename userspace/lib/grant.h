/* SPDX-License-Identifier: MIT */
/*
 * An enrolment grant: whoever holds its one-time key may bring a node, with
 * these tags or for this user. It is made beside the membership key; a server
 * has only this, which holds no secret.
 *
 *   payloadType  application/vnd.merlon.grant.v1+json
 *   payload      {"created":T,"expires":T,"key":"merlon-public-key:…",
 *                 "network":"…","owner":"alice@example.org" or "",
 *                 "tags":["tag:web",…],"uses":N}, and "lifetime":S where its
 *                 nodes may not stay for good
 *
 * Signed by the role `membership` of the root. As in a policy, a node has an owner
 * or tags, not both, and may have neither. How often it was used is not in here:
 * that is in the signer's ledger. docs/formats.md has the details.
 */
#ifndef ML_GRANT_H
#define ML_GRANT_H

#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "error.h"
#include "keys.h"
#include "root.h"

#define ML_GRANT_TYPE		"application/vnd.merlon.grant.v1+json"
#define ML_GRANT_TAGS		16
#define ML_GRANT_TAG_MAX	132	/* bytes, with "tag:" */
#define ML_GRANT_OWNER_MAX	128	/* bytes */
#define ML_GRANT_USES_MAX	25
#define ML_LIFETIME_OF_NODE_MIN	60			/* seconds */
#define ML_LIFETIME_OF_NODE_MAX	(10 * 365 * 86400)

struct ml_grant {
	char network[ML_NAME_MAX + 1];
	struct ml_public_key key;	/* one-time */
	char id[65];			/* its key id, and the grant's id */
	char owner[ML_GRANT_OWNER_MAX + 1];	/* a user's email address, or "" */
	char tags[ML_GRANT_TAGS][ML_GRANT_TAG_MAX + 1];	/* by byte, each once */
	size_t tag_count;
	unsigned int uses;		/* 1 to ML_GRANT_USES_MAX */
	int64_t created, expires;	/* Unix seconds, UTC; created is earlier */
	int64_t lifetime;		/* of a node, from when it is let in, seconds; 0: for good */
	uint8_t digest[32];		/* SHA-256 of the payload */
};

/**
 * ml_grant_sign - the envelope of a grant
 * @grant: all of it but id and digest; tags in any order
 * @keys: of the membership role; none: a draft for ml_grant_add()
 * @ret: malloc()ed
 *
 * What a reader would refuse is not written. Return: 0, -EINVAL, -ENOMEM.
 */
int ml_grant_sign(const struct ml_grant *grant, const struct ml_secret_key *const *keys,
		  size_t key_count, uint8_t **ret, size_t *ret_length,
		  struct ml_error *error);
/* One more signature, where the keys are on different machines. -EBADMSG, -E2BIG, -ENOMEM */
int ml_grant_add(struct ml_bytes envelope, const struct ml_secret_key *key, uint8_t **ret,
		 size_t *ret_length, struct ml_error *error);

/* What it says of itself, proved by nobody: for showing it. -EBADMSG, -E2BIG, -ENOMEM */
int ml_grant_peek(struct ml_bytes envelope, struct ml_grant *ret, struct ml_error *error);

/**
 * ml_grant_verify - is it signed by enough keys of `membership`?
 *
 * Dates are the caller's: ml_grant_judge(). Uses are the ledger's.
 * Return: 0, -EBADMSG, -EKEYREJECTED, -EXDEV (another network), -E2BIG, -ENOMEM.
 */
int ml_grant_verify(const struct ml_root *root, struct ml_bytes envelope,
		    struct ml_grant *ret, struct ml_error *error);

/**
 * ml_grant_judge - -ETIME where it has expired
 * @grant: verified
 * @floor: of the watermark or ledger; 0: none
 * @now: system clock; what counts is the latest of it, the floor and `created`
 */
int ml_grant_judge(const struct ml_grant *grant, int64_t floor, int64_t now,
		   struct ml_error *error);

#endif
