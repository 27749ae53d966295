// SPDX-License-Identifier: MIT
/* What people prove who they are with. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "people.h"
#include "people_private.h"

#define NOW 1767225600

static char directory[] = "/tmp/people.XXXXXX";
static char path[64];
static struct people *people;

static int setup(void **state)
{
	struct ml_error error = { 0 };

	(void)state;
	if (sodium_init() < 0 || !mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/totp.key", directory);
	if (people_open(path, &people, &error)) {
		print_error("%s\n", error.text);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	people_close(people);
	unlink(path);
	return rmdir(directory);
}

static void test_key(void **state)
{
	struct ml_error error = { 0 };
	struct people *other;
	struct stat status;

	(void)state;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(people_open(path, &other, &error), 0);
	assert_memory_equal(other->key, people->key, 32);
	people_close(other);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(people_open(path, &other, &error), -EACCES);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 31), 0);
	assert_int_equal(people_open(path, &other, &error), -EBADMSG);
}

static void test_passwords(void **state)
{
	char text[PEOPLE_PASSWORD_TEXT], again[PEOPLE_PASSWORD_TEXT];
	struct ml_error error = { 0 };

	(void)state;
	assert_int_equal(people_password_check("anna", "a horse and a staple", &error), 0);
	assert_int_equal(people_password_check("anna", "short", &error), -EINVAL);
	assert_int_equal(people_password_check("annabelle-anna", "Annabelle-Anna", &error),
			 -EINVAL);
	assert_int_equal(people_password_hash("a horse and a staple", text, &error), 0);
	assert_int_equal(people_password_hash("a horse and a staple", again, &error), 0);
	assert_string_not_equal(text, again);
	assert_int_equal(strncmp(text, "$argon2id$v=19$m=65536,t=3,p=1$", 31), 0);
	assert_true(people_password_is(people, text, "a horse and a staple"));
	assert_false(people_password_is(people, text, "a horse and a stapl"));
	assert_false(people_password_is(people, NULL, "a horse and a staple"));
	/* The dummy costs as much as a real one. */
	assert_int_equal(strncmp(people->dummy, text, 31), 0);
}

static void test_codes(void **state)
{
	/* RFC 6238, appendix B, of which the last six digits. */
	static const struct { int64_t time; const char *code; } vectors[] = {
		{ 1111111109, "081804" }, { 1111111111, "050471" }, { 1234567890, "005924" },
		{ 2000000000, "279037" },
	};
	uint8_t sealed[PEOPLE_SEALED];
	uint64_t step = 0;
	size_t i;

	(void)state;
	randombytes_buf(sealed, 24);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + 24, NULL,
		(const uint8_t *)"12345678901234567890", 20, (const uint8_t *)"anna", 4, NULL,
		sealed, people->key);
	for (i = 0; i < 4; i++) {
		int64_t at = vectors[i].time, first = at - at % 30;
		const char *code = vectors[i].code;

		assert_true(people_code_is(people, "anna", sealed, sizeof(sealed), code, at, &step));
		assert_int_equal(step, at / 30);
		assert_true(people_code_is(people, "anna", sealed, sizeof(sealed), code,
					   first - 30, &step));
		assert_int_equal(step, at / 30);
		assert_true(people_code_is(people, "anna", sealed, sizeof(sealed), code,
					   first + 59, &step));
		assert_int_equal(step, at / 30);
		step = 7;
		assert_false(people_code_is(people, "anna", sealed, sizeof(sealed), code,
					    first - 31, &step));
		assert_false(people_code_is(people, "anna", sealed, sizeof(sealed), code,
					    first + 60, &step));
		assert_false(people_code_is(people, "bert", sealed, sizeof(sealed), code, at, &step));
		assert_false(people_code_is(people, "anna", sealed, sizeof(sealed) - 1, code, at,
					    &step));
		assert_false(people_code_is(people, "anna", NULL, 0, code, at, &step));
		assert_int_equal(step, 7);
	}
	assert_false(people_code_is(people, "anna", sealed, sizeof(sealed), "", 59, &step));
	assert_false(people_code_is(people, "anna", sealed, sizeof(sealed), "05047", 1111111111,
				    &step));
	assert_false(people_code_is(people, "anna", sealed, sizeof(sealed), "0050471", 1111111111,
				    &step));
	/* Nobody's secret is not the secret of zeros: its code at 0 is known to all. */
	assert_false(people_code_is(people, "anna", NULL, 0, "328482", 1111111111, &step));
}

