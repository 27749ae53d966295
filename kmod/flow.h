/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replies on hosts without conntrack: which tuples a permitted packet opened.
 * A fixed table per namespace; a newer opener may push out an older one, never
 * grow it. TCP needs none of it.
 */
#ifndef MERLON_FLOW_H
#define MERLON_FLOW_H

struct merlon_flows;

struct merlon_flows *merlon_flows_alloc(void);	/* GFP_KERNEL_ACCOUNT; NULL: no memory */
void merlon_flows_free(struct merlon_flows *flows);	/* after a grace period */

#endif
