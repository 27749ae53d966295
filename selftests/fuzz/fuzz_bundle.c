// SPDX-License-Identifier: MIT
/*
 * Bundles from strangers. The first byte chooses what the others are:
 *
 *	0 a file		3 a leaf, properly signed
 *	1 edits of a good file	4 one record of an otherwise good file
 *	2 a signed statement
 *
 * What is signed here is signed by the key that the verifier trusts, so that
 * the parsers behind the signature are reached without taking it out. Nothing
 * but the one good file may be accepted in the modes that cannot sign.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../unit/bundle_fixture.h"

static struct fixture fixture;
static struct ml_bytes good;
static struct ml_bundle good_bundle;
static char good_proof[8192];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fixture_setup(&fixture);
	good = fixture_bundle(&fixture);
	fixture_need(ml_bundle_verify(good, &fixture.trust, &good_bundle, NULL), "bundle");
	memcpy(good_proof, good_bundle.proof.data, good_bundle.proof.length);
	return 0;
}

static bool accepted(struct ml_bytes file)
{
	struct ml_bundle bundle;
	struct ml_error error = { 0 };
	int r = ml_bundle_verify(file, &fixture.trust, &bundle, &error);

	if (r && (error.code != r || !error.text[0]))
		abort();
	if (!r && strcmp(bundle.node, "gamma"))
		abort();
	return !r;
}

static void must_be_the_good_one(struct ml_bytes file)
{
	if (accepted(file) &&
	    (file.length != good.length || memcmp(file.data, good.data, good.length)))
		abort();
}

/* Triples: where (two bytes) and what to put there. */
static void fuzz_edits(const uint8_t *data, size_t size)
{
	uint8_t *file = malloc(good.length);

	if (!file)
		abort();
	memcpy(file, good.data, good.length);
	for (; size >= 3; data += 3, size -= 3)
		file[(data[0] | data[1] << 8) % good.length] = data[2];
	must_be_the_good_one((struct ml_bytes){ file, good.length });
	free(file);
}

static void fuzz_parts(struct parts *parts)
{
	struct ml_bytes file = parts_join(parts, 5);

	accepted(file);
	free((void *)file.data);
}

static void fuzz_statement(const uint8_t *data, size_t size)
{
	struct parts parts = parts_of(&fixture, good_proof);

	parts.record[0] = fixture_sign(fixture.key, FIXTURE_TYPE, data, size);
	fuzz_parts(&parts);
	free((void *)parts.record[0].data);
}

static void fuzz_leaf(const uint8_t *data, size_t size)
{
	struct parts parts = parts_of(&fixture, "{\"hashes\":[],\"index\":0}");
	char payload[512], root[65];
	struct ml_merkle_hash hash;
	int length;

	ml_merkle_leaf(data, size, &hash);
	sodium_bin2hex(root, sizeof(root), hash.bytes, sizeof(hash.bytes));
	length = snprintf(payload, sizeof(payload),
			  "{\"epoch\":1,\"expires\":2,\"issued\":1,\"network\":\"example-net\","
			  "\"notBefore\":1,\"root\":\"%s\",\"serial\":1,\"treeSize\":1}", root);
	parts.record[0] = fixture_sign(fixture.key, FIXTURE_TYPE, payload, length);
	parts.record[2] = (struct ml_bytes){ data, size };
	fuzz_parts(&parts);
	free((void *)parts.record[0].data);
}

static void fuzz_record(const uint8_t *data, size_t size)
{
	struct parts parts = parts_of(&fixture, good_proof);
	struct ml_bytes file;

	if (!size)
		return;
	parts.record[data[0] % 5] = (struct ml_bytes){ data + 1, size - 1 };
	file = parts_join(&parts, 5);
	must_be_the_good_one(file);
	free((void *)file.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % 5) {
	case 0:
		must_be_the_good_one((struct ml_bytes){ data + 1, size - 1 });
		break;
	case 1:
		fuzz_edits(data + 1, size - 1);
		break;
	case 2:
		fuzz_statement(data + 1, size - 1);
		break;
	case 3:
		fuzz_leaf(data + 1, size - 1);
		break;
	case 4:
		fuzz_record(data + 1, size - 1);
		break;
	}
	return 0;
}
