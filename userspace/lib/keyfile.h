/* SPDX-License-Identifier: MIT */
/* What keys.c and keyfile.c know of each other; nobody else includes this. */
#ifndef ML_KEYFILE_H
#define ML_KEYFILE_H

#include "keys.h"

/* The 32 bytes of seed inside @key's locked memory. */
const uint8_t *ml_secret_key_seed(const struct ml_secret_key *key);

#endif
