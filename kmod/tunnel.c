// SPDX-License-Identifier: GPL-2.0
/*
 * What nearly every packet meets, a plain one that the tables settle, stands in line
 * here: no call, and no register that is saved for one. All else is called last.
 */
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <net/netfilter/nf_conntrack.h>

#include "classifier/classify.h"
#include "deny.h"
#include "device.h"
#include "flow.h"
#include "generation.h"
#include "guard.h"
#include "judge_conntrack.h"
#include "judge_plain.h"
#include "pernet.h"
#include "trace.h"
#include "tunnel.h"

/* A tunnel that the policy leaves alone is none, to the tunnel guard. */
static unsigned int leave_alone(struct merlon_net *mn, struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	if (state->hook != NF_INET_POST_ROUTING ||
	    READ_ONCE(mn->scope) != MERLON_SCOPE_EVERYTHING)
		return NF_ACCEPT;
	return merlon_guard(mn, skb, state, state->out);
}

/* @generation is in force, and says this of a packet of one of its tunnels. */
static noinline unsigned int conclude(struct merlon_generation *generation, struct sk_buff *skb,
				      const struct nf_hook_state *state,
				      struct merlon_judgement judgement)
{
	struct merlon_net *mn = generation->mn;
	const struct net_device *out;
	unsigned int verdict;

	if (merlon_generation_expired(generation))
		return merlon_deny_for(mn, generation, skb, state, MERLON_REASON_EXPIRED);
	if (!merlon_judgement_passes(judgement))
		return merlon_deny(mn, generation, skb, state, judgement);
	if (generation->guard && state->hook != NF_INET_LOCAL_IN) {
		out = state->hook == NF_INET_FORWARD ? state->out : merlon_leaves_by(skb, state);
		verdict = merlon_guard_check(mn, generation, skb, state, out);
		if (verdict != NF_ACCEPT)
			return verdict;
	}
	merlon_generation_count(generation, MERLON_VERDICT_RULE(judgement.verdict), skb->len);
	if (trace_merlon_verdict_enabled())
		merlon_trace_allowed(generation, skb, state, judgement);
	return NF_ACCEPT;
}

/* ORDER: what is denied for the generation's age leaves no state. */
static noinline unsigned int judge_any(struct merlon_generation *generation, struct sk_buff *skb,
				       const struct nf_hook_state *state)
{
	struct merlon_net *mn = generation->mn;

	if (merlon_generation_expired(generation))
		return merlon_deny_for(mn, generation, skb, state, MERLON_REASON_EXPIRED);
	return conclude(generation, skb, state,
			merlon_judge_any(merlon_family_of(state), mn, generation->tables, skb));
}

/*
 * Devices that the policy does not name, or names to leave them alone. FORWARD
 * may have left a packet for POST_ROUTING to judge when the generation before
 * was in force, by which the device was none to ignore. It is not counted
 * again: as a rule FORWARD has judged it. A tunnel to be ignored is that beyond
 * the policy's last day, too.
 */
static noinline unsigned int judge_unnamed(struct merlon_generation *generation,
					   struct sk_buff *skb,
					   const struct nf_hook_state *state,
					   const struct net_device *tunnel)
{
	struct merlon_net *mn = generation->mn;
	u8 number = merlon_generation_tunnel(generation, tunnel->ifindex);
	bool expired = merlon_generation_expired(generation);
	struct merlon_judgement judgement;

	if (number == MERLON_TUNNEL_IGNORED &&
	    !(state->hook == NF_INET_POST_ROUTING && merlon_came_by_tunnel(generation, skb, state)))
		return leave_alone(mn, skb, state);
	if (expired || number != MERLON_TUNNEL_IGNORED)
		return merlon_deny_for(mn, generation, skb, state,
				       expired ? MERLON_REASON_EXPIRED :
						 MERLON_REASON_UNKNOWN_TUNNEL);
	judgement = merlon_judge_any(merlon_family_of(state), mn, generation->tables, skb);
	if (merlon_judgement_passes(judgement))
		return NF_ACCEPT;
	return merlon_deny(mn, generation, skb, state, judgement);
}

/* The rule, from 0, that allows; above MERLON_VERDICT_RULE() where none does. */
static __always_inline u32 allowed_by(u32 verdict)
{
	return verdict - MERLON_VERDICT(MERLON_ACTION_ALLOW, 0);
}

