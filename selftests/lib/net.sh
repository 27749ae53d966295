# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Network namespaces with real WireGuard between them, and captures that judge
# from outside. Sourced by tap.sh; meant for a guest (selftests/vm/run).
#
#	   client                      gate
#	+-----------------+         +-----------------+
#	| eth0 192.0.2.1  |---------| eth0 192.0.2.2  |	veth_pair
#	| wg0  10.0.0.1   |=========| wg0  10.0.0.2   |	wg_pair
#	+-----------------+         +-----------------+
#
#	ns_add client gate
#	veth_pair client eth0 "192.0.2.1/24" gate eth0 "192.0.2.2/24"
#	wg_pair client wg0 "10.0.0.1/24 fd00::1/64" 192.0.2.1 \
#		gate wg0 "10.0.0.2/24 fd00::2/64" 192.0.2.2
#	capture_start icmp gate eth0 in "udp port 51820"
#	n client ping -c1 10.0.0.2
#	ok "seen on the wire" capture_seen icmp 1

: "${tap_dir:?source tap.sh}"
declare -A wg_private wg_public wg_port cap_where
cap_pref=100

# n NAMESPACE COMMAND...: COMMAND in that namespace
n() {
	local ns=$1

	shift
	ip netns exec "$ns" "$@"
}

# ns_add NAME...: namespaces with lo up, IPv6 addresses usable at once, no
# router solicitation, and gone when the test ends
ns_add() {
	local ns

	for ns in "$@"; do
		must ip netns add "$ns"
		at_exit ns_del "$ns"
		must n "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
			net.ipv6.conf.default.accept_dad=0 \
			net.ipv6.conf.default.accept_ra=0 \
			net.ipv6.conf.default.router_solicitations=0
		must ip -n "$ns" link set lo up
	done
}

# What runs in the namespace goes with it.
ns_del() {
	ip netns pids "$1" 2>/dev/null | xargs -r kill -9 2>/dev/null
	ip netns del "$1"
}

# ns_forward NAME...: these namespaces are routers
ns_forward() {
	local ns

	for ns in "$@"; do
		must n "$ns" sysctl -qw net.ipv4.ip_forward=1 \
			net.ipv6.conf.all.forwarding=1
	done
}

# addr_add NAMESPACE DEVICE ADDRESS/LENGTH...
addr_add() {
	local ns=$1 dev=$2 addr

	shift 2
	for addr in "$@"; do
		case $addr in
		*:*) must ip -n "$ns" addr add "$addr" dev "$dev" nodad ;;
		*) must ip -n "$ns" addr add "$addr" dev "$dev" ;;
		esac
	done
}

# veth_pair NS DEV ADDRESSES NS DEV ADDRESSES; ADDRESSES as "192.0.2.1/24 2001:db8::1/64"
veth_pair() {
	must ip -n "$1" link add "$2" type veth peer name "$5" netns "$4"
	# shellcheck disable=SC2086
	addr_add "$1" "$2" $3
	# shellcheck disable=SC2086
	addr_add "$4" "$5" $6
	must ip -n "$1" link set "$2" up
	must ip -n "$4" link set "$5" up
}

# wg_dev NS DEV ADDRESSES [PORT]: a WireGuard device with a key of its own
wg_dev() {
	local id=$1/$2

	wg_private[$id]=$(wg genkey)
	wg_public[$id]=$(wg pubkey <<<"${wg_private[$id]}")
	wg_port[$id]=${4:-51820}
	must ip -n "$1" link add "$2" type wireguard
	must wg_key "$1" "$2"
	# shellcheck disable=SC2086
	addr_add "$1" "$2" $3
	must ip -n "$1" link set "$2" up
}

wg_key() {
	n "$1" wg set "$2" listen-port "${wg_port[$1/$2]}" \
		private-key /dev/stdin <<<"${wg_private[$1/$2]}"
}

# wg_peer NS DEV PEER-NS PEER-DEV ALLOWED-IPS [ENDPOINT-ADDRESS]: makes the
# second device a peer of the first; ALLOWED-IPS as "10.0.0.2/32,fd00::2/128"
wg_peer() {
	local peer=$3/$4 endpoint=()

	case ${6:-} in
	'') ;;
	*:*) endpoint=(endpoint "[$6]:${wg_port[$peer]}") ;;
	*) endpoint=(endpoint "$6:${wg_port[$peer]}") ;;
	esac
	must n "$1" wg set "$2" peer "${wg_public[$peer]}" \
		allowed-ips "$5" "${endpoint[@]}"
}

