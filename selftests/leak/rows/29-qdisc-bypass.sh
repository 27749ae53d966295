#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Packet sockets that skip the queueing discipline.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=29 title="AF_PACKET with PACKET_QDISC_BYPASS"
ways=(raw4 raw6 ether4)

send() {
	case $1 in
	raw?)
		leak -d $far_mac packet-bypass eth0 src="${at[node$f]}" dst="${at[out$f]}" \
			proto=udp sport=9 dport=7777 text="$marker"
		;;
	ether4) leak -e 0x88b5 packet-bypass eth0 text="$marker" ;;
	esac
}

row_run
