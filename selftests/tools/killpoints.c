// SPDX-License-Identifier: MIT
/*
 * killpoints MERLOND DIR STEP STARTS
 *
 * merlond, all of its processes at once, is killed as it is about to make the
 * N-th system call of an apply; then it is started again, in the same network
 * namespace, or in a new one, which is a reboot as far as the kernel's memory
 * goes. DIR has trust.json, and load-S.bundle and renew-S.bundle for serials S
 * from 1 on (another image each; always the same). Prints TAP.
 *
 * STEP: every STEP-th N, from 1 on, for loads and renewals, restart and reboot.
 * STARTS: moreover, killed at every STARTS-th call of a start that finds an
 * apply half done; 0: not at all. Always: a start that finds the kernel ahead of
 * the directory is killed at the same call SIEGE times, at every fifth of these
 * points; then it is started, and started again after a reboot.
 *
 * At each of these points must hold:
 *
 *   - what a client was told is applied, is applied
 *   - neither kernel nor watermark go back, and not across the reboot either
 *   - the watermark is never above the kernel's generation
 *   - restarted, the two agree, and the bundle kept is the one in force
 *   - the same bundle, offered again, ends up in force
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon.h"
#include "file.h"
#include "kernel.h"
#include "killat.h"

#define SIEGE 6			/* deaths; more than any bundle is blamed for */
#define PATIENCE 120		/* seconds; an emulated machine may be slow */

static const char *merlond, *dir;
static struct ml_error error;
static pid_t daemon_pid;
static uint64_t serial;		/* of the bundle that is struck */
static unsigned int problems, tests;

#define SERIALS_MAX 10000

enum how { LOAD, RENEW };
static uint8_t how_of[SERIALS_MAX];	/* which bundle a serial was given to */
enum way { RESTART, REBOOT };
static const char *const how_names[] = { "load", "renew" };
static const char *const way_names[] = { "restart", "reboot" };

/* What the kernel and the directory said between death and restart. */
struct wreck {
	uint64_t kernel, watermark;
	bool acknowledged;
};

