// SPDX-License-Identifier: MIT
/*
 * Bundles: what is signed arrives, and nothing else does. A network of three
 * nodes (alpha, beta, gamma); the bundle under test is gamma's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include <linux/merlon.h>

#include "bundle.h"
#include "bundle_fixture.h"
#include "bundle_format.h"

/* The library does not include the uapi for one number; here the two meet. */
_Static_assert(ML_BUNDLE_MAX_IMAGE == MERLON_MAX_IMAGE_BYTES, "a bundle holds any image");

static struct fixture fixture;
static char proof[4096];	/* gamma's: {"hashes":["<alpha and beta>"],"index":2} */

static int setup(void **state)
{
	struct ml_merkle_hash left, right;
	uint8_t node[65];
	char hex[65];

	(void)state;
	fixture_setup(&fixture);
	ml_merkle_leaf(fixture.leaves[0].leaf.data, fixture.leaves[0].leaf.length, &left);
	ml_merkle_leaf(fixture.leaves[1].leaf.data, fixture.leaves[1].leaf.length, &right);
	node[0] = 1;
	memcpy(node + 1, left.bytes, 32);
	memcpy(node + 33, right.bytes, 32);
	crypto_hash_sha256(left.bytes, node, sizeof(node));
	sodium_bin2hex(hex, sizeof(hex), left.bytes, 32);
	snprintf(proof, sizeof(proof), "{\"hashes\":[\"%s\"],\"index\":2}", hex);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_teardown(&fixture);
	return 0;
}

/* Verifies; a refusal must leave the result alone and say something. */
static int verify(struct ml_bytes file, const struct ml_trust *trust)
{
	struct ml_bundle bundle, untouched;
	struct ml_error error = { 0 };
	int r;

	memset(&bundle, 0xa5, sizeof(bundle));
	untouched = bundle;
	r = ml_bundle_verify(file, trust, &bundle, &error);
	if (r) {
		assert_memory_equal(&bundle, &untouched, sizeof(bundle));
		assert_int_equal(error.code, r);
		assert_true(strlen(error.text) > 10);
	}
	return r;
}

static int verify_parts(const struct parts *parts, size_t count)
{
	struct ml_bytes file = parts_join(parts, count);
	int r = verify(file, &fixture.trust);

	free((void *)file.data);
	return r;
}

static void test_round_trip(void **state)
{
	struct ml_bytes file = fixture_bundle(&fixture);
	struct ml_bundle bundle;
	uint8_t digest[32];
	char id[65];

	(void)state;
	assert_int_equal(ml_bundle_verify(file, &fixture.trust, &bundle, NULL), 0);
	assert_string_equal(bundle.node, "gamma");
	assert_int_equal(bundle.index, 2);
	assert_memory_equal(&bundle.statement, &fixture.statement, sizeof(bundle.statement));
	assert_int_equal(bundle.statement.tree_size, 3);
	ml_public_key_id(&fixture.trust.keys[0], id);
	assert_string_equal(bundle.key_id, id);
	crypto_hash_sha256(digest, fixture.image.data, fixture.image.length);
	assert_memory_equal(bundle.image_digest, digest, 32);
	/* Pointers into the file, not copies. */
	assert_in_range((uintptr_t)bundle.image.data, (uintptr_t)file.data,
			(uintptr_t)file.data + file.length);
	assert_int_equal(bundle.image.length, fixture.image.length);
	assert_memory_equal(bundle.image.data, fixture.image.data, fixture.image.length);
	assert_memory_equal(bundle.rules.data, fixture.rules.data, fixture.rules.length);
	free((void *)file.data);
}

/* The format of docs/formats.md, written by hand, is what the library writes. */
static void test_written_by_hand(void **state)
{
	struct parts parts = parts_of(&fixture, proof);
	struct ml_bytes hand = parts_join(&parts, 5), file = fixture_bundle(&fixture);

	(void)state;
	assert_int_equal(hand.length, file.length);
	assert_memory_equal(hand.data, file.data, file.length);
	free((void *)hand.data);
	free((void *)file.data);
}

