#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# Without its device the tunnel's routes are gone, and what should have gone
# through it takes the next best way. A tunnel that is made anew is judged.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=38 title="tunnel down, WireGuard device deleted and made again"
ways=(down4 down6 deleted4 deleted6 anew4 anew6)

tunnel_anew() {
	wg_make node "${at[tun4]}/24" "${at[tun6]}/64" <<<"$node_private"
	must n node wg set wg0 fwmark $wg_mark
	peer_set 4
	tunnel_routes
}

tunnel_routes() {
	must ip -n node route replace default dev wg0 table $wg_mark
	must ip -n node -6 route replace default dev wg0 table $wg_mark
}

send() {
	local status=0

	case $1 in
	down?)
		must ip -n node link set wg0 down
		shoot udp - "${at[out$f]}" 7777 || status=$?
		must ip -n node link set wg0 up
		ip -n node addr replace "${at[tun6]}/64" dev wg0 nodad
		tunnel_routes
		;;
	deleted?)
		must ip -n node link del wg0
		shoot udp - "${at[out$f]}" 7777 || status=$?
		tunnel_anew
		;;
	anew?)
		must ip -n node link del wg0
		tunnel_anew
		watch=tunnel
		shoot udp - "${at[tunpeer$f]}" 7777 || status=$?
		;;
	esac
	return $status
}

row_run
