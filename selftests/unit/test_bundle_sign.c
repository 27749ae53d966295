// SPDX-License-Identifier: MIT
/*
 * The signing side of bundles: what it refuses, what a renewal leaves as it
 * was, and a network of many nodes. A network of three nodes (alpha, beta,
 * gamma).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "bundle.h"
#include "bundle_fixture.h"
#include "bundle_format.h"

static struct fixture fixture;

static int setup(void **state)
{
	(void)state;
	fixture_setup(&fixture);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_teardown(&fixture);
	return 0;
}

static int sign(struct ml_statement *statement, const struct ml_leaf_input *leaves,
		size_t count)
{
	struct ml_statement before = *statement;
	uint8_t *envelope = NULL;
	size_t length;
	int r = ml_statement_sign(statement, leaves, count, fixture.key, &envelope, &length,
				  NULL);

	if (r)
		assert_memory_equal(statement, &before, sizeof(before));
	free(envelope);
	return r;
}

static void test_sign_refuses(void **state)
{
	struct ml_leaf_input leaves[3];
	struct ml_statement statement;

	(void)state;
	memcpy(leaves, fixture.leaves, sizeof(leaves));
	statement = fixture.statement;
	assert_int_equal(sign(&statement, leaves, 3), 0);
	assert_int_equal(sign(&statement, leaves, 0), -EINVAL);
	strcpy(statement.network, "other-net");
	assert_int_equal(sign(&statement, leaves, 3), -EINVAL);
	strcpy(statement.network, "Example");
	assert_int_equal(sign(&statement, leaves, 3), -EINVAL);
	statement = fixture.statement;
	statement.expires = statement.issued - 1;
	assert_int_equal(sign(&statement, leaves, 3), -EINVAL);
	statement = fixture.statement;
	statement.serial = 0;
	assert_int_equal(sign(&statement, leaves, 3), -EINVAL);
	statement.serial = 1ull << 63;
	assert_int_equal(sign(&statement, leaves, 3), -EINVAL);
	statement = fixture.statement;
	leaves[1] = fixture.leaves[0];
	assert_int_equal(sign(&statement, leaves, 3), -EINVAL);
	leaves[0] = fixture.leaves[1];
	assert_int_equal(sign(&statement, leaves, 3), -EINVAL);
	leaves[0].node = "aaa";
	assert_int_equal(sign(&statement, leaves, 1), -EINVAL);
}

static void test_format_refuses(void **state)
{
	struct ml_leaf_input leaves[3];
	uint8_t *file = NULL;
	size_t length = 0;

	(void)state;
	memcpy(leaves, fixture.leaves, sizeof(leaves));
	assert_int_equal(ml_bundle_format(fixture.envelope, leaves, 3, 3, fixture.image,
					  fixture.rules, &file, &length, NULL), -EINVAL);
	assert_int_equal(ml_bundle_format(fixture.envelope, leaves, 2, 0, fixture.image,
					  fixture.rules, &file, &length, NULL), -EINVAL);
	assert_int_equal(ml_bundle_format(fixture.envelope, leaves, 3, 0, fixture.rules,
					  fixture.rules, &file, &length, NULL), -EBADMSG);
	assert_int_equal(ml_bundle_format(fixture.envelope, leaves, 3, 0, fixture.image,
					  fixture.image, &file, &length, NULL), -EBADMSG);
	leaves[0].leaf = leaves[1].leaf;
	assert_int_equal(ml_bundle_format(fixture.envelope, leaves, 3, 2, fixture.image,
					  fixture.rules, &file, &length, NULL), -EINVAL);
	assert_null(file);
}

static void test_leaf_refuses(void **state)
{
	json_t *object = json_object(), *array = json_array();
	struct ml_bytes some = bytes_of("x"), huge = { some.data, (128u << 20) + 1 };
	uint8_t *leaf = NULL;
	size_t length;

	(void)state;
	assert_int_equal(ml_leaf_format("Net", "node", object, some, some, &leaf, &length,
					NULL), -EINVAL);
	assert_int_equal(ml_leaf_format("net", "", object, some, some, &leaf, &length, NULL),
			 -EINVAL);
	assert_int_equal(ml_leaf_format("net", "node", array, some, some, &leaf, &length,
					NULL), -EINVAL);
	assert_int_equal(ml_leaf_format("net", "node", NULL, some, some, &leaf, &length,
					NULL), -EINVAL);
	assert_int_equal(ml_leaf_format("net", "node", object, huge, some, &leaf, &length,
					NULL), -E2BIG);
	assert_null(leaf);
	json_decref(object);
	json_decref(array);
}

/* The leaf's text, byte for byte, whatever order its config was made in. */
static void test_leaf_text(void **state)
{
	json_t *config = json_pack("{s:i, s:{s:b, s:b}}", "z", 1, "a", "d", 1, "c", 0);
	uint8_t *leaf;
	size_t length;

	(void)state;
	assert_int_equal(ml_leaf_format("net", "node", config, bytes_of("abc"), bytes_of(""),
					&leaf, &length, NULL), 0);
	assert_string_equal((char *)leaf,
			    "{\"blocks\":{\"image\":{\"bytes\":3,\"sha256\":\""
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
			    "\"},\"rules\":{\"bytes\":0,\"sha256\":\""
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
			    "\"}},\"config\":{\"a\":{\"c\":false,\"d\":true},\"z\":1},"
			    "\"format\":1,\"network\":\"net\",\"node\":\"node\"}");
	assert_int_equal(length, strlen((char *)leaf));
	json_decref(config);
	free(leaf);
}

