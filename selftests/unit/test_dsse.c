// SPDX-License-Identifier: MIT
/* DSSE envelopes: PAE, who signed, and every way of not having signed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>

#include "dsse.h"
#include "keys.h"

#define TYPE "http://example.com/HelloWorld"
#define BODY "hello world"

static struct ml_secret_key *secret[3];
static struct ml_public_key public[3];
static char id[3][65];

static int setup(void **state)
{
	uint8_t seed[32];
	size_t i;

	(void)state;
	if (ml_keys_setup(NULL))
		return -1;
	for (i = 0; i < 3; i++) {
		memset(seed, i + 1, sizeof(seed));
		if (ml_secret_key_from_seed(seed, &secret[i], NULL))
			return -1;
		ml_secret_key_public(secret[i], &public[i]);
		ml_public_key_id(&public[i], id[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		ml_secret_key_free(secret[i]);
	return 0;
}

/* -------------------------------------------------------------- helpers */

static char *sign(const struct ml_secret_key *const *keys, size_t count)
{
	uint8_t *text = NULL;
	size_t length;

	assert_int_equal(ml_dsse_sign(TYPE, BODY, strlen(BODY), keys, count, &text, &length,
				      NULL), 0);
	assert_int_equal(strlen((char *)text), length);
	return (char *)text;
}

static int verify_bytes(const void *text, size_t length, const struct ml_dsse_want *want,
			size_t *ret_good)
{
	struct ml_dsse found, untouched;
	struct ml_error error = { 0 };
	int r;

	memset(&found, 0xa5, sizeof(found));
	untouched = found;
	r = ml_dsse_verify(text, length, want, &found, &error);
	if (r) {
		assert_memory_equal(&found, &untouched, sizeof(found));
		assert_true(error.text[0] && error.code == r);
		return r;
	}
	assert_int_equal(found.payload_length, strlen(BODY));
	assert_string_equal((char *)found.payload, BODY);
	if (ret_good)
		*ret_good = found.good;
	free(found.payload);
	return 0;
}

/* @text is freed. */
static int verify(char *text, size_t keys, size_t threshold, bool canonical)
{
	const struct ml_dsse_want want = { TYPE, public, keys, threshold, canonical };
	int r = verify_bytes(text, strlen(text), &want, NULL);

	free(text);
	return r;
}

static char *signature_of(const struct ml_secret_key *key)
{
	static const char pae[] = "DSSEv1 29 " TYPE " 11 " BODY;
	uint8_t signature[64];
	char *text = malloc(89);

	assert_int_equal(ml_secret_key_sign(key, pae, strlen(pae), signature), 0);
	return sodium_bin2base64(text, 89, signature, 64, sodium_base64_VARIANT_ORIGINAL);
}

/* An envelope with these "signatures", by hand. */
static char *envelope(const char *signatures)
{
	char *text = NULL;

	assert_true(asprintf(&text, "{\"payload\":\"aGVsbG8gd29ybGQ=\",\"payloadType\":\""
			     TYPE "\",\"signatures\":[%s]}", signatures) > 0);
	return text;
}

static char *entry(const char *key_id, const struct ml_secret_key *key)
{
	char *signature = signature_of(key), *text = NULL;

	assert_true(asprintf(&text, "{\"keyid\":\"%s\",\"sig\":\"%s\"}", key_id,
			     signature) > 0);
	free(signature);
	return text;
}

/* ---------------------------------------------------------------- tests */

static void assert_pae(const char *type, const char *body, size_t length,
		       const char *want, size_t want_length)
{
	uint8_t *pae;
	size_t got;

	assert_int_equal(ml_dsse_pae(type, body, length, &pae, &got, NULL), 0);
	assert_int_equal(got, want_length);
	assert_memory_equal(pae, want, got);
	free(pae);
}

static void test_pae(void **state)
{
	(void)state;
	/* DSSE's published vector */
	assert_pae(TYPE, BODY, 11, "DSSEv1 29 http://example.com/HelloWorld 11 hello world", 54);
	assert_pae("", "", 0, "DSSEv1 0  0 ", 12);
	assert_pae("a b", "\0 1", 3, "DSSEv1 3 a b 3 \0 1", 18);
}

static void test_round_trip(void **state)
{
	const struct ml_secret_key *keys[] = { secret[0] };
	char *text = sign(keys, 1), *by_hand, *one = entry(id[0], secret[0]);

	(void)state;
	by_hand = envelope(one);
	assert_string_equal(text, by_hand);
	assert_int_equal(verify(text, 1, 1, true), 0);
	assert_int_equal(verify(by_hand, 3, 1, false), 0);
	free(one);
}

