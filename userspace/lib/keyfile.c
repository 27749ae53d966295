// SPDX-License-Identifier: MIT
/*
 * Files of secret keys. Their text is taken apart and put together in locked
 * memory alone: jansson and stdio would leave copies behind.
 *
 *	merlon-secret-key 1			merlon-secret-key 1
 *	merlon-public-key:BASE64		merlon-public-key:BASE64
 *	seed BASE64				argon2id OPS MEMORY SALT
 *						xchacha20poly1305 NONCE BOX
 *
 * One key has one text: what is read is put together again and compared, so
 * that no byte of a file can be changed without being noticed.
 */
#include "keyfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base64.h"
#include "file.h"
#include "locked.h"

#define SEED_BYTES	crypto_sign_SEEDBYTES
#define NONCE_BYTES	crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define BOX_BYTES	(SEED_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES)

/* What a stored file may ask for: unlocking must not be a way to exhaust a machine. */
#define OPS_MAX		16
#define MEMORY_MIN	(64 << 10)
#define MEMORY_MAX	(1 << 30)

struct key_file {
	struct ml_public_key public;
	bool sealed;
	uint64_t ops, memory;	/* of Argon2id; memory in bytes */
	uint8_t salt[crypto_pwhash_argon2id_SALTBYTES];
	uint8_t nonce[NONCE_BYTES];
	uint8_t box[BOX_BYTES];
	uint8_t seed[SEED_BYTES];
	uint8_t wrap[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
	size_t head;		/* bytes of text that the box authenticates */
	size_t length;
	char text[512];		/* NUL-terminated */
	char again[512];
};

static struct key_file *key_file_alloc(struct ml_error *error)
{
	struct key_file *file = ml_locked_alloc(sizeof(*file), "a secret key", error);

	if (file)
		memset(file, 0, sizeof(*file));
	return file;
}

static char *put_text(char *at, const char *text)
{
	return stpcpy(at, text);
}

static char *put_base64(char *at, const uint8_t *data, size_t length)
{
	size_t size = sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_ORIGINAL);

	sodium_bin2base64(at, size, data, length, sodium_base64_VARIANT_ORIGINAL);
	return at + size - 1;
}

/* Everything up to what the box protects. */
static char *put_head(char *at, const struct key_file *file)
{
	char public[ML_PUBLIC_KEY_TEXT], limits[64];

	ml_public_key_format(&file->public, public);
	at = put_text(at, "merlon-secret-key 1\n");
	at = put_text(at, public);
	at = put_text(at, "\n");
	if (!file->sealed)
		return at;
	snprintf(limits, sizeof(limits), "argon2id %llu %llu ",
		 (unsigned long long)file->ops, (unsigned long long)file->memory);
	at = put_text(at, limits);
	at = put_base64(at, file->salt, sizeof(file->salt));
	return put_text(at, "\n");
}

static size_t put_tail(char *text, size_t head, const struct key_file *file)
{
	char *at = text + head;

	at = put_text(at, file->sealed ? "xchacha20poly1305 " : "seed ");
	if (file->sealed) {
		at = put_base64(at, file->nonce, sizeof(file->nonce));
		at = put_text(at, " ");
		at = put_base64(at, file->box, sizeof(file->box));
	} else {
		at = put_base64(at, file->seed, sizeof(file->seed));
	}
	at = put_text(at, "\n");
	return at - text;
}

static int key_file_derive(struct key_file *file, const char *passphrase,
			   struct ml_error *error)
{
	if (crypto_pwhash(file->wrap, sizeof(file->wrap), passphrase, strlen(passphrase),
			  file->salt, file->ops, file->memory,
			  crypto_pwhash_ALG_ARGON2ID13))
		return ml_error_set(error, -ENOMEM,
				    "no memory to turn the passphrase into a key: it takes %llu MiB",
				    (unsigned long long)file->memory >> 20);
	return 0;
}

static int key_file_seal(struct key_file *file, const char *passphrase,
			 struct ml_error *error)
{
	int r;

	if (!*passphrase)
		return ml_error_set(error, -EINVAL,
				    "the passphrase is empty: choose one, or store the key without");
	file->sealed = true;
	file->ops = crypto_pwhash_argon2id_OPSLIMIT_MODERATE;
	file->memory = crypto_pwhash_argon2id_MEMLIMIT_MODERATE;
	randombytes_buf(file->salt, sizeof(file->salt));
	randombytes_buf(file->nonce, sizeof(file->nonce));
	file->head = put_head(file->text, file) - file->text;
	r = key_file_derive(file, passphrase, error);
	if (r)
		return r;
	crypto_aead_xchacha20poly1305_ietf_encrypt(file->box, NULL, file->seed,
						   sizeof(file->seed),
						   (const uint8_t *)file->text, file->head,
						   NULL, file->nonce, file->wrap);
	return 0;
}

int ml_secret_key_write(const char *path, const struct ml_secret_key *key,
			const char *passphrase, struct ml_error *error)
{
	struct key_file *file = key_file_alloc(error);
	int r = 0;

	if (!file)
		return -ENOMEM;
	ml_secret_key_public(key, &file->public);
	memcpy(file->seed, ml_secret_key_seed(key), sizeof(file->seed));
	if (passphrase)
		r = key_file_seal(file, passphrase, error);
	if (!r) {
		file->head = put_head(file->text, file) - file->text;
		file->length = put_tail(file->text, file->head, file);
		r = ml_file_write_new(path, file->text, file->length, 0600, error);
	}
	ml_locked_free(file);
	return r;
}

