// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/string.h>
#include <net/netfilter/nf_conntrack.h>

#include "classifier/classifier.h"
#include "deny.h"
#include "event.h"
#include "generation.h"
#include "parse_skb.h"
#include "pernet.h"
#include "refusal.h"
#include "reject.h"
#include "trace.h"

static u8 hook_of(const struct nf_hook_state *state)
{
	if (state->pf == NFPROTO_NETDEV)
		return state->hook == NF_NETDEV_INGRESS ? MERLON_HOOK_INGRESS :
							  MERLON_HOOK_EGRESS;
	switch (state->hook) {
	case NF_INET_PRE_ROUTING:
		return MERLON_HOOK_PREROUTING;
	case NF_INET_LOCAL_IN:
		return MERLON_HOOK_INPUT;
	case NF_INET_FORWARD:
		return MERLON_HOOK_FORWARD;
	default:
		return MERLON_HOOK_POSTROUTING;
	}
}

static u8 reason_of(struct merlon_judgement judgement)
{
	if (judgement.reason)
		return judgement.reason;
	return MERLON_VERDICT_RULE(judgement.verdict) ? MERLON_REASON_RULE :
							MERLON_REASON_NO_RULE;
}

/* For packets that the host sent, state->in is what sent the buffer here last. */
static const struct net_device *in_of(const struct nf_hook_state *state)
{
	if (state->hook == NF_INET_POST_ROUTING && state->in == state->out)
		return NULL;
	return state->in;
}

/*
 * A rule counts its packets; reasons count the others, and TRANSLATED and GUARD
 * as well. ORDER: the rule first, as merlon_generation_totals() takes those off.
 */
static void count_denied(struct merlon_net *mn, struct merlon_generation *generation,
			 struct merlon_judgement judgement, u32 length)
{
	u8 reason = reason_of(judgement);

	if (reason == MERLON_REASON_NO_RULE || MERLON_VERDICT_RULE(judgement.verdict))
		merlon_generation_count(generation, MERLON_VERDICT_RULE(judgement.verdict), length);
	if (reason != MERLON_REASON_RULE && reason != MERLON_REASON_NO_RULE)
		this_cpu_inc(mn->reasons->denied[reason]);
}

static void trace(const struct merlon_generation *generation, const struct merlon_packet *packet,
		  const struct nf_hook_state *state, struct merlon_judgement judgement)
{
	u32 rule = MERLON_VERDICT_RULE(judgement.verdict);
	u8 action = MERLON_VERDICT_ACTION(judgement.verdict) ?: MERLON_ACTION_DROP;

	trace_merlon_verdict(packet, in_of(state), state->out, hook_of(state),
			     reason_of(judgement), action,
			     rule ? merlon_tables_rule_id(generation->tables, rule) : 0);
}

/* Whose it is, is for the reader to find out: see refusal.h. */
static void trace_denied(const struct merlon_net *mn, const struct sk_buff *skb,
			 const struct merlon_drop *drop)
{
	const struct merlon_packet *packet = drop->packet;
	u32 rule = MERLON_VERDICT_RULE(drop->verdict);
	struct merlon_refusal refusal = {
		.rule = rule ? merlon_tables_rule_id(drop->generation->tables, rule) : 0,
		.selector = packet->selector,
		.family = packet->family,
		.protocol = packet->protocol,
		.reason = drop->reason,
		.hook = drop->hook,
		.observed = drop->observed,
	};

	memcpy(refusal.destination, packet->destination, packet->family == AF_INET ? 4 : 16);
	trace_merlon_denial(mn->net, skb->sk, &refusal);
}

static bool is_reply(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	const struct nf_conn *ct = nf_ct_get(skb, &info);

	return ct && CTINFO2DIR(info) == IP_CT_DIR_REPLY;
}

/*
 * The one place that says that a packet is denied. Return: is it to be dropped?
 * @packet: what the parser found in it, as far as it went
 * @ethertype: of a frame in host byte order; 0 in the hooks of IP
 */
static bool tell(struct merlon_net *mn, struct merlon_generation *generation,
		 const struct sk_buff *skb, const struct nf_hook_state *state,
		 struct merlon_judgement judgement, const struct merlon_packet *packet,
		 u16 ethertype)
{
	bool enforcing = READ_ONCE(mn->mode) != MERLON_MODE_OBSERVING;
	const struct merlon_drop drop = {
		.packet = packet,
		.generation = generation,
		.in = in_of(state),
		.out = state->out,
		.hook = hook_of(state),
		.reason = reason_of(judgement),
		.verdict = judgement.verdict,
		.ethertype = ethertype,
		.length = skb->len,
		.observed = !enforcing,
		.reply = is_reply(skb),
	};

	count_denied(mn, generation, judgement, skb->len);
	if (trace_merlon_verdict_enabled())
		trace(generation, packet, state, judgement);
	if (trace_merlon_denial_enabled())
		trace_denied(mn, skb, &drop);
	merlon_event_drop(mn, &drop);
	return enforcing;
}

/* The sender on this host, if it is one, gets EPERM. */
static unsigned int drop(struct sk_buff *skb)
{
	return NF_DROP_REASON(skb, SKB_DROP_REASON_NETFILTER_DROP, EPERM);
}

unsigned int merlon_deny(struct merlon_net *mn, struct merlon_generation *generation,
			 struct sk_buff *skb, const struct nf_hook_state *state,
			 struct merlon_judgement judgement)
{
	struct merlon_packet packet;

	merlon_packet_read(merlon_family_of(state), skb, &packet);
	if (merlon_reject_is_own(&packet))
		return NF_ACCEPT;
	if (!tell(mn, generation, skb, state, judgement, &packet, 0))
		return NF_ACCEPT;
	if (MERLON_VERDICT_ACTION(judgement.verdict) == MERLON_ACTION_REJECT)
		merlon_reject(skb, state, &packet);
	return drop(skb);
}

unsigned int merlon_deny_frame(struct merlon_net *mn, struct merlon_generation *generation,
			       struct sk_buff *skb, const struct nf_hook_state *state,
			       struct merlon_judgement judgement,
			       const struct merlon_packet *packet, u16 ethertype)
{
	if (merlon_reject_is_own(packet))
		return NF_ACCEPT;
	if (!tell(mn, generation, skb, state, judgement, packet, ethertype))
		return NF_ACCEPT;
	return drop(skb);
}

void merlon_trace_allowed(const struct merlon_generation *generation, const struct sk_buff *skb,
			  const struct nf_hook_state *state, struct merlon_judgement judgement)
{
	struct merlon_packet packet;

	merlon_packet_read(merlon_family_of(state), skb, &packet);
	trace(generation, &packet, state, judgement);
}
