# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the demo's scene is made of: network, flows, table, summary.

work=$(mktemp -d)
right=0 wrong=0 started=$SECONDS

if [ "${DEMO_COLOUR:-0}" = 1 ]; then
	green=$'\033[32m' red=$'\033[31m' bold=$'\033[1m' dim=$'\033[2m' off=$'\033[0m'
else
	green='' red='' bold='' dim='' off=''
fi

title() { printf '\n%s%s%s\n' "$bold" "$1" "$off"; }
say() { printf '  %s%s%s\n' "$dim" "$1" "$off"; }

mark() {
	if [ "$1" = ok ]; then
		right=$((right + 1))
		printf '  %s✓%s %s\n' "$green" "$off" "$2"
	else
		wrong=$((wrong + 1))
		printf '  %s✗ %s%s\n' "$red" "$2" "$off"
	fi
}

in_exit() { ip netns exec exit "$@"; }

link() { # namespace-a device-a namespace-b device-b
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
}

address() { # namespace device address…
	local ns=$1 dev=$2 a
	shift 2
	for a; do
		case $a in
		*:*) ip -n "$ns" address add "$a" dev "$dev" nodad ;;
		*) ip -n "$ns" address add "$a" dev "$dev" ;;
		esac
	done
}

tunnel() { # namespace key-name tunnel-addresses…
	local ns=$1
	shift
	(umask 077 && wg genkey >"$work/$ns.key")
	ip -n "$ns" link add wg0 type wireguard
	ip netns exec "$ns" wg set wg0 listen-port 51820 private-key "$work/$ns.key"
	address "$ns" wg0 "$@"
	ip -n "$ns" link set wg0 up
}

public() { wg pubkey <"$work/$1.key"; }

# Captures: every packet that arrives at the far side, by its own namespace.
watch_far_side() { # namespace device
	ip netns exec "$1" tcpdump -lnni "$2" -U -w "$work/$1.pcap" \
		'tcp[tcpflags] & tcp-syn != 0 or icmp or icmp6 or (ip6 and tcp)' \
		2>"$work/$1.tcpdump" &
	until grep -q listening "$work/$1.tcpdump" 2>/dev/null; do :; done
}

serve() { # namespace port…
	local ns=$1 port
	shift
	for port; do
		ip netns exec "$ns" socat \
			"TCP6-LISTEN:$port,fork,reuseaddr,ipv6-v6only=0" EXEC:cat \
			2>/dev/null &
		until ip netns exec "$ns" ss -Hltn "sport = :$port" | grep -q .; do :; done
	done
}

build_network() {
	local ns

	for ns in exit alice bob lan inet wire; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
	done
	ip -n wire link add br0 type bridge
	ip -n wire link set br0 up
	for ns in exit alice bob; do
		link "$ns" eth0 wire "to-$ns"
		ip -n wire link set "to-$ns" master br0
	done
	address exit eth0 10.9.0.1/24
	address alice eth0 10.9.0.10/24
	address bob eth0 10.9.0.11/24
	link exit lan0 lan eth0
	address exit lan0 192.168.7.1/24 fd00:7::1/64
	address lan eth0 192.168.7.2/24 192.168.7.9/24 fd00:7::2/64
	link exit inet0 inet eth0
	address exit inet0 198.51.100.1/24 2001:db8:5::1/64
	address inet eth0 198.51.100.2/24 2001:db8:5::2/64
	ip -n lan route add default via 192.168.7.1
	ip -n lan -6 route add default via fd00:7::1
	ip -n inet -6 route add fd7a::/64 via 2001:db8:5::1
	in_exit sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	in_exit nft -f - <<-END
	table ip nat {
		chain post {
			type nat hook postrouting priority srcnat
			oifname inet0 masquerade
		}
	}
	END
	tunnel exit 100.64.0.1/24 fd7a::1/64
	tunnel alice 100.64.0.10/24 fd7a::10/64
	tunnel bob 100.64.0.11/24 fd7a::11/64
	for ns in alice bob; do
		ip netns exec "$ns" wg set wg0 peer "$(public exit)" \
			endpoint 10.9.0.1:51820 allowed-ips 0.0.0.0/0,::/0
		ip -n "$ns" route add 192.168.7.0/24 dev wg0
		ip -n "$ns" route add 198.51.100.0/24 dev wg0
		ip -n "$ns" -6 route add fd00:7::/64 dev wg0
		ip -n "$ns" -6 route add 2001:db8:5::/64 dev wg0
	done
	in_exit wg set wg0 \
		peer "$(public alice)" endpoint 10.9.0.10:51820 allowed-ips 100.64.0.10,fd7a::10 \
		peer "$(public bob)" endpoint 10.9.0.11:51820 allowed-ips 100.64.0.11,fd7a::11
	serve lan 80 22
	serve inet 443
	serve bob 8888 22
	watch_far_side lan eth0
	watch_far_side inet eth0
	watch_far_side bob wg0
	say "namespaces alice, bob, exit, lan, internet; real WireGuard between them"
}

make_keys() {
	merlon key generate --no-passphrase -o "$work/policy.key" >/dev/null
	merlon key generate --no-passphrase -o "$work/stranger.key" >/dev/null
	merlon trust init --network demo --node exit \
		--key "$(merlon key show --json "$work/policy.key" | jq -r .public)" \
		--trust "$work/trust.json" >/dev/null
}

