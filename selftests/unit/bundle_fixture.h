/* SPDX-License-Identifier: MIT */
/*
 * A small network with its signed bundles, for tests and fuzzers; and bundle
 * files put together by hand, by docs/formats.md alone, so that the library's
 * writer is not its own judge.
 */
#ifndef BUNDLE_FIXTURE_H
#define BUNDLE_FIXTURE_H

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "dsse.h"
#include "merkle.h"

#define FIXTURE_NODES	3
#define FIXTURE_ISSUED	1767225600	/* 2026-01-01 */
#define FIXTURE_DAY	86400
#define FIXTURE_TYPE	"application/vnd.merlon.statement.v1+json"

struct fixture {
	struct ml_secret_key *key;
	struct ml_trust trust;		/* of the last node */
	struct ml_statement statement;
	struct ml_leaf_input leaves[FIXTURE_NODES];
	struct ml_bytes image, rules;	/* the same for all */
	struct ml_bytes envelope;
};

/* A bundle in parts; any of them may be replaced by something wrong. */
struct parts {
	struct ml_bytes record[5];
	uint32_t type[5], zero[5];
	uint64_t claim[5];		/* of bytes; 0: what is true */
};

/* Programs that hold a fixture must not go on without it. */
static inline void fixture_need(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "fixture: %s: %s\n", what, strerror(-r));
	abort();
}

static inline struct ml_bytes bytes_of(const char *text)
{
	return (struct ml_bytes){ (const uint8_t *)text, strlen(text) };
}

static inline struct ml_secret_key *fixture_key(uint8_t number)
{
	struct ml_secret_key *key = NULL;
	uint8_t seed[32];

	memset(seed, number, sizeof(seed));
	fixture_need(ml_secret_key_from_seed(seed, &key, NULL), "key");
	return key;
}

static inline void fixture_leaves(struct fixture *fixture)
{
	static const char *const names[] = { "alpha", "beta", "gamma" };
	json_t *config = json_pack("{s:s, s:[s]}", "scope", "tunnels", "addresses",
				   "10.0.0.1/32");
	uint8_t *leaf = NULL;
	size_t i, length = 0;

	for (i = 0; i < FIXTURE_NODES; i++) {
		fixture_need(ml_leaf_format("example-net", names[i], config, fixture->image,
					    fixture->rules, &leaf, &length, NULL), "leaf");
		fixture->leaves[i].node = names[i];
		fixture->leaves[i].leaf = (struct ml_bytes){ leaf, length };
	}
	json_decref(config);
}

static inline void fixture_trust(struct fixture *fixture)
{
	struct ml_trust *trust = &fixture->trust;

	memset(trust, 0, sizeof(*trust));
	strcpy(trust->network, "example-net");
	strcpy(trust->node, "gamma");
	trust->key_count = 1;
	ml_secret_key_public(fixture->key, &trust->keys[0]);
}

static inline void fixture_statement(struct fixture *fixture)
{
	struct ml_statement *statement = &fixture->statement;
	uint8_t *envelope = NULL;
	size_t length = 0;

	memset(statement, 0, sizeof(*statement));
	strcpy(statement->network, "example-net");
	statement->epoch = 2;
	statement->serial = 7;
	statement->issued = FIXTURE_ISSUED;
	statement->not_before = FIXTURE_ISSUED;
	statement->expires = FIXTURE_ISSUED + 14 * FIXTURE_DAY;
	fixture_need(ml_statement_sign(statement, fixture->leaves, FIXTURE_NODES,
				       fixture->key, &envelope, &length, NULL), "statement");
	fixture->envelope = (struct ml_bytes){ envelope, length };
}

static inline void fixture_setup(struct fixture *fixture)
{
	fixture_need(ml_keys_setup(NULL), "libsodium");
	fixture->key = fixture_key(1);
	fixture->image = bytes_of("this stands for a policy image!");
	fixture->rules = bytes_of("{\"rules\":[]}");
	fixture_leaves(fixture);
	fixture_trust(fixture);
	fixture_statement(fixture);
}

static inline void fixture_teardown(struct fixture *fixture)
{
	size_t i;

	for (i = 0; i < FIXTURE_NODES; i++)
		free((void *)fixture->leaves[i].leaf.data);
	free((void *)fixture->envelope.data);
	ml_secret_key_free(fixture->key);
}

/* The library's own bundle of the last node. malloc()ed. */
static inline struct ml_bytes fixture_bundle(const struct fixture *fixture)
{
	uint8_t *file = NULL;
	size_t length = 0;

	fixture_need(ml_bundle_format(fixture->envelope, fixture->leaves, FIXTURE_NODES,
				      FIXTURE_NODES - 1, fixture->image, fixture->rules,
				      &file, &length, NULL), "bundle");
	return (struct ml_bytes){ file, length };
}

/* @proof must outlive the parts. */
static inline struct parts parts_of(const struct fixture *fixture, const char *proof)
{
	struct parts parts = {
		.record = {
			fixture->envelope, bytes_of(proof),
			fixture->leaves[FIXTURE_NODES - 1].leaf, fixture->image,
			fixture->rules,
		},
		.type = { 1, 2, 3, 4, 5 },
	};

	return parts;
}

/* The first @count records. malloc()ed. */
static inline struct ml_bytes parts_join(const struct parts *parts, size_t count)
{
	size_t size = 8, i;
	uint8_t *file, *at;

	for (i = 0; i < count; i++)
		size += 16 + (parts->record[i].length + 7) / 8 * 8;
	file = calloc(1, size);
	fixture_need(file ? 0 : -12, "memory");
	memcpy(file, "MERLONB1", 8);
	for (i = 0, at = file + 8; i < count; i++) {
		uint64_t claim = parts->claim[i] ? parts->claim[i] : parts->record[i].length;

		*(uint32_t *)at = htole32(parts->type[i]);
		*(uint32_t *)(at + 4) = htole32(parts->zero[i]);
		*(uint64_t *)(at + 8) = htole64(claim);
		if (parts->record[i].length)
			memcpy(at + 16, parts->record[i].data, parts->record[i].length);
		at += 16 + (parts->record[i].length + 7) / 8 * 8;
	}
	return (struct ml_bytes){ file, size };
}

/* Any payload under any type, signed by @key. malloc()ed. */
static inline struct ml_bytes fixture_sign(const struct ml_secret_key *key, const char *type,
					   const void *payload, size_t length)
{
	uint8_t *envelope = NULL;
	size_t size = 0;

	fixture_need(ml_dsse_sign(type, payload, length, &key, 1, &envelope, &size, NULL),
		     "envelope");
	return (struct ml_bytes){ envelope, size };
}

#endif
