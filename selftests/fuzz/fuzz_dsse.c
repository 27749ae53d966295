// SPDX-License-Identifier: MIT
/*
 * Envelopes from strangers. The first byte chooses: even, the others are an
 * envelope; odd, edits of a good one. A payload may only come out as it went in,
 * and in canonical form only from the very envelope that was signed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dsse.h"
#include "keys.h"

#define TYPE "application/vnd.merlon.fuzz"
#define BODY "{\"what\":\"was signed\",\"at\":1767225600}"

static struct ml_public_key public;
static uint8_t *good;
static size_t good_length;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[32] = { 1 };
	struct ml_secret_key *key;

	(void)argc;
	(void)argv;
	if (ml_keys_setup(NULL) || ml_secret_key_from_seed(seed, &key, NULL) ||
	    ml_dsse_sign(TYPE, BODY, strlen(BODY), (const struct ml_secret_key *[]){ key }, 1,
			 &good, &good_length, NULL))
		abort();
	ml_secret_key_public(key, &public);
	ml_secret_key_free(key);
	return 0;
}

static void verify(const uint8_t *text, size_t length, bool canonical)
{
	const struct ml_dsse_want want = { TYPE, &public, 1, 1, canonical };
	struct ml_error error = { 0 };
	struct ml_dsse found;
	int r = ml_dsse_verify(text, length, &want, &found, &error);

	if (r) {
		if (error.code != r || !error.text[0])
			abort();
		return;
	}
	if (found.payload_length != strlen(BODY) || memcmp(found.payload, BODY, strlen(BODY)))
		abort();
	if (canonical && (length != good_length || memcmp(text, good, length)))
		abort();
	free(found.payload);
}

static void peek(const uint8_t *text, size_t length)
{
	uint8_t *payload;
	size_t payload_length;

	if (!ml_dsse_peek(text, length, TYPE, &payload, &payload_length, NULL))
		free(payload);
}

/* Triples: where (two bytes) and what to put there; a byte of 255 cuts instead. */
static size_t edit(uint8_t *text, const uint8_t *data, size_t size)
{
	size_t length = good_length;

	memcpy(text, good, good_length);
	for (; size >= 3; data += 3, size -= 3) {
		size_t at = (data[0] | data[1] << 8) % good_length;

		if (data[2] == 255)
			length = at;
		else
			text[at] = data[2];
	}
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *text = data + 1;
	uint8_t *edited = NULL;
	size_t length = size - 1;

	if (!size)
		return 0;
	if (data[0] & 1) {
		edited = malloc(good_length);
		if (!edited)
			abort();
		length = edit(edited, data + 1, size - 1);
		text = edited;
	}
	verify(text, length, true);
	verify(text, length, false);
	peek(text, length);
	free(edited);
	return 0;
}
