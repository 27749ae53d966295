// SPDX-License-Identifier: MIT
#include "sha256.h"

#include <openssl/evp.h>
#include <sodium.h>

/* Of the process's whole life: looking it up costs more than a short digest. */
static EVP_MD *algorithm;

void ml_sha256_setup(void)
{
	if (!algorithm)
		algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void ml_sha256(uint8_t *ret, const void *data, size_t length)
{
	_Static_assert(ML_SHA256_BYTES == crypto_hash_sha256_BYTES, "one algorithm");

	if (!algorithm || EVP_Digest(data, length, ret, NULL, algorithm, NULL) != 1)
		crypto_hash_sha256(ret, data, length);
}
