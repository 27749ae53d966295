// SPDX-License-Identifier: GPL-2.0
/*
 * A reject is built and sent within one call, on this processor, down to
 * POST_ROUTING: the hooks know it by who runs it, and by its kind. There is no
 * mark that others could set, and nothing to see for anybody else: bottom
 * halves are off, so that on this processor only the hooks of the reject
 * itself run under this task. Where bottom halves are threads that another
 * task may interrupt, the other task is another `current`. A reject that an
 * administrator's rules queue to userspace comes back later, and is judged.
 */
#include <linux/bottom_half.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netfilter.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <net/netfilter/ipv4/nf_reject.h>
#include <net/netfilter/ipv6/nf_reject.h>

#include "parse.h"
#include "reject.h"

static DEFINE_PER_CPU(const struct task_struct *, rejecting);

static bool is_unreachable(const struct merlon_packet *packet)
{
	if (packet->family == AF_INET)
		return packet->protocol == IPPROTO_ICMP &&
		       packet->selector == ICMP_DEST_UNREACH;
	return packet->protocol == IPPROTO_ICMPV6 &&
	       packet->selector == ICMPV6_DEST_UNREACH;
}

bool merlon_reject_is_own(const struct merlon_packet *packet)
{
	if (likely(this_cpu_read(rejecting) != current))
		return false;
	return packet->tcp_flags & MERLON_TCP_RST || is_unreachable(packet);
}

static void reject4(struct sk_buff *skb, const struct nf_hook_state *state, bool tcp)
{
	if (tcp)
		nf_send_reset(state->net, state->sk, skb, state->hook);
	else
		nf_send_unreach(skb, ICMP_PKT_FILTERED, state->hook);
}

static void reject6(struct sk_buff *skb, const struct nf_hook_state *state, bool tcp)
{
	if (tcp)
		nf_send_reset6(state->net, state->sk, skb, state->hook);
	else
		nf_send_unreach6(state->net, skb, ICMPV6_ADM_PROHIBITED, state->hook);
}

/* What must not be answered (broadcasts, ICMP errors) the callees leave alone. */
void merlon_reject(struct sk_buff *skb, const struct nf_hook_state *state,
		   const struct merlon_packet *packet)
{
	bool tcp = packet->protocol == IPPROTO_TCP;

	local_bh_disable();
	if (!this_cpu_read(rejecting)) {
		this_cpu_write(rejecting, current);
		if (packet->family == AF_INET)
			reject4(skb, state, tcp);
		else
			reject6(skb, state, tcp);
		this_cpu_write(rejecting, NULL);
	}
	local_bh_enable();
}
