/* SPDX-License-Identifier: MIT */
#ifndef ML_SHA256_H
#define ML_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { ML_SHA256_BYTES = 32 };

/**
 * ml_sha256 - a digest of bytes that lie in one place
 * @ret: ML_SHA256_BYTES of room
 *
 * FIPS 180-4, by OpenSSL: it uses the processor's SHA instructions, where libsodium's
 * is C: six times as fast over 20 MB, twice over 65 bytes. libsodium computes it where
 * OpenSSL cannot (no memory). A digest made of pieces is libsodium's crypto_hash_sha256_*.
 */
void ml_sha256(uint8_t *ret, const void *data, size_t length);

/* Called by ml_keys_setup(): OpenSSL reads its configuration now, and not in a sandbox. */
void ml_sha256_setup(void);

#endif
