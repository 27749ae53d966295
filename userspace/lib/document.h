/* SPDX-License-Identifier: MIT */
/*
 * The documents of trust, for the files that make and check them: a payload of
 * canonical strict JSON in a DSSE envelope with as many signatures as its kind
 * wants. Canonical, so that what is the same has the same digest.
 */
#ifndef ML_DOCUMENT_H
#define ML_DOCUMENT_H

#include <stdbool.h>

#include <jansson.h>

#include "bundle.h"
#include "dsse.h"
#include "error.h"
#include "keys.h"

/* Of an envelope: all of them are small, and parsed before they are verified. */
#define ML_DOCUMENT_MAX_BYTES	(64u << 10)

struct ml_document_kind {
	const char *what;		/* for errors: "root document" */
	const char *type;		/* DSSE's payloadType */
	const char *const *keys;	/* of the payload, all of them */
	size_t key_count;
	bool last_optional;		/* the last of @keys may be missing */
};

/**
 * ml_document_peek - the payload, proved by nobody
 * @ret: an object with the kind's keys and no other, for json_decref()
 * @ret_digest: SHA-256 of the payload
 *
 * For what must be known before it can be verified, and for showing.
 * Return: 0, -EBADMSG, -E2BIG, -ENOMEM.
 */
int ml_document_peek(const struct ml_document_kind *kind, struct ml_bytes envelope,
		     json_t **ret, uint8_t ret_digest[static 32], struct ml_error *error);

/**
 * ml_document_verify - did @threshold of @keys sign it?
 * @who: they are, for the error: "the root keys of version 3"
 *
 * Return: 0, -EBADMSG, -EKEYREJECTED, -E2BIG, -ENOMEM.
 */
int ml_document_verify(const struct ml_document_kind *kind, struct ml_bytes envelope,
		       const char *who, const struct ml_public_key *keys, size_t key_count,
		       size_t threshold, struct ml_error *error);

/* Writes and signs it, or leaves a draft where @key_count is 0. @json is given away. */
int ml_document_sign(const struct ml_document_kind *kind, json_t *json,
		     const struct ml_secret_key *const *keys, size_t key_count,
		     uint8_t **ret, size_t *ret_length, struct ml_error *error);

/* -EXDEV where @network, which the document names, is another than @want. */
int ml_document_check_network(const struct ml_document_kind *kind, const char *network,
			      const char *want, struct ml_error *error);

#endif
