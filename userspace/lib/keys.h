/* SPDX-License-Identifier: MIT */
/*
 * Ed25519 keys (libsodium) and the files they live in. Secret keys stay in
 * locked memory (sodium_malloc) and are wiped when freed. docs/formats.md has
 * the file's layout.
 */
#ifndef ML_KEYS_H
#define ML_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct ml_public_key {
	uint8_t key[32];
};

struct ml_secret_key;	/* opaque, in locked memory */

/*
 * sodium_init() and what else must come first (jansson's hash seed, which reads
 * /dev/urandom); every program calls it once, before it gives up rights.
 */
int ml_keys_setup(struct ml_error *error);

int ml_secret_key_generate(struct ml_secret_key **ret, struct ml_error *error);
/* The key of a seed (RFC 8032); @seed is the caller's to wipe. */
int ml_secret_key_from_seed(const uint8_t seed[static 32], struct ml_secret_key **ret,
			    struct ml_error *error);
void ml_secret_key_free(struct ml_secret_key *key);
void ml_secret_key_public(const struct ml_secret_key *key, struct ml_public_key *ret);
int ml_secret_key_sign(const struct ml_secret_key *key, const void *message, size_t length,
		       uint8_t signature[static 64]);
bool ml_public_key_verify(const struct ml_public_key *key, const void *message,
			  size_t length, const uint8_t signature[static 64]);

/* Text form: "merlon-public-key:BASE64" (44 characters of base64). */
#define ML_PUBLIC_KEY_TEXT 80
void ml_public_key_format(const struct ml_public_key *key, char ret[static ML_PUBLIC_KEY_TEXT]);
int ml_public_key_parse(const char *text, struct ml_public_key *ret, struct ml_error *error);
/* Key id: SHA-256 of the raw key, in hex, 64 characters and NUL. */
void ml_public_key_id(const struct ml_public_key *key, char ret[static 65]);

/**
 * ml_secret_key_write - new file, mode 0600, fsynced; never overwrites (-EEXIST)
 * @passphrase: in locked memory, or NULL: the seed is stored as it is (for
 *	systemd credentials and machines without a person)
 *
 * With a passphrase: Argon2id (moderate limits, stored), XChaCha20-Poly1305.
 */
int ml_secret_key_write(const char *path, const struct ml_secret_key *key,
			const char *passphrase, struct ml_error *error);
/**
 * ml_secret_key_read - -EACCES where group or others may read the file, or
 * somebody but root or the caller owns it; -ENOKEY: a passphrase is needed;
 * -EKEYREJECTED: it is the wrong one; -EBADMSG: not a key file, or altered
 */
int ml_secret_key_read(const char *path, const char *passphrase,
		       struct ml_secret_key **ret, struct ml_error *error);
/*
 * The public half of a key file, without its passphrase: what the file says,
 * which only ml_secret_key_read() proves.
 */
int ml_secret_key_read_public(const char *path, struct ml_public_key *ret,
			      struct ml_error *error);

#endif
