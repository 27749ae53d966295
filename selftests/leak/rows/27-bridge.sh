#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# The physical device is a port of a bridge, next to a container's and a virtual
# machine's: their frames are switched, not routed. The node's own addresses are
# the bridge's.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=27 title="bridge port, a VM's tap"
ways=(port4 port6 tap4 tap6 ether4)
wan=eth9

setup() {
	must modprobe tun
	stub in0
	must n node ip tuntap add tap0 mode tap
	batch node <<-IP
		link add eth9 address $node_mac type bridge
		link set eth0 master eth9
		link set in0 master eth9
		link set tap0 master eth9
		addr flush dev eth0
		addr add ${at[node4]}/24 dev eth9
		addr add ${at[node6]}/64 dev eth9 nodad
		link set tap0 up
		link set eth9 up
	IP
	must ip -n node route replace default via "${at[gw4]}" dev eth9
	must ip -n node route replace default via "${at[gw6]}" dev eth9
	must wait_for 40 n node ping -nqc1 -W1 "${at[gw4]}"
}

send() {
	local to=(src="${at[node$f]}" dst="${at[gw$f]}" proto=udp sport=9 dport=7777
		text="$marker")

	case $1 in
	port?) leak_in inner -d $far_mac packet in0 "${to[@]}" ;;
	tap?) n node "$tools/leakpkt" -d $far_mac tap tap0 "${to[@]}" ;;
	ether4) leak_in inner -e 0x88b5 packet in0 text="$marker" ;;
	esac
}

row_run
