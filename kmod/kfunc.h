/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What BPF programs may ask: kfuncs for tc, XDP and the calls of sockets (those
 * of merlon-watch), where the kernel has BTF of modules and its headers brought
 * the kernel's own BTF. Where not, they are not there, and the module says so
 * when it is loaded and in its modinfo:
 *
 *	modinfo -F kfuncs merlon
 *
 * A program declares what it calls, and takes the two structures from here or
 * from the module's BTF (bpftool btf dump file /sys/kernel/btf/merlon format c):
 *
 *	extern int merlon_classify_xdp(struct xdp_md *context,
 *				       const struct merlon_question *question,
 *				       struct merlon_answer *ret) __ksym;
 *
 * It holds a reference to the module for as long as it is loaded.
 */
#ifndef MERLON_KFUNC_H
#define MERLON_KFUNC_H

#include <linux/types.h>

struct __sk_buff;
struct bpf_sock_addr;
struct merlon_refusal;
struct xdp_md;

/**
 * struct merlon_question - a packet, as the classifier sees it
 * @source: network byte order; IPv4 in the first four bytes, the others 0
 * @destination: as @source
 * @family: AF_INET (2) or AF_INET6 (10)
 * @protocol: IP protocol; IPv6: of the transport header
 * @selector: destination port or ICMP type, host byte order; 0 where the
 *	protocol has neither
 */
struct merlon_question {
	__u8 source[16];
	__u8 destination[16];
	__u8 family;
	__u8 protocol;
	__u16 selector;
};

/**
 * struct merlon_answer - what the policy in force says of it
 * @rule: id of the rule that decides, or 0: none speaks of it
 * @action: enum merlon_action: ALLOW, DROP or REJECT
 * @mode: enum merlon_mode: in OBSERVING Merlon itself drops nothing
 * @zero: 0
 */
struct merlon_answer {
	__u64 rule;
	__u8 action;
	__u8 mode;
	__u8 zero[6];
};

int merlon_classify_skb(struct __sk_buff *context, const struct merlon_question *question,
			struct merlon_answer *ret);
int merlon_classify_xdp(struct xdp_md *context, const struct merlon_question *question,
			struct merlon_answer *ret);

int merlon_may_leave(struct bpf_sock_addr *context, struct merlon_refusal *ret);

void merlon_kfunc_setup(void);

#endif
