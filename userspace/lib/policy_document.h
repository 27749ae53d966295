/* SPDX-License-Identifier: MIT */
/*
 * A policy that is signed: the source, and its place among others, so that nobody
 * can bring an old one back.
 *
 *   payloadType  application/vnd.merlon.policy.v1+json
 *   payload      {"epoch":N,"network":"…","source":"…","version":N}
 *
 * Signed by enough keys of the root's role `policy`. The epoch is the root's: a
 * root that takes a policy key away begins a new one, and no policy of an older
 * epoch holds after it. Within an epoch versions rise, by any step.
 */
#ifndef ML_POLICY_DOCUMENT_H
#define ML_POLICY_DOCUMENT_H

#include "bundle.h"
#include "error.h"
#include "root.h"

#define ML_POLICY_TYPE	"application/vnd.merlon.policy.v1+json"

struct ml_policy_document {
	char network[ML_NAME_MAX + 1];
	uint64_t epoch;		/* below 2^63 */
	uint64_t version;	/* from 1, below 2^63 */
	char *source;		/* HuJSON, malloc()ed, with a NUL that is not counted */
	size_t source_length;
	uint8_t digest[32];	/* SHA-256 of the payload */
};

/* @keys: of the role `policy`. @ret: the envelope, malloc()ed. -EINVAL, -ENOMEM */
int ml_policy_document_sign(const struct ml_policy_document *document,
			    const struct ml_secret_key *const *keys, size_t key_count,
			    uint8_t **ret, size_t *ret_length, struct ml_error *error);

/**
 * ml_policy_document_verify - is it signed under @root, and of its epoch?
 * @ret: for ml_policy_document_clean()
 *
 * Whether the source is a policy is not looked at; which version is the newest is
 * its reader's to know. Return: 0; -EKEYREJECTED; -EXDEV: another network; -ESTALE,
 * -ENOENT: ml_root_check_epoch(); -EBADMSG; -E2BIG; -ENOMEM.
 */
int ml_policy_document_verify(const struct ml_root *root, struct ml_bytes envelope,
			      struct ml_policy_document *ret, struct ml_error *error);
void ml_policy_document_clean(struct ml_policy_document *document);

#endif
