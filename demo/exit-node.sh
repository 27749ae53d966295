# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What demo/scene is made of: network, flows, table. Sourced after stage.sh.

state=$work/state

in_exit() { ip netns exec exit "$@"; }

# ---------------------------------------------------------------- network

draw_network() {
	cat <<-'END'
	  alice 100.64.0.10 fd7a::10 ──┐                               ┌── lan       192.168.7.2 fd00:7::2
	                               ├── WireGuard ── exit: Merlon ──┼── vault     192.168.7.9
	  bob   100.64.0.11 fd7a::11 ──┘                100.64.0.1     └── internet  198.51.100.2
	END
}

# The names in that drawing.
name_of() { # address
	case $1 in
	100.64.0.11 | fd7a::11) echo bob ;;
	192.168.7.9) echo vault ;;
	192.168.7.2 | fd00:7::2) echo lan ;;
	198.51.100.2) echo internet ;;
	esac
}

wires() {
	ip -batch - <<-END
	link add eth0 netns exit type veth peer name to-exit netns wire
	link add eth0 netns alice type veth peer name to-alice netns wire
	link add eth0 netns bob type veth peer name to-bob netns wire
	link add lan0 netns exit type veth peer name eth0 netns lan
	link add inet0 netns exit type veth peer name eth0 netns inet
	END
	ip -n wire -batch - <<-END
	link add br0 type bridge
	link set to-exit master br0 up
	link set to-alice master br0 up
	link set to-bob master br0 up
	link set br0 up
	END
}

# The tunnel and the underlay of a node.
node() { # namespace underlay-address tunnel-address tunnel-address-6
	ip -n "$1" -batch - <<-END
	link set lo up
	address add $2/24 dev eth0
	link set eth0 up
	link add wg0 type wireguard
	address add $3/24 dev wg0
	address add $4/64 dev wg0 nodad
	END
	(umask 077 && wg genkey >"$work/$1.key")
	wg pubkey <"$work/$1.key" >"$work/$1.pub"
}

client() { # namespace
	ip netns exec "$1" wg set wg0 listen-port 51820 private-key "$work/$1.key" \
		peer "$(<"$work/exit.pub")" endpoint 10.9.0.1:51820 \
		allowed-ips 0.0.0.0/0,::/0
	ip -n "$1" -batch - <<-END
	link set wg0 up
	route add 192.168.7.0/24 dev wg0
	route add 198.51.100.0/24 dev wg0
	route add fd00:7::/64 dev wg0
	END
}

behind() { # namespace gateway gateway-6 addresses…
	local ns=$1 gateway=$2 gateway6=$3
	shift 3
	ip -n "$ns" -batch - <<-END
	link set lo up
	link set eth0 up
	$(printf 'address add %s dev eth0\n' "$@")
	route add 100.64.0.0/24 via $gateway
	route add fd7a::/64 via $gateway6
	END
}

exit_node() {
	ip -n exit -batch - <<-END
	address add 192.168.7.1/24 dev lan0
	address add fd00:7::1/64 dev lan0 nodad
	address add 198.51.100.1/24 dev inet0
	address add 2001:db8:5::1/64 dev inet0 nodad
	link set lan0 up
	link set inet0 up
	END
	in_exit wg set wg0 listen-port 51820 private-key "$work/exit.key" \
		peer "$(<"$work/alice.pub")" allowed-ips 100.64.0.10,fd7a::10 \
		peer "$(<"$work/bob.pub")" allowed-ips 100.64.0.11,fd7a::11
	ip -n exit link set wg0 up
	in_exit sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	in_exit nft 'table ip nat { chain post {
		type nat hook postrouting priority srcnat; oifname inet0 masquerade; }; }'
}

# What arrives at the far side, seen there and not by Merlon.
capture() { # namespace device
	ip netns exec "$1" tcpdump -lnnqi "$2" --immediate-mode tcp \
		>"$work/$1.seen" 2>"$work/$1.tcpdump" &
	until_true grep -q listening "$work/$1.tcpdump"
}

# Echo servers: no process for each connection but a fork.
serve() { # namespace port…
	local ns=$1 port
	shift
	for port; do
		ip netns exec "$ns" socat \
			"TCP6-LISTEN:$port,fork,reuseaddr,ipv6-v6only=0" PIPE 2>/dev/null &
	done
}

