/* SPDX-License-Identifier: MIT */
/* What keys.c, keyfile.c and proof.c know of each other; nobody else includes this. */
#ifndef ML_KEYFILE_H
#define ML_KEYFILE_H

#include "keys.h"

/* The 32 bytes of seed inside @key's locked memory. */
const uint8_t *ml_secret_key_seed(const struct ml_secret_key *key);

/* The X25519 key that belongs to it (RFC 7748): the caller's to wipe. */
int ml_secret_key_curve(const struct ml_secret_key *key, uint8_t ret[static 32]);

#endif
