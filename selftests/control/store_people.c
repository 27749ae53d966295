// SPDX-License-Identifier: MIT
/* Administrators, second factors, sessions, failures. */
#include "store_test.h"

static void admin_make(struct store *store, const char *name, enum store_role role)
{
	struct store_admin admin = { .name = name, .role = role, .password = "$argon2id$x",
				     .added = NOW };

	WORKS(store_admin_add(store, &admin, leaf_of("admin %s", name), &error));
}

static void test_roles(void **state)
{
	struct store_admin_change to_viewer = { .set_role = true, .role = STORE_VIEWER };
	struct store_admin admin;
	struct place place;
	struct store *store;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	admin_make(store, "alice", STORE_OWNER);
	admin_make(store, "bob", STORE_OPERATOR);
	REFUSED(-EEXIST, store_admin_add(store, &(struct store_admin){
		.name = "bob", .password = "x" }, leaf_of("x"), &error));
	REFUSED(-EPERM, store_admin_change(store, "alice", &to_viewer, leaf_of("x"), &error));
	REFUSED(-EPERM, store_admin_remove(store, "alice", leaf_of("x"), &error));
	REFUSED(-ENOENT, store_admin_remove(store, "carol", leaf_of("x"), &error));
	REFUSED(-ENOENT, store_admin_change(store, "carol", &to_viewer, leaf_of("x"), &error));
	WORKS(store_admin_get(store, "alice", &admin, &error));
	assert_int_equal(admin.role, STORE_OWNER);
	assert_null(admin.totp.data);
	store_free(admin.memory);
	admin_make(store, "carol", STORE_OWNER);
	WORKS(store_admin_change(store, "alice", &to_viewer, leaf_of("x"), &error));
	REFUSED(-EPERM, store_admin_remove(store, "carol", leaf_of("x"), &error));
	WORKS(store_admin_remove(store, "alice", leaf_of("x"), &error));
	store_close(store);
}

static void test_second_factors(void **state)
{
	uint8_t codes[3][32], other[32];
	struct store_admin_change change = { .set_recovery = true, .recovery = codes,
					     .recovery_count = 3 };
	struct place place;
	struct store *store;
	uint64_t left;
	int i;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	admin_make(store, "alice", STORE_OWNER);
	admin_make(store, "bob", STORE_VIEWER);
	for (i = 0; i < 3; i++)
		key_of("code", i, codes[i]);
	key_of("other", 0, other);
	WORKS(store_totp_accept(store, "alice", 100, leaf_of("x"), &error));
	REFUSED(-EALREADY, store_totp_accept(store, "alice", 100, leaf_of("x"), &error));
	REFUSED(-EALREADY, store_totp_accept(store, "alice", 99, leaf_of("x"), &error));
	REFUSED(-ENOENT, store_totp_accept(store, "carol", 100, leaf_of("x"), &error));
	WORKS(store_totp_accept(store, "alice", 101, leaf_of("x"), &error));
	WORKS(store_totp_accept(store, "bob", 100, leaf_of("x"), &error));
	WORKS(store_admin_change(store, "alice", &change, leaf_of("x"), &error));
	REFUSED(-ENOENT, store_recovery_use(store, "alice", other, leaf_of("x"), &left, &error));
	REFUSED(-ENOENT, store_recovery_use(store, "bob", codes[1], leaf_of("x"), &left, &error));
	WORKS(store_recovery_use(store, "alice", codes[1], leaf_of("x"), &left, &error));
	assert_int_equal(left, 2);
	REFUSED(-ENOENT, store_recovery_use(store, "alice", codes[1], leaf_of("x"), &left,
					    &error));
	store_close(store);
}

