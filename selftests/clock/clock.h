/* SPDX-License-Identifier: MIT */
/* What a program under clock.so is told: seconds that its clocks are off by. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

struct clock_file {
	int64_t system;		/* CLOCK_REALTIME */
	int64_t boot;		/* CLOCK_BOOTTIME */
	int64_t synchronised;	/* is the system clock, as adjtimex(2) says? */
};

#endif
