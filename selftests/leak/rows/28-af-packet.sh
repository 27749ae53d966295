#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Packet sockets: whole frames, frames with the kernel's header, by mapped ring,
# with an EtherType that nobody knows, in a VLAN, and with WireGuard's own addresses,
# ports and mark.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=28 title="AF_PACKET"
ways=(raw4 raw6 dgram4 dgram6 ring4 ring6 ether4 vlan4
	forged4 forged6)

send() {
	local to=(src="${at[node$f]}" dst="${at[out$f]}" proto=udp sport=9 dport=7777
		text="$marker")

	case $1 in
	raw?) leak -d $far_mac packet eth0 "${to[@]}" ;;
	dgram?) leak -d $far_mac packet-dgram eth0 "${to[@]}" ;;
	ring?) leak -d $far_mac packet-ring eth0 "${to[@]}" ;;
	ether4) leak -e 0x88b5 packet eth0 text="$marker" ;;
	forged?)
		leak -d $far_mac -m $wg_mark -x "04000000$hex" packet eth0 src="${at[node$f]}" \
			dst="${at[end$f]}" proto=udp sport=51820 dport=51820
		;;
	vlan4) leak -e 0x8100 -x "00070800$hex" packet eth0 ;;
	esac
}

row_run
