// SPDX-License-Identifier: MIT
#include "seen.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

struct place {
	uint8_t digest[16];
	int64_t time;
};

struct seen {
	pthread_mutex_t lock;		/* guards the places */
	uint8_t key[crypto_generichash_KEYBYTES];
	struct place places[SEEN_PLACES];
};

struct seen *seen_new(void)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		return NULL;
	pthread_mutex_init(&seen->lock, NULL);
	crypto_generichash_keygen(seen->key);
	return seen;
}

void seen_free(struct seen *seen)
{
	if (!seen)
		return;
	pthread_mutex_destroy(&seen->lock);
	free(seen);
}

static struct place *place_of(struct seen *seen, const char *who, const char *where,
			      uint8_t digest[static 16])
{
	char text[256];
	uint32_t index;
	int length = snprintf(text, sizeof(text), "%s %s", who, where);

	crypto_generichash(digest, 16, (const uint8_t *)text, (size_t)length, seen->key,
			   sizeof(seen->key));
	memcpy(&index, digest, sizeof(index));
	return &seen->places[index % SEEN_PLACES];
}

bool seen_note(struct seen *seen, const char *who, const char *where, int64_t now)
{
	uint8_t digest[16];
	struct place *place = place_of(seen, who, where, digest);
	bool fresh;

	pthread_mutex_lock(&seen->lock);
	fresh = memcmp(place->digest, digest, sizeof(digest)) != 0 || now < place->time ||
		now - place->time >= SEEN_SECONDS;
	if (fresh) {
		memcpy(place->digest, digest, sizeof(digest));
		place->time = now;
	}
	pthread_mutex_unlock(&seen->lock);
	return fresh;
}

void seen_forget(struct seen *seen, const char *who, const char *where)
{
	uint8_t digest[16];
	struct place *place = place_of(seen, who, where, digest);

	pthread_mutex_lock(&seen->lock);
	if (!memcmp(place->digest, digest, sizeof(digest)))
		place->time = INT64_MIN / 2;
	pthread_mutex_unlock(&seen->lock);
}
