/* SPDX-License-Identifier: MIT */
/*
 * Death at a system call: processes are traced, with all their threads, their calls
 * counted over all of them together, and all are killed as one is about to make the
 * N-th. KILLAT_CHANGES in the environment: only calls that change files are counted, and
 * of a row of writes to one file only the first.
 */
#ifndef KILLAT_H
#define KILLAT_H

#include <dirent.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define TRACED_MAX 64
#define TRACE_OPTIONS ((void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | \
				      PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE))

static struct {
	pid_t pids[TRACED_MAX];
	size_t pid_count;
	unsigned long at;	/* 0: never */
	unsigned long calls;	/* so far */
	bool list;		/* print each */
	bool changes;		/* count no others */
	pid_t writer;		/* whose the last change was, */
	unsigned long long written;	/* and to what, if a write */
	bool crash;		/* SIGSEGV, to one; the others are let go of at exit */
	bool struck;
	pid_t struck_pid;
	char struck_call[32];
} trace;

static inline void __attribute__((noreturn)) trace_fail(const char *what)
{
	perror(what);
	exit(98);
}

static inline bool trace_knows(pid_t pid)
{
	size_t i;

	for (i = 0; i < trace.pid_count; i++)
		if (trace.pids[i] == pid)
			return true;
	return false;
}

static inline void trace_add(pid_t pid)
{
	if (trace_knows(pid))
		return;
	if (trace.pid_count == TRACED_MAX)
		trace_fail("too many processes");
	trace.pids[trace.pid_count++] = pid;
}

static inline void trace_forget(pid_t pid)
{
	size_t i;

	for (i = 0; i < trace.pid_count; i++)
		if (trace.pids[i] == pid)
			trace.pids[i] = trace.pids[--trace.pid_count];
}

static inline void trace_begin(unsigned long at)
{
	memset(&trace, 0, sizeof(trace));
	trace.at = at;
	trace.list = getenv("KILLAT_LIST");
	trace.changes = getenv("KILLAT_CHANGES");
	trace.crash = getenv("KILLAT_CRASH");
}

/* A process is told of as dead when all its threads were, in whatever order they are here. */
static inline void trace_kill_known(void)
{
	const struct timespec pause = { 0, 1000000 };
	int status;
	pid_t pid;
	size_t i;

	for (i = 0; i < trace.pid_count; i++)
		kill(trace.pids[i], SIGKILL);
	while (trace.pid_count) {
		for (i = trace.pid_count; i-- > 0;) {
			pid = waitpid(trace.pids[i], &status, __WALL | WNOHANG);
			if (pid < 0 || (pid > 0 && !WIFSTOPPED(status)))
				trace_forget(trace.pids[i]);
		}
		nanosleep(&pause, NULL);
	}
}

static inline bool trace_is_ours(const char *pid)
{
	char path[300], line[128];
	int tracer = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (file)
		fclose(file);
	return tracer == getpid();
}

/* Who was being forked as death struck is traced already, but not known yet. */
static inline void trace_find_strays(void)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (atoi(entry->d_name) > 0 && trace_is_ours(entry->d_name))
			trace_add(atoi(entry->d_name));
	if (directory)
		closedir(directory);
}

/* All of them, and waits until they are gone. */
static inline void trace_kill(void)
{
	do {
		trace_kill_known();
		trace_find_strays();
	} while (trace.pid_count);
}

static inline void trace_name(unsigned long long number)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);

	snprintf(trace.struck_call, sizeof(trace.struck_call), "%s", name ? name : "unknown");
	free(name);
}

static inline bool trace_is_file(pid_t pid, unsigned long long fd)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, (int)fd);
	return !stat(path, &status) && S_ISREG(status.st_mode);
}

static inline bool trace_is_first_write(pid_t pid, unsigned long long fd)
{
	bool first = pid != trace.writer || fd != trace.written;

	if (!trace_is_file(pid, fd))
		return false;
	trace.writer = pid;
	trace.written = fd;
	return first;
}

