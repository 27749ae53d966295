#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# A policy of 100,000 rules is replaced, again and again, under traffic: no packet
# that both generations allow is lost, none passes that both deny. Every class has
# another number in the other generation, so that a verdict by a mixture of the two
# would be the wrong one. The scene is drawn in common.bash.
# shellcheck disable=SC2046,SC2086 # fields are words

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

rules=100000
scene
must wall arm

# others PREFIX4 PREFIX6 PORT: rules that use up classes, below lan's or above
others() {
	awk -v a="$1" -v b="$2" -v port="$3" -v n=$((rules / 2)) -v from4="${ip[alice4]}" \
		-v from6="${ip[alice6]}" 'BEGIN { for (i = 0; i < n; i++) {
			printf "allow %s %s.%d.%d udp/%d\n", from4, a, i / 256, i % 256, port
			printf "allow %s %s::%x udp/%d\n", from6, b, i + 1, port } }'
}

# To lan, 1111 is allowed by both and 2222 by none: the contrary of the others.
generation() {
	{
		echo "tunnel wg0"
		echo "allow * * tcp/4999"
		for f in 4 6; do echo "allow ${ip[alice$f]} ${ip[lan$f]} udp/1111"; done
		others "$2" "$3" 2222
	} | wall compile "$1" || bail "compile"
}

generation "$tap_dir/a.img" 10.1 fc00
generation "$tap_dir/b.img" 10.200 fdff
diag "images of $(stat -c %s "$tap_dir/a.img") and $(stat -c %s "$tap_dir/b.img") bytes"
wall swap "$tap_dir/none" "$tap_dir/b.img" >"$tap_dir/first" || bail "the first load"
for f in 4 6; do
	passes a2l "IPv$f: before, what is allowed passes" $(ends a2l $f) proto=udp sport=9 dport=1111
	stopped a2l "IPv$f: and what is not does not" $(ends a2l $f) proto=udp sport=9 dport=2222
done
capture_start denied lan eth0 in "udp port 2222"

# Each batch has arrived before the next is sent: no queue overflows. The packet
# that shows it counts, too.
batch() {
	local f

	for f in 4 6; do
		send a2l $(ends a2l $f) proto=udp sport=$1 dport=1111 spread=1 count=16
		send a2l $(ends a2l $f) proto=udp sport=$1 dport=2222 spread=1 count=16
	done
	marked a2l && sent=$((sent + 33))
}

arrived() {
	ask count a2l
	echo "$answer"
}

loads() { tail -n 1 "$tap_dir/swaps"; }

enough() { [ "$(loads)" -ge 5 ] && [ $sent -ge 320 ]; }

under_swaps() {
	local before sent=0 port=10000 swapper begin=$SECONDS

	before=$(arrived)
	: >"$tap_dir/goes-on"
	wall swap "$tap_dir/goes-on" "$tap_dir/a.img" "$tap_dir/b.img" >"$tap_dir/swaps" 2>&1 &
	swapper=$!
	while goes_on_since $begin 20 enough; do
		batch $((port += 16)) || bail "a marker was lost"
	done
	rm "$tap_dir/goes-on"
	ok "$1: generations went by" wait $swapper
	diag "$(loads) generations, $sent packets that may pass"
	ok "$1: at least five of them" [ "$(loads)" -ge 5 ]
	is $(($(arrived) - before)) $sent "$1: no packet was lost, and no other passed"
	ok "$1: there was traffic all the time" [ $sent -ge 320 ]
}

under_swaps "no conntrack"
conntrack_on
under_swaps conntrack
is "$(capture_stop denied)" 0 "of what both deny, nothing passed"
done_testing
