/* SPDX-License-Identifier: MIT */
/*
 * A small network's root and those who hold its keys, for tests and fuzzers. A
 * key is a number, from which its seed is made:
 *
 *	1, 2, 3 root (2 of 3)    11, 12 membership (2 of 2)    21, 22 policy (1 of 2)
 *	31, 32 signing (1 of 2)  41 one-time    51 identity    61 WireGuard    99 nobody's
 */
#ifndef TRUST_FIXTURE_H
#define TRUST_FIXTURE_H

#include <sodium.h>

#include "bundle_fixture.h"
#include "root.h"

#define TRUST_NETWORK	"example-net"
#define TRUST_NOW	FIXTURE_ISSUED
#define TRUST_YEAR	(365 * FIXTURE_DAY)

static struct ml_secret_key *trust_keys[256];

/* Kept until trust_teardown(). */
static inline const struct ml_secret_key *key_of(uint8_t number)
{
	if (!trust_keys[number])
		trust_keys[number] = fixture_key(number);
	return trust_keys[number];
}

static inline struct ml_public_key public_of(uint8_t number)
{
	struct ml_public_key public;

	ml_secret_key_public(key_of(number), &public);
	return public;
}

static inline int trust_setup(void **state)
{
	(void)state;
	return ml_keys_setup(NULL);
}

static inline int trust_teardown(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 256; i++) {
		ml_secret_key_free(trust_keys[i]);
		trust_keys[i] = NULL;
	}
	return 0;
}

/* @numbers: of keys, ended by 0. */
static inline void role_set(struct ml_root *root, enum ml_role role, size_t threshold,
			    const uint8_t *numbers)
{
	struct ml_role_keys *keys = &root->roles[role];

	keys->threshold = threshold;
	for (keys->count = 0; numbers[keys->count]; keys->count++)
		keys->keys[keys->count] = public_of(numbers[keys->count]);
}

#define KEYS(...) ((const uint8_t[]){ __VA_ARGS__, 0 })

static inline struct ml_root root_of(uint64_t version)
{
	struct ml_root root = {
		.network = TRUST_NETWORK,
		.version = version,
		.epoch = 4,
		.expires = TRUST_NOW + TRUST_YEAR,
	};

	role_set(&root, ML_ROLE_ROOT, 2, KEYS(1, 2, 3));
	role_set(&root, ML_ROLE_MEMBERSHIP, 2, KEYS(11, 12));
	role_set(&root, ML_ROLE_POLICY, 1, KEYS(21, 22));
	role_set(&root, ML_ROLE_SIGNING, 1, KEYS(31, 32));
	return root;
}

/* Any payload, signed by these keys. malloc()ed. */
static inline struct ml_bytes signed_by(const char *type, const void *payload, size_t length,
					const uint8_t *numbers)
{
	const struct ml_secret_key *keys[16];
	uint8_t *envelope = NULL;
	size_t count, size = 0;

	for (count = 0; numbers[count]; count++)
		keys[count] = key_of(numbers[count]);
	fixture_need(ml_dsse_sign(type, payload, length, keys, count, &envelope, &size, NULL),
		     "envelope");
	return (struct ml_bytes){ envelope, size };
}

/* What an envelope of @type holds, as text. malloc()ed. */
static inline char *payload_of(const char *type, struct ml_bytes envelope)
{
	uint8_t *payload = NULL;
	size_t length = 0;

	fixture_need(ml_dsse_peek(envelope.data, envelope.length, type, &payload, &length,
				  NULL), "payload");
	return (char *)payload;
}

static inline void drop(struct ml_bytes bytes)
{
	free((void *)bytes.data);
}

/* The draft of @root, signed by these keys. malloc()ed. */
static inline struct ml_bytes root_signed(const struct ml_root *root, const uint8_t *numbers)
{
	struct ml_bytes draft, envelope;
	uint8_t *data = NULL;
	char *payload;

	fixture_need(ml_root_draft(NULL, root, &data, &draft.length, NULL), "root");
	draft.data = data;
	payload = payload_of(ML_ROOT_TYPE, draft);
	envelope = signed_by(ML_ROOT_TYPE, payload, strlen(payload), numbers);
	free(payload);
	drop(draft);
	return envelope;
}

/*
 * @text with the first @from in it replaced by @to; both must be there. malloc()ed. Inlined, it makes gcc 12
 * see a pointer that dangles (-Wdangling-pointer) where there is none.
 */
__attribute__((noinline, unused))
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *found = strstr(text, from);
	size_t size = strlen(text) + strlen(to) + 1, at;
	char *edited = malloc(size);

	if (!found || !edited) {
		fprintf(stderr, "fixture: \"%s\" is not in %s\n", from, text);
		abort();
	}
	at = (size_t)(found - text);
	memcpy(edited, text, at);
	snprintf(edited + at, size - at, "%s%s", to, text + at + strlen(from));
	return edited;
}

/* The same envelope with another payload's text, properly signed. malloc()ed. */
static inline struct ml_bytes forged(const char *type, struct ml_bytes envelope,
				     const char *from, const char *to, const uint8_t *numbers)
{
	char *payload = payload_of(type, envelope);
	char *edited = replaced(payload, from, to);
	struct ml_bytes made = signed_by(type, edited, strlen(edited), numbers);

	free(payload);
	free(edited);
	return made;
}

#endif
