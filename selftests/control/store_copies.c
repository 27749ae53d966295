// SPDX-License-Identifier: MIT
/* Backups, restores and migrations, of a store that has a row in every table. */
#include "store_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void fill_network(struct store *store)
{
	struct store_generation generation = { .epoch = 3, .serial = 7,
					       .envelope = bytes_of("statement"),
					       .tree = bytes_of("tree"), .added = NOW };
	struct store_block block = { .content = bytes_of("block") };
	uint8_t identity[32], spki[32];
	uint64_t term, sequenced;

	WORKS(store_root_add(store, 1, bytes_of("root"), NOW, leaf_of("root"), &error));
	WORKS(store_policy_add(store, bytes_of("policy"), NOW, leaf_of("policy"), NULL, &error));
	grant_make(store, "grant", 2);
	WORKS(join(store, "grant", 1, &error));
	WORKS(join(store, "grant", 2, &error));
	REFUSED(-EDQUOT, join(store, "grant", 3, &error));
	key_of("identity", 1, identity);
	key_of("spki", 1, spki);
	WORKS(store_node_set_certificate(store, "node-00001", identity, spki, leaf_of("cert"),
					 &error));
	crypto_hash_sha256(block.digest, block.content.data, block.content.length);
	WORKS(store_generation_publish(store, &generation, NULL, &block, 1, leaf_of("publish"),
				       &error));
	WORKS(store_sequencer_take(store, &term, &sequenced, &error));
	WORKS(store_sequencer_advance(store, term, 3, &error));
}

static void fill_people(struct store *store)
{
	uint8_t codes[2][32], token[32];
	struct store_admin_change change = { .set_recovery = true, .recovery = codes,
					     .recovery_count = 2 };
	struct store_admin admin = { .name = "alice", .role = STORE_OWNER,
				     .password = "$argon2id", .totp = bytes_of("sealed") };
	struct store_limit limit = { 1, 1, 1, 1 };
	int64_t until;

	key_of("code", 1, codes[0]);
	key_of("code", 2, codes[1]);
	key_of("token", 1, token);
	WORKS(store_admin_add(store, &admin, leaf_of("admin"), &error));
	admin.name = "bob";
	admin.totp.length = 0;
	WORKS(store_admin_add(store, &admin, leaf_of("admin"), &error));
	WORKS(store_admin_change(store, "alice", &change, leaf_of("change"), &error));
	WORKS(store_session_start(store, token, "alice", NOW, 0, NOW + 9, leaf_of("s"), &error));
	WORKS(store_failure_add(store, "192.0.2.1", &limit, NOW, &until, &error));
}

static struct store *full_store(struct place *place)
{
	struct store *store;

	store_make_new(place);
	store = store_open_at(place);
	fill_network(store);
	fill_people(store);
	return store;
}

/* ------------------------------------------------------------------- backup */

/* Into a new place of @kind; it holds the same. Return: open. */
static struct store *restored(enum store_kind kind, int fd, const uint8_t want[static 32])
{
	struct store_backup backup;
	struct place place;
	struct store *store;
	uint8_t state[32];

	place_make_of(&place, kind);
	WORKS(store_restore(&place.config, NETWORK, fd, &backup, &error));
	assert_memory_equal(backup.digest, want, 32);
	REFUSED(-EEXIST, store_restore(&place.config, NETWORK, fd, &backup, &error));
	store = store_open_at(&place);
	state_of(store, state);
	assert_memory_equal(state, want, 32);
	assert_int_equal(raw_number(&place, "SELECT count(*) FROM sessions"), 0);
	assert_int_equal(raw_number(&place, "SELECT count(*) FROM failures"), 0);
	return store;
}

/* Every table of the schema is in a backup, but for those that are not meant to be. */
static void test_every_table(void **state)
{
	struct place place;
	struct store *store = full_store(&place);
	char sql[128];
	long tables;
	size_t i;

	(void)state;
	for (i = 0; i < STORE_TABLES; i++) {
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", store_tables[i].name);
		assert_true(raw_number(&place, sql) > 0);
		assert_string_equal(store_statements[store_tables[i].dump].columns,
				    store_statements[store_tables[i].load].parameters);
		snprintf(sql, sizeof(sql), place.config.kind == STORE_SQLITE ?
			 "SELECT count(*) FROM pragma_table_info('%s')" :
			 "SELECT count(*) FROM information_schema.columns WHERE table_name = '%s'",
			 store_tables[i].name);
		assert_int_equal(raw_number(&place, sql),
				 strlen(store_statements[store_tables[i].dump].columns));
	}
	tables = raw_number(&place, place.config.kind == STORE_SQLITE ?
			    "SELECT count(*) FROM sqlite_schema WHERE type = 'table'" :
			    "SELECT count(*) FROM information_schema.tables "
			    "WHERE table_schema = 'merlon'");
	/* network and schema_version are the header; sessions, failures, endpoints */
	assert_int_equal(tables, STORE_TABLES + 5);
	store_close(store);
}

