// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Who did it: the programs behind `merlon leaks`.
 *
 *	connect		notes who calls; and of TCP asks the module whether the
 *			connection may leave, and fails with EPERM where not. On
 *			kernels without BTF of modules it cannot ask
 *	sendmsg		notes who calls. Neither here nor at connect is a
 *			datagram refused: where the wall drops one, sending fails
 *			with EPERM anyway, and which device and source it has is
 *			in control messages that are not shown here
 *	socket		notes who made it: raw sockets do neither of the two
 *	merlon_denial	the module has denied a packet: its socket leads to who
 *			was noted. Packets without one were sent by nobody here
 *	LSM		refuses AF_XDP, which goes past every hook, in one network
 *			namespace
 *
 * They assist: what they let pass meets the module's walls.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include <linux/merlon.h>

#include "refusal.h"
#include "watch_map.h"

#define REFUSED		0	/* by a program of a control group: EPERM */
#define GRANTED		1
#define EPERM		1
#define TIME_WAIT	6	/* states of what is not a whole socket */
#define NEW_SYN_RECV	12

/* Of the kernel's structures, what is read; found by their BTF. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net {
	__u64 net_cookie;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	struct nsproxy *nsproxy;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct {
	__u32 val;
} kuid_t;

struct sock_common {
	unsigned char skc_state;
	atomic64_t skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	kuid_t sk_uid;
	struct sock_cgroup_data sk_cgrp_data;
};
#pragma clang attribute pop

struct caller {
	__u64 cgroup;
	__u32 process, user;
	char program[ML_WATCH_PROGRAM];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ML_WATCH_CALLERS);
	__type(key, __u64);		/* a socket's cookie */
	__type(value, struct caller);
} callers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ML_WATCH_LEAKS);
	__type(key, struct ml_leak_key);
	__type(value, struct ml_leak);
} leaks SEC(".maps");

const volatile struct ml_watch_settings settings;

extern int merlon_may_leave(struct bpf_sock_addr *context, struct merlon_refusal *ret) __ksym __weak;

/* ---------------------------------------------------------------- callers */

static __always_inline void read_caller(struct caller *ret)
{
	__builtin_memset(ret, 0, sizeof(*ret));
	ret->cgroup = bpf_get_current_cgroup_id();
	ret->process = bpf_get_current_pid_tgid() >> 32;
	ret->user = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(ret->program, sizeof(ret->program));
}

static __always_inline void note(__u64 cookie, struct caller *ret)
{
	read_caller(ret);
	bpf_map_update_elem(&callers, &cookie, ret, BPF_ANY);
}

/* ------------------------------------------------------------------ leaks */

static __always_inline void count(const struct ml_leak_key *key, const struct caller *caller,
				  __u64 rule)
{
	struct ml_leak *known = bpf_map_lookup_elem(&leaks, key);
	struct ml_leak leak = { .rule = rule, .count = 1 };

	leak.last = bpf_ktime_get_boot_ns();
	if (known) {
		__sync_fetch_and_add(&known->count, 1);
		known->last = leak.last;
		known->rule = rule;
		return;
	}
	leak.first = leak.last;
	__builtin_memcpy(leak.program, caller->program, sizeof(leak.program));
	bpf_map_update_elem(&leaks, key, &leak, BPF_ANY);
}

static __always_inline void tell(__u64 netns, const struct caller *caller,
				 const struct merlon_refusal *refusal, __u8 how)
{
	struct ml_leak_key key = {
		.netns = netns,
		.cgroup = caller->cgroup,
		.process = caller->process,
		.user = caller->user,
		.selector = refusal->selector,
		.family = refusal->family,
		.protocol = refusal->protocol,
		.reason = refusal->reason,
		.how = how,
	};

	__builtin_memcpy(key.destination, refusal->destination, sizeof(key.destination));
	count(&key, caller, refusal->rule);
}

/* ------------------------------------------------------------------ calls */

