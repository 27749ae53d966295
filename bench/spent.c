// SPDX-License-Identifier: MIT
/*
 * spent [--settle MS] COMMAND [ARGUMENT]...
 *
 * What the machine spends on COMMAND: nanoseconds of processor, as JSON on one line.
 * command: its own, and its children's, with what the kernel does on its behalf;
 * user, system: how the kernel tells these two apart, by looking 250 times a second;
 * others: processes that run already, as a daemon; kernel: its threads, until MS (500)
 * after COMMAND has ended, for what is freed late. status: COMMAND's.
 *
 * In a guest under --icount a nanosecond is an instruction. Interrupts belong to whom
 * they interrupt. Nothing else should run.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct sum {
	uint64_t others, kernel;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* A kernel thread has no command line. */
static bool is_kernel(const char *pid)
{
	char path[300], byte;
	FILE *file;
	bool empty;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	file = fopen(path, "r");
	empty = file && fread(&byte, 1, 1, file) == 0;
	if (file)
		fclose(file);
	return empty;
}

static uint64_t ran(const char *pid)
{
	unsigned long long nanoseconds = 0;
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%llu", &nanoseconds) != 1)
		nanoseconds = 0;
	fclose(file);
	return nanoseconds;
}

/* Of all but this one; processes here have one thread each. */
static struct sum look(void)
{
	DIR *directory = opendir("/proc");
	struct sum sum = { 0 };
	struct dirent *entry;

	if (!directory)
		die("/proc");
	while ((entry = readdir(directory))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == getpid())
			continue;
		if (is_kernel(entry->d_name))
			sum.kernel += ran(entry->d_name);
		else
			sum.others += ran(entry->d_name);
	}
	closedir(directory);
	return sum;
}

static int run(char **argv, struct rusage *usage)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (!child) {
		if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
			execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	if (wait4(child, &status, 0, usage) < 0)
		die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static uint64_t nanoseconds(struct timeval time)
{
	return ((uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec) * 1000;
}

int main(int argc, char **argv)
{
	struct timespec settle = { .tv_nsec = 500000000 };
	struct sum before, after;
	struct rusage usage;
	uint64_t user, system;
	int status;

	if (argc > 2 && !strcmp(argv[1], "--settle")) {
		settle.tv_sec = atoi(argv[2]) / 1000;
		settle.tv_nsec = atoi(argv[2]) % 1000 * 1000000;
		argv += 2;
		argc -= 2;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: spent [--settle MS] COMMAND [ARGUMENT]...\n");
		return 2;
	}
	before = look();
	status = run(argv + 1, &usage);
	nanosleep(&settle, NULL);
	after = look();
	user = nanoseconds(usage.ru_utime);
	system = nanoseconds(usage.ru_stime);
	printf("{\"command\":%ju,\"user\":%ju,\"system\":%ju,\"others\":%ju,\"kernel\":%ju,"
	       "\"status\":%d}\n", (uintmax_t)(user + system), (uintmax_t)user,
	       (uintmax_t)system, (uintmax_t)(after.others - before.others),
	       (uintmax_t)(after.kernel - before.kernel), status);
	return status;
}
