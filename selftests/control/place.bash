# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Where a merlon-control of the tests lives: a directory in memory, $dir, which is the
# working directory from then on, and a port. Sourced behind tap.sh, from the tree's root, by
# what starts servers (real.bash, server/common.bash, people/real.sh).
#
# BUILD=asan: programs with sanitizers.

build=$PWD/build/${BUILD:-user}
merlon=$PWD/build/user/merlon
joiner=$build/server/joiner
# Leaks cannot be looked for: nobody may trace these programs, not even themselves.
export ASAN_OPTIONS=detect_leaks=0
[ "$(id -u)" = 0 ] || bail "this test changes users: run it as root"

# needs PROGRAM...
needs() {
	local program

	for program; do
		[ -x "$program" ] || bail "$program is not built: make control-programs people-programs"
	done
}
needs "$build/merlon-control" "$build/merlon-signer" "$merlon"

# In memory: what kill -9 can lose is the same there.
dir=$(mktemp -d /dev/shm/control.XXXXXX) || bail "no directory in memory"
at_exit rm -rf "$dir"
chmod 1777 "$dir"
cd "$dir" || exit
# Below what the kernel hands out to who connects.
port=$((20000 + RANDOM % 10000))
