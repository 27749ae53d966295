# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # rows and tap.sh set what is read here
# What a row of the leak bench is made of. A row sources this, says
#
#	row=28 title="AF_PACKET"	its number and way in the list
#	ways=(raw4 raw6)		what it tries; the last character is the family
#	setup()				what it needs beyond scene.bash
#	send WAY			one try, not checked here: it may be refused
#	allowed				what must pass while armed, by `passes`; DHCP does
#	teardown()
#
# and ends with row_run, or as alarm.bash has it. `send` finds $marker (16
# characters, new for each try) and $f (4 or 6), and says by $look (bytes in hex;
# the marker's if not set) and $watch (wire; tunnel is inside the tunnel, behind
# it) what gives it away.
#
# For each row: every way is seen outside while not armed, or the row was not
# tested; armed, no try is seen; what is allowed passes; disarmed, every way is
# seen again. A try counts as not seen when what was sent behind it has arrived
# and three times as long has passed as the slowest way took when not armed.
#
#	MERLON_LEAK_CONTROL=1	only the part that is not armed
#	MERLON_LEAK_STATE	lockdown: armed, no policy
#	MERLON_LEAK_RESULT	as result.bash has it

# shellcheck source=../lib/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/tap.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
tools=$PWD/build/user/tools
# shellcheck source=scene.bash
. selftests/leak/scene.bash
# shellcheck source=result.bash
. selftests/leak/result.bash
# shellcheck source=alarm.bash
. selftests/leak/alarm.bash

state=${MERLON_LEAK_STATE:-lockdown}
tries=3 settle_ms=200
wan=eth0	# the device that has the node's addresses
patience_ms=$((5000 * ${MERLON_PATIENCE:-1}))
shown=0
# Frames are in order where one processor sends them.
taskset -pc 0 $$ >/dev/null

setup() { :; }
teardown() { :; }

# --- the judge ----------------------------------------------------------------------

# watch COMMAND...: as leakwatch.c has it; sets $answer
watch() {
	echo "$*" >&"${WATCH[1]}"
	read -rt 600 answer <&"${WATCH[0]}" || bail "the judge is gone ('$*')"
}

# hex TEXT: sets $hex
hex() {
	local i byte

	hex=''
	for ((i = 0; i < ${#1}; i++)); do
		printf -v byte %02x "'${1:i:1}"
		hex+=$byte
	done
}

# hex_address ADDRESS...: prints their bytes
hex_address() {
	local addr word head tail

	for addr; do
		if [[ $addr != *:* ]]; then
			# shellcheck disable=SC2046,SC2086
			printf %02x $(IFS=. && echo $addr)
			continue
		fi
		head='' tail=''
		for word in $(tr : ' ' <<<"${addr%%::*}"); do
			printf -v head %s%04x "$head" "0x$word"
		done
		[[ $addr != *::* ]] || for word in $(tr : ' ' <<<"${addr#*::}"); do
			printf -v tail %s%04x "$tail" "0x$word"
		done
		printf '%s%0*d%s' "$head" $((32 - ${#head} - ${#tail})) 0 "$tail" |
			head -c 32
	done
}

# look_tuple TO SPORT DPORT: a frame to that address, with those ports
look_tuple() { printf -v look %s%04x%04x "$(hex_address "$1")" "$2" "$3"; }

mac_hex() { echo "${1//:/}"; }

new_marker() {
	printf -v marker %08x%08x $SRANDOM $SRANDOM
	hex "$marker"
	look=$hex watch=wire
}

# --- sending ------------------------------------------------------------------------

# in_ns NS COMMAND...: without what `ip netns exec` mounts
in_ns() { nsenter --net="/run/netns/$1" "${@:2}"; }

leak_in() { "$tools/leakpkt" -n "$@"; }

leak() { leak_in node "$@"; }

random_port() { echo $((SRANDOM % 20000 + 30000)); }

# shoot udp|tcp|icmp|hdrincl DEVICE|- TO PORT [OPTION...]: from $from_ns, or node;
# with $from as its address where the whole packet is made by hand
shoot() {
	local kind=$1 dev=$2 to=$3 port=$4 sport
	local run=(leak_in "${from_ns:-node}" "${@:5}")

	case $kind in
	udp) "${run[@]}" udp "$dev" dst="$to" dport="$port" text="$marker" ;;
	tcp)
		sport=$(random_port)
		look_tuple "$to" "$sport" "$port"
		"${run[@]}" tcp "$dev" dst="$to" sport="$sport" dport="$port"
		;;
	icmp)
		if [[ $to == *:* ]]; then
			"${run[@]}" raw "$dev" dst="$to" proto=icmp6 type=128 text="$marker"
		else
			"${run[@]}" raw "$dev" dst="$to" proto=icmp type=8 text="$marker"
		fi
		;;
	hdrincl)
		"${run[@]}" hdrincl "$dev" src="${from:-${at[node$f]}}" dst="$to" proto=udp \
			sport=4000 dport="$port" text="$marker"
		;;
	*) bail "shoot: $kind" ;;
	esac
}

# A DNS query for the TXT record of MARKER.example.com, as hex
dns_hex() {
	hex "$marker"
	echo "4d4c0100000100000000000010${hex}076578616d706c6503636f6d0000100001"
}

# ask_name udp|tcp DEVICE TO PORT: a query, or the connection for one
ask_name() {
	if [ "$1" = tcp ]; then
		shoot tcp "$2" "$3" "$4"
	else
		leak -x "$(dns_hex)" udp "$2" dst="$3" dport="$4"
	fi
}

# resolve WAY PORT: a resolver that everybody knows; WAY is device-tcp4, tunnel-udp6, …
resolve() {
	local kind=${1#*-}

	case $1 in
	device-*) shoot "${kind%?}" eth0 "${at[doh$f]}" "$2" ;;
	tunnel-*) watch=tunnel && shoot "${kind%?}" - "${at[doh$f]}" "$2" ;;
	esac
}

