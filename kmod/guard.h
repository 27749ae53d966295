/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tunnel guard, scope EVERYTHING: what may leave by a device that is not a
 * tunnel. WireGuard's own packets, what a tunnel brought and the ACL let
 * through, and what the link needs (upkeep.h); nothing else.
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

#endif