# A shell that stays in a client's namespace and tries what it is told.
person() { # namespace
	mkfifo "$work/$1.in" "$work/$1.out"
	ip netns exec "$1" bash -c '
		knock() { echo hi >&3 && read -r -t '$((4 * patience))' <&3; }
		while read -r address port; do
			if knock 3<>"/dev/tcp/$address/$port"; then echo reached; else echo denied; fi
		done' <"$work/$1.in" >"$work/$1.out" 2>/dev/null &
}

build_network() {
	local ns

	for ns in exit alice bob lan inet wire; do
		ip netns add "$ns"
	done
	wires
	node exit 10.9.0.1 100.64.0.1 fd7a::1
	node alice 10.9.0.10 100.64.0.10 fd7a::10
	node bob 10.9.0.11 100.64.0.11 fd7a::11
	exit_node
	client alice
	client bob
	behind lan 192.168.7.1 fd00:7::1 192.168.7.2/24 192.168.7.9/24 'fd00:7::2/64 nodad'
	behind inet 198.51.100.1 2001:db8:5::1 198.51.100.2/24 '2001:db8:5::2/64 nodad'
	serve lan 80 22
	serve inet 443
	serve bob 8888 22
	capture lan eth0
	capture inet eth0
	capture bob wg0
	person alice
	person bob
	exec 11>"$work/alice.in" 12<"$work/alice.out" 13>"$work/bob.in" 14<"$work/bob.out"
	say "built of network namespaces, with real WireGuard between them"
}

# ----------------------------------------------------------------- policy

make_keys() {
	merlon key generate --no-passphrase -o "$work/policy.key" >/dev/null
	merlon key generate --no-passphrase -o "$work/stranger.key" >/dev/null
	merlon trust init --network demo --node exit --trust "$work/trust.json" \
		--key "$(merlon key show --json "$work/policy.key" | jq -r .public)" >/dev/null
}

sign() { # serial policy [key] [directory]
	merlon policy sign "$2" --key "$work/${3:-policy}.key" --network demo \
		--epoch 1 --serial "$1" --lifetime 1h -o "$work/${4:-bundles}-$1" >/dev/null
}

start_daemon() {
	mkdir -m 700 "$state"
	in_exit merlond --trust "$work/trust.json" --state-dir "$state" \
		--inbox "$work/inbox" >"$work/merlond.log" 2>&1 &
	until_true test -S /run/merlon/merlond.sock
}

kill_daemon() {
	pkill -9 -x merlond || true
	until_true bash -c '! pgrep -x merlond >/dev/null'
}

apply() { # serial
	say "$(in_exit merlon apply "$work/bundles-$1/exit.bundle" | head -n 1)"
}

# Three quarters into a bundle stand the image and its rules.
flip_bit() {
	local at byte

	at=$(($(stat -c %s "$1") * 3 / 4))
	byte=$(od -An -tu1 -j "$at" -N1 "$1")
	# shellcheck disable=SC2059
	printf "\\x$(printf %02x $((byte ^ 1)))" |
		dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

expect_refused() { # what bundle
	local answer

	if answer=$(in_exit merlon apply "$2" 2>&1); then
		mark bad "$1: accepted"
	else
		mark ok "$1: refused"
		answer=$(tail -n 1 <<<"$answer")
		say "it said: ${answer#merlon: }"
	fi
}

# ------------------------------------------------------------------ flows

table_head() {
	printf '\n  %s%-6s %-8s %-13s %-9s %-8s %-8s %s%s\n' "$bold" \
		from to address service outcome "far side" "rule that says so" "$off"
}

# How many packets for an address and port the far side saw so far.
seen() { # namespace address port
	local line count=0

	while IFS= read -r line; do
		[[ $line != *"> $2.$3:"* ]] || count=$((count + 1))
	done <"$work/$1.seen"
	echo "$count"
}

has_seen_more() { [ "$(seen "$1" "$2" "$3")" -gt "$4" ]; }

tunnel_address() { # person other-end
	case $1,$2 in
	alice,*:*) echo fd7a::10 ;;
	bob,*:*) echo fd7a::11 ;;
	alice,*) echo 100.64.0.10 ;;
	bob,*) echo 100.64.0.11 ;;
	esac
}

try() { # person address port
	local answer

	if [ "$1" = alice ]; then
		echo "$2 $3" >&11
		read -r -t $((60 * patience)) answer <&12
	else
		echo "$2 $3" >&13
		read -r -t $((60 * patience)) answer <&14
	fi
	echo "$answer"
}

