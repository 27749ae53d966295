#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# A host on which conntrack was never loaded: Merlon does not load it, and real
# programs work all the same; then a host on which it is loaded, but not in the
# judged namespace, where nothing changes. Floods end at the table's size. The
# scene is drawn in common.bash.
# shellcheck disable=SC2046 # words are wanted

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

# What other tests left loaded goes, if nothing uses it any more: who needs a
# module goes before it.
unload() {
	local user

	for user in /sys/module/"$1"/holders/*; do
		[ ! -e "$user" ] || unload "${user##*/}"
	done
	rmmod "$1"
}

gone() {
	! loaded || unload nf_conntrack
	! loaded
}

loaded() { grep -q "^nf_conntrack " /proc/modules; }

wait_for 60 gone || bail "nf_conntrack is loaded, and in use: $(grep ^nf_conntrack /proc/modules)"
scene

# shellcheck disable=SC2086
programs() {
	local f how=$1 g=${2:-}

	for f in 4 6; do
		wall_load <<-RULES
			allow ${ip[alice$f]} ${ip[lan$f]},${ip[gate$f]},${ip[bob$f]} tcp/7$f,udp/7$f
			allow ${ip[alice$f]} ${ip[lan$f]} ${icmp[$f]}/${echo[$f]}
			allow ${ip[gate$f]} ${ip[alice$f]} tcp/7$f,udp/7$f,${icmp[$f]}/${echo[$f]}
		RULES
		for g in lan gate bob; do
			ok "$how, IPv$f: TCP to $g" reach alice tcp "${ip[$g$f]}" 7$f 10
			ok "$how, IPv$f: UDP to $g" reach alice udp "${ip[$g$f]}" 7$f 10
		done
		ok "$how, IPv$f: echo" n alice ping -qc1 -W10 "${ip[lan$f]}"
		ok "$how, IPv$f: TCP from the gate" reach gate tcp "${ip[alice$f]}" 7$f 10
		ok "$how, IPv$f: UDP from the gate" reach gate udp "${ip[alice$f]}" 7$f 10
		ok "$how, IPv$f: echo from the gate" n gate ping -qc1 -W10 "${ip[alice$f]}"
		not_ok "$how, IPv$f: not TCP the other way" \
			reach lan tcp "${ip[alice$f]}" 7$f 1
		not_ok "$how, IPv$f: not UDP the other way" \
			reach lan udp "${ip[alice$f]}" 7$f 1
		not_ok "$how, IPv$f: not echo the other way" \
			n lan ping -qc1 -W1 "${ip[alice$f]}"
	done
}

for f in 4 6; do
	for g in alice lan gate bob; do
		serve $g tcp "${ip[$g$f]}" 7$f
		serve $g udp "${ip[$g$f]}" 7$f
	done
done

wall_up </dev/null
programs "no conntrack"
not_ok "conntrack has not been loaded for it" loaded

# The path MTU: lan's answer does not fit, and is told so.
ask_large() {
	n alice ping -qc1 -s1390 -M "do" -W10 "$1"
}
must ip -n lan link set eth0 mtu 1300
must ip -n gate link set lan0 mtu 1300
for f in 4 6; do
	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} ${icmp[$f]}/${echo[$f]}"
	not_ok "IPv$f: too big for the gate's wire, and alice is told" \
		n alice ping -qc1 -s1350 -M "do" -W5 "${ip[lan$f]}"
	ok "IPv$f: what fits passes" n alice ping -qc1 -s1200 -M "do" -W10 "${ip[lan$f]}"
	like "$(ip -n alice route get "${ip[lan$f]}")" "mtu 1300" \
		"IPv$f: she has learned the path's MTU"
done
must ip -n lan link set eth0 mtu 1500
must ip -n gate link set lan0 mtu 1500

# --- floods -------------------------------------------------------------------------
# Twice as many flows as the table holds for one family take minutes in a guest:
# unit/test_flow.c does that. Here a flood goes by, and who is talking goes on. By its
# TTL it is not taken for probes: it may come late.

mute alice lan gate
count=4000
[ "${MERLON_LENGTH:-normal}" != long ] || count=140000
# shellcheck disable=SC2086
for f in 4 6; do
	to=$(ends a2l $f) from=$(ends l2a $f)
	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} udp"
	passes a2l "IPv$f flood: a query" $to proto=udp sport=5000 dport=53
	passes l2a "IPv$f flood: its reply" $from proto=udp sport=53 dport=5000
	memory=$(awk '/^(Slab|Vmalloc|Percpu)/ { sum += $2 } /^Vmalloc(Total|Chunk)/ { sum -= $2 }
		END { print sum }' /proc/meminfo)
	ask send a2l $to proto=udp sport=10000 dport=53 spread=1 count=$count ttl=67
	is "$answer" yes "IPv$f flood: $count flows"
	passes a2l "IPv$f flood: a new query" $to proto=udp sport=5001 dport=53
	passes l2a "IPv$f flood: its reply" $from proto=udp sport=53 dport=5001
	after=$(awk '/^(Slab|Vmalloc|Percpu)/ { sum += $2 } /^Vmalloc(Total|Chunk)/ { sum -= $2 }
		END { print sum }' /proc/meminfo)
	ok "IPv$f flood: took no memory to speak of" [ $((after - memory)) -lt 8192 ]
done

# --- loaded, elsewhere --------------------------------------------------------------

must modprobe nf_conntrack
must n bob nft -f - <<'NFT'
table inet track {
	chain c {
		type filter hook prerouting priority 0;
		ct state new counter
	}
}
NFT
for ns in alice lan gate; do must n $ns nft flush ruleset; done
programs "conntrack elsewhere"

# A chain at conntrack's own priority is not conntrack.
must n gate nft -f - <<'NFT'
table inet posing {
	chain c { type filter hook prerouting priority -200; }
}
NFT
# shellcheck disable=SC2086
for f in 4 6; do
	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} udp/9"
	passes a2l "IPv$f a chain at conntrack's priority: a query" \
		$(ends a2l $f) proto=udp sport=5300 dport=9
	passes l2a "IPv$f a chain at conntrack's priority: its reply" \
		$(ends l2a $f) proto=udp sport=9 dport=5300
done

done_testing
