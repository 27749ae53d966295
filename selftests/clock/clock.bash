# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Clocks that a test sets, one for each of the machines that it plays. Sourced behind tap.sh,
# from the tree's root.
#
#	clock NAME SYSTEM BOOT [SYNCHRONISED [PID...]]	NAME's clocks are off by so many seconds
#				from now on; processes PID and their children hear of it
#	by NAME COMMAND...	runs COMMAND by NAME's clocks

clock_tree=$PWD
clock_so=$PWD/build/user/clock/clock.so clock_set=$PWD/build/user/clock/set
for program in "$clock_so" "$clock_set"; do
	[ -x "$program" ] || bail "$program is not built: make clock-programs"
done
clocks=$(mktemp -d /dev/shm/clocks.XXXXXX) || bail "no directory in memory"
at_exit rm -rf "$clocks"
chmod 711 "$clocks"

clock() {
	local pid pids=()

	for pid in "${@:5}"; do
		mapfile -t -O "${#pids[@]}" pids < <(echo "$pid"; pgrep -P "$pid")
	done
	must "$clock_set" "$clocks/$1" "$2" "$3" "${4:-0}" "${pids[@]}"
}
by() { env CLOCK_FILE="$clocks/$1" LD_PRELOAD="$clock_so" "${@:2}"; }