/* In canonical form, every flipped bit and every truncation is refused. */
static void test_every_bit(void **state)
{
	const struct ml_dsse_want want = { TYPE, public, 3, 1, true };
	const struct ml_secret_key *keys[] = { secret[0] };
	char *text = sign(keys, 1);
	size_t length = strlen(text), i;

	(void)state;
	for (i = 0; i < length * 8; i++) {
		text[i / 8] ^= 1 << i % 8;
		if (!verify_bytes(text, length, &want, NULL))
			fail_msg("accepted with bit %zu of byte %zu flipped", i % 8, i / 8);
		text[i / 8] ^= 1 << i % 8;
	}
	for (i = 0; i < length; i++)
		assert_int_equal(verify_bytes(text, i, &want, NULL), -EBADMSG);
	free(text);
}

static void test_whose_keys(void **state)
{
	const struct ml_secret_key *keys[] = { secret[2], secret[0] };
	char *stranger = entry(id[1], secret[2]);

	(void)state;
	assert_int_equal(verify(sign(keys, 1), 2, 1, false), -EKEYREJECTED);
	assert_int_equal(verify(sign(keys, 1), 3, 1, false), 0);
	assert_int_equal(verify(sign(keys, 2), 1, 1, false), 0);
	assert_int_equal(verify(sign(keys, 2), 0, 1, false), -EKEYREJECTED);
	assert_int_equal(verify(sign(keys, 2), 0, 0, false), -EKEYREJECTED);
	assert_int_equal(verify(envelope(""), 3, 1, false), -EKEYREJECTED);
	/* one key's name on another key's signature */
	assert_int_equal(verify(envelope(stranger), 3, 1, false), -EBADMSG);
	free(stranger);
}

static void test_threshold(void **state)
{
	const struct ml_secret_key *both[] = { secret[0], secret[1] };
	const struct ml_secret_key *twice[] = { secret[0], secret[0], secret[0] };
	const struct ml_public_key same[] = { public[0], public[0] };
	const struct ml_dsse_want want = { TYPE, same, 2, 2, false };
	char *text = sign(twice, 3);
	size_t good;

	(void)state;
	assert_int_equal(verify(sign(both, 2), 2, 2, false), 0);
	assert_int_equal(verify(sign(both, 1), 2, 2, false), -EKEYREJECTED);
	assert_int_equal(verify(sign(both, 2), 2, 3, false), -EKEYREJECTED);
	assert_int_equal(verify(sign(twice, 2), 2, 2, false), -EKEYREJECTED);
	/* listed twice and signed thrice: one key */
	assert_int_equal(verify_bytes(text, strlen(text), &want, NULL), -EKEYREJECTED);
	free(text);
	text = sign(both, 2);
	assert_int_equal(verify_bytes(text, strlen(text),
				      &(struct ml_dsse_want){ TYPE, public, 3, 1, false },
				      &good), 0);
	assert_int_equal(good, 2);
	free(text);
}

/* Strange signatures beside a good one, as DSSE allows them. */
static void test_strange_company(void **state)
{
	char *good = entry(id[0], secret[0]), *nameless = entry("", secret[0]);
	char *signature = signature_of(secret[0]), *text = NULL;

	(void)state;
	assert_int_equal(verify(envelope(nameless), 1, 1, false), 0);
	assert_true(asprintf(&text, "{\"sig\":\"%s\"}", signature) > 0);
	assert_int_equal(verify(envelope(text), 3, 1, false), 0);
	free(text);
	assert_true(asprintf(&text, "{\"keyid\":\"x\",\"sig\":\"AAAA\"},%s", good) > 0);
	assert_int_equal(verify(envelope(text), 1, 1, false), 0);
	free(text);
	assert_true(asprintf(&text, "{\"keyid\":\"%s\",\"sig\":\"AAAA\"},%s", id[1], good) > 0);
	assert_int_equal(verify(envelope(text), 2, 1, false), 0);
	assert_int_equal(verify(envelope(text), 2, 2, false), -EBADMSG);
	free(text);
	assert_true(asprintf(&text, "{\"cert\":[1],%s", good + 1) > 0);
	assert_int_equal(verify(envelope(text), 1, 1, false), 0);
	assert_int_equal(verify(envelope(text), 1, 1, true), -EBADMSG);
	free(text);
	free(signature);
	free(nameless);
	free(good);
}

