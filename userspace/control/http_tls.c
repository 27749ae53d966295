// SPDX-License-Identifier: MIT
#include "http_tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "file.h"
#include "locked.h"

#define MOST_CHAIN (64 * 1024)		/* bytes of a file of certificates */
#define MOST_KEY (16 * 1024)
#define MOST_CLIENT_CHAIN (16 * 1024)	/* bytes that a client may send */
#define SECURE_HEAP (64 * 1024)

static int tls_refused(struct ml_error *error, const char *path, const char *what)
{
	char why[128] = "no reason given";
	unsigned long code = ERR_peek_last_error();

	if (code)
		ERR_error_string_n(code, why, sizeof(why));
	ERR_clear_error();
	return ml_error_set(error, -EBADMSG, "%s: %s (%s)", path, what, why);
}

/* ------------------------------------------------------------ what is read */

/* Each certificate of a PEM file, in order, to @take, which keeps it or fails. */
static int certificates_read(const char *path, int (*take)(SSL_CTX *tls, X509 *one, int index),
			     SSL_CTX *tls, struct ml_error *error)
{
	size_t length;
	uint8_t *text;
	int r, count = 0;
	X509 *one;
	BIO *bio;

	r = ml_file_read_guarded(path, ML_FILE_TRUSTED, MOST_CHAIN, &text, &length, error);
	if (r)
		return r;
	bio = BIO_new_mem_buf(text, (int)length);
	while (!r && bio && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (!take(tls, one, count++))
			r = tls_refused(error, path, "a certificate that cannot be used");
		X509_free(one);
	}
	if (!r && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		r = tls_refused(error, path, "a certificate that cannot be read");
	BIO_free(bio);
	free(text);
	ERR_clear_error();
	if (!r && !count)
		r = ml_error_set(error, -EBADMSG,
				 "%s: holds no certificate; a PEM file with one is expected", path);
	return r;
}

static int chain_take(SSL_CTX *tls, X509 *one, int index)
{
	return index ? SSL_CTX_add1_chain_cert(tls, one) : SSL_CTX_use_certificate(tls, one);
}

static int authority_take(SSL_CTX *tls, X509 *one, int index)
{
	(void)index;
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), one) &&
		SSL_CTX_add_client_CA(tls, one);
}

/* Nobody is there who could be asked for a passphrase. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

static int key_parse(const char *path, const void *text, size_t length, EVP_PKEY **ret,
		     struct ml_error *error)
{
	BIO *bio = BIO_new_mem_buf(text, (int)length);
	EVP_PKEY *key;

	key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	if (!key)
		return tls_refused(error, path,
				   "not a private key in PEM form, without a passphrase");
	*ret = key;
	return 0;
}

static int key_read(const char *path, EVP_PKEY **ret, struct ml_error *error)
{
	char *text;
	size_t length;
	int fd, r;

	r = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);
	if (r)
		return r;
	text = ml_locked_alloc(MOST_KEY, "the server's private key", error);
	if (!text) {
		close(fd);
		return -ENOMEM;
	}
	r = ml_file_read_into(fd, path, text, MOST_KEY, &length, error);
	close(fd);
	if (!r)
		r = key_parse(path, text, length, ret, error);
	ml_locked_free(text);
	return r;
}

static int key_use(SSL_CTX *tls, const struct http_files *files, struct ml_error *error)
{
	EVP_PKEY *key = NULL;
	int r = key_read(files->key, &key, error);

	if (r)
		return r;
	if (!SSL_CTX_use_PrivateKey(tls, key) || !SSL_CTX_check_private_key(tls))
		r = tls_refused(error, files->key,
				"not the private key of the server's certificate");
	EVP_PKEY_free(key);
	return r;
}

/* ----------------------------------------------------------- what is agreed */

