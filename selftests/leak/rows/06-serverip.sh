#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# TunnelCrack ServerIP (CVE-2023-36673): a client excepts the address of its
# server from the tunnel, and whatever goes there goes in plain. "forged" is a
# datagram to the server's WireGuard port that WireGuard did not send.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=6 title="TunnelCrack ServerIP: plain traffic to the peer's endpoint"
ways=(udp4 udp6 tcp4 tcp6 icmp4 icmp6 forged4 forged6)

setup() {
	batch node <<-IP
		route add ${at[end4]} via ${at[gw4]} dev eth0
		route add ${at[end6]} via ${at[gw6]} dev eth0
	IP
}

send() {
	case $1 in
	forged?) leak -x "04000000$hex" udp - dst="${at[end$f]}" dport=51820 ;;
	*) shoot "${1%?}" - "${at[end$f]}" 443 ;;
	esac
}

row_run