static void test_every_bit(void **state)
{
	struct ml_bytes file = fixture_bundle(&fixture);
	uint8_t *bytes = (uint8_t *)file.data;
	size_t i;

	(void)state;
	for (i = 0; i < file.length * 8; i++) {
		bytes[i / 8] ^= 1 << i % 8;
		if (!verify(file, &fixture.trust))
			fail_msg("accepted with bit %zu of byte %zu flipped", i % 8, i / 8);
		bytes[i / 8] ^= 1 << i % 8;
	}
	assert_int_equal(verify(file, &fixture.trust), 0);
	free(bytes);
}

/* In memory of exactly its size, so that a sanitizer sees a read beyond. */
static void test_every_truncation(void **state)
{
	struct ml_bytes file = fixture_bundle(&fixture);
	size_t length;

	(void)state;
	for (length = 0; length < file.length; length++) {
		uint8_t *cut = malloc(length ? length : 1);

		memcpy(cut, file.data, length);
		assert_int_not_equal(verify((struct ml_bytes){ cut, length },
					    &fixture.trust), 0);
		free(cut);
	}
	free((void *)file.data);
}

static void test_bytes_behind(void **state)
{
	struct ml_bytes file = fixture_bundle(&fixture);
	uint8_t *longer = calloc(1, file.length + 64);
	size_t more;

	(void)state;
	memcpy(longer, file.data, file.length);
	for (more = 1; more <= 64; more++)
		assert_int_equal(verify((struct ml_bytes){ longer, file.length + more },
					&fixture.trust), -EBADMSG);
	free(longer);
	free((void *)file.data);
}

static void test_whom_it_is_for(void **state)
{
	struct ml_bytes file = fixture_bundle(&fixture);
	struct ml_secret_key *other = fixture_key(2);
	struct ml_trust trust = fixture.trust;

	(void)state;
	strcpy(trust.node, "alpha");
	assert_int_equal(verify(file, &trust), -EXDEV);
	strcpy(trust.node, "");
	assert_int_equal(verify(file, &trust), 0);
	strcpy(trust.network, "example-net2");
	assert_int_equal(verify(file, &trust), -EXDEV);
	trust = fixture.trust;
	ml_secret_key_public(other, &trust.keys[0]);
	assert_int_equal(verify(file, &trust), -EKEYREJECTED);
	trust.keys[trust.key_count++] = fixture.trust.keys[0];
	assert_int_equal(verify(file, &trust), 0);
	trust.key_count = 0;
	assert_int_equal(verify(file, &trust), -EKEYREJECTED);
	ml_secret_key_free(other);
	free((void *)file.data);
}

/* ------------------------------------------------------------- framing */

static void test_framing(void **state)
{
	const uint64_t claims[] = { 1, 8, 1 << 20, UINT32_MAX, 1ull << 32, 1ull << 63,
				    UINT64_MAX - 7, UINT64_MAX - 15, UINT64_MAX };
	struct parts good = parts_of(&fixture, proof), parts;
	size_t i, k;

	(void)state;
	assert_int_equal(verify_parts(&good, 5), 0);
	for (i = 0; i < 5; i++) {
		parts = good;
		parts.zero[i] = 1;
		assert_int_equal(verify_parts(&parts, 5), -EBADMSG);
		for (k = 0; k < 7; k++) {
			parts = good;
			parts.type[i] = k;
			assert_int_equal(verify_parts(&parts, 5), k == i + 1 ? 0 : -EBADMSG);
		}
		for (k = 0; k < sizeof(claims) / sizeof(claims[0]); k++) {
			parts = good;
			parts.claim[i] = claims[k];
			assert_int_not_equal(verify_parts(&parts, 5), 0);
		}
		assert_int_equal(verify_parts(&good, i), -EBADMSG);
	}
}

