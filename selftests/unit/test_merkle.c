// SPDX-License-Identifier: MIT
/*
 * Merkle trees against the certificate-transparency reference set and against
 * RFC 6962's own recursion, written down here as plainly as the RFC has it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sodium.h>

#include "keys.h"
#include "merkle.h"

#define ORACLE_LEAVES 300

static int setup(void **state)
{
	(void)state;
	return ml_keys_setup(NULL);
}

/* --------------------------------------------------------------- oracle */

static struct ml_merkle_hash oracle_leaves[ORACLE_LEAVES];

static void oracle_setup(void)
{
	uint32_t i;

	for (i = 0; i < ORACLE_LEAVES; i++)
		ml_merkle_leaf(&i, sizeof(i), &oracle_leaves[i]);
}

/* The largest power of two smaller than @n. */
static size_t oracle_split(size_t n)
{
	size_t k = 1;

	while (k * 2 < n)
		k *= 2;
	return k;
}

static struct ml_merkle_hash oracle_join(struct ml_merkle_hash left,
					 struct ml_merkle_hash right)
{
	uint8_t input[65] = { 1 };
	struct ml_merkle_hash hash;

	memcpy(input + 1, left.bytes, 32);
	memcpy(input + 33, right.bytes, 32);
	crypto_hash_sha256(hash.bytes, input, sizeof(input));
	return hash;
}

/* MTH(D[n]) */
static struct ml_merkle_hash oracle_root(const struct ml_merkle_hash *leaves, size_t n)
{
	size_t k = oracle_split(n);

	if (n == 1)
		return leaves[0];
	return oracle_join(oracle_root(leaves, k), oracle_root(leaves + k, n - k));
}

/* PATH(m, D[n]) */
static size_t oracle_path(const struct ml_merkle_hash *leaves, size_t m, size_t n,
			  struct ml_merkle_hash *path)
{
	size_t k = oracle_split(n), length;

	if (n == 1)
		return 0;
	if (m < k) {
		length = oracle_path(leaves, m, k, path);
		path[length] = oracle_root(leaves + k, n - k);
	} else {
		length = oracle_path(leaves + k, m - k, n - k, path);
		path[length] = oracle_root(leaves, k);
	}
	return length + 1;
}

/* ---------------------------------------------------- published vectors */

static const char *const reference_leaves[] = {
	"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
	"606162636465666768696a6b6c6d6e6f",
};

