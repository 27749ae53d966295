#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# What passes for WireGuard where rules look at the mark or the port. The tunnel
# holds its port, so a packet with that source is made by hand.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=7 title="SO_MARK with WireGuard's fwmark, WireGuard's source port"
ways=(mark-udp4 mark-udp6 mark-tcp4 mark-tcp6 mark-icmp4 mark-icmp6 port4 port6)

send() {
	case $1 in
	mark-*)
		local kind=${1#mark-}

		shoot "${kind%?}" - "${at[out$f]}" 7777 -m "$wg_mark"
		;;
	port?)
		leak -m "$wg_mark" -x "04000000$hex" hdrincl - src="${at[node$f]}" \
			dst="${at[end$f]}" proto=udp sport=51820 dport=51820
		;;
	esac
}

row_run
