// SPDX-License-Identifier: MIT
/*
 * Challenge, join, rotation, renewal: who may ask for what, and that a WireGuard
 * key is proved by who holds it, for the one thing that it was asked for.
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

#include "join.h"
#include "rotation.h"
#include "trust_fixture.h"

static const uint8_t tls_key[32] = { 0x7e, 0x57 };

static struct ml_root root;
static struct ml_grant grant;
static struct ml_challenge challenge;
static uint8_t wireguard[32], other_wireguard[32];	/* private */

static int setup(void **state)
{
	int r = trust_setup(state);

	if (r)
		return r;
	root = root_of(1);
	grant = (struct ml_grant){ .network = TRUST_NETWORK, .key = public_of(41) };
	ml_public_key_id(&grant.key, grant.id);
	challenge = (struct ml_challenge){ .network = TRUST_NETWORK, .signer = public_of(31),
					   .time = TRUST_NOW };
	memset(challenge.nonce, 7, sizeof(challenge.nonce));
	memset(wireguard, 61, sizeof(wireguard));
	memset(other_wireguard, 62, sizeof(other_wireguard));
	return 0;
}

static struct ml_fresh fresh_of(int64_t now)
{
	return (struct ml_fresh){ .nonce = challenge.nonce, .synchronised = true, .now = now,
				  .skew = ML_SKEW };
}

/* --------------------------------------------------------------- challenge */

static int challenge_parse(const char *text, struct ml_challenge *ret)
{
	struct ml_challenge got, untouched;
	struct ml_error error = { 0 };
	int r;

	memset(&got, 0xa5, sizeof(got));
	untouched = got;
	r = ml_challenge_parse(bytes_of(text), &root, &got, &error);
	if (r) {
		assert_memory_equal(&got, &untouched, sizeof(got));
		assert_true(error.text[0] && error.code == r);
	} else if (ret) {
		*ret = got;
	}
	return r;
}

static const struct {
	const char *from, *to;
	int want;
} challenges[] = {
	{ "{", "{ ", 0 },	/* nobody signs it: its form matters to nobody */
	{ "\"example-net\"", "\"another-net\"", -EXDEV },
	{ "\"example-net\"", "\"Example\"", -EBADMSG },
	{ "\"example-net\"", "1", -EBADMSG },
	{ "\"nonce\":\"BwcH", "\"nonce\":\"Bwc", -EBADMSG },
	{ "\"nonce\":\"BwcH", "\"nonce\":\"BwcHBwcH", -EBADMSG },
	{ "\"nonce\":\"BwcH", "\"nonce\":\"Bw-H", -EBADMSG },
	{ "\"signer\":\"", "\"signer\":\"0", -EKEYREJECTED },
	{ "\"signer\":", "\"signer\":7,\"sihner\":", -EBADMSG },
	{ "\"time\":1767225600", "\"time\":-1", -EBADMSG },
	{ "\"time\":1767225600", "\"time\":1,\"time\":2", -EBADMSG },
	{ ",\"time\":1767225600", "", -EBADMSG },
};

static void test_challenge(void **state)
{
	struct ml_challenge got, foreign = challenge;
	char *text = NULL, *edited;
	size_t length = 0, i;

	(void)state;
	assert_int_equal(ml_challenge_format(&challenge, &text, &length, NULL), 0);
	assert_int_equal(strlen(text), length);
	assert_int_equal(challenge_parse(text, &got), 0);
	assert_memory_equal(got.nonce, challenge.nonce, 32);
	assert_memory_equal(&got.signer, &challenge.signer, 32);
	assert_string_equal(got.network, TRUST_NETWORK);
	assert_int_equal(got.time, TRUST_NOW);
	for (i = 0; i < sizeof(challenges) / sizeof(challenges[0]); i++) {
		edited = replaced(text, challenges[i].from, challenges[i].to);
		assert_int_equal(challenge_parse(edited, NULL), challenges[i].want);
		free(edited);
	}
	free(text);
	/* Keys of other roles are no signers, and strangers' are not. */
	foreign.signer = public_of(21);
	assert_int_equal(ml_challenge_format(&foreign, &text, &length, NULL), 0);
	assert_int_equal(challenge_parse(text, NULL), -EKEYREJECTED);
	free(text);
	foreign.signer = public_of(99);
	assert_int_equal(ml_challenge_format(&foreign, &text, &length, NULL), 0);
	assert_int_equal(challenge_parse(text, NULL), -EKEYREJECTED);
	free(text);
	foreign.time = -1;
	assert_int_equal(ml_challenge_format(&foreign, &text, &length, NULL), -EINVAL);
}

