// SPDX-License-Identifier: MIT
/*
 * The audit log on disk: what it holds is what was put into it, no bit of it can be
 * changed unseen, and nobody gets another history cosigned.
 */
#include "audit_log_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

/* ------------------------------------------------------------------ growing */

static void test_empty(void **state)
{
	struct audit_log *log;

	(void)state;
	fixture_clear();
	log = fixture_open();
	assert_int_equal(audit_log_size(log), 0);
	assert_string_equal(audit_log_remark(log), "");
	audit_log_close(log);
	assert_log(0);
}

/* In steps of every size, over the edges of tiles, opened anew between. */
static void test_steps(void **state)
{
	static const size_t steps[] = { 1, 1, 2, 250, 1, 1, 1, 255, 1, 80 };
	struct audit_log *log;
	size_t i, size = 0;

	(void)state;
	fixture_clear();
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		log = fixture_open();
		assert_int_equal(audit_log_size(log), size);
		sequence(log, size, steps[i]);
		size += steps[i];
		audit_log_close(log);
		assert_log(size);
	}
}

static void assert_file(const char *name, size_t bytes)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (stat(path, &st))
		fail_msg("%s is missing", name);
	if (bytes)
		assert_int_equal(st.st_size, bytes);
}

/* What stands where, by the examples of c2sp.org/tlog-tiles. */
static void test_layout(void **state)
{
	struct audit_log *log;

	(void)state;
	fixture_clear();
	log = fixture_open();
	sequence(log, 0, 256);
	assert_file("checkpoint", 0);
	assert_file("tile/0/000", 8192);
	assert_file("tile/entries/000", 0);
	assert_file("tile/1/000.p/1", 32);
	sequence(log, 256, 100);
	assert_file("tile/0/001.p/100", 3200);
	assert_file("tile/entries/001.p/100", 0);
	audit_log_close(log);
}

static void test_paths(void **state)
{
	static const char *const bad[] = {
		"tile/8/000", "tile/00/000", "tile/0/0", "tile/0/0000", "tile/0/x000/001",
		"tile/0/000.p/256", "tile/0/000.p/0", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/",
		"tile/0/000/", "tile//000", "tile/entries/x001", "tile/entries/x001/x002",
		"tile/0/x999/x999/x999/x999/x999/x999/x999/999", "entries/000", "tile/-1/000",
	};
	struct ml_tile tile = { 0, 1234067, 5 }, again;
	char path[ML_TILE_PATH];
	size_t i;

	(void)state;
	assert_string_equal(ml_tile_path(&tile, path), "tile/0/x001/x234/067.p/5");
	assert_true(ml_tile_path_parse(path, &again));
	assert_true(!again.level && again.index == 1234067 && again.width == 5);
	tile = (struct ml_tile){ ML_TILE_ENTRIES, 7, 256 };
	assert_string_equal(ml_tile_path(&tile, path), "tile/entries/007");
	assert_true(ml_tile_path_parse(path, &again));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ml_tile_path_parse(bad[i], &again))
			fail_msg("%s", bad[i]);
	/* The specification's example. */
	assert_int_equal(ml_tile_width(70000, 0, 272), 256);
	assert_int_equal(ml_tile_width(70000, 0, 273), 112);
	assert_int_equal(ml_tile_width(70000, 0, 274), 0);
	assert_int_equal(ml_tile_width(70000, 1, 0), 256);
	assert_int_equal(ml_tile_width(70000, 1, 1), 17);
	assert_int_equal(ml_tile_width(70000, 2, 0), 1);
	assert_int_equal(ml_tile_width(70000, 3, 0), 0);
}

/* --------------------------------------------------------- what is refused */

