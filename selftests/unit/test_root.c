// SPDX-License-Identifier: MIT
/*
 * Root documents: what a machine may begin with, what may follow, and the attacks
 * that The Update Framework's specification names, each refused for its own reason.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "trust_fixture.h"

static struct ml_root first;	/* version 1 */

static int setup(void **state)
{
	struct ml_bytes envelope;
	struct ml_root root;
	int r = trust_setup(state);

	if (r)
		return r;
	root = root_of(1);
	envelope = root_signed(&root, KEYS(1, 2));
	r = ml_root_peek(envelope, &first, NULL);
	drop(envelope);
	return r;
}

/* Refused or not: what comes back is whole or untouched, and errors say something. */
static int succeed(const struct ml_root *old, struct ml_bytes envelope, struct ml_root *ret)
{
	struct ml_root root, untouched;
	struct ml_error error = { 0 };
	int r;

	memset(&root, 0xa5, sizeof(root));
	untouched = root;
	r = ml_root_succeed(old, envelope, &root, &error);
	drop(envelope);
	if (r) {
		assert_memory_equal(&root, &untouched, sizeof(root));
		assert_int_equal(error.code, r);
		assert_true(error.text[0]);
	} else if (ret) {
		*ret = root;
	}
	return r;
}

static int follows(const struct ml_root *next, const uint8_t *numbers)
{
	return succeed(&first, root_signed(next, numbers), NULL);
}

/* ------------------------------------------------------------ what is good */

static void test_first(void **state)
{
	struct ml_root root = root_of(1), got;
	struct ml_bytes envelope = root_signed(&root, KEYS(1, 3));
	uint8_t other[32] = { 0 };

	(void)state;
	assert_int_equal(ml_root_first(envelope, first.digest, &got, NULL), 0);
	assert_memory_equal(got.digest, first.digest, 32);
	assert_string_equal(got.network, TRUST_NETWORK);
	assert_int_equal(got.version, 1);
	assert_int_equal(got.epoch, 4);
	assert_int_equal(got.expires, TRUST_NOW + TRUST_YEAR);
	assert_int_equal(got.roles[ML_ROLE_ROOT].count, 3);
	assert_int_equal(got.roles[ML_ROLE_ROOT].threshold, 2);
	assert_int_equal(got.roles[ML_ROLE_MEMBERSHIP].threshold, 2);
	assert_int_equal(ml_root_first(envelope, other, &got, NULL), -EKEYREJECTED);
	memcpy(other, first.digest, 31);
	assert_int_equal(ml_root_first(envelope, other, &got, NULL), -EKEYREJECTED);
	drop(envelope);
}

/* The pinned digest says which document, and only its keys say that it counts. */
static void test_first_unsigned(void **state)
{
	static const uint8_t signers[][3] = { { 1 }, { 99, 21 }, { 1, 99 }, { 21, 22 } };
	struct ml_root root = root_of(1), got;
	struct ml_bytes envelope;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(signers) / sizeof(signers[0]); i++) {
		envelope = root_signed(&root, signers[i]);
		assert_int_equal(ml_root_first(envelope, first.digest, &got, NULL),
				 -EKEYREJECTED);
		drop(envelope);
	}
}