# "10.0.0.2/24 fd00::2/64" as "10.0.0.2/32,fd00::2/128"
wg_hosts() {
	local addr list=''

	for addr in $1; do
		case $addr in
		*:*) list+=,${addr%/*}/128 ;;
		*) list+=,${addr%/*}/32 ;;
		esac
	done
	echo "${list#,}"
}

# wg_pair NS DEV ADDRESSES ENDPOINT NS DEV ADDRESSES ENDPOINT: two devices,
# each the other's peer for the other's own addresses
wg_pair() {
	wg_dev "$1" "$2" "$3"
	wg_dev "$5" "$6" "$7"
	wg_peer "$1" "$2" "$5" "$6" "$(wg_hosts "$7")" "$8"
	wg_peer "$5" "$6" "$1" "$2" "$(wg_hosts "$3")" "$4"
}

# --- captures ---------------------------------------------------------------
# A capture is a counter in the kernel: a pcap filter, compiled by tcpdump, at
# the device's tc ingress or egress. It needs no process, misses nothing, and
# counts a packet before anything behind the device has judged it. Put it
# outside the namespace that is guarded.

# capture_start NAME NS DEV in|out FILTER
capture_start() {
	local name=$1 ns=$2 dev=$3 way=$4 link=EN10MB code

	case $way in in) way=ingress ;; out) way=egress ;; esac
	if ! ip -n "$ns" link show dev "$dev" | grep -q link/ether; then
		link=RAW
	fi
	code=$(tcpdump -y "$link" -ddd "$5" 2>"$tap_dir/output" |
		tr '\n' ',' | sed 's/,$//')
	[ -n "$code" ] || bail "tcpdump refuses '$5': $(cat "$tap_dir/output")"
	cap_pref=$((cap_pref + 1))
	cap_where[$name]="$ns $dev $way $cap_pref"
	tc -n "$ns" qdisc add dev "$dev" clsact 2>/dev/null || true
	must tc -n "$ns" filter add dev "$dev" "$way" protocol all \
		pref "$cap_pref" bpf bytecode "$code" action continue
}

# capture_count NAME: packets so far
capture_count() {
	local ns dev way pref stats

	read -r ns dev way pref <<<"${cap_where[$1]}"
	stats=$(tc -n "$ns" -s filter show dev "$dev" "$way" pref "$pref")
	[[ $stats =~ Sent\ [0-9]+\ bytes\ ([0-9]+)\ pkt ]] || return 1
	echo "${BASH_REMATCH[1]}"
}

# capture_seen NAME N [SECONDS]: N packets or more arrive in time
capture_seen() {
	wait_for "${3:-5}" eval "[ \"\$(capture_count $1)\" -ge $2 ]"
}

# capture_stop NAME: prints the count, and ends it
capture_stop() {
	local ns dev way pref

	capture_count "$1"
	read -r ns dev way pref <<<"${cap_where[$1]}"
	tc -n "$ns" filter del dev "$dev" "$way" pref "$pref"
	unset "cap_where[$1]"
}

# --- traffic ----------------------------------------------------------------

# serve NS tcp|udp ADDRESS PORT: an echo server; returns when it listens
serve() {
	local kind=$2 addr=$3 family=4

	case $addr in *:*) family=6 addr="[$addr]" ;; esac
	n "$1" socat "${kind^^}$family-LISTEN:$4,bind=$addr,fork,reuseaddr" \
		EXEC:cat >/dev/null 2>&1 &
	at_exit kill $!
	disown $!
	wait_for 10 listens "$1" "$kind" "$4" || bail "no $kind server on $4"
}

listens() { n "$1" ss -Hln"${2:0:1}" "sport = :$3" | grep -q .; }

# reach NS tcp|udp ADDRESS PORT [SECONDS]: what is sent comes back
reach() {
	# shellcheck disable=SC2016
	n "$1" timeout "$((${5:-3} * ${MERLON_PATIENCE:-1}))" bash -c 'exec 3<>"$0" && echo merlon >&3 &&
		[ "$(head -c 7 <&3)" = merlon ]' \
		"/dev/$2/$3/$4" || return 1
}
