/* SPDX-License-Identifier: MIT */
/*
 * The network's own certificate authority: ECDSA on P-256, made at `init`. Nodes get
 * client certificates of 90 days; the server's own is made anew, for the same key, as
 * its end comes near, since key strings hold the digest of that key.
 *
 * In the state directory: authority.key and authority.pem, server.key and server.pem,
 * all PEM; the keys with mode 0600.
 */
#ifndef MERLON_CONTROL_AUTHORITY_H
#define MERLON_CONTROL_AUTHORITY_H

#include <stdint.h>

#include "error.h"

#define AUTHORITY_NODE_DAYS	90
#define AUTHORITY_SERVER_DAYS	397	/* what browsers take */
#define AUTHORITY_RENEW_DAYS	60	/* the server's is made anew when it has less left */
#define AUTHORITY_REQUEST_MAX	8192	/* bytes of a certificate request */

struct authority;

/**
 * authority_create - keys and certificates, in @directory
 * @host: a name, or an address without brackets: of the server's certificate
 *
 * -EEXIST: there is one; nothing is overwritten.
 */
int authority_create(const char *directory, const char *network, const char *host,
		     struct ml_error *error);
int authority_open(const char *directory, struct authority **ret, struct ml_error *error);
void authority_close(struct authority *authority);
const char *authority_pem(const struct authority *authority);

/* Makes server.pem anew where it ends soon, or does not name @host. 1: made; 0: not needed */
int authority_renew_server(const struct authority *authority, const char *directory,
			   const char *host, int64_t now, struct ml_error *error);

/* SHA-256 of the SubjectPublicKeyInfo of the first certificate of a PEM file. */
int authority_file_spki(const char *path, uint8_t ret[static 32], struct ml_error *error);

struct authority_issued {
	char *pem;		/* malloc()ed */
	uint8_t spki[32];	/* SHA-256 */
	int64_t until;		/* Unix seconds */
};

/**
 * authority_issue - a client certificate for @node
 * @request: PKCS #10 (RFC 2986), PEM, of a key on P-256 that signed it; of what it says
 *	only the key is taken
 * @spki: that the key must have, or NULL
 *
 * Any thread may call it. Return: 0; -EBADMSG: no such request; -EKEYREJECTED: another
 * key than @spki; -ENOMEM.
 */
int authority_issue(const struct authority *authority, const char *request,
		    const uint8_t *spki, const char *network, const char *node, int64_t now,
		    struct authority_issued *ret, struct ml_error *error);

#endif