/* By docs/formats.md, written down by hand but for the keys. */
static void test_text(void **state)
{
	static const uint8_t numbers[] = { 1, 2, 3, 4 };
	char text[2048], ids[4][65], keys[4][ML_PUBLIC_KEY_TEXT], *payload;
	struct ml_root root = { .network = "n", .version = 7, .epoch = 3, .expires = 9 };
	struct ml_public_key public;
	struct ml_bytes envelope;
	size_t i, order[4] = { 0 }, k;

	(void)state;
	for (i = 0; i < 4; i++) {
		public = public_of(numbers[i]);
		ml_public_key_id(&public, ids[i]);
		ml_public_key_format(&public, keys[i]);
		role_set(&root, (enum ml_role)i, 1, KEYS(numbers[i]));
	}
	for (i = 0; i < 4; i++) {
		size_t rank = 0;

		for (k = 0; k < 4; k++)
			rank += strcmp(ids[k], ids[i]) < 0;
		order[rank] = i;
	}
	snprintf(text, sizeof(text),
		 "{\"epoch\":3,\"expires\":9,\"keys\":{\"%s\":\"%s\",\"%s\":\"%s\",\"%s\":\"%s\",\"%s\":\"%s\"},"
		 "\"network\":\"n\",\"roles\":{\"membership\":{\"keyids\":[\"%s\"],\"threshold\":1},"
		 "\"policy\":{\"keyids\":[\"%s\"],\"threshold\":1},"
		 "\"root\":{\"keyids\":[\"%s\"],\"threshold\":1},"
		 "\"signing\":{\"keyids\":[\"%s\"],\"threshold\":1}},\"version\":7}",
		 ids[order[0]], keys[order[0]], ids[order[1]], keys[order[1]], ids[order[2]],
		 keys[order[2]], ids[order[3]], keys[order[3]], ids[0], ids[1], ids[2], ids[3]);
	envelope = root_signed(&root, KEYS(3));
	payload = payload_of("application/vnd.merlon.root.v1+json", envelope);
	assert_string_equal(payload, text);
	free(payload);
	drop(envelope);
}

static void test_chain(void **state)
{
	struct ml_root next = root_of(2), last;
	struct ml_bytes chain[3], swapped[2];
	size_t i;

	(void)state;
	role_set(&next, ML_ROLE_ROOT, 2, KEYS(2, 3, 4));
	chain[0] = root_signed(&next, KEYS(1, 2, 3));
	next.version = 3;
	role_set(&next, ML_ROLE_ROOT, 1, KEYS(5));
	chain[1] = root_signed(&next, KEYS(3, 4, 5));
	next.version = 4;
	chain[2] = root_signed(&next, KEYS(5));
	assert_int_equal(ml_root_chain(&first, chain, 3, &last, NULL), 0);
	assert_int_equal(last.version, 4);
	assert_int_equal(ml_root_chain(&first, chain, 0, &last, NULL), 0);
	assert_int_equal(last.version, 1);
	assert_int_equal(ml_root_chain(&first, (struct ml_bytes[]){ chain[0], chain[2] }, 2, &last,
				       NULL), -ENOENT);
	assert_int_equal(last.version, 1);	/* all or nothing */
	swapped[0] = chain[1];
	swapped[1] = chain[0];
	assert_int_equal(ml_root_chain(&first, swapped, 2, &last, NULL), -ENOENT);
	assert_int_equal(ml_root_chain(&first, chain + 1, 2, &last, NULL), -ENOENT);
	assert_int_equal(last.version, 1);
	for (i = 0; i < 3; i++)
		drop(chain[i]);
}

/* ------------------------------------------------------------- the attacks */

static void test_rollback(void **state)
{
	struct ml_root next = root_of(2), old;

	(void)state;
	assert_int_equal(succeed(&first, root_signed(&next, KEYS(1, 2)), &old), 0);
	next = root_of(1);
	assert_int_equal(succeed(&old, root_signed(&next, KEYS(1, 2, 3)), NULL), -ESTALE);
	next = root_of(2);
	next.expires++;
	assert_int_equal(succeed(&old, root_signed(&next, KEYS(1, 2, 3)), NULL), -ESTALE);
}

static void test_skipped_version(void **state)
{
	struct ml_root next = root_of(3);

	(void)state;
	assert_int_equal(follows(&next, KEYS(1, 2, 3)), -ENOENT);
	next.version = INT64_MAX;
	assert_int_equal(follows(&next, KEYS(1, 2, 3)), -ENOENT);
	next.version = 2;
	assert_int_equal(follows(&next, KEYS(1, 2, 3)), 0);
}

