// SPDX-License-Identifier: MIT
/*
 * node-tool COMMAND [ARGUMENT]...: documents for selftests/node, by the keys of
 * trust_fixture.h, on standard output.
 *
 *   root VERSION EPOCH SIGNING THRESHOLD EXPIRES KEY...	EXPIRES: seconds from now;
 *					SIGNING: number of the key of that role, and
 *					signed by KEYs
 *   grant USES SECONDS			for one-time key 41, by the membership keys
 *   key URL ROOTFILE CERTIFICATE	the key string for it
 *   identity KEYFILE			the public half
 *   parts BUNDLE			what an honest server answers who asks for it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "bundle_format.h"
#include "file.h"
#include "grant.h"
#include "key_string.h"
#include "locked.h"
#include "../unit/trust_fixture.h"

static int put(struct ml_bytes bytes)
{
	return fwrite(bytes.data, 1, bytes.length, stdout) == bytes.length ? 0 : 1;
}

static int make_root(int argc, char **argv)
{
	struct ml_root root = root_of(strtoull(argv[0], NULL, 10));
	uint8_t signing = (uint8_t)atoi(argv[2]), by[17] = { 0 };
	int i;

	root.epoch = strtoull(argv[1], NULL, 10);
	root.expires = time(NULL) + atoll(argv[4]);
	role_set(&root, ML_ROLE_SIGNING, (size_t)atoi(argv[3]), KEYS(signing, 32));
	for (i = 5; i < argc && i < 21; i++)
		by[i - 5] = (uint8_t)atoi(argv[i]);
	return put(root_signed(&root, by));
}

static int make_grant(char **argv)
{
	struct ml_grant grant = {
		.network = TRUST_NETWORK, .key = public_of(41),
		.uses = (unsigned int)atoi(argv[0]), .created = time(NULL) - 60,
		.expires = time(NULL) + atoll(argv[1]), .tags = { "tag:web" }, .tag_count = 1,
	};
	const struct ml_secret_key *keys[] = { key_of(11), key_of(12) };
	struct ml_bytes made;
	uint8_t *data = NULL;

	fixture_need(ml_grant_sign(&grant, keys, 2, &data, &made.length, NULL), "grant");
	made.data = data;
	return put(made);
}

static void server_digest(const char *path, uint8_t ret[static 32])
{
	FILE *file = fopen(path, "r");
	X509 *one = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	unsigned char *der = NULL;
	int length = one ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(one), &der) : 0;

	fixture_need(length > 0 ? 0 : -2, "certificate");
	crypto_hash_sha256(ret, der, (size_t)length);
	OPENSSL_free(der);
	X509_free(one);
	fclose(file);
}

static int make_key(char **argv)
{
	struct ml_key_string key = { .url = "" };
	struct ml_bytes envelope;
	struct ml_root root;
	uint8_t *data;
	char *text;

	memset(key.seed, 41, sizeof(key.seed));
	snprintf(key.url, sizeof(key.url), "%s", argv[0]);
	fixture_need(ml_file_read(argv[1], 65536, &data, &envelope.length, NULL), "root");
	envelope.data = data;
	fixture_need(ml_root_peek(envelope, &root, NULL), "root");
	memcpy(key.root_digest, root.digest, sizeof(key.root_digest));
	server_digest(argv[2], key.server_digest);
	fixture_need(ml_key_string_format(&key, &text, NULL), "key string");
	puts(text);
	ml_locked_free(text);
	return 0;
}

static int show_identity(char **argv)
{
	struct ml_public_key key;
	char text[ML_PUBLIC_KEY_TEXT];

	fixture_need(ml_secret_key_read_public(argv[0], &key, NULL), "key");
	ml_public_key_format(&key, text);
	fputs(text, stdout);
	return 0;
}

static json_t *text_of(struct ml_bytes bytes)
{
	size_t size = sodium_base64_encoded_len(bytes.length, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(size);
	json_t *json;

	sodium_bin2base64(text, size, bytes.data, bytes.length,
			  sodium_base64_VARIANT_ORIGINAL);
	json = json_string(text);
	free(text);
	return json;
}

static json_t *block_of(struct ml_bytes bytes)
{
	uint8_t digest[32];
	char hex[65];

	crypto_hash_sha256(digest, bytes.data, bytes.length);
	sodium_bin2hex(hex, sizeof(hex), digest, 32);
	return json_pack("{s:I, s:s}", "bytes", (json_int_t)bytes.length, "sha256", hex);
}

static int show_parts(char **argv)
{
	struct ml_bundle bundle;
	struct ml_bytes file;
	uint8_t *data;
	json_t *json;

	fixture_need(ml_file_read(argv[0], ML_BUNDLE_MAX_BYTES, &data, &file.length, NULL),
		     "bundle");
	file.data = data;
	fixture_need(ml_bundle_split(file, &bundle, NULL), "bundle");
	json = json_pack("{s:{s:o, s:o}, s:o, s:o, s:o}", "blocks", "image",
			 block_of(bundle.image), "rules", block_of(bundle.rules), "envelope",
			 text_of(bundle.envelope), "leaf", text_of(bundle.leaf), "proof",
			 text_of(bundle.proof));
	return json_dumpf(json, stdout, JSON_COMPACT);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	fixture_need(ml_keys_setup(NULL), "libsodium");
	if (!strcmp(command, "root") && argc > 7)
		return make_root(argc - 2, argv + 2);
	if (!strcmp(command, "grant") && argc == 4)
		return make_grant(argv + 2);
	if (!strcmp(command, "key") && argc == 5)
		return make_key(argv + 2);
	if (!strcmp(command, "identity") && argc == 3)
		return show_identity(argv + 2);
	if (!strcmp(command, "parts") && argc == 3)
		return show_parts(argv + 2);
	return 2;
}