static __always_inline int may_connect(struct bpf_sock_addr *context)
{
	struct merlon_refusal refusal = { 0 };
	struct caller caller;

	note(bpf_get_socket_cookie(context), &caller);
	if (!merlon_may_leave(context, &refusal))
		return GRANTED;
	tell(bpf_get_netns_cookie(context), &caller, &refusal, ML_LEAK_REFUSED);
	return REFUSED;
}

static __always_inline int note_call(struct bpf_sock_addr *context)
{
	struct caller caller;

	note(bpf_get_socket_cookie(context), &caller);
	return GRANTED;
}

SEC("cgroup/connect4")
int ask_connect4(struct bpf_sock_addr *context)
{
	return may_connect(context);
}

SEC("cgroup/connect6")
int ask_connect6(struct bpf_sock_addr *context)
{
	return may_connect(context);
}

SEC("cgroup/connect4")
int note_connect4(struct bpf_sock_addr *context)
{
	return note_call(context);
}

SEC("cgroup/connect6")
int note_connect6(struct bpf_sock_addr *context)
{
	return note_call(context);
}

SEC("cgroup/sendmsg4")
int note_sendmsg4(struct bpf_sock_addr *context)
{
	return note_call(context);
}

SEC("cgroup/sendmsg6")
int note_sendmsg6(struct bpf_sock_addr *context)
{
	return note_call(context);
}

SEC("cgroup/sock_create")
int note_socket(struct bpf_sock *context)
{
	struct caller caller;

	note(bpf_get_socket_cookie(context), &caller);
	return GRANTED;
}

/* ---------------------------------------------------------------- packets */

/* Of a socket that made no call since the watch began: whose it is, at least. */
static __always_inline void read_owner(const struct sock *sk, struct caller *ret)
{
	__builtin_memset(ret, 0, sizeof(*ret));
	ret->user = BPF_CORE_READ(sk, sk_uid.val);
	ret->cgroup = BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
}

static __always_inline void read_sender(const struct sock *sk, struct caller *ret)
{
	__u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	struct caller *known = cookie ? bpf_map_lookup_elem(&callers, &cookie) : NULL;

	if (known)
		*ret = *known;
	else
		read_owner(sk, ret);
}

static __always_inline bool is_leaving(const struct merlon_refusal *refusal)
{
	return refusal->hook == MERLON_HOOK_POSTROUTING || refusal->hook == MERLON_HOOK_EGRESS;
}

static __always_inline bool is_whole(const struct sock *sk)
{
	unsigned char state = BPF_CORE_READ(sk, __sk_common.skc_state);

	return state != TIME_WAIT && state != NEW_SYN_RECV;
}

SEC("raw_tp/merlon_denial")
int note_denial(struct bpf_raw_tracepoint_args *context)
{
	const struct net *net = (const struct net *)context->args[0];
	const struct sock *sk = (const struct sock *)context->args[1];
	struct merlon_refusal refusal;
	struct caller caller;

	if (!sk || bpf_probe_read_kernel(&refusal, sizeof(refusal), (void *)context->args[2]))
		return 0;
	if (!is_leaving(&refusal) || !is_whole(sk))
		return 0;
	read_sender(sk, &caller);
	tell(BPF_CORE_READ(net, net_cookie), &caller, &refusal,
	     refusal.observed ? ML_LEAK_OBSERVED : ML_LEAK_DROPPED);
	return 0;
}

/* -------------------------------------------------------------------- LSM */

static __always_inline __u64 own_netns(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->nsproxy->net_ns->net_cookie;
}

/* Arguments: family, type, protocol, kern. Where another LSM has refused, it is not called. */
SEC("lsm/socket_create")
int refuse_xdp(unsigned long long *arguments)
{
	struct merlon_refusal refusal = { 0 };
	struct caller caller;

	if ((int)arguments[0] != ML_WATCH_AF_XDP || (int)arguments[3] ||
	    own_netns() != settings.netns)
		return 0;
	refusal.family = ML_WATCH_AF_XDP;
	read_caller(&caller);
	tell(settings.netns, &caller, &refusal, ML_LEAK_REFUSED);
	return -EPERM;
}

const char LICENSE[] SEC("license") = "Dual MIT/GPL";
