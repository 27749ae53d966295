#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Nothing leaves while things change: a flood tries to get out all the time
# (selftests/tools/leakflood.c), and none of it is seen outside while the daemon
# dies, policies come and expire, tunnels and devices come and go, rules of
# others are flushed, the clock jumps. The judge captures every device of far.
# Scene: scene.bash; merlond with a signed policy in node, scope everything.
# shellcheck disable=SC2154 # from scene.bash and merlond.bash

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=../netns/merlond.bash
. selftests/netns/merlond.bash
# shellcheck source=scene.bash
. selftests/leak/scene.bash

case ${MERLON_LENGTH:-normal} in
long) deaths=100 swaps=1000 churn=10000 cycles=100 ;;
*) deaths=8 swaps=40 churn=30 cycles=5 ;;
esac
marker=$(printf 'flood%08x%03x' $SRANDOM $((SRANDOM % 4096)))
tried=0 seen_total=0

watch() {
	echo "$*" >&"${WATCH[1]}"
	read -rt 600 answer <&"${WATCH[0]}" || bail "the judge is gone ('$*')"
}

# bundle of serial +1: sets $path
serial=0
next_bundle() {
	serial=$((serial + 1))
	path=$(bundle next scope=everything "serial=$serial" "$@") || bail "no bundle"
}

apply_next() {
	next_bundle "$@"
	[ "$(apply_code "$path")" = 0 ]
}

# --- the flood and its judge ------------------------------------------------------------

hex=$(printf %s "$marker" | od -An -tx1 | tr -d ' \n')

flood_start() {
	# ORDER: bash says that there is another one, and knows of both all the same.
	{
		coproc FLOOD {
			exec "$tools/leakflood" node eth0 "${at[out4]}" "${at[out6]}" \
				"$marker" $wg_mark $far_mac 5 2>"$tap_dir/flood"
		}
	} 2>/dev/null
	at_exit kill "$FLOOD_PID"
}

# flood_tried: sets $tries, $refused
flood_tried() {
	echo >&"${FLOOD[1]}"
	read -rt 60 tries refused <&"${FLOOD[0]}" || bail "the flood is gone"
}

flood_went_on() {
	flood_tried
	[ "$tries" -ge "$1" ]
}

# What was on its way has arrived.
settled() {
	watch clear
	watch await all "$hex" 300
	[ "$answer" = no ]
}

# during WHAT COMMAND...: it succeeds, and nothing is seen until a while after it
during() {
	local what=$1 from

	shift
	flood_tried
	from=$tries
	ok "$what" "$@"
	wait_for 60 flood_went_on $((tries + 160)) || fail "$what: the flood goes on"
	watch await all "$hex" 100
	watch count all "$hex"
	seen_total=$((seen_total + answer))
	is "$answer" 0 "$what: none of $((tries - from)) tries is seen outside"
	tried=$((tried + tries - from))
	watch clear
}

# --- what happens -----------------------------------------------------------------------

deaths() {
	local i

	for ((i = 0; i < deaths; i++)); do
		# ORDER: at any moment of its life; where it answers already or not.
		read -rt "0.$((SRANDOM % 900 + 100))" <> <(:)
		md_kill
		n "$md_ns" "$merlond" "${md_options[@]}" >>"$md_log" 2>&1 &
		md_pid=$!
	done
	wait_for 20 md_answers
}

restart() {
	md_stop
	md_start
}

swaps() {
	local i

	for ((i = 0; i < swaps; i += 2)); do
		apply_next allow=icmp && apply_next allow=all || return
	done
	apply_next allow=icmp
}

expiry() {
	apply_next allow=icmp expires=3 && wait_for 20 kernel_has state expired
}

tunnel_anew() {
	local i

	for ((i = 0; i < cycles; i++)); do
		ip -n node link del wg0 && scene_node_tunnel || return
	done
}

