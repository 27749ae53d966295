/* SPDX-License-Identifier: GPL-2.0 */
/*
 * merlon:merlon_verdict: every packet that was judged, also in mode OBSERVING,
 * with Merlon's own reason (the kernel's drop reasons are a fixed list).
 * merlon:merlon_denial: those that were denied alone, with the socket that sent
 * them. Who only wants these does not make every permitted packet pay.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM merlon

#if !defined(MERLON_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MERLON_TRACE_H

#include <linux/if.h>
#include <linux/netdevice.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <net/net_namespace.h>

#include <linux/merlon.h>

#include "parse.h"
#include "refusal.h"

#ifndef MERLON_TRACE_HELPERS
#define MERLON_TRACE_HELPERS
static inline void merlon_trace_address(u8 to[16], u8 family, const u8 from[16])
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (family == AF_INET6) {
		memcpy(to, from, 16);
		return;
	}
	memcpy(to, mapped, 12);
	memcpy(to + 12, from, 4);
}
#endif

/* So that perf and others know the numbers behind the names. */
TRACE_DEFINE_ENUM(MERLON_HOOK_PREROUTING);
TRACE_DEFINE_ENUM(MERLON_HOOK_INPUT);
TRACE_DEFINE_ENUM(MERLON_HOOK_FORWARD);
TRACE_DEFINE_ENUM(MERLON_HOOK_POSTROUTING);
TRACE_DEFINE_ENUM(MERLON_HOOK_EGRESS);
TRACE_DEFINE_ENUM(MERLON_HOOK_INGRESS);
TRACE_DEFINE_ENUM(MERLON_ACTION_ALLOW);
TRACE_DEFINE_ENUM(MERLON_ACTION_DROP);
TRACE_DEFINE_ENUM(MERLON_ACTION_REJECT);
TRACE_DEFINE_ENUM(MERLON_REASON_UNSPEC);
TRACE_DEFINE_ENUM(MERLON_REASON_RULE);
TRACE_DEFINE_ENUM(MERLON_REASON_NO_RULE);
TRACE_DEFINE_ENUM(MERLON_REASON_LOCKDOWN);
TRACE_DEFINE_ENUM(MERLON_REASON_EXPIRED);
TRACE_DEFINE_ENUM(MERLON_REASON_UNKNOWN_TUNNEL);
TRACE_DEFINE_ENUM(MERLON_REASON_SPOOFED);
TRACE_DEFINE_ENUM(MERLON_REASON_HEADER);
TRACE_DEFINE_ENUM(MERLON_REASON_FRAGMENT);
TRACE_DEFINE_ENUM(MERLON_REASON_NOT_OPENED);
TRACE_DEFINE_ENUM(MERLON_REASON_TRANSLATED);
TRACE_DEFINE_ENUM(MERLON_REASON_OFF_TUNNEL);
TRACE_DEFINE_ENUM(MERLON_REASON_BYPASS);
TRACE_DEFINE_ENUM(MERLON_REASON_GUARD);
TRACE_DEFINE_ENUM(MERLON_REASON_SHADOW);

#define merlon_show_hook(hook)					\
	__print_symbolic(hook,					\
		{ MERLON_HOOK_PREROUTING, "prerouting" },	\
		{ MERLON_HOOK_INPUT, "input" },			\
		{ MERLON_HOOK_FORWARD, "forward" },		\
		{ MERLON_HOOK_POSTROUTING, "postrouting" },	\
		{ MERLON_HOOK_EGRESS, "egress" },		\
		{ MERLON_HOOK_INGRESS, "ingress" })

#define merlon_show_action(action)				\
	__print_symbolic(action,				\
		{ MERLON_ACTION_ALLOW, "allow" },		\
		{ MERLON_ACTION_DROP, "drop" },			\
		{ MERLON_ACTION_REJECT, "reject" })

