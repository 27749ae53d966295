// SPDX-License-Identifier: MIT
/*
 * What a node remembers: watermarks, trust, and the writing of files, killed at
 * every system call; and what is judged by it: replays, rollbacks and dates.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include <cmocka.h>
#include <sodium.h>

#include "bundle.h"
#include "date.h"
#include "file.h"

#define ISSUED	1767225600	/* 2026-01-01 */
#define DAY	86400

static char directory[] = "/tmp/merlon-test-watermark.XXXXXX";
static char path[64];

static const struct ml_watermark older = {
	.epoch = 1, .serial = 41, .floor = ISSUED, .image_digest = { 1, 2, 3 },
};
static const struct ml_watermark newer = {
	.epoch = 1, .serial = 42, .floor = ISSUED + DAY, .image_digest = { 4, 5, 6 },
};

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/file", directory);
	return ml_keys_setup(NULL);
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void put(const void *data, size_t length, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* ------------------------------------------------------------- watermark */

static int read_mark(struct ml_watermark *ret)
{
	struct ml_error error = { 0 };
	struct ml_watermark before;
	int r;

	memset(ret, 0xa5, sizeof(*ret));
	before = *ret;
	r = ml_watermark_read(path, ret, &error);
	if (r) {
		assert_memory_equal(ret, &before, sizeof(before));
		assert_int_equal(error.code, r);
		assert_non_null(strstr(error.text, path));
	}
	return r;
}

static void test_watermark(void **state)
{
	const struct ml_watermark none = { 0 };
	struct ml_watermark got, bad = older;

	(void)state;
	assert_int_equal(read_mark(&got), 0);
	assert_memory_equal(&got, &none, sizeof(got));
	assert_int_equal(ml_watermark_write(path, &older, NULL), 0);
	assert_int_equal(read_mark(&got), 0);
	assert_memory_equal(&got, &older, sizeof(got));
	assert_int_equal(ml_watermark_write(path, &newer, NULL), 0);
	assert_int_equal(read_mark(&got), 0);
	assert_memory_equal(&got, &newer, sizeof(got));
	bad.floor = -1;
	assert_int_equal(ml_watermark_write(path, &bad, NULL), -EINVAL);
	bad.floor = (int64_t)ML_DATE_MAX + 1;
	assert_int_equal(ml_watermark_write(path, &bad, NULL), -EINVAL);
	assert_int_equal(read_mark(&got), 0);
	assert_memory_equal(&got, &newer, sizeof(got));
	unlink(path);
}

/* The file's bytes, as docs/formats.md has them. */
static void test_watermark_bytes(void **state)
{
	uint8_t want[96] = "MERLONW1", *got;
	size_t length;

	(void)state;
	want[8] = 1;
	want[16] = 41;
	memcpy(want + 24, (const uint8_t[]){ 0x00, 0xb9, 0x55, 0x69 }, 4);
	memcpy(want + 32, older.image_digest, 32);
	crypto_hash_sha256(want + 64, want, 64);
	assert_int_equal(ml_watermark_write(path, &older, NULL), 0);
	assert_int_equal(ml_file_read(path, 1000, &got, &length, NULL), 0);
	assert_int_equal(length, sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	free(got);
	unlink(path);
}

static void test_watermark_damaged(void **state)
{
	struct ml_watermark got;
	uint8_t *good, bytes[120] = { 0 };
	size_t length, i;

	(void)state;
	assert_int_equal(ml_watermark_write(path, &older, NULL), 0);
	assert_int_equal(ml_file_read(path, 1000, &good, &length, NULL), 0);
	memcpy(bytes, good, length);
	free(good);
	for (i = 0; i < length * 8; i++) {
		bytes[i / 8] ^= 1 << i % 8;
		put(bytes, length, 0644);
		assert_int_equal(read_mark(&got), -EBADMSG);
		bytes[i / 8] ^= 1 << i % 8;
	}
	for (i = 0; i < sizeof(bytes); i++) {
		put(bytes, i, 0644);
		assert_int_equal(read_mark(&got), i == length ? 0 : -EBADMSG);
	}
	memset(bytes, 0, sizeof(bytes));
	put(bytes, length, 0644);
	assert_int_equal(read_mark(&got), -EBADMSG);
	unlink(path);
}

/* Unreadable is never zero. */
static void test_watermark_unreadable(void **state)
{
	struct ml_watermark got;

	(void)state;
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(read_mark(&got), -ELOOP);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(read_mark(&got), -EINVAL);
	assert_int_equal(ml_watermark_write(path, &older, NULL), -EISDIR);
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_mark(&got), -EINVAL);
	unlink(path);
	assert_int_equal(ml_watermark_write(path, &older, NULL), 0);
	chmod(path, 0664);
	assert_int_equal(read_mark(&got), -EACCES);
	chmod(path, 0646);
	assert_int_equal(read_mark(&got), -EACCES);
	chmod(path, 0600);
	assert_int_equal(read_mark(&got), 0);
	if (!geteuid()) {
		assert_int_equal(chown(path, 65534, 0), 0);
		assert_int_equal(read_mark(&got), -EACCES);
	}
	unlink(path);
}

/* --------------------------------------------- killed at every system call */

/* One writing of a file, and whether what is there now is "old" or "new". */
struct writing {
	int (*prepare)(void);
	int (*write)(void);
	bool (*is_old)(void);
	bool (*is_new)(void);
};

static pid_t traced(const struct writing *writing)
{
	pid_t child = fork();
	int status;

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(writing->write() ? 1 : 0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSTOPPED(status))
		return -1;
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, NULL,
				PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
	return child;
}

/* To the next entry or exit of a system call; false: it has ended, well. */
static bool advance(pid_t child)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), 0);
		return false;
	}
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80));
	return true;
}

