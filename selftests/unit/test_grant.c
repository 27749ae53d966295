// SPDX-License-Identifier: MIT
/* Enrolment grants, and the key strings that people are given. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grant.h"
#include "key_string.h"
#include "locked.h"
#include "trust_fixture.h"

static struct ml_grant grant_of(void)
{
	struct ml_grant grant = {
		.network = TRUST_NETWORK,
		.key = public_of(41),
		.tags = { "tag:web", "tag:exit" },
		.tag_count = 2,
		.uses = 1,
		.created = TRUST_NOW,
		.expires = TRUST_NOW + FIXTURE_DAY,
	};

	return grant;
}

static struct ml_bytes grant_signed(const struct ml_grant *grant, const uint8_t *numbers)
{
	struct ml_bytes draft, envelope;
	uint8_t *data = NULL;
	char *payload;

	assert_int_equal(ml_grant_sign(grant, NULL, 0, &data, &draft.length, NULL), 0);
	draft.data = data;
	payload = payload_of(ML_GRANT_TYPE, draft);
	envelope = signed_by(ML_GRANT_TYPE, payload, strlen(payload), numbers);
	free(payload);
	drop(draft);
	return envelope;
}

static int verify(struct ml_bytes envelope, struct ml_grant *ret)
{
	struct ml_root root = root_of(1);
	struct ml_grant grant, untouched;
	struct ml_error error = { 0 };
	int r;

	memset(&grant, 0xa5, sizeof(grant));
	untouched = grant;
	r = ml_grant_verify(&root, envelope, &grant, &error);
	drop(envelope);
	if (r) {
		assert_memory_equal(&grant, &untouched, sizeof(grant));
		assert_true(error.text[0] && error.code == r);
	} else if (ret) {
		*ret = grant;
	}
	return r;
}

/* ------------------------------------------------------------------ grants */

static void test_grant(void **state)
{
	struct ml_grant grant = grant_of(), got;
	char id[65];

	(void)state;
	assert_int_equal(verify(grant_signed(&grant, KEYS(11, 12)), &got), 0);
	ml_public_key_id(&grant.key, id);
	assert_string_equal(got.id, id);
	assert_memory_equal(&got.key, &grant.key, sizeof(got.key));
	assert_string_equal(got.network, TRUST_NETWORK);
	assert_string_equal(got.owner, "");
	assert_int_equal(got.tag_count, 2);
	assert_string_equal(got.tags[0], "tag:exit");
	assert_string_equal(got.tags[1], "tag:web");
	assert_int_equal(got.uses, 1);
	assert_int_equal(got.created, TRUST_NOW);
	assert_int_equal(got.expires, TRUST_NOW + FIXTURE_DAY);
	grant.tag_count = 0;
	strcpy(grant.owner, "alice@example.org");
	assert_int_equal(verify(grant_signed(&grant, KEYS(11, 12)), &got), 0);
	assert_string_equal(got.owner, "alice@example.org");
	grant.owner[0] = 0;
	assert_int_equal(verify(grant_signed(&grant, KEYS(11, 12)), NULL), 0);
}

static void test_grant_text(void **state)
{
	struct ml_grant grant = grant_of();
	struct ml_bytes envelope = grant_signed(&grant, KEYS(11, 12));
	char *payload = payload_of("application/vnd.merlon.grant.v1+json", envelope);
	char text[512], key[ML_PUBLIC_KEY_TEXT];

	(void)state;
	ml_public_key_format(&grant.key, key);
	snprintf(text, sizeof(text), "{\"created\":1767225600,\"expires\":1767312000,"
		 "\"key\":\"%s\",\"network\":\"example-net\",\"owner\":\"\","
		 "\"tags\":[\"tag:exit\",\"tag:web\"],\"uses\":1}", key);
	assert_string_equal(payload, text);
	free(payload);
	drop(envelope);
}