static void test_wrong_keys(void **state)
{
	struct ml_root next = root_of(2);

	(void)state;
	assert_int_equal(follows(&next, KEYS(99, 98)), -EKEYREJECTED);
	assert_int_equal(follows(&next, KEYS(99, 1)), -EKEYREJECTED);
	/* Its own keys alone, and the old ones alone. */
	role_set(&next, ML_ROLE_ROOT, 2, KEYS(97, 98));
	assert_int_equal(follows(&next, KEYS(97, 98)), -EKEYREJECTED);
	assert_int_equal(follows(&next, KEYS(1, 2, 3)), -EKEYREJECTED);
	assert_int_equal(follows(&next, KEYS(1, 97)), -EKEYREJECTED);
	assert_int_equal(follows(&next, KEYS(1, 2, 97, 98)), 0);
}

static void test_below_threshold(void **state)
{
	struct ml_root next = root_of(2);

	(void)state;
	assert_int_equal(follows(&next, KEYS(1)), -EKEYREJECTED);
	assert_int_equal(follows(&next, KEYS(1, 3)), 0);
	/* A higher threshold holds for itself, a lower one not yet. */
	role_set(&next, ML_ROLE_ROOT, 3, KEYS(1, 2, 3));
	assert_int_equal(follows(&next, KEYS(1, 3)), -EKEYREJECTED);
	assert_int_equal(follows(&next, KEYS(1, 2, 3)), 0);
	role_set(&next, ML_ROLE_ROOT, 1, KEYS(1, 2, 3));
	assert_int_equal(follows(&next, KEYS(2)), -EKEYREJECTED);
	assert_int_equal(follows(&next, KEYS(2, 1)), 0);
}

/* The same key again: by its signature, by a signature without its id, in the list. */
static void test_duplicate_signatures(void **state)
{
	struct ml_root next = root_of(2);
	struct ml_bytes envelope = root_signed(&next, KEYS(1, 1));
	json_t *json, *signatures, *copy;
	char *text;

	(void)state;
	assert_int_equal(follows(&next, KEYS(1, 1)), -EKEYREJECTED);
	assert_int_equal(follows(&next, KEYS(1, 1, 1, 1, 1)), -EKEYREJECTED);
	assert_int_equal(follows(&next, KEYS(1, 1, 2)), 0);
	json = json_loadb((const char *)envelope.data, envelope.length, 0, NULL);
	signatures = json_object_get(json, "signatures");
	copy = json_deep_copy(json_array_get(signatures, 0));
	json_object_del(copy, "keyid");
	json_array_append_new(signatures, copy);
	text = json_dumps(json, 0);
	assert_int_equal(succeed(&first, bytes_of(text), NULL), -EKEYREJECTED);
	json_decref(json);
	drop(envelope);
}

/* One key, and a second id of it: as text, in all its places. */
static void test_false_id(void **state)
{
	struct ml_root next = root_of(2);
	struct ml_bytes good = root_signed(&next, KEYS(1, 2)), bad;
	char *payload = payload_of(ML_ROOT_TYPE, good), *text, id[65], key[ML_PUBLIC_KEY_TEXT];
	struct ml_public_key public = public_of(11);
	json_t *json = json_loads(payload, 0, NULL), *ids;
	struct ml_error error;

	(void)state;
	ml_public_key_id(&public, id);
	ml_public_key_format(&public, key);
	/* Membership: its first key, by its own id, */
	ids = json_object_get(json_object_get(json_object_get(json, "roles"), "membership"),
			      "keyids");
	public = public_of(12);
	json_array_clear(ids);
	json_array_append_new(ids, json_string(id));
	ml_public_key_id(&public, id);
	json_object_del(json_object_get(json, "keys"), id);
	/* and by one that is later in order. */
	memset(id, 'f', 64);
	json_array_append_new(ids, json_string(id));
	json_object_set_new(json_object_get(json, "keys"), id, json_string(key));
	text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	bad = signed_by(ML_ROOT_TYPE, text, strlen(text), KEYS(1, 2));
	assert_int_equal(ml_root_peek(bad, &next, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "under another id"));
	drop(bad);
	/* The key's own id in that place: the text was right in all else. */
	public = public_of(12);
	ml_public_key_format(&public, key);
	json_object_del(json_object_get(json, "keys"), id);
	ml_public_key_id(&public, id);
	json_array_remove(ids, 1);
	json_array_insert_new(ids, strcmp(json_string_value(json_array_get(ids, 0)), id) < 0,
			      json_string(id));
	json_object_set_new(json_object_get(json, "keys"), id, json_string(key));
	free(text);
	text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, payload);
	json_decref(json);
	free(text);
	free(payload);
	drop(good);
}

