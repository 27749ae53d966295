// SPDX-License-Identifier: MIT
/*
 * set FILE SYSTEM BOOT SYNCHRONISED [PID...]: the clocks of the processes that have FILE are
 * off by so many seconds from now on (preload.c). Timers of the processes PID that wait for
 * a time of day run out: by that the kernel tells their owners that a clock was set.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

static void __attribute__((noreturn)) fail(const char *what)
{
	perror(what);
	exit(2);
}

static void set(const char *path, struct clock_file clocks)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct clock_file *file;

	if (fd < 0 || ftruncate(fd, sizeof(*file)))
		fail(path);
	file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		fail(path);
	*file = clocks;
}

static int waits_for_date(const char *pid, const char *fd)
{
	char path[300], line[128];
	int clock = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "clockid: %d", &clock) == 1)
			break;
	if (file)
		fclose(file);
	return clock == CLOCK_REALTIME;
}

static void run_out(const char *pid, const char *fd)
{
	static const struct itimerspec now = { .it_value.tv_nsec = 1 };
	int process = (int)syscall(SYS_pidfd_open, atoi(pid), 0), timer;

	if (process < 0)
		fail(pid);
	timer = (int)syscall(SYS_pidfd_getfd, process, atoi(fd), 0);
	if (timer < 0 || timerfd_settime(timer, 0, &now, NULL))
		fail(fd);
	close(timer);
	close(process);
}

static void tell(const char *pid)
{
	const struct dirent *entry;
	char path[64];
	DIR *all;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	all = opendir(path);
	if (!all)
		fail(path);
	while ((entry = readdir(all)))
		if (entry->d_name[0] != '.' && waits_for_date(pid, entry->d_name))
			run_out(pid, entry->d_name);
	closedir(all);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	set(argv[1], (struct clock_file){ atoll(argv[2]), atoll(argv[3]), atoll(argv[4]) });
	for (int i = 5; i < argc; i++)
		tell(argv[i]);
	return 0;
}
