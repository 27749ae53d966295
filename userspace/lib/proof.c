// SPDX-License-Identifier: MIT
#include "proof.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "keyfile.h"
#include "locked.h"

_Static_assert(sizeof(struct ml_proof_content) == 112, "no padding");
_Static_assert(ML_PROOF_BYTES == crypto_box_NONCEBYTES + crypto_box_MACBYTES +
	       sizeof(struct ml_proof_content), "as docs/formats.md has it");

int ml_proof_make(const struct ml_proof_content *content,
		  const uint8_t wireguard_private[static 32],
		  const struct ml_public_key *signer, uint8_t ret[static ML_PROOF_BYTES],
		  struct ml_error *error)
{
	uint8_t proof[ML_PROOF_BYTES], curve[crypto_box_PUBLICKEYBYTES];

	if (crypto_sign_ed25519_pk_to_curve25519(curve, signer->key))
		return ml_error_set(error, -EINVAL, "the signer's key is no Ed25519 key");
	randombytes_buf(proof, crypto_box_NONCEBYTES);
	if (crypto_box_easy(proof + crypto_box_NONCEBYTES, (const uint8_t *)content,
			    sizeof(*content), proof, curve, wireguard_private))
		return ml_error_set(error, -EINVAL, "the WireGuard key can prove nothing");
	memcpy(ret, proof, sizeof(proof));
	return 0;
}

static bool proof_open(const uint8_t proof[static ML_PROOF_BYTES],
		       const uint8_t wireguard[static 32], const uint8_t curve[static 32],
		       struct ml_proof_content *ret)
{
	return !crypto_box_open_easy((uint8_t *)ret, proof + crypto_box_NONCEBYTES,
				     ML_PROOF_BYTES - crypto_box_NONCEBYTES, proof, wireguard,
				     curve);
}

int ml_proof_check(const struct ml_proof_content *content,
		   const uint8_t proof[static ML_PROOF_BYTES],
		   const uint8_t wireguard[static 32], const struct ml_secret_key *signer,
		   struct ml_error *error)
{
	struct ml_proof_content found;
	uint8_t *curve;
	bool good;
	int r;

	curve = ml_locked_alloc(crypto_box_SECRETKEYBYTES, "a secret key", error);
	if (!curve)
		return -ENOMEM;
	r = ml_secret_key_curve(signer, curve);
	good = !r && proof_open(proof, wireguard, curve, &found) &&
	       !sodium_memcmp(&found, content, sizeof(found));
	ml_locked_free(curve);
	if (good)
		return 0;
	return ml_error_set(error, -EKEYREJECTED,
			    "the proof for the WireGuard key does not fit: whoever asks does not hold its private key, or asked another signer");
}