static void test_url_safe(void **state)
{
	static const char body[] = "\xfb\xff\xfe?>";
	const struct ml_secret_key *keys[] = { secret[0] };
	struct ml_dsse_want want = { TYPE, public, 1, 1, false };
	struct ml_dsse found;
	uint8_t *text;
	size_t length;

	(void)state;
	assert_int_equal(ml_dsse_sign(TYPE, body, 5, keys, 1, &text, &length, NULL), 0);
	assert_non_null(strstr((char *)text, "\"+//+Pz4=\""));
	memcpy(strstr((char *)text, "+//+Pz4="), "-__-Pz4=", 8);
	assert_int_equal(ml_dsse_verify(text, length, &want, &found, NULL), 0);
	assert_memory_equal(found.payload, body, 5);
	free(found.payload);
	want.canonical = true;
	assert_int_equal(ml_dsse_verify(text, length, &want, &found, NULL), -EBADMSG);
	free(text);
}

/* libsodium's own decoder takes "\u00e1", two bytes, for "//". */
static void test_foreign_letters(void **state)
{
	static const char body[] = "\xfb\xff\xfe?>";
	const struct ml_secret_key *keys[] = { secret[0] };
	struct ml_dsse_want want = { TYPE, public, 1, 1, true };
	struct ml_dsse found;
	uint8_t *text;
	size_t length;
	int i;

	(void)state;
	assert_int_equal(ml_dsse_sign(TYPE, body, 5, keys, 1, &text, &length, NULL), 0);
	assert_int_equal(ml_dsse_verify(text, length, &want, &found, NULL), 0);
	free(found.payload);
	memcpy(strstr((char *)text, "//"), "\xc3\xa1", 2);
	for (i = 0; i < 2; i++) {
		want.canonical = i;
		assert_int_equal(ml_dsse_verify(text, length, &want, &found, NULL), -EBADMSG);
	}
	free(text);
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"", "{", "{}", "[]", "null", "\"\"", "{\"payload\":\"\"}",
		"{\"payload\":\"\",\"payloadType\":\"" TYPE "\"}",
		"{\"payload\":\"\",\"payloadType\":\"" TYPE "\",\"signatures\":{}}",
		"{\"payload\":\"\",\"payloadType\":\"" TYPE "\",\"signatures\":[1]}",
		"{\"payload\":\"\",\"payloadType\":\"" TYPE "\",\"signatures\":[{}]}",
		"{\"payload\":\"\",\"payloadType\":\"" TYPE "\",\"signatures\":[{\"sig\":1}]}",
		"{\"payload\":\"\",\"payloadType\":\"" TYPE
			"\",\"signatures\":[{\"keyid\":1,\"sig\":\"\"}]}",
		"{\"payload\":\"\",\"payloadType\":\"" TYPE "\",\"signatures\":[{\"sig\":\"!\"}]}",
		"{\"payload\":\"a\",\"payloadType\":\"" TYPE "\",\"signatures\":[]}",
		"{\"payload\":\"aaa\",\"payloadType\":\"" TYPE "\",\"signatures\":[]}",
		"{\"payload\":\"aa==aa==\",\"payloadType\":\"" TYPE "\",\"signatures\":[]}",
		"{\"payload\":\"a a=\",\"payloadType\":\"" TYPE "\",\"signatures\":[]}",
		"{\"payload\":1,\"payloadType\":\"" TYPE "\",\"signatures\":[]}",
		"{\"payload\":\"\",\"payloadType\":1,\"signatures\":[]}",
		"{\"payload\":\"\",\"payloadType\":\"other\",\"signatures\":[]}",
		"{\"payload\":\"\",\"payload\":\"\",\"payloadType\":\"" TYPE
			"\",\"signatures\":[]}",
	};
	const struct ml_dsse_want want = { TYPE, public, 3, 1, false };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (verify_bytes(bad[i], strlen(bad[i]), &want, NULL) != -EBADMSG)
			fail_msg("not refused: %s", bad[i]);
	/* unused bits of the last character: "QQ==" and "QR==" are both 'A' to some */
	assert_int_equal(verify(strdup("{\"payload\":\"QR==\",\"payloadType\":\"" TYPE
				       "\",\"signatures\":[]}"), 3, 1, false), -EBADMSG);
}

static void test_too_many(void **state)
{
	const struct ml_secret_key *keys[ML_DSSE_SIGNATURES + 1];
	uint8_t *none = NULL;
	char *one = entry(id[0], secret[0]), *many = calloc(20, 256);
	size_t length, i;

	(void)state;
	for (i = 0; i < ML_DSSE_SIGNATURES + 1; i++) {
		keys[i] = secret[0];
		strcat(many, i ? "," : "");
		strcat(many, one);
	}
	assert_int_equal(verify(sign(keys, ML_DSSE_SIGNATURES), 1, 1, false), 0);
	assert_int_equal(verify(envelope(many), 1, 1, false), -EBADMSG);
	assert_int_equal(ml_dsse_sign(TYPE, "", 0, keys, ML_DSSE_SIGNATURES + 1, &none,
				      &length, NULL), -EINVAL);
	assert_int_equal(ml_dsse_sign(TYPE, "", 0, keys, 0, &none, &length, NULL), -EINVAL);
	assert_null(none);
	free(many);
	free(one);
}

