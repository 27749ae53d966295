#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Ordinary sockets, to an address that routing reaches without the tunnel.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=1 title="UDP, TCP, raw ICMP and ESP, IP_HDRINCL"
ways=(udp4 udp6 tcp4 tcp6 icmp4 icmp6 esp4 esp6 hdrincl4 hdrincl6)

send() {
	case $1 in
	esp?) leak raw - dst="${at[gw$f]}" proto=50 text="$marker" ;;
	*) shoot "${1%?}" - "${at[gw$f]}" 7777 ;;
	esac
}

row_run