static void sweep(void)
{
	char pattern[128];
	glob_t litter;
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s/.file.*.tmp", directory);
	if (glob(pattern, 0, NULL, &litter))
		return;
	for (i = 0; i < litter.gl_pathc; i++)
		unlink(litter.gl_pathv[i]);
	globfree(&litter);
}

/* Kills at the @stop-th boundary; false: the writing ended before. */
static bool kill_at(const struct writing *writing, size_t stop, bool *ret_new)
{
	pid_t child;
	int status;
	size_t i;

	assert_int_equal(writing->prepare(), 0);
	child = traced(writing);
	assert_true(child > 0);
	for (i = 0; i < stop; i++)
		if (!advance(child))
			return false;
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	*ret_new = writing->is_new();
	if (!*ret_new && !writing->is_old())
		fail_msg("killed at boundary %zu: neither the old nor the new content", stop);
	return true;
}

/* Old up to one boundary, new from there on, never anything else. */
static void kill_everywhere(const struct writing *writing, const char *what)
{
	size_t stop, switched = 0;
	bool is_new;

	for (stop = 1; kill_at(writing, stop, &is_new); stop++) {
		if (is_new && !switched)
			switched = stop;
		if (switched && !is_new)
			fail_msg("boundary %zu: the new content has gone again", stop);
	}
	print_message("# %s: killed at %zu boundaries, new from the %zuth\n", what, stop - 1,
		      switched);
	assert_true(stop > 10);
	assert_true(switched > 5 && switched < stop);
	assert_true(writing->is_new());
	sweep();
	unlink(path);
}

static int mark_prepare(void)
{
	return ml_watermark_write(path, &older, NULL);
}

static int mark_write(void)
{
	return ml_watermark_write(path, &newer, NULL);
}

static bool mark_is(const struct ml_watermark *watermark)
{
	struct ml_watermark got;

	return !read_mark(&got) && !memcmp(&got, watermark, sizeof(got));
}

static bool mark_is_old(void)
{
	return mark_is(&older);
}

static bool mark_is_new(void)
{
	return mark_is(&newer);
}

static const struct writing mark_writing = {
	mark_prepare, mark_write, mark_is_old, mark_is_new,
};

static void test_watermark_killed(void **state)
{
	(void)state;
	kill_everywhere(&mark_writing, "watermark");
}

static struct ml_secret_key *key;

static int key_prepare(void)
{
	unlink(path);
	return 0;
}

static int key_write(void)
{
	return ml_secret_key_write(path, key, NULL, NULL);
}

static bool key_is_absent(void)
{
	return access(path, F_OK) && errno == ENOENT;
}