/* The tables' @verdict allows, and that is all that there is to it in most cases. */
static __always_inline unsigned int settle(struct merlon_generation *generation,
					   struct sk_buff *skb,
					   const struct nf_hook_state *state, u32 rule)
{
	if (unlikely(READ_ONCE(generation->flags)) || trace_merlon_verdict_enabled())
		return conclude(generation, skb, state,
				merlon_by_verdict(MERLON_VERDICT(MERLON_ACTION_ALLOW, rule)));
	MERLON_ENV_HIDE(skb);
	merlon_generation_count(generation, rule, skb->len);
	return NF_ACCEPT;
}

static __always_inline unsigned int judge_tracked(u8 family, struct merlon_generation *generation,
						  struct sk_buff *skb,
						  const struct nf_hook_state *state)
{
	enum ip_conntrack_info info;
	const struct nf_conn *ct = nf_ct_get(skb, &info);
	u32 verdict, rule;

	if (unlikely(!ct || !merlon_is_member(family, ct, info, skb)))
		return judge_any(generation, skb, state);
	verdict = merlon_classify_connection(family, generation->tables, ct);
	rule = allowed_by(verdict);
	if (unlikely(rule > MERLON_VERDICT_RULE(~0u)))
		return conclude(generation, skb, state, merlon_by_verdict(verdict));
	return settle(generation, skb, state, rule);
}

/* Whom a plain packet of UDP asked is remembered, unless conntrack does that. */
static noinline unsigned int judge_opener(struct merlon_generation *generation,
					  struct sk_buff *skb,
					  const struct nf_hook_state *state, u32 own)
{
	u8 family = merlon_family_of(state);
	struct merlon_packet packet;

	if (!merlon_generation_expired(generation) && !merlon_conntrack_runs(state->net, family)) {
		merlon_plain_packet(family, skb_network_header(skb), &packet);
		merlon_flow_open(generation->mn->flows, &packet);
	}
	return conclude(generation, skb, state, merlon_by_verdict(own));
}

static __always_inline bool is_held(u8 family, const struct merlon_generation *generation,
				    const struct sk_buff *skb)
{
	struct merlon_flows *flows = generation->mn->flows;

	return family == AF_INET ? merlon_flow_hold4(flows, skb_network_header(skb)) :
				   merlon_flow_hold6(flows, skb_network_header(skb));
}

static __always_inline bool is_answer(u8 family, const struct merlon_generation *generation,
				      const struct sk_buff *skb, u8 protocol)
{
	struct merlon_flows *flows = generation->mn->flows;

	if (protocol == IPPROTO_TCP)
		return true;
	return family == AF_INET ? merlon_flow_answers4(flows, skb_network_header(skb)) :
				   merlon_flow_answers6(flows, skb_network_header(skb));
}

/* A plain packet that its own tuple does not let pass: does it answer one that did? */
static __always_inline unsigned int judge_answer(u8 family, struct merlon_generation *generation,
						 struct sk_buff *skb,
						 const struct nf_hook_state *state,
						 u32 own, u8 protocol)
{
	u32 rule;

	if (protocol == IPPROTO_TCP &&
	    merlon_plain_is_opener(family, skb_network_header(skb)))
		return conclude(generation, skb, state, merlon_by_verdict(own));
	rule = allowed_by(merlon_classify_asked(family, generation->tables, skb, protocol));
	if (rule > MERLON_VERDICT_RULE(~0u) || merlon_generation_expired(generation) ||
	    merlon_conntrack_runs(state->net, family))
		return conclude(generation, skb, state, merlon_by_verdict(own));
	if (!is_answer(family, generation, skb, protocol))
		return conclude(generation, skb, state, merlon_not_opened(own));
	return settle(generation, skb, state, rule);
}

static noinline unsigned int judge_answer4(struct merlon_generation *generation,
					   struct sk_buff *skb,
					   const struct nf_hook_state *state,
					   u32 own, u8 protocol)
{
	return judge_answer(AF_INET, generation, skb, state, own, protocol);
}

static noinline unsigned int judge_answer6(struct merlon_generation *generation,
					   struct sk_buff *skb,
					   const struct nf_hook_state *state,
					   u32 own, u8 protocol)
{
	return judge_answer(AF_INET6, generation, skb, state, own, protocol);
}

