// SPDX-License-Identifier: MIT
/* Keys, the files they live in, and passphrases. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "keys.h"
#include "passphrase.h"

static char directory[] = "/tmp/merlon-test-keys.XXXXXX";
static char path[64];
static struct ml_secret_key *key;

static int setup(void **state)
{
	static const uint8_t seed[32] = { 1, 2, 3 };

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/key", directory);
	return ml_keys_setup(NULL) || ml_secret_key_from_seed(seed, &key, NULL);
}

static int teardown(void **state)
{
	(void)state;
	ml_secret_key_free(key);
	unlink(path);
	return rmdir(directory);
}

/* ------------------------------------------------------------ signatures */

static const struct {
	const char *seed, *public, *message, *signature;
} rfc8032[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
	  "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
	  "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
	  "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
	{ "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
	  "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
	  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	  "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ec"
	  "fdfbc7c66431e0303dca179c138ac17ad9bef1177331a704" },
};

static size_t unhex(const char *hex, uint8_t *ret, size_t size)
{
	size_t length;

	assert_int_equal(sodium_hex2bin(ret, size, hex, strlen(hex), NULL, &length, NULL), 0);
	return length;
}

static void test_rfc8032(void **state)
{
	uint8_t seed[32], public[32], message[64], want[64], signature[64];
	struct ml_secret_key *secret;
	struct ml_public_key got;
	size_t i, length, bit;

	(void)state;
	for (i = 0; i < sizeof(rfc8032) / sizeof(rfc8032[0]); i++) {
		unhex(rfc8032[i].seed, seed, 32);
		unhex(rfc8032[i].public, public, 32);
		unhex(rfc8032[i].signature, want, 64);
		length = unhex(rfc8032[i].message, message, 64);
		assert_int_equal(ml_secret_key_from_seed(seed, &secret, NULL), 0);
		ml_secret_key_public(secret, &got);
		assert_memory_equal(got.key, public, 32);
		assert_int_equal(ml_secret_key_sign(secret, message, length, signature), 0);
		assert_memory_equal(signature, want, 64);
		assert_true(ml_public_key_verify(&got, message, length, signature));
		for (bit = 0; bit < 512; bit++) {
			signature[bit / 8] ^= 1 << bit % 8;
			assert_false(ml_public_key_verify(&got, message, length, signature));
			signature[bit / 8] ^= 1 << bit % 8;
		}
		ml_secret_key_free(secret);
	}
}

/* S + L satisfies the equation too; a second valid text of one signature. */
static void test_signature_has_one_form(void **state)
{
	static const uint8_t order[32] = {
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2,
		0xde, 0xf9, 0xde, 0x14, [31] = 0x10,
	};
	struct ml_public_key public, none = { { 1 } };
	uint8_t signature[64];

	(void)state;
	ml_secret_key_public(key, &public);
	assert_int_equal(ml_secret_key_sign(key, "x", 1, signature), 0);
	sodium_add(signature + 32, order, 32);
	assert_false(ml_public_key_verify(&public, "x", 1, signature));
	/* The neutral element as a key would verify anything. */
	memset(signature, 0, sizeof(signature));
	signature[0] = 1;
	assert_false(ml_public_key_verify(&none, "x", 1, signature));
}

static void test_public_text(void **state)
{
	static const char *const bad[] = {
		"", "merlon-public-key:", "merlon-public-key:AAAA",
		"Merlon-public-key:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
		"merlon-public-key:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo",
		"merlon-public-key:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp=",
		"merlon-public-key:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n",
		"merlon-public-key: 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
		"merlon-public-key:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
		/* of small order: 0, and all ones */
		"merlon-public-key:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"merlon-public-key://///////////////////////////////////////////8=",
	};
	static const char good[] =
		"merlon-public-key:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
	char text[ML_PUBLIC_KEY_TEXT], id[65];
	struct ml_public_key public, untouched;
	size_t i;

	(void)state;
	assert_int_equal(ml_public_key_parse(good, &public, NULL), 0);
	ml_public_key_format(&public, text);
	assert_string_equal(text, good);
	ml_public_key_id(&public, id);
	assert_string_equal(id, "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9");
	untouched = public;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ml_public_key_parse(bad[i], &public, NULL), -EINVAL);
	assert_memory_equal(&public, &untouched, sizeof(public));
}

