/* SPDX-License-Identifier: MIT */
/*
 * Death at a system call: processes are traced, their calls counted over all
 * of them together, and all are killed as one is about to make the N-th.
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
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define TRACED_MAX 16
#define TRACE_OPTIONS ((void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | \
				      PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE))

static struct {
	pid_t pids[TRACED_MAX];
	size_t pid_count;
	unsigned long at;	/* 0: never */
	unsigned long calls;	/* so far */
	bool list;		/* print each */
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

static inline void trace_add(pid_t pid)
{
	size_t i;

	for (i = 0; i < trace.pid_count; i++)
		if (trace.pids[i] == pid)
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
	trace.crash = getenv("KILLAT_CRASH");
}

static inline void trace_kill_known(void)
{
	int status;
	size_t i;

	for (i = 0; i < trace.pid_count; i++)
		kill(trace.pids[i], SIGKILL);
	while (trace.pid_count) {
		if (waitpid(trace.pids[0], &status, __WALL) < 0 || !WIFSTOPPED(status))
			trace_forget(trace.pids[0]);
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

static inline void trace_count(pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
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

/* Takes hold of a running process, and lets it go on to its next call. */
static inline void trace_seize(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, TRACE_OPTIONS) ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) || waitpid(pid, &status, __WALL) < 0)
		trace_fail("ptrace");
	trace_add(pid);
	trace_stop(pid, status);
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