static void __attribute__((noreturn, format(printf, 1, 2))) bail(const char *format, ...)
{
	va_list args;

	printf("Bail out! ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (daemon_pid > 0)
		kill(daemon_pid, SIGKILL);
	exit(1);
}

static void __attribute__((format(printf, 1, 2))) problem(const char *format, ...)
{
	va_list args;

	problems++;
	printf("# serial %ju, killed at call %lu (%s): ", (uintmax_t)serial, trace.at,
	       trace.struck ? trace.struck_call : "not");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static void result(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void result(bool good, const char *format, ...)
{
	va_list args;

	printf("%sok %u - ", good ? "" : "not ", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static const char *in_dir(const char *name)
{
	static char paths[4][4096];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static const char *bundle_path(enum how how, uint64_t number)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%ju.bundle", how_names[how], (uintmax_t)number);
	return in_dir(name);
}

static void nap(void)
{
	const struct timespec pause = { 0, 10000000 };

	nanosleep(&pause, NULL);
}

/* ----------------------------------------------------------- what there is */

static uint64_t kernel_serial(void)
{
	struct ml_kernel_status status;
	struct ml_kernel *kernel;

	if (ml_kernel_open(&kernel, &error) || ml_kernel_status(kernel, &status, &error))
		bail("%s", error.text);
	ml_kernel_close(kernel);
	return status.has_generation ? status.serial : 0;
}

static uint64_t watermark_serial(void)
{
	struct ml_watermark watermark;

	memset(&watermark, 0, sizeof(watermark));
	if (ml_watermark_read(in_dir("state/watermark"), &watermark, &error))
		bail("%s", error.text);
	return watermark.serial;
}

static bool same_files(const char *one, const char *other)
{
	uint8_t *a = NULL, *b = NULL;
	size_t a_length = 0, b_length = 0;
	bool same;

	same = !ml_file_read(one, ML_BUNDLE_MAX_BYTES, &a, &a_length, &error) &&
	       !ml_file_read(other, ML_BUNDLE_MAX_BYTES, &b, &b_length, &error) &&
	       a_length == b_length && !memcmp(a, b, a_length);
	free(a);
	free(b);
	return same;
}

static bool has_left_overs(void)
{
	DIR *directory = opendir(in_dir("state"));
	const struct dirent *entry;
	bool found = false;

	while (directory && (entry = readdir(directory)))
		found |= strstr(entry->d_name, ".tmp") || strstr(entry->d_name, "candidate");
	if (directory)
		closedir(directory);
	return found;
}

/* ------------------------------------------------------------------ merlond */

static void exec_merlond(void)
{
	int log = open(in_dir("log"), O_WRONLY | O_CREAT | O_APPEND, 0644);

	dup2(log, STDERR_FILENO);
	execl(merlond, "merlond", "--trust", in_dir("trust.json"), "--state-dir",
	      in_dir("state"), "--inbox", in_dir("inbox"), "--socket", in_dir("socket"),
	      (char *)NULL);
	trace_fail(merlond);
}

static bool answers(void)
{
	struct ml_daemon *daemon;
	int code = ml_daemon_open(in_dir("socket"), &daemon, &error);

	if (code)
		return false;
	code = ml_daemon_status(daemon, NULL, &error);
	ml_daemon_close(daemon);
	return !code;
}

static void wait_for_answers(void)
{
	time_t start = time(NULL);

	while (!answers()) {
		if (time(NULL) - start > PATIENCE || waitpid(daemon_pid, NULL, WNOHANG))
			bail("merlond does not start: see %s", in_dir("log"));
		nap();
	}
}

static void start(void)
{
	daemon_pid = fork();
	if (!daemon_pid)
		exec_merlond();
	wait_for_answers();
}

/* The supervisor and its two children. */
static void seize_all(void)
{
	char path[64], text[64];
	FILE *file;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", daemon_pid, daemon_pid);
	file = fopen(path, "r");
	while (file && fscanf(file, "%d", &child) == 1)
		trace_seize(child);
	if (file)
		fclose(file);
	trace_seize(daemon_pid);
	snprintf(text, sizeof(text), "%zu", trace.pid_count);
	if (trace.pid_count != 3)
		bail("merlond has %s processes, not 3", text);
}

/* 0, or the code of merlond's answer. */
static int offer(const char *path)
{
	struct ml_daemon *daemon;
	struct ml_bytes bundle;
	uint8_t *bytes;
	int code;

	if (ml_file_read(path, ML_BUNDLE_MAX_BYTES, &bytes, &bundle.length, &error))
		bail("%s", error.text);
	bundle.data = bytes;
	code = ml_daemon_open(in_dir("socket"), &daemon, &error);
	if (!code) {
		code = ml_daemon_apply(daemon, bundle, NULL, &error);
		ml_daemon_close(daemon);
	}
	free(bytes);
	return code;
}

/* ------------------------------------------------------------------- a point */

static void reboot(void)
{
	if (unshare(CLONE_NEWNET))
		bail("unshare: %s", strerror(errno));
}

static bool succeeded(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Offers the bundle, and kills at call @at of what follows from it. */
static void strike(enum how how, unsigned long at, struct wreck *wreck)
{
	pid_t client;
	int status;

	if (serial >= SERIALS_MAX)
		bail("more points than serials");
	how_of[serial] = (uint8_t)how;
	trace_begin(at);
	seize_all();
	client = fork();
	if (!client)
		_exit(offer(bundle_path(how, serial)) ? 1 : 0);
	status = trace_until(client);
	if (trace.struck && waitpid(client, &status, 0) < 0)
		bail("waitpid: %s", strerror(errno));
	wreck->acknowledged = succeeded(status);
}

static void check_wreck(struct wreck *wreck)
{
	wreck->kernel = kernel_serial();
	wreck->watermark = watermark_serial();
	if (wreck->kernel != serial && wreck->kernel != serial - 1)
		problem("the kernel has %ju", (uintmax_t)wreck->kernel);
	if (wreck->watermark != serial && wreck->watermark != serial - 1)
		problem("the watermark is %ju", (uintmax_t)wreck->watermark);
	if (wreck->watermark > wreck->kernel)
		problem("watermark %ju is above the kernel's %ju",
			(uintmax_t)wreck->watermark, (uintmax_t)wreck->kernel);
	if (wreck->acknowledged && (wreck->kernel != serial || wreck->watermark != serial))
		problem("acknowledged, but kernel %ju, watermark %ju",
			(uintmax_t)wreck->kernel, (uintmax_t)wreck->watermark);
}

static void check_restart(const struct wreck *wreck)
{
	uint64_t kernel = kernel_serial(), watermark = watermark_serial();

	if (kernel < wreck->kernel)
		problem("the kernel went back from %ju to %ju", (uintmax_t)wreck->kernel,
			(uintmax_t)kernel);
	if (kernel != watermark)
		problem("restarted, kernel %ju and watermark %ju do not agree",
			(uintmax_t)kernel, (uintmax_t)watermark);
	if (!same_files(bundle_path(how_of[kernel], kernel), in_dir("state/accepted.bundle")))
		problem("restarted, accepted.bundle is not that of %ju", (uintmax_t)kernel);
	if (has_left_overs())
		problem("restarted, something half-written is left");
}

static void check_again(enum how how)
{
	int code = offer(bundle_path(how, serial));

	if (code && code != -EALREADY)
		problem("offered again: %s", error.text);
	if (kernel_serial() != serial || watermark_serial() != serial)
		problem("offered again: kernel %ju, watermark %ju",
			(uintmax_t)kernel_serial(), (uintmax_t)watermark_serial());
}

/* Return: whether death struck, that is, whether there were so many calls. */
static bool point(enum how how, enum way way, unsigned long at)
{
	struct wreck wreck;

	serial++;
	strike(how, at, &wreck);
	if (!trace.struck) {
		/* Nobody watches any more: let go of them. */
		trace_kill();
		waitpid(daemon_pid, NULL, 0);
		start();
		check_again(how);
		return false;
	}
	check_wreck(&wreck);
	if (way == REBOOT)
		reboot();
	start();
	check_restart(&wreck);
	check_again(how);
	return true;
}

static void sweep(enum how how, enum way way, unsigned long step)
{
	unsigned int before = problems, struck = 0;
	unsigned long at = 1;

	while (point(how, way, at)) {
		struck++;
		at += step;
	}
	printf("# %s, %s: killed at %u points of %lu calls\n", how_names[how],
	       way_names[way], struck, trace.calls);
	result(problems == before, "%s, %s: all holds", how_names[how], way_names[way]);
	result(struck > 5, "%s, %s: it was killed", how_names[how], way_names[way]);
}

/* ------------------------------------------------------------------ at start */

/* The call of an apply where the kernel has just taken the generation. */
static unsigned long call_after_kernel(unsigned long step)
{
	unsigned long at;

	for (at = 40; ; at += step) {
		struct wreck wreck;

		serial++;
		strike(LOAD, at, &wreck);
		if (!trace.struck)
			bail("the kernel never took it");
		wreck.kernel = kernel_serial();
		wreck.watermark = watermark_serial();
		start();
		check_again(LOAD);
		if (wreck.kernel == serial && wreck.watermark == serial - 1)
			return at;
	}
}

/* A start that finds an apply half done, and is killed at its call @at. */
static bool strike_start(unsigned long at)
{
	pid_t client;
	int status;

	daemon_pid = fork();
	if (!daemon_pid) {
		raise(SIGSTOP);
		exec_merlond();
	}
	waitpid(daemon_pid, &status, WUNTRACED);
	trace_begin(at);
	if (ptrace(PTRACE_SEIZE, daemon_pid, 0, TRACE_OPTIONS))
		trace_fail("ptrace");
	trace_add(daemon_pid);
	kill(daemon_pid, SIGCONT);
	client = fork();
	if (!client) {
		while (!answers())
			nap();
		_exit(0);
	}
	trace_until(client);
	if (trace.struck) {
		kill(client, SIGKILL);
		waitpid(client, NULL, 0);
	} else {
		trace_kill();
	}
	return trace.struck;
}

static void sweep_starts(unsigned long step)
{
	unsigned long half = call_after_kernel(1), at = 1;
	unsigned int before = problems, struck = 0;
	struct wreck wreck;
	bool again = true;

	while (again) {
		serial++;
		strike(LOAD, struck % 2 ? half : half - 30, &wreck);
		check_wreck(&wreck);
		again = strike_start(at);
		start();
		check_restart(&wreck);
		check_again(LOAD);
		struck += again;
		at += step;
	}
	printf("# start: killed at %u points of %lu calls\n", struck, trace.calls);
	result(problems == before, "killed while it starts: all holds");
	result(struck > 5, "it was killed while it starts");
}

/* Return: whether there were so many calls. */
static bool besiege(unsigned long half, unsigned long at, unsigned int *ret_besieged)
{
	struct wreck wreck;
	bool again = true;
	int i;

	serial++;
	strike(LOAD, half, &wreck);
	check_wreck(&wreck);
	if (wreck.kernel == serial && wreck.watermark < serial) {
		for (i = 0; again && i < SIEGE; i++)
			again = strike_start(at);
		*ret_besieged += again;
	}
	start();
	check_restart(&wreck);
	trace_begin(0);
	kill(daemon_pid, SIGTERM);
	waitpid(daemon_pid, NULL, 0);
	reboot();
	start();
	check_restart(&wreck);
	check_again(LOAD);
	return again;
}

static void sweep_sieges(unsigned long step)
{
	unsigned int before = problems, besieged = 0;
	unsigned long half = call_after_kernel(4), at = 1;

	while (besiege(half, at, &besieged))
		at += 5 * step;
	printf("# besieged at %u points\n", besieged);
	result(problems == before, "killed %d times as it starts: all holds", SIEGE);
	result(besieged > 3, "it was besieged");
}

int main(int argc, char **argv)
{
	unsigned long step = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	unsigned long starts = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
	int how, way;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!step)
		return 2;
	merlond = argv[1];
	dir = argv[2];
	if (ml_keys_setup(&error))
		bail("%s", error.text);
	printf("1..%d\n", 11 + (starts ? 2 : 0));
	reboot();
	start();
	result(!offer(bundle_path(LOAD, ++serial)), "a first bundle is applied");
	for (how = LOAD; how <= RENEW; how++)
		for (way = RESTART; way <= REBOOT; way++)
			sweep((enum how)how, (enum way)way, step);
	sweep_sieges(step);
	if (starts)
		sweep_starts(starts);
	kill(daemon_pid, SIGTERM);
	waitpid(daemon_pid, NULL, 0);
	return problems ? 1 : 0;
}