/* A key under two ids, or twice in a role, would be two keys. */
static void test_duplicate_keys(void **state)
{
	struct ml_root next = root_of(2);
	struct ml_bytes good = root_signed(&next, KEYS(1, 2));
	char id[3][65], from[200], to[200];
	struct ml_public_key public;
	size_t i, low, high;

	(void)state;
	for (i = 0; i < 3; i++) {
		public = public_of(i + 11);
		ml_public_key_id(&public, id[i]);
	}
	low = strcmp(id[0], id[1]) > 0;
	high = !low;
	snprintf(from, sizeof(from), "[\"%s\",\"%s\"]", id[low], id[high]);
	snprintf(to, sizeof(to), "[\"%s\",\"%s\"]", id[low], id[low]);
	assert_int_equal(succeed(&first, forged(ML_ROOT_TYPE, good, from, to, KEYS(1, 2)),
				 NULL), -EBADMSG);
	snprintf(to, sizeof(to), "[\"%s\",\"%s\"]", id[high], id[low]);
	assert_int_equal(succeed(&first, forged(ML_ROOT_TYPE, good, from, to, KEYS(1, 2)),
				 NULL), -EBADMSG);
	snprintf(from, sizeof(from), "\"%s\":", id[0]);
	snprintf(to, sizeof(to), "\"%s\":", id[2]);
	assert_int_equal(succeed(&first, forged(ML_ROOT_TYPE, good, from, to, KEYS(1, 2)),
				 NULL), -EBADMSG);
	drop(good);
}

static void test_mixed_roles(void **state)
{
	static const uint8_t others[][3] = { { 11, 12 }, { 21, 22 }, { 31, 32 }, { 1, 21 } };
	struct ml_root next = root_of(2);
	struct ml_bytes envelope;
	char *payload;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(follows(&next, others[i]), -EKEYREJECTED);
	/* The same text as another kind of document, by the right keys. */
	envelope = root_signed(&next, KEYS(1, 2));
	payload = payload_of(ML_ROOT_TYPE, envelope);
	drop(envelope);
	envelope = signed_by("application/vnd.merlon.grant.v1+json", payload, strlen(payload),
			     KEYS(1, 2));
	assert_int_equal(succeed(&first, envelope, NULL), -EBADMSG);
	free(payload);
}

static void test_foreign_network(void **state)
{
	struct ml_root next = root_of(2);

	(void)state;
	strcpy(next.network, "another-net");
	assert_int_equal(follows(&next, KEYS(1, 2)), -EXDEV);
}

/* The later of clock and floor counts; only the last root of a chain is judged. */
static void test_expired(void **state)
{
	struct ml_root next = root_of(2), last;
	struct ml_bytes chain[2];

	(void)state;
	assert_int_equal(ml_root_judge(&first, 0, first.expires - 1, NULL), 0);
	assert_int_equal(ml_root_judge(&first, 0, first.expires, NULL), -ETIME);
	assert_int_equal(ml_root_judge(&first, first.expires, 0, NULL), -ETIME);
	assert_int_equal(ml_root_judge(&first, first.expires - 1, 0, NULL), 0);
	assert_int_equal(ml_root_judge(&first, 0, 0, NULL), 0);
	next.expires = TRUST_NOW - 1;
	chain[0] = root_signed(&next, KEYS(1, 2));
	next = root_of(3);
	chain[1] = root_signed(&next, KEYS(1, 2));
	assert_int_equal(ml_root_chain(&first, chain, 1, &last, NULL), 0);
	assert_int_equal(ml_root_judge(&last, 0, TRUST_NOW, NULL), -ETIME);
	assert_int_equal(ml_root_chain(&first, chain, 2, &last, NULL), 0);
	assert_int_equal(ml_root_judge(&last, 0, TRUST_NOW, NULL), 0);
	drop(chain[0]);
	drop(chain[1]);
}

