// SPDX-License-Identifier: MIT
#include "keyfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "base64.h"
#include "locked.h"
#include "sha256.h"

#define PUBLIC_KEY_PREFIX "merlon-public-key:"

struct ml_secret_key {
	uint8_t pair[crypto_sign_SECRETKEYBYTES];	/* seed, then public key */
};

int ml_keys_setup(struct ml_error *error)
{
	if (sodium_init() < 0)
		return ml_error_set(error, -EIO,
				    "libsodium finds no source of random numbers on this machine");
	json_object_seed(0);
	ml_sha256_setup();
	return 0;
}

int ml_secret_key_generate(struct ml_secret_key **ret, struct ml_error *error)
{
	struct ml_secret_key *key = ml_locked_alloc(sizeof(*key), "a secret key", error);
	struct ml_public_key public;

	if (!key)
		return -ENOMEM;
	crypto_sign_keypair(public.key, key->pair);
	sodium_mprotect_readonly(key);
	*ret = key;
	return 0;
}

int ml_secret_key_from_seed(const uint8_t seed[static 32], struct ml_secret_key **ret,
			    struct ml_error *error)
{
	struct ml_secret_key *key = ml_locked_alloc(sizeof(*key), "a secret key", error);
	struct ml_public_key public;

	if (!key)
		return -ENOMEM;
	crypto_sign_seed_keypair(public.key, key->pair, seed);
	sodium_mprotect_readonly(key);
	*ret = key;
	return 0;
}

void ml_secret_key_free(struct ml_secret_key *key)
{
	ml_locked_free(key);
}

void ml_secret_key_public(const struct ml_secret_key *key, struct ml_public_key *ret)
{
	memcpy(ret->key, key->pair + crypto_sign_SEEDBYTES, sizeof(ret->key));
}

const uint8_t *ml_secret_key_seed(const struct ml_secret_key *key)
{
	return key->pair;
}

int ml_secret_key_curve(const struct ml_secret_key *key, uint8_t ret[static 32])
{
	return crypto_sign_ed25519_sk_to_curve25519(ret, key->pair) ? -EIO : 0;
}

int ml_secret_key_sign(const struct ml_secret_key *key, const void *message, size_t length,
		       uint8_t signature[static 64])
{
	if (crypto_sign_detached(signature, NULL, message, length, key->pair))
		return -EIO;
	return 0;
}

bool ml_public_key_verify(const struct ml_public_key *key, const void *message,
			  size_t length, const uint8_t signature[static 64])
{
	return !crypto_sign_verify_detached(signature, message, length, key->key);
}

void ml_public_key_format(const struct ml_public_key *key, char ret[static ML_PUBLIC_KEY_TEXT])
{
	int prefix = snprintf(ret, ML_PUBLIC_KEY_TEXT, "%s", PUBLIC_KEY_PREFIX);

	sodium_bin2base64(ret + prefix, ML_PUBLIC_KEY_TEXT - prefix, key->key,
			  sizeof(key->key), sodium_base64_VARIANT_ORIGINAL);
}

int ml_public_key_parse(const char *text, struct ml_public_key *ret, struct ml_error *error)
{
	size_t prefix = strlen(PUBLIC_KEY_PREFIX), length;
	struct ml_public_key key;

	if (strncmp(text, PUBLIC_KEY_PREFIX, prefix) != 0)
		return ml_error_set(error, -EINVAL,
				    "not a public key of Merlon: it must start with \"" PUBLIC_KEY_PREFIX "\"");
	text += prefix;
	if (!ml_base64_decode(text, strlen(text), key.key, sizeof(key.key), &length) ||
	    length != sizeof(key.key))
		return ml_error_set(error, -EINVAL,
				    "public key is damaged: 44 characters of base64 must follow \"" PUBLIC_KEY_PREFIX "\", and nothing behind them");
	if (!crypto_core_ed25519_is_valid_point(key.key))
		return ml_error_set(error, -EINVAL,
				    "public key is damaged: its 32 bytes are no Ed25519 key");
	*ret = key;
	return 0;
}

void ml_public_key_id(const struct ml_public_key *key, char ret[static 65])
{
	uint8_t digest[crypto_hash_sha256_BYTES];

	ml_sha256(digest, key->key, sizeof(key->key));
	sodium_bin2hex(ret, 65, digest, sizeof(digest));
}
