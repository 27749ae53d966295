#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Replies and ICMP errors pass because what they answer passes, and stop when it
# stops; nobody opens anything by looking like a reply. With conntrack, and
# without it. The scene is drawn in common.bash.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene
mute alice lan gate

# Alice may ask lan: the rules of family $1.
rules() {
	cat <<-RULES
		allow ${ip[alice$1]} ${ip[lan$1]} tcp/80,udp/53,${icmp[$1]}/${echo[$1]}
	RULES
}

udp() {
	local f=$1 how=$2

	wall_load < <(rules "$f")
	stopped l2a "$how: a reply that nobody asked for" \
		$from proto=udp sport=53 dport=5000
	passes a2l "$how: a query" $to proto=udp sport=5000 dport=53
	passes l2a "$how: its reply" $from proto=udp sport=53 dport=5000
	passes l2a "$how: another one" $from proto=udp sport=53 dport=5000
	stopped l2a "$how: not to another port" $from proto=udp sport=53 dport=5001
	stopped l2a "$how: not from another port" $from proto=udp sport=54 dport=5000
	wall_load </dev/null
	stopped a2l "$how: the query stops with its rule" $to proto=udp sport=5000 dport=53
	stopped l2a "$how: and so does the reply" $from proto=udp sport=53 dport=5000
}

echo_replies() {
	local f=$1 how=$2 ask="proto=${icmp[$1]} type=${echo[$1]}"
	local say="proto=${icmp[$1]} type=${ECHO[$1]}"

	wall_load < <(rules "$f")
	stopped l2a "$how: an echo reply that nobody asked for" $from $say id=9
	passes a2l "$how: an echo request" $to $ask id=9
	passes l2a "$how: its reply" $from $say id=9
	stopped l2a "$how: not one with another identifier" $from $say id=10
	stopped l2a "$how: not a request the other way" $from $ask id=9
	wall_load </dev/null
	stopped l2a "$how: the reply stops with the rule" $from $say id=9
}

# An error from lan that quotes what alice sent. v4: unreachable, source quench,
# redirect, time exceeded, parameter problem; v6: 1 to 4.
errors() {
	local f=$1 how=$2 type sent="proto=udp sport=5100 dport=53"
	local types=(3 11 12) error="proto=${icmp[$1]}"

	[ "$f" = 4 ] || types=(1 3 4)
	wall_load < <(rules "$f")
	passes a2l "$how: a query, to be told of" $to $sent
	for type in "${types[@]}"; do
		passes l2a "$how: ICMP error $type for it" $from $error type="$type" \
			quote $to $sent
	done
	if [ "$f" = 4 ]; then
		passes l2a "$how: too big" $from $error type=3 code=4 mtu=1280 quote $to $sent
		for type in 4 5; do
			stopped l2a "$how: ICMP $type is no such error" $from $error \
				type=$type quote $to $sent
		done
	else
		passes l2a "$how: too big" $from $error type=2 mtu=1280 quote $to $sent
	fi
	stopped l2a "$how: an error for what was never sent" $from $error type="${types[0]}" \
		quote $to proto=udp sport=5101 dport=53
	stopped l2a "$how: an error for what may not be sent" $from $error type="${types[0]}" \
		quote $to proto=udp sport=5100 dport=54
	stopped l2a "$how: an error for somebody else's packet" $from $error \
		type="${types[0]}" quote src="${ip[bob$f]}" dst="${ip[lan$f]}" $sent
	wall_load </dev/null
	stopped l2a "$how: errors stop with the rule" $from $error type="${types[0]}" \
		quote $to $sent
}

# A connection made by hand; lan is the server.
tcp() {
	local f=$1 how=$2 c="proto=tcp sport=6000 dport=80" s="proto=tcp sport=80 dport=6000"

	wall_load < <(rules "$f")
	stopped l2a "$how: a SYN from the server's port" $from $s flags=S seq=1
	passes a2l "$how: SYN" $to $c flags=S seq=100
	passes l2a "$how: SYN-ACK" $from $s flags=SA seq=300 ack=101
	passes a2l "$how: ACK" $to $c flags=A seq=101 ack=301
	passes a2l "$how: data" $to $c flags=PA seq=101 ack=301 data=10
	passes l2a "$how: data back" $from $s flags=PA seq=301 ack=111 data=10
	wall_load </dev/null
	stopped a2l "$how: data stops with the rule" $to $c flags=PA seq=111 ack=311 data=10
	stopped l2a "$how: both ways" $from $s flags=PA seq=311 ack=111 data=10
	stopped l2a "$how: its RST as well" $from $s flags=R seq=311
	wall_load < <(rules "$f")
	passes l2a "$how: and is back with it" $from $s flags=PA seq=311 ack=111 data=10
	stopped l2a "$how: data from another port of the server" \
		$from proto=tcp sport=81 dport=6000 flags=PA seq=311 ack=111 data=10
}

# shellcheck disable=SC2086
each_family() {
	local f to from

	for f in 4 6; do
		to=$(ends a2l $f) from=$(ends l2a $f)
		udp $f "$1, IPv$f"
		echo_replies $f "$1, IPv$f"
		errors $f "$1, IPv$f"
		tcp $f "$1, IPv$f"
	done
}

wall_up </dev/null
each_family "no conntrack"
like "$(denied not-opened)" '^[1-9]' "replies that nobody asked for are counted as such"
to=$(ends a2l 4) from=$(ends l2a 4)
conntrack_on
each_family "conntrack"

# What differs, and is written down: without conntrack TCP is judged by flags.
# shellcheck disable=SC2086
for f in 4 6; do
	to=$(ends a2l $f) from=$(ends l2a $f)
	wall_load < <(rules $f)
	stopped l2a "conntrack, IPv$f: an ACK of no connection" \
		$from proto=tcp sport=80 dport=6100 flags=A seq=1 ack=1
	stopped l2a "conntrack, IPv$f: a SYN-ACK of no connection" \
		$from proto=tcp sport=80 dport=6101 flags=SA seq=1 ack=1
	stopped l2a "conntrack, IPv$f: a RST of no connection" \
		$from proto=tcp sport=80 dport=6102 flags=R seq=1
done
conntrack_off
# shellcheck disable=SC2086
for f in 4 6; do
	to=$(ends a2l $f) from=$(ends l2a $f)
	wall_load < <(rules $f)
	passes l2a "no conntrack, IPv$f: an ACK from a port that may be asked" \
		$from proto=tcp sport=80 dport=6100 flags=A seq=1 ack=1
	stopped l2a "no conntrack, IPv$f: and from none other" \
		$from proto=tcp sport=81 dport=6100 flags=A seq=1 ack=1
done

done_testing