/* ----------------------------------------------------------------- files */

static void put(const char *text, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	close(fd);
}

static size_t get(char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t length = read(fd, text, size - 1);

	assert_true(length >= 0);
	text[length] = 0;
	close(fd);
	return length;
}

static int read_key(const char *passphrase)
{
	struct ml_secret_key *got = NULL;
	struct ml_public_key a, b;
	struct ml_error error = { 0 };
	int r = ml_secret_key_read(path, passphrase, &got, &error);

	if (r) {
		assert_null(got);
		assert_int_equal(error.code, r);
		assert_true(strlen(error.text) > 10);
		return r;
	}
	ml_secret_key_public(key, &a);
	ml_secret_key_public(got, &b);
	ml_secret_key_free(got);
	return memcmp(&a, &b, sizeof(a)) ? 1 : 0;
}

static void test_generate(void **state)
{
	struct ml_secret_key *a, *b;
	struct ml_public_key x, y;

	(void)state;
	assert_int_equal(ml_secret_key_generate(&a, NULL), 0);
	assert_int_equal(ml_secret_key_generate(&b, NULL), 0);
	ml_secret_key_public(a, &x);
	ml_secret_key_public(b, &y);
	assert_memory_not_equal(&x, &y, sizeof(x));
	ml_secret_key_free(a);
	ml_secret_key_free(b);
}

static void test_file(void **state)
{
	struct ml_public_key public, want;
	struct stat st;
	mode_t mask = umask(0);

	(void)state;
	assert_int_equal(read_key(NULL), -ENOENT);
	assert_int_equal(ml_secret_key_write(path, key, NULL, NULL), 0);
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(read_key(NULL), 0);
	assert_int_equal(read_key("not needed"), 0);
	assert_int_equal(ml_secret_key_read_public(path, &public, NULL), 0);
	ml_secret_key_public(key, &want);
	assert_memory_equal(&public, &want, sizeof(want));
	assert_int_equal(ml_secret_key_write(path, key, NULL, NULL), -EEXIST);
	assert_int_equal(read_key(NULL), 0);
	unlink(path);
	assert_int_equal(ml_secret_key_write("/nonexistent/key", key, NULL, NULL), -ENOENT);
}

static void test_file_guard(void **state)
{
	static const mode_t loose[] = { 0640, 0604, 0660, 0602, 0610, 0601, 0644, 0777 };
	size_t i;

	(void)state;
	assert_int_equal(ml_secret_key_write(path, key, NULL, NULL), 0);
	for (i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
		chmod(path, loose[i]);
		assert_int_equal(read_key(NULL), -EACCES);
	}
	chmod(path, 0400);
	assert_int_equal(read_key(NULL), 0);
	if (!geteuid()) {
		assert_int_equal(chown(path, 65534, 0), 0);
		assert_int_equal(read_key(NULL), -EACCES);
	}
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_key(NULL), -EINVAL);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(read_key(NULL), -EINVAL);
	rmdir(path);
}

/* Every bit flipped, every truncation, and bytes behind: refused. */
static void check_damage(const char *text, const char *passphrase)
{
	char copy[1024];
	size_t length = strlen(text), i;

	strcpy(copy, text);
	for (i = 0; i < length * 8; i++) {
		copy[i / 8] ^= 1 << i % 8;
		put(copy, length);
		if (read_key(passphrase) >= 0)
			fail_msg("read with bit %zu of byte %zu flipped", i % 8, i / 8);
		copy[i / 8] ^= 1 << i % 8;
	}
	for (i = 0; i < length; i++) {
		put(text, i);
		assert_int_equal(read_key(passphrase), -EBADMSG);
	}
	for (i = 1; i < 400; i += 13) {
		memset(copy + length, '\n', i);
		put(copy, length + i);
		assert_int_equal(read_key(passphrase), -EBADMSG);
	}
	put(text, length);
	assert_int_equal(read_key(passphrase), 0);
	unlink(path);
}

