# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What demo/mesh is made of. Sourced after stage.sh.

nodes=(web1 web2 db mon ops)
declare -A tag=([web1]=web [web2]=web [db]=db [mon]=mon [ops]=admin) daemon=() address=()
passphrase=a-passphrase-of-the-demo
url=https://10.9.0.2
chmod 1777 "$work"

in_ns() { ip netns exec "$@"; }

draw_network() {
	cat <<-'END'
	                     ┌── control 10.9.0.2: merlon-control, merlon-signer
	  routers, 10.9.x.1 ─┼── web1    10.9.1.2 ┐
	                     ├── web2    10.9.2.2 │
	                     ├── db      10.9.3.2 ├ each: merlond, wg0, Merlon
	                     ├── mon     10.9.4.2 │
	                     └── ops     10.9.5.2 ┘
	END
}

build_network() {
	local ns number=0

	ip netns add routers
	in_ns routers sysctl -qw net.ipv4.ip_forward=1
	for ns in control "${nodes[@]}"; do
		ip netns add "$ns"
		ip link add eth0 netns "$ns" type veth peer name "to-$ns" netns routers
		ip -n routers -batch - <<-END
		address add 10.9.$number.1/24 dev to-$ns
		link set to-$ns up
		END
		ip -n "$ns" -batch - <<-END
		link set lo up
		address add 10.9.$number.2/24 dev eth0
		link set eth0 up
		route add default via 10.9.$number.1
		END
		number=$((number + 1))
	done
	say "network namespaces, with real routes between them"
}

# ----------------------------------------------------------------- server

control() { in_ns control merlon-control "$1" --config "$work/control.json" "${@:2}"; }

server_init() {
	say "merlon-control init: authority, keys of all roles, store, audit log"
	in_ns control merlon-control init --network mesh --url "$url" --listen 10.9.0.2:443 \
		--directory "$work/server" --config "$work/control.json" --keys "$work/keys" \
		--user daemon --admin-socket "$work/admin.sock" --signer-socket "$work/signer.sock" \
		--signer-directory "$work/ledger" --signer-user nobody \
		--signer-program "$(type -P merlon-signer)" --no-passphrase \
		>"$work/init.out" 2>&1 || die "$(<"$work/init.out")"
	merlon-signer --state-dir "$work/ledger" --key "$work/keys/signing.key" \
		--socket "$work/signer.sock" --user nobody --server-user daemon 2>"$work/signer.log" &
	until_true test -S "$work/signer.sock"
}

server_start() {
	: >"$work/server.log"
	ip netns exec control merlon-control serve --config "$work/control.json" --user daemon \
		>"$work/server.log" 2>&1 &
	until_true grep -q ready: "$work/server.log"
}

server_kill() {
	pkill -9 -x merlon-control
	until_true bash -c '! pgrep -x merlon-control >/dev/null'
	mark ok "kill -9 of merlon-control"
}

die() { echo "$1" >&2; exit 1; }

publish() {
	in_ns control merlon-control policy publish --config "$work/control.json" \
		--policy-key "$work/keys/policy.key" "$1" >"$work/publish.out" 2>&1 ||
		die "$(<"$work/publish.out")"
	say "$(<"$work/publish.out")"
}

backup() {
	control backup --passphrase-fd 3 "$work/server.backup" >"$work/backup.out" 2>&1 \
		3<<<"$passphrase" || die "$(<"$work/backup.out")"
}

restore() {
	control restore --user daemon --force --passphrase-fd 3 "$work/server.backup" \
		>"$work/restore.out" 2>&1 3<<<"$passphrase" || die "$(<"$work/restore.out")"
	while IFS= read -r line; do
		say "$line"
	done <"$work/restore.out"
}

# Whoever has taken the server over has its store: every row, as he likes.
attack_store() {
	sqlite3 "$work/server/store.db" <<-'END'
	UPDATE nodes SET state = 'active' WHERE name = 'ops';
	UPDATE nodes SET tags = 'tag:admin' WHERE name = 'mon';
	UPDATE grants SET uses = 25, revoked = 0;
	DELETE FROM audit_leaves WHERE position > 3;
	END
	say "ops active again, mon an administrator, every key good for 25 machines, audit entries gone"
}

