/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that turns a denial into what netfilter does: counted, traced,
 * told, and dropped or rejected; in mode OBSERVING accepted. What Merlon itself
 * sends to reject is exempt.
 */
#ifndef MERLON_DENY_H
#define MERLON_DENY_H

#include <linux/netfilter.h>
#include <linux/socket.h>
#include <linux/types.h>

#include "judge.h"

struct merlon_generation;
struct merlon_net;
struct merlon_packet;
struct sk_buff;

/* Of a hook of IP. */
static inline u8 merlon_family_of(const struct nf_hook_state *state)
{
	return state->pf == NFPROTO_IPV4 ? AF_INET : AF_INET6;
}

/* Packet path, cold: a denial in a hook of IP. @generation: whose verdict, or NULL. */
unsigned int merlon_deny(struct merlon_net *mn, struct merlon_generation *generation,
			 struct sk_buff *skb, const struct nf_hook_state *state,
			 struct merlon_judgement judgement);

static inline unsigned int merlon_deny_for(struct merlon_net *mn,
					   struct merlon_generation *generation,
					   struct sk_buff *skb,
					   const struct nf_hook_state *state, u32 reason)
{
	return merlon_deny(mn, generation, skb, state,
			   (struct merlon_judgement) { .reason = reason });
}

/*
 * A denial at a device's egress, where there is nobody to reject to.
 * @ethertype: in host byte order
 */
unsigned int merlon_deny_frame(struct merlon_net *mn, struct merlon_generation *generation,
			       struct sk_buff *skb, const struct nf_hook_state *state,
			       struct merlon_judgement judgement,
			       const struct merlon_packet *packet, u16 ethertype);

void merlon_trace_allowed(const struct merlon_generation *generation,
			  const struct sk_buff *skb, const struct nf_hook_state *state,
			  struct merlon_judgement judgement);

#endif