/* What a server says is that in one key, and nothing else. */
static void test_challenge_answer(void **state)
{
	static const struct {
		const char *before, *after;
		int want;
	} rows[] = {
		{ "{\"challenge\":", "}", 0 },
		{ "{\"challenge\":", ",\"more\":1}", -EBADMSG },
		{ "{\"challenges\":", "}", -EBADMSG },
		{ "{\"challenge\":[", "]}", -EBADMSG },
		{ "[", "]", -EBADMSG },
		{ "", "", -EBADMSG },
	};
	struct ml_challenge got, untouched;
	char *text, answer[1024];
	size_t length, i;
	json_t *json;

	(void)state;
	assert_int_equal(ml_challenge_format(&challenge, &text, &length, NULL), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&got, 0xa5, sizeof(got));
		untouched = got;
		snprintf(answer, sizeof(answer), "%s%s%s", rows[i].before, text, rows[i].after);
		json = json_loads(answer, 0, NULL);
		assert_non_null(json);
		assert_int_equal(ml_challenge_answer(json, &root, &got, NULL), rows[i].want);
		if (rows[i].want)
			assert_memory_equal(&got, &untouched, sizeof(got));
		else
			assert_memory_equal(got.nonce, challenge.nonce, sizeof(got.nonce));
		json_decref(json);
	}
	free(text);
	/* A reply without a body. */
	assert_int_equal(ml_challenge_answer(NULL, &root, &got, NULL), -EBADMSG);
}

/* -------------------------------------------------------------------- join */

static struct ml_bytes join_made(uint8_t one_time, uint8_t identity, const uint8_t *private)
{
	const struct ml_join_input input = {
		.challenge = &challenge,
		.grant = key_of(one_time),
		.identity = key_of(identity),
		.wireguard = private,
		.name = "laptop",
		.tls_key = tls_key,
		.time = TRUST_NOW,
	};
	struct ml_bytes made = { 0 };
	uint8_t *data = NULL;

	assert_int_equal(ml_join_make(&input, &data, &made.length, NULL), 0);
	made.data = data;
	return made;
}

static int join_verify_as(struct ml_bytes envelope, const struct ml_grant *by,
			  const struct ml_fresh *fresh, struct ml_join *ret)
{
	struct ml_join join, untouched;
	struct ml_error error = { 0 };
	int r;

	memset(&join, 0xa5, sizeof(join));
	untouched = join;
	r = ml_join_verify(envelope, by, fresh, &join, &error);
	if (r) {
		assert_memory_equal(&join, &untouched, sizeof(join));
		assert_true(error.text[0] && error.code == r);
	} else if (ret) {
		*ret = join;
	}
	return r;
}

/* Takes the envelope. */
static int join_verify(struct ml_bytes envelope, struct ml_join *ret)
{
	struct ml_fresh fresh = fresh_of(TRUST_NOW);
	int r = join_verify_as(envelope, &grant, &fresh, ret);

	drop(envelope);
	return r;
}

