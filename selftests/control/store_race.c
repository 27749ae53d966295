// SPDX-License-Identifier: MIT
/*
 * A thousand uses of one grant at once, from three processes of eight threads with a
 * connection each, begun together. Every use comes from an address of its own, and what
 * is counted is what the store has, not what the callers say.
 */
#include "store_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES	3
#define THREADS		8
#define USES		1000

struct race {
	const struct place *place;
	const char *grant;
	unsigned int base, uses;	/* numbers of nodes: base + 0 … uses - 1 */
	pthread_barrier_t barrier;
	bool identical;		/* all are the same join */
	atomic_uint begun, joined, refused, broken;
};

struct runner {
	struct race *race;
	unsigned int process, thread;
};

/* What a server does: the refusal too is in the log, with its address. */
static void use_once(struct race *race, struct store *store, unsigned int number)
{
	char address[32];
	int r;

	snprintf(address, sizeof(address), "10.%u.%u.%u", race->base / USES, number / 250,
		 number % 250);
	atomic_fetch_add(&race->begun, 1);
	r = join(store, race->grant, race->base + (race->identical ? 0 : number), NULL);
	if (!r)
		atomic_fetch_add(&race->joined, 1);
	else if (r == -EDQUOT)
		atomic_fetch_add(&race->refused, 1);
	if ((r && r != -EDQUOT) ||
	    store_audit_append(store, leaf_of("use from %s: %d", address, r), NULL, NULL))
		atomic_fetch_add(&race->broken, 1);
}

static void *run_thread(void *arg)
{
	struct runner *runner = arg;
	struct race *race = runner->race;
	struct store *store = NULL;
	unsigned int i;

	if (store_open(&race->place->config, NETWORK, &store, NULL))
		atomic_fetch_add(&race->broken, USES);
	pthread_barrier_wait(&race->barrier);
	for (i = runner->process * THREADS + runner->thread; store && i < race->uses;
	     i += PROCESSES * THREADS)
		use_once(race, store, i);
	store_close(store);
	return NULL;
}

static void run_process(struct race *race, unsigned int process)
{
	struct runner runners[THREADS];
	pthread_t threads[THREADS];
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		runners[i] = (struct runner){ race, process, i };
		if (pthread_create(&threads[i], NULL, run_thread, &runners[i]))
			_exit(1);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

static struct race *race_new(const struct place *place, const char *grant, unsigned int base,
			     unsigned int uses)
{
	struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t shared;

	assert_true(race != MAP_FAILED);
	race->place = place;
	race->grant = grant;
	race->base = base;
	race->uses = uses;
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&race->barrier, &shared, PROCESSES * THREADS + 1);
	return race;
}

/* @kill_after: uses begun until the first process is killed; UINT_MAX: none is. */
static void race_run(struct race *race, unsigned int kill_after)
{
	pid_t children[PROCESSES];
	int i, status;

	for (i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (!children[i])
			run_process(race, i);
	}
	pthread_barrier_wait(&race->barrier);
	while (kill_after != UINT_MAX && atomic_load(&race->begun) < kill_after)
		usleep(100);
	if (kill_after != UINT_MAX)
		kill(children[0], SIGKILL);
	for (i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		if (i || kill_after == UINT_MAX)
			assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
		else
			assert_true(WIFSIGNALED(status));
	}
	assert_int_equal(race->broken, 0);
}

/* ---------------------------------------------------- what the store says */

struct tally {
	uint64_t next;		/* leaf: no gap */
	unsigned int addresses, admitted, joins;
	bool seen[USES];
};

static int tally_leaf(void *arg, uint64_t index, struct ml_bytes leaf)
{
	struct tally *tally = arg;
	unsigned int net, high, low;
	char text[64];
	int code;

	assert_int_equal(index, tally->next++);
	snprintf(text, sizeof(text), "%.*s", (int)leaf.length, leaf.data);
	tally->joins += !strncmp(text, "join ", 5);
	if (sscanf(text, "use from 10.%u.%u.%u: %d", &net, &high, &low, &code) != 4)
		return 0;
	assert_true(high * 250 + low < USES);
	tally->addresses += !tally->seen[high * 250 + low];
	tally->seen[high * 250 + low] = true;
	tally->admitted += !code;
	return 0;
}

static int tally_node(void *arg, const struct store_node *node)
{
	(void)node;
	++*(unsigned int *)arg;
	return 0;
}

