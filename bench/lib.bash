# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What a measurement in a guest needs: devices, packets, peers. Sourced.
#
#	peers --- wg0 [this guest] dummy0 --- services
#
# Packets are made by selftests/kmod/cost.c. wg0 has no peer and needs none: they are
# put where WireGuard would have delivered them.

set -euo pipefail

measure=/sys/module/cost/parameters/measure
hooks=$measure	# those that do nothing; bench/exit measures by another module
samples=/sys/module/cost/parameters/samples
wall=build/user/tools/wall
bench_tmp=$(mktemp -d)
bad=0	# verdicts that were not what the policy says

say() { printf 'bench: %s\n' "$*" >&2; }

quietly() {
	"$@" >"$bench_tmp/log" 2>&1 || {
		say "could not: $*"
		cat "$bench_tmp/log" >&2
		exit 1
	}
}

bench_setup() {
	local old

	quietly modprobe merlon
	# Loaded, not switched on: where it is, Merlon asks whether it runs, and a
	# boot would not be the same before and after the first who uses it.
	quietly modprobe nf_conntrack
	[ -d /sys/module/cost ] || quietly insmod "build/kmod/$MERLON_VM/cost.ko"
	for old in wg0 dummy0; do	# of a test before this one
		! ip link show $old >/dev/null 2>&1 || quietly ip link del $old
	done
	quietly ip link add wg0 type wireguard
	quietly ip link add dummy0 type dummy
	quietly ip addr add 100.64.0.1/10 dev wg0
	quietly ip addr add 10.0.0.1/8 dev dummy0
	quietly ip addr add fd7a:115c:a1e0::1/48 dev wg0 nodad
	quietly ip addr add fd00:10:20::1/48 dev dummy0 nodad
	quietly ip link set wg0 up
	quietly ip link set dummy0 up arp off
	quietly sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# ---------------------------------------------------------------------- peers

# up PEER FAMILY RULES POLICY, and down PEER FAMILY; POLICY is a file of
# bench/generate's. Names ending in +ct: with conntrack switched on, and nothing of it
# in the packet's way but itself.
up() {
	local peer=${1%+ct}

	[ "$peer" = "$1" ] || quietly nft "add table inet track; add chain inet track unused; add rule inet track unused ct state new"
	if [ "$peer" = merlon+flowtable ]; then
		up_one flowtable "$2" "$3" "$4"
		peer=merlon
	fi
	up_one "$peer" "$2" "$3" "$4"
}

up_one() {
	local ip=ip ipt=iptables

	[ "$2" = 4 ] || ip=ip6 ipt=ip6tables
	case $1 in
	none) ;;
	bare) echo "bare forward" >$hooks ;;
	bare-walk) echo "bare walk" >$hooks ;;
	bare-deny) echo "bare deny" >$hooks ;;
	empty) quietly nft "add table $ip bench; add chain $ip bench forward { type filter hook forward priority filter; policy accept; }" ;;
	linear | hash | both | pipapo | vmap | state)
		bench/translate "$1" "$2" "$3" <"$4" >"$bench_tmp/nft"
		quietly nft -f "$bench_tmp/nft"
		;;
	flowtable)
		bench/translate state "$2" "$3" <"$4" |
			sed 's/^\tchain forward/\tflowtable fast { hook ingress priority filter; devices = { wg0, dummy0 }; }\n&/
			s/^\t\tct state established/\t\tmeta l4proto udp flow add @fast\n&/' >"$bench_tmp/nft"
		quietly nft -f "$bench_tmp/nft"
		;;
	ipset)
		bench/translate ipset "$2" "$3" <"$4" >"$bench_tmp/ipset"
		quietly ipset -f "$bench_tmp/ipset" restore
		quietly $ipt -P FORWARD DROP
		quietly $ipt -A FORWARD -m set --match-set bench src,dst,dst -j ACCEPT
		;;
	ebpf)
		quietly tc qdisc add dev wg0 clsact
		quietly build/user/bench/bpfpeer build/user/bpf/bench/peer.bpf.o wg0 "$3" <"$4"
		;;
	merlon | merlon-everything)
		quietly $wall arm enforcing "$([ "$1" = merlon ] && echo tunnels || echo everything)"
		bench/translate merlon "$2" "$3" <"$4" >"$bench_tmp/merlon"
		quietly $wall load <"$bench_tmp/merlon"
		;;
	*) say "no peer $1" && exit 2 ;;
	esac
}