/* --------------------------------------------------------------- the epoch */

static void test_epoch(void **state)
{
	static const enum ml_role roles[] = { ML_ROLE_POLICY, ML_ROLE_SIGNING };
	struct ml_root next;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		uint8_t has = roles[i] == ML_ROLE_POLICY ? 21 : 31;

		next = root_of(2);
		role_set(&next, roles[i], 1, KEYS(has, has + 1, has + 2));
		assert_int_equal(follows(&next, KEYS(1, 2)), 0);	/* added */
		role_set(&next, roles[i], 1, KEYS(has, has + 2));
		assert_int_equal(follows(&next, KEYS(1, 2)), -EBADMSG);	/* replaced */
		role_set(&next, roles[i], 1, KEYS(has));
		assert_int_equal(follows(&next, KEYS(1, 2)), -EBADMSG);	/* taken away */
		next.epoch++;
		assert_int_equal(follows(&next, KEYS(1, 2)), 0);
	}
	next = root_of(2);
	role_set(&next, ML_ROLE_MEMBERSHIP, 1, KEYS(13));
	assert_int_equal(follows(&next, KEYS(1, 2)), 0);
	next = root_of(2);
	next.epoch = 3;
	assert_int_equal(follows(&next, KEYS(1, 2)), -EBADMSG);
	next.epoch = INT64_MAX;
	assert_int_equal(follows(&next, KEYS(1, 2)), 0);
}

/* Who stole a signing key and went ahead: his epoch is none. */
static void test_epoch_of_generations(void **state)
{
	(void)state;
	assert_int_equal(ml_root_check_epoch(&first, 4, NULL), 0);
	assert_int_equal(ml_root_check_epoch(&first, 3, NULL), -ESTALE);
	assert_int_equal(ml_root_check_epoch(&first, 5, NULL), -ENOENT);
	assert_int_equal(ml_root_check_epoch(&first, INT64_MAX, NULL), -ENOENT);
}

/* ------------------------------------------------------------------- roles */

static int check_role(enum ml_role role, const char *type, const uint8_t *numbers)
{
	struct ml_bytes envelope = signed_by("text/x", "hello", 5, numbers);
	uint8_t *payload = NULL;
	size_t length = 77;
	int r = ml_root_check(&first, role, type, envelope, &payload, &length, NULL);

	if (r) {
		assert_null(payload);
		assert_int_equal(length, 77);
	} else {
		assert_int_equal(length, 5);
		assert_string_equal((char *)payload, "hello");
	}
	free(payload);
	drop(envelope);
	return r;
}

static void test_roles(void **state)
{
	struct ml_public_key key = public_of(21);
	char id[65];

	(void)state;
	assert_int_equal(check_role(ML_ROLE_POLICY, "text/x", KEYS(22)), 0);
	assert_int_equal(check_role(ML_ROLE_POLICY, "text/y", KEYS(22)), -EBADMSG);
	assert_int_equal(check_role(ML_ROLE_POLICY, "text/x", KEYS(31)), -EKEYREJECTED);
	assert_int_equal(check_role(ML_ROLE_SIGNING, "text/x", KEYS(22)), -EKEYREJECTED);
	assert_int_equal(check_role(ML_ROLE_SIGNING, "text/x", KEYS(1, 2, 3)), -EKEYREJECTED);
	assert_int_equal(check_role(ML_ROLE_MEMBERSHIP, "text/x", KEYS(11)), -EKEYREJECTED);
	assert_int_equal(check_role(ML_ROLE_MEMBERSHIP, "text/x", KEYS(11, 11)),
			 -EKEYREJECTED);
	assert_int_equal(check_role(ML_ROLE_MEMBERSHIP, "text/x", KEYS(12, 99, 11)), 0);
	ml_public_key_id(&key, id);
	assert_memory_equal(ml_root_find_key(&first, ML_ROLE_POLICY, id), &key, sizeof(key));
	assert_null(ml_root_find_key(&first, ML_ROLE_SIGNING, id));
	assert_true(ml_root_has_key(&first, ML_ROLE_POLICY, &key));
	assert_false(ml_root_has_key(&first, ML_ROLE_ROOT, &key));
	assert_string_equal(ml_role_name(ML_ROLE_SIGNING), "signing");
}