#define merlon_show_reason(reason)				\
	__print_symbolic(reason,				\
		{ MERLON_REASON_UNSPEC, "unjudged" },		\
		{ MERLON_REASON_RULE, "rule" },			\
		{ MERLON_REASON_NO_RULE, "no-rule" },		\
		{ MERLON_REASON_LOCKDOWN, "lockdown" },		\
		{ MERLON_REASON_EXPIRED, "expired" },		\
		{ MERLON_REASON_UNKNOWN_TUNNEL, "unknown-tunnel" }, \
		{ MERLON_REASON_SPOOFED, "spoofed" },		\
		{ MERLON_REASON_HEADER, "header" },		\
		{ MERLON_REASON_FRAGMENT, "fragment" },		\
		{ MERLON_REASON_NOT_OPENED, "not-opened" },	\
		{ MERLON_REASON_TRANSLATED, "translated" },	\
		{ MERLON_REASON_OFF_TUNNEL, "off-tunnel" },	\
		{ MERLON_REASON_BYPASS, "bypass" },		\
		{ MERLON_REASON_GUARD, "guard" },		\
		{ MERLON_REASON_SHADOW, "shadow" })

/*
 * The packet is a copy: the numbers are what is parsed, addresses as IPv6
 * (IPv4: mapped). @rule is the rule's id, or 0.
 */
TRACE_EVENT(merlon_verdict,
	    TP_PROTO(const struct merlon_packet *packet, const struct net_device *in,
		     const struct net_device *out, u8 hook, u8 reason, u8 action, u64 rule),

	    TP_ARGS(packet, in, out, hook, reason, action, rule),

	    TP_STRUCT__entry(__field(u64, rule)
			     __field(u8, hook)
			     __field(u8, reason)
			     __field(u8, action)
			     __field(u8, family)
			     __field(u8, protocol)
			     __field(u16, source_port)
			     __field(u16, selector)
			     __array(u8, source, 16)
			     __array(u8, destination, 16)
			     __array(char, in, IFNAMSIZ)
			     __array(char, out, IFNAMSIZ)),

	    TP_fast_assign(__entry->rule = rule;
			   __entry->hook = hook;
			   __entry->reason = reason;
			   __entry->action = action;
			   __entry->family = packet->family;
			   __entry->protocol = packet->protocol;
			   __entry->source_port = packet->source_port;
			   __entry->selector = packet->selector;
			   merlon_trace_address(__entry->source, packet->family, packet->source);
			   merlon_trace_address(__entry->destination, packet->family,
						packet->destination);
			   strscpy(__entry->in, in ? in->name : "", IFNAMSIZ);
			   strscpy(__entry->out, out ? out->name : "", IFNAMSIZ);),

	    TP_printk("%s %s: %s rule=%016llx %pI6c:%u > %pI6c:%u protocol=%u in=%s out=%s",
		      merlon_show_hook(__entry->hook), merlon_show_action(__entry->action),
		      merlon_show_reason(__entry->reason), __entry->rule,
		      __entry->source, __entry->source_port,
		      __entry->destination, __entry->selector,
		      __entry->protocol, __entry->in, __entry->out)
);

/* @sk: that the buffer belongs to, not always a whole one; NULL: it has none */
TRACE_EVENT(merlon_denial,
	    TP_PROTO(const struct net *net, const struct sock *sk,
		     const struct merlon_refusal *refusal),

	    TP_ARGS(net, sk, refusal),

	    TP_STRUCT__entry(__field(u64, rule)
			     __field(u64, netns)
			     __field(const void *, sk)
			     __field(u8, hook)
			     __field(u8, reason)
			     __field(u8, observed)
			     __field(u8, family)
			     __field(u8, protocol)
			     __field(u16, selector)
			     __array(u8, destination, 16)),

	    TP_fast_assign(__entry->rule = refusal->rule;
			   __entry->netns = net->net_cookie;
			   __entry->sk = sk;
			   __entry->hook = refusal->hook;
			   __entry->reason = refusal->reason;
			   __entry->observed = refusal->observed;
			   __entry->family = refusal->family;
			   __entry->protocol = refusal->protocol;
			   __entry->selector = refusal->selector;
			   merlon_trace_address(__entry->destination, refusal->family,
						refusal->destination);),

	    TP_printk("%s: %s rule=%016llx > %pI6c:%u protocol=%u netns=%llu sk=%p%s",
		      merlon_show_hook(__entry->hook), merlon_show_reason(__entry->reason),
		      __entry->rule, __entry->destination, __entry->selector,
		      __entry->protocol, __entry->netns, __entry->sk,
		      __entry->observed ? " observed" : "")
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
