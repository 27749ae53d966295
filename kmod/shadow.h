/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Port shadow (CVE-2021-3773): whoever is behind a NAT can choose the port that
 * this host's tunnel listens on as its own source. NAT keeps it where it can, and
 * what the tunnel's peer sends then goes to the chooser.
 */
#ifndef MERLON_SHADOW_H
#define MERLON_SHADOW_H

#include <linux/types.h>

struct nf_hook_state;
struct sk_buff;

/*
 * Packet path, cold: once for a connection that source NAT has changed, before it
 * is confirmed. Has it got the place of a socket of the kernel's tunnels?
 */
bool merlon_shadow_casts(u8 family, const struct sk_buff *skb,
			 const struct nf_hook_state *state);

#endif
