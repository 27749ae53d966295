// SPDX-License-Identifier: MIT
/*
 * Signed notes against a note that others made and publish with its keys (the
 * documentation of Go's sumdb/note), then what must be refused; checkpoints; and
 * whether a cosigner may sign.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "checkpoint.h"
#include "lines.h"
#include "note.h"

#define PETER_KEY	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
/* The secret half, as that documentation has it: a byte of type, and the seed. */
#define PETER_SEED	"AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
#define PETER_TEXT	"If you think cryptography is the answer to your problem,\n" \
			"then you don't know what your problem is.\n"
#define PETER_LINE	"\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInN" \
			"IuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

static struct ml_error error;

static struct ml_bytes bytes(const char *text)
{
	return (struct ml_bytes){ (const uint8_t *)text, strlen(text) };
}

static struct ml_secret_key *secret(uint8_t number)
{
	const uint8_t seed[32] = { number };
	struct ml_secret_key *key;

	assert_int_equal(ml_secret_key_from_seed(seed, &key, NULL), 0);
	return key;
}

static struct ml_note_key key_of(const char *name, enum ml_note_type type,
				 const struct ml_secret_key *from)
{
	struct ml_public_key public;
	struct ml_note_key key;

	ml_secret_key_public(from, &public);
	assert_int_equal(ml_note_key_init(name, type, &public, &key, NULL), 0);
	return key;
}

/* The log and its cosigner, of all tests below. */
static struct ml_secret_key *log_secret, *signer_secret;
static struct ml_note_key log_key, signer_key;

static int setup(void **state)
{
	(void)state;
	if (ml_keys_setup(NULL))
		return -1;
	log_secret = secret(1);
	signer_secret = secret(2);
	log_key = key_of("merlon.example.net/audit", ML_NOTE_ED25519, log_secret);
	signer_key = key_of("merlon.example.net/signer", ML_NOTE_COSIGNATURE, signer_secret);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ml_secret_key_free(log_secret);
	ml_secret_key_free(signer_secret);
	return 0;
}

static int try_verify(const char *text, const struct ml_note_key *key)
{
	struct ml_note note;
	int r;

	memset(&error, 0, sizeof(error));
	r = ml_note_parse(bytes(text), &note, &error);
	if (!r)
		r = ml_note_verify(&note, key, NULL, &error);
	assert_int_equal(error.code, r);
	return r;
}

/* ----------------------------------------------------------------- vectors */

static void test_published(void **state)
{
	struct ml_note_key key;
	char text[ML_NOTE_KEY_TEXT];

	(void)state;
	assert_int_equal(ml_note_key_parse(PETER_KEY, &key, NULL), 0);
	assert_string_equal(key.name, "PeterNeumann");
	assert_int_equal(key.id, 0xc74f20a3);
	assert_int_equal(key.type, ML_NOTE_ED25519);
	ml_note_key_format(&key, text);
	assert_string_equal(text, PETER_KEY);
	assert_int_equal(try_verify(PETER_TEXT "\n" PETER_LINE, &key), 0);
	assert_int_equal(try_verify(PETER_TEXT "\n" PETER_LINE, &log_key), -EKEYREJECTED);
}

static void test_published_signing(void **state)
{
	struct ml_secret_key *peter;
	struct ml_note_key key;
	uint8_t seed[33];
	size_t length;
	char *line;

	(void)state;
	assert_int_equal(sodium_base642bin(seed, sizeof(seed), PETER_SEED, strlen(PETER_SEED), NULL,
					   &length, NULL, sodium_base64_VARIANT_ORIGINAL), 0);
	assert_int_equal(length, 33);
	assert_int_equal(ml_secret_key_from_seed(seed + 1, &peter, NULL), 0);
	assert_int_equal(ml_note_key_parse(PETER_KEY, &key, NULL), 0);
	assert_int_equal(ml_note_sign(&key, peter, bytes(PETER_TEXT), 0, &line, NULL), 0);
	assert_string_equal(line, PETER_LINE);
	free(line);
	assert_int_equal(ml_note_sign(&key, log_secret, bytes(PETER_TEXT), 0, &line, NULL), -EINVAL);
	assert_int_equal(ml_note_sign(&key, peter, bytes("no newline"), 0, &line, NULL), -EINVAL);
	ml_secret_key_free(peter);
}

