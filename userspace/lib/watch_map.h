/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What watch.bpf.c writes down, and `merlon leaks` reads. */
#ifndef ML_WATCH_MAP_H
#define ML_WATCH_MAP_H

#include <linux/types.h>

#define ML_WATCH_LEAKS		4096	/* rows; the one unused for longest goes first */
#define ML_WATCH_CALLERS	16384	/* sockets whose caller is remembered */
#define ML_WATCH_PROGRAM	16	/* of a program's name, with the NUL */
#define ML_WATCH_AF_XDP		44	/* as a leak's family: such a socket was asked for */

/**
 * enum ml_leak_how - what became of it
 * @ML_LEAK_REFUSED: the call failed with EPERM, nothing was sent
 * @ML_LEAK_DROPPED: a packet was dropped
 * @ML_LEAK_OBSERVED: a packet passed, and would not have if mode were enforcing
 */
enum ml_leak_how {
	ML_LEAK_UNSPEC,
	ML_LEAK_REFUSED,
	ML_LEAK_DROPPED,
	ML_LEAK_OBSERVED,
};

/**
 * struct ml_leak_key - who wanted to send what where
 * @netns: the network namespace's cookie (SO_NETNS_COOKIE)
 * @cgroup: id in the unified hierarchy
 * @destination: network byte order; IPv4 in the first four bytes, the others 0
 * @process: of the initial namespace; 0: not known, as for packet sockets and
 *	for those whose calls were made before merlon-watch was attached
 * @user: of the initial namespace
 * @selector: port or ICMP type, host byte order, or 0
 * @family: AF_INET, AF_INET6, AF_XDP, or 0: a frame that is not IP
 * @protocol: IP protocol
 * @reason: enum merlon_reason
 * @how: enum ml_leak_how
 * @zero: 0
 */
struct ml_leak_key {
	__u64 netns;
	__u64 cgroup;
	__u8 destination[16];
	__u32 process;
	__u32 user;
	__u16 selector;
	__u8 family;
	__u8 protocol;
	__u8 reason;
	__u8 how;
	__u8 zero[2];
};

/**
 * struct ml_leak - how often
 * @rule: id of the rule that denied it last, or 0
 * @count: calls or packets
 * @first: CLOCK_BOOTTIME, nanoseconds
 * @last: as @first
 * @program: its name, "" where the process is not known
 */
struct ml_leak {
	__u64 rule;
	__u64 count;
	__u64 first, last;
	char program[ML_WATCH_PROGRAM];
};

/**
 * struct ml_watch_settings - constants of a loaded watch
 * @netns: where AF_XDP is refused, if it is
 * @refuses: calls are refused
 * @holds_xdp: AF_XDP is refused
 */
struct ml_watch_settings {
	__u64 netns;
	__u8 refuses;
	__u8 holds_xdp;
	__u8 zero[6];
};

#endif
