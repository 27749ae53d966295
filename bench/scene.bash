# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# An exit node with real WireGuard, whose wires are selftests/kmod/wire.c. Sourced after
# lib.bash; $policy is a file of bench/generate's, $client whom the services see instead of
# the peer, where NAT runs.
#
#	[peers] wg0, peer0 --- under0, wg0 [this guest] lan0 --- far0 [services]
#
# Woken threads do not take the processor from those that run (NO_WAKEUP_PREEMPTION):
# WireGuard's workers wake each other for each packet, and whether that is a switch of
# threads is up to what the scheduler remembers: 30 % more in some rounds, or none.

measure=/sys/module/wire/parameters/measure
samples=/sys/module/wire/parameters/samples
client=

declare -A node=([4]=10.0.0.1 [6]=fd00:10:20::1)	# its address towards the services
declare -A plain=([4]=172.16.0.2 [6]=fd00:30::2)	# who is beside the tunnel

# ---------------------------------------------------------------------- scene

tunnels() {
	local node_key peer_key

	node_key=$(wg genkey) peer_key=$(wg genkey)
	wg set wg0 listen-port 51820 private-key <(echo "$node_key") \
		peer "$(wg pubkey <<<"$peer_key")" allowed-ips 100.64.0.0/10,fd7a:115c:a1e0::/48 \
		endpoint 192.0.2.2:51820
	ip netns exec peers wg set wg0 listen-port 51820 private-key /dev/stdin \
		peer "$(wg pubkey <<<"$node_key")" allowed-ips 0.0.0.0/0,::/0 \
		endpoint 192.0.2.1:51820 <<<"$peer_key"
}

place() {	# NAMESPACE DEVICE ADDRESS...
	local ns=$1 dev=$2 to

	shift 2
	quietly ip netns exec "$ns" sysctl -q net.ipv6.conf.all.accept_dad=0 "net.ipv6.conf.$dev.accept_dad=0" \
		"net.ipv6.conf.$dev.router_solicitations=0"
	for to; do
		quietly ip -n "$ns" addr add "$to" dev "$dev"
	done
	quietly ip -n "$ns" link set "$dev" up
}

scene() {
	local old

	quietly modprobe merlon
	quietly modprobe nf_conntrack
	quietly insmod "build/kmod/$MERLON_VM/cost.ko"
	quietly insmod "build/kmod/$MERLON_VM/wire.ko"
	quietly ip netns add peers
	quietly ip netns add services
	quietly ip netns attach node $$
	[ -d /sys/kernel/debug/sched ] || quietly mount -t debugfs debugfs /sys/kernel/debug
	echo NO_WAKEUP_PREEMPTION >/sys/kernel/debug/sched/features
	quietly ip link set peer0 netns peers
	quietly ip link set far0 netns services
	quietly ip link add wg0 type wireguard
	quietly ip -n peers link add wg0 type wireguard
	quietly tunnels
	place node under0 192.0.2.1/24 172.16.0.1/12 fd00:30::1/64
	place peers peer0 192.0.2.2/24
	place node wg0 100.64.0.1/10 fd7a:115c:a1e0::1/48
	place peers wg0 100.127.255.253/32 fd7a:115c:a1e0:0:ffff::fffd/128
	place node lan0 10.0.0.1/8 fd00:10:20::1/48
	place services far0 10.255.255.254/8 fd00:10:20:0:ffff::fffe/48
	quietly ip -n peers route add default dev wg0
	quietly ip -n peers -6 route add default dev wg0
	quietly ip -n services route add default via 10.0.0.1
	quietly ip -n services -6 route add default via fd00:10:20::1
	quietly sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.netfilter.nf_conntrack_tcp_be_liberal=1
}

# The tunnel works, with handshakes, and so does the way behind it.
meet() {
	quietly ip netns exec peers ping -qc 2 -W 5 10.255.255.254
	quietly ip netns exec peers ping -qc 2 -W 5 fd00:10:20:0:ffff::fffe
}

# -------------------------------------------------------------------- packets

nat_on() {
	quietly nft "add table inet nat; add chain inet nat out { type nat hook postrouting priority srcnat; }; add rule inet nat out oifname lan0 masquerade"
}

nat_off() {
	quietly nft delete table inet nat
	quietly conntrack -F
}

# kind NAME: protocol, bytes and how many
kind() {
	case $1 in
	udp-64) echo udp 64 64 ;;
	udp-1392) echo udp 1392 64 ;;
	tcp-gso) echo ack 62000 4 ;;
	esac
}

# route WAY NAME FAMILY [PORT [COUNT]]: sets $packet. What the policy allows is opened
# from the tunnel; the answers go to whom the services see.
route() {
	local s d p port protocol bytes count behind=$client

	read -r protocol bytes count <<<"$(kind "$2")"
	read -r s d p port <<<"$(grep -m 1 " ${protocol/ack/tcp} " "$policy")"
	[ -n "$behind" ] || behind=$s
	port=${4:-$port} count=${5:-$count}
	case $1 in
	in) packet="$s $d $protocol 40000 $port $bytes $count" ;;
	out) packet="$d $behind $protocol $port 40000 $bytes $count" ;;
	plain-in) packet="${plain[$3]} $d $protocol 40000 $port $bytes $count" ;;
	plain-out) packet="$d ${plain[$3]} $protocol $port 40000 $bytes $count" ;;
	esac
	expected=passed
}

# open_flow NAME FAMILY: a packet, and an answer; replies are those of somebody.
open_flow() {
	local way

	for way in in out; do
		route $way "$1" "$2" "" 1
		echo "$way $packet" >$measure
	done
}

# What the policy does not allow does not pass.
refuses() {
	local verdict

	route in udp-64 "$2" 1 1
	echo "in $packet" >$measure
	read -r verdict _ <$samples
	[ "$verdict" != dropped ] || return 0
	say "$1: a packet of IPv$2 that no rule allows was not dropped"
	bad=$((bad + 1))
}
