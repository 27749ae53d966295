// SPDX-License-Identifier: MIT
/* Killed, and out of space: nothing is half done, and nothing acknowledged is lost. */
#include "store_test.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 25

/* ------------------------------------------------------------------- killed */

/* Joins without end; a number is written when the store has acknowledged it. */
static void stream(const struct place *place, unsigned int from, int acknowledge)
{
	struct store *store = NULL;

	if (store_open(&place->config, NETWORK, &store, NULL))
		_exit(1);
	for (;; from++) {
		if (join(store, "many", from, NULL))
			_exit(1);
		if (write(acknowledge, &from, sizeof(from)) != sizeof(from))
			_exit(1);
	}
}

/* Kills the stream at a random moment behind its first join. Return: the last one. */
static unsigned int kill_stream(const struct place *place, unsigned int from)
{
	unsigned int last = 0, number;
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(ends[0]);
		stream(place, from, ends[1]);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &last, sizeof(last)), sizeof(last));
	usleep(randombytes_uniform(30000));
	kill(child, SIGKILL);
	while (read(ends[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(ends[0]);
	return last;
}

struct count {
	uint64_t leaves, nodes;
};

/* The first leaf is the grant's; leaf N is that of node N. */
static int count_leaf(void *arg, uint64_t index, struct ml_bytes leaf)
{
	struct count *count = arg;
	char want[32];

	assert_int_equal(index, count->leaves++);
	snprintf(want, sizeof(want), "join node-%05u", (unsigned int)index);
	if (index)
		assert_memory_equal(leaf.data, want, strlen(want));
	return 0;
}

static int count_node(void *arg, const struct store_node *node)
{
	struct count *count = arg;
	unsigned int number;

	assert_int_equal(sscanf(node->name, "node-%u", &number), 1);
	assert_int_equal(number, ++count->nodes);
	return 0;
}

/* Return: how many nodes there are, each with its leaf, its join and its use. */
static unsigned int check_whole(const struct place *place)
{
	struct store *store = store_open_at(place);
	struct count count = { 0 };
	struct store_grant grant;
	uint64_t size, sequenced;

	WORKS(store_audit_read(store, 0, UINT64_MAX, count_leaf, &count, &error));
	WORKS(store_node_each(store, count_node, &count, &error));
	WORKS(store_audit_size(store, &size, &sequenced, &error));
	WORKS(store_grant_get(store, "many", &grant, &error));
	assert_int_equal(size, count.leaves);
	assert_int_equal(count.nodes, count.leaves - 1);
	assert_int_equal(grant.uses, 100000 - count.nodes);
	assert_int_equal(raw_number(place, "SELECT count(*) FROM joins"), count.nodes);
	store_free(grant.memory);
	store_close(store);
	return count.nodes;
}

static void test_killed_stream(void **state)
{
	unsigned int round, last, there = 0;
	struct place place;
	struct store *store;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "many", 100000);
	store_close(store);
	for (round = 0; round < ROUNDS; round++) {
		last = kill_stream(&place, there + 1);
		there = check_whole(&place);
		/* All that was acknowledged, and at most the one that was under way. */
		assert_in_range(there, last, last + 1);
	}
	print_message("# %u joins, %d times killed\n", there, ROUNDS);
	if (test_kind == STORE_SQLITE)
		assert_int_equal(raw_number(&place, "SELECT count(*) FROM "
					    "pragma_integrity_check WHERE "
					    "integrity_check <> 'ok'"), 0);
}

/* A process that appends a leaf for every byte it gets, and closes the store behind it. */
static void elsewhere(const struct place *place, int socket)
{
	struct store *store;
	char byte;

	while (read(socket, &byte, 1) == 1) {
		if (store_open(&place->config, NETWORK, &store, NULL) ||
		    store_audit_append(store, leaf_of("elsewhere"), NULL, NULL))
			_exit(1);
		store_close(store);
		if (write(socket, &byte, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

/* ORDER: before this process opens anything, or the child inherits what SQLite knows. */
static int elsewhere_start(const struct place *place)
{
	int ends[2];
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(ends[0]);
		elsewhere(place, ends[1]);
	}
	close(ends[1]);
	return ends[0];
}

static void append_elsewhere(int socket)
{
	char byte = 'x';

	assert_int_equal(write(socket, &byte, 1), 1);
	assert_int_equal(read(socket, &byte, 1), 1);
}

/*
 * A process that closes any descriptor of a file loses its POSIX locks, SQLite's among
 * them: a second handle of this process must not make the first one's log go when a
 * process elsewhere closes the database.
 */
static void test_opened_twice(void **state)
{
	struct store *first, *second;
	uint64_t size, sequenced;
	struct place place;
	int socket;

	(void)state;
	place_make(&place);
	socket = elsewhere_start(&place);
	WORKS(store_create(&place.config, NETWORK, NOW, &error));
	first = store_open_at(&place);
	WORKS(store_audit_append(first, leaf_of("here"), NULL, &error));
	second = store_open_at(&place);
	append_elsewhere(socket);
	WORKS(store_audit_append(first, leaf_of("here again"), NULL, &error));
	append_elsewhere(socket);
	WORKS(store_audit_size(second, &size, &sequenced, &error));
	assert_int_equal(size, 4);
	store_close(second);
	store_close(first);
	assert_int_equal(raw_number(&place, "SELECT count(*) FROM audit_leaves"), 4);
	close(socket);
	assert_true(wait(NULL) > 0);
}

/* ---------------------------------------------------------------- disk full */

/* Joins until one fails; the others and only they are there. Return: its error. */
static int join_until_full(const struct place *place, struct store *store)
{
	unsigned int number = check_whole(place);
	struct store_node node;
	char name[32];
	int r;

	do {
		r = join(store, "many", ++number, NULL);
	} while (!r && number < 5000);
	snprintf(name, sizeof(name), "node-%05u", number);
	assert_int_equal(store_node_get(store, name, &node, NULL), -ENOENT);
	return r;
}

static void test_file_limit(void **state)
{
	struct rlimit limit, low;
	struct place place;
	struct store *store;
	unsigned int there;
	int r;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "many", 100000);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	low = limit;
	low.rlim_cur = 300000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	r = join_until_full(&place, store);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(r == -EIO || r == -ENOSPC);
	there = check_whole(&place);
	assert_true(there > 0);
	WORKS(join(store, "many", there + 1, &error));
	assert_int_equal(check_whole(&place), there + 1);
	store_close(store);
}

static void write_line(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

/* A small disk that nobody else sees. */
static void mount_small(const char *path)
{
	unsigned int user = geteuid(), group = getegid();
	char map[32];

	if (unshare(user ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS))
		fail_msg("unshare: %s", strerror(errno));
	if (user) {
		snprintf(map, sizeof(map), "0 %u 1", user);
		write_line("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "0 %u 1", group);
		write_line("/proc/self/setgroups", "deny");
		write_line("/proc/self/gid_map", map);
	}
	mkdir(path, 0700);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", path, "tmpfs", 0, "size=600k,mode=0700"))
		fail_msg("mount: %s", strerror(errno));
}

static void fill_small_disk(const char *path)
{
	struct place place = { .config = { STORE_SQLITE, place.target } };
	struct store *store;
	unsigned int there;

	mount_small(path);
	snprintf(place.target, sizeof(place.target), "%s/store.db", path);
	WORKS(store_create(&place.config, NETWORK, NOW, &error));
	store = store_open_at(&place);
	grant_make(store, "many", 100000);
	assert_int_equal(join_until_full(&place, store), -ENOSPC);
	there = check_whole(&place);
	assert_true(there > 0);
	assert_int_equal(mount("none", path, "tmpfs", MS_REMOUNT, "size=4m"), 0);
	WORKS(join(store, "many", there + 1, &error));
	assert_int_equal(check_whole(&place), there + 1);
	store_close(store);
}

static void test_disk_full(void **state)
{
	char path[300];
	int status;
	pid_t child;

	(void)state;
	snprintf(path, sizeof(path), "%s/small", test_directory);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		fill_small_disk(path);	/* a failure longjmps into a run that ends red */
		_exit(0);
	}
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* The server says so, by a trigger that says it for it. */
static void test_server_full(void **state)
{
	unsigned int there;
	struct place place;
	struct store *store;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "many", 100000);
	WORKS(join(store, "many", 1, &error));
	raw(&place, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
	    "$$BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END$$");
	raw(&place, "CREATE TRIGGER full_disk BEFORE INSERT ON audit_leaves FOR EACH ROW "
	    "EXECUTE FUNCTION refuse()");
	REFUSED(-ENOSPC, join(store, "many", 2, &error));
	there = check_whole(&place);
	assert_int_equal(there, 1);
	raw(&place, "DROP TRIGGER full_disk ON audit_leaves");
	WORKS(join(store, "many", 2, &error));
	assert_int_equal(check_whole(&place), 2);
	store_close(store);
}

const struct CMUnitTest crash_tests[] = {
	cmocka_unit_test(test_killed_stream),
	cmocka_unit_test(test_opened_twice),
};
const size_t crash_tests_count = COUNT(crash_tests);

const struct CMUnitTest disk_tests[] = {
	cmocka_unit_test(test_file_limit),
	cmocka_unit_test(test_disk_full),
};
const size_t disk_tests_count = COUNT(disk_tests);

const struct CMUnitTest server_disk_tests[] = {
	cmocka_unit_test(test_server_full),
};
const size_t server_disk_tests_count = COUNT(server_disk_tests);
