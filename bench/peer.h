/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Keys of the maps that peer.bpf.c looks up and bpfpeer.c fills. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <linux/types.h>

/* An address of either family; IPv4's is the first word of one. */
struct peer_prefix {
	__u32 length;
	__u32 address[4];
};

/* What may pass. Identities are those of the prefixes; the port is as in a packet. */
struct peer_flow {
	__u32 source, destination;
	__u16 port;
	__u8 protocol;
	__u8 zero;
};

#endif
