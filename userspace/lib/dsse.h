/* SPDX-License-Identifier: MIT */
/*
 * DSSE envelopes (Dead Simple Signing Envelope, protocol v1) with Ed25519:
 *
 *   {"payload":"BASE64","payloadType":"…",
 *    "signatures":[{"keyid":"…","sig":"BASE64"}…]}
 *
 * What is signed is PAE(payloadType, payload): the exact bytes, never a parsed
 * form of them. A keyid is ml_public_key_id().
 */
#ifndef ML_DSSE_H
#define ML_DSSE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "keys.h"

#define ML_DSSE_SIGNATURES	16	/* in one envelope */

/* "DSSEv1" SP length SP type SP length SP body; @ret is malloc()ed. */
int ml_dsse_pae(const char *type, const void *body, size_t length, uint8_t **ret,
		size_t *ret_length, struct ml_error *error);

/* An envelope in canonical form (sorted keys, no spaces) with a signature per key. */
int ml_dsse_sign(const char *type, const void *body, size_t length,
		 const struct ml_secret_key *const *keys, size_t key_count, uint8_t **ret,
		 size_t *ret_length, struct ml_error *error);

/* An envelope that nobody has signed yet, for ml_dsse_add(). */
int ml_dsse_draft(const char *type, const void *body, size_t length, uint8_t **ret,
		  size_t *ret_length, struct ml_error *error);

/**
 * ml_dsse_add - one more signature, for keys that live on different machines
 * @envelope: of @type; its other signatures are kept as they are, proved by nobody
 *
 * An earlier signature of @key is replaced. Unknown members are left out.
 * Return: 0; -EBADMSG: malformed, or another payload type; -E2BIG: full; -ENOMEM.
 */
int ml_dsse_add(const void *envelope, size_t length, const char *type,
		const struct ml_secret_key *key, uint8_t **ret, size_t *ret_length,
		struct ml_error *error);

/* Whose signatures are wanted, on what. */
struct ml_dsse_want {
	const char *type;
	const struct ml_public_key *keys;
	size_t key_count;
	size_t threshold;	/* distinct keys; at least 1 */
	bool canonical;		/* byte for byte what ml_dsse_sign() writes for one key */
};

struct ml_dsse {
	uint8_t *payload;	/* malloc()ed, with a NUL behind it that is not counted */
	size_t payload_length;
	size_t good;		/* distinct keys of the list that signed */
	char key_id[65];	/* the first of them */
};

/**
 * ml_dsse_verify - the payload, if enough of the wanted keys signed it
 *
 * Signatures of other keys are ignored; one without keyid is tried with each
 * key. Where not canonical, base64 may be URL-safe and unknown members are
 * skipped, as DSSE wants it. A key counts once, however often it is listed.
 * Return: 0; -EBADMSG: malformed, or a wanted key's signature does not fit, or
 * another payload type; -EKEYREJECTED: not signed by enough wanted keys; -ENOMEM.
 */
int ml_dsse_verify(const void *envelope, size_t length, const struct ml_dsse_want *want,
		   struct ml_dsse *ret, struct ml_error *error);

/* The payload alone, proved by nobody: for a program about its own envelopes. */
int ml_dsse_peek(const void *envelope, size_t length, const char *type, uint8_t **ret,
		 size_t *ret_length, struct ml_error *error);

#endif
