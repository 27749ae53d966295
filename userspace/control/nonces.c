// SPDX-License-Identifier: MIT
/*
 * Nonces are not kept: each is 16 random bytes, its time, and a keyed hash of both, so
 * that a flood of challenges takes no place from anybody. Kept is which ones were used,
 * for as long as they would be good: who uses one must sign a join or renewal with it.
 *
 *	0	8	when it was made, milliseconds of CLOCK_MONOTONIC
 *	8	8	random
 *	16	16	BLAKE2b of the first 16, keyed
 */
#include "nonces.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define USED	65536	/* within NONCES_SECONDS; more are refused */

struct used {
	uint8_t random[8];
	int64_t time;			/* of its use */
};

struct nonces {
	pthread_mutex_t lock;		/* guards the ring */
	uint8_t key[crypto_generichash_KEYBYTES];
	struct used ring[USED];
	size_t first, count;		/* in the order of their use: used later, good no longer */
};

struct nonces *nonces_new(void)
{
	struct nonces *nonces = calloc(1, sizeof(*nonces));

	if (!nonces)
		return NULL;
	pthread_mutex_init(&nonces->lock, NULL);
	crypto_generichash_keygen(nonces->key);
	return nonces;
}

void nonces_free(struct nonces *nonces)
{
	if (!nonces)
		return;
	pthread_mutex_destroy(&nonces->lock);
	sodium_memzero(nonces, sizeof(*nonces));
	free(nonces);
}

static void tag_make(const struct nonces *nonces, const uint8_t head[static 16],
		     uint8_t ret[static 16])
{
	crypto_generichash(ret, 16, head, 16, nonces->key, sizeof(nonces->key));
}

void nonces_make(struct nonces *nonces, int64_t now, uint8_t ret[static ML_NONCE_BYTES])
{
	memcpy(ret, &now, sizeof(now));
	randombytes_buf(ret + 8, 8);
	tag_make(nonces, ret, ret + 16);
}

/* Those that were used so long ago that they are too old anyway. */
static void ring_trim(struct nonces *nonces, int64_t now)
{
	while (nonces->count && now - nonces->ring[nonces->first].time > NONCES_SECONDS * 1000) {
		nonces->first = (nonces->first + 1) % USED;
		nonces->count--;
	}
}

static bool ring_has(const struct nonces *nonces, const uint8_t random[static 8])
{
	for (size_t i = 0; i < nonces->count; i++)
		if (!memcmp(nonces->ring[(nonces->first + i) % USED].random, random, 8))
			return true;
	return false;
}

bool nonces_use(struct nonces *nonces, const uint8_t nonce[static ML_NONCE_BYTES], int64_t now)
{
	uint8_t tag[16];
	int64_t made;
	bool good;

	tag_make(nonces, nonce, tag);
	memcpy(&made, nonce, sizeof(made));
	if (sodium_memcmp(tag, nonce + 16, sizeof(tag)) || made > now ||
	    now - made > NONCES_SECONDS * 1000)
		return false;
	pthread_mutex_lock(&nonces->lock);
	ring_trim(nonces, now);
	good = nonces->count < USED && !ring_has(nonces, nonce + 8);
	if (good) {
		struct used *used = &nonces->ring[(nonces->first + nonces->count++) % USED];

		memcpy(used->random, nonce + 8, 8);
		used->time = now;
	}
	pthread_mutex_unlock(&nonces->lock);
	return good;
}