static void test_records_moved(void **state)
{
	struct parts good = parts_of(&fixture, proof), parts;
	size_t i, k;

	(void)state;
	for (i = 0; i < 5; i++) {
		for (k = 0; k < i; k++) {
			/* as whole records, then their contents alone */
			parts = good;
			parts.record[i] = good.record[k];
			parts.record[k] = good.record[i];
			assert_int_equal(verify_parts(&parts, 5), -EBADMSG);
			parts.type[i] = good.type[k];
			parts.type[k] = good.type[i];
			assert_int_equal(verify_parts(&parts, 5), -EBADMSG);
		}
		parts = good;
		parts.record[i].length = 0;
		assert_int_equal(verify_parts(&parts, 5), -EBADMSG);
	}
}

/* Before anything is proved, only little is parsed. */
static void test_record_limits(void **state)
{
	const uint64_t limits[] = { 16 << 10, 8 << 10, 64 << 20, 128 << 20, 256 << 20 };
	struct parts parts;
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		parts = parts_of(&fixture, proof);
		parts.claim[i] = limits[i] + 1;
		assert_int_equal(verify_parts(&parts, 5), -E2BIG);
		parts.claim[i] = limits[i];
		assert_int_equal(verify_parts(&parts, 5), -EBADMSG);
	}
}

/* ------------------------------------------------------------ envelope */

/* @envelope in the place of the right one; takes it over. */
static int verify_envelope(char *envelope)
{
	struct parts parts = parts_of(&fixture, proof);
	int r;

	parts.record[0] = bytes_of(envelope);
	r = verify_parts(&parts, 5);
	free(envelope);
	return r;
}

static char *envelope_text(void)
{
	return strndup((const char *)fixture.envelope.data, fixture.envelope.length);
}

/* The same envelope with @from replaced by @to at its first place. */
static char *envelope_edit(const char *from, const char *to)
{
	char *text = envelope_text(), *at = strstr(text, from), *edited = NULL;

	assert_non_null(at);
	*at = 0;
	assert_true(asprintf(&edited, "%s%s%s", text, to, at + strlen(from)) > 0);
	free(text);
	return edited;
}

static void test_envelope_has_one_form(void **state)
{
	(void)state;
	assert_int_equal(verify_envelope(envelope_text()), 0);
	assert_int_equal(verify_envelope(envelope_edit("{", "{ ")), -EBADMSG);
	assert_int_equal(verify_envelope(envelope_edit("{", " {")), -EBADMSG);
	assert_int_equal(verify_envelope(envelope_edit("}]}", "}]}\n")), -EBADMSG);
	assert_int_equal(verify_envelope(envelope_edit("\":[{", "\":[ {")), -EBADMSG);
	assert_int_equal(verify_envelope(envelope_edit("application/", "application\\/")),
			 -EBADMSG);
	assert_int_equal(verify_envelope(envelope_edit("vnd", "\\u0076nd")), -EBADMSG);
	assert_int_equal(verify_envelope(envelope_edit("}]}", "}],\"z\":1}")), -EBADMSG);
	assert_int_equal(verify_envelope(envelope_edit("\"}]", "\",\"z\":1}]")), -EBADMSG);
	assert_int_equal(verify_envelope(envelope_edit("{\"payload\":",
						       "{\"payload\":\"\",\"payload\":")),
			 -EBADMSG);
	assert_int_equal(verify_envelope(envelope_edit("\"sig\":", "\"sig\":\"\",\"sig\":")),
			 -EBADMSG);
}

