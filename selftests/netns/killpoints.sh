#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 2400
# merlond, all three processes at once, is killed as it is about to make the
# N-th system call of an apply; then it is started again, in the same namespace
# or (every other time) after a reboot, as far as the kernel's memory goes.
#
#	gate: lo only; real module, real files
#
# At every N must hold:
#   - what a client was told is applied, is applied
#   - neither kernel nor watermark go back, and not across the reboot either
#   - the watermark is never above the kernel's generation
#   - restarted, the two agree, and the bundle kept is the one in force
#   - the same bundle, offered again, ends up in force
#
# MERLON_LENGTH=long: every N, both ways, for a load and for a renewal, and
# every fourth system call of a restart; else a spread of them.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/merlond.bash"

long=''
[ "${MERLON_LENGTH:-${MERLON_LONG:+long}}" != long ] || long=1
serial=1 bad=0 killed=0

problem() {
	bad=$((bad + 1))
	diag "N=$at ($how, $way, killed at: ${where:-not}): $*"
}

md_reset() {
	ip netns add gate
	must ip -n gate link set lo up
}

reboot() {
	ip netns del gate
	md_reset
}

# EPOCH.SERIAL as a number; epochs are 1 throughout.
number() { echo "${1#*.}"; }

# Applies $1 under killat; sets acknowledged, where.
strike() {
	local status=0 said

	# shellcheck disable=SC2046
	said=$("$tools/killat" "$at" $(md_pids) -- "$tools/askd" --socket "$md_dir/socket" \
		apply "$1" 2>/dev/null) || status=$?
	acknowledged='' where=''
	grep -q '"code":0' <<<"$said" && acknowledged=1
	[ "$status" != 99 ] || where=$(sed -n 's/^killed //p' <<<"$said")
	[ -z "$where" ] || killed=$((killed + 1))
	survived=$(sed -n 's/^survived //p' <<<"$said")
	return 0
}

# Before the restart: what the kernel and the directory say.
check_wreck() {
	kernel_then=$(number "$(kernel_says generation)")
	mark_then=$(number "$(watermark)")
	[ "$kernel_then" = $((serial - 1)) ] || [ "$kernel_then" = "$serial" ] ||
		problem "the kernel has $kernel_then"
	[ "$mark_then" = $((serial - 1)) ] || [ "$mark_then" = "$serial" ] ||
		problem "the watermark is $mark_then"
	[ "$mark_then" -le "$kernel_then" ] ||
		problem "watermark $mark_then is above the kernel's $kernel_then"
	[ -z "$acknowledged" ] || [ "$mark_then$kernel_then" = "$serial$serial" ] ||
		problem "acknowledged, but kernel $kernel_then, watermark $mark_then"
}

check_restart() {
	local kernel_now mark_now

	kernel_now=$(number "$(kernel_says generation)")
	mark_now=$(number "$(watermark)")
	[ "$kernel_now" -ge "$kernel_then" ] ||
		problem "the kernel went back from $kernel_then to $kernel_now"
	[ "$kernel_now" = "$mark_now" ] ||
		problem "kernel $kernel_now and watermark $mark_now do not agree"
	cmp -s "$md_dir/b$kernel_now.bundle" "$md_dir/state/accepted.bundle" ||
		problem "accepted.bundle is not that of $kernel_now"
	[ ! -e "$md_dir/state/candidate.bundle" ] || problem "a candidate is left over"
}

check_again() {
	local code

	code=$(apply_code "$1")
	[ "$code" = 0 ] || [ "$code" = -114 ] || problem "offered again: $code"
	kernel_has generation "1.$serial" || problem "offered again, and not in force"
	[ "$(watermark)" = "1.$serial" ] || problem "offered again: watermark $(watermark)"
	[ "$(find "$md_dir/state" -name '.*.tmp' | wc -l)" = 0 ] ||
		problem "temporary files are left over"
}

# What is allowed differs, so that it is loaded; or does not: it is renewed.
next_bundle() {
	local allow=all

	serial=$((serial + 1))
	[ "$how" != load ] || [ $((serial % 2)) = 0 ] || allow=icmp
	next=$(bundle "b$serial" "serial=$serial" "allow=$allow")
	rm -f "$md_dir/b$((serial - 2)).bundle"
}

one_point() {
	next_bundle
	strike "$next"
	if [ -n "$where" ]; then
		wait "$md_pid" 2>/dev/null
		check_wreck
		[ "$way" = restart ] || reboot
		md_start
		check_restart
	fi
	check_again "$next"
}

# points FIRST LAST STEP
points() {
	local before=$bad first=$killed

	for ((at = $1; at <= $2; at += $3)); do
		one_point
	done
	is "$bad" "$before" "$how, $way: all holds, killed at $((killed - first)) points"
	ok "$how, $way: it was killed" [ "$killed" -gt "$first" ]
}

# How many calls an apply makes: one that nobody kills.
measure() {
	at=0
	next_bundle
	strike "$next"
	total=$survived
	diag "$how: $total system calls"
	ok "$how: the calls of an apply can be counted" [ "$total" -gt 60 ]
}

must modprobe merlon
md_reset
at_exit ip netns del gate
md_setup gate
export MD_PATIENCE=60
plan $((long ? 14 : 10))
md_start
is "$(apply_code "$(bundle b1 serial=1 allow=icmp)")" 0 "a first bundle"
for how in load renew; do
	measure
	step=$((long ? 1 : total / 10))
	for way in restart reboot; do
		[ -n "$long" ] || [ "$how$way" != renewreboot ] || continue
		points $((long ? 1 : 5)) "$total" "$step"
	done
done
if [ -z "$long" ]; then
	ok "merlond still answers" md_answers
	exit
fi

# --- killed while it starts, with a bundle half applied ---------------------
# The death before is where the kernel has the generation and nobody else.
start_points() {
	local i before=$bad

	how=start way=restart
	for ((i = 1; i <= 1400; i += 4)); do
		next_bundle
		at=66
		strike "$next"
		wait "$md_pid" 2>/dev/null
		check_wreck
		at=$i
		where=$(n gate "$tools/killat" "$i" --start "$merlond" "${md_options[@]}" \
			2>>"$md_log" | sed -n 's/^killed //p')
		md_start
		check_restart
		check_again "$next"
		[ -n "$where" ] || break
	done
	is "$bad" "$before" "killed at every fourth call of a start, up to $i: all holds"
}
start_points
