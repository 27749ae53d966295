/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tunnel guard, scope EVERYTHING: what may leave by a device that is not a
 * tunnel. WireGuard's own packets, what a tunnel brought and the ACL let
 * through, what the link needs (upkeep.h), and what the image's second part
 * allows; nothing else. And what that part denies by every device, the tunnel
 * included: the DNS guard.
 */
#ifndef MERLON_GUARD_H
#define MERLON_GUARD_H

#include <linux/types.h>

struct merlon_generation;
struct merlon_net;
struct merlon_packet;
struct net_device;
struct nf_hook_state;
struct sk_buff;
struct sock;

/* Packet path, under RCU: was it forwarded from a tunnel that is Merlon's business? */
bool merlon_came_by_tunnel(const struct merlon_generation *generation,
			   const struct sk_buff *skb, const struct nf_hook_state *state);

/**
 * merlon_guard - POST_ROUTING's verdict on a packet that leaves by @out
 * @mn: the namespace
 * @skb: the packet
 * @state: of the hook
 * @out: no tunnel of the policy's
 *
 * Return: of netfilter's.
 */
unsigned int merlon_guard(struct merlon_net *mn, struct sk_buff *skb,
			  const struct nf_hook_state *state, const struct net_device *out);

/**
 * merlon_guard_check - what may leave by no device, a tunnel included
 * @mn: the namespace
 * @generation: valid, with a guard
 * @skb: the packet, that the first part has let pass
 * @state: of the hook: FORWARD or POST_ROUTING
 * @out: the device that it leaves by
 *
 * Return: of netfilter's.
 */
unsigned int merlon_guard_check(struct merlon_net *mn, struct merlon_generation *generation,
				struct sk_buff *skb, const struct nf_hook_state *state,
				const struct net_device *out);

/**
 * merlon_guard_classify - the guard's rule for a packet
 * @generation: valid, with a guard
 * @out: the device that it leaves by
 * @sk: whole socket that sent it, or NULL
 * @packet: what the parser found in it
 * @answers: it may be of a connection that was opened from outside
 *
 * Return: MERLON_VERDICT of the rule that wins, of @generation->guard.
 */
u32 merlon_guard_classify(const struct merlon_generation *generation,
			  const struct net_device *out, const struct sock *sk,
			  const struct merlon_packet *packet, bool answers);

#endif