static void test_join(void **state)
{
	struct ml_public_key identity = public_of(51);
	uint8_t public[32];
	struct ml_join join;
	struct ml_bytes envelope = join_made(41, 51, wireguard), again;
	char id[65];

	(void)state;
	assert_int_equal(ml_join_peek(envelope, &join, NULL), 0);
	assert_string_equal(join.grant, grant.id);
	memset(&join, 0, sizeof(join));
	assert_int_equal(join_verify(envelope, &join), 0);
	assert_string_equal(join.network, TRUST_NETWORK);
	assert_string_equal(join.name, "laptop");
	assert_string_equal(join.grant, grant.id);
	assert_memory_equal(&join.identity, &identity, 32);
	crypto_scalarmult_base(public, wireguard);
	assert_memory_equal(join.wireguard, public, 32);
	assert_memory_equal(join.nonce, challenge.nonce, 32);
	assert_memory_equal(join.tls_key, tls_key, 32);
	assert_int_equal(join.time, TRUST_NOW);
	ml_public_key_id(&challenge.signer, id);
	assert_string_equal(join.signer, id);
	assert_int_equal(ml_join_check_proof(&join, &grant, key_of(31), NULL), 0);
	/* A join made anew has another proof, so it is another one. */
	again = join_made(41, 51, wireguard);
	memcpy(public, join.digest, 32);
	assert_int_equal(join_verify(again, &join), 0);
	assert_memory_not_equal(public, join.digest, 32);
}

static void test_join_signatures(void **state)
{
	struct ml_bytes good = join_made(41, 51, wireguard);
	struct ml_public_key other = public_of(42);
	const char *none = "\"network\"";
	char id[65];

	(void)state;
	assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, none, none, KEYS(41, 51)),
				     NULL), 0);
	assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, none, none, KEYS(51, 99, 41)),
				     NULL), 0);
	assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, none, none, KEYS(41)), NULL),
			 -EKEYREJECTED);
	assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, none, none, KEYS(51)), NULL),
			 -EKEYREJECTED);
	assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, none, none, KEYS(41, 41)),
				     NULL), -EKEYREJECTED);
	assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, none, none, KEYS(51, 99)),
				     NULL), -EKEYREJECTED);
	assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, none, none, KEYS(11, 12)),
				     NULL), -EKEYREJECTED);
	/* Another grant's name, under the right signatures. */
	ml_public_key_id(&other, id);
	assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, grant.id, id, KEYS(41, 51)),
				     NULL), -EKEYREJECTED);
	drop(good);
	/* By somebody else's grant, and by the one-time key as identity. */
	assert_int_equal(join_verify(join_made(42, 51, wireguard), NULL), -EKEYREJECTED);
	assert_int_equal(join_verify(join_made(41, 41, wireguard), NULL), -EBADMSG);
}

static void test_join_fresh(void **state)
{
	struct ml_bytes envelope = join_made(41, 51, wireguard);
	struct ml_fresh fresh = fresh_of(TRUST_NOW + 90);
	uint8_t other[32] = { 7 };

	(void)state;
	assert_int_equal(join_verify_as(envelope, &grant, &fresh, NULL), 0);
	fresh.now = TRUST_NOW - 90;
	assert_int_equal(join_verify_as(envelope, &grant, &fresh, NULL), 0);
	fresh.now = TRUST_NOW + 91;
	assert_int_equal(join_verify_as(envelope, &grant, &fresh, NULL), -ETIME);
	fresh.now = TRUST_NOW - 91;
	assert_int_equal(join_verify_as(envelope, &grant, &fresh, NULL), -ETIME);
	fresh.synchronised = false;
	assert_int_equal(join_verify_as(envelope, &grant, &fresh, NULL), 0);
	fresh.nonce = other;
	assert_int_equal(join_verify_as(envelope, &grant, &fresh, NULL), -EKEYREJECTED);
	fresh.nonce = NULL;
	assert_int_equal(join_verify_as(envelope, &grant, &fresh, NULL), 0);
	drop(envelope);
}

