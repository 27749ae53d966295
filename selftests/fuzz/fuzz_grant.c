// SPDX-License-Identifier: MIT
/*
 * Grants and key strings from strangers. The first byte chooses what the others are:
 *
 *	0 an envelope		2 a key string
 *	1 a grant's payload,	3 what is inside of a key string, with its check
 *	  properly signed
 *
 * Nobody but who has the keys makes a grant. What is accepted is within its ranges,
 * and written again it is what was read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/trust_fixture.h"
#include "grant.h"
#include "key_string.h"
#include "locked.h"

static struct ml_root root;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fixture_need(ml_keys_setup(NULL), "libsodium");
	root = root_of(1);
	return 0;
}

static bool accepted(struct ml_bytes envelope, struct ml_grant *ret)
{
	struct ml_error error = { 0 };
	int r = ml_grant_verify(&root, envelope, ret, &error);

	if (r && (error.code != r || !error.text[0]))
		abort();
	return !r;
}

static void fuzz_envelope(const uint8_t *data, size_t size)
{
	struct ml_bytes envelope = { data, size };
	struct ml_grant grant;

	if (accepted(envelope, &grant))
		abort();
	ml_grant_peek(envelope, &grant, NULL);
}

static void fuzz_payload(const uint8_t *data, size_t size)
{
	const struct ml_secret_key *const keys[] = { key_of(11), key_of(12) };
	struct ml_bytes envelope = signed_by(ML_GRANT_TYPE, data, size, KEYS(11, 12));
	struct ml_grant grant, again;
	uint8_t *text = NULL;
	size_t length = 0;

	if (accepted(envelope, &grant)) {
		if (grant.uses < 1 || grant.uses > 25 || grant.tag_count > ML_GRANT_TAGS ||
		    strcmp(grant.network, root.network) || (grant.tag_count && grant.owner[0]))
			abort();
		fixture_need(ml_grant_sign(&grant, keys, 2, &text, &length, NULL), "grant");
		if (!accepted((struct ml_bytes){ text, length }, &again) ||
		    memcmp(&grant, &again, sizeof(grant)))
			abort();
		free(text);
	}
	drop(envelope);
}

static void fuzz_key_string(const char *text, size_t size)
{
	struct ml_error error = { 0 };
	struct ml_key_string *key;
	char *again;
	int r = ml_key_string_parse(text, size, &key, &error);

	if (r && (error.code != r || !error.text[0]))
		abort();
	if (r)
		return;
	fixture_need(ml_key_string_format(key, &again, NULL), "key string");
	if (!memmem(text, size, again, strlen(again)))
		abort();
	ml_locked_free(again);
	ml_key_string_free(key);
}

static void fuzz_body(const uint8_t *data, size_t size)
{
	uint8_t body[13 + 512] = "merlon-key-1:", digest[32];
	char text[1024] = "merlon-key-1:";

	if (size > 400)
		size = 400;
	if (size)
		memcpy(body + 13, data, size);
	crypto_hash_sha256(digest, body, 13 + size);
	memcpy(body + 13 + size, digest, 8);
	sodium_bin2base64(text + 13, sizeof(text) - 13, body + 13, size + 8,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	fuzz_key_string(text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % 4) {
	case 0:
		fuzz_envelope(data + 1, size - 1);
		break;
	case 1:
		fuzz_payload(data + 1, size - 1);
		break;
	case 2:
		fuzz_key_string((const char *)data + 1, size - 1);
		break;
	case 3:
		fuzz_body(data + 1, size - 1);
		break;
	}
	return 0;
}
