/* SPDX-License-Identifier: MIT */
/* What authority.c and authority_files.c know of each other; nobody else includes this. */
#ifndef MERLON_CONTROL_AUTHORITY_PRIVATE_H
#define MERLON_CONTROL_AUTHORITY_PRIVATE_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "authority.h"

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
	char *pem;
};

struct authority_extension {
	int nid;
	const char *value;	/* as OpenSSL's configuration has it; NULL: no more */
};

struct wanted {
	const char *network, *common;	/* O and CN */
	int days;
	int64_t now;
	EVP_PKEY *key;
	const struct authority_extension *extensions;
};

/* @issuer NULL: its own. NULL: no memory. */
X509 *authority_sign(const struct wanted *wanted, X509 *issuer, EVP_PKEY *key);
int authority_spki(X509_PUBKEY *key, uint8_t ret[static 32]);
char *authority_text(X509 *of);
/* With what OpenSSL says. */
int authority_refuse(int code, const char *what, struct ml_error *error);

#endif
