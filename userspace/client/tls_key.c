// SPDX-License-Identifier: MIT
#include "tls_key.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "locked.h"

/* The bytes of @bio, and a NUL. */
static int locked_text(BIO *bio, char **ret, struct ml_error *error)
{
	char *data, *text;
	long length = BIO_get_mem_data(bio, &data);

	text = ml_locked_alloc((size_t)length + 1, "a TLS key", error);
	if (!text)
		return -ENOMEM;
	memcpy(text, data, (size_t)length);
	text[length] = '\0';
	*ret = text;
	return 0;
}

int ml_tls_key_make(char **ret, struct ml_error *error)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	int code;

	if (key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		code = locked_text(bio, ret, error);
	else
		code = ml_error_set(error, -EIO, "OpenSSL cannot make a key of P-256");
	/* BIO_s_secmem() wipes what it held. */
	BIO_free(bio);
	EVP_PKEY_free(key);
	return code;
}

/* NULL: no key. */
static EVP_PKEY *key_read(const char *pem, struct ml_error *error)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;

	BIO_free(bio);
	if (!key)
		ml_error_set(error, -EBADMSG, "the TLS key is damaged, or none");
	return key;
}

static int spki_digest(EVP_PKEY *key, uint8_t ret[static 32], struct ml_error *error)
{
	unsigned char *der = NULL;
	int length = i2d_PUBKEY(key, &der);

	if (length <= 0)
		return ml_error_set(error, -EBADMSG, "the TLS key has no public half");
	SHA256(der, (size_t)length, ret);
	OPENSSL_free(der);
	return 0;
}

int ml_tls_key_digest(const char *key, uint8_t ret[static 32], struct ml_error *error)
{
	EVP_PKEY *read = key_read(key, error);
	int code = read ? spki_digest(read, ret, error) : -EBADMSG;

	EVP_PKEY_free(read);
	return code;
}

static bool request_fill(X509_REQ *request, EVP_PKEY *key, const char *name)
{
	X509_NAME *subject = X509_NAME_new();
	bool done;

	done = subject &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
					  (const unsigned char *)name, -1, -1, 0) &&
	       X509_REQ_set_subject_name(request, subject) &&
	       X509_REQ_set_pubkey(request, key) && X509_REQ_sign(request, key, EVP_sha256());
	X509_NAME_free(subject);
	return done;
}

static int request_text(X509_REQ *request, char **ret, struct ml_error *error)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	long length = 0;
	int code = 0;

	if (bio && PEM_write_bio_X509_REQ(bio, request))
		length = BIO_get_mem_data(bio, &data);
	*ret = length > 0 ? strndup(data, (size_t)length) : NULL;
	if (!*ret)
		code = ml_error_set(error, -ENOMEM, "no memory for a certificate request");
	BIO_free(bio);
	return code;
}

int ml_tls_request(const char *key, const char *name, char **ret, struct ml_error *error)
{
	EVP_PKEY *read = key_read(key, error);
	X509_REQ *request = read ? X509_REQ_new() : NULL;
	char *text = NULL;
	int code = -EBADMSG;

	if (read && (!request || !request_fill(request, read, name)))
		code = ml_error_set(error, -EINVAL, "OpenSSL makes no certificate request for "
				    "the name '%s'", name);
	else if (read)
		code = request_text(request, &text, error);
	X509_REQ_free(request);
	EVP_PKEY_free(read);
	if (!code)
		*ret = text;
	return code;
}

/* ------------------------------------------------------------- certificates */

static int64_t seconds_of(const ASN1_TIME *date)
{
	struct tm parts;

	return ASN1_TIME_to_tm(date, &parts) ? (int64_t)timegm(&parts) : 0;
}

static X509 *certificate_read(const char *pem, struct ml_error *error)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	if (!certificate)
		ml_error_set(error, -EBADMSG, "the certificate is damaged, or none");
	return certificate;
}

int ml_tls_certificate_check(const char *certificate, const char *key, int64_t *ret_from,
			     int64_t *ret_until, struct ml_error *error)
{
	EVP_PKEY *read = key_read(key, error);
	X509 *one = read ? certificate_read(certificate, error) : NULL;
	int code = -EBADMSG;

	if (one && X509_check_private_key(one, read) != 1) {
		code = ml_error_set(error, -EKEYREJECTED, "the certificate is for another key "
				    "than this node's");
	} else if (one) {
		*ret_from = seconds_of(X509_get0_notBefore(one));
		*ret_until = seconds_of(X509_get0_notAfter(one));
		code = 0;
	}
	X509_free(one);
	EVP_PKEY_free(read);
	return code;
}
