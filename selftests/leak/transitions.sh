#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 9000
# Nothing leaves while things change: a flood tries to get out all the time
# (selftests/tools/leakflood.c), and none of it is seen outside while the daemon
# dies, policies come and expire, tunnels, devices, namespaces and the module come
# and go, rules of others are flushed, the clock jumps, there is no room to talk to
# the kernel. The judge captures every device of far. After each of it what is
# permitted passes. For each it prints how often, and how much was tried meanwhile.
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
long) deaths=100 ooms=10 upgrades=10 swaps=200 cycles=20 lives=10000 loads=1000 ;;
short) deaths=2 ooms=1 upgrades=1 swaps=4 cycles=1 lives=10 loads=1 ;;
*) deaths=10 ooms=2 upgrades=2 swaps=40 cycles=5 lives=100 loads=10 ;;
esac
marker=$(printf 'flood%08x%03x' $SRANDOM $((SRANDOM % 4096)))

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
	local reply

	next_bundle "$@"
	reply=$(ask apply "$path")
	[ "$(jq .code <<<"$reply")" = 0 ] || {
		echo "$reply"
		return 1
	}
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

# flood_tried: sets $tries
flood_tried() {
	echo >&"${FLOOD[1]}"
	read -rt 60 tries _ <&"${FLOOD[0]}" || bail "the flood is gone"
}

flood_went_on() {
	flood_tried
	[ "$tries" -ge "$1" ]
}

# Each way of the flood is tried again, three times.
a_round() {
	flood_tried
	wait_for 30 flood_went_on $((tries + 24))
}

# What was on its way has arrived.
settled() {
	watch clear
	watch await all "$hex" 300
	[ "$answer" = no ]
}

# under_flood WHAT TIMES COMMAND...: it succeeds, and nothing is seen until a while
# after it
under_flood() {
	local what=$1 times=$2 from

	flood_tried
	from=$tries
	ok "$what, times $times" "${@:3}"
	flood_tried
	wait_for 60 flood_went_on $((tries + 80)) || fail "$what: the flood goes on"
	watch await all "$hex" 100
	watch count all "$hex"
	is "$answer" 0 "$what: none of $((tries - from)) tries is seen outside"
	watch clear
}

in_node() { nsenter --net=/run/netns/node "$@"; }
pings() { in_node ping -qc1 -W2 "${at[tunpeer4]}"; }

# during WHAT TIMES COMMAND...: and then what is permitted passes
during() {
	under_flood "$@"
	ok "$1: what is permitted passes" wait_for 20 pings
}

# --- the daemon -------------------------------------------------------------------------

deaths() {
	local i

	for ((i = 0; i < deaths; i++)); do
		# ORDER: at any moment of its life; where it answers already or not.
		read -rt "0.$((SRANDOM % 900 + 100))" <> <(:)
		md_kill
		md_launch
	done
	wait_for 20 md_answers
}

ooms() {
	local i

	for ((i = 0; i < ooms; i++)); do
		md_oom && md_start || return
	done
}

restart() { md_stop && md_start; }

# The programs of a package are replaced as dpkg does it, and then the service is
# restarted. The module stays.
upgrades() {
	local i module

	module=$(stat -c %i /sys/module/merlon)
	for ((i = 0; i < upgrades; i++)); do
		cp "$merlond" "$merlond.dpkg-new" && echo "$i" >>"$merlond.dpkg-new" &&
			mv "$merlond.dpkg-new" "$merlond" && ! runs_what_is_there &&
			restart && runs_what_is_there || return
	done
	[ "$(stat -c %i /sys/module/merlon)" = "$module" ]
}

runs_what_is_there() {
	local pid

	for pid in $(md_pids); do
		cmp "/proc/$pid/exe" "$merlond" || return
	done
}

# --- policies ---------------------------------------------------------------------------

swaps() {
	local i

	for ((i = 0; i < swaps; i += 2)); do
		apply_next allow=icmp && apply_next allow=all || return
	done
	apply_next allow=icmp
}

expiry() {
	apply_next allow=icmp expires=8 && wait_for 20 kernel_has state expired
}

# Five years on, and back to before it was issued.
clock() {
	local now

	now=$(date +%s)
	date -s "@$((now + 157680000))" && wait_for 20 md_answers &&
		date -s "@$((now - 31536000))" && wait_for 20 md_answers &&
		date -s "@$now" && wait_for 20 md_answers
}

# As far as this guest comes back from: all processes, for five seconds.
suspend() {
	local status=0

	echo freezer >/sys/power/pm_test
	echo freeze >/sys/power/state || status=1
	echo none >/sys/power/pm_test
	return $status
}

# --- devices, namespaces, modules ---------------------------------------------------------

tunnel_anew() {
	local i

	for ((i = 0; i < cycles; i++)); do
		ip -n node link del wg0 && scene_node_tunnel || return
	done
	peer_set 4 persistent-keepalive 1
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
		a_round && ip -n node link del eth1 || return
	done
}

link_bounces() {
	local i

	for ((i = 0; i < cycles; i++)); do
		wire_anew
	done
}

# Others that are armed, with a tunnel of their own and a load half done.
namespaces() { "$tools/nltool" lives "$lives" "$tap_dir/any.img"; }