static void test_grant_signatures(void **state)
{
	struct ml_grant grant = grant_of();

	(void)state;
	assert_int_equal(verify(grant_signed(&grant, KEYS(11, 12, 99)), NULL), 0);
	assert_int_equal(verify(grant_signed(&grant, KEYS(11)), NULL), -EKEYREJECTED);
	assert_int_equal(verify(grant_signed(&grant, KEYS(11, 11)), NULL), -EKEYREJECTED);
	assert_int_equal(verify(grant_signed(&grant, KEYS(21, 22)), NULL), -EKEYREJECTED);
	assert_int_equal(verify(grant_signed(&grant, KEYS(1, 2, 3)), NULL), -EKEYREJECTED);
	assert_int_equal(verify(grant_signed(&grant, KEYS(31, 32)), NULL), -EKEYREJECTED);
	assert_int_equal(verify(grant_signed(&grant, KEYS(41)), NULL), -EKEYREJECTED);
	strcpy(grant.network, "another-net");
	assert_int_equal(verify(grant_signed(&grant, KEYS(11, 12)), NULL), -EXDEV);
}

/* Two people with a key each. */
static void test_grant_one_by_one(void **state)
{
	const struct ml_secret_key *const keys[] = { key_of(12) };
	struct ml_grant grant = grant_of();
	struct ml_bytes one, two;
	uint8_t *data = NULL;

	(void)state;
	assert_int_equal(ml_grant_sign(&grant, keys, 1, &data, &one.length, NULL), 0);
	one.data = data;
	assert_int_equal(ml_grant_add(one, key_of(11), &data, &two.length, NULL), 0);
	two.data = data;
	assert_int_equal(verify(one, NULL), -EKEYREJECTED);
	assert_int_equal(verify(two, NULL), 0);
}

static void test_grant_dates(void **state)
{
	struct ml_grant grant = grant_of();
	int64_t end = grant.expires;

	(void)state;
	assert_int_equal(ml_grant_judge(&grant, 0, end - 1, NULL), 0);
	assert_int_equal(ml_grant_judge(&grant, 0, end, NULL), -ETIME);
	assert_int_equal(ml_grant_judge(&grant, end, 0, NULL), -ETIME);
	assert_int_equal(ml_grant_judge(&grant, end - 1, 0, NULL), 0);
	assert_int_equal(ml_grant_judge(&grant, 0, 0, NULL), 0);
}

static const struct {
	const char *from, *to;
} malformed[] = {
	{ "\"uses\":1", "\"uses\":0" },
	{ "\"uses\":1", "\"uses\":26" },
	{ "\"uses\":1", "\"uses\":1.0" },
	{ "\"uses\":1", "\"uses\":-1" },
	{ "\"uses\":1", "\"uses\":1,\"uses\":2" },
	{ "\"uses\":1", "\"uses\":1,\"x\":2" },
	{ ",\"uses\":1", "" },
	{ "\"owner\":\"\"", "\"owner\":null" },
	{ "\"owner\":\"\"", "\"owner\":\"alice\"" },
	{ "\"owner\":\"\"", "\"owner\":\"alice@example.org\"" },	/* beside tags */
	{ "\"owner\":\"\",\"tags\":[\"tag:exit\",\"tag:web\"]",
	  "\"owner\":\"a b@example.org\",\"tags\":[]" },
	{ "\"tag:exit\",\"tag:web\"", "\"tag:web\",\"tag:exit\"" },
	{ "\"tag:exit\",\"tag:web\"", "\"tag:web\",\"tag:web\"" },
	{ "\"tag:exit\"", "\"exit\"" },
	{ "\"tag:exit\"", "\"tag:\"" },
	{ "\"tag:exit\"", "\"tag:a b\"" },
	{ "\"tag:exit\"", "\"tag:a*\"" },
	{ "\"tag:exit\"", "\"tag:a:b\"" },
	{ "\"tag:exit\"", "7" },
	{ "\"tag:exit\"", "\"group:exit\"" },
	{ "\"tags\":[", "\"tags\":[[]," },
	{ "\"created\":1767225600", "\"created\":1767312000" },
	{ "\"created\":1767225600", "\"created\":-1" },
	{ "\"expires\":1767312000", "\"expires\":253402300800" },
	{ "\"network\":\"example-net\"", "\"network\":\"Example\"" },
	{ "merlon-public-key:", "" },
	{ "{\"created\"", "{ \"created\"" },
};

