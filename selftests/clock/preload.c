// SPDX-License-Identifier: MIT
/*
 * clock.so: for LD_PRELOAD. The program sees the system clock and CLOCK_BOOTTIME off by
 * what the file CLOCK_FILE says at that moment (struct clock_file), which set.c writes:
 * as if somebody had set the clock, or the machine had slept. CLOCK_MONOTONIC goes on as
 * it is, as it does then.
 *
 * The file is mapped at start, so that a change reaches a process that has no file system
 * and few system calls any more, which faketime(1) cannot do.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

#define TIMERS 1024

static const volatile struct clock_file *file;
static int (*real_gettime)(clockid_t id, struct timespec *ret);
static int (*real_create)(int id, int flags);
static int (*real_settime)(int fd, int flags, const struct itimerspec *new,
			   struct itimerspec *old);
static int timers[TIMERS];	/* the clock of each descriptor */

static void __attribute__((constructor)) setup(void)
{
	const char *path = getenv("CLOCK_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	real_create = dlsym(RTLD_NEXT, "timerfd_create");
	real_settime = dlsym(RTLD_NEXT, "timerfd_settime");
	if (fd >= 0)
		file = mmap(NULL, sizeof(*file), PROT_READ, MAP_SHARED, fd, 0);
	if (fd < 0 || file == MAP_FAILED || !real_gettime || !real_create || !real_settime) {
		perror("CLOCK_FILE");
		_exit(98);
	}
	close(fd);
}

static int64_t off_by(clockid_t id)
{
	switch (id) {
	case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: return file->system;
	case CLOCK_BOOTTIME: return file->boot;
	}
	return 0;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = real_gettime(id, ret);

	if (!r)
		ret->tv_sec += off_by(id);
	return r;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}

/* Nothing is ever set by it. */
int adjtimex(struct timex *ret)
{
	*ret = (struct timex){ .status = file->synchronised ? 0 : STA_UNSYNC };
	return file->synchronised ? TIME_OK : TIME_ERROR;
}

int timerfd_create(int id, int flags)
{
	int fd = real_create(id, flags);

	if (fd >= TIMERS)
		abort();
	if (fd >= 0)
		timers[fd] = id;
	return fd;
}

/* What is past already runs out at once. */
int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	struct itimerspec moved = *new;

	if ((flags & TFD_TIMER_ABSTIME) && (new->it_value.tv_sec || new->it_value.tv_nsec)) {
		moved.it_value.tv_sec -= off_by(timers[fd]);
		if (moved.it_value.tv_sec < 0)
			moved.it_value = (struct timespec){ 0, 1 };
	}
	return real_settime(fd, flags, &moved, old);
}
