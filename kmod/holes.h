/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parts of the kernel that send past every hook: pktgen and netconsole hand
 * frames to the driver. While a namespace is armed with scope EVERYTHING they
 * are not loaded; where one is there already, status says so. AF_XDP, XDP and tc
 * redirects are in the kernel's own image: nobody can be refused there, and status
 * says who uses them.
 */
#ifndef MERLON_HOLES_H
#define MERLON_HOLES_H

#include <linux/types.h>

struct net;

int merlon_holes_setup(void);
void merlon_holes_teardown(void);

/* A namespace is armed with scope EVERYTHING, or no more; process context. */
void merlon_holes_close(void);
void merlon_holes_open(void);

/* MERLON_HOLE_*: what is loaded of them, and used in @net. */
u32 merlon_holes_get(struct net *net);

#endif