static void test_grant_malformed(void **state)
{
	struct ml_grant grant = grant_of();
	struct ml_bytes good = grant_signed(&grant, KEYS(11, 12)), bad;
	char tag[200], from[] = "\"tag:exit\"";
	size_t i;

	(void)state;
	bad = forged(ML_GRANT_TYPE, good, "\"uses\":1", "\"uses\":25", KEYS(11, 12));
	assert_int_equal(verify(bad, NULL), 0);
	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		bad = forged(ML_GRANT_TYPE, good, malformed[i].from, malformed[i].to,
			     KEYS(11, 12));
		assert_int_equal(verify(bad, NULL), -EBADMSG);
	}
	/* The longest tag, and one that is longer. */
	snprintf(tag, sizeof(tag), "\"tag:%0128d\"", 0);
	assert_int_equal(verify(forged(ML_GRANT_TYPE, good, from, tag, KEYS(11, 12)), NULL), 0);
	snprintf(tag, sizeof(tag), "\"tag:%0129d\"", 0);
	assert_int_equal(verify(forged(ML_GRANT_TYPE, good, from, tag, KEYS(11, 12)), NULL),
			 -EBADMSG);
	drop(good);
}

static int sign(const struct ml_grant *grant)
{
	const struct ml_secret_key *const keys[] = { key_of(11) };
	struct ml_error error = { 0 };
	uint8_t *data = NULL;
	size_t length;
	int r = ml_grant_sign(grant, keys, 1, &data, &length, &error);

	assert_true(r ? !data && error.text[0] && error.code == r : data != NULL);
	free(data);
	return r;
}

static void test_grant_refuses_to_sign(void **state)
{
	struct ml_grant grant = grant_of();
	size_t i;

	(void)state;
	assert_int_equal(sign(&grant), 0);
	strcpy(grant.tags[1], "tag:web");
	assert_int_equal(sign(&grant), -EINVAL);
	strcpy(grant.tags[1], "tag:\xff");
	assert_int_equal(sign(&grant), -EINVAL);
	for (i = 0; i < ML_GRANT_TAGS; i++)
		snprintf(grant.tags[i], sizeof(grant.tags[i]), "tag:%zu", i);
	grant.tag_count = ML_GRANT_TAGS;
	assert_int_equal(sign(&grant), 0);
	grant.tag_count = ML_GRANT_TAGS + 1;
	assert_int_equal(sign(&grant), -EINVAL);
	grant = grant_of();
	grant.uses = 26;
	assert_int_equal(sign(&grant), -EINVAL);
	grant = grant_of();
	grant.expires = grant.created;
	assert_int_equal(sign(&grant), -EINVAL);
	grant = grant_of();
	memset(&grant.key, 0, sizeof(grant.key));
	assert_int_equal(sign(&grant), -EINVAL);
}

/* ------------------------------------------------------------- key strings */

static struct ml_key_string string_of(void)
{
	struct ml_key_string key = { .url = "https://control.example.org:8443" };
	size_t i;

	for (i = 0; i < 32; i++) {
		key.seed[i] = i;
		key.root_digest[i] = 0x40 + i;
		key.server_digest[i] = 0x80 + i;
	}
	return key;
}

static int parse(const char *text, size_t length)
{
	struct ml_key_string *key = NULL;
	struct ml_error error = { 0 };
	int r = ml_key_string_parse(text, length, &key, &error);

	assert_true(r ? !key && error.text[0] && error.code == r : key != NULL);
	/* A key is never quoted, not even a damaged one. */
	assert_true(!r || length < 30 || !strstr(error.text, "AAECAw"));
	ml_key_string_free(key);
	return r;
}