static void test_order(void **state)
{
	struct ml_bytes long_one = { calloc(1, 32769), 32769 };
	struct audit_log *log, *second;

	(void)state;
	fixture_clear();
	log = fixture_open();
	sequence(log, 0, 300);
	sequence(log, 0, 300);		/* again: they are there */
	sequence(log, 290, 20);		/* some of them */
	assert_int_equal(audit_log_size(log), 310);
	assert_int_equal(audit_sequence(log, 311, leaves, 1, &error), -ERANGE);
	assert_int_equal(audit_sequence(log, 299, leaves, 1, &error), -EBADMSG);
	assert_int_equal(audit_sequence(log, 309, leaves, 2, &error), -EBADMSG);
	assert_int_equal(audit_sequence(log, 310, leaves, 0, &error), -EINVAL);
	assert_int_equal(audit_sequence(log, 310, &long_one, 1, &error), -EINVAL);
	assert_int_equal(audit_log_open(directory, &log_key, log_secret, &second, NULL, &error),
			 -EBUSY);
	sequence(log, 310, 1);
	audit_log_close(log);
	assert_log(311);
	free((void *)long_one.data);
}

static void test_other_key(void **state)
{
	struct ml_note_key key;
	struct ml_secret_key *secret = fixture_key(9, log_key.name, ML_NOTE_ED25519, &key);
	struct audit_log *log;
	char path[PATH_MAX];

	(void)state;
	fixture_clear();
	log = fixture_open();
	sequence(log, 0, 3);
	audit_log_close(log);
	assert_int_equal(audit_log_open(directory, &key, secret, &log, NULL, &error),
			 -EKEYREJECTED);
	snprintf(path, sizeof(path), "%s/checkpoint", directory);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(audit_log_open(directory, &log_key, log_secret, &log, NULL, &error),
			 -EBADMSG);
	ml_secret_key_free(secret);
}