# nftables lets go of what a rule used some time after the rule is gone.
destroy_set() {
	local try

	for try in {1..100}; do
		! ipset destroy bench 2>/dev/null || return 0
		sleep 0.1
	done
	quietly ipset destroy bench
}

down() {
	local ip=ip ipt=iptables peer=${1%+ct}

	[ "$2" = 4 ] || ip=ip6 ipt=ip6tables
	case $peer in
	bare*) echo "bare none" >$hooks ;;
	empty | linear | hash | both | pipapo | vmap | state | flowtable) quietly nft delete table $ip bench ;;
	ipset)
		quietly $ipt -F FORWARD
		quietly nft delete table $ip filter
		destroy_set
		;;
	ebpf) quietly tc qdisc del dev wg0 clsact ;;
	merlon | merlon-everything) quietly $wall disarm ;;
	merlon+flowtable)
		quietly $wall disarm
		quietly nft delete table $ip bench
		;;
	esac
	[ "$peer" = "$1" ] || quietly nft delete table inet track
}

# -------------------------------------------------------------------- packets

# packet NAME FAMILY POLICY: sets $packet (IN OUT SOURCE DESTINATION PROTOCOL PORT PORT)
# and $expected, by the rules of POLICY. some-1 to some-8 are TCP, of rules evenly apart:
# what a hash table costs is not the same for each of its keys.
packet() {
	local s d p port stranger=100.127.255.254

	[ "$2" = 4 ] || stranger=fd7a:115c:a1e0:0:ffff::fffe
	read -r s d p port <<<"$(case $1 in
	last) tail -n 1 "$3" ;;
	some-*) awk -v n="${1#some-}" '{ line[NR] = $0 } END {
		for (i = 1 + int((n - 1) * (NR - 1) / 7); line[i] !~ / tcp /; i++);
		print line[i] }' "$3" ;;
	udp | udp-reply) grep -m 1 ' udp ' "$3" ;;
	*) head -n 1 "$3" ;;
	esac)"
	expected=passed
	case $1 in
	first | last | udp | some-*) packet="wg0 dummy0 $s $d $p 40000 $port" ;;
	established) packet="wg0 dummy0 $s $d ack 40000 $port" ;;
	udp-reply) packet="dummy0 wg0 $d $s udp $port 40000" ;;
	miss) packet="wg0 dummy0 $s $d tcp 40000 1" expected=dropped ;;
	stranger) packet="wg0 dummy0 $stranger $d tcp 40000 $port" expected=dropped ;;
	*) say "no packet $1" && exit 2 ;;
	esac
}

# cost WAY PEER RULES FAMILY NAME [EXPECTED]: measures $packet, and writes a line of JSON.
# No cost is written of a peer that judges otherwise than the policy.
cost() {
	local verdict="" times

	echo "$1 $packet" >$measure 2>/dev/null || verdict=refused
	[ -n "$verdict" ] || read -r verdict times <$samples
	if [ "$verdict" != "${6:-$expected}" ]; then
		say "$2, $3 rules: $5 of IPv$4 at $1 is $verdict, and should be ${6:-$expected}"
		bad=$((bad + 1))
		return 0
	fi
	printf '{"series":"%s","kernel":"%s","peer":"%s","rules":%s,"family":%s,"packet":"%s","way":"%s","verdict":"%s","samples":[%s]}\n' \
		"$MERLON_VM" "$(uname -r)" "$2" "$3" "$4" "$5" "$1" "$verdict" "${times// /,}"
}

# The clock has to count instructions: a loop of 100 of them.
check_clock() {
	local cost

	echo "clock dummy0 10.0.0.2 7" >$measure
	read -r cost <$measure
	if [ "$cost" -lt 9900 ] || [ "$cost" -gt 12000 ]; then
		say "the clock does not count instructions: a loop of 100 takes $cost hundredths"
		exit 1
	fi
}
