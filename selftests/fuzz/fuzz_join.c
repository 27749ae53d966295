// SPDX-License-Identifier: MIT
/*
 * What nodes ask for, from strangers, and what a strange server asks them. The first
 * byte chooses what the others are:
 *
 *	0 a challenge		3 a rotation's payload, properly signed
 *	1 a join, rotation or	4 a renewal's payload, properly signed
 *	  renewal, unsigned	5 a proof
 *	2 a join's payload, properly signed
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/trust_fixture.h"
#include "join.h"
#include "rotation.h"

static struct ml_root root;
static struct ml_grant grant;
static struct ml_known_node known;
static const struct ml_fresh any = { .synchronised = false };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fixture_need(ml_keys_setup(NULL), "libsodium");
	root = root_of(1);
	strcpy(grant.network, TRUST_NETWORK);
	grant.key = public_of(41);
	ml_public_key_id(&grant.key, grant.id);
	strcpy(known.network, TRUST_NETWORK);
	strcpy(known.node, "laptop");
	known.identity = public_of(51);
	known.counter = 4;
	return 0;
}

static bool good(int r, const struct ml_error *error)
{
	if (r && (error->code != r || !error->text[0]))
		abort();
	return !r;
}

static void fuzz_challenge(struct ml_bytes text)
{
	struct ml_challenge challenge, again;
	struct ml_error error = { 0 };
	char *written = NULL;
	size_t length;

	if (!good(ml_challenge_parse(text, &root, &challenge, &error), &error))
		return;
	fixture_need(ml_challenge_format(&challenge, &written, &length, NULL), "challenge");
	fixture_need(ml_challenge_parse((struct ml_bytes){ (uint8_t *)written, length }, &root,
					&again, NULL), "challenge, again");
	if (memcmp(&challenge, &again, sizeof(again)))
		abort();
	free(written);
}

static void fuzz_unsigned(struct ml_bytes envelope)
{
	struct ml_rotation rotation;
	struct ml_renewal renewal;
	struct ml_error error = { 0 };
	struct ml_join join;

	if (good(ml_join_verify(envelope, &grant, &any, &join, &error), &error) ||
	    good(ml_rotation_verify(envelope, &known, &rotation, &error), &error) ||
	    good(ml_renewal_verify(envelope, &known, &any, &renewal, &error), &error))
		abort();
}

static void fuzz_join(struct ml_bytes envelope)
{
	struct ml_error error = { 0 };
	struct ml_join join;

	if (!good(ml_join_verify(envelope, &grant, &any, &join, &error), &error))
		return;
	if (strcmp(join.network, TRUST_NETWORK) || strcmp(join.grant, grant.id) ||
	    !ml_name_valid(join.name))
		abort();
	good(ml_join_check_proof(&join, &grant, key_of(31), &error), &error);
}

static void fuzz_rotation(struct ml_bytes envelope)
{
	struct ml_error error = { 0 };
	struct ml_rotation rotation;

	if (!good(ml_rotation_verify(envelope, &known, &rotation, &error), &error))
		return;
	if (rotation.counter <= known.counter || strcmp(rotation.node, known.node))
		abort();
	good(ml_rotation_check_proof(&rotation, &known, key_of(31), &error), &error);
}

static void fuzz_renewal(struct ml_bytes envelope)
{
	struct ml_error error = { 0 };
	struct ml_renewal renewal;

	if (good(ml_renewal_verify(envelope, &known, &any, &renewal, &error), &error) &&
	    strcmp(renewal.node, known.node))
		abort();
}

/* Nobody without a WireGuard key can make one. */
static void fuzz_proof(const uint8_t *data, size_t size)
{
	struct ml_proof_content content = { .label = "merlon-join-1" };
	uint8_t proof[ML_PROOF_BYTES] = { 0 }, wireguard[32] = { 0 };

	if (size > sizeof(wireguard) + sizeof(proof))
		size = sizeof(wireguard) + sizeof(proof);
	memcpy(wireguard, data, size < 32 ? size : 32);
	if (size > 32)
		memcpy(proof, data + 32, size - 32);
	if (!ml_proof_check(&content, proof, wireguard, key_of(31), NULL))
		abort();
}

static void fuzz_signed(const char *type, const uint8_t *data, size_t size,
			const uint8_t *numbers, void (*try)(struct ml_bytes))
{
	struct ml_bytes envelope = signed_by(type, data, size, numbers);

	try(envelope);
	drop(envelope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % 6) {
	case 0:
		fuzz_challenge((struct ml_bytes){ data + 1, size - 1 });
		break;
	case 1:
		fuzz_unsigned((struct ml_bytes){ data + 1, size - 1 });
		break;
	case 2:
		fuzz_signed(ML_JOIN_TYPE, data + 1, size - 1, KEYS(41, 51), fuzz_join);
		break;
	case 3:
		fuzz_signed(ML_ROTATION_TYPE, data + 1, size - 1, KEYS(51, 52), fuzz_rotation);
		break;
	case 4:
		fuzz_signed(ML_RENEWAL_TYPE, data + 1, size - 1, KEYS(51), fuzz_renewal);
		break;
	case 5:
		fuzz_proof(data + 1, size - 1);
		break;
	}
	return 0;
}