static void test_sessions(void **state)
{
	struct store_admin_change change = { .password = "$argon2id$y" };
	struct store_session session;
	uint8_t token[4][32];
	struct place place;
	struct store *store;
	int i;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	admin_make(store, "alice", STORE_OWNER);
	for (i = 0; i < 4; i++)
		key_of("token", i, token[i]);
	REFUSED(-ENOENT, store_session_start(store, token[0], "bob", NOW, 0, NOW + 100,
					     leaf_of("x"), &error));
	WORKS(store_session_start(store, token[0], "alice", NOW, 0, NOW + 100, leaf_of("x"),
				  &error));
	WORKS(store_session_rotate(store, token[0], token[1], NOW + 5, leaf_of("x"), &error));
	REFUSED(-ENOENT, store_session_get(store, token[0], NOW + 5, &session, &error));
	WORKS(store_session_get(store, token[1], NOW + 99, &session, &error));
	assert_string_equal(session.admin, "alice");
	assert_int_equal(session.role, STORE_OWNER);
	assert_int_equal(session.stepped_up, NOW + 5);
	assert_int_equal(session.created, NOW);
	store_free(session.memory);
	REFUSED(-ENOENT, store_session_get(store, token[1], NOW + 100, &session, &error));
	WORKS(store_session_touch(store, token[1], NOW + 110, &error));
	WORKS(store_session_get(store, token[1], NOW + 109, &session, &error));
	assert_int_equal(session.stepped_up, NOW + 5);
	store_free(session.memory);
	WORKS(store_session_touch(store, token[1], NOW + 100, &error));
	REFUSED(-ENOENT, store_session_touch(store, token[0], NOW + 200, &error));
	REFUSED(-ENOENT, store_session_rotate(store, token[1], token[2], NOW + 100,
					      leaf_of("x"), &error));
	WORKS(store_session_end(store, token[1], leaf_of("x"), &error));
	REFUSED(-ENOENT, store_session_end(store, token[1], leaf_of("x"), &error));
	/* A new password ends what was begun with the old one. */
	WORKS(store_session_start(store, token[2], "alice", NOW, 0, NOW + 100, leaf_of("x"),
				  &error));
	WORKS(store_admin_change(store, "alice", &change, leaf_of("x"), &error));
	REFUSED(-ENOENT, store_session_get(store, token[2], NOW, &session, &error));
	WORKS(store_session_start(store, token[3], "alice", NOW, 0, NOW + 100, leaf_of("x"),
				  &error));
	WORKS(store_expire(store, NOW + 100, &error));
	assert_int_equal(raw_number(&place, "SELECT count(*) FROM sessions"), 0);
	store_close(store);
}

/* Fails @count times at @now. Return: until when that blocks, relative to @now. */
static int64_t fail_times(struct store *store, int count, int64_t now)
{
	struct store_limit limit = { .burst = 20, .interval = 6, .block = 30, .block_max = 900 };
	int64_t until = -1, asked = -1;

	while (count--)
		WORKS(store_failure_add(store, "alice", &limit, now, &until, &error));
	WORKS(store_failure_get(store, "alice", now, &asked, &error));
	assert_int_equal(asked, until);
	return until ? until - now : 0;
}

static void test_failures(void **state)
{
	struct place place;
	struct store *store;
	int64_t until;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	assert_int_equal(fail_times(store, 20, NOW), 0);
	assert_int_equal(fail_times(store, 1, NOW), 30);
	assert_int_equal(fail_times(store, 5, NOW + 10), 20);	/* the same block */
	assert_int_equal(fail_times(store, 9, NOW + 30), 60);
	assert_int_equal(fail_times(store, 15, NOW + 90), 120);
	assert_int_equal(fail_times(store, 30, NOW + 300), 240);
	assert_int_equal(fail_times(store, 90, NOW + 600), 480);
	assert_int_equal(fail_times(store, 190, NOW + 1080), 900);
	WORKS(store_failure_get(store, "bob", NOW, &until, &error));
	assert_int_equal(until, 0);
	WORKS(store_failure_get(store, "alice", NOW + 1980, &until, &error));
	assert_int_equal(until, 0);
	/* Ten a minute never block, and who behaves for long begins anew. */
	for (until = 0; until < 600; until += 6)
		assert_int_equal(fail_times(store, 1, NOW + 10000 + until), 0);
	assert_int_equal(fail_times(store, 21, NOW + 20000), 30);
	WORKS(store_failure_clear(store, "alice", &error));
	assert_int_equal(fail_times(store, 20, NOW + 20000), 0);
	WORKS(store_expire(store, NOW + 20120, &error));
	assert_int_equal(raw_number(&place, "SELECT count(*) FROM failures"), 1);
	WORKS(store_expire(store, NOW + 20120 + 3600, &error));
	assert_int_equal(raw_number(&place, "SELECT count(*) FROM failures"), 0);
	store_close(store);
}

const struct CMUnitTest people_tests[] = {
	cmocka_unit_test(test_roles),
	cmocka_unit_test(test_second_factors),
	cmocka_unit_test(test_sessions),
	cmocka_unit_test(test_failures),
};
const size_t people_tests_count = COUNT(people_tests);
