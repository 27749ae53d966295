#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# How long from `merlon-control policy publish` to the last word on it in each node: real
# server, signer and merlond, whose kernel module is only remembered (kernel.c). Of each
# change and node the time is taken at which merlond gave the generation to the kernel;
# it begins before the policy is signed. Ten nodes: 2 s at the 95th percentile.
# MERLON_LENGTH=long: moreover a hundred, which are only told of.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=network.bash
. selftests/node/network.bash
changes=10 limit=$((2000 * ${MERLON_PATIENCE:-1})) version=0
passphrase='' # what opening a key costs is no part of it
control_init

names=()
grow() { # COUNT: so many nodes
	local name

	while [ ${#names[@]} -lt "$1" ]; do
		name=n$((${#names[@]} + 1))
		node_join "$name"
		node_start "$name"
		names+=("$name")
	done
}
all_have() { # GENERATION
	local name

	for name in "${names[@]}"; do
		[ "$(generation "$name")" = "$1" ] || return 1
	done
}
alike() { [ -n "$(generation n1)" ] && all_have "$(generation n1)"; }
is_newer() { [ "$(generation n1)" != "$1" ] && alike; }

# Ticks of all processes of merlond, of which each node has three; of the server and the signer
ticks() { # PID...
	local pid sum=0 of fields

	for pid in "$@"; do
		for of in "$pid" $(pgrep -P "$pid"); do
			read -ra fields <"/proc/$of/stat"
			sum=$((sum + fields[13] + fields[14]))
		done
	done
	echo "$sum"
}
now_ms() { echo "$((${EPOCHREALTIME/[.,]/} / 1000))"; }

# One change; of each node the time is added to $times, in ms.
change() {
	local before begin name at

	before=$(generation n1)
	version=$((version + 1))
	begin=$(now_ms)
	policy $((1000 + version))
	wait_for 30 is_newer "$before" || return 1
	for name in "${names[@]}"; do
		at=$(stat -c %.3Y "$dir/$name/kernel-log")
		times+=($((${at/./} - begin)))
	done
}

# measure: $p50, $p95, $worst in ms, and CPU in ms for each node and change
measure() {
	local i sorted before_nodes before_server per=$((changes * ${#names[@]}))

	times=()
	before_nodes=$(ticks "${nodes[@]}")
	before_server=$(ticks "$control_pid" "$signer_pid")
	for ((i = 0; i < changes; i++)); do
		change || return 1
	done
	of_node=$((($(ticks "${nodes[@]}") - before_nodes) * 1000 / $(getconf CLK_TCK) / per))
	of_server=$((($(ticks "$control_pid" "$signer_pid") - before_server) * 1000 / $(getconf CLK_TCK) / per))
	mapfile -t sorted < <(printf '%s\n' "${times[@]}" | sort -n)
	p50=${sorted[per / 2]} p95=${sorted[(per * 95 + 99) / 100 - 1]} worst=${sorted[-1]}
	diag "latency: $(jq -cn '$ARGS.named' --argjson nodes ${#names[@]} --argjson changes "$changes" \
		--argjson p50 "$p50" --argjson p95 "$p95" --argjson worst "$worst" \
		--argjson nodeCpu "$of_node" --argjson serverCpu "$of_server")"
}

policy 1000
grow 10
ok "ten nodes have one generation" wait_for 60 alike
measure || bail "a change did not arrive"
ok "$changes changes arrive at ten nodes in 2 s at the 95th percentile ($p95 ms)" test "$p95" -le "$limit"
if [ "${MERLON_LENGTH:-normal}" = long ]; then
	grow 100
	ok "a hundred nodes have one generation" wait_for 300 alike
	measure || bail "a change did not arrive"
fi

# CONTROL: nothing arrives where nobody brings it.
before=$(generation n1)
kill -STOP "$control_pid"
"$control/merlon-control" policy publish --config "$dir/control.json" --passphrase-fd 3 \
	--policy-key "$dir/keys/policy.key" "$dir/policy" 3<<<"$passphrase" >/dev/null 2>&1 &
late=$!
sleep 3
is "$(generation n1)" "$before" "nothing arrives from a server that stands still"
kill -CONT "$control_pid"
wait "$late"
done_testing