/* ----------------------------------------------------------------- writing */

static struct ml_bytes sign_one(const struct ml_root *old, struct ml_bytes envelope,
				uint8_t number)
{
	struct ml_bytes made = { 0 };
	uint8_t *data = NULL;

	assert_int_equal(ml_root_sign(old, envelope, key_of(number), &data, &made.length,
				      NULL), 0);
	made.data = data;
	drop(envelope);
	return made;
}

static size_t count_signed(const struct ml_root *by, struct ml_bytes envelope)
{
	size_t good = 77;

	assert_int_equal(ml_root_signed(by, envelope, &good, NULL), 0);
	return good;
}

/* Three people on three machines. */
static void test_one_by_one(void **state)
{
	struct ml_root next = root_of(2), peeked, got;
	struct ml_bytes envelope;
	uint8_t *data = NULL, *none = NULL;

	(void)state;
	role_set(&next, ML_ROLE_ROOT, 2, KEYS(3, 4));
	assert_int_equal(ml_root_draft(&first, &next, &data, &envelope.length, NULL), 0);
	envelope.data = data;
	assert_int_equal(ml_root_peek(envelope, &peeked, NULL), 0);
	assert_int_equal(count_signed(&first, envelope), 0);
	envelope = sign_one(&first, envelope, 1);
	assert_int_equal(count_signed(&first, envelope), 1);
	assert_int_equal(count_signed(&peeked, envelope), 0);
	envelope = sign_one(&first, envelope, 1);
	assert_int_equal(count_signed(&first, envelope), 1);
	assert_int_equal(ml_root_succeed(&first, envelope, &got, NULL), -EKEYREJECTED);
	envelope = sign_one(&first, envelope, 3);
	assert_int_equal(count_signed(&first, envelope), 2);
	assert_int_equal(count_signed(&peeked, envelope), 1);
	assert_int_equal(ml_root_succeed(&first, envelope, &got, NULL), -EKEYREJECTED);
	assert_int_equal(ml_root_sign(&first, envelope, key_of(21), &none, &envelope.length,
				      NULL), -EKEYREJECTED);
	assert_null(none);
	envelope = sign_one(&first, envelope, 4);
	assert_int_equal(ml_root_succeed(&first, envelope, &got, NULL), 0);
	assert_memory_equal(got.digest, peeked.digest, 32);
	drop(envelope);
}

/* Eight old and eight new keys fit into one envelope. */
static void test_full_roles(void **state)
{
	struct ml_root old = root_of(1), next = root_of(2);
	struct ml_bytes envelope;

	(void)state;
	role_set(&old, ML_ROLE_ROOT, 8, KEYS(1, 2, 3, 4, 5, 6, 7, 8));
	role_set(&next, ML_ROLE_ROOT, 8, KEYS(101, 102, 103, 104, 105, 106, 107, 108));
	envelope = root_signed(&next, KEYS(1, 2, 3, 4, 5, 6, 7, 8, 101, 102, 103, 104, 105,
					   106, 107, 108));
	assert_int_equal(succeed(&old, envelope, NULL), 0);
}

static int draft(const struct ml_root *old, const struct ml_root *root)
{
	struct ml_error error = { 0 };
	uint8_t *data = NULL;
	size_t length;
	int r = ml_root_draft(old, root, &data, &length, &error);

	assert_true(r ? !data && error.text[0] && error.code == r : data != NULL);
	free(data);
	return r;
}

