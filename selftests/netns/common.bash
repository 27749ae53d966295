# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the tests of the packet path share. Sourced after tap.sh.

[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
tools=$PWD/build/user/tools

# Armed, and loaded with the rules on standard input, in namespace $1.
wall_up() {
	must n "$1" "$tools/wall" arm
	wall_load "$1"
}

# A new generation from standard input.
wall_load() {
	n "$1" "$tools/wall" load >"$tap_dir/load" 2>&1 ||
		bail "load: $(cat "$tap_dir/load")"
}

# wall NS COMMAND...: as selftests/tools/wall.c has it
wall() {
	local ns=$1

	shift
	n "$ns" "$tools/wall" "$@"
}