static void test_secret(void **state)
{
	uint8_t secret[PEOPLE_SECRET], sealed[PEOPLE_SEALED];
	struct ml_error error = { 0 };
	char uri[PEOPLE_URI], *seen;

	(void)state;
	assert_int_equal(people_secret_make(people, "anna", secret, sealed, &error), 0);
	seen = memmem(sealed, sizeof(sealed), secret, 8);
	assert_null(seen);
	assert_int_equal(people_secret_uri("example-net", "anna",
					   (const uint8_t *)"12345678901234567890", uri, &error), 0);
	assert_string_equal(uri, "otpauth://totp/Merlon%20example-net:anna?secret="
			    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Merlon%20example-net"
			    "&algorithm=SHA1&digits=6&period=30");
}

static void test_recovery(void **state)
{
	char codes[PEOPLE_CODES][PEOPLE_CODE_TEXT];
	uint8_t digests[PEOPLE_CODES][32], digest[32];
	char typed[64];
	size_t i, k;

	(void)state;
	people_recovery_make(codes, digests);
	for (i = 0; i < PEOPLE_CODES; i++) {
		assert_int_equal(strlen(codes[i]), PEOPLE_CODE_TEXT - 1);
		snprintf(typed, sizeof(typed), " %.4s%s ", codes[i], codes[i] + 5);
		for (k = 0; typed[k]; k++)
			if (typed[k] >= 'a')
				typed[k] ^= 32;
		assert_int_equal(people_recovery_digest(typed, digest), 0);
		assert_memory_equal(digest, digests[i], 32);
		for (k = 0; k < i; k++)
			assert_memory_not_equal(digests[i], digests[k], 32);
	}
	assert_int_equal(people_recovery_digest("", digest), -EINVAL);
	assert_int_equal(people_recovery_digest("0123-4567-89ab-cde", digest), -EINVAL);
	assert_int_equal(people_recovery_digest("0123-4567-89ab-cdefg", digest), -EINVAL);
	assert_int_equal(people_recovery_digest("0123-4567-89ab-cde\n", digest), -EINVAL);
}

static void test_tokens(void **state)
{
	char token[PEOPLE_TOKEN_TEXT], other[PEOPLE_TOKEN_TEXT];
	uint8_t digest[32], same[32];

	(void)state;
	people_token_make(token, digest);
	people_token_make(other, same);
	assert_string_not_equal(token, other);
	assert_true(people_token_digest(token, same));
	assert_memory_equal(digest, same, 32);
	assert_false(people_token_digest("", same));
	assert_false(people_token_digest("abc", same));
	token[42] = '\0';
	assert_false(people_token_digest(token, same));
	memset(token, 'a', 43);
	token[10] = ' ';
	assert_false(people_token_digest(token, same));
}

static void *wait_for_slot(void *arg)
{
	*(bool *)arg = people_slot_take(people, PEOPLE_CLEAN, 20000);
	return NULL;
}

static bool somebody_waits(void)
{
	bool waiting;

	pthread_mutex_lock(&people->lock);
	waiting = people->waiting[PEOPLE_CLEAN];
	pthread_mutex_unlock(&people->lock);
	return waiting;
}

static void test_slots(void **state)
{
	pthread_t thread;
	bool got = false;
	int i;

	(void)state;
	/* Each class leaves a place to the next. */
	for (i = 0; i < PEOPLE_CLASSES; i++) {
		assert_true(people_slot_take(people, i, 0));
		assert_false(people_slot_take(people, i, i ? 0 : 20));
	}
	people_slot_give(people);
	assert_false(people_slot_take(people, PEOPLE_CLEAN, 0));
	assert_int_equal(pthread_create(&thread, NULL, wait_for_slot, &got), 0);
	while (!somebody_waits())
		sched_yield();
	/* A second one does not wait. */
	assert_false(people_slot_take(people, PEOPLE_CLEAN, 20000));
	people_slot_give(people);
	pthread_join(thread, NULL);
	assert_true(got);
	assert_false(people_slot_take(people, PEOPLE_FAILED, 0));
	people_slot_give(people);
	people_slot_give(people);
	assert_true(people_slot_take(people, PEOPLE_FAILED, 0));
	people_slot_give(people);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_key),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