/* Signed again a day later: the same root, the same leaf and proof. */
static void test_renewal(void **state)
{
	struct ml_statement renewed = fixture.statement;
	struct ml_bundle before, after;
	struct ml_bytes file = fixture_bundle(&fixture), again;
	uint8_t *text;
	size_t length;

	(void)state;
	renewed.serial++;
	renewed.issued += FIXTURE_DAY;
	renewed.expires += FIXTURE_DAY;
	assert_int_equal(ml_statement_sign(&renewed, fixture.leaves, 3, fixture.key, &text,
					   &length, NULL), 0);
	assert_memory_equal(renewed.root, fixture.statement.root, 32);
	assert_int_equal(ml_bundle_format((struct ml_bytes){ text, length }, fixture.leaves, 3,
					  2, fixture.image, fixture.rules,
					  (uint8_t **)&again.data, &again.length, NULL), 0);
	assert_int_equal(ml_bundle_verify(file, &fixture.trust, &before, NULL), 0);
	assert_int_equal(ml_bundle_verify(again, &fixture.trust, &after, NULL), 0);
	assert_memory_equal(before.image_digest, after.image_digest, 32);
	assert_memory_equal(before.leaf.data, after.leaf.data, before.leaf.length);
	assert_memory_equal(before.proof.data, after.proof.data, before.proof.length);
	free(text);
	free((void *)file.data);
	free((void *)again.data);
}

/* An image of megabytes and a thousand nodes, each with its own proof. */
static void test_many_nodes(void **state)
{
	enum { COUNT = 1000 };
	static struct ml_leaf_input leaves[COUNT];
	static char names[COUNT][8];
	struct ml_statement statement = fixture.statement;
	json_t *config = json_object();
	struct ml_trust trust = fixture.trust;
	struct ml_merkle_tree *tree;
	struct ml_bundle bundle;
	uint8_t *text, *file;
	size_t i, length, size;

	(void)state;
	for (i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "n%04zu", i);
		leaves[i].node = names[i];
		assert_int_equal(ml_leaf_format("example-net", names[i], config,
						fixture.image, fixture.rules,
						(uint8_t **)&leaves[i].leaf.data,
						&leaves[i].leaf.length, NULL), 0);
	}
	assert_int_equal(ml_statement_sign(&statement, leaves, COUNT, fixture.key, &text,
					   &length, NULL), 0);
	assert_int_equal(ml_leaf_tree(leaves, COUNT, &tree, NULL), 0);
	for (i = 0; i < COUNT; i++) {
		assert_int_equal(ml_bundle_format_in((struct ml_bytes){ text, length }, tree,
						     &leaves[i], i, fixture.image,
						     fixture.rules, &file, &size, NULL), 0);
		strcpy(trust.node, names[i]);
		assert_int_equal(ml_bundle_verify((struct ml_bytes){ file, size }, &trust,
						  &bundle, NULL), 0);
		strcpy(trust.node, names[(i + 1) % COUNT]);
		assert_int_equal(ml_bundle_verify((struct ml_bytes){ file, size }, &trust,
						  &bundle, NULL), -EXDEV);
		free(file);
	}
	for (i = 0; i < COUNT; i++)
		free((void *)leaves[i].leaf.data);
	ml_merkle_tree_free(tree);
	json_decref(config);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign_refuses),
		cmocka_unit_test(test_format_refuses),
		cmocka_unit_test(test_leaf_refuses),
		cmocka_unit_test(test_leaf_text),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_many_nodes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
