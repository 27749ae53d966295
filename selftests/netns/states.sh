#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2046,SC2154 # options of sendpkt are words; tap.sh sets the rest
# timeout: 900
# Lockdown, expired, observing; tunnels that the policy does not name or leaves
# alone; what other rules and routes do around Merlon. The scene is drawn in
# common.bash.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene
mute alice lan
paths="a2l l2a a2b a2g g2a"

# What is sent while nothing passes has no marker behind it. So: one of each now,
# and the counts are read when a later marker has arrived.
declare -A was
# shellcheck disable=SC2086
attempt() {
	local f path

	for path in $paths; do
		ask count $path
		was[$path]=$answer
		for f in 4 6; do
			send $path $(ends $path $f) proto=udp sport=5000 dport=7
		done
	done
}

# none WHAT: none of them arrived. Markers pass by now.
none() {
	local path

	for path in $paths; do
		stopped $path "$1, $path: a later packet that is denied" \
			$(ends $path 4) proto=udp sport=1 dport=9
		ask count $path
		is "$answer" "${was[$path]}" "$1, $path: nothing passed"
	done
}

# shellcheck disable=SC2086
everything() {
	local f path

	for path in $paths; do
		for f in 4 6; do
			"$1" $path "$2, IPv$f $path" $(ends $path $f) proto=udp \
				sport=$((RANDOM + 1024)) dport="${3:-7}"
		done
	done
}

# --- lockdown -------------------------------------------------------------------

everything passes "disarmed"
must wall arm
is "$(wall state)" lockdown "armed without a generation is lockdown"
attempt
before=$(denied lockdown)
ok "lockdown counts what it stops" [ "$before" -ge 8 ]
ok "lockdown leaves the wire alone" n lan ping -c1 -W5 10.9.0.1
ok "in IPv6 too" n lan ping -c1 -W5 fd09::1
wall_load <<<"allow * * udp/7"
none lockdown
everything passes "loaded"

# --- expired --------------------------------------------------------------------

expire() {
	{
		echo "tunnel wg0"
		echo "allow * * udp/7"
	} | wall load --lifetime 1 && wait_for 5 eval '[ "$(wall state)" = expired ]'
}
ok "a generation expires" expire
attempt
ok "expired is counted" [ "$(denied expired)" -ge 8 ]
wall_load <<<"allow * * udp/7"
none expired
everything passes "renewed"

# --- observing ------------------------------------------------------------------

wall events 30 >"$tap_dir/events" 2>&1 &
events=$!
must wall arm observing
is "$(wall state)" observing "observing is a state"
wall_load <<<"drop * * udp/8"
hits=$(wall hits "drop * * udp/8")
everything passes "observing a deny" 8
is "$(wall hits "drop * * udp/8")" $((hits + 10)) "what would have been denied is counted"
everything passes "observing no rule" 9
ok "events say that it was observed" \
	wait_for 5 grep -q "rule drop.* observed$" "$tap_dir/events"
must wall disarm
must wall arm observing
before=$(denied lockdown)
everything passes "observing, no generation"
ok "which is counted as lockdown" [ "$(denied lockdown)" -ge $((before + 8)) ]
must wall disarm
must wall arm
wall_load <<<"drop * * udp/8"
everything stopped "enforcing the same" 8
ok "events say that it was denied" wait_for 5 grep -q "rule drop.*length=28$" "$tap_dir/events"
kill $events

# --- tunnels that are not named, or left alone --------------------------------------

is_expired() { [ "$(wall state)" = expired ]; }

# tunnels LINE: in place of "tunnel wg0"
tunnels() {
	{
		echo "$1"
		echo "allow * * udp/7"
	} | wall load >"$tap_dir/load" 2>&1 || bail "load: $(cat "$tap_dir/load")"
}
tunnels "tunnel wg8"
attempt
ok "an unknown tunnel is counted as such" [ "$(denied unknown-tunnel)" -ge 8 ]
wall_load <<<"allow * * udp/7"
none "unknown tunnel"
everything passes "known tunnel"
tunnels "ignore wg0"
everything passes "ignored tunnel: what rules allow"
everything passes "ignored tunnel: what they do not" 8

