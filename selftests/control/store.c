// SPDX-License-Identifier: MIT
/*
 * Usage: store sqlite|postgres DIRECTORY CONNECTION
 *
 * The store of merlon-control against one database. DIRECTORY is empty and this test's;
 * CONNECTION leads a superuser to a PostgreSQL that is this test's too.
 */
#include "store_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"


static void test_create_and_open(void **state)
{
	struct place place;
	struct store *store;

	(void)state;
	place_make(&place);
	REFUSED(-ENOENT, store_open(&place.config, NULL, &store, &error));
	REFUSED(-EINVAL, store_create(&place.config, "Not A Name", NOW, &error));
	WORKS(store_create(&place.config, NETWORK, NOW, &error));
	REFUSED(-EEXIST, store_create(&place.config, NETWORK, NOW, &error));
	REFUSED(-EXDEV, store_open(&place.config, "other-net", &store, &error));
	store = store_open_at(&place);
	assert_string_equal(store_network(store), NETWORK);
	WORKS(store_check(store, &error));
	store_close(store);
	raw(&place, "UPDATE schema_version SET version = 1");
	if (test_kind == STORE_SQLITE)
		REFUSED(-EUCLEAN, store_open(&place.config, NULL, &store, &error));
	else
		REFUSED(-EPROTO, store_open(&place.config, NULL, &store, &error));
	raw(&place, "UPDATE schema_version SET version = 4");
	if (test_kind == STORE_SQLITE)
		raw(&place, "PRAGMA user_version = 4");
	REFUSED(-EPROTO, store_open(&place.config, NULL, &store, &error));
}

static void test_foreign_files(void **state)
{
	struct place place;
	struct store *store;
	char link[600];

	(void)state;
	store_make_new(&place);
	assert_int_equal(chmod(place.target, 0640), 0);
	REFUSED(-EACCES, store_open(&place.config, NULL, &store, &error));
	assert_int_equal(chmod(place.target, 0600), 0);
	store_close(store_open_at(&place));
	snprintf(link, sizeof(link), "%s-link", place.target);
	assert_int_equal(symlink(place.target, link), 0);
	REFUSED(-ELOOP, store_open(&(struct store_config){ STORE_SQLITE, link }, NULL, &store,
				   &error));
	place_make(&place);
	raw(&place, "CREATE TABLE notes (text)");
	assert_int_equal(chmod(place.target, 0600), 0);
	REFUSED(-EMEDIUMTYPE, store_open(&place.config, NULL, &store, &error));
	REFUSED(-EMEDIUMTYPE, store_create(&place.config, NETWORK, NOW, &error));
}

static void test_grant(void **state)
{
	struct store_answer answer;
	struct store_grant grant;
	struct store_node node;
	struct place place;
	struct store *store;
	uint64_t size, sequenced;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "one", 1);
	REFUSED(-EEXIST, store_grant_add(store, &(struct store_grant){
		.id = "one", .uses = 1, .envelope = bytes_of("x") }, leaf_of("x"), &error));
	REFUSED(-ENOENT, join(store, "none", 1, &error));
	WORKS(join(store, "one", 1, &error));
	REFUSED(-EDQUOT, join(store, "one", 2, &error));
	WORKS(store_grant_get(store, "one", &grant, &error));
	assert_int_equal(grant.uses, 0);
	assert_int_equal(grant.refusals, 1);
	assert_memory_equal(grant.envelope.data, "signed grant", grant.envelope.length);
	store_free(grant.memory);
	REFUSED(-ENOENT, store_node_get(store, "node-00002", &node, &error));

	/* The same join gets the first answer, whatever else has happened since. */
	node_make(&node, "one", 1);
	WORKS(store_grant_revoke(store, "one", leaf_of("revoke"), &error));
	WORKS(store_grant_consume(store, &node, bytes_of("join of node-00001 by one"),
				  bytes_of("another answer"), NOW + 900000, leaf_of("again"),
				  &answer, &error));
	assert_true(answer.repeated);
	assert_int_equal(answer.bytes.length, 7);
	assert_memory_equal(answer.bytes.data, "welcome", 7);
	store_free(answer.memory);
	WORKS(store_audit_size(store, &size, &sequenced, &error));
	assert_int_equal(size, 3);	/* grant, join, revoke */
	store_close(store);
}

