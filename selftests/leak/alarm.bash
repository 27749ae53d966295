# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # row.bash sets what is read here
# Ways that no packet hook sees. Sourced by row.bash. A row that has such ways says
#
#	hole_open WAY		opens the way, where `send` does not do it
#	hole_close WAY		and closes it
#
# and ends with
#
#	row_alarmed NAME [WAY...]	these ways; all of them without WAY
#
# Armed, each of them is tried once. It is refused or held, or the frame leaves and
# `merlon status --json` has NAME in its list "holes" within a second. It has it not
# before the way is opened, and no more when it is closed: what always rings proves
# nothing.

declare -A alarm=()

hole_open() { :; }
hole_close() { :; }

row_alarmed() {
	local name=$1 way

	shift
	[ $# -gt 0 ] || set -- "${ways[@]}"
	for way; do
		alarm[$way]=$name
	done
	row_run
}

# The ways that are held: all others.
held_ways() {
	local way

	for way in "${ways[@]}"; do
		[ -v "alarm[$way]" ] || echo "$way"
	done
}

# names_hole NAME: does the status name it?
names_hole() {
	local status=0

	in_ns node merlon status --json >"$tap_dir/status" 2>&1
	jq -e --arg name "$1" 'any(.holes[]; . == $name)' "$tap_dir/status" \
		>"$tap_dir/output" 2>&1 || status=$?
	[ "$status" -le 1 ] || bail "no holes in the status: $(cat "$tap_dir/status" "$tap_dir/output")"
	return "$status"
}

names_no_hole() { ! names_hole "$1"; }

now_ms() { echo $((${EPOCHREALTIME/[^0-9]/} / 1000)); }

# rings NAME: within a second
rings() {
	local end=$(($(now_ms) + patience_ms / 5))

	until names_hole "$1"; do
		[ "$(now_ms)" -lt "$end" ] || return
	done
}

alarms() {
	local way

	for way in "${ways[@]}"; do
		[ ! -v "alarm[$way]" ] || alarm_try "$way" "${alarm[$way]}"
	done
}

# alarm_try WAY NAME
alarm_try() {
	local opened=0

	if wait_for 5 names_no_hole "$2"; then
		pass "armed: before $1 the status does not name $2"
	else
		stuck=$((stuck + 1)) why="the status names $2 without a reason"
		fail "armed: before $1 the status does not name $2"
	fi
	tried=$((tried + 1))
	hole_open "$1" >"$tap_dir/opened" 2>&1 || opened=$?
	try "$1"
	[ "$opened$sent" = 00 ] || refused=$((refused + 1))
	watch await "$watch" "$look" "$(settled_ms)"
	alarm_judge "$1" "$2"
	hole_close "$1"
}

alarm_judge() {
	if [ "$answer" = no ]; then
		pass "armed: $1 is not seen"
		return
	fi
	leaked=$((leaked + 1))
	if rings "$2"; then
		told=$((told + 1))
		[ -n "$why" ] || why="merlon status: $2"
		pass "armed: $1 is seen, and the status names $2"
	else
		fail "armed: $1 is seen, and the status names $2"
		diag "$(cat "$tap_dir/status")"
	fi
}