static void test_backup_and_restore(void **state)
{
	int fd = backup_file("backup"), other = backup_file("other");
	struct store_backup backup, again;
	struct place place;
	struct store *store = full_store(&place), *copy;
	uint64_t size, sequenced;

	(void)state;
	WORKS(store_backup(store, fd, NOW, &backup, &error));
	assert_string_equal(backup.network, NETWORK);
	assert_int_equal(backup.epoch, 3);
	assert_int_equal(backup.serial, 7);
	assert_int_equal(backup.audit_size, 11);
	WORKS(store_backup_verify(fd, NETWORK, &again, &error));
	assert_memory_equal(&backup, &again, sizeof(backup));
	REFUSED(-EXDEV, store_backup_verify(fd, "other-net", &again, &error));
	/* To either database, and on from there; and back, which is the same file. */
	store_close(restored(STORE_SQLITE, fd, backup.digest));
	copy = restored(STORE_POSTGRES, fd, backup.digest);
	WORKS(store_backup(copy, other, NOW, &again, &error));
	store_close(restored(STORE_SQLITE, other, backup.digest));
	WORKS(store_audit_size(copy, &size, &sequenced, &error));
	assert_int_equal(size, 11);
	assert_int_equal(sequenced, 3);
	REFUSED(-EDQUOT, join(copy, "grant", 4, &error));
	grant_make(copy, "new", 1);
	WORKS(join(copy, "new", 4, &error));
	store_close(copy);
	store_close(store);
	close(fd);
	close(other);
}

/* @store is not touched by a backup that is refused. */
static void refuse_file(int fd, const char *what, size_t at)
{
	struct store_config config = { STORE_SQLITE, "/nonexistent/never/made" };
	struct store_backup backup;

	if (store_backup_verify(fd, NULL, &backup, NULL) != -EBADMSG ||
	    store_restore(&config, NULL, fd, &backup, NULL) != -EBADMSG)
		fail_msg("%s at %zu was not refused", what, at);
}

static void test_torn_and_altered(void **state)
{
	int fd = backup_file("whole"), copy = backup_file("copy");
	struct store_backup backup;
	struct place place;
	struct store *store = full_store(&place);
	struct stat status;
	uint8_t *bytes;
	size_t i, size;

	(void)state;
	WORKS(store_backup(store, fd, NOW, &backup, &error));
	assert_int_equal(fstat(fd, &status), 0);
	size = status.st_size;
	bytes = malloc(size + 1);
	assert_int_equal(pread(fd, bytes, size, 0), size);
	for (i = 0; i < size; i += 7) {
		assert_int_equal(ftruncate(copy, 0), 0);
		assert_int_equal(pwrite(copy, bytes, i, 0), i);
		refuse_file(copy, "the end", i);
	}
	assert_int_equal(pwrite(copy, bytes, size, 0), size);
	WORKS(store_backup_verify(copy, NETWORK, &backup, &error));
	for (i = 0; i < size; i++) {
		bytes[i] ^= 1 << i % 8;
		assert_int_equal(pwrite(copy, bytes + i, 1, i), 1);
		refuse_file(copy, "a bit", i);
		bytes[i] ^= 1 << i % 8;
		assert_int_equal(pwrite(copy, bytes + i, 1, i), 1);
	}
	WORKS(store_backup_verify(copy, NETWORK, &backup, &error));
	assert_int_equal(pwrite(copy, "", 1, size), 1);
	refuse_file(copy, "a byte more", size);
	free(bytes);
	store_close(store);
	close(fd);
	close(copy);
}