static bool key_is_whole(void)
{
	struct ml_secret_key *got;

	if (ml_secret_key_read(path, NULL, &got, NULL))
		return false;
	ml_secret_key_free(got);
	return true;
}

static void test_key_killed(void **state)
{
	static const struct writing writing = {
		key_prepare, key_write, key_is_absent, key_is_whole,
	};

	(void)state;
	assert_int_equal(ml_secret_key_generate(&key, NULL), 0);
	kill_everywhere(&writing, "secret key");
	ml_secret_key_free(key);
}

/* The calls that a power failure cares about, in the order they came. */
static size_t trace_calls(const struct writing *writing, char *ret, size_t size)
{
	struct __ptrace_syscall_info info;
	size_t length = 0;
	pid_t child;

	assert_int_equal(writing->prepare(), 0);
	child = traced(writing);
	while (advance(child)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) <= 0 ||
		    info.op != PTRACE_SYSCALL_INFO_ENTRY || length + 2 > size)
			continue;
		if (info.entry.nr == SYS_write)
			ret[length++] = 'w';
		else if (info.entry.nr == SYS_fsync)
			ret[length++] = 's';
		else if (info.entry.nr == SYS_rename || info.entry.nr == SYS_renameat ||
			 info.entry.nr == SYS_renameat2)
			ret[length++] = 'r';
	}
	ret[length] = 0;
	return length;
}

/* Content on disk before it has its name; the name on disk before success. */
static void test_watermark_synced(void **state)
{
	char calls[32];

	(void)state;
	trace_calls(&mark_writing, calls, sizeof(calls));
	assert_string_equal(calls, "wsrs");
	unlink(path);
}

/* ----------------------------------------------------------------- files */

static void test_file_read(void **state)
{
	uint8_t *got = NULL;
	size_t length;
	char text[200000];

	(void)state;
	memset(text, 't', sizeof(text));
	assert_int_equal(ml_file_read(path, 10, &got, &length, NULL), -ENOENT);
	put(text, 10, 0600);
	assert_int_equal(ml_file_read(path, 9, &got, &length, NULL), -E2BIG);
	assert_null(got);
	assert_int_equal(ml_file_read(path, 10, &got, &length, NULL), 0);
	assert_int_equal(length, 10);
	assert_int_equal(got[10], 0);
	free(got);
	put(text, 0, 0600);
	assert_int_equal(ml_file_read(path, 0, &got, &length, NULL), 0);
	assert_int_equal(length, 0);
	free(got);
	put(text, sizeof(text), 0600);
	assert_int_equal(ml_file_read(path, SIZE_MAX / 4, &got, &length, NULL), 0);
	assert_int_equal(length, sizeof(text));
	assert_memory_equal(got, text, length);
	free(got);
	unlink(path);
	/* no size to go by */
	assert_int_equal(ml_file_read("/proc/self/maps", 1 << 20, &got, &length, NULL), 0);
	assert_true(length > 1000);
	free(got);
	assert_int_equal(ml_file_read("/dev/zero", 300000, &got, &length, NULL), -E2BIG);
	assert_int_equal(ml_file_read(directory, 10, &got, &length, NULL), -EISDIR);
}

static void test_file_check_private(void **state)
{
	int fd;

	(void)state;
	put("x", 1, 0600);
	fd = open(path, O_RDONLY);
	assert_int_equal(ml_file_check_private(fd, path, NULL), 0);
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_int_equal(ml_file_check_private(fd, path, NULL), -EACCES);
	close(fd);
	unlink(path);
}

