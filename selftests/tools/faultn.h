/* SPDX-License-Identifier: MIT */
/*
 * Allocations that fail: the N-th that this task makes, or from the N-th on all
 * of them. By the kernel's own fault injection where it has one (6.12-debug), else
 * by selftests/kmod/failn.c.
 */
#ifndef FAULTN_H
#define FAULTN_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAULTS_DEBUGFS "/sys/kernel/debug/"

#define FAULTS_FAILN "/sys/kernel/debug/failn"

/* From here on modules lie, where the kernel lies where it was linked to (6.12-debug does). */
#define FAULTS_MODULES "0xffffffffa0000000"

static struct {
	int nth, make;		/* /proc/self/fail-nth, make-it-fail */
	int failn;		/* or the module's file, or -1 */
	bool onwards, modules;
} faults;

static void __attribute__((noreturn)) faults_die(const char *what)
{
	fprintf(stderr, "faultn: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int faults_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		faults_die(path);
	return fd;
}

/* Of these files none asks where; some of them cannot be sought in. */
static void faults_write(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		faults_die(text);
}

static void faults_set(const char *where, const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), FAULTS_DEBUGFS "%s/%s", where, name);
	fd = faults_open(path);
	faults_write(fd, value);
	close(fd);
}

/*
 * Slabs and pages (the debug kernel's per-processor memory counts as a page),
 * whatever the caller could have waited for. Silent: a report is a call trace,
 * and a call trace fails the run.
 */
static void faults_setup_kernel(void)
{
	static const char *const where[] = { "failslab", "fail_page_alloc" };
	size_t i;

	for (i = 0; i < 2; i++) {
		faults_set(where[i], "ignore-gfp-wait", "N");
		faults_set(where[i], "verbose", "0");
		faults_set(where[i], "times", "-1");
		faults_set(where[i], "task-filter", "Y");
		faults_set(where[i], "probability", faults.onwards ? "100" : "0");
		faults_set(where[i], "require-start",
			   faults.modules ? FAULTS_MODULES : "0");
		faults_set(where[i], "require-end", "0xffffffffffffffff");
	}
	faults_set("fail_page_alloc", "ignore-gfp-highmem", "N");
	faults_set("fail_page_alloc", "min-order", "0");
	faults.nth = faults_open("/proc/thread-self/fail-nth");
	faults.make = faults_open("/proc/thread-self/make-it-fail");
}

/* @modules: what code of a module does not ask for, itself or further down, does not count. */
static void faults_setup(bool onwards, bool modules)
{
	faults.onwards = onwards;
	faults.modules = modules;
	faults.failn = open(FAULTS_FAILN, O_RDWR | O_CLOEXEC);
	if (faults.failn < 0)
		faults_setup_kernel();
}

/* The function's first byte and the one behind it, as the kernel says. */
static bool faults_find(const char *function, char first[32], char behind[32])
{
	FILE *stream = fopen("/proc/kallsyms", "re");
	char address[32], name[256];
	bool found = false;

	while (stream && fscanf(stream, "%31s %*s %255s%*[^\n]", address, name) == 2) {
		if (found && strcmp(address, first + 2)) {
			snprintf(behind, 32, "0x%.28s", address);
			break;
		}
		if (!strcmp(name, function)) {
			snprintf(first, 32, "0x%.28s", address);
			found = true;
		}
	}
	if (stream)
		fclose(stream);
	return found;
}

/* What fails below @function does not count: the kernel has no answer to it. By its own means only. */
static void faults_reject(const char *function)
{
	char first[32] = "0", behind[32] = "0";

	if (faults.failn >= 0)
		return;
	if (function && !faults_find(function, first, behind)) {
		errno = ENOENT;
		faults_die(function);
	}
	faults_set("failslab", "reject-start", first);
	faults_set("failslab", "reject-end", behind);
	faults_set("fail_page_alloc", "reject-start", first);
	faults_set("fail_page_alloc", "reject-end", behind);
}

static void faults_write_failn(unsigned int n, bool workers)
{
	char text[16];

	snprintf(text, sizeof(text), "%u %s%s%s", n, faults.onwards ? "o" : "",
		 faults.modules ? "m" : "", workers ? "w" : "");
	faults_write(faults.failn, text);
}

/* ORDER: nothing of one's own between the two that could allocate. */
static void faults_begin(unsigned int n)
{
	char text[16];

	if (faults.failn >= 0) {
		faults_write_failn(n, false);
		return;
	}
	snprintf(text, sizeof(text), "%u", n);
	if (faults.onwards)
		faults_write(faults.make, "1");
	faults_write(faults.nth, text);
}

/* What @file tells: "LEFT", or of the module's "LEFT FAILED". */
static unsigned int faults_read(int file, unsigned int *ret_failed)
{
	char text[32] = "";
	unsigned int left = 0;

	if (pread(file, text, sizeof(text) - 1, 0) < 0 ||
	    sscanf(text, "%u %u", &left, ret_failed) < 1)
		faults_die("reading faults");
	return left;
}

/* Return: how many allocations have failed, or just 1 where the kernel does not tell. */
static unsigned int faults_end(void)
{
	unsigned int failed = 0;

	if (faults.failn >= 0) {
		faults_write(faults.failn, "0");
		faults_read(faults.failn, &failed);
		return failed;
	}
	failed = faults_read(faults.nth, &failed) == 0;
	faults_write(faults.nth, "0");
	if (faults.onwards)
		faults_write(faults.make, "0");
	return failed;
}

#endif