# ------------------------------------------------------------------ nodes

key_make() { # node
	in_ns control merlon-control key create --config "$work/control.json" \
		--membership-key "$work/keys/membership.key" --tag "tag:${tag[$1]}" \
		>"$work/$1.key" 2>"$work/key.err" || die "$(<"$work/key.err")"
}

enrol() { # node
	in_ns "$1" merlon enrol --name "$1" --state-dir "$work/$1" --inbox "$work/$1-inbox" \
		--user nobody --no-start --key-file - <"$work/$1.key" >"$work/enrol.out" 2>&1 ||
		die "$1: $(<"$work/enrol.out")"
	node_start "$1"
}

enrol_again() { # node: with the key of one that is in
	in_ns "$1" merlon enrol --name thief --state-dir "$work/thief" --inbox "$work/thief-inbox" \
		--user nobody --no-start --key-file - <"$work/$1.key" 2>&1
}

# Its peers call it by the new key, as it does itself.
has_rotated() { # node peer...
	local peer

	for peer in "${@:2}"; do
		[ -n "$(peer_of "$peer" "$1")" ] || return 1
	done
	[ "$(in_ns "$1" wg show wg0 public-key)" = "$(key_of "$1")" ]
}

# The session is spoken to, whatever the keys are; $silence: its longest, in ms.
silence=0
talk_until() { # COMMAND…
	local begin=${EPOCHREALTIME/[.,]/} took

	session_alive 30 || return
	took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
	[ "$took" -le "$silence" ] || silence=$took
	"$@"
}

rotate() { # node
	local old node peers=()

	old=$(key_of "$1")
	for node in "${nodes[@]}"; do
		[ -z "$(peer_of "$node" "$1")" ] || peers+=("$node")
	done
	in_ns "$1" merlon rotate --state-dir "$work/$1" --inbox "$work/$1-inbox" --user nobody \
		>"$work/rotate.out" 2>&1 || die "$1: $(<"$work/rotate.out")"
	until_true talk_until has_rotated "$1" "${peers[@]}"
	talk_until true
	if [ "$(key_of "$1")" = "$old" ]; then
		mark bad "$1 has its old key"
	else
		mark ok "$1 has another identity key and another WireGuard key; ${#peers[@]} peers know it by that"
	fi
}

expect() { # what refused COMMAND…
	local answer

	if answer=$("${@:3}"); then
		mark bad "$1: accepted"
	else
		mark ok "$1: $2"
		say "it said: $(tail -n 1 <<<"${answer#merlon: }")"
	fi
}

node_start() { # node
	ip netns exec "$1" merlond --state-dir "$work/$1" --inbox "$work/$1-inbox" \
		--socket "$work/$1.sock" --user nobody 2>>"$work/$1.log" &
	daemon[$1]=$!
}

# The address that the signer gave it.
tunnel_address() { # node
	ip -n "$1" -4 -o address show dev wg0 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }'
}
has_address() { [ -n "$(tunnel_address "$1")" ]; }
key_of() { wg pubkey <"$work/$1/wireguard.key"; }
peer_of() { in_ns "$1" wg show wg0 allowed-ips | grep -F "$(key_of "$2")" || true; }
generation() { in_ns "$1" merlon status --json | jq -r '"\(.generation.epoch).\(.generation.serial)"'; }
# shellcheck disable=SC2154 # of the scene
newer_generation() { [ "$(generation web1)" != "$before" ]; }
expect_no_peer() { # who could have brought it back
	if [ -z "$(peer_of web1 ops)" ]; then
		mark ok "ops, which was revoked, is nobody's peer"
	else
		mark bad "$1 brought a revoked node back"
	fi
}
gone() { [ -z "$(peer_of "$1" "$2")" ]; }
knows() { # node: where all of its peers are
	! in_ns "$1" wg show wg0 endpoints | grep -q '(none)' && [ -n "$(in_ns "$1" wg show wg0 endpoints)" ]
}