/* A cosignature by its definition: the message is put together here by hand. */
static void test_cosignature(void **state)
{
	static const char message[] = "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n"
				      "20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
	const char *text = strstr(message, "example");
	struct ml_note note;
	char whole[1024], *line;
	int64_t time;

	(void)state;
	assert_int_equal(ml_note_sign(&signer_key, signer_secret, bytes(text), 1679315147, &line,
				      NULL), 0);
	snprintf(whole, sizeof(whole), "%s\n%s", text, line);
	assert_int_equal(ml_note_parse(bytes(whole), &note, NULL), 0);
	assert_int_equal(note.count, 1);
	assert_int_equal(note.signatures[0].length, 72);
	assert_memory_equal(note.signatures[0].bytes, "\0\0\0\0\x64\x18\x50\xcb", 8);
	assert_true(ml_public_key_verify(&signer_key.public, message, strlen(message),
					 note.signatures[0].bytes + 8));
	assert_int_equal(ml_note_verify(&note, &signer_key, &time, NULL), 0);
	assert_int_equal(time, 1679315147);
	free(line);
	assert_int_equal(ml_note_sign(&signer_key, signer_secret, bytes(text), -1, &line, NULL),
			 -EINVAL);
}

/* The same key under another type or name is another key. */
static void test_key_ids(void **state)
{
	struct ml_note_key other = key_of(log_key.name, ML_NOTE_COSIGNATURE, log_secret);
	struct ml_note_key renamed = key_of("merlon.example.org/audit", ML_NOTE_ED25519, log_secret);

	(void)state;
	assert_int_not_equal(other.id, log_key.id);
	assert_int_not_equal(renamed.id, log_key.id);
}