/* The bytes by docs/formats.md; the check by sha256sum. */
static void test_key_string(void **state)
{
	static const char want[] = "merlon-key-1:"
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9AQUJDREVGR0hJSktMTU5PUFFS"
		"U1RVVldYWVpbXF1eX4CBgoOEhYaHiImKi4yNjo-QkZKTlJWWl5iZmpucnZ6faHR0cHM6"
		"Ly9jb250cm9sLmV4YW1wbGUub3JnOjg0NDOQ51zcADWH0Q";
	struct ml_key_string key = string_of(), *got = NULL;
	char *text = NULL, padded[600];

	(void)state;
	assert_int_equal(ml_key_string_format(&key, &text, NULL), 0);
	assert_string_equal(text, want);
	assert_int_equal(ml_key_string_parse(text, strlen(text), &got, NULL), 0);
	assert_memory_equal(got, &key, offsetof(struct ml_key_string, url));
	assert_string_equal(got->url, key.url);
	ml_key_string_free(got);
	snprintf(padded, sizeof(padded), " \t%s\r\n", text);
	assert_int_equal(parse(padded, strlen(padded)), 0);
	ml_locked_free(text);
}

static void test_key_string_longest(void **state)
{
	struct ml_key_string key = string_of();
	char *text = NULL;

	(void)state;
	snprintf(key.url, sizeof(key.url), "https://example.org/%0235d", 0);
	assert_int_equal(strlen(key.url), ML_URL_MAX);
	assert_int_equal(ml_key_string_format(&key, &text, NULL), 0);
	assert_true(strlen(text) < ML_KEY_STRING_TEXT);
	assert_int_equal(parse(text, strlen(text)), 0);
	ml_locked_free(text);
}

/* Cut at either end, a character lost, doubled, changed, swapped; broken into lines. */
static void test_key_string_torn(void **state)
{
	struct ml_key_string key = string_of();
	char *text = NULL, torn[600];
	size_t length, i;

	(void)state;
	assert_int_equal(ml_key_string_format(&key, &text, NULL), 0);
	length = strlen(text);
	assert_int_equal(parse(text, length), 0);
	for (i = 0; i < length; i++) {
		assert_int_equal(parse(text, i), -EINVAL);
		if (i)
			assert_int_equal(parse(text + i, length - i), -EINVAL);
		memcpy(torn, text, i);
		memcpy(torn + i, text + i + 1, length - i);
		assert_int_equal(parse(torn, length - 1), -EINVAL);
		memcpy(torn + i + 1, text + i, length - i);
		torn[i] = text[i];
		assert_int_equal(parse(torn, length + 1), -EINVAL);
		torn[i] = '\n';
		assert_int_equal(parse(torn, length + 1), i ? -EINVAL : 0);
		memcpy(torn, text, length);
		torn[i] = text[i] == 'x' ? 'y' : 'x';
		assert_int_equal(parse(torn, length), -EINVAL);
		memcpy(torn, text, length);
		if (i + 1 < length && text[i] != text[i + 1]) {
			torn[i] = text[i + 1];
			torn[i + 1] = text[i];
			assert_int_equal(parse(torn, length), -EINVAL);
		}
	}
	ml_locked_free(text);
}

static void test_key_string_other(void **state)
{
	static const char *const texts[] = {
		"", " ", "merlon-key-1:", "merlon-key-2:AAAA", "MERLON-KEY-1:AAAA",
		"merlon-public-key:AAAA", "merlon-key-1:====", "merlon-key-1:AAAA",
	};
	char *huge = malloc(1 << 20);
	size_t i;

	(void)state;
	assert_non_null(huge);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(parse(texts[i], strlen(texts[i])), -EINVAL);
	memset(huge, 'A', 1 << 20);
	memcpy(huge, "merlon-key-1:", 13);
	assert_int_equal(parse(huge, 1 << 20), -EINVAL);
	free(huge);
}

