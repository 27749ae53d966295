#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# A container's flows in the administrator's own flowtable: they skip FORWARD and
# POST_ROUTING.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=21 title="a flow in nf_flow_table"
ways=(udp4 udp6 tcp4 tcp6)
declare -A pipe

setup() {
	local way f

	container
	must n node nft -f - <<-NFT
		table inet t {
			flowtable fast {
				hook ingress priority 0
				devices = { in0, eth0 }
			}
			chain c {
				type filter hook forward priority 0
				meta l4proto { tcp, udp } flow add @fast
			}
		}
	NFT
	for way in "${ways[@]}"; do
		f=${way: -1}
		serve far "${way%?}" "${at[gw$f]}" 7
		flow "$way" "${way%?}" "${at[gw$f]}"
	done
}

# A flow that has been answered, and is in the table.
flow() {
	local to=$3 fd

	[[ $to != *:* ]] || to="[$to]"
	mkfifo "$tap_dir/$1"
	in_ns inner socat "PIPE:$tap_dir/$1" "${2^^}${1: -1}:$to:7" >/dev/null 2>&1 &
	at_exit kill $!
	exec {fd}<>"$tap_dir/$1"
	pipe[$1]=$fd
	wait_for 20 offloaded "$1" "$2" || bail "$1 is not in the flowtable"
}

# One word there and back is what it takes.
offloaded() {
	echo hello >&"${pipe[$1]}"
	n node conntrack -L -f "ipv${1: -1}" -p "$2" | grep -q OFFLOAD
}

send() { printf %s "$marker" >&"${pipe[$1]}"; }

row_run