static void test_key_texts(void **state)
{
	static const char *const bad[] = {
		"", "+", "++", "a", "a+b", PETER_KEY "A", "PeterNeumann",
		"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumanN+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TX",
		"PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=",
		"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	};
	struct ml_note_key key;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ml_note_key_parse(bad[i], &key, &error) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

/* ---------------------------------------------------------------- refusing */

/* Each of them in the place of a good note. */
static const char *const malformed[] = {
	"",
	"\n",
	"\n\n",
	PETER_TEXT,
	PETER_TEXT "\n",
	PETER_TEXT "\n\n",
	PETER_TEXT PETER_LINE,
	PETER_TEXT "\n" "\xe2\x80\x94 PeterNeumann x08go/ZJ",
	PETER_TEXT "\n" "\xe2\x80\x94 PeterNeumann\n",
	PETER_TEXT "\n" "\xe2\x80\x94 PeterNeumann \n",
	PETER_TEXT "\n" "\xe2\x80\x94 PeterNeumann x08go\n",		/* no base64 */
	PETER_TEXT "\n" "\xe2\x80\x94 PeterNeumann x08gow==\n",		/* an id and nothing */
	PETER_TEXT "\n" "\xe2\x80\x94  x08go/ZJ\n",
	PETER_TEXT "\n" "\xe2\x80\x94 Peter Neumann x08go/ZJ\n",
	PETER_TEXT "\n" "\xe2\x80\x94 Peter\xc2\xa0Neumann x08go/ZJ\n",	/* a space, too */
	PETER_TEXT "\n" "\xe2\x80\x94 Peter+Neumann x08go/ZJ\n",
	PETER_TEXT "\n" "- PeterNeumann x08go/ZJ\n",
	/* What libsodium's decoder takes for two '/'. */
	PETER_TEXT "\n" "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG\xc3\xa1SffcvIAQxVBtiFup\n",
	PETER_TEXT "\n" PETER_LINE "x\n",
	PETER_TEXT "\n" PETER_LINE "\n",
	"a\tb\n\n" PETER_LINE,
	"a\x1b[31m\n\n" PETER_LINE,
	"a\r\n\n" PETER_LINE,
	"\xff\n\n" PETER_LINE,
	"\xc0\x80\n\n" PETER_LINE,
	"\xed\xa0\x80\n\n" PETER_LINE,
};

static void test_malformed(void **state)
{
	struct ml_note_key key;
	size_t i;
	int r;

	(void)state;
	assert_int_equal(ml_note_key_parse(PETER_KEY, &key, NULL), 0);
	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		r = try_verify(malformed[i], &key);
		if (r != -EBADMSG)
			fail_msg("note %zu: %d", i, r);
	}
}

/* Strangers sign, too, as they like: those lines are passed over. */
static void test_strangers(void **state)
{
	static const char stranger[] = "\xe2\x80\x94 w\xc3\xa9 AAAAAAE=\n";
	char text[2048] = PETER_TEXT "\n";
	struct ml_note_key key;
	int i;

	(void)state;
	assert_int_equal(ml_note_key_parse(PETER_KEY, &key, NULL), 0);
	for (i = 0; i < 15; i++)
		strcat(text, stranger);
	strcat(text, PETER_LINE);
	assert_int_equal(try_verify(text, &key), 0);
	strcat(text, stranger);
	assert_int_equal(try_verify(text, &key), -E2BIG);
	assert_int_equal(try_verify(PETER_TEXT "\n" PETER_LINE PETER_LINE, &key), -EBADMSG);
}

static void test_too_long(void **state)
{
	size_t length = ML_NOTE_MAX + 1;
	char *text = malloc(length);
	struct ml_note note;

	(void)state;
	memset(text, 'a', length);
	assert_int_equal(ml_note_parse((struct ml_bytes){ (uint8_t *)text, length }, &note, &error),
			 -E2BIG);
	free(text);
}

/* -------------------------------------------------------------- checkpoints */

static char *checkpoint_note(uint64_t size, const struct ml_merkle_hash *root)
{
	struct ml_checkpoint checkpoint = { .size = size, .root = *root };
	char *note;

	strcpy(checkpoint.origin, log_key.name);
	assert_int_equal(ml_checkpoint_sign(&checkpoint, &log_key, log_secret, &note, NULL), 0);
	return note;
}

static void test_checkpoint_bits(void **state)
{
	const struct ml_merkle_hash root = { { 1, 2, 3 } };
	char *note = checkpoint_note(20852163, &root);
	struct ml_checkpoint checkpoint;
	size_t bit;

	(void)state;
	assert_int_equal(ml_checkpoint_open(bytes(note), &log_key, &checkpoint, NULL, NULL), 0);
	assert_int_equal(checkpoint.size, 20852163);
	assert_memory_equal(&checkpoint.root, &root, sizeof(root));
	for (bit = 0; bit < 8 * strlen(note); bit++) {
		struct ml_bytes altered = bytes(note);

		note[bit / 8] ^= (char)(1 << bit % 8);
		if (!ml_checkpoint_open(altered, &log_key, &checkpoint, NULL, NULL))
			fail_msg("bit %zu", bit);
		note[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(ml_checkpoint_open(bytes(note), &signer_key, &checkpoint, NULL, &error),
			 -EINVAL);
	free(note);
}

#define ROOT "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void test_checkpoint_texts(void **state)
{
	static const char *const bad[] = {
		"", "a\n1\n", "a\n1\n" ROOT, "\n1\n" ROOT "\n", "a\n01\n" ROOT "\n",
		"a\n-1\n" ROOT "\n", "a\n+1\n" ROOT "\n", "a\n\n" ROOT "\n", "a\n1 \n" ROOT "\n",
		"a\n4611686018427387905\n" ROOT "\n", "a\n99999999999999999999\n" ROOT "\n",
		"a\n1\n" ROOT "\nextension\n", "a\n1\nAQID\n", "a\n1\n" ROOT "A\n",
	};
	struct ml_checkpoint checkpoint;
	char text[ML_CHECKPOINT_TEXT];
	size_t i;

	(void)state;
	assert_int_equal(ml_checkpoint_parse(bytes("a\n4611686018427387904\n" ROOT "\n"),
					     &checkpoint, NULL), 0);
	assert_true(checkpoint.size == ML_MERKLE_SIZE);
	ml_checkpoint_format(&checkpoint, text);
	assert_string_equal(text, "a\n4611686018427387904\n" ROOT "\n");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ml_checkpoint_parse(bytes(bad[i]), &checkpoint, &error) != -EBADMSG)
			fail_msg("text %zu was taken", i);
}

/* ---------------------------------------------------------------- cosigning */

/* A log of up to 8 leaves, which may be altered. */
static struct ml_merkle_hash tree[8];

static int tree_node(void *arg, unsigned int level, uint64_t index, struct ml_merkle_hash *ret,
		     struct ml_error *unused)
{
	struct ml_merkle merkle = { 0 };
	uint64_t i;

	(void)arg;
	(void)unused;
	for (i = index << level; i < (index + 1) << level; i++)
		ml_merkle_add(&merkle, &tree[i]);
	ml_merkle_root(&merkle, ret);
	return 0;
}

static const struct ml_merkle_source source = { tree_node, NULL };

static void plant(void)
{
	uint8_t i;

	for (i = 0; i < 8; i++)
		ml_merkle_leaf(&i, 1, &tree[i]);
}

static char *request(uint64_t old, uint64_t size)
{
	struct ml_merkle_hash proof[ML_MERKLE_DEPTH], root;
	char *note, *text;
	size_t length;

	assert_int_equal(ml_merkle_source_root(&source, size, &root, NULL), 0);
	assert_int_equal(ml_merkle_source_extend(&source, old, size, proof, &length, NULL), 0);
	note = checkpoint_note(size, &root);
	assert_int_equal(ml_cosign_request(old, proof, length, note, &text, NULL), 0);
	free(note);
	return text;
}

static int judge(const struct ml_cosigned *seen, const char *text, struct ml_cosigned *ret)
{
	struct ml_checkpoint checkpoint;
	struct ml_bytes signed_text;
	int r;

	memset(&error, 0, sizeof(error));
	r = ml_cosign_judge(seen, &log_key, bytes(text), &checkpoint, &signed_text, &error);
	assert_int_equal(error.code, r);
	if (!r && ret)
		*ret = (struct ml_cosigned){ checkpoint.size, checkpoint.root, 0 };
	return r;
}

static int judge_free(const struct ml_cosigned *seen, char *text, struct ml_cosigned *ret)
{
	int r = judge(seen, text, ret);

	free(text);
	return r;
}

static void test_cosigner(void **state)
{
	struct ml_cosigned nothing = { 0 }, three, seven, other;

	(void)state;
	plant();
	assert_int_equal(judge_free(&nothing, request(0, 3), &three), 0);
	assert_int_equal(three.size, 3);
	assert_int_equal(judge_free(&three, request(3, 7), &seven), 0);
	assert_int_equal(judge_free(&seven, request(7, 7), NULL), 0);
	assert_int_equal(judge_free(&nothing, request(0, 0), NULL), 0);
	/* From elsewhere than it saw last. */
	assert_int_equal(judge_free(&three, request(2, 7), NULL), -ESTALE);
	assert_int_equal(judge_free(&three, request(0, 7), NULL), -ESTALE);
	/* Rolled back. */
	assert_int_equal(judge_free(&seven, request(3, 3), NULL), -ESTALE);
	assert_non_null(strstr(error.text, "rolled back"));
	/* Forked: any old leaf is another, though the proof is the forked log's own. */
	tree[1].bytes[5] ^= 1;
	assert_int_equal(judge_free(&three, request(3, 7), &other), -EBADMSG);
	assert_int_equal(judge_free(&seven, request(7, 7), &other), -EBADMSG);
	/* The positive control: who saw nothing cannot know. */
	assert_int_equal(judge_free(&nothing, request(0, 7), &other), 0);
}

static void test_cosigner_bits(void **state)
{
	struct ml_cosigned nothing = { 0 }, three, again;
	char *text;
	size_t bit, length;

	(void)state;
	plant();
	assert_int_equal(judge_free(&nothing, request(0, 3), &three), 0);
	text = request(3, 7);
	length = strlen(text);
	for (bit = 0; bit < 8 * length; bit++) {
		struct ml_checkpoint checkpoint;
		struct ml_bytes altered = { (uint8_t *)text, length }, rest;

		text[bit / 8] ^= (char)(1 << bit % 8);
		if (!ml_cosign_judge(&three, &log_key, altered, &checkpoint, &rest, NULL))
			fail_msg("bit %zu", bit);
		text[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(judge(&three, text, &again), 0);
	free(text);
}

static void test_cosigner_texts(void **state)
{
	static const char *const bad[] = {
		"", "old", "old \n", "old 0", "old 00\n\n", "new 0\n\n", "old 0\nAQID\n\n",
		"old 0\n" ROOT "\n", "old 0\n\n", "old -1\n\n",
	};
	const struct ml_cosigned nothing = { 0 };
	char many[64 * 46 + 16] = "old 0\n";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (judge(&nothing, bad[i], NULL) != -EBADMSG)
			fail_msg("text %zu was taken", i);
	for (i = 0; i < 64; i++)
		strcat(many, ROOT "\n");
	assert_int_equal(judge(&nothing, many, NULL), -EBADMSG);
	assert_non_null(strstr(error.text, "63"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_published_signing),
		cmocka_unit_test(test_cosignature),
		cmocka_unit_test(test_key_ids),
		cmocka_unit_test(test_key_texts),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_checkpoint_bits),
		cmocka_unit_test(test_checkpoint_texts),
		cmocka_unit_test(test_cosigner),
		cmocka_unit_test(test_cosigner_bits),
		cmocka_unit_test(test_cosigner_texts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