static void test_peek(void **state)
{
	const struct ml_secret_key *keys[] = { secret[0] };
	char *text = sign(keys, 1);
	uint8_t *payload;
	size_t length;

	(void)state;
	assert_int_equal(ml_dsse_peek(text, strlen(text), TYPE, &payload, &length, NULL), 0);
	assert_int_equal(length, strlen(BODY));
	assert_string_equal((char *)payload, BODY);
	free(payload);
	assert_int_equal(ml_dsse_peek(text, strlen(text), "other", &payload, &length, NULL),
			 -EBADMSG);
	free(text);
}

/* Takes @text. */
static char *add(char *text, const struct ml_secret_key *key)
{
	uint8_t *more = NULL;
	size_t length;

	assert_int_equal(ml_dsse_add(text, strlen(text), TYPE, key, &more, &length, NULL), 0);
	assert_int_equal(strlen((char *)more), length);
	free(text);
	return (char *)more;
}

static char *draft(void)
{
	uint8_t *text = NULL;
	size_t length;

	assert_int_equal(ml_dsse_draft(TYPE, BODY, strlen(BODY), &text, &length, NULL), 0);
	return (char *)text;
}

/* One by one is as all at once. */
static void test_add(void **state)
{
	const struct ml_secret_key *const *keys = (const struct ml_secret_key *const *)secret;
	char *text = add(add(add(draft(), secret[0]), secret[1]), secret[2]);
	char *want = sign(keys, 3), *none = draft(), *empty = envelope("");

	(void)state;
	assert_string_equal(text, want);
	assert_string_equal(none, empty);
	assert_int_equal(verify(none, 3, 1, false), -EKEYREJECTED);
	assert_int_equal(verify(empty, 3, 1, false), -EKEYREJECTED);
	free(want);
	assert_int_equal(verify(text, 3, 3, false), 0);
	assert_int_equal(verify(add(draft(), secret[0]), 3, 1, true), 0);
}

/* A key's own signature is replaced, others stay as they are, whoever made them. */
static void test_add_again(void **state)
{
	char *wrong = entry(id[0], secret[1]), *no_id = NULL, *one, *text;

	(void)state;
	text = add(envelope(wrong), secret[0]);
	one = sign((const struct ml_secret_key *const *)secret, 1);
	assert_string_equal(text, one);
	free(one);
	free(text);
	text = add(envelope(wrong), secret[1]);
	assert_non_null(strstr(text, wrong));
	assert_int_equal(verify(text, 3, 1, false), 0);
	one = signature_of(secret[2]);
	assert_true(asprintf(&no_id, "{\"sig\":\"%s\",\"more\":1}", one) > 0);
	assert_int_equal(verify(add(envelope(no_id), secret[0]), 3, 2, false), 0);
	free(no_id);
	free(one);
	free(wrong);
}

static void test_add_refused(void **state)
{
	static const char *const bad[] = {
		"{\"sig\":1}", "{\"keyid\":1,\"sig\":\"\"}", "7", "{}",
	};
	uint8_t *none = NULL;
	char *text, many[16 * 32] = "";
	size_t i, length = 77;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		text = envelope(bad[i]);
		assert_int_equal(ml_dsse_add(text, strlen(text), TYPE, secret[0], &none,
					     &length, NULL), -EBADMSG);
		free(text);
	}
	for (i = 0; i < 15; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many),
			 "%s{\"keyid\":\"%zu\",\"sig\":\"\"}", i ? "," : "", i);
	text = add(envelope(many), secret[0]);
	assert_int_equal(ml_dsse_add(text, strlen(text), TYPE, secret[1], &none, &length,
				     NULL), -E2BIG);
	text = add(text, secret[0]);
	assert_int_equal(ml_dsse_add(text, strlen(text), "other", secret[0], &none, &length,
				     NULL), -EBADMSG);
	assert_null(none);
	assert_int_equal(length, 77);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pae),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_whose_keys),
		cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_strange_company),
		cmocka_unit_test(test_url_safe),
		cmocka_unit_test(test_foreign_letters),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_add_again),
		cmocka_unit_test(test_add_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