# Not while it is armed; by force it closes what it guarded, and what it closed is
# opened again when it is back, and armed.
modules() {
	local i

	md_stop || return
	for ((i = 0; i < loads; i++)); do
		! rmmod merlon && rmmod -f merlon && is_closed && a_round || return
		modprobe merlon && kernel arm everything enforcing || return
		wire_anew
		tunnel_up
		a_round || return
	done
	md_start
	wait_for 20 kernel_has state enforcing
}

is_closed() {
	local up

	up=$(ip -n node -brief link show up) && ! grep -E '^(eth0|wg0)' <<<"$up"
}

# --- others -------------------------------------------------------------------------------

nft_flushes() {
	local i

	for ((i = 0; i < cycles; i++)); do
		n node nft -f - <<<"$accept_all" && n node nft flush ruleset || return
	done
}
accept_all='table inet other {
	chain o { type filter hook output priority 0; accept; }
	chain p { type filter hook postrouting priority 0; accept; }
}'

iptables_flushes() {
	local i tool

	for ((i = 0; i < cycles; i++)); do
		for tool in iptables-nft ip6tables-nft; do
			n node $tool -A OUTPUT -p udp -j ACCEPT && n node $tool -F &&
				! n node $tool -S OUTPUT | grep udp || return
		done
	done
}

# ORDER: before a rule asks for its state, nothing is tracked.
conntrack_flushes() {
	local i

	n node nft -f - <<<"$track" || return
	for ((i = 0; i < cycles; i++)); do
		wait_for 20 pings && n node conntrack -L -p icmp | grep "dst=${at[tunpeer4]}" &&
			n node conntrack -F || return
	done
	n node nft delete table inet track
}

track='table inet track {
	chain c { type filter hook output priority 0; ct state new counter; }
}'

# --- room to talk -------------------------------------------------------------------------

# Who listens and does not read, and who asks all at once.
deaf() {
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

# Sockets of netlink take every file that this machine may open. Whoever may open
# more (CAP_SYS_ADMIN) is not merlond: its unit does not give it that.
files_full() {
	local most open holder status=0

	most=$(cat /proc/sys/fs/file-max)
	read -r open _ </proc/sys/fs/file-nr
	mkfifo "$tap_dir/full" || return
	echo $((open + 3000)) >/proc/sys/fs/file-max
	in_node setpriv --bounding-set=-sys_admin "$tools/nltool" sockets 100000 , hold \
		<"$tap_dir/full" >"$tap_dir/sockets" &
	holder=$!
	exec 7>"$tap_dir/full"
	talk_while_full || status=$?
	exec 7>&-
	wait "$holder"
	echo "$most" >/proc/sys/fs/file-max
	cat "$tap_dir/sockets"
	[ "$status" = 0 ] || tail -n 5 "$md_log"
	[ -n "$(md_pids)" ] || md_start
	return $status
}

# It neither hears who asks, nor comes back: ENFILE, as the loader says it or merlond.
talk_while_full() {
	local before

	wait_for 60 grep -q holding "$tap_dir/sockets" &&
		grep -q 'sockets: ENFILE' "$tap_dir/sockets" &&
		! timeout 3 "$tools/askd" --socket "$md_dir/socket" status || return
	a_round
	md_kill
	before=$(wc -l <"$md_log")
	md_launch
	wait_for 20 md_gone && a_round &&
		tail -n "+$((before + 1))" "$md_log" |
			grep -E 'Error 23|Too many open files in system'
}

# --- the test ---------------------------------------------------------------------------

scene
watch open all far any
peer_set 4 persistent-keepalive 1
must "$tools/nltool" image "$tap_dir/any.img"
md_setup node
md_group_add /sys/fs/cgroup/transitions-merlond
md_as=(setpriv --bounding-set=-sys_admin)
must install -D "$merlond" "$tap_dir/sbin/merlond"
merlond=$tap_dir/sbin/merlond
md_start
must apply_next
flood_start
watch await all "$hex" 10000
like "$answer" '^[0-9]+$' "not armed: the flood is seen outside"
ok "armed" kernel arm everything enforcing
must ask armed everything enforcing
ok "nothing of it is seen any more" wait_for 10 settled
during "nothing happens" 1 true
during "merlond is killed" $deaths deaths
during "merlond is killed for want of memory" $ooms ooms
during "merlond ends, and starts again" 1 restart
during "the programs are upgraded" $upgrades upgrades
during "policies come" $swaps swaps
during "the tunnel is made anew" $cycles tunnel_anew
during "a device with a route of its own comes and goes" $cycles plug
during "eth0 goes down and up" $cycles link_bounces
during "nft flush ruleset" $cycles nft_flushes
during "iptables -F, ip6tables -F" $cycles iptables_flushes
during "conntrack -F" $cycles conntrack_flushes
during "armed namespaces come and go" $lives namespaces
during "the clock jumps forward and back" 1 clock
during "all processes are frozen, as for a suspend, and thawed" 1 suspend
during "who listens does not read" 1 deaf
during "sockets of netlink take every file" 1 files_full
during "the module is forced out, and loaded again" $loads modules
under_flood "the policy expires" 1 expiry
not_ok "expired: what was permitted does not pass" pings
must apply_next
ok "renewed: it does" wait_for 20 pings
ok "disarmed" kernel disarm
watch await all "$hex" 10000
like "$answer" '^[0-9]+$' "disarmed: the flood is seen outside again"
done_testing
