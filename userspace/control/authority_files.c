// SPDX-License-Identifier: MIT
/* The authority's files: made once, read at each start. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "authority_private.h"
#include "file.h"
#include "locked.h"

#define DAY		86400
#define AUTHORITY_DAYS	3650
#define PEM_MAX		16384

static void path_set(char *ret, size_t size, const char *directory, const char *name)
{
	snprintf(ret, size, "%s/%s", directory, name);
}

/* ------------------------------------------------------------------ reading */

static int key_read(const char *path, EVP_PKEY **ret, struct ml_error *error)
{
	size_t length;
	EVP_PKEY *key = NULL;
	char *text;
	BIO *bio;
	int fd, r;

	r = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);
	if (r)
		return r;
	text = ml_locked_alloc(PEM_MAX, "a private key", error);
	r = text ? ml_file_read_into(fd, path, text, PEM_MAX, &length, error) : -ENOMEM;
	close(fd);
	if (!r) {
		bio = BIO_new_mem_buf(text, (int)length);
		key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
		BIO_free(bio);
	}
	ml_locked_free(text);
	if (r)
		return r;
	if (!key) {
		ERR_clear_error();
		return ml_error_set(error, -EBADMSG, "%s: not a private key in PEM form", path);
	}
	*ret = key;
	return 0;
}

static int certificate_read(const char *path, X509 **ret, struct ml_error *error)
{
	size_t length;
	uint8_t *text;
	BIO *bio;
	int r = ml_file_read_guarded(path, ML_FILE_TRUSTED, 64 << 10, &text, &length, error);

	if (r)
		return r;
	bio = BIO_new_mem_buf(text, (int)length);
	*ret = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	free(text);
	ERR_clear_error();
	return *ret ? 0 : ml_error_set(error, -EBADMSG, "%s: not a certificate in PEM form", path);
}

int authority_file_spki(const char *path, uint8_t ret[static 32], struct ml_error *error)
{
	X509 *one;
	int r = certificate_read(path, &one, error);

	if (r)
		return r;
	r = authority_spki(X509_get_X509_PUBKEY(one), ret);
	X509_free(one);
	return r ? ml_error_set(error, r, "out of memory") : 0;
}

int authority_open(const char *directory, struct authority **ret, struct ml_error *error)
{
	struct authority *authority = calloc(1, sizeof(*authority));
	char path[4096];
	int r;

	if (!authority)
		return ml_error_set(error, -ENOMEM, "out of memory");
	path_set(path, sizeof(path), directory, "authority.key");
	r = key_read(path, &authority->key, error);
	path_set(path, sizeof(path), directory, "authority.pem");
	if (!r)
		r = certificate_read(path, &authority->certificate, error);
	if (!r && X509_check_private_key(authority->certificate, authority->key) != 1)
		r = authority_refuse(-EBADMSG, "authority.key is not that of authority.pem", error);
	if (!r && !(authority->pem = authority_text(authority->certificate)))
		r = ml_error_set(error, -ENOMEM, "out of memory");
	if (r)
		authority_close(authority);
	else
		*ret = authority;
	return r;
}

void authority_close(struct authority *authority)
{
	if (!authority)
		return;
	EVP_PKEY_free(authority->key);
	X509_free(authority->certificate);
	free(authority->pem);
	free(authority);
}

const char *authority_pem(const struct authority *authority)
{
	return authority->pem;
}

/* ------------------------------------------------------------------ writing */

static int key_make(const char *path, EVP_PKEY **ret, struct ml_error *error)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	char *data;
	long length;
	int r;

	if (!key || !bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) {
		r = authority_refuse(-ENOMEM, "a private key cannot be made", error);
	} else {
		length = BIO_get_mem_data(bio, &data);
		r = ml_file_write_new(path, data, (size_t)length, 0600, error);
	}
	BIO_free(bio);
	if (r)
		EVP_PKEY_free(key);
	else
		*ret = key;
	return r;
}

