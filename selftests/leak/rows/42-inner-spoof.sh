#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# An exit, node, and two peers behind it; one sends with the other's address:
#
#	key	by its own tunnel: the key must not be good for that address. While
#		not armed it is, so that there is something to see
#	tunnel	by a second tunnel, whose key is good for it all the time
#	wire	somebody on the local network does it
#	peer	its own address, to the other peer, of which no rule speaks
#
# What key, tunnel and wire send would be allowed, were it the other's own.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=42 title="inner source spoofed, peer to peer behind the exit"
ways=(key4 key6 tunnel4 tunnel6 wire4 wire6 peer4 peer6)
state=policy
at+=([other4]=10.0.0.253 [other6]=fd00::fd [claimed4]=10.0.0.252 [claimed6]=fd00::fc
	[second_tun4]=10.7.0.254 [second_tun6]=fd07::fe)
other=10.0.0.253/32,fd00::fd/128	# the other peer's
claimed=10.0.0.252/32,fd00::fc/128	# its own, too
own=10.0.0.254/32,fd00::fe/128		# the first peer's

setup() {
	exit_node
	other_peer
	second_tunnel
	may_claim
	watch open other other wg0
	why="scope tunnels, a policy that allows the true source"
}

other_peer() {
	ns_add other
	batch far <<-IP
		link add eth3 type veth peer name eth0 netns other
		addr add 198.18.0.254/24 dev eth3
		link set eth3 up
	IP
	batch other <<-IP
		addr add 198.18.0.1/24 dev eth0
		link set eth0 up
		route add default via 198.18.0.254
	IP
	wg_dev other wg0 "${at[other4]}/24 ${at[other6]}/64"
	must n other wg set wg0 peer "$node_public" endpoint "${at[node4]}:51820" \
		allowed-ips 0.0.0.0/0,::/0
	must n node wg set wg0 peer "${wg_public[other/wg0]}" endpoint 198.18.0.1:51820 \
		allowed-ips "$other,$claimed"
	must ip -n other route add "${at[gw4]}" dev wg0
	must ip -n other route add "${at[gw6]}" dev wg0
}

second_tunnel() {
	wg_dev node wg1 "10.7.0.1/24 fd07::1/64" 51821
	wg_dev peer wg1 "${at[second_tun4]}/24 ${at[second_tun6]}/64" 51821
	must n node wg set wg1 fwmark $wg_mark
	wg_peer node wg1 peer wg1 "10.7.0.254/32,fd07::fe/128,$other" "${at[end4]}"
	wg_peer peer wg1 node wg1 0.0.0.0/0,::/0 "${at[node4]}"
}

# The first peer's key is good for an address of the other's, or not.
may_claim() { n node wg set wg0 peer "$peer_public" allowed-ips "$own,$claimed"; }
may_not_claim() {
	n node wg set wg0 peer "$peer_public" allowed-ips "$own" &&
		n node wg set wg0 peer "${wg_public[other/wg0]}" allowed-ips "$other,$claimed"
}

arm() {
	may_not_claim && exit_arm <<-RULES
		tunnel wg0
		tunnel wg1
		own 10.0.0.0/24 1
		own fd00::/64 1
		own 10.7.0.0/24 2
		own fd07::/64 2
		allow ${at[other4]} ${at[gw4]} udp/7777
		allow ${at[other6]} ${at[gw6]} udp/7777
		allow ${at[other4]} ${at[tunpeer4]} udp/7777
		allow ${at[other6]} ${at[tunpeer6]} udp/7777
		allow ${at[claimed4]} ${at[gw4]} udp/7777
		allow ${at[claimed6]} ${at[gw6]} udp/7777
		allow ${at[second_tun4]} ${at[gw4]} udp/7777
		allow ${at[second_tun6]} ${at[gw6]} udp/7777
	RULES
}

disarm() { in_ns node "$tools/askd" kernel disarm && may_claim; }

# claim NS DEVICE FROM TO: whatever that namespace's routes and addresses say
claim() {
	leak_in "$1" packet-dgram "$2" src="$3" dst="$4" proto=udp sport=9 dport=7777 \
		text="$marker"
}

send() {
	case $1 in
	key?) claim peer wg0 "${at[claimed$f]}" "${at[gw$f]}" ;;
	tunnel?) claim peer wg1 "${at[other$f]}" "${at[gw$f]}" ;;
	wire?)
		watch=tunnel
		leak_in far -d $node_mac packet eth0 src="${at[other$f]}" \
			dst="${at[tunpeer$f]}" proto=udp sport=9 dport=7777 text="$marker"
		;;
	peer?)
		watch=other
		claim peer wg0 "${at[tunpeer$f]}" "${at[other$f]}"
		;;
	esac
}

allowed() {
	for f in 4 6; do
		new_marker
		claim other wg0 "${at[other$f]}" "${at[gw$f]}"
		passes "the other peer, with its own address, IPv$f" wire "$look"
		new_marker
		claim other wg0 "${at[claimed$f]}" "${at[gw$f]}"
		passes "the other peer, with its second one, IPv$f" wire "$look"
		new_marker
		claim other wg0 "${at[other$f]}" "${at[tunpeer$f]}"
		passes "the other peer to the first, IPv$f" tunnel "$look"
		new_marker
		claim peer wg1 "${at[second_tun$f]}" "${at[gw$f]}"
		passes "the second tunnel, with its own address, IPv$f" wire "$look"
	done
}

row_run