static void test_join_foreign_network(void **state)
{
	struct ml_bytes envelope = join_made(41, 51, wireguard);
	struct ml_fresh fresh = fresh_of(TRUST_NOW);
	struct ml_grant foreign = grant;

	(void)state;
	strcpy(foreign.network, "another-net");
	assert_int_equal(join_verify_as(envelope, &foreign, &fresh, NULL), -EXDEV);
	drop(envelope);
}

static const struct {
	const char *from, *to;
} malformed[] = {
	{ "{\"grant\"", "{ \"grant\"" },
	{ "{\"grant\":\"", "{\"grant\":\"0" },
	{ "{\"grant\":\"", "{\"grant\":\"Z" },
	{ "\"name\":\"laptop\"", "\"name\":\"lap top\"" },
	{ "\"name\":\"laptop\"", "\"name\":\"\"" },
	{ "\"name\":\"laptop\"", "\"name\":\"../laptop\"" },
	{ "\"name\":\"laptop\"", "\"name\":\"laptop\",\"node\":\"laptop\"" },
	{ "\"nonce\":\"BwcH", "\"nonce\":\"Bwc" },
	{ "\"proof\":\"", "\"proof\":\"AAAA" },
	{ "\"signer\":\"", "\"signer\":\"a" },
	{ "\"time\":1767225600", "\"time\":1e9" },
	{ "\"tlsKey\":\"7e57", "\"tlsKey\":\"7E57" },
	{ "\"wireguard\":\"", "\"wireguard\":\"AAAA" },
	{ "merlon-public-key:", "" },
};

static void test_join_malformed(void **state)
{
	struct ml_bytes good = join_made(41, 51, wireguard);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, malformed[i].from,
						    malformed[i].to, KEYS(41, 51)), NULL),
				 -EBADMSG);
	drop(good);
}

static void test_join_refuses_to_make(void **state)
{
	struct ml_join_input input = {
		.challenge = &challenge, .grant = key_of(41), .identity = key_of(51),
		.wireguard = wireguard, .name = "Laptop", .tls_key = tls_key, .time = TRUST_NOW,
	};
	struct ml_challenge foreign = challenge;
	struct ml_error error = { 0 };
	uint8_t *data = NULL;
	size_t length;

	(void)state;
	assert_int_equal(ml_join_make(&input, &data, &length, &error), -EINVAL);
	input.name = "laptop";
	input.time = -1;
	assert_int_equal(ml_join_make(&input, &data, &length, &error), -EINVAL);
	input.time = 0;
	memset(&foreign.signer, 0, sizeof(foreign.signer));
	input.challenge = &foreign;
	assert_int_equal(ml_join_make(&input, &data, &length, &error), -EINVAL);
	assert_null(data);
}

/* What gets through with a bit turned has the same payload: one bit of each byte. */
static void test_join_turned_bits(void **state)
{
	struct ml_bytes envelope = join_made(41, 51, wireguard);
	struct ml_fresh fresh = fresh_of(TRUST_NOW);
	uint8_t *data = (uint8_t *)envelope.data, digest[32];
	size_t at, accepted = 0;
	struct ml_join join;

	(void)state;
	assert_int_equal(join_verify_as(envelope, &grant, &fresh, &join), 0);
	memcpy(digest, join.digest, 32);
	for (at = 0; at < envelope.length; at++) {
		data[at] ^= 1 << at % 8;
		if (!join_verify_as(envelope, &grant, &fresh, &join)) {
			assert_memory_equal(join.digest, digest, 32);
			accepted++;
		}
		data[at] ^= 1 << at % 8;
	}
	assert_in_range(accepted, 0, 20);
	drop(envelope);
}

/* ------------------------------------------------------------------- proof */

static int join_proof(struct ml_join *join, uint8_t signer)
{
	struct ml_error error = { 0 };
	int r = ml_join_check_proof(join, &grant, key_of(signer), &error);

	assert_true(!r || (error.text[0] && error.code == r));
	return r;
}