/* A disk that is full, or a limit: nothing is taken for written, and the log goes on. */
static void test_no_room(void **state)
{
	struct rlimit limit = { 1000, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
	struct audit_log *log;

	(void)state;
	fixture_clear();
	log = fixture_open();
	sequence(log, 0, 255);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(audit_sequence(log, 255, leaves + 255, 3, &error), -EFBIG);
	assert_int_equal(audit_sequence(log, 255, leaves + 255, 3, &error), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(audit_log_size(log), 255);
	assert_log(255);
	sequence(log, 255, 3);
	audit_log_close(log);
	assert_log(258);
}

/* --------------------------------------------------------------- cosigning */

static void test_cosigning(void **state)
{
	struct ml_cosigned seen;
	struct ml_audit_head head;
	struct audit_log *log;
	char *text, *line;

	(void)state;
	fixture_clear();
	cosigner_new();
	log = fixture_open();
	sequence(log, 0, 300);
	assert_int_equal(ml_audit_head_read(directory, &log_key, &signer_key, &head, &error),
			 -EKEYREJECTED);
	cosign(log, 0);
	sequence(log, 300, 7);
	need(ml_audit_head_read(directory, &log_key, &signer_key, &head, &error));
	assert_int_equal(head.checkpoint.size, 307);
	assert_int_equal(head.cosigned.size, 300);
	assert_int_equal(head.cosigned_time, 1767225600);
	cosign(log, 300);
	assert_log(307);
	/* A line that is another checkpoint's. */
	need(audit_log_request(log, 307, &text, &error));
	need(audit_cosign(state_path, &log_key, &signer_key, signer_secret,
			  (struct ml_bytes){ (uint8_t *)text, strlen(text) }, 1, &line, &error));
	sequence(log, 307, 1);
	assert_int_equal(audit_log_cosigned(log, &signer_key, line, &error), -EBADMSG);
	audit_log_close(log);
	free(text);
	free(line);
	need(audit_cosign_seen(state_path, &log_key, &seen, &error));
	assert_int_equal(seen.size, 307);
	assert_int_equal(seen.time, 1767225600);	/* never back */
	need(ml_audit_head_read(directory, &log_key, &signer_key, &head, &error));
	assert_int_equal(head.cosigned.size, 307);
}

/* A second log of the same key that differs in its first entry. */
static void test_forked_log(void **state)
{
	struct ml_bytes first = leaves[0];
	struct ml_tiles_verdict verdict;
	struct ml_checkpoint honest;
	struct ml_audit_head head;
	struct audit_log *log;
	char *text, *line;

	(void)state;
	fixture_clear();
	cosigner_new();
	log = fixture_open();
	sequence(log, 0, 20);
	cosign(log, 0);
	audit_log_close(log);
	need(fixture_check(NULL, &head, &verdict));
	honest = head.checkpoint;
	fixture_clear();
	log = fixture_open();
	leaves[0] = leaves[50];
	sequence(log, 0, 30);
	leaves[0] = first;
	need(audit_log_request(log, 20, &text, &error));
	assert_int_equal(audit_cosign(state_path, &log_key, &signer_key, signer_secret,
				      (struct ml_bytes){ (uint8_t *)text, strlen(text) }, 1, &line,
				      &error), -EBADMSG);
	free(text);
	audit_log_close(log);
	/* By itself it is a good log; not beside the other's checkpoint. */
	need(fixture_check(NULL, &head, &verdict));
	assert_int_equal(fixture_check(&honest, &head, &verdict), -EBADMSG);
	assert_non_null(strstr(error.text, "another history"));
}

/* Entries and every hash above them rewritten: only what was signed gives it away. */
static void test_rewritten_log(void **state)
{
	struct ml_bytes first = leaves[0];
	struct ml_tiles_verdict verdict;
	struct ml_audit_head head;
	struct audit_log *log;
	char path[PATH_MAX], *honest;

	(void)state;
	fixture_clear();
	log = fixture_open();
	sequence(log, 0, 300);
	honest = strdup(audit_log_checkpoint(log));
	audit_log_close(log);
	fixture_clear();
	log = fixture_open();
	leaves[0] = leaves[50];
	sequence(log, 0, 300);
	leaves[0] = first;
	audit_log_close(log);
	need(fixture_check(NULL, &head, &verdict));
	snprintf(path, sizeof(path), "%s/checkpoint", directory);
	need(ml_file_write_atomic(path, honest, strlen(honest), 0600, &error));
	free(honest);
	assert_int_equal(fixture_check(NULL, &head, &verdict), -EBADMSG);
	assert_non_null(strstr(error.text, "do not give the root"));
	assert_int_equal(audit_log_open(directory, &log_key, log_secret, &log, NULL, &error),
			 -EBADMSG);
}

static void test_cosigner_state(void **state)
{
	struct ml_cosigned seen;
	struct audit_log *log;
	uint8_t *data;
	size_t length, bit;

	(void)state;
	fixture_clear();
	cosigner_new();
	assert_int_equal(audit_cosign_init(state_path, &log_key, &error), -EEXIST);
	log = fixture_open();
	sequence(log, 0, 5);
	cosign(log, 0);
	audit_log_close(log);
	need(ml_file_read(state_path, 4096, &data, &length, &error));
	for (bit = 0; bit < length * 8; bit += 3) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		need(ml_file_write_atomic(state_path, data, length, 0600, &error));
		if (audit_cosign_seen(state_path, &log_key, &seen, &error) != -EBADMSG)
			fail_msg("bit %zu", bit);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(data);
	assert_int_equal(unlink(state_path), 0);
	assert_int_equal(audit_cosign_seen(state_path, &log_key, &seen, &error), -ENOENT);
}

/* ----------------------------------------------------------- flipped bits */

static unsigned int flips;
static size_t flip_step;

static int verify_all(void)
{
	struct ml_tiles_verdict verdict;
	struct ml_audit_head head;
	int r;

	r = ml_audit_head_read(directory, &log_key, &signer_key, &head, &error);
	return r ? r : ml_audit_check(directory, &head, NULL, NULL, NULL, &verdict, &error);
}

static int flip_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	off_t bit;
	uint8_t byte;
	int fd;

	(void)ftw;
	if (flag != FTW_F)
		return 0;
	fd = open(path, O_RDWR);
	for (bit = 0; bit < st->st_size * 8; bit += (off_t)flip_step) {
		assert_int_equal(pread(fd, &byte, 1, bit / 8), 1);
		byte ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(pwrite(fd, &byte, 1, bit / 8), 1);
		if (!verify_all())
			fail_msg("%s: bit %d", path, (int)bit);
		byte ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(pwrite(fd, &byte, 1, bit / 8), 1);
		flips++;
	}
	close(fd);
	return 0;
}

/* Older parts of tiles and the older cosigned checkpoint among them. */
static void test_every_bit(void **state)
{
	struct audit_log *log;

	(void)state;
	fixture_clear();
	cosigner_new();
	log = fixture_open();
	sequence(log, 0, 1);
	cosign(log, 0);
	sequence(log, 1, 1);
	audit_log_close(log);
	need(verify_all());
	flips = 0;
	flip_step = 1;
	assert_int_equal(nftw(directory, flip_file, 16, FTW_PHYS), 0);
	need(verify_all());
	print_message("# %u bits flipped, each found\n", flips);
}

static void test_bits_of_whole_tiles(void **state)
{
	struct audit_log *log;

	(void)state;
	fixture_clear();
	cosigner_new();
	log = fixture_open();
	sequence(log, 0, 257);
	cosign(log, 0);
	audit_log_close(log);
	need(verify_all());
	flips = 0;
	flip_step = 2503;
	assert_int_equal(nftw(directory, flip_file, 16, FTW_PHYS), 0);
	need(verify_all());
	print_message("# %u bits flipped, each found\n", flips);
}

static void put_file(const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	need(ml_file_write_atomic(path, text, strlen(text), 0600, &error));
}

/* Files that nobody asked for, and such as are gone. */
static void test_other_files(void **state)
{
	struct ml_tiles_verdict verdict;
	struct ml_audit_head head;
	struct audit_log *log;
	unsigned int cut;
	char path[PATH_MAX];

	(void)state;
	fixture_clear();
	log = fixture_open();
	sequence(log, 0, 3);
	audit_log_close(log);
	put_file("tile/notes", "x");
	assert_int_equal(fixture_check(NULL, &head, &verdict), -EBADMSG);
	snprintf(path, sizeof(path), "%s/tile/notes", directory);
	unlink(path);
	need(fixture_check(NULL, &head, &verdict));
	/* Behind the checkpoint: told of, and cut when the log is opened. */
	put_file("tile/0/000.p/4", "x");
	put_file("tile/0/000", "x");
	need(fixture_check(NULL, &head, &verdict));
	assert_int_equal(verdict.beyond, 2);
	need(audit_log_open(directory, &log_key, log_secret, &log, &cut, &error));
	assert_int_equal(cut, 2);
	assert_non_null(strstr(audit_log_remark(log), "2 files behind the checkpoint of 3 entries"));
	audit_log_close(log);
	assert_log(3);
	snprintf(path, sizeof(path), "%s/tile/entries/000.p/3", directory);
	unlink(path);
	assert_int_equal(fixture_check(NULL, &head, &verdict), -EBADMSG);
	assert_non_null(strstr(error.text, "somebody removed them"));
}

/* ---------------------------------------------------------------- pruning */

#define DAY	INT64_C(86400000000)

/* Where the entries that are kept begin. */
static uint64_t first_entry(void)
{
	struct ml_tiles_verdict verdict;
	struct ml_audit_head head;

	need(fixture_check(NULL, &head, &verdict));
	return verdict.first;
}

static uint64_t announce(struct audit_log *log, int64_t minimum, int64_t time)
{
	struct audit_event event = { .type = AUDIT_LOG_PRUNE, .time = time, .actor = "uid:0",
				     .details.minimum = minimum };
	struct ml_bytes leaf = fixture_leaf(&event);
	uint64_t index = audit_log_size(log);

	need(audit_sequence(log, index, &leaf, 1, &error));
	free((void *)leaf.data);
	return index;
}

static void test_pruning(void **state)
{
	int64_t later = BEGINNING + 366 * DAY;
	struct ml_tiles_verdict verdict;
	struct ml_audit_head head;
	struct audit_log *log;
	uint64_t may, event, wrong;
	char path[PATH_MAX];

	(void)state;
	fixture_clear();
	log = fixture_open();
	sequence(log, 0, LEAVES);
	assert_int_equal(audit_prune_plan(log, later, 364, &may, &error), -EINVAL);
	need(audit_prune_plan(log, BEGINNING + 364 * DAY, 365, &may, &error));
	assert_int_equal(may, 0);
	/* Of the second bundle the last entry is not old enough. */
	need(audit_prune_plan(log, BEGINNING + 365 * DAY + 511 * INT64_C(1000000), 365, &may,
			      &error));
	assert_int_equal(may, 256);
	need(audit_prune_plan(log, later, 365, &may, &error));
	assert_int_equal(may, 512);
	wrong = announce(log, 512 + 256, later);
	event = announce(log, 512, later);
	assert_int_equal(audit_prune(log, 0, later, 365, &error), -EINVAL);
	assert_int_equal(audit_prune(log, 5000, later, 365, &error), -EINVAL);
	assert_int_equal(audit_prune(log, wrong, later, 365, &error), -EPERM);
	assert_int_equal(audit_prune(log, event, BEGINNING + 300 * DAY, 365, &error), -EPERM);
	assert_int_equal(first_entry(), 0);
	need(audit_prune(log, event, later, 365, &error));
	assert_int_equal(first_entry(), 512);
	need(audit_prune(log, event, later, 365, &error));
	need(audit_prune_plan(log, later, 365, &may, &error));
	assert_int_equal(may, 512);
	/* Proofs go on: hashes stay. */
	sequence(log, 3, 5);
	audit_log_close(log);
	/* What nobody announced. */
	snprintf(path, sizeof(path), "%s/tile/entries/002.p/%d", directory, LEAVES + 2 - 512);
	unlink(path);
	assert_int_equal(fixture_check(NULL, &head, &verdict), -EBADMSG);
}

/* ------------------------------------------------------------------- size */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* The sanitizer keeps what was freed: memory tells nothing there, and time is dear. */
#ifdef __SANITIZE_ADDRESS__
#define MANY		10000
#define GROWTH_KIB	LONG_MAX
#else
#define MANY		100000
#define GROWTH_KIB	(16 << 10)
#endif

/* MERLON_AUDIT_LEAVES=1000000: for a person. Memory must not grow with the log. */
static void test_many(void **state)
{
	const char *wish = getenv("MERLON_AUDIT_LEAVES");
	size_t count = wish ? strtoul(wish, NULL, 10) : MANY, at;
	struct ml_bytes *batch = calloc(1000, sizeof(*batch));
	struct ml_tiles_verdict verdict;
	struct ml_audit_head head;
	struct audit_log *log;
	double start;
	long before, after;

	(void)state;
	fixture_clear();
	log = fixture_open();
	for (at = 0; at < 1000; at++)
		batch[at] = leaves[at % LEAVES];
	before = peak_kib();
	start = seconds();
	for (at = 0; at < count; at += 1000)
		need(audit_sequence(log, at, batch, 1000, &error));
	print_message("# %zu entries written in batches of 1000 in %.2f s\n", count,
		      seconds() - start);
	audit_log_close(log);
	start = seconds();
	log = fixture_open();
	print_message("# opened in %.4f s\n", seconds() - start);
	audit_log_close(log);
	start = seconds();
	need(fixture_check(NULL, &head, &verdict));
	assert_int_equal(head.checkpoint.size, count);
	after = peak_kib();
	print_message("# verified in %.2f s; memory grew by %ld KiB\n", seconds() - start,
		      after - before);
	assert_in_range(after - before, 0, GROWTH_KIB);
	free(batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),	/* first: it measures memory */
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_other_key),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_cosigning),
		cmocka_unit_test(test_forked_log),
		cmocka_unit_test(test_rewritten_log),
		cmocka_unit_test(test_cosigner_state),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_bits_of_whole_tiles),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_pruning),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