/* A file that is made is seen when it is written; what is written to a mapping is not. */
static inline bool trace_is_change(const struct __ptrace_syscall_info *info)
{
	switch (info->entry.nr) {
	case SYS_fsync: case SYS_fdatasync: case SYS_sync: case SYS_syncfs:
	case SYS_sync_file_range: case SYS_ftruncate: case SYS_truncate: case SYS_fallocate:
	case SYS_rename: case SYS_renameat: case SYS_renameat2: case SYS_link: case SYS_linkat:
	case SYS_unlink: case SYS_unlinkat: case SYS_rmdir: case SYS_mkdir: case SYS_mkdirat:
	case SYS_chmod: case SYS_fchmod: case SYS_fchmodat: case SYS_chown: case SYS_fchown:
	case SYS_fchownat:
		return true;
	}
	return false;
}

static inline bool trace_changes(pid_t pid, const struct __ptrace_syscall_info *info)
{
	switch (info->entry.nr) {
	case SYS_write: case SYS_writev: case SYS_pwrite64: case SYS_pwritev: case SYS_pwritev2:
		return trace_is_first_write(pid, info->entry.args[0]);
	}
	if (!trace_is_change(info))
		return false;
	trace.writer = 0;
	return true;
}

static inline void trace_count(pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (trace.changes && !trace_changes(pid, &info))
		return;
	trace.calls++;
	trace_name(info.entry.nr);
	if (trace.list)
		printf("%lu %d %s\n", trace.calls, pid, trace.struck_call);
	if (trace.calls != trace.at)
		return;
	trace.struck = true;
	trace.struck_pid = pid;
	if (trace.crash)
		kill(pid, SIGSEGV);
	else
		trace_kill();
}

static inline void trace_stop(pid_t pid, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;
	unsigned long child;

	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_CLONE ||
	    event == PTRACE_EVENT_VFORK) {
		ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
		trace_add((pid_t)child);
	}
	if (signal == (SIGTRAP | 0x80))
		trace_count(pid);
	/* Stops of ptrace's own are not handed on as signals. */
	if (event || signal == (SIGTRAP | 0x80))
		signal = 0;
	if (!trace.struck)
		ptrace(PTRACE_SYSCALL, pid, 0, (void *)(long)signal);
}

/* What waitpid() said of a process that is, or becomes, one of the traced. */
static inline void trace_take(pid_t pid, int status)
{
	if (!WIFSTOPPED(status)) {
		trace_forget(pid);
		return;
	}
	trace_add(pid);		/* a child may be seen before its parent tells */
	trace_stop(pid, status);
}

static inline void trace_seize_thread(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, TRACE_OPTIONS) ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) || waitpid(pid, &status, __WALL) < 0)
		trace_fail("ptrace");
	trace_add(pid);
	trace_stop(pid, status);
}

/*
 * Takes hold of a running process, and lets it go on to its next call. A thread that
 * it makes meanwhile is traced already, or seen by another look.
 */
static inline void trace_seize(pid_t pid)
{
	const struct dirent *entry;
	char path[64];
	DIR *directory;
	size_t before;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	do {
		before = trace.pid_count;
		directory = opendir(path);
		if (!directory)
			trace_fail(path);
		while ((entry = readdir(directory)))
			if (atoi(entry->d_name) > 0 && !trace_knows(atoi(entry->d_name)))
				trace_seize_thread(atoi(entry->d_name));
		closedir(directory);
	} while (trace.pid_count != before);
}

/*
 * Until @client, which is not traced, has ended, or death has struck. Return:
 * the client's wait status, or -1: it struck.
 */
static inline int trace_until(pid_t client)
{
	int status;
	pid_t pid;

	while (!trace.struck && (pid = waitpid(-1, &status, __WALL)) > 0) {
		if (pid == client && !WIFSTOPPED(status))
			return status;
		trace_take(pid, status);
	}
	if (!trace.struck)
		trace_fail("the processes died by themselves");
	return -1;
}

#endif
