/* SPDX-License-Identifier: MIT */
/*
 * The root document: whose signatures count for what, in the manner of the root
 * role of The Update Framework (specification 1.0, 5.3 and 6.1).
 *
 *   payloadType  application/vnd.merlon.root.v1+json
 *   payload      {"epoch":N,"expires":T,
 *                 "keys":{"keyid":"merlon-public-key:…",…},"network":"…",
 *                 "roles":{"membership":{"keyids":["…"],"threshold":N},
 *                          "policy":{…},"root":{…},"signing":{…}},"version":N}
 *
 * A network's first root is pinned: its digest comes by another way than itself.
 * Each later one has a version higher by exactly one, and is signed by enough
 * keys of the one before it and by enough of its own. The epoch never falls; a
 * root that takes away a key of `policy` or `signing` raises it: whoever held
 * that key has no say in the order of the generations to come, however far he
 * went ahead with his own. For the same reason a generation has the epoch of the
 * root, and no other.
 *
 * A key of `signing` is at work all day. It can hold no other role, or who takes
 * the signer takes the network.
 *
 * Time: what counts as now is the later of the system clock and the floor of the
 * watermark. Only the last root of a chain is judged by it; an expired one still
 * vouches for its successor, or a network that slept for long would be lost.
 * docs/formats.md has the details.
 */
#ifndef ML_ROOT_H
#define ML_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "error.h"
#include "keys.h"

#define ML_ROOT_TYPE	"application/vnd.merlon.root.v1+json"
#define ML_ROLE_KEYS	8	/* of one role: the root keys of two versions fit into an envelope */

enum ml_role {
	ML_ROLE_MEMBERSHIP,	/* signs enrolment grants, revocations */
	ML_ROLE_POLICY,		/* signs policy sources */
	ML_ROLE_ROOT,		/* signs roots */
	ML_ROLE_SIGNING,	/* signs generations, and opens the proofs of joins */
	__ML_ROLE_MAX,
};

struct ml_role_keys {
	struct ml_public_key keys[ML_ROLE_KEYS];	/* all different */
	size_t count;		/* at least 1 */
	size_t threshold;	/* different keys; from 1 to count */
};

struct ml_root {
	char network[ML_NAME_MAX + 1];
	uint64_t version;	/* from 1, below 2^63 */
	uint64_t epoch;		/* of the generations under it; below 2^63 */
	int64_t expires;	/* Unix seconds, UTC */
	struct ml_role_keys roles[__ML_ROLE_MAX];
	uint8_t digest[32];	/* SHA-256 of the payload */
};

/* "membership", … as in the document. */
const char *ml_role_name(enum ml_role role);
bool ml_root_has_key(const struct ml_root *root, enum ml_role role,
		     const struct ml_public_key *key);
/* The key of @role with this id; NULL: there is none. */
const struct ml_public_key *ml_root_find_key(const struct ml_root *root, enum ml_role role,
					     const char *key_id);

/* What a document says of itself, proved by nobody: for showing it. -EBADMSG, -E2BIG */
int ml_root_peek(struct ml_bytes envelope, struct ml_root *ret, struct ml_error *error);

/**
 * ml_root_first - the root that a machine begins with
 * @digest: SHA-256 of its payload, which came by a way that is trusted
 *
 * Any version can be the first. Dates are the caller's: ml_root_judge().
 * Return: 0; -EKEYREJECTED: another root, or not signed by enough of its own
 * keys; -EBADMSG: malformed or altered; -E2BIG; -ENOMEM.
 */
int ml_root_first(struct ml_bytes envelope, const uint8_t digest[static 32],
		  struct ml_root *ret, struct ml_error *error);

/**
 * ml_root_succeed - the root that follows @old; @ret may be @old
 *
 * Return: 0; -EKEYREJECTED: below the threshold of the old root's keys or of its
 * own; -ESTALE: @old's version or an earlier one; -ENOENT: the versions between
 * are missing; -EXDEV: of another network; -EBADMSG: malformed or altered, an
 * epoch that falls, or a key taken away without raising it; -E2BIG; -ENOMEM.
 */
int ml_root_succeed(const struct ml_root *old, struct ml_bytes envelope,
		    struct ml_root *ret, struct ml_error *error);

/**
 * ml_root_chain - ml_root_succeed() for all of @envelopes, in the order of their
 * versions; the first must follow @from
 *
 * All or nothing: where one is refused, @ret is untouched.
 */
int ml_root_chain(const struct ml_root *from, const struct ml_bytes *envelopes, size_t count,
		  struct ml_root *ret, struct ml_error *error);

/**
 * ml_root_judge - is the last root of a chain still good?
 * @floor: of the watermark; 0: none
 * @now: system clock, Unix seconds
 *
 * With an expired root nothing new is accepted, but a successor.
 * Return: 0, -ETIME.
 */
int ml_root_judge(const struct ml_root *root, int64_t floor, int64_t now,
		  struct ml_error *error);

/* Is it the epoch of generations under @root? -ESTALE: earlier; -ENOENT: of a later root */
int ml_root_check_epoch(const struct ml_root *root, uint64_t epoch, struct ml_error *error);

/**
 * ml_root_check - did enough keys of @role sign this document?
 * @type: DSSE's payloadType, which the envelope must have
 * @ret: the payload, malloc()ed, with a NUL behind it that is not counted
 *
 * Return: 0, -EBADMSG, -EKEYREJECTED, -E2BIG (over 128 MiB), -ENOMEM.
 */
int ml_root_check(const struct ml_root *root, enum ml_role role, const char *type,
		  struct ml_bytes envelope, uint8_t **ret, size_t *ret_length,
		  struct ml_error *error);

/**
 * ml_root_draft - a root that nobody has signed yet
 * @old: that it follows; NULL: the first
 * @root: all of it but the digest, in any order of keys
 * @ret: an envelope without signatures, malloc()ed
 *
 * What a reader would refuse is not written: -EINVAL.
 */
int ml_root_draft(const struct ml_root *old, const struct ml_root *root, uint8_t **ret,
		  size_t *ret_length, struct ml_error *error);

/**
 * ml_root_sign - one more signature; the keys may be on different machines
 * @old: that it follows; NULL: the first
 * @ret: the envelope with it, malloc()ed
 *
 * Return: 0; -EKEYREJECTED: @key is no root key of either; what ml_root_succeed()
 * returns for a draft that could not follow @old; -ENOMEM.
 */
int ml_root_sign(const struct ml_root *old, struct ml_bytes envelope,
		 const struct ml_secret_key *key, uint8_t **ret, size_t *ret_length,
		 struct ml_error *error);

/* How many different root keys of @by signed it, so far? -EBADMSG, -E2BIG, -ENOMEM */
int ml_root_signed(const struct ml_root *by, struct ml_bytes envelope, size_t *ret_good,
		   struct ml_error *error);

#endif
