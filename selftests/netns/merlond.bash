# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# merlond in a namespace, for tests. Sourced after tap.sh.

[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
: "${tap_dir:?source tap.sh}"
tools=$PWD/build/user/tools
merlond=${MERLOND:-$PWD/build/user/merlond}
md_ns='' md_log='' md_pid='' md_group=''
md_options=()
md_as=()	# a command that becomes it

# md_setup NS: directories and trust; merlond will run in namespace NS
md_setup() {
	md_ns=$1
	md_dir=$tap_dir/merlond
	md_log=$md_dir/log
	md_options=(--trust "$md_dir/trust.json" --state-dir "$md_dir/state"
		--inbox "$md_dir/inbox" --socket "$md_dir/socket" --verbose)
	must mkdir -p "$md_dir"
	chmod 711 "$tap_dir"	# a stranger must get as far as the socket
	must modprobe merlon
	must "$tools/mkbundle" "$md_dir/trust.json"
	at_exit md_kill
}

# bundle NAME [WISH]...: writes it, prints its path (see selftests/tools/mkbundle.c)
bundle() {
	local path=$md_dir/$1.bundle

	shift
	"$tools/mkbundle" "$path" "$@" >&2 && echo "$path"
}

# The pids of supervisor, apply and sync, in this order.
md_pids() { pgrep -f -- "merlond --trust $md_dir/" | sort -n | tr "\n" " "; }
md_answers() { "$tools/askd" --socket "$md_dir/socket" status; }

# Not waited for.
md_launch() {
	[ -z "$md_group" ] || echo 0 >"$md_group/cgroup.procs"
	n "$md_ns" "${md_as[@]}" "$merlond" "${md_options[@]}" >>"$md_log" 2>&1 &
	md_pid=$!
	# Memory that a process has taken before it is moved to a group is not the
	# group's: the shell is there for as long as it starts it.
	[ -z "$md_group" ] || echo 0 >/sys/fs/cgroup/cgroup.procs
}

md_start() {
	md_launch
	wait_for "${MD_PATIENCE:-20}" md_answers || {
		diag "$(tail -n 20 "$md_log")"
		bail "merlond does not answer"
	}
}

md_gone() { [ -z "$(md_pids)" ]; }

# SIGKILL to all three, at once.
md_kill() {
	local pids

	pids=$(md_pids)
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill -9 $pids
	wait_for 10 md_gone
	[ -z "$md_pid" ] || wait "$md_pid"
	md_pid=''
} 2>/dev/null

# md_group_add PATH: started from now on in a control group of its own, for md_oom
md_group_add() {
	md_group=$1
	must sh -c 'echo +memory >/sys/fs/cgroup/cgroup.subtree_control'
	must mkdir "$md_group"
	at_exit rmdir "$md_group"
	at_exit md_kill
}

md_oom_kills() { sed -n 's/^oom_kill //p' "$md_group/memory.events"; }
md_oom_logged() { dmesg | grep -c 'Memory cgroup out of memory: Killed process [0-9]* (merlond)'; }

# All three, by the kernel's own OOM killer, as it counts and logs it: its control
# group may have less memory than they take, and more than what stays when they are
# dead (some 400 kB), lest the kernel look for more of them.
md_oom() {
	local kills logged

	kills=$(md_oom_kills) logged=$(md_oom_logged)
	echo 1 >"$md_group/memory.oom.group"
	echo 768K >"$md_group/memory.max"
	wait_for 10 md_gone || return
	[ "$(md_oom_kills)" -gt "$kills" ] && [ "$(md_oom_logged)" -gt "$logged" ] || return
	md_kill
	echo max >"$md_group/memory.max"
}

# Told to end; its status.
md_stop() {
	local status=0

	kill "$(md_pids | cut -d' ' -f1)"
	wait "$md_pid" || status=$?
	md_pid=''
	return "$status"
}

ask() { "$tools/askd" --socket "$md_dir/socket" "$@"; }
kernel() { n "$md_ns" "$tools/askd" kernel "$@"; }

# kernel_has KEY VALUE: as `askd kernel status` says it
kernel_says() { kernel status | tr ' ' '\n' | sed -n "s/^$1=//p"; }
kernel_has() { [ "$(kernel_says "$1")" = "$2" ]; }
watermark() { "$tools/askd" watermark "$md_dir/state/watermark"; }

# The code and the sentence of merlond's answer to 'apply FILE'.
apply_code() { ask apply "$1" | jq -r .code; }
apply_sentence() { ask apply "$1" | jq -r .sentence; }
