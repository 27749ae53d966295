#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# The policy goes on without its daemon, until it expires; then it is lockdown.
# merlond has a signed policy that lets ICMP through the tunnel, scope everything.
# Each try brings it up and has it
#
#	killed		SIGKILL to its three processes at once
#	oom		by the kernel's own OOM killer: its control group gets less memory than it takes
#	stopped		told to end
#	replaced	ended, and another copy of the program started in its place
#
# and then sends by the device what may only go through the tunnel, and through the
# tunnel what the policy does not speak of. Expired: what it did allow.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"
# shellcheck source=../../netns/merlond.bash
. selftests/netns/merlond.bash

row=39 title="daemon SIGKILL, out of memory, upgrade, stopped for good"
valid=({killed,oom,stopped,replaced}-{device,tunnel}{4,6})
over=(expired-{device,tunnel}{4,6})
ways=("${valid[@]}" "${over[@]}")
state=policy tries=2
daemon=''	# is there to be one?

setup() {
	md_setup node
	must mkdir "$tap_dir/next"
	must cp "$merlond" "$tap_dir/next/merlond"
	md_group_add /sys/fs/cgroup/leak-merlond
	why="a signed policy, scope everything"
}

# apply SERIAL SECONDS
apply() {
	local reply

	bundle "$1" serial="$1" scope=everything expires="$2" >"$tap_dir/output" || bail "no bundle"
	reply=$(apply_code "$md_dir/$1.bundle")
	[ "$reply" = 0 ] || bail "bundle $1 is refused: $reply"
}

arm() {
	daemon=1
	md_start
	apply 1 86400
	kernel arm everything enforcing && ask armed everything enforcing
}

disarm() {
	daemon=''
	md_kill
	kernel disarm
}

# --- how it ends ------------------------------------------------------------------

replace() {
	local next=$tap_dir/next/merlond

	[ "$merlond" != "$next" ] || next=$PWD/build/user/merlond
	md_stop || bail "merlond did not end well"
	merlond=$next
}

ends() {
	[ -n "$daemon" ] || return 0
	[ -n "$(md_pids)" ] || md_start
	case $1 in
	killed) md_kill ;;
	oom) md_oom || bail "it was not the OOM killer" ;;
	stopped) md_stop || bail "merlond did not end well" ;;
	replaced) replace ;;
	esac
}

# --- what is sent -----------------------------------------------------------------

send() {
	local status=0

	ends "${1%%-*}"
	shot "$1" || status=$?
	case $1 in
	replaced-*)
		[ -z "$daemon" ] || md_start
		shot "$1" || status=$?
		;;
	esac
	return $status
}

shot() {
	case $1 in
	*-device?) shoot udp - "${at[gw$f]}" 7777 ;;
	expired-tunnel?)
		watch=tunnel
		shoot icmp - "${at[tunpeer$f]}" 0
		;;
	*-tunnel?)
		watch=tunnel
		shoot udp - "${at[tunpeer$f]}" 7777
		;;
	esac
}

# what_the_policy_allows WHEN
what_the_policy_allows() {
	for f in 4 6; do
		new_marker
		shoot icmp - "${at[tunpeer$f]}" 0
		passes "what the policy allows, $1, IPv$f" tunnel "$look"
	done
}

row_judge() {
	what_the_policy_allows "with its daemon"
	holds "${valid[@]}"
	md_kill
	what_the_policy_allows "without its daemon"
	md_start
	apply 2 10
	md_stop
	daemon=''
	ok "armed: the policy expires" wait_for 60 kernel_has state expired
	holds "${over[@]}"
	allowed
}

row_run
