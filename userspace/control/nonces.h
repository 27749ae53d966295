/* SPDX-License-Identifier: MIT */
/* Nonces of challenges: each lives 90 seconds, and is good once. Any thread may ask. */
#ifndef MERLON_CONTROL_NONCES_H
#define MERLON_CONTROL_NONCES_H

#include <stdbool.h>
#include <stdint.h>

#include "challenge.h"

#define NONCES_SECONDS	90

struct nonces;

struct nonces *nonces_new(void);
void nonces_free(struct nonces *nonces);
/* One more. @now, here and below: milliseconds, CLOCK_MONOTONIC */
void nonces_make(struct nonces *nonces, int64_t now, uint8_t ret[static ML_NONCE_BYTES]);
/* True: it was made within NONCES_SECONDS, and is used up now. */
bool nonces_use(struct nonces *nonces, const uint8_t nonce[static ML_NONCE_BYTES],
		int64_t now);

#endif
