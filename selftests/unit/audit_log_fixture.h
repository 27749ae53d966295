/* SPDX-License-Identifier: MIT */
/* A log of known leaves, and its cosigner, for the tests of the audit log on disk. */
#ifndef AUDIT_LOG_FIXTURE_H
#define AUDIT_LOG_FIXTURE_H

#include "audit_fixture.h"

#define LEAVES	600

static struct ml_bytes *leaves;

static inline int setup(void **state)
{
	if (fixture_setup(state))
		return -1;
	leaves = fixture_leaves(LEAVES);
	return 0;
}

static inline int teardown(void **state)
{
	fixture_leaves_free(leaves, LEAVES);
	return fixture_teardown(state);
}

/* The root of the first @size leaves, added one by one. */
static inline struct ml_merkle_hash root_of(size_t size)
{
	struct ml_merkle merkle = { 0 };
	struct ml_merkle_hash hash;
	size_t i;

	for (i = 0; i < size; i++) {
		ml_merkle_leaf(leaves[i].data, leaves[i].length, &hash);
		ml_merkle_add(&merkle, &hash);
	}
	ml_merkle_root(&merkle, &hash);
	return hash;
}

static inline void assert_log(uint64_t size)
{
	struct ml_merkle_hash want = root_of(size);
	struct ml_tiles_verdict verdict;
	struct ml_audit_head head;

	need(fixture_check(NULL, &head, &verdict));
	assert_int_equal(head.checkpoint.size, size);
	assert_memory_equal(head.checkpoint.root.bytes, want.bytes, 32);
	assert_int_equal(verdict.first, 0);
	assert_int_equal(verdict.beyond, 0);
}

static inline void sequence(struct audit_log *log, size_t index, size_t count)
{
	need(audit_sequence(log, index, leaves + index, count, &error));
}

static char state_path[160];

static inline void cosign(struct audit_log *log, uint64_t old)
{
	char *text, *line;

	need(audit_log_request(log, old, &text, &error));
	need(audit_cosign(state_path, &log_key, &signer_key, signer_secret,
			  (struct ml_bytes){ (uint8_t *)text, strlen(text) }, 1767225600, &line,
			  &error));
	need(audit_log_cosigned(log, &signer_key, line, &error));
	free(text);
	free(line);
}

static inline void cosigner_new(void)
{
	snprintf(state_path, sizeof(state_path), "%s/cosigned", scratch);
	unlink(state_path);
	need(audit_cosign_init(state_path, &log_key, &error));
}

#endif