sign() { # serial policy
	merlon policy sign "$2" --key "$work/policy.key" --network demo \
		--epoch 1 --serial "$1" --lifetime 1h -o "$work/bundles-$1" >/dev/null
	say "generation 1.$1: compiled, its own tests passed, signed for $(find \
		"$work/bundles-$1" -name '*.bundle' | wc -l) nodes"
}

sign_by_stranger() {
	merlon policy sign "$2" --key "$work/stranger.key" --network demo \
		--epoch 1 --serial "$1" --lifetime 1h -o "$work/stranger-$1" >/dev/null
}

start_daemon() {
	mkdir -m 700 "$work/state" "$work/inbox"
	in_exit merlond --trust "$work/trust.json" --state-dir "$work/state" \
		--inbox "$work/inbox" >"$work/merlond.log" 2>&1 &
	daemon=$!
	until [ -S /run/merlon/merlond.sock ]; do
		kill -0 "$daemon" 2>/dev/null || { cat "$work/merlond.log"; exit 1; }
	done
}

kill_daemon() {
	pkill -9 -x merlond || true
	while pgrep -x merlond >/dev/null; do :; done
}

# The last quarter of a bundle is the image and its rules.
flip_byte() {
	local size at byte
	size=$(stat -c %s "$1")
	at=$((size * 3 / 4))
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
		say "$(tail -n 1 <<<"$answer")"
	fi
}

table_head() {
	printf '\n  %s%-6s %-22s %-9s %-8s %-8s %s%s\n' "$bold" \
		from to service outcome "far side" "rule" "$off"
}

seen() { # namespace address port: how many packets arrived for it
	tcpdump -nnr "$work/$1.pcap" "dst host $2 and (tcp dst port $3 or port 0)" \
		2>/dev/null | grep -c . || true
}

# One flow: try it, ask the far side, ask the kernel which rule decided.
flow() { # from to-namespace address port tcp yes|no
	local before after outcome=denied arrived=nothing rule colour=$green source
	before=$(seen "$2" "$3" "$4")
	if timeout 5 ip netns exec "$1" bash -c \
		"exec 3<>/dev/tcp/$3/$4 && echo hi >&3 && read -r -t 3 <&3" 2>/dev/null; then
		outcome=reached
	fi
	after=$(seen "$2" "$3" "$4")
	[ "$after" = "$before" ] || arrived="arrived"
	case $1,$3 in
	alice,*:*) source=fd7a::10 ;;
	bob,*:*) source=fd7a::11 ;;
	alice,*) source=100.64.0.10 ;;
	bob,*) source=100.64.0.11 ;;
	esac
	rule=$(in_exit merlon explain --json "$source" "$3" "tcp:$4" 2>/dev/null |
		jq -r 'if .rule then "line \(.rule.line): \(.rule.text)" else "no rule" end' || true)
	if { [ "$5" = yes ] && [ "$outcome$arrived" != reachedarrived ]; } ||
		{ [ "$5" = no ] && [ "$outcome$arrived" != deniednothing ]; }; then
		colour=$red
		wrong=$((wrong + 1))
	else
		right=$((right + 1))
	fi
	printf '  %-6s %-22s %-9s %s%-8s %-8s%s %s\n' "$1" "$3" "tcp/$4" \
		"$colour" "$outcome" "$arrived" "$off" "$rule"
}

flows_expected() {
	flow alice lan 192.168.7.2 80 yes
	flow alice lan fd00:7::2 80 yes
	flow alice lan 192.168.7.2 22 yes
	flow alice lan fd00:7::2 22 yes
	flow bob lan 192.168.7.2 80 yes
	flow bob lan 192.168.7.2 22 no
	flow bob lan fd00:7::2 22 no
	flow alice lan 192.168.7.9 80 no
	flow alice inet 198.51.100.2 443 yes
	flow bob inet 198.51.100.2 443 no
	flow alice bob 100.64.0.11 8888 yes
	flow alice bob fd7a::11 8888 yes
	flow alice bob 100.64.0.11 22 no
}

open_session() {
	coproc SESSION { ip netns exec alice socat - TCP:192.168.7.2:22 2>/dev/null; }
	session_in=${SESSION[1]} session_out=${SESSION[0]}
}

session_alive() {
	local answer
	echo "are you there" >&"$session_in" || return 1
	read -r -t 4 answer <&"$session_out" 2>/dev/null && [ -n "$answer" ]
}

summary() {
	title "Summary"
	printf '  kernel %s, merlon.ko %s, %d s\n' "$(uname -r)" \
		"$(cat /sys/module/merlon/version)" "$((SECONDS - started))"
	if [ "$wrong" = 0 ]; then
		printf '  %sAll %d observations are as the policy says.%s\n' "$green" "$right" "$off"
		printf '  What was allowed arrived; what was denied was never seen on the far side;\n'
		printf '  nobody could change that: not a tampered policy, not nft, not a dead daemon.\n'
		exit 0
	fi
	printf '  %s%d of %d observations are not as the policy says.%s\n' \
		"$red" "$wrong" "$((right + wrong))" "$off"
	exit 1
}
