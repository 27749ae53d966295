#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# The policy goes on without its daemon, until it expires; then it is lockdown.
# merlond has a signed policy that lets ICMP through the tunnel, scope everything.
# Each try brings it up and has it
#
#	killed		SIGKILL to its three processes at once
#	oom		by the kernel's own OOM killer: its control group's memory.max is set to 0
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
group=/sys/fs/cgroup/leak-merlond
daemon=''	# is there to be one?

setup() {
	md_setup node
	must mkdir "$tap_dir/next"
	must cp "$merlond" "$tap_dir/next/merlond"
	must sh -c 'echo +memory >/sys/fs/cgroup/cgroup.subtree_control'
	must mkdir "$group"
	at_exit rmdir "$group"
	at_exit md_kill
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
	start
	apply 1 86400
	kernel arm everything enforcing && ask armed everything enforcing
}

disarm() {
	daemon=''
	md_kill
	kernel disarm
}

# --- how it ends ------------------------------------------------------------------

# The shell is in its group for as long as it starts it. Memory that a process has
# taken before it is moved to a group is not the group's.
start() {
	echo 0 >"$group/cgroup.procs"
	md_start
	echo 0 >/sys/fs/cgroup/cgroup.procs
}

oom_kills() { sed -n 's/^oom_kill //p' "$group/memory.events"; }

oom() {
	local before

	before=$(oom_kills)
	echo 1 >"$group/memory.oom.group"
	echo 0 >"$group/memory.max"
	wait_for 10 md_gone || bail "no memory, and merlond lives"
	[ "$(oom_kills)" -gt "$before" ] || bail "it was not the OOM killer"
	md_kill
	echo max >"$group/memory.max"
}

replace() {
	local next=$tap_dir/next/merlond

	[ "$merlond" != "$next" ] || next=$PWD/build/user/merlond
	md_stop || bail "merlond did not end well"
	merlond=$next
}

ends() {
	[ -n "$daemon" ] || return 0
	[ -n "$(md_pids)" ] || start
	case $1 in
	killed) md_kill ;;
	oom) oom ;;
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
		[ -z "$daemon" ] || start
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
	start
	apply 2 10
	md_stop
	daemon=''
	ok "armed: the policy expires" wait_for 60 kernel_has state expired
	holds "${over[@]}"
	allowed
}

row_run
