/* SPDX-License-Identifier: MIT */
/*
 * A join: a node asks to be let in, by a grant.
 *
 *   payloadType  application/vnd.merlon.join.v1+json
 *   payload      {"grant":"keyid","identity":"merlon-public-key:…","name":"…",
 *                 "network":"…","nonce":"BASE64","proof":"BASE64",
 *                 "signer":"keyid","time":T,"tlsKey":"hex","wireguard":"BASE64"}
 *
 * Signed by the grant's one-time key and by the node's identity key. The proof is
 * for the WireGuard key (proof.h): label "merlon-join-1", context the nonce, other
 * the grant's key. tlsKey is the SHA-256 of the SubjectPublicKeyInfo that the node's
 * client certificate is to be for, so that the same join brought again by somebody
 * else gets him no certificate.
 *
 * Judged twice: by the server, and by the signer, which believes no server. Uses
 * of the grant are counted in the signer's ledger; the same join again is known
 * by its digest. docs/formats.md has the details.
 */
#ifndef ML_JOIN_H
#define ML_JOIN_H

#include <stddef.h>
#include <stdint.h>

#include "challenge.h"
#include "grant.h"
#include "proof.h"

#define ML_JOIN_TYPE	"application/vnd.merlon.join.v1+json"

struct ml_join {
	char network[ML_NAME_MAX + 1];
	char grant[65];			/* its id */
	char name[ML_NAME_MAX + 1];	/* that the node wants */
	struct ml_public_key identity;
	uint8_t wireguard[32];		/* X25519, public */
	uint8_t nonce[ML_NONCE_BYTES];
	int64_t time;			/* the node's, Unix seconds */
	char signer[65];		/* id of the signing key that can open the proof */
	uint8_t proof[ML_PROOF_BYTES];
	uint8_t tls_key[32];		/* SHA-256 */
	uint8_t digest[32];		/* SHA-256 of the payload */
};

/* What a node joins with. */
struct ml_join_input {
	const struct ml_challenge *challenge;
	const struct ml_secret_key *grant;	/* one-time */
	const struct ml_secret_key *identity;
	const uint8_t *wireguard;	/* private, 32 bytes in locked memory */
	const char *name;
	const uint8_t *tls_key;		/* 32 bytes */
	int64_t time;			/* Unix seconds */
};

/* @ret: the envelope, malloc()ed. -EINVAL, -ENOMEM */
int ml_join_make(const struct ml_join_input *input, uint8_t **ret, size_t *ret_length,
		 struct ml_error *error);

/* What it says, proved by nobody: to find its grant by. -EBADMSG, -E2BIG, -ENOMEM */
int ml_join_peek(struct ml_bytes envelope, struct ml_join *ret, struct ml_error *error);

/**
 * ml_join_verify - all that takes no secret
 * @grant: verified, and judged by the caller
 *
 * Return: 0; -EKEYREJECTED: another grant, another nonce, or not signed by both
 * keys; -EXDEV: another network; -ETIME: ml_fresh_check(); -EBADMSG; -E2BIG; -ENOMEM.
 */
int ml_join_verify(struct ml_bytes envelope, const struct ml_grant *grant,
		   const struct ml_fresh *fresh, struct ml_join *ret,
		   struct ml_error *error);

/**
 * ml_join_check_proof - does the node hold its WireGuard key?
 * @join: verified, by @grant
 * @signer: the secret key of join->signer
 *
 * Return: 0, -EKEYREJECTED, -ENOMEM.
 */
int ml_join_check_proof(const struct ml_join *join, const struct ml_grant *grant,
			const struct ml_secret_key *signer, struct ml_error *error);

#endif
