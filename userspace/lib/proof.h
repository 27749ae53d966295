/* SPDX-License-Identifier: MIT */
/*
 * Proof that somebody holds the private half of a WireGuard key (X25519), which
 * cannot sign: a box (libsodium's crypto_box: X25519, XSalsa20, Poly1305) from that
 * key to the signer's, over what it is to be bound to. Only the two of them can
 * have made it, and the signer has no reason to deceive himself.
 *
 * The signer's X25519 key is that of its Ed25519 signing key, by the birational
 * map of RFC 7748, 4.1 (crypto_sign_ed25519_pk_to_curve25519).
 */
#ifndef ML_PROOF_H
#define ML_PROOF_H

#include <stdint.h>

#include "error.h"
#include "keys.h"

/* What the box holds. Fixed size, and a label, so that one can never stand for another. */
struct ml_proof_content {
	char label[16];		/* "merlon-join-1", padded by NULs */
	uint8_t context[32];	/* what makes it fresh */
	uint8_t identity[32];	/* Ed25519: whose the WireGuard key is to be */
	uint8_t other[32];	/* Ed25519: who vouches for that */
};

#define ML_PROOF_BYTES	(24 + 16 + 112)		/* nonce, tag, content */

/* Low-order WireGuard keys and signers that are no key are -EINVAL. */
int ml_proof_make(const struct ml_proof_content *content,
		  const uint8_t wireguard_private[static 32],
		  const struct ml_public_key *signer, uint8_t ret[static ML_PROOF_BYTES],
		  struct ml_error *error);

/* -EKEYREJECTED where it was not made by the holder of @wireguard, for this content. */
int ml_proof_check(const struct ml_proof_content *content,
		   const uint8_t proof[static ML_PROOF_BYTES],
		   const uint8_t wireguard[static 32], const struct ml_secret_key *signer,
		   struct ml_error *error);

#endif
