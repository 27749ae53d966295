#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2046,SC2154 # options of sendpkt are words; tap.sh sets the rest
# timeout: 900
# What a denied sender is told: RST for TCP, ICMP administratively prohibited
# for all else, at once; and Merlon's own rejects pass Merlon, nobody else's do.
# The scene is drawn in common.bash.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene

# refused NS ADDRESS PORT: the connection is refused, and not for want of time
refused() {
	local said

	said=$(n "$1" timeout 5 bash -c "exec 3<>/dev/tcp/$2/$3" 2>&1)
	[ $? = 1 ] || return 1
	echo "$said"
	grep -q "Connection refused" <<<"$said"
}

# silent NS ADDRESS PORT: nothing is said
silent() {
	n "$1" timeout 1 bash -c "exec 3<>/dev/tcp/$2/$3"
	[ $? = 124 ]
}

# prohibited NS ADDRESS: UDP gets "no route to host" or "permission denied"
prohibited() {
	local said

	said=$(n "$1" timeout 5 bash -c "exec 3<>/dev/udp/$2/9; echo x >&3; read -rt 4 <&3
		echo x >&3" 2>&1)
	echo "$said"
	grep -qE "No route to host|Permission denied" <<<"$said"
}

# shellcheck disable=SC2086
told() {
	local f=$1 how="$2, IPv$1" filter

	wall_load <<<"allow * * tcp/700$f"
	ok "$how: there is a server behind" reach alice tcp "${ip[lan$f]}" 700$f
	ok "$how: and at the gate" reach alice tcp "${ip[gate$f]}" 700$f
	ok "$how: and at the peer" reach gate tcp "${ip[alice$f]}" 700$f

	wall_load <<<"reject * * tcp/700$f,udp/9"
	ok "$how: forwarded, refused" refused alice "${ip[lan$f]}" 700$f
	ok "$how: to the gate, refused" refused alice "${ip[gate$f]}" 700$f
	ok "$how: from the gate, refused" refused gate "${ip[alice$f]}" 700$f
	ok "$how: from behind it, refused" refused lan "${ip[alice$f]}" 700$f
	ok "$how: from peer to peer, refused" refused alice "${ip[bob$f]}" 700$f
	ok "$how: UDP forwarded, prohibited" prohibited alice "${ip[lan$f]}"
	ok "$how: UDP to the gate, prohibited" prohibited alice "${ip[gate$f]}"
	ok "$how: UDP from behind it, prohibited" prohibited lan "${ip[alice$f]}"

	filter="icmp[0] = 3 and icmp[1] = 13"
	[ $f = 4 ] || filter="ip6[6] = 58 and ip6[40] = 1 and ip6[41] = 1"
	capture_start told$f alice wg0 in "$filter"
	send a2l $(ends a2l $f) proto=udp sport=5000 dport=9
	ok "$how: by the code for it" capture_seen told$f 1
	must capture_stop told$f

	wall_load <<<"drop * * tcp/700$f"
	ok "$how: dropped is silent" silent alice "${ip[lan$f]}" 700$f
	ok "$how: and so is what no rule speaks of" silent alice "${ip[lan$f]}" 7100
	wall_load <<<"reject-unmatched"
	ok "$how: unless it is to be rejected" refused alice "${ip[lan$f]}" 7100
}

# What must not be answered: errors, and what went to many.
# shellcheck disable=SC2086
untold() {
	local f=$1 to

	to=$(ends a2l $f)
	wall_load <<<"reject-unmatched"
	capture_start said alice wg0 in "icmp or (ip6 and ip6[6] = 58)"
	send a2l $to proto="${icmp[$f]}" type=$((f == 4 ? 3 : 1)) \
		quote $(ends l2a $f) proto=udp sport=1 dport=2
	send a2l $to proto=tcp sport=5000 dport=5000 flags=R
	[ $f = 6 ] || send a2l src=10.0.0.1 dst=224.0.0.9 proto=udp sport=520 dport=520
	[ $f = 4 ] || send a2l src=fd00::1 dst=ff02::9 proto=udp sport=521 dport=521
	stopped a2l "IPv$f: errors, RSTs and multicast are denied" $to proto=tcp sport=5000 \
		dport=5000 flags=R
	is "$(capture_stop said)" 0 "IPv$f: and not answered"
	is "$(wall denied header)" "$headers" "IPv$f: none was taken for a lie"
}

# While the gate rejects in a row, a RST or error that is not Merlon's does not pass.
# shellcheck disable=SC2086
abuse() {
	local f=$1 i

	wall_load <<<"reject * * tcp/7100"
	n alice bash -c "for i in {1..60}; do
		(exec 3<>/dev/tcp/${ip[lan$f]}/7100) 2>/dev/null; done" &
	for i in 1 2 3 4; do
		stopped g2a "IPv$f: a RST of the gate's users is judged ($i)" \
			$(ends g2a $f) proto=tcp sport=7100 dport=$((5000 + i)) flags=RA
	done
	stopped g2a "IPv$f: and so is an error of theirs" $(ends g2a $f) proto="${icmp[$f]}" \
		type=$((f == 4 ? 3 : 1)) code=$((f == 4 ? 13 : 1)) \
		quote $(ends a2l $f) proto=tcp sport=1 dport=7100
	wait $!
}

for f in 4 6; do
	serve lan tcp "${ip[lan$f]}" 700$f
	serve alice tcp "${ip[alice$f]}" 700$f
	serve gate tcp "${ip[gate$f]}" 700$f
done
wall_up </dev/null
headers=$(wall denied header)
for how in "no conntrack" conntrack; do
	[ "$how" = "no conntrack" ] || conntrack_on
	for f in 4 6; do
		told $f "$how"
		untold $f
		[ "$how" = conntrack ] || abuse $f
	done
done

done_testing
