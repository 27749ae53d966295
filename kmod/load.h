/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading an image in pieces: one transaction per network namespace, owned by
 * the netlink socket that began it.
 */
#ifndef MERLON_LOAD_H
#define MERLON_LOAD_H

#include <linux/types.h>

struct merlon_net;
struct merlon_offer;
struct netlink_ext_ack;

int merlon_load_setup(void);
void merlon_load_teardown(void);

void merlon_load_init(struct merlon_net *mn);
void merlon_load_clean(struct merlon_net *mn);

int merlon_load_begin(struct merlon_net *mn, u32 portid, const struct merlon_offer *offer,
		      struct netlink_ext_ack *extack);
int merlon_load_chunk(struct merlon_net *mn, u32 portid, u32 offset, const void *data,
		      u32 bytes, struct netlink_ext_ack *extack);
int merlon_load_commit(struct merlon_net *mn, u32 portid, struct netlink_ext_ack *extack);
int merlon_load_abort(struct merlon_net *mn, u32 portid, struct netlink_ext_ack *extack);

#endif
