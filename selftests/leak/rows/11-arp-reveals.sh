#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# ARP that tells the local network which address the node has in the tunnel: the
# kernel's answer to whoever asks, and a request and an answer made by hand.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=11 title="ARP that reveals the tunnel address"
ways=(answer4 request4 reply4)

send() {
	local mac=02${hex:2:10} own address

	own=$(mac_hex $node_mac)
	address=$(hex_address "${at[tun4]}")
	look=$own$address$mac	# who asked has a hardware address of this try alone
	case $1 in
	answer4)
		leak_in far -e 0x806 \
			-x "0001080006040001$mac$(hex_address "${at[gw4]}")000000000000$address" \
			packet eth0
		;;
	request4) leak -e 0x806 -x "0001080006040001$look$(hex_address "${at[gw4]}")" packet eth0 ;;
	reply4) leak -e 0x806 -x "0001080006040002$look$(hex_address "${at[gw4]}")" packet eth0 ;;
	esac
}

row_run
