// SPDX-License-Identifier: MIT
/* Second factors: codes of a clock, and codes on paper. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <liboath/oath.h>
#include <sodium.h>

#include "people_private.h"

/* ------------------------------------------------------------------ secrets */

int people_secret_make(const struct people *people, const char *name,
		       uint8_t ret[static PEOPLE_SECRET],
		       uint8_t ret_sealed[static PEOPLE_SEALED], struct ml_error *error)
{
	uint8_t secret[PEOPLE_SECRET];

	(void)error;
	randombytes_buf(secret, sizeof(secret));
	randombytes_buf(ret_sealed, 24);
	/* The name is authenticated, too: a row's secret cannot serve another's. */
	crypto_aead_xchacha20poly1305_ietf_encrypt(ret_sealed + 24, NULL, secret, sizeof(secret),
						   (const uint8_t *)name, strlen(name), NULL,
						   ret_sealed, people->key);
	memcpy(ret, secret, sizeof(secret));
	sodium_memzero(secret, sizeof(secret));
	return 0;
}

static bool secret_open(const struct people *people, const char *name, const uint8_t *sealed,
			size_t length, uint8_t ret[static PEOPLE_SECRET])
{
	return length == PEOPLE_SEALED &&
	       !crypto_aead_xchacha20poly1305_ietf_decrypt(ret, NULL, NULL, sealed + 24,
							   length - 24, (const uint8_t *)name,
							   strlen(name), sealed, people->key);
}

/* Base32 (RFC 4648) without padding; liboath's ends with a NUL, in memory of its own. */
static int secret_text(const uint8_t secret[static PEOPLE_SECRET], char **ret,
		       struct ml_error *error)
{
	char *text = NULL;

	if (oath_base32_encode((const char *)secret, PEOPLE_SECRET, &text, NULL) != OATH_OK)
		return ml_error_set(error, -ENOMEM, "out of memory");
	*ret = text;
	return 0;
}

int people_secret_uri(const char *network, const char *name,
		      const uint8_t secret[static PEOPLE_SECRET], char ret[static PEOPLE_URI],
		      struct ml_error *error)
{
	char *text = NULL;
	int length, r;

	r = secret_text(secret, &text, error);
	if (r)
		return r;
	/* Names of networks and administrators need no escaping: ml_name_valid(). */
	length = snprintf(ret, PEOPLE_URI,
			  "otpauth://totp/Merlon%%20%s:%s?secret=%s&issuer=Merlon%%20%s&algorithm=SHA1&digits=%d&period=%d",
			  network, name, text, network, PEOPLE_DIGITS, PEOPLE_STEP);
	sodium_memzero(text, strlen(text));
	free(text);
	return length < PEOPLE_URI ? 0 : ml_error_set(error, -ENOBUFS, "the name is too long");
}

/* -------------------------------------------------------------------- codes */

static bool is_code(const char *code)
{
	return strlen(code) == PEOPLE_DIGITS && strspn(code, "0123456789") == PEOPLE_DIGITS;
}

static bool code_at(const uint8_t secret[static PEOPLE_SECRET], const char *code, int64_t time)
{
	char want[PEOPLE_DIGITS + 1] = "";
	bool same;

	same = oath_totp_generate((const char *)secret, PEOPLE_SECRET, time, PEOPLE_STEP, 0,
				  PEOPLE_DIGITS, want) == OATH_OK &&
	       !sodium_memcmp(want, code, PEOPLE_DIGITS);
	sodium_memzero(want, sizeof(want));
	return same;
}

bool people_code_is(const struct people *people, const char *name, const void *sealed,
		    size_t length, const char *code, int64_t now, uint64_t *ret_step)
{
	uint8_t secret[PEOPLE_SECRET] = { 0 };
	char padded[PEOPLE_DIGITS + 1] = "000000";
	bool good, found = false;
	uint64_t step = 0;
	int64_t i;

	good = secret_open(people, name, sealed, length, secret) && is_code(code) &&
	       now >= 2 * PEOPLE_STEP;
	if (good)
		memcpy(padded, code, PEOPLE_DIGITS);
	/* All three are looked at, whichever it is. */
	for (i = -1; i <= 1; i++) {
		if (code_at(secret, padded, good ? now + i * PEOPLE_STEP : 0)) {
			found = true;
			step = (uint64_t)(now / PEOPLE_STEP + i);
		}
	}
	sodium_memzero(secret, sizeof(secret));
	if (!good || !found)
		return false;
	*ret_step = step;
	return true;
}

/* ----------------------------------------------------------- recovery codes */

/* Without i, l, o and u: nothing that reads as something else. */
static const char alphabet[33] = "0123456789abcdefghjkmnpqrstvwxyz";

static void recovery_make(char ret[static PEOPLE_CODE_TEXT])
{
	uint8_t bytes[16];
	size_t i, used = 0;

	randombytes_buf(bytes, sizeof(bytes));
	for (i = 0; i < sizeof(bytes); i++) {
		if (i && i % 4 == 0)
			ret[used++] = '-';
		ret[used++] = alphabet[bytes[i] & 31];
	}
	ret[used] = '\0';
	sodium_memzero(bytes, sizeof(bytes));
}

void people_recovery_make(char ret[static PEOPLE_CODES][PEOPLE_CODE_TEXT],
			  uint8_t ret_digests[static PEOPLE_CODES][32])
{
	size_t i;

	for (i = 0; i < PEOPLE_CODES; i++) {
		recovery_make(ret[i]);
		people_recovery_digest(ret[i], ret_digests[i]);
	}
}

int people_recovery_digest(const char *text, uint8_t ret[static 32])
{
	char plain[16];
	size_t used = 0;
	char c;

	for (; *text; text++) {
		if (*text == '-' || *text == ' ')
			continue;
		c = *text >= 'A' && *text <= 'Z' ? (char)(*text | 32) : *text;
		if (used == sizeof(plain) || !strchr(alphabet, c))
			return -EINVAL;
		plain[used++] = c;
	}
	if (used != sizeof(plain))
		return -EINVAL;
	crypto_hash_sha256(ret, (const uint8_t *)plain, sizeof(plain));
	sodium_memzero(plain, sizeof(plain));
	return 0;
}
