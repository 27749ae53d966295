// SPDX-License-Identifier: MIT
/*
 * ml_sha256() by the examples of NIST (FIPS 180-2, appendix B, and its million of 'a'),
 * without OpenSSL and with it; and both agree, at every length around the blocks' ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "sha256.h"

static const struct {
	const char *text;
	const char *digest;
} examples[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void check(const void *data, size_t length, const char *want)
{
	uint8_t digest[ML_SHA256_BYTES];
	char hex[2 * ML_SHA256_BYTES + 1];

	ml_sha256(digest, data, length);
	assert_string_equal(sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest)), want);
}

static void as_nist_says(void)
{
	char *million = malloc(1000000);

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		check(examples[i].text, strlen(examples[i].text), examples[i].digest);
	check(NULL, 0, examples[0].digest);
	assert_non_null(million);
	memset(million, 'a', 1000000);
	check(million, 1000000,
	      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

/* The first: before ml_keys_setup(). */
static void test_without_openssl(void **state)
{
	(void)state;
	as_nist_says();
}

static void test_with_openssl(void **state)
{
	struct ml_error error;

	(void)state;
	assert_int_equal(ml_keys_setup(&error), 0);
	as_nist_says();
}

static void test_every_length(void **state)
{
	uint8_t bytes[300], want[ML_SHA256_BYTES], got[ML_SHA256_BYTES];

	(void)state;
	randombytes_buf_deterministic(bytes, sizeof(bytes), (const uint8_t[32]){ 5 });
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		crypto_hash_sha256(want, bytes, length);
		ml_sha256(got, bytes, length);
		assert_memory_equal(got, want, sizeof(got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_openssl),
		cmocka_unit_test(test_with_openssl),
		cmocka_unit_test(test_every_length),
	};

	return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
