# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# merlond in a namespace, for tests. Sourced after tap.sh.

[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
: "${tap_dir:?source tap.sh}"
tools=$PWD/build/user/tools
merlond=${MERLOND:-$PWD/build/user/merlond}
md_ns='' md_log='' md_pid=''
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
	n "$md_ns" "${md_as[@]}" "$merlond" "${md_options[@]}" >>"$md_log" 2>&1 &
	md_pid=$!
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
