#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# What the tunnel delivers is sent on by tc, out of the physical device, before
# any hook of IP has seen it.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=45 title="tc redirect out of the tunnel device"
ways=(mirred4 mirred6)

setup() {
	must tc -n node qdisc add dev wg0 clsact
	# The peer knows where the node is.
	must in_ns peer wg set wg0 peer "$node_public" endpoint "${at[node4]}:51820"
}

hole_open() {
	tc -n node filter add dev wg0 ingress matchall \
		action vlan push_eth dst_mac $far_mac src_mac $node_mac pipe \
		action mirred egress redirect dev eth0
}

hole_close() { must tc -n node filter del dev wg0 ingress; }

send() {
	leak_in peer udp - dst="${at[tun$f]}" dport=7777 text="$marker"
}

row_alarmed tc