static void test_file_damaged(void **state)
{
	char text[512];

	(void)state;
	assert_int_equal(ml_secret_key_write(path, key, NULL, NULL), 0);
	get(text, sizeof(text));
	assert_int_equal(strncmp(text, "merlon-secret-key 1\nmerlon-public-key:", 38), 0);
	check_damage(text, NULL);
}

static void test_sealed(void **state)
{
	struct ml_public_key public, want;
	char text[512], seed[45];

	(void)state;
	assert_int_equal(ml_secret_key_write(path, key, "", NULL), -EINVAL);
	assert_int_equal(ml_secret_key_write(path, key, "correct horse", NULL), 0);
	assert_int_equal(read_key(NULL), -ENOKEY);
	assert_int_equal(read_key("correct hors"), -EKEYREJECTED);
	assert_int_equal(read_key("correct horse"), 0);
	assert_int_equal(ml_secret_key_read_public(path, &public, NULL), 0);
	ml_secret_key_public(key, &want);
	assert_memory_equal(&public, &want, sizeof(want));
	/* The seed is nowhere in it. */
	get(text, sizeof(text));
	sodium_bin2base64(seed, sizeof(seed), (const uint8_t[32]){ 1, 2, 3 }, 32,
			  sodium_base64_VARIANT_ORIGINAL);
	assert_null(strstr(text, seed));
	assert_non_null(strstr(text, "\nargon2id 3 268435456 "));
	unlink(path);
}

/* A sealed file by docs/formats.md alone, with limits that let a test be quick. */
static void make_sealed(char ret[static 512], const char *limits, uint64_t ops, size_t memory)
{
	static const uint8_t seed[32] = { 1, 2, 3 }, salt[16] = { 4 }, nonce[24] = { 5 };
	char public[ML_PUBLIC_KEY_TEXT], base64[3][80];
	struct ml_public_key pair;
	uint8_t wrap[32], box[48];
	int head;

	ml_secret_key_public(key, &pair);
	ml_public_key_format(&pair, public);
	sodium_bin2base64(base64[0], 80, salt, 16, sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(base64[1], 80, nonce, 24, sodium_base64_VARIANT_ORIGINAL);
	head = snprintf(ret, 512, "merlon-secret-key 1\n%s\nargon2id %s %s\n", public, limits,
			base64[0]);
	assert_int_equal(crypto_pwhash(wrap, 32, "pass", 4, salt, ops, memory,
				       crypto_pwhash_ALG_ARGON2ID13), 0);
	crypto_aead_xchacha20poly1305_ietf_encrypt(box, NULL, seed, 32, (uint8_t *)ret, head,
						   NULL, nonce, wrap);
	sodium_bin2base64(base64[2], 80, box, 48, sodium_base64_VARIANT_ORIGINAL);
	snprintf(ret + head, 512 - head, "xchacha20poly1305 %s %s\n", base64[1], base64[2]);
}

static void test_sealed_damaged(void **state)
{
	char text[512];

	(void)state;
	make_sealed(text, "1 65536", 1, 65536);
	check_damage(text, "pass");
}

/* What a file asks for is bounded before any of it is allocated. */
static void test_sealed_limits(void **state)
{
	static const char *const bad[] = {
		"0 65536", "17 65536", "1 65535", "1 0", "1 1073741825", "01 65536",
		"1 065536", "+1 65536", "-1 65536", "1 65536k", "1 18446744073709551615",
		"1 18446744073709617152", "18446744073709551617 65536", "4294967297 65536",
		"1  65536", "1\t65536",
	};
	char text[512];
	size_t i;

	(void)state;
	make_sealed(text, "1 65536", 1, 65536);
	put(text, strlen(text));
	assert_int_equal(read_key("pass"), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_sealed(text, bad[i], 1, 65536);
		put(text, strlen(text));
		assert_int_equal(read_key("pass"), -EBADMSG);
	}
	unlink(path);
}

/* ----------------------------------------------------------- passphrases */

static void given_is(int fd, int want, const char *text)
{
	char *got = NULL;
	struct ml_error error = { 0 };

	assert_int_equal(ml_passphrase_given(fd, "name", &got, &error), want);
	if (want) {
		assert_null(got);
		assert_true(want == -ENOENT || error.text[0]);
	} else {
		assert_string_equal(got, text);
	}
	ml_passphrase_free(got);
}

/* A variable is read once, and what it was is not there any more. */
static void test_passphrase_environment(void **state)
{
	static char variable[] = ML_PASSPHRASE_VARIABLE "=of the environment";
	char *value = variable + sizeof(ML_PASSPHRASE_VARIABLE);
	size_t length = strlen(value), i;

	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	given_is(-1, -ENOENT, NULL);
	assert_int_equal(putenv(variable), 0);
	given_is(-1, 0, "of the environment");
	for (i = 0; i < length; i++)
		assert_int_equal(value[i], 0);
	given_is(-1, -ENOENT, NULL);
	assert_int_equal(setenv(ML_PASSPHRASE_VARIABLE, "", 1), 0);
	given_is(-1, -EINVAL, NULL);
	assert_null(getenv(ML_PASSPHRASE_VARIABLE));
}

/* Descriptor, credential, variable: the first that there is; a credential is private. */
static void test_passphrase_given(void **state)
{
	static const char text[] = "of the credential\n";
	char credential[80];
	int ends[2], fd;

	(void)state;
	snprintf(credential, sizeof(credential), "%s/name", directory);
	fd = open(credential, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
	assert_int_equal(setenv(ML_PASSPHRASE_VARIABLE, "of the environment", 1), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "of the pipe\n", 12), 12);
	given_is(ends[0], 0, "of the pipe");
	given_is(-1, 0, "of the credential");
	assert_int_equal(fchmod(fd, 0640), 0);
	given_is(-1, -EACCES, NULL);
	assert_int_equal(unlink(credential), 0);
	given_is(-1, 0, "of the environment");
	given_is(-1, -ENOENT, NULL);
	unsetenv("CREDENTIALS_DIRECTORY");
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

static int read_pipe(const void *data, size_t length, char **ret)
{
	int ends[2], r;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], data, length), length);
	close(ends[1]);
	r = ml_passphrase_read_fd(ends[0], ret, NULL);
	close(ends[0]);
	return r;
}

