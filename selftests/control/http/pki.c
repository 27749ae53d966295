// SPDX-License-Identifier: MIT
#include "pki.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct issuer {
	X509 *certificate;
	EVP_PKEY *key;
};

static void need(int done, const char *what)
{
	if (!done) {
		fprintf(stderr, "pki: cannot %s\n", what);
		abort();
	}
}

static FILE *file_open(const char *directory, const char *name, const char *ending)
{
	char path[PATH_MAX];
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "%s/%s.%s", directory, name, ending);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	need(file != NULL, path);
	return file;
}

static void extension_add(X509 *to, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	need(extension && X509_add_ext(to, extension, -1), "add an extension");
	X509_EXTENSION_free(extension);
}

static X509 *certificate_new(const char *name, EVP_PKEY *key, long until)
{
	static long serial = 1;
	X509 *one = X509_new();
	X509_NAME *subject;

	need(one && X509_set_version(one, 2) && X509_set_pubkey(one, key), "make one");
	ASN1_INTEGER_set(X509_get_serialNumber(one), serial++);
	X509_gmtime_adj(X509_getm_notBefore(one), -7200);
	X509_gmtime_adj(X509_getm_notAfter(one), until);
	subject = X509_get_subject_name(one);
	X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC,
				   (const unsigned char *)"example", -1, -1, 0);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
				   -1, -1, 0);
	return one;
}

static void key_write(const char *directory, const char *file, EVP_PKEY *key)
{
	FILE *to = file_open(directory, file, "key");

	need(PEM_write_PrivateKey(to, key, NULL, NULL, 0, NULL, NULL), "write a key");
	fclose(to);
}

static void certificate_write(const char *directory, const char *file, X509 *one)
{
	FILE *to = file_open(directory, file, "pem");

	need(PEM_write_X509(to, one), "write a certificate");
	fclose(to);
}

/* Signed by @by, or by itself where that is empty, which then becomes it. */
static void issue(const char *directory, const char *file, const char *name, long until,
		  struct issuer *by)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *one = certificate_new(name, key, until);
	int own = !by->certificate;

	X509_set_issuer_name(one, X509_get_subject_name(own ? one : by->certificate));
	if (own)
		extension_add(one, NID_basic_constraints, "critical,CA:TRUE");
	else
		extension_add(one, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
	need(X509_sign(one, own ? key : by->key, EVP_sha256()), "sign");
	certificate_write(directory, file, one);
	key_write(directory, file, key);
	if (own) {
		*by = (struct issuer){ one, key };
		return;
	}
	X509_free(one);
	EVP_PKEY_free(key);
}

static void issuer_free(struct issuer *by)
{
	X509_free(by->certificate);
	EVP_PKEY_free(by->key);
}

void pki_write(const char *directory)
{
	struct issuer ca = { NULL, NULL }, self = { NULL, NULL };

	issue(directory, "ca", "test authority", 3600, &ca);
	issue(directory, "server", "first", 3600, &ca);
	issue(directory, "second", "second", 3600, &ca);
	issue(directory, "node", "node-one", 3600, &ca);
	issue(directory, "old", "node-old", -3600, &ca);
	issue(directory, "other", "node-other", 3600, &self);
	issuer_free(&ca);
	issuer_free(&self);
}

void pki_remove(const char *directory)
{
	static const char *const names[] = { "ca", "server", "second", "node", "old", "other" };
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s/%s.pem", directory, names[i]);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%s.key", directory, names[i]);
		unlink(path);
	}
	rmdir(directory);
}
