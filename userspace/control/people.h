/* SPDX-License-Identifier: MIT */
/*
 * What people prove who they are with: passwords, codes, recovery codes, tokens. All
 * of it is libsodium's and liboath's; here is only which parameters, and in what form
 * the store keeps it. Knows neither server nor database; may be used by several threads.
 *
 *   password       Argon2id (RFC 9106), 64 MiB, 3 passes; the parameters are in the
 *                  stored string, so that they can be raised later
 *   code           TOTP (RFC 6238): HMAC-SHA-1, 30 s, 6 digits, one step early or late;
 *                  the secret (20 bytes) is stored sealed (XChaCha20-Poly1305, bound to
 *                  the name) under a key that is not in the store
 *   recovery code  80 random bits; stored is the SHA-256
 *   token          32 random bytes; stored is the SHA-256
 *
 * Secrets that are returned are in the caller's memory, who wipes it.
 */
#ifndef MERLON_CONTROL_PEOPLE_H
#define MERLON_CONTROL_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define PEOPLE_IDLE		1800	/* seconds without a request that end a session */
#define PEOPLE_SESSION		43200	/* seconds that one lasts at most */
#define PEOPLE_SLOTS		3	/* passwords looked at at once, 64 MiB each */
#define PEOPLE_PASSWORD_MIN	12	/* bytes */
#define PEOPLE_PASSWORD_MAX	1023
#define PEOPLE_STEP		30	/* seconds of a code */
#define PEOPLE_DIGITS		6
#define PEOPLE_SECRET		20	/* bytes of a TOTP secret: RFC 4226, 4 */
#define PEOPLE_SEALED		(24 + PEOPLE_SECRET + 16)
#define PEOPLE_CODES		10
#define PEOPLE_CODE_TEXT	20	/* "abcd-efgh-ijkl-mnop" */
#define PEOPLE_TOKEN_TEXT	44	/* base64url without padding */
#define PEOPLE_PASSWORD_TEXT	128	/* of the stored string, crypto_pwhash_STRBYTES */
#define PEOPLE_URI		512

struct people;

/**
 * people_open - with the key that seals TOTP secrets
 * @path: of the key, 32 bytes, mode 0600; made where it does not exist
 *
 * Return: 0; -EACCES: others may read it; -EBADMSG: not a key; other errnos.
 */
int people_open(const char *path, struct people **ret, struct ml_error *error);
void people_close(struct people *people);

/*
 * Who wants a password looked at: a flood from addresses that have failed leaves a place
 * to those that have not, and both leave one to the local socket.
 */
enum people_class {
	PEOPLE_FAILED,	/* one place */
	PEOPLE_CLEAN,	/* two */
	PEOPLE_LOCAL,	/* all */
	PEOPLE_CLASSES
};

/* A place, within @wait_ms; false: none. One of each class waits at most. */
bool people_slot_take(struct people *people, enum people_class class, unsigned int wait_ms);
void people_slot_give(struct people *people);

/* ---- passwords: hold a slot for both */

/* Long enough, and not the name? A sentence where not: -EINVAL. */
int people_password_check(const char *name, const char *password, struct ml_error *error);
int people_password_hash(const char *password, char ret[static PEOPLE_PASSWORD_TEXT],
			 struct ml_error *error);
/* @stored: NULL where there is no such administrator: the same work, and false. */
bool people_password_is(const struct people *people, const char *stored, const char *password);

/* ---- codes */

/* A new secret, sealed for @name. */
int people_secret_make(const struct people *people, const char *name,
		       uint8_t ret[static PEOPLE_SECRET],
		       uint8_t ret_sealed[static PEOPLE_SEALED], struct ml_error *error);
/* "otpauth://totp/…", as authenticators read it. -ENOBUFS */
int people_secret_uri(const char *network, const char *name,
		      const uint8_t secret[static PEOPLE_SECRET], char ret[static PEOPLE_URI],
		      struct ml_error *error);
/**
 * people_code_is - is @code the one of now, the step before or the next?
 * @sealed: as the store has it; of no bytes: the same work, and false
 * @ret_step: which, for store_totp_accept()
 */
bool people_code_is(const struct people *people, const char *name, const void *sealed,
		    size_t length, const char *code, int64_t now, uint64_t *ret_step);

/* PEOPLE_CODES new recovery codes, and what the store keeps of them. */
void people_recovery_make(char ret[static PEOPLE_CODES][PEOPLE_CODE_TEXT],
			  uint8_t ret_digests[static PEOPLE_CODES][32]);
/* The digest of what somebody typed: case, spaces and dashes do not matter. -EINVAL */
int people_recovery_digest(const char *text, uint8_t ret[static 32]);

/* ---- tokens */

void people_token_make(char ret[static PEOPLE_TOKEN_TEXT], uint8_t ret_digest[static 32]);
/* False: not even the form of one. */
bool people_token_digest(const char *text, uint8_t ret[static 32]);

#endif