/* A second signature, even a good one, would be bytes that nothing covers. */
static void test_envelope_has_one_signature(void **state)
{
	struct ml_secret_key *other = fixture_key(2);
	const struct ml_secret_key *keys[] = { fixture.key, other };
	struct ml_trust saved = fixture.trust;
	uint8_t *payload, *text;
	size_t length, size;

	(void)state;
	assert_int_equal(ml_dsse_peek(fixture.envelope.data, fixture.envelope.length,
				      FIXTURE_TYPE, &payload, &length, NULL), 0);
	assert_int_equal(ml_dsse_sign(FIXTURE_TYPE, payload, length, keys, 2, &text, &size,
				      NULL), 0);
	assert_int_equal(verify_envelope((char *)text), -EBADMSG);
	ml_secret_key_public(other, &fixture.trust.keys[fixture.trust.key_count++]);
	assert_int_equal(ml_dsse_sign(FIXTURE_TYPE, payload, length, keys, 2, &text, &size,
				      NULL), 0);
	assert_int_equal(verify_envelope((char *)text), -EBADMSG);
	fixture.trust = saved;
	assert_int_equal(verify_envelope(envelope_edit("[{", "[],\"z\":[{")), -EBADMSG);
	ml_secret_key_free(other);
	free(payload);
}

static void test_payload_type(void **state)
{
	static const char *const types[] = {
		"", "application/json", "application/vnd.merlon.statement.v2+json",
		"application/vnd.merlon.statement.v1+json ",
		"Application/vnd.merlon.statement.v1+json",
	};
	struct ml_bytes signed_;
	uint8_t *payload;
	size_t length, i;

	(void)state;
	assert_int_equal(ml_dsse_peek(fixture.envelope.data, fixture.envelope.length,
				      FIXTURE_TYPE, &payload, &length, NULL), 0);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		signed_ = fixture_sign(fixture.key, types[i], payload, length);
		assert_int_equal(verify_envelope((char *)signed_.data), -EBADMSG);
	}
	/* Signed under one type, presented as another. */
	signed_ = fixture_sign(fixture.key, "application/vnd.merlon.statement.v2+json",
			       payload, length);
	strstr((char *)signed_.data, ".v2+")[2] = '1';
	assert_int_equal(verify_envelope((char *)signed_.data), -EBADMSG);
	free(payload);
}

/* ----------------------------------------------------------- statement */

static int verify_statement(const char *payload, size_t length)
{
	struct ml_bytes signed_ = fixture_sign(fixture.key, FIXTURE_TYPE, payload, length);

	return verify_envelope((char *)signed_.data);
}

/* A statement of which any field may be wrong; NULL: as it should be. */
struct text {
	const char *epoch, *expires, *issued, *network, *not_before, *root, *serial, *size;
	const char *more;
};

static int verify_text(struct text text)
{
	char root[70], *payload = NULL;
	int length, r;

	root[0] = '"';
	sodium_bin2hex(root + 1, 65, fixture.statement.root, 32);
	strcat(root, "\"");
	length = asprintf(&payload,
			  "{\"epoch\":%s,\"expires\":%s,\"issued\":%s,\"network\":%s,"
			  "\"notBefore\":%s,\"root\":%s,\"serial\":%s,\"treeSize\":%s%s}",
			  text.epoch ? text.epoch : "2",
			  text.expires ? text.expires : "1768435200",
			  text.issued ? text.issued : "1767225600",
			  text.network ? text.network : "\"example-net\"",
			  text.not_before ? text.not_before : "1767225600",
			  text.root ? text.root : root, text.serial ? text.serial : "7",
			  text.size ? text.size : "3", text.more ? text.more : "");
	r = verify_statement(payload, length);
	free(payload);
	return r;
}

