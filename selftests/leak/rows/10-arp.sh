#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# ARP for an address that is no neighbour: asked for by the kernel, because a
# route says so, and made by hand.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=10 title="ARP for addresses that are no neighbour"
ways=(kernel4 packet4)

setup() { must ip -n node route add 198.18.0.0/15 dev eth0; }

send() {
	local a=$((SRANDOM % 256)) b=$((SRANDOM % 254 + 1)) sender

	sender=$(hex_address "${at[node4]}")
	printf -v look "%s0000000000000c612%02x%02x" "$sender" "$a" "$b"
	look=${sender}000000000000$(hex_address "198.18.$a.$b")
	case $1 in
	kernel4) shoot udp - "198.18.$a.$b" 7777 ;;
	packet4) leak -e 0x806 -x "0001080006040001$(mac_hex $node_mac)$look" packet eth0 ;;
	esac
	look=${look:0:36}
}

row_run