static void test_draft_refuses(void **state)
{
	struct ml_root root = root_of(2);

	(void)state;
	assert_int_equal(draft(NULL, &root), 0);
	assert_int_equal(draft(&first, &root), 0);
	root.version = 3;
	assert_int_equal(draft(NULL, &root), 0);
	assert_int_equal(draft(&first, &root), -EINVAL);
	root = root_of(2);
	role_set(&root, ML_ROLE_SIGNING, 1, KEYS(31, 21));
	assert_int_equal(draft(NULL, &root), -EINVAL);
	role_set(&root, ML_ROLE_SIGNING, 1, KEYS(1));
	assert_int_equal(draft(NULL, &root), -EINVAL);
	root = root_of(2);
	root.roles[ML_ROLE_POLICY].threshold = 3;
	assert_int_equal(draft(NULL, &root), -EINVAL);
	root.roles[ML_ROLE_POLICY].threshold = 0;
	assert_int_equal(draft(NULL, &root), -EINVAL);
	root.roles[ML_ROLE_POLICY].count = 0;
	assert_int_equal(draft(NULL, &root), -EINVAL);
	root.roles[ML_ROLE_POLICY].count = ML_ROLE_KEYS + 1;
	assert_int_equal(draft(NULL, &root), -EINVAL);
	root = root_of(0);
	assert_int_equal(draft(NULL, &root), -EINVAL);
	root = root_of(2);
	root.epoch = UINT64_MAX;
	assert_int_equal(draft(NULL, &root), -EINVAL);
	root = root_of(2);
	strcpy(root.network, "No Name");
	assert_int_equal(draft(NULL, &root), -EINVAL);
	strcpy(root.network, "\xff");
	assert_int_equal(draft(NULL, &root), -EINVAL);
}

/* ------------------------------------------------------------ what is read */

static const struct {
	const char *from, *to;
} malformed[] = {
	{ "{\"epoch\":4", "{ \"epoch\":4" },
	{ "{\"epoch\":4", "{\"epoch\":4,\"epoch\":4" },
	{ "{\"epoch\":4", "{\"epoch\":4.0" },
	{ "{\"epoch\":4", "{\"epoch\":-1" },
	{ "{\"epoch\":4", "{\"epoch\":\"4\"" },
	{ "{\"epoch\":4", "{\"epoch\":9223372036854775808" },
	{ "{\"epoch\":4,", "{" },
	{ "{\"epoch\":4", "{\"ePoch\":4,\"epoch\":4" },
	{ "\"version\":2", "\"version\":0" },
	{ "\"version\":2}", "\"version\":2} " },
	{ "\"version\":2}", "\"version\":2}{}" },
	{ "\"version\":2", "\"version\":2,\"x\":1" },
	{ "\"expires\":", "\"expires\":999" },
	{ "\"expires\":", "\"expires\":-" },
	{ "\"network\":\"example-net\"", "\"network\":\"../net\"" },
	{ "\"network\":\"example-net\"", "\"network\":\"\"" },
	{ "\"network\":\"example-net\"", "\"network\":7" },
	{ "merlon-public-key:", "merlon-secret-key:" },
	{ "merlon-public-key:", "merlon-public-key:A" },
	{ "\"policy\":", "\"polity\":" },
	{ "\"roles\":{", "\"roles\":{\"extra\":{\"keyids\":[],\"threshold\":1}," },
	{ "\"threshold\":2", "\"threshold\":0" },
	{ "\"threshold\":2", "\"threshold\":3" },
	{ "\"threshold\":2", "\"threshold\":true" },
	{ "\"threshold\":2", "\"threshold\":2,\"x\":1" },
	{ "\"keyids\":[\"", "\"keyids\":[\"0" },
	{ "\"keyids\":[", "\"keyids\":[7," },
	{ "\"keys\":{", "\"keys\":{\"\":\"\"," },
	{ "\"keys\":{", "\"keyz\":{}, \"keys\":{" },
};