static void test_statement_numbers(void **state)
{
	static const char *const bad[] = {
		"-1", "1.0", "1e3", "\"1\"", "null", "true", "[]", "{}",
		"9223372036854775808", "18446744073709551616",
	};
	size_t i;

	(void)state;
	assert_int_equal(verify_text((struct text){ 0 }), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(verify_text((struct text){ .epoch = bad[i] }), -EBADMSG);
		assert_int_equal(verify_text((struct text){ .serial = bad[i] }), -EBADMSG);
		assert_int_equal(verify_text((struct text){ .issued = bad[i] }), -EBADMSG);
		assert_int_equal(verify_text((struct text){ .not_before = bad[i] }), -EBADMSG);
		assert_int_equal(verify_text((struct text){ .expires = bad[i] }), -EBADMSG);
		assert_int_equal(verify_text((struct text){ .size = bad[i] }), -EBADMSG);
		assert_int_equal(verify_text((struct text){ .network = bad[i] }),
				 bad[i][0] == '"' ? -EXDEV : -EBADMSG);
		assert_int_equal(verify_text((struct text){ .root = bad[i] }), -EBADMSG);
	}
	assert_int_equal(verify_text((struct text){ .epoch = "0" }), 0);
	assert_int_equal(verify_text((struct text){ .epoch = "9223372036854775807" }), 0);
	assert_int_equal(verify_text((struct text){ .serial = "9223372036854775807" }), 0);
	assert_int_equal(verify_text((struct text){ .serial = "0" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .size = "0" }), -EBADMSG);
}

static void test_statement_dates(void **state)
{
	const char *top = "253402300799", *beyond = "253402300800";

	(void)state;
	assert_int_equal(verify_text((struct text){ .expires = top }), 0);
	assert_int_equal(verify_text((struct text){ .expires = beyond }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .expires = top, .not_before = top }), 0);
	assert_int_equal(verify_text((struct text){ .expires = "1767225600" }), 0);
	assert_int_equal(verify_text((struct text){ .expires = "1767225599" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .not_before = "1768435201" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .issued = "1768435201" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .issued = "0", .not_before = "0",
						    .expires = "0" }), 0);
}

static void test_statement_keys(void **state)
{
	static const char *const bad[] = {
		"", "null", "[]", "{}", "{", "\"\"", "7", "{\"epoch\":2}", "\xff\xfe",
		"{\"\\u0000\":1}",
	};
	size_t i;

	(void)state;
	assert_int_equal(verify_text((struct text){ .more = ",\"more\":1" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .more = ",\"epoch\":2" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .more = "}{" }), -EBADMSG);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(verify_statement(bad[i], strlen(bad[i])), -EBADMSG);
	/* JSON, a NUL, and something behind it. */
	assert_int_equal(verify_statement("{}\0{}", 5), -EBADMSG);
}

static void test_names(void **state)
{
	char longest[67];

	(void)state;
	assert_true(ml_name_valid("a"));
	assert_true(ml_name_valid("0.a_b-c"));
	assert_false(ml_name_valid(""));
	assert_false(ml_name_valid(".a"));
	assert_false(ml_name_valid("-a"));
	assert_false(ml_name_valid("_a"));
	assert_false(ml_name_valid("A"));
	assert_false(ml_name_valid("a/b"));
	assert_false(ml_name_valid("a b"));
	assert_false(ml_name_valid("a\n"));
	assert_false(ml_name_valid("ä"));
	memset(longest, 'n', 65);
	longest[64] = 0;
	assert_true(ml_name_valid(longest));
	longest[64] = 'n';
	longest[65] = 0;
	assert_false(ml_name_valid(longest));
	assert_int_equal(verify_text((struct text){ .network = "\"Example-net\"" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .network = "\"../net\"" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .network = "\"\"" }), -EBADMSG);
}

static void test_tree_size(void **state)
{
	(void)state;
	assert_int_equal(verify_text((struct text){ .size = "2" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .size = "4" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .size = "1" }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .size = "9223372036854775807" }), -EBADMSG);
}

static void test_root_text(void **state)
{
	char hex[70];
	size_t i;

	(void)state;
	hex[0] = '"';
	sodium_bin2hex(hex + 1, 65, fixture.statement.root, 32);
	for (i = 1; hex[i]; i++)
		hex[i] = hex[i] >= 'a' ? hex[i] - 'a' + 'A' : hex[i];
	strcpy(hex + 65, "\"");
	assert_int_equal(verify_text((struct text){ .root = hex }), -EBADMSG);
	sodium_bin2hex(hex + 1, 65, fixture.statement.root, 32);
	strcpy(hex + 64, "\"");
	assert_int_equal(verify_text((struct text){ .root = hex }), -EBADMSG);
	assert_int_equal(verify_text((struct text){ .root = "\"\"" }), -EBADMSG);
}

