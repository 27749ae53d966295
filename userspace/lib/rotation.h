/* SPDX-License-Identifier: MIT */
/*
 * What a node that is in may ask for by its identity key: other keys (rotation),
 * and a new client certificate (renewal).
 *
 *   payloadType  application/vnd.merlon.rotation.v1+json
 *   payload      {"counter":N,"identity":"merlon-public-key:…","network":"…",
 *                 "node":"…","proof":"BASE64","signer":"keyid","wireguard":"BASE64"}
 *
 * `identity` and `wireguard` are the keys from then on; what does not change is
 * said again. Signed by the identity key that the node has had and, where it
 * changes, by the new one too. Counters rise, in the signer's ledger, so that
 * nobody can bring an old one again. The proof is for the WireGuard key
 * (proof.h): label "merlon-rotate-1", context SHA-256(network 00 node 00 counter as
 * 8 bytes, little-endian), other the identity that the node has had.
 *
 *   payloadType  application/vnd.merlon.renewal.v1+json
 *   payload      {"network":"…","node":"…","nonce":"BASE64","time":T,"tlsKey":"hex"}
 *
 * Signed by the identity key: a node can be away for as long as it likes. The nonce
 * is a challenge's; tlsKey as in join.h. Only the server reads it. docs/formats.md
 * has the details.
 */
#ifndef ML_ROTATION_H
#define ML_ROTATION_H

#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "challenge.h"
#include "error.h"
#include "keys.h"
#include "proof.h"

#define ML_ROTATION_TYPE	"application/vnd.merlon.rotation.v1+json"
#define ML_RENEWAL_TYPE		"application/vnd.merlon.renewal.v1+json"

/* What is known of the node that asks. */
struct ml_known_node {
	char network[ML_NAME_MAX + 1];
	char node[ML_NAME_MAX + 1];
	struct ml_public_key identity;
	uint64_t counter;	/* of its last rotation; 0: none. Below 2^63 */
};

struct ml_rotation {
	char network[ML_NAME_MAX + 1];
	char node[ML_NAME_MAX + 1];
	uint64_t counter;		/* from 1, below 2^63 */
	struct ml_public_key identity;	/* from now on */
	uint8_t wireguard[32];		/* X25519, public, from now on */
	char signer[65];		/* id of the signing key that can open the proof */
	uint8_t proof[ML_PROOF_BYTES];
	uint8_t digest[32];		/* SHA-256 of the payload */
};

struct ml_rotation_input {
	const char *network, *node;
	uint64_t counter;			/* above all that were sent */
	const struct ml_public_key *signer;	/* of the root's role `signing` */
	const struct ml_secret_key *identity;	/* that the node has */
	const struct ml_secret_key *next;	/* identity from now on; NULL: the same */
	const uint8_t *wireguard;		/* from now on; private, 32 bytes, locked */
};

/* @ret: the envelope, malloc()ed. -EINVAL, -ENOMEM */
int ml_rotation_make(const struct ml_rotation_input *input, uint8_t **ret,
		     size_t *ret_length, struct ml_error *error);

/* What it says, proved by nobody: to find its node by. -EBADMSG, -E2BIG, -ENOMEM */
int ml_rotation_peek(struct ml_bytes envelope, struct ml_rotation *ret,
		     struct ml_error *error);

/**
 * ml_rotation_verify - all that takes no secret
 *
 * Return: 0; -EKEYREJECTED: not signed by the identity, or not by the new one;
 * -ESTALE: the counter does not rise; -EXDEV: another network or node; -EBADMSG;
 * -E2BIG; -ENOMEM.
 */
int ml_rotation_verify(struct ml_bytes envelope, const struct ml_known_node *known,
		       struct ml_rotation *ret, struct ml_error *error);

/* As ml_join_check_proof(); @rotation: verified, by @known. */
int ml_rotation_check_proof(const struct ml_rotation *rotation,
			    const struct ml_known_node *known,
			    const struct ml_secret_key *signer, struct ml_error *error);

struct ml_renewal {
	char network[ML_NAME_MAX + 1];
	char node[ML_NAME_MAX + 1];
	uint8_t nonce[ML_NONCE_BYTES];
	int64_t time;			/* the node's, Unix seconds */
	uint8_t tls_key[32];		/* SHA-256 of its SubjectPublicKeyInfo */
	uint8_t digest[32];		/* SHA-256 of the payload */
};

/* @ret: the envelope, malloc()ed. -EINVAL, -ENOMEM */
int ml_renewal_make(const struct ml_challenge *challenge, const char *node,
		    const struct ml_secret_key *identity, const uint8_t tls_key[static 32],
		    int64_t time, uint8_t **ret, size_t *ret_length,
		    struct ml_error *error);

/* What it says, proved by nobody: to find its node by. -EBADMSG, -E2BIG, -ENOMEM */
int ml_renewal_peek(struct ml_bytes envelope, struct ml_renewal *ret,
		    struct ml_error *error);

/* -EKEYREJECTED, -EXDEV, -ETIME (ml_fresh_check()), -EBADMSG, -E2BIG, -ENOMEM */
int ml_renewal_verify(struct ml_bytes envelope, const struct ml_known_node *known,
		      const struct ml_fresh *fresh, struct ml_renewal *ret,
		      struct ml_error *error);

#endif