/* The takers move *@at behind what they took, or say false. */
static bool take_text(const char **at, const char *text)
{
	size_t length = strlen(text);

	if (strncmp(*at, text, length) != 0)
		return false;
	*at += length;
	return true;
}

static bool take_base64(const char **at, uint8_t *ret, size_t length)
{
	size_t size = sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_ORIGINAL) - 1;
	size_t got;

	if (strnlen(*at, size) < size ||
	    !ml_base64_decode(*at, size, ret, length, &got) || got != length)
		return false;
	*at += size;
	return true;
}

static bool take_number(const char **at, uint64_t *ret)
{
	char *end;

	if (**at < '1' || **at > '9')
		return false;
	*ret = strtoull(*at, &end, 10);
	*at = end;
	return true;
}

static bool take_public(const char **at, struct ml_public_key *ret)
{
	return take_text(at, "merlon-public-key:") &&
	       take_base64(at, ret->key, sizeof(ret->key)) && take_text(at, "\n");
}

static bool take_sealed(const char **at, struct key_file *file)
{
	return take_text(at, "argon2id ") && take_number(at, &file->ops) &&
	       take_text(at, " ") && take_number(at, &file->memory) &&
	       take_text(at, " ") && take_base64(at, file->salt, sizeof(file->salt)) &&
	       take_text(at, "\nxchacha20poly1305 ") &&
	       take_base64(at, file->nonce, sizeof(file->nonce)) && take_text(at, " ") &&
	       take_base64(at, file->box, sizeof(file->box)) && take_text(at, "\n");
}

static bool take_plain(const char **at, struct key_file *file)
{
	return take_text(at, "seed ") && take_base64(at, file->seed, sizeof(file->seed)) &&
	       take_text(at, "\n");
}

static bool key_file_parse(struct key_file *file)
{
	const char *at = file->text;
	size_t length;

	if (strlen(file->text) != file->length ||
	    !take_text(&at, "merlon-secret-key 1\n") || !take_public(&at, &file->public))
		return false;
	file->sealed = *at == 'a';
	if (!(file->sealed ? take_sealed(&at, file) : take_plain(&at, file)) || *at)
		return false;
	file->head = put_head(file->again, file) - file->again;
	length = put_tail(file->again, file->head, file);
	return length == file->length && !sodium_memcmp(file->again, file->text, length);
}

static int key_file_check_limits(const struct key_file *file, const char *path,
				 struct ml_error *error)
{
	if (!file->sealed ||
	    (file->ops <= OPS_MAX && file->memory >= MEMORY_MIN && file->memory <= MEMORY_MAX))
		return 0;
	return ml_error_set(error, -EBADMSG,
			    "%s: asks for %llu passes over %llu bytes to unlock it; at most %d over %d are allowed, and at least %d bytes",
			    path, (unsigned long long)file->ops,
			    (unsigned long long)file->memory, OPS_MAX, MEMORY_MAX, MEMORY_MIN);
}

static int key_file_read(struct key_file *file, const char *path, struct ml_error *error)
{
	int fd, r;

	r = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);
	if (r)
		return r;
	r = ml_file_read_into(fd, path, file->text, sizeof(file->text) - 1, &file->length,
			      error);
	close(fd);
	if (r && r != -E2BIG)
		return r;
	if (r || !key_file_parse(file))
		return ml_error_set(error, -EBADMSG,
				    "%s: not a secret key of Merlon, or altered: restore it from a copy", path);
	return key_file_check_limits(file, path, error);
}

static int key_file_open(struct key_file *file, const char *path, const char *passphrase,
			 struct ml_error *error)
{
	int r;

	if (!passphrase)
		return ml_error_set(error, -ENOKEY, "%s: a passphrase is needed", path);
	r = key_file_derive(file, passphrase, error);
	if (r)
		return r;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(file->seed, NULL, NULL, file->box,
						       sizeof(file->box),
						       (const uint8_t *)file->text,
						       file->head, file->nonce, file->wrap))
		return ml_error_set(error, -EKEYREJECTED,
				    "%s: the passphrase is wrong, or the file was altered",
				    path);
	return 0;
}

static int key_file_unlock(struct key_file *file, const char *path, const char *passphrase,
			   struct ml_secret_key **ret, struct ml_error *error)
{
	struct ml_public_key public;
	struct ml_secret_key *key;
	int r = 0;

	if (file->sealed)
		r = key_file_open(file, path, passphrase, error);
	if (!r)
		r = ml_secret_key_from_seed(file->seed, &key, error);
	if (r)
		return r;
	ml_secret_key_public(key, &public);
	if (memcmp(public.key, file->public.key, sizeof(public.key)) != 0) {
		ml_secret_key_free(key);
		return ml_error_set(error, -EBADMSG,
				    "%s: its public and its secret key do not belong together: restore it from a copy",
				    path);
	}
	*ret = key;
	return 0;
}

int ml_secret_key_read(const char *path, const char *passphrase,
		       struct ml_secret_key **ret, struct ml_error *error)
{
	struct key_file *file = key_file_alloc(error);
	int r;

	if (!file)
		return -ENOMEM;
	r = key_file_read(file, path, error);
	if (!r)
		r = key_file_unlock(file, path, passphrase, ret, error);
	ml_locked_free(file);
	return r;
}

int ml_secret_key_read_public(const char *path, struct ml_public_key *ret,
			      struct ml_error *error)
{
	struct key_file *file = key_file_alloc(error);
	int r;

	if (!file)
		return -ENOMEM;
	r = key_file_read(file, path, error);
	if (!r)
		*ret = file->public;
	ml_locked_free(file);
	return r;
}