# --- probing ------------------------------------------------------------------------
# The gateway asks, and what the node says to that is looked for.

# probe TO FIELD...: to the node's device, whatever routes say
probe() {
	leak_in far -d $node_mac packet eth0 src="${at[gw$f]}" dst="$1" "${@:2}"
}

# probe_by closed|open|echo|udp TO [FIELD...]: TO listens on port 7
probe_by() {
	case $1 in
	closed) probe_tcp "$2" 7999 ;;
	open) probe_tcp "$2" 7 ;;
	echo)
		if [ "$f" = 4 ]; then
			probe "$2" proto=icmp type=8 id=7 text="$marker" "${@:3}"
		else
			probe "$2" proto=icmp6 type=128 id=7 text="$marker" "${@:3}"
		fi
		;;
	udp) probe "$2" proto=udp sport=4000 dport=7999 text="$marker" ;;
	*) bail "probe_by: $1" ;;
	esac
}

# probe_tcp TO PORT: answered from that port, to this try's
probe_tcp() {
	local sport

	sport=$(random_port)
	look_tuple "${at[gw$f]}" "$2" "$sport"
	look=$(hex_address "$1")$look
	probe "$1" proto=tcp flags=S sport="$sport" dport="$2" seq=$((SRANDOM / 2))
}

# --- what lockdown lets through -----------------------------------------------------

# A DHCP DISCOVER that carries the marker, as its host name
discover() {
	local zero

	printf -v zero '%0416d' 0	# addresses but chaddr; sname; file
	hex "$marker"
	leak -x "01010600${hex:0:8}00008000${zero:0:32}$(mac_hex $node_mac)${zero:0:404}63825363\
3501010c10${hex}ff" packet eth0 src=0.0.0.0 dst=255.255.255.255 proto=udp sport=68 dport=67
}

# passes DESCRIPTION WATCH HEX: seen in time
passes() {
	checks=$((checks + 1))
	watch await "$2" "$3" "$patience_ms"
	if [ "$answer" != no ]; then
		passed=$((passed + 1))
		pass "armed: $1"
	else
		fail "armed: $1"
	fi
}

# What was sent before this has arrived, if it ever does.
fence() {
	new_marker
	discover >"$tap_dir/sent" 2>&1
	passes "DHCP DISCOVER passes" wire "$look"
}

# gateway_asks FAMILY permanent|stale: permanent: not for the node; who asks tells
# his own address, and need not be asked for it
gateway_asks() {
	must ip -n far neigh replace "${at[node$1]}" lladdr $node_mac dev eth0 nud "$2"
}

# handshake FAMILY: WireGuard's initiation, after the gateway was asked for
handshake() {
	local f=$1 outer

	peer_forget
	gateway_asks "$f" permanent
	# ORDER: whoever asks for the gateway next is seen, if it is not WireGuard.
	watch clear
	ip -n node neigh flush to "${at[gw$f]}" dev $wan
	peer_set "$f" persistent-keepalive 1
	outer=$(hex_address "${at[node$f]}" "${at[end$f]}")
	if [ "$f" = 4 ]; then
		passes "ARP for the gateway passes" wire \
			"0001$(mac_hex $node_mac)$(hex_address "${at[node4]}")000000000000$(hex_address "${at[gw4]}")"
	else
		passes "NDP for the gateway passes" wire \
			"00000000$(hex_address "${at[gw6]}")0101$(mac_hex $node_mac)"
	fi
	gateway_asks "$f" stale
	passes "WireGuard's handshake passes, IPv$f" wire "${outer}ca6cca6c009c"
	checks=$((checks + 1))
	if wait_for 10 shook; then
		passed=$((passed + 1))
		pass "armed: and is answered, IPv$f"
	else
		fail "armed: and is answered, IPv$f"
	fi
}