static void test_thousand(void **state)
{
	struct tally tally = { 0 };
	unsigned int nodes = 0;
	struct store_grant grant;
	struct place place;
	struct store *store;
	struct race *race;
	double start;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "key", 1);
	store_close(store);
	race = race_new(&place, "key", 0, USES);
	start = seconds_now();
	race_run(race, UINT_MAX);
	print_message("# %u uses, %u refused, %.2f s\n", race->begun, race->refused,
		      seconds_now() - start);
	assert_int_equal(race->joined, 1);
	assert_int_equal(race->refused, USES - 1);
	store = store_open_at(&place);
	WORKS(store_audit_read(store, 0, UINT64_MAX, tally_leaf, &tally, &error));
	WORKS(store_node_each(store, tally_node, &nodes, &error));
	WORKS(store_grant_get(store, "key", &grant, &error));
	assert_int_equal(nodes, 1);
	assert_int_equal(tally.joins, 1);
	assert_int_equal(tally.admitted, 1);
	assert_int_equal(tally.addresses, USES);
	assert_int_equal(grant.uses, 0);
	assert_int_equal(grant.refusals, USES - 1);
	store_free(grant.memory);
	store_close(store);
}

/* Positive control: the same crowd with uses for all of them all get in. */
static void test_uses_for_all(void **state)
{
	unsigned int nodes = 0;
	struct place place;
	struct store *store;
	struct race *race;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "key", 100);
	store_close(store);
	race = race_new(&place, "key", 0, 100);
	race_run(race, UINT_MAX);
	assert_int_equal(race->joined, 100);
	assert_int_equal(race->refused, 0);
	store = store_open_at(&place);
	WORKS(store_node_each(store, tally_node, &nodes, &error));
	assert_int_equal(nodes, 100);
	store_close(store);
}

/* The same join from everywhere at once: one use, one node, one leaf, one answer for all. */
static void test_identical(void **state)
{
	struct tally tally = { 0 };
	struct store_grant grant;
	struct place place;
	struct store *store;
	struct race *race;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "key", 25);
	store_close(store);
	race = race_new(&place, "key", 0, 240);
	race->identical = true;
	race_run(race, UINT_MAX);
	assert_int_equal(race->joined, 240);
	store = store_open_at(&place);
	WORKS(store_audit_read(store, 0, UINT64_MAX, tally_leaf, &tally, &error));
	WORKS(store_grant_get(store, "key", &grant, &error));
	assert_int_equal(grant.uses, 24);
	assert_int_equal(grant.refusals, 0);
	assert_int_equal(tally.joins, 1);
	assert_int_equal(tally.addresses, 240);
	store_free(grant.memory);
	store_close(store);
}

/*
 * One of the three is killed: sometimes before the use is taken, sometimes in the middle
 * of that, sometimes behind it. There is one node, one leaf, and none of it is half.
 */
static void kill_round(const struct place *place, unsigned int round, unsigned int uses,
		       unsigned int kill_after)
{
	struct tally tally = { 0 };
	unsigned int nodes = 0;
	struct store_grant grant;
	struct store *store;
	struct race *race;
	char key[16];

	snprintf(key, sizeof(key), "key-%u", round);
	store = store_open_at(place);
	grant_make(store, key, 1);
	store_close(store);
	race = race_new(place, key, round * USES, uses);
	race_run(race, kill_after);
	store = store_open_at(place);
	WORKS(store_audit_read(store, 0, UINT64_MAX, tally_leaf, &tally, &error));
	WORKS(store_node_each(store, tally_node, &nodes, &error));
	WORKS(store_grant_get(store, key, &grant, &error));
	assert_int_equal(nodes, round);
	assert_int_equal(tally.joins, round);
	assert_true(race->joined <= 1);
	assert_int_equal(grant.uses, 0);
	/* Of the killed process, up to one refusal for each thread was not heard of. */
	assert_in_range(grant.refusals + 1, race->refused + race->joined,
			race->refused + race->joined + THREADS);
	store_free(grant.memory);
	store_close(store);
}

static void test_killed(void **state)
{
	struct place place;
	unsigned int round;

	(void)state;
	store_make_new(&place);
	for (round = 1; round <= 7; round++)
		kill_round(&place, round, 48, round % 5);
	kill_round(&place, round, USES, 300);
}

const struct CMUnitTest race_tests[] = {
	cmocka_unit_test(test_thousand),
	cmocka_unit_test(test_uses_for_all),
	cmocka_unit_test(test_identical),
	cmocka_unit_test(test_killed),
};
const size_t race_tests_count = COUNT(race_tests);