/* A proof is for one node, one grant, one challenge, one key and one signer. */
static void test_proof_is_bound(void **state)
{
	struct ml_grant other_grant = grant;
	struct ml_join join, edited;
	size_t i;

	(void)state;
	assert_int_equal(join_verify(join_made(41, 51, wireguard), &join), 0);
	assert_int_equal(join_proof(&join, 31), 0);
	assert_int_equal(join_proof(&join, 32), -EKEYREJECTED);
	edited = join;
	edited.nonce[31] ^= 1;
	assert_int_equal(join_proof(&edited, 31), -EKEYREJECTED);
	edited = join;
	edited.identity = public_of(52);
	assert_int_equal(join_proof(&edited, 31), -EKEYREJECTED);
	edited = join;
	crypto_scalarmult_base(edited.wireguard, other_wireguard);
	assert_int_equal(join_proof(&edited, 31), -EKEYREJECTED);
	other_grant.key = public_of(42);
	assert_int_equal(ml_join_check_proof(&join, &other_grant, key_of(31), NULL),
			 -EKEYREJECTED);
	for (i = 0; i < ML_PROOF_BYTES; i++) {
		edited = join;
		edited.proof[i] ^= 1 << i % 8;
		assert_int_equal(join_proof(&edited, 31), -EKEYREJECTED);
	}
}

/*
 * Who knows a node's WireGuard public key, and has a grant and an identity of his
 * own, signs a join that is right in everything else.
 */
static void test_stolen_public_key(void **state)
{
	struct ml_bytes mine = join_made(41, 51, other_wireguard), forgery;
	char own[45], victim[45];
	uint8_t public[32];
	struct ml_join join;

	(void)state;
	crypto_scalarmult_base(public, other_wireguard);
	sodium_bin2base64(own, sizeof(own), public, 32, sodium_base64_VARIANT_ORIGINAL);
	crypto_scalarmult_base(public, wireguard);
	sodium_bin2base64(victim, sizeof(victim), public, 32, sodium_base64_VARIANT_ORIGINAL);
	forgery = forged(ML_JOIN_TYPE, mine, own, victim, KEYS(41, 51));
	assert_int_equal(join_verify(forgery, &join), 0);
	assert_int_equal(join_proof(&join, 31), -EKEYREJECTED);
	assert_int_equal(join_verify(mine, &join), 0);
	assert_int_equal(join_proof(&join, 31), 0);
}