static void test_passphrase_fd(void **state)
{
	char *got = NULL, text[1100];

	(void)state;
	memset(text, 'p', sizeof(text));
	assert_int_equal(read_pipe("secret\nrest", 11, &got), 0);
	assert_string_equal(got, "secret");
	ml_passphrase_free(got);
	assert_int_equal(read_pipe(" no newline ", 12, &got), 0);
	assert_string_equal(got, " no newline ");
	ml_passphrase_free(got);
	assert_int_equal(read_pipe(text, ML_PASSPHRASE_MAX, &got), 0);
	assert_int_equal(strlen(got), ML_PASSPHRASE_MAX);
	ml_passphrase_free(got);
	got = NULL;
	assert_int_equal(read_pipe(text, ML_PASSPHRASE_MAX + 1, &got), -EINVAL);
	assert_int_equal(read_pipe("", 0, &got), -EINVAL);
	assert_int_equal(read_pipe("\n", 1, &got), -EINVAL);
	assert_int_equal(read_pipe("a\0b\n", 4, &got), -EINVAL);
	assert_int_equal(ml_passphrase_read_fd(-1, &got, NULL), -EBADF);
	assert_null(got);
}

/* In a child with a terminal of its own: asks, and tells by its exit status. */
static pid_t ask_in_terminal(int *ret_master, bool twice)
{
	char *got = NULL;
	pid_t child = forkpty(ret_master, NULL, NULL, NULL);
	int r;

	assert_true(child >= 0);
	if (child)
		return child;
	r = twice ? ml_passphrase_ask_new("Secret? ", "Again? ", &got, NULL)
		  : ml_passphrase_ask("Secret? ", &got, NULL);
	if (!r)
		r = strcmp(got, "hunter2") ? 90 : 80;
	_exit(r < 0 ? -r : r);
}

