/* SPDX-License-Identifier: MIT */
/* An audit log in a directory of its own, its keys, and leaves to fill it with. */
#ifndef AUDIT_FIXTURE_H
#define AUDIT_FIXTURE_H

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../userspace/control/audit.h"
#include "../../userspace/control/audit_log.h"
#include "audit_check.h"
#include "file.h"

#define BEGINNING	INT64_C(1767225600000000)	/* of 2026 */

static struct ml_error error;
static struct ml_secret_key *log_secret, *signer_secret;
static struct ml_note_key log_key, signer_key;
static char scratch[64], directory[128];

static inline void need(int r)
{
	if (r)
		fail_msg("%d: %s", r, error.text);
}

static inline struct ml_secret_key *fixture_key(uint8_t number, const char *name,
						enum ml_note_type type,
						struct ml_note_key *ret)
{
	const uint8_t seed[32] = { number };
	struct ml_public_key public;
	struct ml_secret_key *key;

	need(ml_secret_key_from_seed(seed, &key, &error));
	ml_secret_key_public(key, &public);
	need(ml_note_key_init(name, type, &public, ret, &error));
	return key;
}

static inline int fixture_remove_one(const char *path, const struct stat *st, int flag,
				     struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void fixture_remove(const char *path)
{
	nftw(path, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Nothing here asks a disk for anything that memory cannot show. */
static inline int fixture_setup(void **state)
{
	(void)state;
	if (ml_keys_setup(NULL))
		return -1;
	log_secret = fixture_key(1, "merlon.example.net/audit", ML_NOTE_ED25519, &log_key);
	signer_secret = fixture_key(2, "merlon.example.net/signer", ML_NOTE_COSIGNATURE,
				    &signer_key);
	snprintf(scratch, sizeof(scratch), "%s/merlon-audit.XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(scratch))
		return -1;
	snprintf(directory, sizeof(directory), "%s/log", scratch);
	return 0;
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	fixture_remove(scratch);
	ml_secret_key_free(log_secret);
	ml_secret_key_free(signer_secret);
	return 0;
}

/* An empty directory. */
static inline void fixture_clear(void)
{
	fixture_remove(directory);
	assert_int_equal(mkdir(directory, 0700), 0);
}

static inline struct ml_bytes fixture_leaf(const struct audit_event *event)
{
	const struct audit_form form = { 0 };
	uint8_t *data;
	size_t length;

	need(audit_leaf(&form, event, &data, &length, &error));
	return (struct ml_bytes){ data, length };
}

/* @count leaves, a second after each other. */
static inline struct ml_bytes *fixture_leaves(size_t count)
{
	struct ml_bytes *leaves = calloc(count, sizeof(*leaves));
	struct audit_event event = { .type = AUDIT_AUTH_SUCCESS, .actor = "admin:anna" };
	size_t i;

	for (i = 0; i < count; i++) {
		event.time = BEGINNING + (int64_t)i * 1000000;
		leaves[i] = fixture_leaf(&event);
	}
	return leaves;
}

static inline void fixture_leaves_free(struct ml_bytes *leaves, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free((void *)leaves[i].data);
	free(leaves);
}

static inline struct audit_log *fixture_open(void)
{
	struct audit_log *log = NULL;

	need(audit_log_open(directory, &log_key, log_secret, &log, NULL, &error));
	return log;
}

static inline int fixture_check(const struct ml_checkpoint *other, struct ml_audit_head *head,
				struct ml_tiles_verdict *verdict)
{
	int r;

	memset(&error, 0, sizeof(error));
	r = ml_audit_head_read(directory, &log_key, NULL, head, &error);
	if (!r)
		r = ml_audit_check(directory, head, other, NULL, NULL, verdict, &error);
	assert_true(!r || error.code == r);
	return r;
}

#endif
