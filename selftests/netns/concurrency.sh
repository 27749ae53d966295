#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1200
# Everything at once, on two processors: policies are loaded, rules are dumped,
# packets are explained, armed namespaces come and go, and there is traffic, with
# conntrack and without. No packet that both policies deny passes, none that both
# allow is lost; a dump or an answer is of one generation, never of two; nothing is
# left behind. The judge of packets captures in lan; the scene is in common.bash.
# Every class has another number in the other generation, as in swap.sh. What the
# kernel has to complain of fails the guest (selftests/vm/outcome.sh).
# MERLON_LENGTH=long: ten minutes.
# shellcheck disable=SC2046,SC2086 # fields are words

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash
# shellcheck source=memory.bash
. selftests/netns/memory.bash

rules=3000 seconds=20
[ "${MERLON_LENGTH:-}" != long ] || seconds=600
images=("$tap_dir/a.img" "$tap_dir/b.img")

# others PREFIX4 PREFIX6: rules that use up classes, below lan's or above
others() {
	awk -v a="$1" -v b="$2" -v n=$((rules / 2)) -v from4="${ip[alice4]}" \
		-v from6="${ip[alice6]}" 'BEGIN { for (i = 0; i < n; i++) {
			printf "allow %s %s.%d.%d udp/2222\n", from4, a, i / 256, i % 256
			printf "allow %s %s::%x udp/2222\n", from6, b, i + 1 } }'
}

# generation FILE PREFIX4 PREFIX6 PORTS: to lan, 1111 is allowed by both, by another
# rule each, and 2222 by none: the contrary of the others
generation() {
	{
		echo "tunnel wg0"
		echo "allow * * tcp/4999"
		for f in 4 6; do echo "allow ${ip[alice$f]} ${ip[lan$f]} udp/$4"; done
		others "$2" "$3"
	} | wall compile "$1" || bail "compile"
}

# --- what goes on -----------------------------------------------------------------

declare -A worker
workers="loads dumps explains namespaces"

work() {
	local name=$1

	shift
	"$@" >"$tap_dir/$name" 2>&1 &
	worker[$name]=$!
}

namespaces() {
	local count=0

	while [ -e "$going" ]; do
		"$tools/nltool" lives 8 "$tap_dir/any.img" || return
		echo $((count += 8))
	done
}

# Until all_end, and each says how far it is.
going=$tap_dir/going
all_work() {
	: >"$going"
	work loads wall swap "$going" "${images[@]}"
	work dumps "$tools/whole" gate "$going" dumps "${images[@]}"
	work explains "$tools/whole" gate "$going" explains "${images[@]}"
	work namespaces namespaces
}

# all_end WHAT
all_end() {
	local name

	rm "$going"
	for name in $workers; do
		ok "$1: $name: none goes wrong" wait "${worker[$name]}" ||
			diag "$(tail -n 3 "$tap_dir/$name")"
	done
}

# said WORKER FIELD: of the last line, 0 if there is none
said() {
	local line

	read -ra line < <(tail -n 1 "$tap_dir/$1")
	echo "${line[$2 - 1]:-0}"
}

enough() {
	[ "$(said loads 1)" -ge 5 ] && [ "$(said dumps 1)" -ge 5 ] &&
		[ "$(said dumps 2)" -ge 1 ] && [ "$(said explains 2)" -ge 5 ] &&
		[ "$(said namespaces 1)" -ge 8 ] && [ $sent -ge 66 ]
}

# Each batch has arrived before the next is sent: no queue overflows. The packet
# that shows it counts, too.
batch() {
	local f

	for f in 4 6; do
		send a2l $(ends a2l $f) proto=udp sport=$1 dport=1111 spread=1 count=16
		send a2l $(ends a2l $f) proto=udp sport=$1 dport=2222 spread=1 count=16
	done
	marked a2l && sent=$((sent + 33)) denied=$((denied + 32))
}

arrived() {
	ask count a2l
	echo "$answer"
}

# together WHAT SECONDS
together() {
	local before lost sent=0 denied=0 port=10000 begin=$SECONDS

	before=$(arrived)
	all_work
	while goes_on_since $begin "$2" enough; do
		batch $((port = port < 60000 ? port + 16 : 10000)) || bail "a marker was lost"
	done
	all_end "$1"
	lost=$((sent - $(arrived) + before))
	is $lost 0 "$1: no packet was lost, and no other passed"
	ok "$1: there was traffic all the time" [ $sent -ge 66 ]
	ok "$1: generations went by" [ "$(said loads 1)" -ge 5 ]
	ok "$1: dumps were whole" [ "$(said dumps 1)" -ge 5 ]
	ok "$1: and some were interrupted" [ "$(said dumps 2)" -ge 1 ]
	ok "$1: explanations of several generations" [ "$(said explains 2)" -ge 5 ]
	ok "$1: namespaces came and went" [ "$(said namespaces 1)" -ge 8 ]
	diag "concurrency: $(jq -cn '$ARGS.named' --arg kernel "$(uname -r)" --arg what "$1" \
		--argjson seconds "$((SECONDS - begin))" --argjson loads "$(said loads 1)" \
		--argjson dumps "$(said dumps 1)" --argjson interrupted "$(said dumps 2)" \
		--argjson explains "$(said explains 1)" --argjson permitted $sent \
		--argjson namespaces "$(said namespaces 1)" --argjson lost $lost \
		--argjson denied $denied --argjson seen "$(capture_count denied)")"
}

users() { awk '$1 == "merlon" { print $3 }' /proc/modules; }

# --- the test ---------------------------------------------------------------------

scene
must wall arm
generation "${images[0]}" 10.1 fc00 1111
generation "${images[1]}" 10.200 fdff 1110-1112
must "$tools/nltool" image "$tap_dir/any.img"
is "$(nproc)" 2 "two processors"
must wall swap "$tap_dir/none" "${images[0]}"
for f in 4 6; do
	passes a2l "IPv$f: before, what is allowed passes" $(ends a2l $f) proto=udp sport=9 dport=1111
	stopped a2l "IPv$f: and what is not does not" $(ends a2l $f) proto=udp sport=9 dport=2222
done
capture_start denied lan eth0 in "udp port 2222"
sent=66
all_work
ok "once before: each did something" wait_for 60 enough
all_end "once before"
memory_note
together "no conntrack" $((seconds / 2))
conntrack_on
together conntrack $((seconds / 2))
conntrack_off
is "$(users)" 1 "of namespaces, gate alone holds the module"
memory_is_back 8000
must wall disarm
stopped_before=$(capture_count denied)
send a2l $(ends a2l 4) proto=udp sport=9 dport=2222
ok "disarmed: what was denied is seen in lan" capture_seen denied $((stopped_before + 1))
is "$stopped_before" 0 "of what both deny, nothing passed before"
done_testing
