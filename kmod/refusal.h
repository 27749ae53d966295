/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What BPF programs are told of a denial: by the tracepoint merlon_denial of a
 * packet, by the kfunc merlon_may_leave() of a call. They read it as it stands
 * here, where the kernel has no BTF of modules, too.
 */
#ifndef MERLON_REFUSAL_H
#define MERLON_REFUSAL_H

#include <linux/types.h>

/**
 * struct merlon_refusal - what may not pass
 * @rule: id of the rule that denies it, or 0
 * @destination: network byte order; IPv4 in the first four bytes, the others 0
 * @selector: destination port or ICMP type, host byte order, or 0
 * @family: AF_INET, AF_INET6, or 0: a frame that is not IP
 * @protocol: IP protocol
 * @reason: enum merlon_reason
 * @hook: enum merlon_hook; UNSPEC: a call
 * @observed: it passed, because of mode OBSERVING
 * @zero: 0
 */
struct merlon_refusal {
	__u64 rule;
	__u8 destination[16];
	__u16 selector;
	__u8 family;
	__u8 protocol;
	__u8 reason;
	__u8 hook;
	__u8 observed;
	__u8 zero;
};

#endif
