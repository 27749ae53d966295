/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Telling a sender that its packet was denied. What Merlon sends for that is
 * not judged by Merlon: it would be judged as the denied connection.
 */
#ifndef MERLON_REJECT_H
#define MERLON_REJECT_H

#include <linux/types.h>

struct merlon_packet;
struct nf_hook_state;
struct sk_buff;

/* Packet path, cold: RST for TCP, else ICMP administratively prohibited. */
void merlon_reject(struct sk_buff *skb, const struct nf_hook_state *state,
		   const struct merlon_packet *packet);

/* Packet path, cold: is @packet, about to be denied, a reject being sent? */
bool merlon_reject_is_own(const struct merlon_packet *packet);

#endif
