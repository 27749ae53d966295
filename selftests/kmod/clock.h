/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clock of a measurement, in nanoseconds. Where the guest's clock counts
 * instructions, the kernel's. In user-mode Linux the processor's time of the host's
 * thread that this kernel is: what other processes of the host run is not in it. It is
 * asked for by a system call of the host's, which user-mode Linux has no hand in.
 */
#ifndef MERLON_CLOCK_H
#define MERLON_CLOCK_H

#include <linux/ktime.h>

#ifdef CONFIG_UML
#define HOST_NR_clock_gettime	228	/* x86-64 */

static inline u64 clock_now(void)
{
	struct __kernel_timespec time = { 0 };
	long rc;

	asm volatile("syscall"
		     : "=a" (rc)
		     : "0" (HOST_NR_clock_gettime), "D" (CLOCK_THREAD_CPUTIME_ID), "S" (&time)
		     : "rcx", "r11", "memory");
	return rc ? 0 : time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}
#else
static inline u64 clock_now(void)
{
	return ktime_get_ns();
}
#endif

#endif