/* Whoever can make a fitting digest can still not make this program read nonsense. */
static void test_forged(void **state)
{
	int fd = backup_file("whole"), copy = backup_file("copy");
	struct store_backup backup;
	unsigned int refused = 0;
	struct place place;
	struct store *store = full_store(&place);
	struct stat status;
	uint8_t *bytes;
	size_t i, size;
	int r;

	(void)state;
	WORKS(store_backup(store, fd, NOW, &backup, &error));
	assert_int_equal(fstat(fd, &status), 0);
	size = status.st_size - 32;
	bytes = malloc(size + 32);
	assert_int_equal(pread(fd, bytes, size + 32, 0), size + 32);
	assert_int_equal(ftruncate(copy, 0), 0);
	for (i = 0; i < size; i++) {
		bytes[i] ^= 1 << randombytes_uniform(8);
		crypto_hash_sha256(bytes + size, bytes, size);
		assert_int_equal(pwrite(copy, bytes, size + 32, 0), size + 32);
		r = store_backup_verify(copy, NETWORK, &backup, NULL);
		assert_true(!r || r == -EBADMSG || r == -EXDEV || r == -EPROTO);
		refused += r != 0;
		assert_int_equal(pread(fd, bytes, size + 32, 0), size + 32);
	}
	print_message("# %u of %zu forged backups are not even well-formed\n", refused, size);
	assert_true(refused > 100 && refused < size);
	free(bytes);
	store_close(store);
	close(fd);
	close(copy);
}

/* Copies while somebody joins: each is of one moment, node by node and leaf by leaf. */
static void test_online(void **state)
{
	struct store_backup backup, last = { 0 };
	int fd = backup_file("online"), i, status;
	struct place place, other;
	struct store *store;
	pid_t child;

	(void)state;
	store_make_new(&place);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		store = store_open_at(&place);
		grant_make(store, "g", 5000);
		for (i = 1; i <= 400; i++)
			WORKS(join(store, "g", i, &error));
		store_close(store);
		_exit(0);
	}
	store = store_open_at(&place);
	do {
		i = waitpid(child, &status, WNOHANG);
		WORKS(store_backup(store, fd, NOW, &backup, &error));
		assert_true(backup.audit_size >= last.audit_size);
		/* A leaf, a node and a join each; the grant and its leaf. */
		if (backup.audit_size)
			assert_int_equal(backup.rows, 3 * backup.audit_size - 1);
		last = backup;
	} while (!i);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_int_equal(backup.audit_size, 401);
	place_make(&other);
	WORKS(store_restore(&other.config, NULL, fd, &backup, &error));
	store_close(store);
	close(fd);
}

/* ---------------------------------------------------------------- migration */

static void test_up_down_up(void **state)
{
	uint8_t before[32], after[32];
	struct store_grant grant;
	struct place place;
	struct store *store = full_store(&place);
	int from = 0;

	(void)state;
	store_close(store);
	raw(&place, "UPDATE grants SET refusals = 0");	/* what version 1 cannot keep */
	store = store_open_at(&place);
	state_of(store, before);
	store_close(store);
	REFUSED(-EINVAL, store_migrate(&place.config, 0, NULL, &error));
	REFUSED(-EINVAL, store_migrate(&place.config, STORE_VERSION + 1, NULL, &error));
	WORKS(store_migrate(&place.config, 1, &from, &error));
	assert_int_equal(from, STORE_VERSION);
	REFUSED(-EPROTO, store_open(&place.config, NETWORK, &store, &error));
	WORKS(store_migrate(&place.config, STORE_VERSION, &from, &error));
	assert_int_equal(from, 1);
	store = store_open_at(&place);
	state_of(store, after);
	assert_memory_equal(before, after, 32);
	WORKS(store_grant_get(store, "grant", &grant, &error));
	assert_int_equal(grant.refusals, 0);
	store_free(grant.memory);
	REFUSED(-EDQUOT, join(store, "grant", 9, &error));
	store_close(store);
}

/* A step that fails in the middle leaves the version that was. */
static void test_failed_migration(void **state)
{
	struct place place;
	struct store *store = full_store(&place);

	(void)state;
	store_close(store);
	WORKS(store_migrate(&place.config, 1, NULL, &error));
	raw(&place, place.config.kind == STORE_SQLITE ?
	    "ALTER TABLE grants ADD COLUMN refusals INTEGER" :
	    "ALTER TABLE grants ADD COLUMN refusals BIGINT");
	assert_true(store_migrate(&place.config, 2, NULL, NULL) < 0);
	REFUSED(-EPROTO, store_open(&place.config, NETWORK, &store, &error));
	raw(&place, "ALTER TABLE grants DROP COLUMN refusals");
	WORKS(store_migrate(&place.config, STORE_VERSION, NULL, &error));
	store_close(store_open_at(&place));
}

const struct CMUnitTest copy_tests[] = {
	cmocka_unit_test(test_every_table),
	cmocka_unit_test(test_backup_and_restore),
	cmocka_unit_test(test_torn_and_altered),
	cmocka_unit_test(test_forged),
	cmocka_unit_test(test_online),
	cmocka_unit_test(test_up_down_up),
	cmocka_unit_test(test_failed_migration),
};
const size_t copy_tests_count = COUNT(copy_tests);
