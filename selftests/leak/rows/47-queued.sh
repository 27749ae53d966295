#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# What WireGuard holds back while it waits for a handshake is past every hook:
# armed afterwards, it still goes, encrypted, to its peer. This row is measured,
# and stands in the threat model.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=47 title="queued in WireGuard before a revocation"
ways=(queued4 queued6)
queued=20

# More than one by each way, to a peer that cannot be reached.
fill() {
	local i

	looks=()
	must ip -n far link set eth1 down
	peer_forget
	peer_set 4
	for ((i = 0; i < queued; i++)); do
		f=$((i % 2 ? 4 : 6))
		new_marker
		looks+=("$look")
		shoot udp wg0 "${at[tunpeer$f]}" 7777
	done
}

# They go when the peer can be reached: sets $came
drain() {
	local last

	must ip -n far link set eth1 up
	must ip -n far addr replace 2001:db8:2::fe/64 dev eth1 nodad
	watch await tunnel "${looks[queued - 1]}" $((10000 + patience_ms))
	came=0
	for last in "${looks[@]}"; do
		watch count tunnel "$last"
		[ "$answer" = 0 ] || came=$((came + 1))
	done
}

row_measure() {
	at_exit unreported
	scene
	fill
	drain
	is "$came" "$queued" "not armed: what was queued goes when the peer is there" &&
		seen=${#ways[@]}
	if [ -n "${MERLON_LEAK_CONTROL:-}" ]; then
		report "$(verdict)"
		done_testing
		return
	fi
	fill
	if ! row_arm; then
		report "not tested"
		done_testing
		return
	fi
	drain
	tried=$queued leaked=$came
	why="$came of $queued queued before arming went afterwards, to their peer"
	diag "$why"
	fill
	drain
	is "$came" 0 "armed: nothing new is queued"
	[ "$came" = 0 ] || why="packets were queued while armed"
	ok "it stands in the threat model" grep -q 'WireGuard had queued' docs/threat-model.md
	ok "disarmed" disarm
	if [ "$tap_failed" = 0 ]; then report measured; else report "not tested"; fi
	done_testing
}

row_measure
