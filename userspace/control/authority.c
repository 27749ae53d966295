// SPDX-License-Identifier: MIT
#include "authority.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "authority_private.h"
#include "bundle.h"
#include "file.h"

#define DAY		86400
#define BACKDATE	3600	/* clocks differ; seconds */

int authority_refuse(int code, const char *what, struct ml_error *error)
{
	char why[128] = "no reason given";
	unsigned long last = ERR_peek_last_error();

	if (last)
		ERR_error_string_n(last, why, sizeof(why));
	ERR_clear_error();
	return ml_error_set(error, code, "%s (%s)", what, why);
}

/* ------------------------------------------------------------ certificates */

static bool extension_add(X509 *to, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool done;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, to, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	done = extension && X509_add_ext(to, extension, -1);
	X509_EXTENSION_free(extension);
	return done;
}

static bool name_set(X509 *to, const char *network, const char *common)
{
	X509_NAME *name = X509_get_subject_name(to);

	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
					  (const unsigned char *)network, -1, -1, 0) &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					   (const unsigned char *)common, -1, -1, 0);
}

/* Random, positive, at most 20 bytes (RFC 5280, 4.1.2.2). */
static bool serial_set(X509 *to)
{
	unsigned char bytes[16];
	BIGNUM *number;
	bool done;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40;
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(to));
	BN_free(number);
	return done;
}

static bool names_fit(const struct wanted *wanted)
{
	return strlen(wanted->network) <= 64 && strlen(wanted->common) <= 64;
}

static bool certificate_fill(X509 *to, const struct wanted *wanted, X509 *issuer)
{
	const struct authority_extension *at;

	if (!names_fit(wanted) || !X509_set_version(to, X509_VERSION_3) || !serial_set(to) ||
	    !name_set(to, wanted->network, wanted->common) ||
	    !X509_set_issuer_name(to, X509_get_subject_name(issuer ? issuer : to)) ||
	    !ASN1_TIME_set(X509_getm_notBefore(to), wanted->now - BACKDATE) ||
	    !ASN1_TIME_set(X509_getm_notAfter(to), wanted->now + (time_t)wanted->days * DAY) ||
	    !X509_set_pubkey(to, wanted->key))
		return false;
	for (at = wanted->extensions; at->value; at++)
		if (!extension_add(to, issuer ? issuer : to, at->nid, at->value))
			return false;
	return true;
}

X509 *authority_sign(const struct wanted *wanted, X509 *issuer, EVP_PKEY *key)
{
	X509 *made = X509_new();

	if (made && certificate_fill(made, wanted, issuer) && X509_sign(made, key, EVP_sha256()))
		return made;
	X509_free(made);
	return NULL;
}

/* ------------------------------------------------------------------ requests */

static X509_REQ *request_read(const char *text, struct ml_error *error)
{
	size_t length = strlen(text);
	X509_REQ *request = NULL;
	BIO *bio;

	if (length <= AUTHORITY_REQUEST_MAX) {
		bio = BIO_new_mem_buf(text, (int)length);
		request = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
		BIO_free(bio);
	}
	if (!request)
		authority_refuse(-EBADMSG, "not a certificate request in PEM form", error);
	return request;
}

static bool key_is_p256(EVP_PKEY *key)
{
	char group[32];

	return key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
		EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) &&
		!strcmp(group, "prime256v1");
}

static int request_check(X509_REQ *request, const uint8_t *spki, uint8_t ret[static 32],
			 struct ml_error *error)
{
	EVP_PKEY *key = X509_REQ_get0_pubkey(request);

	if (!key_is_p256(key))
		return ml_error_set(error, -EBADMSG, "the certificate request is not of a key on P-256");
	if (X509_REQ_verify(request, key) != 1)
		return authority_refuse(-EBADMSG, "the certificate request is not signed by its key",
					error);
	if (authority_spki(X509_REQ_get_X509_PUBKEY(request), ret))
		return ml_error_set(error, -ENOMEM, "out of memory");
	if (spki && memcmp(spki, ret, 32) != 0)
		return ml_error_set(error, -EKEYREJECTED, "the certificate request is of another key than the one that was signed for");
	return 0;
}

int authority_spki(X509_PUBKEY *key, uint8_t ret[static 32])
{
	unsigned char *der = NULL;
	int length = i2d_X509_PUBKEY(key, &der);
	bool done = length > 0 && EVP_Digest(der, (size_t)length, ret, NULL, EVP_sha256(), NULL);

	OPENSSL_free(der);
	return done ? 0 : -ENOMEM;
}

char *authority_text(X509 *of)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text = NULL;
	long length;

	if (bio && PEM_write_bio_X509(bio, of)) {
		length = BIO_get_mem_data(bio, &data);
		text = strndup(data, (size_t)length);
	}
	BIO_free(bio);
	return text;
}

static int issue(const struct authority *authority, X509_REQ *request, const char *network,
		 const char *node, int64_t now, char **ret, struct ml_error *error)
{
	static const struct authority_extension extensions[] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		{ NID_key_usage, "critical,digitalSignature" },
		{ NID_ext_key_usage, "clientAuth" },
		{ NID_authority_key_identifier, "keyid" },
		{ 0, NULL }
	};
	const struct wanted wanted = { network, node, AUTHORITY_NODE_DAYS, now,
				       X509_REQ_get0_pubkey(request), extensions };
	X509 *made = authority_sign(&wanted, authority->certificate, authority->key);
	char *text = made ? authority_text(made) : NULL;

	X509_free(made);
	if (!text)
		return authority_refuse(-ENOMEM, "the certificate cannot be made", error);
	*ret = text;
	return 0;
}

int authority_issue(const struct authority *authority, const char *request,
		    const uint8_t *spki, const char *network, const char *node, int64_t now,
		    struct authority_issued *ret, struct ml_error *error)
{
	struct authority_issued issued = { .until = now + (int64_t)AUTHORITY_NODE_DAYS * DAY };
	X509_REQ *read = request_read(request, error);
	int r;

	if (!read)
		return -EBADMSG;
	r = request_check(read, spki, issued.spki, error);
	if (!r)
		r = issue(authority, read, network, node, now, &issued.pem, error);
	X509_REQ_free(read);
	ERR_clear_error();
	if (!r)
		*ret = issued;
	return r;
}