/* --------------------------------------------------------------- proof */

static int verify_proof(const char *text)
{
	struct parts parts = parts_of(&fixture, text);

	return verify_parts(&parts, 5);
}

static void test_proof(void **state)
{
	const char *hash = strchr(proof, '[') + 1;
	char text[8192];

	(void)state;
	assert_int_equal(verify_proof(proof), 0);
	snprintf(text, sizeof(text), "{\"hashes\":[],\"index\":2}");
	assert_int_equal(verify_proof(text), -EBADMSG);
	snprintf(text, sizeof(text), "{\"hashes\":[%.66s,%.66s],\"index\":2}", hash, hash);
	assert_int_equal(verify_proof(text), -EBADMSG);
	snprintf(text, sizeof(text), "{\"hashes\":[%.66s],\"index\":1}", hash);
	assert_int_equal(verify_proof(text), -EBADMSG);
	snprintf(text, sizeof(text), "{\"hashes\":[%.66s],\"index\":3}", hash);
	assert_int_equal(verify_proof(text), -EBADMSG);
	snprintf(text, sizeof(text), "{\"hashes\":[%.66s],\"index\":-1}", hash);
	assert_int_equal(verify_proof(text), -EBADMSG);
	snprintf(text, sizeof(text), "{\"hashes\":[%.66s],\"index\":2.0}", hash);
	assert_int_equal(verify_proof(text), -EBADMSG);
	snprintf(text, sizeof(text), "{\"index\":2,\"hashes\":[%.66s]}", hash);
	assert_int_equal(verify_proof(text), -EBADMSG);
	snprintf(text, sizeof(text), "{\"hashes\": [%.66s],\"index\":2}", hash);
	assert_int_equal(verify_proof(text), -EBADMSG);
	snprintf(text, sizeof(text), "{\"hashes\":[%.66s],\"index\":2,\"z\":0}", hash);
	assert_int_equal(verify_proof(text), -EBADMSG);
	snprintf(text, sizeof(text), "{\"hashes\":[%.66s],\"index\":2}\n", hash);
	assert_int_equal(verify_proof(text), -EBADMSG);
	assert_int_equal(verify_proof("{\"hashes\":[1],\"index\":2}"), -EBADMSG);
	assert_int_equal(verify_proof("{\"hashes\":{},\"index\":2}"), -EBADMSG);
}

static void test_proof_of_many_hashes(void **state)
{
	const char *hash = strchr(proof, '[') + 1;
	char text[8192];
	size_t length, i;

	(void)state;
	length = snprintf(text, sizeof(text), "{\"hashes\":[");
	for (i = 0; i < 64; i++)
		length += snprintf(text + length, sizeof(text) - length, "%s%.66s",
				   i ? "," : "", hash);
	snprintf(text + length, sizeof(text) - length, "],\"index\":2}");
	assert_int_equal(verify_proof(text), -EBADMSG);
}

/* Another node's leaf, with this proof and with its own. */
static void test_leaves_swapped(void **state)
{
	struct parts parts = parts_of(&fixture, proof);
	struct ml_merkle_tree *tree;
	uint8_t *file;
	size_t length;

	(void)state;
	parts.record[2] = fixture.leaves[1].leaf;
	assert_int_equal(verify_parts(&parts, 5), -EBADMSG);
	assert_int_equal(ml_leaf_tree(fixture.leaves, FIXTURE_NODES, &tree, NULL), 0);
	assert_int_equal(ml_bundle_format_in(fixture.envelope, tree, &fixture.leaves[1], 1,
					     fixture.image, fixture.rules, &file, &length,
					     NULL), 0);
	assert_int_equal(verify((struct ml_bytes){ file, length }, &fixture.trust), -EXDEV);
	ml_merkle_tree_free(tree);
	free(file);
}