static const char *const reference_roots[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static const struct {
	uint64_t index, size;
	const char *path[3];
} reference_paths[] = {
	{ 0, 1, { NULL } },
	{ 0, 8, { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
		  "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		  "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
	{ 5, 8, { "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
		  "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
		  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
	{ 2, 3, { "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" } },
	{ 1, 5, { "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		  "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		  "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
};

static void reference_hashes(struct ml_merkle_hash ret[static 8])
{
	uint8_t leaf[16];
	size_t i, length;

	for (i = 0; i < 8; i++) {
		sodium_hex2bin(leaf, sizeof(leaf), reference_leaves[i],
			       strlen(reference_leaves[i]), NULL, &length, NULL);
		ml_merkle_leaf(leaf, length, &ret[i]);
	}
}

static void assert_hash(const struct ml_merkle_hash *hash, const char *hex)
{
	char text[65];

	assert_string_equal(sodium_bin2hex(text, sizeof(text), hash->bytes, 32), hex);
}

static void test_reference_roots(void **state)
{
	struct ml_merkle_hash leaves[8], root;
	struct ml_merkle merkle = { 0 };
	struct ml_merkle_tree *tree;
	size_t n;

	(void)state;
	reference_hashes(leaves);
	for (n = 0; n <= 8; n++) {
		ml_merkle_root(&merkle, &root);
		assert_hash(&root, reference_roots[n]);
		if (n) {
			assert_int_equal(ml_merkle_tree_build(leaves, n, &tree, NULL), 0);
			ml_merkle_tree_root(tree, &root);
			assert_hash(&root, reference_roots[n]);
			ml_merkle_tree_free(tree);
		}
		if (n < 8)
			ml_merkle_add(&merkle, &leaves[n]);
	}
	assert_int_equal(ml_merkle_tree_build(leaves, 0, &tree, NULL), -EINVAL);
	assert_int_equal(ml_merkle_tree_build(leaves, UINT64_MAX, &tree, NULL), -ENOMEM);
}

static void test_reference_paths(void **state)
{
	struct ml_merkle_hash leaves[8], path[ML_MERKLE_DEPTH];
	struct ml_merkle_tree *tree;
	size_t i, k, length;

	(void)state;
	reference_hashes(leaves);
	for (i = 0; i < sizeof(reference_paths) / sizeof(reference_paths[0]); i++) {
		assert_int_equal(ml_merkle_tree_build(leaves, reference_paths[i].size, &tree,
						      NULL), 0);
		length = ml_merkle_tree_prove(tree, reference_paths[i].index, path);
		for (k = 0; k < length; k++)
			assert_hash(&path[k], reference_paths[i].path[k]);
		assert_true(k == 3 || !reference_paths[i].path[k]);
		ml_merkle_tree_free(tree);
	}
}

/* ------------------------------------------------------- against oracle */

static void check_tree(size_t size)
{
	struct ml_merkle_hash want[ML_MERKLE_DEPTH], got[ML_MERKLE_DEPTH], root, tree_root;
	struct ml_merkle_tree *tree;
	size_t m, length;

	root = oracle_root(oracle_leaves, size);
	assert_int_equal(ml_merkle_tree_build(oracle_leaves, size, &tree, NULL), 0);
	assert_int_equal(ml_merkle_tree_count(tree), size);
	ml_merkle_tree_root(tree, &tree_root);
	assert_memory_equal(root.bytes, tree_root.bytes, 32);
	for (m = 0; m < size; m++) {
		length = oracle_path(oracle_leaves, m, size, want);
		assert_int_equal(ml_merkle_tree_prove(tree, m, got), length);
		assert_memory_equal(got, want, length * sizeof(got[0]));
		assert_int_equal(ml_merkle_verify(&oracle_leaves[m], m, size, got, length,
						  &root, NULL), 0);
	}
	ml_merkle_tree_free(tree);
}

static void test_all_sizes_and_indices(void **state)
{
	struct ml_merkle merkle = { 0 };
	struct ml_merkle_hash want, got;
	size_t size;

	(void)state;
	oracle_setup();
	for (size = 1; size <= ORACLE_LEAVES; size++) {
		check_tree(size);
		ml_merkle_add(&merkle, &oracle_leaves[size - 1]);
		ml_merkle_root(&merkle, &got);
		want = oracle_root(oracle_leaves, size);
		assert_memory_equal(got.bytes, want.bytes, 32);
	}
}

/* What a proof proves, it proves for one leaf, one index and one length. */
static void check_refusals(size_t size, size_t m)
{
	struct ml_merkle_hash path[ML_MERKLE_DEPTH + 1], root, none = { 0 };
	size_t length = oracle_path(oracle_leaves, m, size, path), i, bit;

	root = oracle_root(oracle_leaves, size);
	path[length] = none;
	for (i = 0; i < size + 3; i++)
		assert_int_equal(ml_merkle_verify(&oracle_leaves[m], i, size, path, length,
						  &root, NULL), i == m ? 0 : -EBADMSG);
	for (i = 0; i < ORACLE_LEAVES; i++)
		assert_int_equal(ml_merkle_verify(&oracle_leaves[i], m, size, path, length,
						  &root, NULL), i == m ? 0 : -EBADMSG);
	for (i = 0; i <= length + 1; i++)
		assert_int_equal(ml_merkle_verify(&oracle_leaves[m], m, size, path, i, &root,
						  NULL), i == length ? 0 : -EBADMSG);
	for (bit = 0; bit < length * 256; bit += 7) {
		path[bit / 256].bytes[bit % 256 / 8] ^= 1 << bit % 8;
		assert_int_equal(ml_merkle_verify(&oracle_leaves[m], m, size, path, length,
						  &root, NULL), -EBADMSG);
		path[bit / 256].bytes[bit % 256 / 8] ^= 1 << bit % 8;
	}
}

static void test_refusals(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100, 255, 256, 257 };
	size_t i, m;

	(void)state;
	oracle_setup();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (m = 0; m < sizes[i]; m += 1 + sizes[i] / 10)
			check_refusals(sizes[i], m);
}

/*
 * A proof alone does not fix the size of its tree: leaf 0 of 3 and of 4 climb the
 * same way. The size is signed beside the root, and each root has one size: with
 * another size, the last leaf's proof must fail.
 */
static void test_tree_size(void **state)
{
	struct ml_merkle_hash path[ML_MERKLE_DEPTH], root;
	size_t size, length;

	(void)state;
	oracle_setup();
	for (size = 2; size < 100; size++) {
		root = oracle_root(oracle_leaves, size);
		length = oracle_path(oracle_leaves, size - 1, size, path);
		assert_int_equal(ml_merkle_verify(&oracle_leaves[size - 1], size - 1, size - 1,
						  path, length, &root, NULL), -EBADMSG);
		if (size % 2)
			assert_int_equal(ml_merkle_verify(&oracle_leaves[size - 1], size - 1,
							  size + 1, path, length, &root, NULL),
					 -EBADMSG);
	}
	assert_int_equal(ml_merkle_verify(&oracle_leaves[0], 0, 0, path, 0, &root, NULL),
			 -EBADMSG);
	assert_int_equal(ml_merkle_verify(&oracle_leaves[0], UINT64_MAX, UINT64_MAX, path, 3,
					  &root, NULL), -EBADMSG);
}

/* An inner node is no leaf, though it hashes to the same root one level up. */
static void test_no_second_preimage(void **state)
{
	struct ml_merkle_hash leaf, root;
	uint8_t pair[64];

	(void)state;
	oracle_setup();
	root = oracle_join(oracle_leaves[0], oracle_leaves[1]);
	memcpy(pair, oracle_leaves[0].bytes, 32);
	memcpy(pair + 32, oracle_leaves[1].bytes, 32);
	ml_merkle_leaf(pair, sizeof(pair), &leaf);
	assert_int_equal(ml_merkle_verify(&leaf, 0, 1, NULL, 0, &root, NULL), -EBADMSG);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void test_many_leaves(void **state)
{
	const uint32_t count = 100000;
	struct ml_merkle_hash *leaves = calloc(count, sizeof(*leaves)), path[ML_MERKLE_DEPTH];
	struct ml_merkle_hash root, again;
	struct ml_merkle merkle = { 0 };
	struct ml_merkle_tree *tree;
	double start = seconds();
	size_t length;
	uint32_t i;

	(void)state;
	for (i = 0; i < count; i++) {
		ml_merkle_leaf(&i, sizeof(i), &leaves[i]);
		ml_merkle_add(&merkle, &leaves[i]);
	}
	ml_merkle_root(&merkle, &root);
	print_message("# 100000 leaves hashed and added in %.3f s\n", seconds() - start);
	start = seconds();
	assert_int_equal(ml_merkle_tree_build(leaves, count, &tree, NULL), 0);
	ml_merkle_tree_root(tree, &again);
	assert_memory_equal(root.bytes, again.bytes, 32);
	for (i = 0; i < count; i++) {
		length = ml_merkle_tree_prove(tree, i, path);
		if (ml_merkle_verify(&leaves[i], i, count, path, length, &root, NULL))
			fail_msg("leaf %u", i);
	}
	print_message("# 100000 proofs made and verified in %.3f s\n", seconds() - start);
	ml_merkle_tree_free(tree);
	free(leaves);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_roots),
		cmocka_unit_test(test_reference_paths),
		cmocka_unit_test(test_all_sizes_and_indices),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_tree_size),
		cmocka_unit_test(test_no_second_preimage),
		cmocka_unit_test(test_many_leaves),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, NULL);
}