static int on_alpn(SSL *tls, const unsigned char **ret, unsigned char *ret_length,
		   const unsigned char *offer, unsigned int length, void *arg)
{
	static const unsigned char h2[] = { 2, 'h', '2' };
	unsigned char *chosen;

	(void)tls;
	(void)arg;
	if (SSL_select_next_proto(&chosen, ret_length, h2, sizeof(h2), offer, length) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/*
 * Verifies, and goes on: what was found stays in the connection's verify result,
 * by which http_tls_certificate() judges.
 */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	if (X509_verify_cert(store) != 1 && X509_STORE_CTX_get_error(store) == X509_V_OK)
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
	return 1;
}

static bool versions_set(SSL_CTX *tls)
{
	return SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) &&
		SSL_CTX_set_max_proto_version(tls, TLS1_3_VERSION) &&
		SSL_CTX_set_ciphersuites(tls, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") &&
		SSL_CTX_set1_groups_list(tls, "X25519:P-256");
}

/* Idle connections hold no buffers; nothing of a session outlives it. */
static void habits_set(SSL_CTX *tls)
{
	SSL_CTX_set_options(tls, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
			    SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION |
			    SSL_OP_CLEANSE_PLAINTEXT);
	SSL_CTX_set_num_tickets(tls, 0);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(tls, 0);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(tls, 0);
	SSL_CTX_set_max_cert_list(tls, MOST_CLIENT_CHAIN);
	SSL_CTX_set_alpn_select_cb(tls, on_alpn, NULL);
}

static int files_use(SSL_CTX *tls, const struct http_files *files, struct ml_error *error)
{
	int r = certificates_read(files->chain, chain_take, tls, error);

	if (!r)
		r = key_use(tls, files, error);
	if (r || !files->client_ca)
		return r;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(tls, 4);
	SSL_CTX_set_cert_verify_callback(tls, on_verify, NULL);
	return certificates_read(files->client_ca, authority_take, tls, error);
}

/* OpenSSL keeps private keys there: locked, guarded, wiped. */
static int secure_heap(struct ml_error *error)
{
	if (CRYPTO_secure_malloc_initialized() ||
	    CRYPTO_secure_malloc_init(SECURE_HEAP, 32) == 1)
		return 0;
	return ml_error_set(error, -ENOMEM,
			    "cannot lock %d bytes of memory for private keys; raise the limit (LimitMEMLOCK=)",
			    SECURE_HEAP);
}

int http_tls_new(const struct http_files *files, SSL_CTX **ret, struct ml_error *error)
{
	SSL_CTX *tls;
	int r = secure_heap(error);

	if (r)
		return r;
	tls = SSL_CTX_new(TLS_server_method());
	if (!tls)
		return ml_error_set(error, -ENOMEM, "no memory to set up TLS");
	habits_set(tls);
	if (!versions_set(tls))
		r = tls_refused(error, "TLS 1.3", "the library does not offer what is needed");
	if (!r)
		r = files_use(tls, files, error);
	if (r) {
		SSL_CTX_free(tls);
		return r;
	}
	*ret = tls;
	return 0;
}

/* ------------------------------------------------------- what a client showed */

bool http_tls_speaks_h2(SSL *tls)
{
	const unsigned char *name;
	unsigned int length;

	SSL_get0_alpn_selected(tls, &name, &length);
	return length == 2 && !memcmp(name, "h2", 2);
}

/* A name that does not fit is not cut: it could then be another one's. */
static bool subject_get(X509 *one, char *ret, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool fits = false;
	char *text;
	long length;

	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(one), 0,
				      XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		length = BIO_get_mem_data(bio, &text);
		fits = length >= 0 && (size_t)length < size;
		if (fits && length)
			memcpy(ret, text, (size_t)length);
		if (fits)
			ret[length] = 0;
	}
	BIO_free(bio);
	return fits;
}

static bool spki_get(X509 *one, uint8_t ret[static 32])
{
	unsigned char *der = NULL;
	int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(one), &der);
	bool done = length > 0 && EVP_Digest(der, (size_t)length, ret, NULL, EVP_sha256(), NULL);

	OPENSSL_free(der);
	return done;
}

static bool until_get(X509 *one, time_t *ret)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(X509_get0_notAfter(one), &tm))
		return false;
	*ret = timegm(&tm);
	return true;
}

bool http_tls_certificate(SSL *tls, struct http_certificate *ret)
{
	X509 *one = SSL_get0_peer_certificate(tls);
	bool done;

	if (!one || SSL_get_verify_result(tls) != X509_V_OK)
		return false;
	done = subject_get(one, ret->subject, sizeof(ret->subject)) &&
		spki_get(one, ret->spki) && until_get(one, &ret->until);
	ERR_clear_error();
	return done;
}
