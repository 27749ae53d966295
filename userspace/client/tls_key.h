/* SPDX-License-Identifier: MIT */
/*
 * A node's key for TLS and the certificate for it (OpenSSL): P-256, so that any
 * server can check it. PEM text, as libcurl takes it.
 */
#ifndef ML_TLS_KEY_H
#define ML_TLS_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define ML_PEM_MAX	16384	/* bytes of a key or a certificate, with those above it */

/* A new key. @ret: PKCS #8 PEM in locked memory, with NUL, for ml_locked_free(). -ENOMEM, -EIO */
int ml_tls_key_make(char **ret, struct ml_error *error);

/* SHA-256 of its SubjectPublicKeyInfo (DER): `tlsKey` in joins and renewals. -EBADMSG */
int ml_tls_key_digest(const char *key, uint8_t ret[static 32], struct ml_error *error);

/*
 * A request for a certificate (PKCS #10, RFC 2986) with @name as CN, signed by @key.
 * @ret: PEM, malloc()ed. -EBADMSG: no key; -EINVAL: the name; -ENOMEM
 */
int ml_tls_request(const char *key, const char *name, char **ret, struct ml_error *error);

/**
 * ml_tls_certificate_check - is it for @key, and of when to when?
 * @ret_from, @ret_until: Unix seconds
 *
 * Return: 0; -EKEYREJECTED: it is for another key; -EBADMSG: no certificate, or no key.
 */
int ml_tls_certificate_check(const char *certificate, const char *key, int64_t *ret_from,
			     int64_t *ret_until, struct ml_error *error);

#endif
