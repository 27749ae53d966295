#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 60
# What bench/native.jq makes of numbers that are known (bench/native-sample.jq), and that
# bench/put leaves alone what it should.

# shellcheck source=../selftests/lib/tap.sh
. "$(dirname "$0")/../selftests/lib/tap.sh"
cd "$(dirname "$0")/.." || exit
plan 14

sample() { jq -n --argjson slow "$1" -f bench/native-sample.jq; }
part() { jq -r -L bench --arg part "$1" --arg family 4 -f bench/native.jq "$2"; }
# line TEXT FILE: the one that has it
line() { grep -F -m 1 -- "$1" "$2"; }

sample 5 >"$tap_dir/fine"
sample 50 >"$tap_dir/slow"
part goals "$tap_dir/fine" >"$tap_dir/goals"
part goals "$tap_dir/slow" >"$tap_dir/slow-goals"
part document "$tap_dir/fine" >"$tap_dir/page"

is "$(line 'one flow' "$tap_dir/goals")" \
	"| growth from 10 rules to 100000, one flow | ≤ 1.5× | 1×, 1× | met |" "growth, met"
is "$(line 'packets of all rules' "$tap_dir/goals")" \
	"| growth from 10 rules to 100000, packets of all rules | ≤ 1.5× | 2×, 2× | **not met** |" \
	"growth, not met"
is "$(line '1392 bytes: in, out' "$tap_dir/goals" | cut -d'|' -f4,5)" \
	" 0.5 %, 0.5 %, 0.5 %, 0.5 %; nothing once more: 0 %, 0 %, 0 %, 0 % | met " "throughput, met"
is "$(line '1392 bytes: in, out' "$tap_dir/slow-goals" | cut -d'|' -f4,5)" \
	" 4.76 %, 4.76 %, 4.76 %, 4.76 %; nothing once more: 0 %, 0 %, 0 %, 0 % | **not met** " \
	"throughput, not met: 50 of 1050 packets"
is "$(line '1392 bytes of all rules: in' "$tap_dir/slow-goals" | cut -d'|' -f5)" " met " "many flows"
is "$(line 'load of 100000' "$tap_dir/goals" | cut -d'|' -f4,5)" \
	" 140 ms in user-mode Linux, whole; – ms for reading and verifying here and the kernel's part there | met " \
	"a load, met"
is "$(line 'a hash set' "$tap_dir/goals" | cut -d'|' -f4,5)" " 10× in user-mode Linux | met " "against nft, met"

is "$(line '| nftables, hash set | 200' "$tap_dir/page")" "| nftables, hash set | 200 (150 to 250) | 400 (300 to 500) |" \
	"nanoseconds over no hook, with quartiles"
is "$(line '| nftables, hash set | 20 ' "$tap_dir/page")" "| nftables, hash set | 20 (20 to 20) | 40 (40 to 40) |" \
	"ratios of one turn do not have the turns' spread"
is "$(line '| nftables, hash set | 4 ' "$tap_dir/page")" "| nftables, hash set | 4 (4 to 4) | 4 (4 to 4) |" \
	"against Merlon"
is "$(part data "$tap_dir/fine" | head -n 1)" "10 NaN NaN NaN 200 150 250 NaN NaN NaN NaN NaN NaN NaN NaN NaN 50 37.5 62.5" \
	"the plot's numbers, and what was not measured"
jq '.hooks = [] | .exit = [] | .control = []' "$tap_dir/fine" >"$tap_dir/nothing"
is "$(part goals "$tap_dir/nothing" | tail -n +3 | grep -vc '| not measured |$')" 0 "nothing measured: nothing met"

printf '%s\n' a '<!-- native: x -->' old '<!-- end -->' '<!-- goals: x -->' kept '<!-- end -->' >"$tap_dir/put"
bench/put native "$tap_dir/put" <<<new
is "$(paste -sd, "$tap_dir/put")" "a,<!-- native: x -->,,new,,<!-- end -->,<!-- goals: x -->,kept,<!-- end -->" \
	"a page's part is replaced, and no other"
not_ok "a page without that part is refused" bench/put other "$tap_dir/put"
