// SPDX-License-Identifier: MIT
/* The key, the places, passwords and tokens. */
#include "people.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <liboath/oath.h>
#include <sodium.h>

#include "base64.h"
#include "file.h"
#include "locked.h"
#include "people_private.h"

#define OPS	3
#define MEMORY	(64u << 20)

/* --------------------------------------------------------------------- key */

static int key_make(const char *path, uint8_t key[static 32], struct ml_error *error)
{
	int r;

	randombytes_buf(key, 32);
	r = ml_file_write_new(path, key, 32, 0600, error);
	/* Another process was faster: its key counts. */
	return r == -EEXIST ? 0 : r;
}

static int key_read(const char *path, uint8_t key[static 32], struct ml_error *error)
{
	size_t length = 0;
	int fd, r;

	r = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);
	if (r == -ENOENT) {
		r = key_make(path, key, error);
		if (!r)
			r = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);
	}
	if (r)
		return r;
	r = ml_file_read_into(fd, path, key, 32, &length, error);
	close(fd);
	if (r == -E2BIG || (!r && length != 32))
		r = ml_error_set(error, -EBADMSG, "%s: must hold 32 bytes", path);
	return r;
}

static int dummy_make(struct people *people, struct ml_error *error)
{
	char password[PEOPLE_TOKEN_TEXT];
	uint8_t digest[32];

	people_token_make(password, digest);
	return people_password_hash(password, people->dummy, error);
}

int people_open(const char *path, struct people **ret, struct ml_error *error)
{
	struct people *people = ml_locked_alloc(sizeof(*people), "the key of codes", error);
	int r;

	if (!people)
		return -ENOMEM;
	memset(people, 0, sizeof(*people));
	pthread_mutex_init(&people->lock, NULL);
	pthread_cond_init(&people->freed, NULL);
	r = oath_init() == OATH_OK ? 0 : ml_error_set(error, -EIO, "liboath does not start");
	if (!r)
		r = key_read(path, people->key, error);
	if (!r)
		r = dummy_make(people, error);
	if (r)
		people_close(people);
	else
		*ret = people;
	return r;
}

void people_close(struct people *people)
{
	if (!people)
		return;
	pthread_cond_destroy(&people->freed);
	pthread_mutex_destroy(&people->lock);
	ml_locked_free(people);
}

/* ------------------------------------------------------------------- places */

static struct timespec deadline_of(unsigned int wait_ms)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += wait_ms / 1000;
	at.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

bool people_slot_take(struct people *people, enum people_class class, unsigned int wait_ms)
{
	const unsigned int places = (unsigned int)class + 1;
	struct timespec at = deadline_of(wait_ms);
	bool taken;

	pthread_mutex_lock(&people->lock);
	/* Whoever waits holds a thread that others need. */
	if (people->used >= places && !people->waiting[class] && wait_ms) {
		people->waiting[class] = true;
		while (people->used >= places &&
		       !pthread_cond_timedwait(&people->freed, &people->lock, &at))
			;
		people->waiting[class] = false;
	}
	taken = people->used < places;
	if (taken)
		people->used++;
	pthread_mutex_unlock(&people->lock);
	return taken;
}

void people_slot_give(struct people *people)
{
	pthread_mutex_lock(&people->lock);
	people->used--;
	pthread_cond_broadcast(&people->freed);
	pthread_mutex_unlock(&people->lock);
}

/* ---------------------------------------------------------------- passwords */

int people_password_check(const char *name, const char *password, struct ml_error *error)
{
	size_t length = strlen(password);

	if (length < PEOPLE_PASSWORD_MIN || length > PEOPLE_PASSWORD_MAX)
		return ml_error_set(error, -EINVAL, "a password has %d to %d bytes: choose another",
				    PEOPLE_PASSWORD_MIN, PEOPLE_PASSWORD_MAX);
	if (!strcasecmp(name, password))
		return ml_error_set(error, -EINVAL,
				    "the password is the name: choose another");
	return 0;
}

int people_password_hash(const char *password, char ret[static PEOPLE_PASSWORD_TEXT],
			 struct ml_error *error)
{
	char text[crypto_pwhash_STRBYTES];

	_Static_assert(crypto_pwhash_STRBYTES <= PEOPLE_PASSWORD_TEXT, "room for the string");
	if (crypto_pwhash_str_alg(text, password, strlen(password), OPS, MEMORY,
				  crypto_pwhash_ALG_ARGON2ID13))
		return ml_error_set(error, -ENOMEM, "no memory for a password: %u MiB are needed",
				    MEMORY >> 20);
	memcpy(ret, text, sizeof(text));
	return 0;
}

bool people_password_is(const struct people *people, const char *stored, const char *password)
{
	bool same = !crypto_pwhash_str_verify(stored ? stored : people->dummy, password,
					      strlen(password));

	return same && stored;
}

/* ------------------------------------------------------------------- tokens */

void people_token_make(char ret[static PEOPLE_TOKEN_TEXT], uint8_t ret_digest[static 32])
{
	uint8_t token[32];

	randombytes_buf(token, sizeof(token));
	sodium_bin2base64(ret, PEOPLE_TOKEN_TEXT, token, sizeof(token),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	crypto_hash_sha256(ret_digest, token, sizeof(token));
	sodium_memzero(token, sizeof(token));
}

bool people_token_digest(const char *text, uint8_t ret[static 32])
{
	uint8_t token[32];
	size_t length = 0;
	bool good;

	good = ml_base64_decode_variant(text, strlen(text),
					sodium_base64_VARIANT_URLSAFE_NO_PADDING, token,
					sizeof(token), &length) && length == sizeof(token);
	if (good)
		crypto_hash_sha256(ret, token, sizeof(token));
	sodium_memzero(token, sizeof(token));
	return good;
}
