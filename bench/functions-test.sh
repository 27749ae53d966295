#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 60
# What bench/functions makes of counts that are known, and what it refuses; what
# bench/profile.jq makes of that; and what the plugin refuses.

# shellcheck source=../selftests/lib/tap.sh
. "$(dirname "$0")/../selftests/lib/tap.sh"
cd "$(dirname "$0")/.." || exit
plan 19

names=$tap_dir/names counts=$tap_dir/counts
plugin=build/user/plugin/profile.so

# A kernel of 2000 functions of 16 bytes each, in no order, and a module behind it.
{
	printf '%s\n' 'ffffffffc0001000 t judge	[merlon]' 'ffffffffc0001040 t judge.cold	[merlon]' \
		'ffffffffc0001080 t other.isra.0	[merlon]'
	awk 'BEGIN { for (i = 1999; i >= 0; i--) printf "ffffffff81%06x T f%d\n", i * 16, i }'
} >"$names"

# counts TOTAL...: two measurements, of which the second has these rounds
make_counts() {
	echo measurement 1
	echo round 7
	echo "ffffffff81000000 7"
	echo measurement 2
	printf 'round %s\n' "$@"
	printf '%s\n' '0000000000000000 2' 'ffffffff80000000 1' 'ffffffff81000010 100' 'ffffffff8100001f 100' \
		'ffffffff81000020 5' 'ffffffffc0001004 50' 'ffffffffc0001044 6' 'ffffffffc0001090 8'
}

# line MEASUREMENT PEER [SAMPLE...]: as bench/profile prints it, of 2 packets
line() {
	local number=$1 peer=$2

	shift 2
	jq -nc --argjson number "$number" --arg peer "$peer" \
		'{series: "6.12", kernel: "k", peer: $peer, way: "in", samples: ($ARGS.positional | map(tonumber)),
		  packets: 2, measurement: $number}' --args "$@"
}
functions() { bench/functions "$names" "$counts" 2>"$tap_dir/errors"; }
says() { grep -qF -- "$1" "$tap_dir/errors"; }

make_counts 272 280 >"$counts"
line 2 none 13600 14000 | functions >"$tap_dir/named"
is "$?" 0 "counts that agree with the clock are taken"
is "$(jq -c .functions "$tap_dir/named" | jq -Sc .)" \
	'{"- -":3,"kernel f1":200,"kernel f2":5,"merlon judge":56,"merlon other":8}' \
	"each address is of the function before it, pieces are one, the rest is nobody's"
is "$(jq -c .counted "$tap_dir/named")" "[272,280]" "rounds are those of that measurement"

not_ok "a round of 1 % more instructions than the clock's is refused" \
	eval 'line 2 none 13600 13860 | functions'
ok "and named" says "none, in: instructions counted and clock differ"
not_ok "so is one of 1 % fewer" eval 'line 2 none 13600 14140 | functions'
ok "one of 0.3 % fewer is not" eval 'line 2 none 13600 14042 | functions'
not_ok "a round that was not counted is refused" eval 'line 2 none 13600 14000 14000 | functions'
ok "and said" says "3 rounds were measured, and 2 counted"
not_ok "a measurement that was not counted is refused" eval 'line 3 none 13600 | functions'
ok "and said" says "measurement 3 was not counted"
sed -i '100,$d' "$names"
not_ok "names that cannot be a kernel's are refused" eval 'line 2 none 13600 14000 | functions'

# results ADDED EXIT: what scope tunnels adds to 1000 by the profile, and by bench/exit; all
# ways the same, scope everything twice that
results() {
	jq -n --argjson added "$1" --argjson exit "$2" '
		def run($peer; $nat; $way; $more): {series: "6.12", kernel: "k", peer: ($peer + $nat), way: $way, packets: 10,
			samples: [100000 + $more * 100], counted: [10000 + $more * 10],
			functions: {"kernel f": 9000, "kernel nf_hook_slow": (1000 + $more * 4), "merlon judge": ($more * 6)}};
		def both(f): [("", "+nat") as $nat | ("in", "out") as $way | f];
		{none: 0, merlon: $added, "merlon-everything": (2 * $added), "none-again": 0} as $peers |
		{environment: {merlon: "0", commit: "c", date: "d", compiler: "g", tools: "t", qemu: "q", cpu: "p"},
		 profile: [$peers | to_entries[] | . as $peer | ("", "+nat") as $nat | ("in", "out") as $way |
			run($peer.key; $nat; $way; $peer.value)],
		 exit: [$peers | to_entries[] | . as $peer | ("", "+nat") as $nat | ("in", "out") as $way |
			{series: "6.12", peer: ($peer.key + $nat), family: 4, packet: "udp-64", way: $way,
			 samples: [100000 + $peer.value / $added * $exit * 100]}]}'
}
part() { jq -r -L bench --arg part "$1" -f bench/profile.jq "$tap_dir/results"; }

results 100 100 >"$tap_dir/results"
part document >"$tap_dir/page"
is "$(grep -F '`tunnels`, with conntrack and NAT, out' "$tap_dir/page")" \
	'| `tunnels`, with conntrack and NAT, out | 1000 | 100 | 60 | 40 | 0 | 100 | 100 |' \
	"what is added is Merlon's, netfilter's, or others'"
is "$(grep -F '`judge`' "$tap_dir/page" | head -n 1)" '| merlon | `judge` | 60 | 60 | 120 | 120 |' \
	"a function's part"
is "$(grep -cF '`f`' "$tap_dir/page")" 0 "a function that costs what it did is left out"
is "$(part check)" "" "what bench/exit measured, too, is fine"
results 100 50 >"$tap_dir/results"
is "$(part check | wc -l)" 8 "what it did not is said, of each"

not_ok "the plugin refuses a machine of two processors" eval 'timeout 60 qemu-system-x86_64 \
	-accel tcg -smp 2 -display none -plugin "$plugin,out=$tap_dir/out" 2>"$tap_dir/errors"'
ok "and says why" says "of one processor"
