/* SPDX-License-Identifier: GPL-2.0 */
/*
 * By which tuple a packet is judged, and what the policy says of it:
 *
 *   a connection's packet	the original tuple; and no deny by a rule for
 *				the destination that NAT put in
 *   an ICMP error of one	as the connection, where it is of the types that
 *				tell of errors; others by their own tuple
 *   none of a connection	(INVALID, NOTRACK) its own tuple, as new
 *   conntrack does not run	its own tuple; or, as the reply to a permitted
 *				packet, the reversed one
 */
#ifndef MERLON_JUDGE_H
#define MERLON_JUDGE_H

#include <linux/types.h>

#include "classifier/classifier.h"

struct merlon_generation;
struct merlon_net;
struct merlon_packet;
struct sk_buff;

/**
 * struct merlon_judgement - what is to become of a packet
 * @verdict: of the classifier; 0 where @reason needs none
 * @reason: enum merlon_reason; UNSPEC: RULE or NO_RULE, as @verdict has it
 *
 * Eight bytes: it travels in a register.
 */
struct merlon_judgement {
	u32 verdict;
	u32 reason;
};

static __always_inline bool merlon_judgement_passes(struct merlon_judgement judgement)
{
	return MERLON_VERDICT_ACTION(judgement.verdict) == MERLON_ACTION_ALLOW;
}

/* Packet path, under RCU. No lock, no allocation, no list. For what tunnel.c does not settle. */
struct merlon_judgement merlon_judge_any(u8 family, const struct merlon_net *mn,
					 const struct merlon_tables *tables,
					 const struct sk_buff *skb);

/**
 * merlon_judge_frame - what a tunnel is to send that no hook of IP has judged
 * @generation: valid
 * @skb: the frame
 * @packet: what the parser found in it
 * @routed: a flowtable carries it: it may be a reply, and was one when its
 *	connection was let through. Else it is new, whatever it looks like
 *
 * Packet path, cold, under RCU.
 */
struct merlon_judgement merlon_judge_frame(const struct merlon_generation *generation,
					   const struct sk_buff *skb,
					   const struct merlon_packet *packet, bool routed);

#endif
