/* SPDX-License-Identifier: GPL-2.0 */
/*
 * May what a socket is about to connect to be sent? Asked before there is a
 * packet, so that who calls gets an error at once and not a timeout. The answer
 * is that of POST_ROUTING (hooks.h, guard.h), by the same tables, the route that
 * the connection would get, and nothing else.
 *
 * It may say yes where POST_ROUTING says no: that is the wall, and this is not.
 * It must not say no where POST_ROUTING says yes. So it is yes where something
 * may yet change the packet: NAT, or who routes it anew at LOCAL_OUT.
 *
 * It is asked for TCP alone. A datagram that the wall drops fails with EPERM at
 * once by itself; and a datagram socket is connected by many who never send:
 * ping does that to learn its own address, in front of ICMP that may well pass.
 *
 * Only where BPF programs can ask: see kfunc.h.
 */
#ifndef MERLON_LEAVE_H
#define MERLON_LEAVE_H

struct bpf_sock_addr_kern;
struct merlon_refusal;

/**
 * merlon_leave_check - asked at connect(); yes for all but TCP
 * @call: of a program at BPF_CGROUP_INET4_CONNECT or INET6_CONNECT
 * @ret: why not; untouched where it may
 *
 * Process context. Nothing is counted.
 *
 * Return: 0 or -EPERM.
 */
int merlon_leave_check(const struct bpf_sock_addr_kern *call, struct merlon_refusal *ret);

#endif
