#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2046,SC2154 # options of sendpkt are words; tap.sh sets the rest
# timeout: 900
# A tunnel's source addresses come by that tunnel, or not at all; and a tunnel in
# a VRF is a tunnel all the same. The scene is drawn in common.bash; then
#
#	alice ==== wg1 10.7.0.0/24, fd07::/64 ==== gate
#
# is a second tunnel, and red a VRF on gate.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene
mute alice lan
ip+=([second4]=10.7.0.1 [second6]=fd07::1 [gate7_4]=10.7.0.254 [gate7_6]=fd07::fe)

wg_dev gate wg1 "10.7.0.254/24 fd07::fe/64" 51821
wg_dev alice wg1 "10.7.0.1/24 fd07::1/64" 51821
wg_peer alice wg1 gate wg1 0.0.0.0/0,::/0 192.0.2.254
# Both tunnels' keys would let alice use both tunnels' addresses.
wg_peer gate wg1 alice wg1 10.7.0.1/32,fd07::1/128,10.0.0.9/32,fd00::9/128 192.0.2.1
path s2l alice wg1 packet lan eth0
ask marker "s2l src=10.7.0.1 dst=10.9.0.2 proto=tcp dport=4999 flags=S"
ask passes s2l src=10.7.0.1 dst=10.9.0.2 proto=tcp flags=S sport=1 dport=4999

rules() {
	cat <<-RULES
		allow * * udp/7
		tunnel wg1
		own 10.0.0.0/24 $1
		own fd00::/64 $1
		own 10.7.0.0/24 2
		own fd07::/64 2
	RULES
}

# The first tunnel line is wall_load's own, at the end: here wg0 must be first.
load_two() {
	{
		echo "tunnel wg0"
		rules 1
		echo "allow * * tcp/4999"
	} | wall load >"$tap_dir/load" 2>&1 || bail "load: $(cat "$tap_dir/load")"
}

# shellcheck disable=SC2086
sources() {
	local f=$1 udp="proto=udp dport=7" before

	passes a2l "IPv$f from its tunnel" $(ends a2l $f) $udp sport=5000
	passes s2l "IPv$f from the other, by the other" \
		src="${ip[second$f]}" dst="${ip[lan$f]}" $udp sport=5001
	passes l2a "IPv$f from no tunnel's range, by the wire" $(ends l2a $f) $udp sport=5002
	before=$(denied spoofed)
	stopped l2a "IPv$f a tunnel's source by the wire" \
		src="${ip[bob$f]}" dst="${ip[alice$f]}" $udp sport=5003
	stopped l2a "IPv$f another tunnel's source by the wire" \
		src="${ip[second$f]}" dst="${ip[alice$f]}" $udp sport=5004
	stopped s2l "IPv$f a tunnel's source by another tunnel" \
		src=$([ $f = 4 ] && echo 10.0.0.9 || echo fd00::9) dst="${ip[lan$f]}" \
		$udp sport=5005
	send l2a src="${ip[bob$f]}" dst="${ip[alice$f]}" $udp sport=5006 data=800 more=1 fragid=9
	stopped l2a "IPv$f a fragment of it is not kept to join others" \
		src="${ip[bob$f]}" dst="${ip[alice$f]}" $udp sport=5007
	is "$(denied spoofed)" $((before + 5)) "IPv$f counted as spoofed"
	ok "IPv$f the gate reaches itself by a tunnel's address" \
		n gate ping -c1 -W5 "${ip[gate$f]}"
	ok "IPv$f what is behind it reaches it by that address" \
		n lan ping -c1 -W5 "${ip[gate$f]}"
}

# One tunnel, nothing else changed.
# shellcheck disable=SC2086
single() {
	local f=$1 udp="proto=udp dport=7"

	passes a2l "IPv$f one tunnel: by it" $(ends a2l $f) $udp sport=5100
	stopped l2a "IPv$f one tunnel: by the wire" \
		src="${ip[bob$f]}" dst="${ip[alice$f]}" $udp sport=5101
}

# The wire, then the tunnel, in a VRF.
# shellcheck disable=SC2086
vrf() {
	local f=$1 udp="proto=udp dport=7"

	passes a2l "IPv$f VRF: from the tunnel" $(ends a2l $f) $udp sport=5200
	passes l2a "IPv$f VRF: to the tunnel" $(ends l2a $f) $udp sport=5201
	passes a2g "IPv$f VRF: to the gate" $(ends a2g $f) $udp sport=5202
	stopped a2l "IPv$f VRF: judged, from the tunnel" $(ends a2l $f) proto=udp dport=8 sport=1
	stopped l2a "IPv$f VRF: judged, to the tunnel" $(ends l2a $f) proto=udp dport=8 sport=1
	stopped a2g "IPv$f VRF: judged, to the gate" $(ends a2g $f) proto=udp dport=8 sport=1
	stopped l2a "IPv$f VRF: a tunnel's source by the wire" \
		src="${ip[bob$f]}" dst="${ip[alice$f]}" $udp sport=5203
}

must wall arm
load_two
for f in 4 6; do sources $f; done

wall_load <<'RULES'
allow * * udp/7
own 10.0.0.0/24 1
own fd00::/64 1
RULES
for f in 4 6; do single $f; done

if n gate ip link add red type vrf table 10 2>/dev/null; then
	must ip -n gate link set red up
	must ip -n gate link set wg0 master red
	must ip -n gate link set lan0 master red
	# IPv6 addresses may go when a device moves; the VRF's own ports answer for all.
	ip -n gate addr add fd00::fe/64 dev wg0 nodad 2>/dev/null
	ip -n gate addr add fd09::1/64 dev lan0 nodad 2>/dev/null
	must n gate sysctl -qw net.ipv4.tcp_l3mdev_accept=1 net.ipv4.udp_l3mdev_accept=1
	# The move took wg0 down for a moment: the gate has to start a session anew.
	ok "VRF: the gate is a router again" eval "wait_for 10 marked l2a && wait_for 10 marked a2l"
	for f in 4 6; do vrf $f; done
else
	skip "this kernel has no VRF" "VRF" 15
fi

done_testing