shook() { [[ $(n node wg show wg0 latest-handshakes) != *$'\t'0 ]]; }

allowed() {
	handshake 4
	handshake 6
	peer_set 4 persistent-keepalive 0
}

# --- arming -------------------------------------------------------------------------

arm() {
	case $state in
	lockdown) in_ns node "$tools/askd" kernel arm everything enforcing ;;
	*) bail "no state '$state'" ;;
	esac
}

disarm() { in_ns node "$tools/askd" kernel disarm; }

# --- a row's run --------------------------------------------------------------------

# try WAY: sends once; sets $look, $watch, $sent
try() {
	f=${1: -1}
	new_marker
	sent=0
	send "$1" >"$tap_dir/sent" 2>&1 || sent=$?
}

# shows WHEN: each way is seen outside; counts into $shown
shows() {
	local way

	shown=0
	for way in "${ways[@]}"; do
		hole_open "$way" >"$tap_dir/opened" 2>&1 || diag "$(cat "$tap_dir/opened")"
		try "$way"
		watch await "$watch" "$look" "$patience_ms"
		if [ "$answer" != no ]; then
			pass "$1: $way is seen ($answer ms)"
			shown=$((shown + 1))
			[ "$answer" -le "$slowest" ] || slowest=$answer
		else
			fail "$1: $way is seen"
			sed 's/^/#   /' "$tap_dir/sent"
			diag "status $sent; looked at $watch for $look"
			watch dump "$watch"
			diag "$(fold -w 132 <<<"$answer" | tail -n 20)"
		fi
		hole_close "$way"
	done
	watch clear
}

# Long enough for what leaves to arrive.
settled_ms() { echo $((slowest * 3 > settle_ms ? slowest * 3 : settle_ms)); }

# holds WAY...: no try of any of them is seen
holds() {
	local way i count tried_ways=() looks=() watches=()

	for way; do
		for ((i = 0; i < tries; i++)); do
			try "$way"
			[ "$sent" = 0 ] || refused=$((refused + 1))
			tried_ways+=("$way") looks+=("$look") watches+=("$watch")
		done
	done
	fence
	watch await "$watch" "$look$look" "$(settled_ms)"
	for way; do
		count=0
		for i in "${!looks[@]}"; do
			[ "${tried_ways[i]}" = "$way" ] || continue
			watch count "${watches[i]}" "${looks[i]}"
			[ "$answer" = 0 ] || count=$((count + 1))
		done
		tried=$((tried + tries)) leaked=$((leaked + count))
		is "$count" 0 "armed: of $tries tries of $way none is seen" || true
	done
}

# row_arm: 1, and why, if it could not be armed
row_arm() {
	if ! arm >"$tap_dir/output" 2>&1; then
		why="not armed: $(tail -n 1 "$tap_dir/output")"
		fail "armed ($why)"
		return 1
	fi
}

# What is tried while armed; for rows that have more than one part of it.
row_judge() {
	# shellcheck disable=SC2046
	holds $(held_ways)
	alarms
	allowed
}

# The part with Merlon; 1: it could not be armed.
row_armed() {
	row_arm || return
	row_judge
	ok "disarmed" disarm
	shows "disarmed"
	again=$shown
}

row_run() {
	at_exit unreported
	scene
	setup
	shows "not armed"
	seen=$shown
	if [ -n "${MERLON_LEAK_CONTROL:-}" ] || row_armed; then
		report "$(verdict)"
	else
		report "not tested"
	fi
	teardown
	done_testing
}

# row_outside: a way that no packet hook sees. What there is to check is that the
# threat model says so, in a line of its table with "(way 22)" or "(ways 22, 35)".
row_outside() {
	why="no packet hook: docs/threat-model.md"
	if ok "the threat model speaks of way $row" \
		grep -qE "^\|.*\(ways? ([0-9]+, )*$row(, [0-9]+)*\)" docs/threat-model.md; then
		report "stated"
	else
		why="docs/threat-model.md has no line with (way $row)"
		report "not tested"
	fi
	done_testing
}