# More specific than the tunnel's, as DHCP could say it.
plug() {
	local i

	for ((i = 0; i < cycles; i++)); do
		ip -n node link add eth1 type veth peer name eth2 netns far &&
			ip -n far link set eth2 up &&
			ip -n node addr add 192.0.4.1/24 dev eth1 &&
			ip -n node link set eth1 up &&
			ip -n node route add "${at[out4]}/32" dev eth1 &&
			ip -n node neigh add "${at[out4]}" lladdr $far_mac dev eth1 || return
		flood_tried
		wait_for 30 flood_went_on $((tries + 24)) && ip -n node link del eth1 || return
	done
}

flushes() {
	local i

	for ((i = 0; i < cycles; i++)); do
		n node nft add table inet other && n node nft flush ruleset &&
			n node iptables -F && n node conntrack -F || return
	done
}

link_bounces() {
	local i

	for ((i = 0; i < cycles; i++)); do
		ip -n node link set eth0 down && ip -n node link set eth0 up || return
	done
	ip -n node route replace default via "${at[gw4]}" dev eth0
	ip -n node addr replace "${at[node6]}/64" dev eth0 nodad
	ip -n node route replace default via "${at[gw6]}" dev eth0
}

namespaces() {
	local i

	for ((i = 0; i < churn; i++)); do
		ip netns add churn && ip -n churn link set lo up && ip netns del churn || return
	done
}

# Five years on, and back to before it was issued.
clock() {
	local now

	now=$(date +%s)
	date -s "@$((now + 157680000))" && read -rt 0.5 <> <(:)
	date -s "@$((now - 31536000))" && read -rt 0.5 <> <(:)
	date -s "@$now"
}

# Who listens and does not read, and who asks all at once.
netlink_full() {
	local pids=() i pid

	in_node "$tools/wall" events 600 >/dev/null &
	pid=$!
	kill -STOP $pid
	for ((i = 0; i < 20; i++)); do
		in_node "$tools/nltool" status >/dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || return
	done
	kill -KILL $pid
	wait $pid
	return 0
} 2>/dev/null

in_node() { nsenter --net=/run/netns/node "$@"; }
pings() { in_node ping -qc1 -W2 "${at[tunpeer4]}"; }

# --- the test ---------------------------------------------------------------------------

scene
watch open all far any
peer_set 4 persistent-keepalive 1
md_setup node
md_start
must apply_next
flood_start
watch await all "$hex" 10000
like "$answer" '^[0-9]+$' "not armed: the flood is seen outside"
ok "armed" kernel arm everything enforcing
must ask armed everything enforcing
ok "nothing of it is seen any more" wait_for 10 settled
ok "what is permitted passes" wait_for 20 pings
during "nothing happens" true
during "merlond is killed $deaths times" deaths
during "merlond ends, and starts again" restart
during "$swaps policies come" swaps
during "the tunnel is made anew $cycles times" tunnel_anew
peer_set 4 persistent-keepalive 1
ok "what is permitted passes by the new one" wait_for 20 pings
during "a device with a route of its own comes and goes $cycles times" plug
during "rules of others are flushed $cycles times" flushes
during "eth0 goes down and up $cycles times" link_bounces
during "$churn namespaces come and go" namespaces
during "the clock jumps forward and back" clock
during "who listens does not read" netlink_full
must apply_next
ok "what is permitted passes all the same" wait_for 20 pings
during "the policy expires" expiry
not_ok "expired: what was permitted does not pass" pings
must apply_next
ok "renewed: it does" wait_for 20 pings
flood_tried
diag "transitions: {\"kernel\":\"$(uname -r)\",\"tried\":$tried,\"refused\":$refused,\"seen\":$seen_total,\"deaths\":$deaths,\"swaps\":$swaps,\"namespaces\":$churn}"
ok "disarmed" kernel disarm
watch await all "$hex" 10000
like "$answer" '^[0-9]+$' "disarmed: the flood is seen outside again"
done_testing