# From a judged tunnel into an ignored one: judged.
wg_dev gate wg1 10.7.0.254/24 51821
wg_dev bob wg1 10.7.0.2/24 51821
wg_peer gate wg1 bob wg1 10.7.0.2/32 198.51.100.1
wg_peer bob wg1 gate wg1 0.0.0.0/0 198.51.100.254
path a2i alice wg0 packet bob wg1
ask marker "a2i src=10.0.0.1 dst=10.7.0.2 proto=tcp dport=4999 flags=S"
wall_load <<'RULES'
ignore wg1
allow * * udp/7
RULES
before=$(wall hits "allow * * udp/7")
passes a2i "into an ignored tunnel, allowed" src=10.0.0.1 dst=10.7.0.2 proto=udp dport=7
stopped a2i "into an ignored tunnel, not allowed" src=10.0.0.1 dst=10.7.0.2 proto=udp dport=8
is "$(wall hits "allow * * udp/7")" $((before + 1)) "judged once"

# Not Merlon's business, also when the generation is too old; the way into it is.
path b2i bob wg1 packet gate wg1
ask marker "b2i src=10.7.0.2 dst=10.7.0.254 proto=udp dport=8"
printf '%s\n' "ignore wg1" "tunnel wg0" "allow * * udp/7" |
	wall load --lifetime 1 >"$tap_dir/load" 2>&1 || bail "load: $(cat "$tap_dir/load")"
ok "it expires" wait_for 10 is_expired
passes b2i "expired: the ignored tunnel is left alone" \
	src=10.7.0.2 dst=10.7.0.254 proto=udp dport=8
before=$(denied expired)
send a2i src=10.0.0.1 dst=10.7.0.2 proto=udp dport=7
ok "expired: the way from another tunnel into it is closed" \
	wait_for 10 eval "[ \"\$(denied expired)\" -gt $before ]"

# --- others' rules and routes --------------------------------------------------------

wall_load <<<"allow * * udp/7"
must n gate nft flush ruleset
everything stopped "nft flush ruleset opens nothing" 8
everything passes "nor closes anything"

# Sent to lan, rerouted into the tunnel after LOCAL_OUT.
must ip -n gate route add 203.0.113.0/24 via 10.9.0.2
must ip -n gate route add 203.0.113.0/24 dev wg0 table 100
must ip -n gate rule add fwmark 1 table 100
must n gate wg set wg0 peer "${wg_public[bob/wg0]}" \
	allowed-ips 10.0.0.2/32,fd00::2/128,203.0.113.0/24
must n gate nft -f - <<'NFT'
table ip reroute {
	chain c {
		type route hook output priority 0;
		ip daddr 203.0.113.0/24 meta mark set 1
	}
}
NFT
path r2b gate lan0 raw bob wg0
must n gate nft insert rule ip reroute c udp dport 9 accept
ask marker "r2b src=10.0.0.254 dst=10.0.0.2 proto=tcp dport=4999 flags=S"

# Not bound to a device: a bound one does not follow marks.
reroute() {
	n gate bash -c "echo x >/dev/udp/203.0.113.9/$1"
}
capture_start rerouted bob wg0 in "dst host 203.0.113.9 and udp"
ok "rerouted into the tunnel, allowed" reroute 7
ok "rerouted into the tunnel: arrives" capture_seen rerouted 1
not_ok "rerouted into the tunnel, denied: the sender is told" reroute 8
ok "after it, an allowed one" reroute 7
ok "which arrives" capture_seen rerouted 2
is "$(capture_stop rerouted)" 2 "and the denied one does not"

done_testing
