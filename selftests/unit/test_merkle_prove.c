// SPDX-License-Identifier: MIT
/*
 * Proofs made node by node, and proofs that one tree extends another, against the
 * recursions of RFC 6962, 2.1.1 and 2.1.2, written down as the RFC has them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "keys.h"
#include "merkle.h"

#define LEAVES 84

static struct ml_merkle_hash leaves[LEAVES];

static int setup(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < LEAVES; i++)
		ml_merkle_leaf(&i, sizeof(i), &leaves[i]);
	return ml_keys_setup(NULL);
}

/* --------------------------------------------------------------- oracle */

static size_t oracle_split(size_t n)
{
	size_t k = 1;

	while (k * 2 < n)
		k *= 2;
	return k;
}

/* MTH(D[n]) */
static struct ml_merkle_hash oracle_root(const struct ml_merkle_hash *d, size_t n)
{
	struct ml_merkle_hash left, right, hash;
	uint8_t input[65] = { 1 };

	if (!n) {
		crypto_hash_sha256(hash.bytes, NULL, 0);
		return hash;
	}
	if (n == 1)
		return d[0];
	left = oracle_root(d, oracle_split(n));
	right = oracle_root(d + oracle_split(n), n - oracle_split(n));
	memcpy(input + 1, left.bytes, 32);
	memcpy(input + 33, right.bytes, 32);
	crypto_hash_sha256(hash.bytes, input, sizeof(input));
	return hash;
}

/* PATH(m, D[n]) */
static size_t oracle_path(const struct ml_merkle_hash *d, size_t m, size_t n,
			  struct ml_merkle_hash *path)
{
	size_t k = oracle_split(n), length;

	if (n == 1)
		return 0;
	if (m < k) {
		length = oracle_path(d, m, k, path);
		path[length] = oracle_root(d + k, n - k);
	} else {
		length = oracle_path(d + k, m - k, n - k, path);
		path[length] = oracle_root(d, k);
	}
	return length + 1;
}

/* SUBPROOF(m, D[n], b) */
static size_t oracle_subproof(const struct ml_merkle_hash *d, size_t m, size_t n, int b,
			      struct ml_merkle_hash *proof)
{
	size_t k = oracle_split(n), length;

	if (m == n) {
		if (!b)
			proof[0] = oracle_root(d, n);
		return b ? 0 : 1;
	}
	if (m <= k) {
		length = oracle_subproof(d, m, k, b, proof);
		proof[length] = oracle_root(d + k, n - k);
	} else {
		length = oracle_subproof(d + k, m - k, n - k, 0, proof);
		proof[length] = oracle_root(d, k);
	}
	return length + 1;
}

/* --------------------------------------------------------------- making */

/* Nodes, as a log would have them; asking for one that is not whole is a mistake. */
static uint64_t source_size;

static int source_node(void *arg, unsigned int level, uint64_t index,
		       struct ml_merkle_hash *ret, struct ml_error *error)
{
	(void)arg;
	(void)error;
	assert_true((index + 1) << level <= source_size);
	*ret = oracle_root(leaves + (index << level), (size_t)1 << level);

	return 0;
}

static const struct ml_merkle_source source = { source_node, NULL };

static void test_paths(void **state)
{
	struct ml_merkle_hash want[ML_MERKLE_DEPTH], got[ML_MERKLE_DEPTH], root, found;
	size_t n, m, length, found_length;

	(void)state;
	for (n = 1; n <= LEAVES; n++) {
		source_size = n;
		root = oracle_root(leaves, n);
		assert_int_equal(ml_merkle_source_root(&source, n, &found, NULL), 0);
		assert_memory_equal(found.bytes, root.bytes, 32);
		for (m = 0; m < n; m++) {
			length = oracle_path(leaves, m, n, want);
			assert_int_equal(ml_merkle_source_prove(&source, m, n, got, &found_length,
								NULL), 0);
			assert_int_equal(found_length, length);
			assert_memory_equal(got, want, length * 32);
			assert_int_equal(ml_merkle_verify(&leaves[m], m, n, got, length, &root,
							  NULL), 0);
		}
	}
	assert_int_equal(ml_merkle_source_prove(&source, 5, 5, got, &length, NULL), -EINVAL);
	assert_int_equal(ml_merkle_source_prove(&source, 0, 0, got, &length, NULL), -EINVAL);
}

static void check_pair(size_t m, size_t n, const struct ml_merkle_hash *old,
		       const struct ml_merkle_hash *root)
{
	struct ml_merkle_hash want[ML_MERKLE_DEPTH + 1], got[ML_MERKLE_DEPTH];
	size_t length = m ? oracle_subproof(leaves, m, n, 1, want) : 0, found;

	source_size = n;
	assert_int_equal(ml_merkle_source_extend(&source, m, n, got, &found, NULL), 0);
	assert_int_equal(found, length);
	assert_memory_equal(got, want, length * 32);
	assert_int_equal(ml_merkle_verify_extends(m, old, n, root, got, length, NULL), 0);
}

static void test_extensions(void **state)
{
	struct ml_merkle_hash roots[LEAVES + 1];
	size_t m, n;

	(void)state;
	for (n = 0; n <= LEAVES; n++)
		roots[n] = oracle_root(leaves, n);
	for (n = 0; n <= LEAVES; n++)
		for (m = 0; m <= n; m++)
			check_pair(m, n, &roots[m], &roots[n]);
	assert_int_equal(ml_merkle_source_extend(&source, 3, 2, roots, &m, NULL), -EINVAL);
}