static int certificate_write(const char *path, X509 *made, struct ml_error *error)
{
	char *text = made ? authority_text(made) : NULL;
	int r;

	X509_free(made);
	if (!text)
		return authority_refuse(-ENOMEM, "a certificate cannot be made", error);
	r = ml_file_write_atomic(path, text, strlen(text), 0644, error);
	free(text);
	return r;
}

static int own_make(const char *directory, const char *network, struct ml_error *error)
{
	static const struct authority_extension extensions[] = {
		{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
		{ NID_key_usage, "critical,keyCertSign" },
		{ NID_subject_key_identifier, "hash" },
		{ 0, NULL }
	};
	struct wanted wanted = { network, "Merlon", AUTHORITY_DAYS, time(NULL), NULL,
				 extensions };
	char path[4096];
	EVP_PKEY *key;
	int r;

	path_set(path, sizeof(path), directory, "authority.key");
	r = key_make(path, &key, error);
	if (r)
		return r;
	wanted.key = key;
	path_set(path, sizeof(path), directory, "authority.pem");
	r = certificate_write(path, authority_sign(&wanted, NULL, key), error);
	EVP_PKEY_free(key);
	return r;
}

/* ---------------------------------------------------------- the server's own */

static void alternative_set(char *ret, size_t size, const char *host)
{
	unsigned char address[16];
	bool literal = inet_pton(AF_INET, host, address) == 1 ||
		inet_pton(AF_INET6, host, address) == 1;

	snprintf(ret, size, "%s:%s", literal ? "IP" : "DNS", host);
}

static X509 *server_sign(const struct authority *authority, EVP_PKEY *key, const char *host,
			 int64_t now)
{
	char alternative[300], network[65] = "";
	const struct authority_extension extensions[] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		{ NID_key_usage, "critical,digitalSignature" },
		{ NID_ext_key_usage, "serverAuth" },
		{ NID_subject_alt_name, alternative },
		{ NID_authority_key_identifier, "keyid" },
		{ 0, NULL }
	};
	struct wanted wanted = { network, strlen(host) <= 64 ? host : "server",
				 AUTHORITY_SERVER_DAYS, now, key, extensions };

	alternative_set(alternative, sizeof(alternative), host);
	X509_NAME_get_text_by_NID(X509_get_subject_name(authority->certificate),
				  NID_organizationName, network, sizeof(network));
	return authority_sign(&wanted, authority->certificate, authority->key);
}

static bool server_is_good(const char *path, const char *host, int64_t now)
{
	time_t limit = now + (time_t)AUTHORITY_RENEW_DAYS * DAY;
	unsigned char address[16];
	X509 *one;
	bool good;

	if (certificate_read(path, &one, NULL))
		return false;
	good = X509_cmp_time(X509_get0_notAfter(one), &limit) > 0;
	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		good = good && X509_check_ip_asc(one, host, 0) == 1;
	else
		good = good && X509_check_host(one, host, 0, 0, NULL) == 1;
	X509_free(one);
	return good;
}

int authority_renew_server(const struct authority *authority, const char *directory,
			   const char *host, int64_t now, struct ml_error *error)
{
	char path[4096];
	EVP_PKEY *key;
	int r;

	path_set(path, sizeof(path), directory, "server.pem");
	if (server_is_good(path, host, now))
		return 0;
	path_set(path, sizeof(path), directory, "server.key");
	r = key_read(path, &key, error);
	if (r)
		return r;
	path_set(path, sizeof(path), directory, "server.pem");
	r = certificate_write(path, server_sign(authority, key, host, now), error);
	EVP_PKEY_free(key);
	return r ? r : 1;
}

int authority_create(const char *directory, const char *network, const char *host,
		     struct ml_error *error)
{
	struct authority *authority;
	EVP_PKEY *key = NULL;
	char path[4096];
	int r = own_make(directory, network, error);

	if (r)
		return r;
	path_set(path, sizeof(path), directory, "server.key");
	r = key_make(path, &key, error);
	EVP_PKEY_free(key);
	if (!r)
		r = authority_open(directory, &authority, error);
	if (r)
		return r;
	r = authority_renew_server(authority, directory, host, time(NULL), error);
	authority_close(authority);
	return r < 0 ? r : 0;
}
