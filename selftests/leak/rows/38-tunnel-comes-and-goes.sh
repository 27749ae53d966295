#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Without its device the tunnel's routes are gone, and what should have gone
# through it takes the next best way. A tunnel that is made anew is judged. The
# device below it goes and comes back; and the peer moves to another endpoint,
# to which nothing but WireGuard's own packets goes.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=38 title="tunnel down, deleted and made again, roaming, device down and up"
ways=(down4 down6 deleted4 deleted6 anew4 anew6 device4 device6 roamed4 roamed6)
declare -A home=([4]="${at[end4]}" [6]="${at[end6]}")
declare -A away=([4]=198.51.100.77 [6]=2001:db8:2::77)

setup() { addr_add peer eth0 "${away[4]}/24" "${away[6]}/64"; }

tunnel_anew() {
	wg_make node "${at[tun4]}/24" "${at[tun6]}/64" <<<"$node_private"
	must n node wg set wg0 fwmark $wg_mark
	peer_set 4
	tunnel_routes
}

# To where the peer is now, by WireGuard's port, and not by WireGuard.
roam() {
	at[end$f]=${away[$f]}
	peer_set "$f"
	shoot udp eth0 "${at[end$f]}" 51820
}

come_home() {
	at[end4]=${home[4]} at[end6]=${home[6]}
	peer_set 4
}

send() {
	local status=0

	case $1 in
	down?)
		must ip -n node link set wg0 down
		shoot udp - "${at[out$f]}" 7777 || status=$?
		tunnel_up
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
	device?)
		wire_anew
		shoot udp - "${at[gw$f]}" 7777 || status=$?
		;;
	roamed?)
		roam || status=$?
		come_home
		;;
	esac
	return $status
}

# At home, and where the peer has gone.
allowed() {
	handshake 4
	handshake 6
	at[end4]=${away[4]} at[end6]=${away[6]}
	handshake 4
	handshake 6
	come_home
	peer_set 4 persistent-keepalive 0
}

row_run