# Until it has what the newest policy gives it; then it is armed, watched, and serves.
settle() { # node
	local port

	until_true has_address "$1"
	until_true knows "$1"
	address[$1]=$(tunnel_address "$1")
	in_ns "$1" merlon arm --scope tunnels --reason demo >/dev/null
	in_ns "$1" tcpdump -lnnqi wg0 --immediate-mode tcp >"$work/$1.seen" 2>"$work/$1.tcpdump" &
	until_true grep -q listening "$work/$1.tcpdump"
	for port in 22 5432 9100; do
		in_ns "$1" socat "TCP4-LISTEN:$port,fork,reuseaddr" PIPE 2>/dev/null &
	done
}

restart_node() { # node
	kill "${daemon[$1]}"
	wait "${daemon[$1]}" || true
	ip -n "$1" link del wg0
	node_start "$1"
	until_true has_address "$1"
	until_true knows "$1"
	in_ns "$1" tcpdump -lnnqi wg0 --immediate-mode tcp >"$work/$1.seen" 2>"$work/$1.tcpdump" &
	until_true grep -q listening "$work/$1.tcpdump"
}

# ------------------------------------------------------------------ flows

table_head() {
	printf '\n  %s%-6s %-6s %-9s %-9s %s%s\n' "$bold" from to service outcome "far side" "$off"
}

seen() { # node from port
	local line count=0

	while IFS= read -r line; do
		[[ $line != *"IP ${address[$2]}."*"> ${address[$1]}.$3:"* ]] || count=$((count + 1))
	done <"$work/$1.seen"
	echo "$count"
}
has_seen_more() { [ "$(seen "$1" "$2" "$3")" -gt "$4" ]; }

# shellcheck disable=SC2016
knock() { # from to port
	in_ns "$1" timeout $((6 * patience)) bash -c '
		exec 3<>"/dev/tcp/$0/$1" && echo hi >&3 && read -r <&3' "${address[$2]}" "$3" 2>/dev/null
}

flow() { # from to port reached|denied
	local before outcome=denied arrived=nothing colour=$green

	before=$(seen "$2" "$1" "$3")
	! knock "$1" "$2" "$3" || outcome=reached
	[ "$outcome" = denied ] || until_true has_seen_more "$2" "$1" "$3" "$before"
	! has_seen_more "$2" "$1" "$3" "$before" || arrived=arrived
	case $4,$outcome,$arrived in
	reached,reached,arrived | denied,denied,nothing) right=$((right + 1)) ;;
	*)
		colour=$red
		wrong=$((wrong + 1))
		;;
	esac
	printf '  %-6s %-6s %-9s %s%-9s %s%s\n' "$1" "$2" "tcp:$3" "$colour" "$outcome" "$arrived" "$off"
}

flows_all() {
	table_head
	flow web1 db 5432 reached
	flow web2 db 5432 reached
	flow mon web1 9100 reached
	flow mon db 9100 reached
	flow ops web2 22 reached
	flow web1 web2 22 denied
	flow mon web1 22 denied
	flow db web1 9100 denied
	flow ops db 5432 denied
}

flows_again() {
	table_head
	flow web1 db 5432 reached
	flow web2 db 5432 reached
	flow mon web2 9100 reached
	flow mon web2 22 denied
	flow ops web1 22 denied
}

open_session() { # from to port
	mkfifo "$work/session.in" "$work/session.out"
	in_ns "$1" socat - "TCP:${address[$2]}:$3" <"$work/session.in" >"$work/session.out" 2>/dev/null &
	exec 15>"$work/session.in" 16<"$work/session.out"
}

session_alive() {
	local answer=

	echo "are you there" >&15
	read -r -t $(($1 * patience)) answer <&16 || true
	[ -n "$answer" ]
}
