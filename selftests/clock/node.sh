#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
# merlond, whose system clock is wrong, or set while it runs. The kernel's part, CLOCK_BOOTTIME
# and expiry of what is in force, is proven with the real module in selftests/netns/merlond.sh;
# the rule itself, second by second, in selftests/unit/test_watermark.c. Here: what merlond
# makes of it, at each of these:
#
#	1970, and it knows nothing		takes what it is given
#	1970, behind a document of today	today counts: takes what holds, refuses what has
#						expired, keeps for later what is not yet valid
#	1970, and the machine starts		its last bundle is in force again
#	an hour ahead				what ends within the hour has ended, until it is
#						set back
#	set forward over a not-before		the bundle that waited is applied at once
#	to and fro				what is in force stays, the watermark only rises
#
# The kernel is only remembered: selftests/node/kernel.c.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=../node/common.bash
. selftests/node/common.bash
# shellcheck source=clock.bash
. selftests/clock/clock.bash
askd=$PWD/build/user/tools/askd
[ -x "$askd" ] || bail "$askd is not built: make tools"
export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0

mkdir "$inbox" && chown nobody "$inbox"
must "$mkbundle" "$dir/trust.json"
node_pid=''
node_stop() {
	[ -z "$node_pid" ] || kill "$node_pid" 2>/dev/null
	[ -z "$node_pid" ] || wait "$node_pid" 2>/dev/null
	node_pid=''
}
at_exit node_stop
# A start is a reboot: the kernel that is remembered forgets.
node_start() {
	: >"$dir/log"
	CLOCK_FILE=$clocks/n1 LD_PRELOAD=$clock_so "$merlond" --no-tunnel --trust "$dir/trust.json" \
		--state-dir "$state" --inbox "$inbox" --socket "$dir/socket" --user nobody -v 2>>"$dir/log" &
	node_pid=$!
	wait_for 20 grep -q 'ready: ready' "$dir/log" || bail "no merlond: $(cat "$dir/log")"
}
set_clock() { clock n1 "$1" 0 0 ${node_pid:+"$node_pid"}; } # SECONDS
ask() { "$askd" --socket "$dir/socket" "$@"; }
# offer NAME [OPTION...]: a bundle, made by the right time; prints the code of the answer
offer() {
	must "$mkbundle" "$dir/$1" "${@:2}"
	ask apply "$dir/$1" | jq .code
}
status_of() { ask status | jq -c "$1"; }
in_force() { [ "$(status_of '"\(.epoch).\(.serial)"')" = "\"$1\"" ]; }
last_of_kernel() { tail -n 1 "$state/kernel-log" | cut -d' ' -f1,2; }
day=86400
at_1970=$((1000 - $(date +%s)))

# --- 1970 -----------------------------------------------------------------------------
set_clock "$at_1970"
node_start
is "$(by n1 date -u +%Y)" 1970 "the machine lives in 1970"
is "$(offer old serial=1 issued=-864000 notBefore=-864000 expires=-3600)" 0 \
	"knowing nothing, it takes what it is given, as nobody could tell better"
is "$(offer today serial=2 expires=$((14 * day)))" 0 "what holds today is applied"
is "$(offer expired serial=3 issued=-864000 notBefore=-864000 expires=-3600)" -62 \
	"from then on what has expired is refused"
is "$(offer tomorrow serial=4 notBefore=7200 expires=$((14 * day)))" -11 "and what is of tomorrow waits"
ok "the one of today is in force" in_force 1.2
is "$(status_of .stale)" false "which is not stale"
node_stop
node_start
is "$(last_of_kernel)" "loaded 1.2" "after a reboot, still in 1970, it is in force again"
is "$(offer expired2 serial=3 issued=-864000 notBefore=-864000 expires=-3600)" -62 "the floor was kept"
is "$(status_of '.pending | map(.serial)')" "[4]" "so was what waits"

# --- the right time, and set forward ---------------------------------------------------
set_clock 0
ok "the clock is set right: the bundle of today stays" in_force 1.2
set_clock 7300
ok "set forward over a not-before: it is applied at once" wait_for 5 in_force 1.4
set_clock 0
ok "and set back: it stays" in_force 1.4
is "$(status_of '.pending | length')" 0 "nothing waits"

# --- an hour ahead -----------------------------------------------------------------------
set_clock 3600
is "$(offer soon serial=5 expires=1800)" -62 "an hour ahead: what ends in half an hour has ended"
ok "and what is in force stays" in_force 1.4
set_clock 0
is "$(ask apply "$dir/soon" | jq .code)" 0 "set right, it is taken"
is "$(offer day serial=6 expires=$((14 * day)))" 0 "a longer one follows"

# --- to and fro ----------------------------------------------------------------------------
wrong=''
for ((i = 0; i < 40; i++)); do
	steps=(-3600 3600 "-$day" "$day" "$at_1970" 0)
	set_clock "${steps[RANDOM % 6]}"
	if ((i % 4 == 3)); then
		kinds=(icmp all)
		[ "$(offer turn serial=$((7 + i / 4)) expires=$((14 * day)) allow="${kinds[i / 4 % 2]}")" = 0 ] ||
			wrong+=" $i:refused"
	fi
	in_force 1.$((6 + (i + 1) / 4)) || wrong+=" $i:$(status_of .serial)"
	[ "$("$askd" watermark "$state/watermark")" = 1.$((6 + (i + 1) / 4)) ] || wrong+=" $i:watermark"
done
is "$wrong" "" "set 40 times by hours, a day and half a century, with ten bundles between: as if it were right"
ok "it is the same process" kill -0 "$node_pid"
not_ok "which nothing surprised" grep -E ' (died|terminated|anomaly)' "$dir/log"
set_clock 0

# --- an end ------------------------------------------------------------------------------
set_clock $((15 * day))
node_stop
lines=$(wc -l <"$state/kernel-log")
node_start
ok "15 days ahead at a reboot: what has expired is not loaded" grep -q 'cannot be loaded again.*expired' "$dir/log"
is "$(wc -l <"$state/kernel-log")" "$lines" "the kernel is given nothing"
node_stop
set_clock 0
node_start
is "$(last_of_kernel)" "loaded 1.16" "set right, and rebooted: it is"
done_testing
