# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # for those who source this, and from tap.sh
# What the tests of the packet path share. Sourced after tap.sh.
#
#	alice ==== wg0 ====.
#	                    gate ---- lan0/eth0 ---- lan
#	bob ====== wg0 ===='
#
#	alice  10.0.0.1    fd00::1      wg0; everything goes through gate
#	bob    10.0.0.2    fd00::2      wg0
#	gate   10.0.0.254  fd00::fe     wg0; the judged one, a router
#	       10.9.0.1    fd09::1      lan0
#	lan    10.9.0.2    fd09::2      eth0
#	below: alice 192.0.2.1 - gate 192.0.2.254; bob 198.51.100.1 - gate .254

[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
tools=$PWD/build/user/tools

declare -A ip=(
	[alice4]=10.0.0.1 [alice6]=fd00::1 [bob4]=10.0.0.2 [bob6]=fd00::2
	[gate4]=10.0.0.254 [gate6]=fd00::fe [lan4]=10.9.0.2 [lan6]=fd09::2
	[gatelan4]=10.9.0.1 [gatelan6]=fd09::1
)
declare -A icmp=([4]=icmp [6]=icmp6)	# as rules and sendpkt call it
declare -A echo=([4]=8 [6]=128)		# echo request
declare -A ECHO=([4]=0 [6]=129)		# echo reply

scene() {
	must modprobe merlon
	ns_add alice bob gate lan
	below alice 192.0.2
	below bob 198.51.100
	wg_dev gate wg0 "10.0.0.254/24 fd00::fe/64"
	peer_up alice 192.0.2
	peer_up bob 198.51.100
	behind
	must ip netns exec gate sysctl -qw net.ipv4.ip_forward=1 \
		net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.send_redirects=0 \
		net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 \
		net.ipv4.icmp_msgs_burst=10000 net.ipv6.icmp.ratelimit=0
	ok "before it is armed, alice reaches bob and lan" meet
	probes_start
}

# below NS NET: the wire that carries a peer's tunnel
below() {
	must ip -n "$1" link add eth0 type veth peer name "under-$1" netns gate
	addr_add "$1" eth0 "$2.1/24"
	addr_add gate "under-$1" "$2.254/24"
	must ip -n "$1" link set eth0 up
	must ip -n gate link set "under-$1" up
}

# peer_up NS NET: everything goes through gate
peer_up() {
	wg_dev "$1" wg0 "${ip[${1}4]}/24 ${ip[${1}6]}/64"
	wg_peer "$1" wg0 gate wg0 0.0.0.0/0,::/0 "$2.254"
	wg_peer gate wg0 "$1" wg0 "${ip[${1}4]}/32,${ip[${1}6]}/128" "$2.1"
	must ip -n "$1" route add 10.9.0.0/24 dev wg0
	must ip -n "$1" route add fd09::/64 dev wg0
}

# What is behind gate.
behind() {
	veth_pair lan eth0 "10.9.0.2/24 fd09::2/64" gate lan0 "10.9.0.1/24 fd09::1/64"
	must ip -n lan route add 10.0.0.0/24 via 10.9.0.1
	must ip -n lan route add fd00::/64 via fd09::1
}

meet() {
	local to

	for to in bob4 bob6 lan4 lan6; do
		n alice ping -qc1 -W10 "${ip[$to]}" || return
	done
}

# --- rules --------------------------------------------------------------------

# wall COMMAND...: on gate, as selftests/tools/wall.c has it
wall() { "$tools/wall" -n gate "$@"; }

# A new generation for gate from standard input. Markers always pass.
wall_load() {
	{
		cat
		echo "tunnel wg0"
		echo "allow * * tcp/4999"
	} | wall load >"$tap_dir/load" 2>&1 ||
		bail "load: $(cat "$tap_dir/load")"
}

wall_up() {
	must wall arm
	wall_load
}

denied() { wall denied "$1"; }

# --- probes -------------------------------------------------------------------
# A path is where packets go from, by way of gate, and to: a2l is alice to lan.
# selftests/tools/probes.c sends them and captures at the far end, outside the
# judged namespace. What gate itself is sent is seen by its answers.

declare -A who=([a]=alice [b]=bob [g]=gate [l]=lan)

# ends PATH FAMILY: the addresses, as fields
ends() {
	echo "src=${ip[${who[${1:0:1}]}$2]} dst=${ip[${who[${1:2:1}]}$2]}"
}

# ask LINE: sets $answer
ask() {
	echo "$*" >&"${PROBES[1]}"
	read -rt 600 answer <&"${PROBES[0]}" || bail "probes: no answer to '$*'"
}

probes_start() {
	coproc PROBES { exec "$tools/probes"; }
	path a2l alice wg0 packet lan eth0
	path a2b alice wg0 packet bob wg0
	path a2g alice wg0 packet alice wg0 10.0.0.254 fd00::fe
	path b2a bob wg0 packet alice wg0
	path g2a gate wg0 raw alice wg0
	path l2a lan eth0 raw alice wg0
}

# path NAME ...: as probes.c has it; its marker is a SYN to port 4999
path() {
	ask path "$@"
	if [ -v "who[${1:0:1}]" ] && [ -v "who[${1:2:1}]" ]; then
		ask marker "$1 $(ends "$1" 4) proto=tcp dport=4999 flags=S"
	fi
}

# marked PATH: markers arrive by it, now that something has changed
marked() {
	# shellcheck disable=SC2046
	ask passes "$1" $(ends "$1" 4) proto=tcp sport=$((RANDOM + 1024)) dport=4999 flags=S
	[ "$answer" = yes ]
}

# passes PATH DESCRIPTION FIELD=VALUE...: it arrives
passes() {
	local path=$1 what=$2

	shift 2
	ask passes "$path" "$@"
	is "$answer" yes "$what" || lost "$path" "$@"
}

# lost PATH FIELD=VALUE...: what a person wants to know of a probe that did not arrive
lost() {
	local ns before

	diag "$*: $answer"
	ask count "$1" && before=$answer
	diag "denied so far: $(wall denials)"
	ask passes "$@"
	diag "sent once more, did it arrive? $answer; denied: $(wall denials)"
	ask count "$1" && diag "arrived before and after: $before, $answer"
	for ns in alice gate lan; do
		diag "$ns: $(ip -n "$ns" -s -s link; ip -n "$ns" neigh; n "$ns" wg)"
	done
}

# stopped PATH DESCRIPTION FIELD=VALUE...: it does not, and what follows it does
stopped() {
	local path=$1 what=$2

	shift 2
	ask stopped "$path" "$@"
	is "$answer" yes "$what" || diag "$path $*"
}

# send PATH FIELD=VALUE...: nothing is waited for
send() { ask send "$@"; }

# --- surroundings -------------------------------------------------------------

# Conntrack runs on gate from now on, as it does where any rule asks for a state.
conntrack_on() {
	must n gate nft -f - <<-'NFT'
		table inet track {
			chain c {
				type filter hook prerouting priority 0;
				ct state new counter
			}
		}
	NFT
}

conntrack_off() { must n gate nft delete table inet track; }

# mute NS...: these kernels do not answer what they did not ask for, so that
# connections can be made by hand
mute() {
	local ns

	for ns in "$@"; do
		must n "$ns" nft -f - <<-'NFT'
			table inet mute {
				chain c {
					type filter hook output priority 0;
					tcp flags & rst == rst ip ttl != 77 drop
					tcp flags & rst == rst ip6 hoplimit != 77 drop
					icmp type { destination-unreachable, echo-reply } ip ttl != 77 drop
					icmpv6 type { destination-unreachable, echo-reply } ip6 hoplimit != 77 drop
				}
			}
		NFT
	done
}

# goes_on_since BEGIN SECONDS COMMAND...: for so long, and on until COMMAND says that
# enough was done: a machine with other work needs longer, ten times as long at most
goes_on_since() {
	local passed=$((SECONDS - $1)) least=$2

	shift 2
	[ $passed -lt "$least" ] && return
	[ $passed -lt $((least * 10)) ] && ! "$@"
}