/* Reads what the terminal shows until @text is part of it. */
static void await(int master, char *seen, size_t size, const char *text)
{
	size_t length = strlen(seen);
	ssize_t n;

	while (!strstr(seen, text) && length < size - 1) {
		n = read(master, seen + length, size - 1 - length);
		if (n <= 0)
			fail_msg("terminal closed; it showed: %s", seen);
		length += n;
		seen[length] = 0;
	}
}

static void type(int master, const char *text)
{
	assert_int_equal(write(master, text, strlen(text)), strlen(text));
}

static bool echoes(int master)
{
	struct termios termios;

	assert_int_equal(tcgetattr(master, &termios), 0);
	return termios.c_lflag & ECHO;
}

static void test_passphrase_terminal(void **state)
{
	char seen[256] = "";
	int master, status;
	pid_t child;

	(void)state;
	child = ask_in_terminal(&master, false);
	await(master, seen, sizeof(seen), "Secret? ");
	assert_false(echoes(master));
	type(master, "hunter2\n");
	await(master, seen, sizeof(seen), "\r\n");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 80);
	assert_null(strstr(seen, "hunter"));
	close(master);
}

static void test_passphrase_twice(void **state)
{
	static const char *const second[] = { "hunter2\n", "hunter3\n" };
	char seen[256];
	int master, status, i;
	pid_t child;

	(void)state;
	for (i = 0; i < 2; i++) {
		seen[0] = 0;
		child = ask_in_terminal(&master, true);
		await(master, seen, sizeof(seen), "Secret? ");
		type(master, "hunter2\n");
		await(master, seen, sizeof(seen), "Again? ");
		type(master, second[i]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), i ? EINVAL : 80);
		close(master);
	}
}

/* An interrupt ends the program, but only after the terminal echoes again. */
static void test_passphrase_interrupted(void **state)
{
	char seen[256] = "";
	int master, status;
	pid_t child;

	(void)state;
	child = ask_in_terminal(&master, false);
	await(master, seen, sizeof(seen), "Secret? ");
	assert_false(echoes(master));
	kill(child, SIGINT);
	await(master, seen, sizeof(seen), "\r\n");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	assert_true(echoes(master));
	close(master);
}

static void test_passphrase_no_terminal(void **state)
{
	char *got;
	int status;
	pid_t child = fork();

	(void)state;
	if (!child) {
		setsid();
		_exit(-ml_passphrase_ask("Secret? ", &got, NULL));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == ENXIO);
}

#ifndef __SANITIZE_ADDRESS__	/* whose mlock() does nothing, and says that it did */

/* Whoever may lock nothing, not even by a capability, gets no memory for a secret. */
static void test_unlocked_memory(void **state)
{
	const struct rlimit none = { 0, 0 };
	struct ml_error error = { 0 };
	struct ml_secret_key *other;
	char *passphrase;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		if (setrlimit(RLIMIT_MEMLOCK, &none) || (!geteuid() && setuid(65534)))
			_exit(1);
		if (ml_secret_key_generate(&other, &error) != -ENOMEM)
			_exit(2);
		if (!strstr(error.text, "no locked memory for a secret key") ||
		    !strstr(error.text, "ulimit -l"))
			_exit(3);
		_exit(read_pipe("secret\n", 7, &passphrase) == -ENOMEM ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc8032),
		cmocka_unit_test(test_signature_has_one_form),
		cmocka_unit_test(test_public_text),
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_guard),
		cmocka_unit_test(test_file_damaged),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_sealed_damaged),
		cmocka_unit_test(test_sealed_limits),
		cmocka_unit_test(test_passphrase_fd),
		cmocka_unit_test(test_passphrase_terminal),
		cmocka_unit_test(test_passphrase_twice),
		cmocka_unit_test(test_passphrase_environment),
		cmocka_unit_test(test_passphrase_given),
		cmocka_unit_test(test_passphrase_interrupted),
		cmocka_unit_test(test_passphrase_no_terminal),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_unlocked_memory),
#endif
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