/* With a key of low order all secrets are zero, and everybody's proof would fit. */
static void test_low_order(void **state)
{
	static const uint8_t low[][32] = {
		{ 0 }, { 1 },
		{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1,
		  0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62,
		  0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
		{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	};
	static const uint8_t no_nonce[crypto_core_hsalsa20_INPUTBYTES], zero[32];
	uint8_t box_key[32], opened[112], content[112] = "merlon-join-1";
	struct ml_join join;
	size_t i;

	(void)state;
	assert_int_equal(join_verify(join_made(41, 51, wireguard), &join), 0);
	memcpy(content + 16, join.nonce, 32);
	memcpy(content + 48, join.identity.key, 32);
	memcpy(content + 80, grant.key.key, 32);
	/* What a box would be sealed with, if nobody looked at the shared secret. */
	crypto_core_hsalsa20(box_key, no_nonce, zero, NULL);
	crypto_secretbox_easy(join.proof + 24, content, sizeof(content), join.proof, box_key);
	assert_int_equal(crypto_box_open_easy_afternm(opened, join.proof + 24, 128, join.proof,
						      box_key), 0);
	for (i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		memcpy(join.wireguard, low[i], 32);
		assert_int_equal(join_proof(&join, 31), -EKEYREJECTED);
	}
}

/* One X25519 key has two texts, and WireGuard would take them for two peers. */
static void test_highest_bit(void **state)
{
	struct ml_bytes good = join_made(41, 51, wireguard);
	char text[45], twin[45];
	uint8_t public[32];

	(void)state;
	crypto_scalarmult_base(public, wireguard);
	sodium_bin2base64(text, sizeof(text), public, 32, sodium_base64_VARIANT_ORIGINAL);
	public[31] |= 0x80;
	sodium_bin2base64(twin, sizeof(twin), public, 32, sodium_base64_VARIANT_ORIGINAL);
	assert_int_equal(join_verify(forged(ML_JOIN_TYPE, good, text, twin, KEYS(41, 51)),
				     NULL), -EBADMSG);
	drop(good);
}

/* By docs/formats.md and libsodium alone, as another program would do it. */
static void test_proof_by_hand(void **state)
{
	uint8_t ed[64], ed_public[32], seed[32], curve[32], content[112];
	struct ml_join join;

	(void)state;
	assert_int_equal(join_verify(join_made(41, 51, wireguard), &join), 0);
	memset(seed, 31, sizeof(seed));
	crypto_sign_seed_keypair(ed_public, ed, seed);
	assert_int_equal(crypto_sign_ed25519_sk_to_curve25519(curve, ed), 0);
	assert_int_equal(crypto_box_open_easy(content, join.proof + 24, 128, join.proof,
					      join.wireguard, curve), 0);
	assert_memory_equal(content, "merlon-join-1\0\0\0", 16);
	assert_memory_equal(content + 16, challenge.nonce, 32);
	assert_memory_equal(content + 48, join.identity.key, 32);
	assert_memory_equal(content + 80, grant.key.key, 32);
}

/* ---------------------------------------------------------------- rotation */

static struct ml_known_node known_of(uint64_t counter)
{
	return (struct ml_known_node){ .network = TRUST_NETWORK, .node = "laptop",
				       .identity = public_of(51), .counter = counter };
}

static struct ml_bytes rotation_made(uint64_t counter, uint8_t identity, uint8_t next)
{
	const struct ml_public_key signer = public_of(31);
	const struct ml_rotation_input input = {
		.network = TRUST_NETWORK,
		.node = "laptop",
		.counter = counter,
		.signer = &signer,
		.identity = key_of(identity),
		.next = next ? key_of(next) : NULL,
		.wireguard = other_wireguard,
	};
	struct ml_bytes made = { 0 };
	uint8_t *data = NULL;

	assert_int_equal(ml_rotation_make(&input, &data, &made.length, NULL), 0);
	made.data = data;
	return made;
}

/* Takes the envelope. */
static int rotation_verify(struct ml_bytes envelope, const struct ml_known_node *known,
			   struct ml_rotation *ret)
{
	struct ml_rotation rotation, untouched;
	struct ml_error error = { 0 };
	int r;

	memset(&rotation, 0xa5, sizeof(rotation));
	untouched = rotation;
	r = ml_rotation_verify(envelope, known, &rotation, &error);
	drop(envelope);
	if (r) {
		assert_memory_equal(&rotation, &untouched, sizeof(rotation));
		assert_true(error.text[0] && error.code == r);
	} else if (ret) {
		*ret = rotation;
	}
	return r;
}

static void test_rotation(void **state)
{
	struct ml_known_node known = known_of(4);
	struct ml_public_key same = public_of(51), next = public_of(52);
	struct ml_rotation rotation;
	uint8_t public[32];

	(void)state;
	assert_int_equal(rotation_verify(rotation_made(5, 51, 0), &known, &rotation), 0);
	assert_memory_equal(&rotation.identity, &same, 32);
	crypto_scalarmult_base(public, other_wireguard);
	assert_memory_equal(rotation.wireguard, public, 32);
	assert_int_equal(rotation.counter, 5);
	assert_int_equal(ml_rotation_check_proof(&rotation, &known, key_of(31), NULL), 0);
	assert_int_equal(ml_rotation_check_proof(&rotation, &known, key_of(32), NULL),
			 -EKEYREJECTED);
	assert_int_equal(rotation_verify(rotation_made(9, 51, 52), &known, &rotation), 0);
	assert_memory_equal(&rotation.identity, &next, 32);
	assert_int_equal(ml_rotation_check_proof(&rotation, &known, key_of(31), NULL), 0);
}

/* A stranger says that the node's identity was his: what verifies is what the node signed. */
static void test_rotation_of_a_stranger(void **state)
{
	struct ml_known_node known = known_of(4);
	struct ml_rotation rotation;

	(void)state;
	assert_int_equal(rotation_verify(rotation_made(5, 99, 51), &known, &rotation), 0);
	assert_int_equal(ml_rotation_check_proof(&rotation, &known, key_of(31), NULL),
			 -EKEYREJECTED);
}

static void test_rotation_refused(void **state)
{
	struct ml_known_node known = known_of(4), other;
	struct ml_bytes good = rotation_made(5, 51, 52);
	const char *none = "\"node\"";

	(void)state;
	assert_int_equal(rotation_verify(rotation_made(4, 51, 0), &known, NULL), -ESTALE);
	assert_int_equal(rotation_verify(rotation_made(1, 51, 0), &known, NULL), -ESTALE);
	assert_int_equal(rotation_verify(rotation_made(INT64_MAX, 51, 0), &known, NULL), 0);
	assert_int_equal(rotation_verify(rotation_made(5, 99, 0), &known, NULL),
			 -EKEYREJECTED);
	assert_int_equal(rotation_verify(forged(ML_ROTATION_TYPE, good, none, none,
						KEYS(51, 52)), &known, NULL), 0);
	assert_int_equal(rotation_verify(forged(ML_ROTATION_TYPE, good, none, none, KEYS(51)),
					 &known, NULL), -EKEYREJECTED);
	assert_int_equal(rotation_verify(forged(ML_ROTATION_TYPE, good, none, none, KEYS(52)),
					 &known, NULL), -EKEYREJECTED);
	assert_int_equal(rotation_verify(forged(ML_ROTATION_TYPE, good, "\"counter\":5",
						"\"counter\":0", KEYS(51, 52)), &known, NULL),
			 -EBADMSG);
	other = known;
	strcpy(other.node, "server");
	assert_int_equal(rotation_verify(rotation_made(5, 51, 0), &other, NULL), -EXDEV);
	other = known;
	strcpy(other.network, "another-net");
	assert_int_equal(rotation_verify(rotation_made(5, 51, 0), &other, NULL), -EXDEV);
	drop(good);
}

/* Bound to node, number and both identities; and a join's proof is none. */
static void test_rotation_proof(void **state)
{
	struct ml_known_node known = known_of(4), other = known;
	struct ml_rotation rotation, edited;
	struct ml_join join;

	(void)state;
	assert_int_equal(rotation_verify(rotation_made(5, 51, 52), &known, &rotation), 0);
	edited = rotation;
	edited.counter = 6;
	assert_int_equal(ml_rotation_check_proof(&edited, &known, key_of(31), NULL),
			 -EKEYREJECTED);
	edited = rotation;
	strcpy(edited.node, "server");
	assert_int_equal(ml_rotation_check_proof(&edited, &known, key_of(31), NULL),
			 -EKEYREJECTED);
	edited = rotation;
	edited.identity = public_of(53);
	assert_int_equal(ml_rotation_check_proof(&edited, &known, key_of(31), NULL),
			 -EKEYREJECTED);
	other.identity = public_of(53);
	assert_int_equal(ml_rotation_check_proof(&rotation, &other, key_of(31), NULL),
			 -EKEYREJECTED);
	assert_int_equal(join_verify(join_made(41, 51, other_wireguard), &join), 0);
	edited = rotation;
	memcpy(edited.proof, join.proof, sizeof(edited.proof));
	assert_int_equal(ml_rotation_check_proof(&edited, &known, key_of(31), NULL),
			 -EKEYREJECTED);
}

/* ----------------------------------------------------------------- renewal */

/* Takes the envelope. */
static int renewal_verify(struct ml_bytes envelope, const struct ml_known_node *known,
			  const struct ml_fresh *fresh, struct ml_renewal *ret)
{
	struct ml_renewal renewal, untouched;
	struct ml_error error = { 0 };
	int r;

	memset(&renewal, 0xa5, sizeof(renewal));
	untouched = renewal;
	r = ml_renewal_verify(envelope, known, fresh, &renewal, &error);
	drop(envelope);
	if (r) {
		assert_memory_equal(&renewal, &untouched, sizeof(renewal));
		assert_true(error.text[0] && error.code == r);
	} else if (ret) {
		*ret = renewal;
	}
	return r;
}

static struct ml_bytes renewal_made(uint8_t identity)
{
	struct ml_bytes made = { 0 };
	uint8_t *data = NULL;

	assert_int_equal(ml_renewal_make(&challenge, "laptop", key_of(identity), tls_key,
					 TRUST_NOW, &data, &made.length, NULL), 0);
	made.data = data;
	return made;
}

static void test_renewal(void **state)
{
	struct ml_known_node known = known_of(0), other = known;
	struct ml_fresh fresh = fresh_of(TRUST_NOW);
	struct ml_renewal renewal;
	uint8_t nonce[32] = { 0 };

	(void)state;
	assert_int_equal(renewal_verify(renewal_made(51), &known, &fresh, &renewal), 0);
	assert_memory_equal(renewal.tls_key, tls_key, 32);
	assert_int_equal(renewal_verify(renewal_made(52), &known, &fresh, NULL),
			 -EKEYREJECTED);
	strcpy(other.node, "server");
	assert_int_equal(renewal_verify(renewal_made(51), &other, &fresh, NULL), -EXDEV);
	other = known;
	strcpy(other.network, "another-net");
	assert_int_equal(renewal_verify(renewal_made(51), &other, &fresh, NULL), -EXDEV);
	fresh.now += 91;
	assert_int_equal(renewal_verify(renewal_made(51), &known, &fresh, NULL), -ETIME);
	fresh.synchronised = false;
	assert_int_equal(renewal_verify(renewal_made(51), &known, &fresh, NULL), 0);
	fresh.nonce = nonce;
	assert_int_equal(renewal_verify(renewal_made(51), &known, &fresh, NULL),
			 -EKEYREJECTED);
}

/* One kind of document never stands for another. */
static void test_kinds(void **state)
{
	struct ml_known_node known = known_of(4);
	struct ml_fresh fresh = fresh_of(TRUST_NOW);

	(void)state;
	assert_int_equal(renewal_verify(rotation_made(5, 51, 0), &known, &fresh, NULL),
			 -EBADMSG);
	assert_int_equal(rotation_verify(renewal_made(51), &known, NULL), -EBADMSG);
	assert_int_equal(join_verify(renewal_made(51), NULL), -EBADMSG);
	assert_int_equal(rotation_verify(join_made(41, 51, wireguard), &known, NULL),
			 -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_challenge_answer),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_join_signatures),
		cmocka_unit_test(test_join_fresh),
		cmocka_unit_test(test_join_foreign_network),
		cmocka_unit_test(test_join_malformed),
		cmocka_unit_test(test_join_refuses_to_make),
		cmocka_unit_test(test_join_turned_bits),
		cmocka_unit_test(test_proof_is_bound),
		cmocka_unit_test(test_stolen_public_key),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_highest_bit),
		cmocka_unit_test(test_proof_by_hand),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_rotation_refused),
		cmocka_unit_test(test_rotation_of_a_stranger),
		cmocka_unit_test(test_rotation_proof),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_kinds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, trust_teardown);
}
