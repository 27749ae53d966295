#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2046,SC2154 # options of sendpkt are words; tap.sh sets the rest
# timeout: 900
# Fragments are judged whole or not let through; headers that lie are dropped
# with a reason. With and without conntrack. The scene is drawn in common.bash.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene

# Counters of reason $1 rise by one while the command runs.
counts() {
	local reason=$1 before

	before=$(denied "$reason")
	shift
	"$@"
	is "$(denied "$reason")" $((before + 1)) "  counted: $reason"
}

# one FAMILY OFFSET MORE BYTES...: a fragment's fields
piece() {
	local fields="fragid=$id offset=$2 more=$3 data=$4"

	[ "$1" = 4 ] || fields+=" ext=frag"
	echo "$fields"
}

# Two pieces of a UDP datagram of 1608 bytes, to port $3.
# shellcheck disable=SC2086
pieces() {
	local f=$1 to=$2 port=$3 verdict=$4 what=$5

	id=$((id + 1))
	send a2l $to proto=udp sport=5000 dport="$port" ulen=1608 $(piece "$f" 0 1 800)
	"$verdict" a2l "$what" $to proto=udp $(piece "$f" 808 0 800)
}

# shellcheck disable=SC2086
fragments() {
	local f=$1 how="$2, IPv$1" to from

	to=$(ends a2l "$f") from=$(ends g2a "$f")
	wall_load <<-RULES
		allow ${ip[alice$f]} ${ip[lan$f]} udp/7,${icmp[$f]}/${echo[$f]}
		allow ${ip[gate$f]} ${ip[alice$f]} udp/7
	RULES
	# The first one may find out that the way is narrower for the answer.
	ok "$how: 4000 bytes of echo there and back" \
		n alice ping -qc3 -i0.3 -W10 -s4000 "${ip[lan$f]}"
	pieces "$f" "$to" 7 passes "$how: two pieces that are allowed together"
	pieces "$f" "$to" 8 stopped "$how: two pieces that are not"
	id=$((id + 1))
	stopped a2l "$how: a first piece alone" \
		$to proto=udp sport=5000 dport=7 ulen=1608 $(piece "$f" 0 1 800)
	id=$((id + 1))
	stopped a2l "$how: a later piece alone" $to proto=udp $(piece "$f" 808 0 800)
	id=$((id + 1))
	send a2l $to proto=udp sport=5000 dport=7 ulen=1608 $(piece "$f" 0 1 800)
	send a2l $to proto=udp $(piece "$f" 800 1 400)
	stopped a2l "$how: pieces that overlap" $to proto=udp $(piece "$f" 1200 0 408)
	if [ "$f" = 6 ]; then
		id=$((id + 1))
		passes a2l "$how: an atomic fragment is whole" \
			$to proto=udp sport=5000 dport=7 $(piece "$f" 0 0 8)
		return
	fi
	# A raw socket with IP_NODEFRAG: nobody reassembles it on the way out.
	id=$((id + 1))
	counts fragment stopped g2a "$how: a piece that the host sent itself" \
		$from proto=udp sport=5000 dport=7 ulen=1608 $(piece "$f" 0 1 800)
}

# shellcheck disable=SC2086
lies() {
	local f=$1 how="$2, IPv$1" to

	to=$(ends a2l "$f")
	wall_load <<-RULES
		allow ${ip[alice$f]} ${ip[lan$f]} *
	RULES
	passes a2l "$how: a TCP header that is true" $to proto=tcp sport=7000 dport=80 flags=S
	counts header stopped a2l "$how: a TCP header of 16 bytes" \
		$to proto=tcp sport=7001 dport=80 flags=S doff=4
	counts header stopped a2l "$how: a TCP header past the end" \
		$to proto=tcp sport=7002 dport=80 flags=S doff=6
	counts header stopped a2l "$how: TCP cut short" \
		$to proto=6 sport=7003 dport=80 flags=S cut=$((f == 4 ? 36 : 56)) \
		total=$((f == 4 ? 36 : 16))
	passes a2l "$how: a UDP header that is true" $to proto=udp sport=7000 dport=80 data=8
	counts header stopped a2l "$how: UDP shorter than its header" \
		$to proto=udp sport=7001 dport=80 data=8 ulen=7
	counts header stopped a2l "$how: UDP longer than its packet" \
		$to proto=udp sport=7002 dport=80 data=8 ulen=17
	counts header stopped a2l "$how: UDP-Lite that covers more than there is" \
		$to proto=udplite sport=7003 dport=80 data=8 ulen=17
	counts header stopped a2l "$how: ICMP cut short" \
		$to proto="${icmp[$f]}" type="${echo[$f]}" cut=$((f == 4 ? 27 : 47)) \
		total=$((f == 4 ? 27 : 7))
}

# What conntrack's word on a connection does not cover.
# shellcheck disable=SC2086
detours() {
	local how=$1 to

	to=$(ends a2l 4)
	wall_load <<-RULES
		allow 10.0.0.1 10.9.0.2 *
		allow fd00::1 fd09::2 tcp
	RULES
	passes a2l "$how: IPv4 options that say nothing" \
		$to proto=tcp sport=7100 dport=80 flags=S opts=01010100
	must n gate sysctl -qw net.ipv4.conf.all.accept_source_route=1 \
		net.ipv4.conf.wg0.accept_source_route=1
	counts header stopped a2l "$how: a source route to somewhere else" \
		$to proto=tcp sport=7101 dport=80 flags=S opts=8307080a09000200
	to=$(ends a2l 6)
	passes a2l "$how: TCP behind four extension headers" \
		$to ext=hop,dst,route,dst proto=tcp sport=7200 dport=80 flags=S
	stopped a2l "$how: UDP behind four extension headers" \
		$to ext=hop,dst,route,dst proto=udp sport=7201 dport=80
	counts header stopped a2l "$how: a routing header with a segment left" \
		$to ext=route segments=1 proto=tcp sport=7203 dport=80 flags=S
	counts header stopped a2l "$how: an extension header past the end" \
		$to ext=dst proto=tcp sport=7202 dport=80 flags=S extlen=31
}

id=100
wall_up </dev/null
for how in "no conntrack" conntrack; do
	[ "$how" = "no conntrack" ] || conntrack_on
	for f in 4 6; do
		fragments $f "$how"
		lies $f "$how"
	done
	detours "$how"
done

done_testing
