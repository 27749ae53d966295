# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the tests of `merlon` share. Sourced after tap.sh; needs no kernel.

: "${tap_dir:?source tap.sh}"
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
root=$PWD
merlon=${MERLON:-$root/build/user/merlon}
[ -x "$merlon" ] || bail "$merlon is not built"
command -v jq >/dev/null || bail "jq is missing"
export NO_COLOR=1

# said STREAM: what the last of the functions below wrote to it
said() { cat "$tap_dir/$1"; }

# merlon_run ARGUMENT...: sets $status. There is no terminal, whoever runs this.
merlon_run() {
	status=0
	setsid -w "$merlon" "$@" >"$tap_dir/out" 2>"$tap_dir/err" </dev/null || status=$?
}

explain_failure() {
	diag "$1: status $status"
	sed 's/^/#   out: /' "$tap_dir/out" | head -n 20
	sed 's/^/#   err: /' "$tap_dir/err" | head -n 20
}

# yes DESCRIPTION ARGUMENT...: exit status 0, nothing on standard error
yes() {
	merlon_run "${@:2}"
	if [ "$status" = 0 ] && [ ! -s "$tap_dir/err" ]; then
		pass "$1"
	else
		fail "$1" || true
		explain_failure "${*:2}"
	fi
}

# ends STATUS PATTERN DESCRIPTION ARGUMENT...: a status, and one sentence on
# standard error that matches
ends() {
	merlon_run "${@:4}"
	if [ "$status" = "$1" ] && grep -qE -- "$2" "$tap_dir/err" &&
		[ "$(wc -l <"$tap_dir/err")" = 1 ]; then
		pass "$3"
	else
		fail "$3" || true
		explain_failure "${*:4}"
		diag "wanted status $1 and: $2"
	fi
}
no() { ends 1 "$@"; }
misuse() { ends 2 "$@"; }

# json FILTER WANTED DESCRIPTION: of the last standard output, which is one document
json() { is "$(jq -rc "$1" "$tap_dir/out" 2>&1)" "$2" "$3"; }