/* ------------------------------------------------------------- refusing */

static int verdict(size_t m, const struct ml_merkle_hash *old, size_t n,
		   const struct ml_merkle_hash *root, const struct ml_merkle_hash *proof,
		   size_t length)
{
	struct ml_error error = { 0 };
	int r = ml_merkle_verify_extends(m, old, n, root, proof, length, &error);

	assert_int_equal(error.code, r);
	return r;
}

static void check_refusals(size_t m, size_t n)
{
	struct ml_merkle_hash proof[ML_MERKLE_DEPTH + 2] = { 0 }, old, root, other;
	size_t length = oracle_subproof(leaves, m, n, 1, proof), bit, i;

	old = oracle_root(leaves, m);
	root = oracle_root(leaves, n);
	assert_int_equal(verdict(m, &old, n, &root, proof, length), 0);
	for (i = 0; i <= length + 1; i++)
		assert_int_equal(verdict(m, &old, n, &root, proof, i), i == length ? 0 : -EBADMSG);
	for (bit = 0; bit < length * 256; bit += 5) {
		proof[bit / 256].bytes[bit % 256 / 8] ^= 1 << bit % 8;
		assert_int_equal(verdict(m, &old, n, &root, proof, length), -EBADMSG);
		proof[bit / 256].bytes[bit % 256 / 8] ^= 1 << bit % 8;
	}
	for (bit = 0; bit < 256; bit++) {
		other = old;
		other.bytes[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(verdict(m, &other, n, &root, proof, length), -EBADMSG);
		other = root;
		other.bytes[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(verdict(m, &old, n, &other, proof, length), -EBADMSG);
	}
}

static void test_refusals(void **state)
{
	size_t m, n;

	(void)state;
	for (n = 1; n <= LEAVES; n += 1 + n / 7)
		for (m = 1; m <= n; m += 1 + m / 5)
			check_refusals(m, n);
}

/* A log that changed one old entry has no proof, whatever it sends. */
static void test_fork(void **state)
{
	struct ml_merkle_hash forked[40], proof[ML_MERKLE_DEPTH], old, root;
	size_t i, length;

	(void)state;
	old = oracle_root(leaves, 23);
	for (i = 0; i < 23; i++) {
		memcpy(forked, leaves, sizeof(forked));
		forked[i].bytes[0] ^= 1;
		root = oracle_root(forked, 40);
		length = oracle_subproof(forked, 23, 40, 1, proof);
		assert_int_equal(verdict(23, &old, 40, &root, proof, length), -EBADMSG);
		length = oracle_subproof(leaves, 23, 40, 1, proof);
		assert_int_equal(verdict(23, &old, 40, &root, proof, length), -EBADMSG);
	}
}

static void test_empty(void **state)
{
	struct ml_merkle_hash empty = oracle_root(leaves, 0), root = oracle_root(leaves, 9);

	(void)state;
	assert_int_equal(verdict(0, &empty, 9, &root, NULL, 0), 0);
	assert_int_equal(verdict(0, &empty, 0, &empty, NULL, 0), 0);
	assert_int_equal(verdict(0, &root, 9, &root, NULL, 0), -EBADMSG);
	assert_int_equal(verdict(0, &empty, 0, &root, NULL, 0), -EBADMSG);
	assert_int_equal(verdict(0, &empty, 9, &root, &root, 1), -EBADMSG);
	assert_int_equal(verdict(9, &root, 0, &empty, NULL, 0), -EBADMSG);
	assert_int_equal(verdict(9, &root, 9, &root, NULL, 0), 0);
	assert_int_equal(verdict(9, &root, 9, &root, &root, 1), -EBADMSG);
	assert_int_equal(verdict(UINT64_MAX, &root, UINT64_MAX, &root, NULL, 0), 0);
	assert_int_equal(verdict(3, &root, UINT64_MAX, &root, &root, 1), -EBADMSG);
}

/* Zeros all the way down: the largest tree's proof has as many hashes as there is room. */
static int zero_node(void *arg, unsigned int level, uint64_t index,
		     struct ml_merkle_hash *ret, struct ml_error *error)
{
	static const struct ml_merkle_hash zero;
	unsigned int i;

	(void)arg;
	(void)error;
	assert_true(level <= 62 && index <= ML_MERKLE_SIZE >> level);
	*ret = zero;
	for (i = 0; i < level; i++)
		ml_merkle_join(ret, ret, ret);
	return 0;
}

static void test_largest(void **state)
{
	const struct ml_merkle_source zeros = { zero_node, NULL };
	struct ml_merkle_hash proof[ML_MERKLE_DEPTH], old, root;
	uint64_t size = ML_MERKLE_SIZE;
	size_t length;

	(void)state;
	assert_int_equal(ml_merkle_source_root(&zeros, size, &root, NULL), 0);
	assert_int_equal(ml_merkle_source_root(&zeros, size - 1, &old, NULL), 0);
	assert_int_equal(ml_merkle_source_extend(&zeros, size - 1, size, proof, &length, NULL), 0);
	assert_int_equal(length, ML_MERKLE_DEPTH);
	assert_int_equal(ml_merkle_verify_extends(size - 1, &old, size, &root, proof, length,
						  NULL), 0);
	assert_int_equal(ml_merkle_source_extend(&zeros, 1, size + 1, proof, &length, NULL),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_largest),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, NULL);
}