static void test_grant_refusals(void **state)
{
	struct store_answer answer;
	struct store_grant grant;
	struct store_node node;
	struct place place;
	struct store *store;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "few", 3);
	WORKS(join(store, "few", 1, &error));
	/* A name or key that is taken costs no use. */
	REFUSED(-EEXIST, store_grant_consume(store, (node_make(&node, "few", 1), &node),
		bytes_of("another join"), bytes_of("x"), NOW, leaf_of("x"), &answer, &error));
	node_make(&node, "few", 2);
	key_of("identity", 1, node.identity);
	REFUSED(-EEXIST, store_grant_consume(store, &node, bytes_of("another join"),
		bytes_of("x"), NOW, leaf_of("x"), &answer, &error));
	node_make(&node, "few", 2);
	REFUSED(-ETIME, store_grant_consume(store, &node, bytes_of("late join"), bytes_of("x"),
					    NOW + 86400, leaf_of("x"), &answer, &error));
	REFUSED(-EINVAL, store_grant_consume(store, &node, bytes_of("unlogged"), bytes_of("x"),
					     NOW, (struct ml_bytes){ 0 }, &answer, &error));
	WORKS(store_grant_consume(store, &node, bytes_of("timely join"), bytes_of("x"),
				  NOW + 86399, leaf_of("x"), &answer, &error));
	assert_false(answer.repeated);
	WORKS(store_grant_revoke(store, "few", leaf_of("x"), &error));
	REFUSED(-EALREADY, store_grant_revoke(store, "few", leaf_of("x"), &error));
	REFUSED(-ENOENT, store_grant_revoke(store, "none", leaf_of("x"), &error));
	REFUSED(-EKEYREVOKED, join(store, "few", 3, &error));
	WORKS(store_grant_get(store, "few", &grant, &error));
	assert_int_equal(grant.uses, 1);
	assert_int_equal(grant.refusals, 2);
	assert_true(grant.revoked);
	store_free(grant.memory);
	store_close(store);
}

const struct CMUnitTest basic_tests[] = {
	cmocka_unit_test(test_create_and_open),
	cmocka_unit_test(test_grant),
	cmocka_unit_test(test_grant_refusals),
};
const size_t basic_tests_count = COUNT(basic_tests);

const struct CMUnitTest file_tests[] = {
	cmocka_unit_test(test_foreign_files),
};
const size_t file_tests_count = COUNT(file_tests);

static struct CMUnitTest all[64];
static size_t all_count;

/* Each test says what database it is of: both runs are one list. */
static void take(const struct CMUnitTest *tests, size_t count)
{
	static char names[64][80];
	size_t i;

	for (i = 0; i < count; i++, all_count++) {
		all[all_count] = tests[i];
		snprintf(names[all_count], 80, "%s: %s",
			 test_kind == STORE_SQLITE ? "sqlite" : "postgres", tests[i].name);
		all[all_count].name = names[all_count];
	}
}

int main(int argc, char **argv)
{
	if (argc < 4 || (strcmp(argv[1], "sqlite") != 0 && strcmp(argv[1], "postgres") != 0)) {
		fprintf(stderr, "usage: store sqlite|postgres DIRECTORY CONNECTION [TESTS]\n");
		return 2;
	}
	test_kind = strcmp(argv[1], "sqlite") ? STORE_POSTGRES : STORE_SQLITE;
	snprintf(test_directory, sizeof(test_directory), "%s", argv[2]);
	test_server = argv[3];
	if (argc > 4)
		cmocka_set_test_filter(argv[4]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (ml_keys_setup(NULL))
		return 2;
	take(basic_tests, basic_tests_count);
	take(row_tests, row_tests_count);
	take(people_tests, people_tests_count);
	take(race_tests, race_tests_count);
	take(crash_tests, crash_tests_count);
	take(deed_tests, deed_tests_count);
	take(copy_tests, copy_tests_count);
	take(promise_tests, promise_tests_count);
	if (test_kind == STORE_SQLITE) {
		take(file_tests, file_tests_count);
		take(disk_tests, disk_tests_count);
	} else {
		take(server_disk_tests, server_disk_tests_count);
		take(server_tests, server_tests_count);
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests("store", all, all_count, NULL, NULL);
}