rule_of() { # person address port
	in_exit merlon explain --json --state-dir "$state" \
		"$(tunnel_address "$1" "$2")" "$2" "tcp:$3" |
		jq -r 'if .rule then "line \(.rule.line): \(.rule.action) \(.rule.sources | join(",")
			) → \(.rule.destinations | join(",")) \(.rule.services | join(","))"
			else "no rule speaks of it" end'
}

# One flow: try it, ask the far side, ask the kernel which rule decided.
flow() { # from to-namespace address port reached|denied
	local before outcome arrived=nothing colour=$green

	before=$(seen "$2" "$3" "$4")
	outcome=$(try "$1" "$3" "$4")
	[ "$outcome" = denied ] || until_true has_seen_more "$2" "$3" "$4" "$before"
	! has_seen_more "$2" "$3" "$4" "$before" || arrived=arrived
	case $5,$outcome,$arrived in
	reached,reached,arrived | denied,denied,nothing) right=$((right + 1)) ;;
	*)
		colour=$red
		wrong=$((wrong + 1))
		;;
	esac
	printf '  %-6s %-8s %-13s %-9s %s%-8s %-8s%s %s\n' \
		"$1" "$(name_of "$3")" "$3" "tcp:$4" "$colour" \
		"$outcome" "$arrived" "$off" "$(rule_of "$1" "$3" "$4")"
}

# Nothing that is denied came late, either. Says nothing where nothing did: the
# observations that the summary counts are those that one can read.
never_seen() { # namespace address port
	! has_seen_more "$1" "$2" "$3" 0 ||
		mark bad "$2 port $3 was reached after all"
}

flows_all() {
	table_head
	flow alice lan 192.168.7.2 80 reached
	flow alice lan fd00:7::2 80 reached
	flow alice lan 192.168.7.2 22 reached
	flow alice lan fd00:7::2 22 reached
	flow bob lan 192.168.7.2 80 reached
	flow bob lan fd00:7::2 22 denied
	flow alice lan 192.168.7.9 80 denied
	flow alice inet 198.51.100.2 443 reached
	flow bob inet 198.51.100.2 443 denied
	flow alice bob 100.64.0.11 8888 reached
	flow alice bob fd7a::11 8888 reached
	flow alice bob 100.64.0.11 22 denied
	never_seen lan 192.168.7.9 80
	never_seen bob 100.64.0.11 22
}

flows_again() {
	table_head
	flow alice lan 192.168.7.2 22 reached
	flow bob lan fd00:7::2 22 denied
	flow alice bob fd7a::11 8888 reached
	flow alice lan 192.168.7.9 80 denied
	never_seen lan 192.168.7.9 80
}

# An established connection that outlives its policy, or does not.
open_session() {
	mkfifo "$work/session.in" "$work/session.out"
	ip netns exec alice socat - TCP:192.168.7.2:22 \
		<"$work/session.in" >"$work/session.out" 2>/dev/null &
	exec 15>"$work/session.in" 16<"$work/session.out"
}

session_alive() {
	local answer=

	echo "are you there" >&15
	read -r -t $(($1 * patience)) answer <&16 || true
	[ -n "$answer" ]
}

# ------------------------------------------------------------------- ways out

ways_head() {
	printf '\n  %s%-66s %-12s %-14s %s%s\n' "$bold" "way out" unguarded \
		"guarded" "what may pass" "$off"
}

# One row of the bench: seen outside before, never while guarded, and after it again.
way_out() { # row
	local number=${1#0} colour=$green title verdict ways seen tries leaked allowed

	MERLON_LEAK_RESULT=$work/leaks bash "$(echo selftests/leak/rows/"$1"-*.sh)" \
		>"$work/row-$1" 2>&1 </dev/null || true
	IFS=$'\t' read -r title verdict ways seen tries leaked allowed < <(
		jq -r "select(.row == $number) | [.title, .verdict, .ways, .seen, .tries, .leaked,
			\"\(.allowed) of \(.checks)\"] | @tsv" "$work/leaks")
	if [ "${verdict:-}" = held ]; then
		right=$((right + 1))
	else
		colour=$red
		wrong=$((wrong + 1))
	fi
	printf '  %-66.66s %s%-12s %-14s %s%s\n' "$1 ${title:-the row did not end}" "$colour" \
		"${seen:-?} of ${ways:-?} out" "${leaked:-?} of ${tries:-?}" "${allowed:-?}" "$off"
}
