// SPDX-License-Identifier: MIT
/*
 * Root documents from strangers. The first byte chooses what the others are:
 *
 *	0 an envelope		2 a payload, signed as a successor must be
 *	1 edits of a good one
 *
 * Without a key, only the good document may come out, whatever it is wrapped in;
 * with the keys, only one that follows, and that is written as it was read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/trust_fixture.h"

static struct ml_root old, good_root;
static struct ml_bytes good;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct ml_root next;

	(void)argc;
	(void)argv;
	fixture_need(ml_keys_setup(NULL), "libsodium");
	old = root_of(1);
	next = root_of(2);
	good = root_signed(&next, KEYS(1, 2));
	fixture_need(ml_root_succeed(&old, good, &good_root, NULL), "root");
	return 0;
}

static bool accepted(struct ml_bytes envelope, struct ml_root *ret)
{
	struct ml_error error = { 0 };
	int r = ml_root_succeed(&old, envelope, ret, &error);

	if (r && (error.code != r || !error.text[0]))
		abort();
	return !r;
}

static void must_be_the_good_one(struct ml_bytes envelope)
{
	struct ml_root root;
	uint8_t *more;
	size_t length;

	if (accepted(envelope, &root) && memcmp(root.digest, good_root.digest, 32))
		abort();
	if (ml_root_sign(&old, envelope, key_of(3), &more, &length, NULL))
		return;
	/* What could be signed can be read, and says the same. */
	fixture_need(ml_root_peek((struct ml_bytes){ more, length }, &root, NULL), "signed");
	free(more);
}

/* Triples: where (two bytes) and what to put there. */
static void fuzz_edits(const uint8_t *data, size_t size)
{
	uint8_t *text = malloc(good.length);

	fixture_need(text ? 0 : -12, "memory");
	memcpy(text, good.data, good.length);
	for (; size >= 3; data += 3, size -= 3)
		text[(data[0] | data[1] << 8) % good.length] = data[2];
	must_be_the_good_one((struct ml_bytes){ text, good.length });
	free(text);
}

static void fuzz_payload(const uint8_t *data, size_t size)
{
	struct ml_bytes envelope = signed_by(ML_ROOT_TYPE, data, size, KEYS(1, 2, 3));
	struct ml_bytes again;
	struct ml_root root, root_again;

	if (accepted(envelope, &root)) {
		again = root_signed(&root, KEYS(1, 2, 3));
		if (root.version != 2 || root.epoch < old.epoch ||
		    strcmp(root.network, old.network) || !accepted(again, &root_again) ||
		    memcmp(root.digest, root_again.digest, 32))
			abort();
		drop(again);
	}
	drop(envelope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0:
		must_be_the_good_one((struct ml_bytes){ data + 1, size - 1 });
		break;
	case 1:
		fuzz_edits(data + 1, size - 1);
		break;
	case 2:
		fuzz_payload(data + 1, size - 1);
		break;
	}
	return 0;
}