/* ---------------------------------------------------------------- leaf */

/* A tree of this one leaf, properly signed. */
static int verify_leaf(const char *text, size_t length)
{
	struct ml_statement statement = fixture.statement;
	struct parts parts = parts_of(&fixture, "{\"hashes\":[],\"index\":0}");
	struct ml_merkle_hash hash;
	char *payload = NULL, root[65];
	int size, r;

	ml_merkle_leaf(text, length, &hash);
	sodium_bin2hex(root, sizeof(root), hash.bytes, 32);
	size = asprintf(&payload,
			"{\"epoch\":2,\"expires\":%lld,\"issued\":1,\"network\":\"example-net\","
			"\"notBefore\":1,\"root\":\"%s\",\"serial\":7,\"treeSize\":1}",
			(long long)statement.expires, root);
	parts.record[0] = fixture_sign(fixture.key, FIXTURE_TYPE, payload, size);
	parts.record[2] = (struct ml_bytes){ (const uint8_t *)text, length };
	r = verify_parts(&parts, 5);
	free((void *)parts.record[0].data);
	free(payload);
	return r;
}

static int verify_leaf_edit(const char *from, const char *to)
{
	char *text = strndup((const char *)fixture.leaves[2].leaf.data,
			     fixture.leaves[2].leaf.length);
	char *at = strstr(text, from), *edited = NULL;
	int length, r;

	assert_non_null(at);
	*at = 0;
	length = asprintf(&edited, "%s%s%s", text, to, at + strlen(from));
	r = verify_leaf(edited, length);
	free(edited);
	free(text);
	return r;
}

static void test_leaf(void **state)
{
	(void)state;
	assert_int_equal(verify_leaf_edit("{", "{"), 0);
	assert_int_equal(verify_leaf_edit("\"format\":1", "\"format\":2"), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"format\":1", "\"format\":\"1\""), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"format\":1,", ""), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"format\":1", "\"format\":1,\"z\":1"), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"format\":1", "\"format\":1,\"format\":1"),
			 -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"bytes\":31", "\"bytes\":30"), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"bytes\":31", "\"bytes\":-1"), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"bytes\":31", "\"bytes\":31,\"z\":1"), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"image\":", "\"Image\":"), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"image\":", "\"z\":{},\"image\":"), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"sha256\":\"", "\"sha256\":\"0"), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"config\":{", "\"config\":[],\"z\":{"), -EBADMSG);
	assert_int_equal(verify_leaf_edit("example-net", "example-net2"), -EXDEV);
	assert_int_equal(verify_leaf_edit("\"gamma\"", "\"beta\""), -EXDEV);
	assert_int_equal(verify_leaf_edit("\"gamma\"", "\"Gamma\""), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"gamma\"", "\"\""), -EBADMSG);
	assert_int_equal(verify_leaf_edit("\"gamma\"", "null"), -EBADMSG);
	assert_int_equal(verify_leaf("", 0), -EBADMSG);
	assert_int_equal(verify_leaf("[]", 2), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_written_by_hand),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_bytes_behind),
		cmocka_unit_test(test_whom_it_is_for),
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_records_moved),
		cmocka_unit_test(test_record_limits),
		cmocka_unit_test(test_envelope_has_one_form),
		cmocka_unit_test(test_envelope_has_one_signature),
		cmocka_unit_test(test_payload_type),
		cmocka_unit_test(test_statement_numbers),
		cmocka_unit_test(test_statement_dates),
		cmocka_unit_test(test_statement_keys),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_tree_size),
		cmocka_unit_test(test_root_text),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_proof_of_many_hashes),
		cmocka_unit_test(test_leaves_swapped),
		cmocka_unit_test(test_leaf),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