static void test_malformed(void **state)
{
	struct ml_root next = root_of(2);
	struct ml_bytes good = root_signed(&next, KEYS(1, 2)), bad;
	size_t i;

	(void)state;
	bad = forged(ML_ROOT_TYPE, good, "\"version\":2", "\"version\":2", KEYS(1, 2));
	assert_int_equal(succeed(&first, bad, NULL), 0);
	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		bad = forged(ML_ROOT_TYPE, good, malformed[i].from, malformed[i].to,
			     KEYS(1, 2));
		assert_int_equal(succeed(&first, bad, NULL), -EBADMSG);
	}
	drop(good);
}

/* A key that is in the list and has no role has no business there. */
static void test_unused_key(void **state)
{
	struct ml_root next = root_of(2);
	struct ml_bytes good = root_signed(&next, KEYS(1, 2)), bad;
	struct ml_public_key key = public_of(99), other;
	char id[65], text[ML_PUBLIC_KEY_TEXT], entry[256], from[80], before[65];
	uint8_t i, all[] = { 1, 2, 3, 11, 12, 21, 22, 31, 32 };

	(void)state;
	ml_public_key_id(&key, id);
	ml_public_key_format(&key, text);
	/* In its place, so that nothing else is wrong: before the next id, or at the end. */
	memset(before, 'g', 64);
	before[64] = 0;
	for (i = 0; i < sizeof(all); i++) {
		char candidate[65];

		other = public_of(all[i]);
		ml_public_key_id(&other, candidate);
		if (strcmp(candidate, id) > 0 && strcmp(candidate, before) < 0)
			memcpy(before, candidate, 65);
	}
	assert_true(before[0] != 'g');
	snprintf(from, sizeof(from), "\"%s\":", before);
	snprintf(entry, sizeof(entry), "\"%s\":\"%s\",\"%s\":", id, text, before);
	bad = forged(ML_ROOT_TYPE, good, from, entry, KEYS(1, 2));
	assert_int_equal(succeed(&first, bad, NULL), -EBADMSG);
	drop(good);
}

/* What gets through with a bit turned has the same payload. One bit of each byte. */
static void test_turned_bits(void **state)
{
	struct ml_root next = root_of(2), got;
	struct ml_bytes envelope = root_signed(&next, KEYS(1, 2));
	uint8_t *data = (uint8_t *)envelope.data, digest[32];
	size_t at, accepted = 0;

	(void)state;
	assert_int_equal(ml_root_succeed(&first, envelope, &got, NULL), 0);
	memcpy(digest, got.digest, 32);
	for (at = 0; at < envelope.length; at++) {
		data[at] ^= 1 << at % 8;
		if (!ml_root_succeed(&first, envelope, &got, NULL)) {
			assert_memory_equal(got.digest, digest, 32);
			accepted++;
		}
		data[at] ^= 1 << at % 8;
	}
	/* "keyid" turned into a member that nobody knows: the key is tried all the same. */
	assert_in_range(accepted, 0, 20);
	drop(envelope);
}

static void test_too_long(void **state)
{
	static uint8_t blanks[(64 << 10) + 1];
	struct ml_root got;

	(void)state;
	memset(blanks, ' ', sizeof(blanks));
	assert_int_equal(ml_root_peek((struct ml_bytes){ blanks, sizeof(blanks) }, &got, NULL),
			 -E2BIG);
	assert_int_equal(ml_root_peek((struct ml_bytes){ blanks, sizeof(blanks) - 1 }, &got,
				      NULL), -EBADMSG);
	assert_int_equal(ml_root_peek((struct ml_bytes){ NULL, 0 }, &got, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_first_unsigned),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_rollback),
		cmocka_unit_test(test_skipped_version),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_below_threshold),
		cmocka_unit_test(test_duplicate_signatures),
		cmocka_unit_test(test_duplicate_keys),
		cmocka_unit_test(test_false_id),
		cmocka_unit_test(test_mixed_roles),
		cmocka_unit_test(test_foreign_network),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_epoch),
		cmocka_unit_test(test_epoch_of_generations),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_one_by_one),
		cmocka_unit_test(test_full_roles),
		cmocka_unit_test(test_draft_refuses),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_unused_key),
		cmocka_unit_test(test_turned_bits),
		cmocka_unit_test(test_too_long),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, trust_teardown);
}
