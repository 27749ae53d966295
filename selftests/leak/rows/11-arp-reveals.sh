#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# ARP that tells the local network which address the node has in the tunnel: an
# answer, a request that names it as its sender, and one made by hand.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=11 title="ARP that reveals the tunnel address"
ways=(answer4 announce4 packet4)

# For announce4: the tunnel's address is one of the physical device too, as with
# an address that moves between them.
setup() { must ip -n node addr add "${at[tun4]}/32" dev eth0; }

send() {
	local mac=02${hex:2:10} own address

	own=$(mac_hex $node_mac)
	address=$(hex_address "${at[tun4]}")
	case $1 in
	answer4)	# to whom asks, with a hardware address of this try alone
		look=0002$own$address$mac
		in_ns far "$tools/leakpkt" -e 0x806 \
			-x "0001080006040001$mac$(hex_address "${at[gw4]}")000000000000$address" \
			packet eth0
		;;
	announce4)
		look=$((SRANDOM % 200 + 10))
		leak udp - src="${at[tun4]}" dst="192.0.2.$look" dport=7777 text="$marker"
		look=0001$own${address}000000000000$(hex_address "192.0.2.$look")
		;;
	packet4)
		look=0002$own$address$mac
		leak -e 0x806 -x "000108000604$look$address" packet eth0
		;;
	esac
}

row_run