static void test_urls(void **state)
{
	static const char *const good[] = {
		"https://control.example.org", "https://control.example.org/",
		"https://control.example.org:8443", "https://192.0.2.1:1/api/v1",
		"https://[2001:db8::1]", "https://[2001:db8::1]:65535/x", "https://n",
		"https://Xn--Example.ORG",
	};
	static const char *const bad[] = {
		"", "http://control.example.org", "HTTPS://control.example.org", "https://",
		"https:///x", "https://:443", "https://a:", "https://a:0", "https://a:65536",
		"https://a:0443", "https://a:+443", "https://a:443x", "https://a@b",
		"https://a?b", "https://a/?b", "https://a#b", "https://a/#b", "https://a b",
		"https://a/b c", "https://a/%2e", "https://a/../b", "https://a/.", "https://a//b",
		"https://a\n", "https://a\x80", "https://[::1", "https://[]", "https://[::1]x",
		"https://[::1]:", "https://[fe80::1%eth0]", "https://[1.2.3.4]", "https://.a",
		"https://-a", "https://a\\b", "https://a:1:2", "https://[g::1]",
	};
	struct ml_key_string key = string_of();
	char *text = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(ml_url_valid(good[i]));
		snprintf(key.url, sizeof(key.url), "%s", good[i]);
		assert_int_equal(ml_key_string_format(&key, &text, NULL), 0);
		assert_int_equal(parse(text, strlen(text)), 0);
		ml_locked_free(text);
	}
	text = NULL;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(ml_url_valid(bad[i]));
		snprintf(key.url, sizeof(key.url), "%s", bad[i]);
		assert_int_equal(ml_key_string_format(&key, &text, NULL), -EINVAL);
		assert_null(text);
	}
}

/* Of this URL, in 20 bytes, with a check that is right. */
static int parse_url(const char url[static 20])
{
	uint8_t input[13 + 96 + 20 + 8] = "merlon-key-1:", digest[32];
	char text[300] = "merlon-key-1:";

	memcpy(input + 13 + 96, url, 20);
	crypto_hash_sha256(digest, input, sizeof(input) - 8);
	memcpy(input + sizeof(input) - 8, digest, 8);
	sodium_bin2base64(text + 13, sizeof(text) - 13, input + 13, sizeof(input) - 13,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return parse(text, strlen(text));
}

/* What its maker got wrong is refused by its reader, whatever the check says. */
static void test_key_string_bad_url(void **state)
{
	(void)state;
	assert_int_equal(parse_url("https://example.orgx"), 0);
	assert_int_equal(parse_url("https://example.org\0"), -EINVAL);
	assert_int_equal(parse_url("https://example\0orgx"), -EINVAL);
	assert_int_equal(parse_url("http:///example.orgx"), -EINVAL);
	assert_int_equal(parse_url("https://example.org\n"), -EINVAL);
}

/* The sentence says what to do about it. */
static void test_key_string_sentences(void **state)
{
	struct ml_key_string key = string_of(), *none = NULL;
	struct ml_error error;
	char *text = NULL;

	(void)state;
	assert_int_equal(ml_key_string_format(&key, &text, NULL), 0);
	text[80] = '\n';
	assert_int_equal(ml_key_string_parse(text, strlen(text), &none, &error), -EINVAL);
	assert_non_null(strstr(error.text, "as one line"));
	assert_int_equal(ml_key_string_parse(text, 60, &none, &error), -EINVAL);
	assert_non_null(strstr(error.text, "copy it again"));
	assert_int_equal(ml_key_string_parse(text + 1, 60, &none, &error), -EINVAL);
	assert_non_null(strstr(error.text, "must start with"));
	assert_null(none);
	ml_locked_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_grant_text),
		cmocka_unit_test(test_grant_signatures),
		cmocka_unit_test(test_grant_one_by_one),
		cmocka_unit_test(test_grant_dates),
		cmocka_unit_test(test_grant_malformed),
		cmocka_unit_test(test_grant_refuses_to_sign),
		cmocka_unit_test(test_key_string),
		cmocka_unit_test(test_key_string_longest),
		cmocka_unit_test(test_key_string_torn),
		cmocka_unit_test(test_key_string_other),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_key_string_bad_url),
		cmocka_unit_test(test_key_string_sentences),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, trust_setup, trust_teardown);
}