/* A flow that is held already needs no more. */
static __always_inline unsigned int judge_datagram(u8 family, struct merlon_generation *generation,
						   struct sk_buff *skb,
						   const struct nf_hook_state *state)
{
	u32 own, rule;

	if (unlikely(!merlon_skb_is_plain(family, skb, IPPROTO_UDP)))
		return judge_any(generation, skb, state);
	own = merlon_classify_plain(family, generation->tables, skb, IPPROTO_UDP);
	rule = allowed_by(own);
	if (rule > MERLON_VERDICT_RULE(~0u))
		return family == AF_INET ?
		       judge_answer4(generation, skb, state, own, IPPROTO_UDP) :
		       judge_answer6(generation, skb, state, own, IPPROTO_UDP);
	if (unlikely(merlon_generation_expired(generation) || !is_held(family, generation, skb)))
		return judge_opener(generation, skb, state, own);
	return settle(generation, skb, state, rule);
}

/* Apart, so that none of them saves registers for another's sake. */
static noinline unsigned int judge_tracked4(struct merlon_generation *generation,
					    struct sk_buff *skb,
					    const struct nf_hook_state *state)
{
	return judge_tracked(AF_INET, generation, skb, state);
}

static noinline unsigned int judge_tracked6(struct merlon_generation *generation,
					    struct sk_buff *skb,
					    const struct nf_hook_state *state)
{
	return judge_tracked(AF_INET6, generation, skb, state);
}

static noinline unsigned int judge_datagram4(struct merlon_generation *generation,
					     struct sk_buff *skb,
					     const struct nf_hook_state *state)
{
	return judge_datagram(AF_INET, generation, skb, state);
}

static noinline unsigned int judge_datagram6(struct merlon_generation *generation,
					     struct sk_buff *skb,
					     const struct nf_hook_state *state)
{
	return judge_datagram(AF_INET6, generation, skb, state);
}

static noinline unsigned int deny_all(struct sk_buff *skb, const struct nf_hook_state *state)
{
	return merlon_deny_for(merlon_net_get(state->net), NULL, skb, state,
			       MERLON_REASON_LOCKDOWN);
}

/*
 * A packet of the WireGuard device @tunnel. One generation serves it throughout. What
 * most packets meet stands here, without a call; the rest is called last, so that
 * nothing is saved for its sake. A permitted packet of TCP leaves no state.
 */
static __always_inline unsigned int judge(u8 family, struct merlon_net *mn, struct sk_buff *skb,
					  const struct nf_hook_state *state,
					  const struct net_device *tunnel)
{
	struct merlon_generation *generation = rcu_dereference(mn->generation);
	u32 own, rule;

	if (unlikely(!generation))
		return deny_all(skb, state);
	if (unlikely(!merlon_generation_judges(generation, tunnel->ifindex)))
		return judge_unnamed(generation, skb, state, tunnel);
	if (skb_nfct(skb))
		return family == AF_INET ? judge_tracked4(generation, skb, state) :
					   judge_tracked6(generation, skb, state);
	if (!merlon_skb_is_plain(family, skb, IPPROTO_TCP))
		return family == AF_INET ? judge_datagram4(generation, skb, state) :
					   judge_datagram6(generation, skb, state);
	own = merlon_classify_plain(family, generation->tables, skb, IPPROTO_TCP);
	rule = allowed_by(own);
	if (rule > MERLON_VERDICT_RULE(~0u))
		return family == AF_INET ?
		       judge_answer4(generation, skb, state, own, IPPROTO_TCP) :
		       judge_answer6(generation, skb, state, own, IPPROTO_TCP);
	return settle(generation, skb, state, rule);
}

unsigned int merlon_tunnel_judge4(struct merlon_net *mn, struct sk_buff *skb,
				  const struct nf_hook_state *state,
				  const struct net_device *tunnel)
{
	return judge(AF_INET, mn, skb, state, tunnel);
}

unsigned int merlon_tunnel_judge6(struct merlon_net *mn, struct sk_buff *skb,
				  const struct nf_hook_state *state,
				  const struct net_device *tunnel)
{
	return judge(AF_INET6, mn, skb, state, tunnel);
}
