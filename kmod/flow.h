/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replies on hosts without conntrack: which tuples a permitted packet opened.
 * A fixed table per namespace; a newer opener may push out an older one, never
 * grow it. TCP needs none of it.
 *
 * 2^14 buckets of four for IPv4, 2^13 of four for IPv6: 65,536 and 32,768
 * flows in 2.5 MiB. A flow lives for 180 s (UDP) or 30 s (all else) after the
 * last packet of either direction.
 */
#ifndef MERLON_FLOW_H
#define MERLON_FLOW_H

#include <linux/types.h>

struct merlon_flows;
struct merlon_packet;

struct merlon_flows *merlon_flows_alloc(void);	/* GFP_KERNEL_ACCOUNT; NULL: no memory */
void merlon_flows_free(struct merlon_flows *flows);	/* after a grace period */

/* Packet path: @opener passed by its own tuple; remember whom it asked. */
void merlon_flow_open(struct merlon_flows *flows, const struct merlon_packet *opener);

/* Packet path: is @reply what an opener asked for? @renew: then the flow lives on. */
bool merlon_flow_answers(struct merlon_flows *flows, const struct merlon_packet *reply,
			 bool renew);

/* Packet path: was @packet, which somebody quotes, an opener? */
bool merlon_flow_opened(struct merlon_flows *flows, const struct merlon_packet *packet);

/*
 * The same of a plain packet of UDP, @at its IP header. _hold: it passes by its own tuple;
 * has that been remembered? _answers: as merlon_flow_answers(). The flow lives on.
 */
bool merlon_flow_hold4(struct merlon_flows *flows, const u8 *at);
bool merlon_flow_hold6(struct merlon_flows *flows, const u8 *at);
bool merlon_flow_answers4(struct merlon_flows *flows, const u8 *at);
bool merlon_flow_answers6(struct merlon_flows *flows, const u8 *at);

/* The ICMP query that @packet replies to: its type; -1: it is no such reply. */
int merlon_flow_query(const struct merlon_packet *packet);

#endif