static void test_file_write(void **state)
{
	mode_t mask = umask(0777);
	struct stat st;

	(void)state;
	put("old", 3, 0600);
	assert_int_equal(ml_file_write_atomic(path, "new!", 4, 0640, NULL), 0);
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(ml_file_write_new(path, "x", 1, 0600, NULL), -EEXIST);
	assert_int_equal(ml_file_write_atomic(path, NULL, 0, 0600, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	unlink(path);
	assert_int_equal(ml_file_write_new(path, "x", 1, 0600, NULL), 0);
	unlink(path);
	assert_int_equal(ml_file_write_atomic("/nonexistent/a", "", 0, 0600, NULL), -ENOENT);
	assert_int_equal(ml_file_write_atomic("/tmp/", "", 0, 0600, NULL), -EISDIR);
	assert_int_equal(ml_file_write_atomic("", "", 0, 0600, NULL), -EISDIR);
	/* nothing left beside it: the directory can go, in teardown */
}

/* A full disk leaves the old content and no litter. */
static void test_file_write_fails(void **state)
{
	struct ml_error error = { 0 };
	int status, r;
	pid_t child;
	uint8_t *content;
	size_t length;

	(void)state;
	put("old", 3, 0600);
	child = fork();
	if (!child) {
		const struct rlimit limit = { 10, 10 };

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		r = ml_file_write_atomic(path, "much more than ten bytes", 24, 0600, &error);
		_exit(r == -EFBIG && error.code == r ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_int_equal(ml_file_read(path, 10, &content, &length, NULL), 0);
	assert_string_equal((char *)content, "old");
	free(content);
	unlink(path);
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
}

/* ----------------------------------------------------------------- trust */

#define KEY1 "merlon-public-key:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define KEY2 "merlon-public-key:PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="

static int read_trust(struct ml_trust *ret)
{
	struct ml_error error = { 0 };
	struct ml_trust before;
	int r;

	memset(ret, 0xa5, sizeof(*ret));
	before = *ret;
	r = ml_trust_read(path, ret, &error);
	if (r) {
		assert_memory_equal(ret, &before, sizeof(before));
		assert_int_equal(error.code, r);
		assert_non_null(strstr(error.text, path));
	}
	return r;
}

static int read_trust_text(const char *text)
{
	struct ml_trust trust;

	put(text, strlen(text), 0644);
	return read_trust(&trust);
}

static void test_trust(void **state)
{
	struct ml_trust trust = { .network = "net", .node = "node", .key_count = 2 }, got;
	struct stat st;

	(void)state;
	assert_int_equal(ml_public_key_parse(KEY1, &trust.keys[0], NULL), 0);
	assert_int_equal(ml_public_key_parse(KEY2, &trust.keys[1], NULL), 0);
	assert_int_equal(read_trust(&got), -ENOENT);
	assert_int_equal(ml_trust_write(path, &trust, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(read_trust(&got), 0);
	assert_memory_equal(&got, &trust, sizeof(got));
	trust.node[0] = 0;
	assert_int_equal(ml_trust_write(path, &trust, NULL), 0);
	trust.keys[1] = trust.keys[0];
	assert_int_equal(ml_trust_write(path, &trust, NULL), -EINVAL);
	trust.key_count = 9;
	assert_int_equal(ml_trust_write(path, &trust, NULL), -EINVAL);
	trust.key_count = 0;
	assert_int_equal(ml_trust_write(path, &trust, NULL), -EINVAL);
	assert_int_equal(read_trust(&got), 0);
	assert_int_equal(got.key_count, 2);
	unlink(path);
}

static void test_trust_malformed(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}",
		"{\"keys\":[],\"network\":\"net\",\"node\":\"node\"}",
		"{\"keys\":[\"" KEY1 "\",\"" KEY1 "\"],\"network\":\"net\",\"node\":\"node\"}",
		"{\"keys\":[\"" KEY1 "x\"],\"network\":\"net\",\"node\":\"node\"}",
		"{\"keys\":[1],\"network\":\"net\",\"node\":\"node\"}",
		"{\"keys\":\"" KEY1 "\",\"network\":\"net\",\"node\":\"node\"}",
		"{\"keys\":[\"" KEY1 "\"],\"network\":\"\",\"node\":\"node\"}",
		"{\"keys\":[\"" KEY1 "\"],\"network\":\"net\",\"node\":\"Node\"}",
		"{\"keys\":[\"" KEY1 "\"],\"network\":\"net\",\"node\":null}",
		"{\"keys\":[\"" KEY1 "\"],\"network\":\"net\"}",
		"{\"keys\":[\"" KEY1 "\"],\"network\":\"net\",\"node\":\"node\",\"more\":1}",
		"{\"keys\":[\"" KEY1 "\"],\"network\":\"net\",\"node\":\"a\",\"node\":\"b\"}",
		"{\"keys\":[\"" KEY1 "\"],\"network\":\"net\",\"node\":\"node\"} x",
	};
	size_t i;

	(void)state;
	assert_int_equal(read_trust_text("{\"keys\":[\"" KEY1 "\"],\"network\":\"net\","
					 "\"node\":\"node\"}"), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_trust_text(bad[i]) != -EBADMSG)
			fail_msg("not refused: %s", bad[i]);
	unlink(path);
}

static void test_trust_guard(void **state)
{
	static const mode_t loose[] = { 0664, 0646, 0666, 0620, 0602 };
	static const mode_t tight[] = { 0644, 0600, 0444, 0400 };
	struct ml_trust got;
	size_t i;

	(void)state;
	assert_int_equal(read_trust_text("{\"keys\":[\"" KEY1 "\"],\"network\":\"net\","
					 "\"node\":\"node\"}"), 0);
	for (i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
		chmod(path, loose[i]);
		assert_int_equal(read_trust(&got), -EACCES);
	}
	for (i = 0; i < sizeof(tight) / sizeof(tight[0]); i++) {
		chmod(path, tight[i]);
		assert_int_equal(read_trust(&got), 0);
	}
	if (!geteuid()) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(read_trust(&got), -EACCES);
	}
	unlink(path);
}

/* ----------------------------------------------------------------- judge */

/* (1, 42), issued, valid from 2026-01-01 to 2026-01-15, unless a test says otherwise. */
static const struct ml_statement statement = {
	.network = "net", .epoch = 1, .serial = 42, .issued = ISSUED, .not_before = ISSUED,
	.expires = ISSUED + 14 * DAY, .tree_size = 1,
};

static int judge(const struct ml_statement *judged, const struct ml_watermark *watermark,
		 int64_t now, uint64_t want_lifetime)
{
	uint64_t lifetime = 12345;
	struct ml_error error = { 0 };
	int r = ml_statement_judge(judged, watermark, now, &lifetime, &error);

	assert_int_equal(error.code, r);
	assert_int_equal(lifetime, r && r != -EALREADY ? 12345 : want_lifetime);
	return r;
}

static void test_judge_order(void **state)
{
	struct ml_watermark watermark = { 0 };
	int64_t now = ISSUED + DAY;

	(void)state;
	assert_int_equal(judge(&statement, &watermark, now, 13 * DAY), 0);
	watermark = (struct ml_watermark){ .epoch = 1, .serial = 41 };
	assert_int_equal(judge(&statement, &watermark, now, 13 * DAY), 0);
	watermark.serial = 42;	/* a replay */
	assert_int_equal(judge(&statement, &watermark, now, 13 * DAY), -EALREADY);
	watermark.serial = 43;	/* a rollback */
	assert_int_equal(judge(&statement, &watermark, now, 0), -ESTALE);
	watermark.serial = UINT64_MAX;
	assert_int_equal(judge(&statement, &watermark, now, 0), -ESTALE);
	/* A higher epoch ends any fast-forward of serials; a lower one is a rollback. */
	watermark.epoch = 0;
	assert_int_equal(judge(&statement, &watermark, now, 13 * DAY), 0);
	watermark = (struct ml_watermark){ .epoch = 2, .serial = 0 };
	assert_int_equal(judge(&statement, &watermark, now, 0), -ESTALE);
}

static void test_judge_dates(void **state)
{
	struct ml_watermark watermark = { .epoch = 1, .serial = 41 };
	struct ml_statement later = statement;

	(void)state;
	assert_int_equal(judge(&statement, &watermark, ISSUED, 14 * DAY), 0);
	assert_int_equal(judge(&statement, &watermark, ISSUED + 14 * DAY - 1, 1), 0);
	assert_int_equal(judge(&statement, &watermark, ISSUED + 14 * DAY, 0), -ETIME);
	assert_int_equal(judge(&statement, &watermark, INT64_MAX, 0), -ETIME);
	later.not_before = ISSUED + DAY;
	assert_int_equal(judge(&later, &watermark, ISSUED + DAY - 1, 0), -EAGAIN);
	assert_int_equal(judge(&later, &watermark, ISSUED + DAY, 13 * DAY), 0);
	/* Also for what is in force already: a repeat that has expired has expired. */
	watermark.serial = 42;
	assert_int_equal(judge(&statement, &watermark, ISSUED + 14 * DAY, 0), -ETIME);
	/* Order comes first: what is too old is that, whatever its dates. */
	watermark.serial = 43;
	assert_int_equal(judge(&statement, &watermark, ISSUED + 14 * DAY, 0), -ESTALE);
}

/* A machine whose clock starts at 1970 is neither dark nor fooled. */
static void test_judge_1970(void **state)
{
	struct ml_watermark watermark = { .epoch = 1, .serial = 41 };
	struct ml_statement later = statement;

	(void)state;
	assert_int_equal(judge(&statement, &watermark, 0, 14 * DAY), 0);
	assert_int_equal(judge(&statement, &watermark, -5, 14 * DAY), 0);
	watermark.floor = ISSUED + 10 * DAY;
	assert_int_equal(judge(&statement, &watermark, 0, 4 * DAY), 0);
	watermark.floor = ISSUED + 14 * DAY;
	assert_int_equal(judge(&statement, &watermark, 0, 0), -ETIME);
	/* The future is no nearer for having no clock. */
	watermark.floor = ISSUED;
	later.not_before = ISSUED + DAY;
	assert_int_equal(judge(&later, &watermark, 0, 0), -EAGAIN);
}

/* A clock that is an hour ahead costs an hour, one behind costs nothing. */
static void test_judge_skew(void **state)
{
	struct ml_watermark watermark = { .epoch = 1, .serial = 41, .floor = ISSUED };

	(void)state;
	assert_int_equal(judge(&statement, &watermark, ISSUED + 3600, 14 * DAY - 3600), 0);
	assert_int_equal(judge(&statement, &watermark, ISSUED - 3600, 14 * DAY), 0);
	assert_int_equal(judge(&statement, &watermark, ISSUED + 14 * DAY - 1800 + 3600, 0),
			 -ETIME);
}

static void test_date(void **state)
{
	char text[ML_DATE_TEXT];

	(void)state;
	assert_string_equal(ml_date_format(0, text), "1970-01-01T00:00:00Z");
	assert_string_equal(ml_date_format(ISSUED, text), "2026-01-01T00:00:00Z");
	assert_string_equal(ml_date_format(ML_DATE_MAX, text), "9999-12-31T23:59:59Z");
	assert_string_equal(ml_date_format(ML_DATE_MAX + 1, text), "?");
	assert_string_equal(ml_date_format(-1, text), "?");
	assert_true(ml_date_now() > 1700000000);
}

/* Of a machine that had something, the next is above it; where it came from is the same. */
static void test_next(void **state)
{
	static const struct {
		uint64_t had[2], kernel[2], next[2];
	} cases[] = {
		{ { 0, 0 }, { 0, 0 }, { 1, 1 } },
		{ { 1, 1 }, { 0, 0 }, { 1, 2 } },
		{ { 0, 0 }, { 2, 9 }, { 2, 10 } },
		{ { 3, 1 }, { 2, 9 }, { 3, 2 } },
		{ { 2, 8 }, { 2, 9 }, { 2, 10 } },
		{ { 2, 9 }, { 2, 8 }, { 2, 10 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ml_watermark had = { .epoch = cases[i].had[0], .serial = cases[i].had[1] };
		struct ml_statement next = { 0 };

		ml_watermark_next(&had, cases[i].kernel[0], cases[i].kernel[1], &next);
		assert_int_equal(next.epoch, cases[i].next[0]);
		assert_int_equal(next.serial, cases[i].next[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watermark),
		cmocka_unit_test(test_watermark_bytes),
		cmocka_unit_test(test_watermark_damaged),
		cmocka_unit_test(test_watermark_unreadable),
		cmocka_unit_test(test_watermark_killed),
		cmocka_unit_test(test_key_killed),
		cmocka_unit_test(test_watermark_synced),
		cmocka_unit_test(test_file_read),
		cmocka_unit_test(test_file_check_private),
		cmocka_unit_test(test_file_write),
		cmocka_unit_test(test_file_write_fails),
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_trust_malformed),
		cmocka_unit_test(test_trust_guard),
		cmocka_unit_test(test_judge_order),
		cmocka_unit_test(test_judge_dates),
		cmocka_unit_test(test_judge_1970),
		cmocka_unit_test(test_judge_skew),
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_next),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
