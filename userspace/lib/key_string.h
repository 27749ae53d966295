/* SPDX-License-Identifier: MIT */
/*
 * The key string: what a person is given to bring a node in. One line:
 *
 *   merlon-key-1: and URL-safe base64 without padding of
 *     32 bytes  seed of the one-time key (RFC 8032)
 *     32        SHA-256 of the payload of the root document to begin with
 *     32        SHA-256 of the server's TLS public key (its SubjectPublicKeyInfo, DER)
 *     9 to 255  the server's URL
 *     8         the first of SHA-256("merlon-key-1:" and all bytes before)
 *
 * So a node knows its server and its network before it says a word. The check
 * finds what a paste lost; it proves nothing. The text is as secret as the seed.
 */
#ifndef ML_KEY_STRING_H
#define ML_KEY_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define ML_KEY_STRING_PREFIX	"merlon-key-1:"
#define ML_URL_MAX		255	/* bytes */
#define ML_KEY_STRING_TEXT	512	/* room for any, with its NUL */

struct ml_key_string {
	uint8_t seed[32];
	uint8_t root_digest[32];
	uint8_t server_digest[32];
	char url[ML_URL_MAX + 1];	/* ml_url_valid() */
};

/*
 * "https://HOST", "https://HOST:PORT", both with a path where wanted: host a name, an
 * IPv4 address or an IPv6 address in brackets; no user, query, fragment or "%".
 */
bool ml_url_valid(const char *url);

/**
 * ml_key_string_parse - @text may have blanks and line ends around it
 * @text: the caller's to wipe
 * @ret: in locked memory, for ml_key_string_free()
 *
 * Errors never quote @text. Return: 0, -EINVAL, -ENOMEM.
 */
int ml_key_string_parse(const char *text, size_t length, struct ml_key_string **ret,
			struct ml_error *error);
void ml_key_string_free(struct ml_key_string *key);

/* @ret: the line without a newline, in locked memory, for ml_locked_free(). -EINVAL, -ENOMEM */
int ml_key_string_format(const struct ml_key_string *key, char **ret,
			 struct ml_error *error);

#endif
