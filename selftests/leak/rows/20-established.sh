#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Connections that were there before: what is written to them when they are no
# longer allowed. What TCP keeps it sends again once it may.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=20 title="an established flow after its rule was revoked"
ways=(device4 device6 tunnel4 tunnel6)
declare -A pipe

setup() {
	local way f to

	for way in "${ways[@]}"; do
		f=${way: -1}
		to=gw$f
		[[ $way != tunnel* ]] || to=tunpeer$f
		if [[ $way == tunnel* ]]; then
			serve peer tcp "${at[$to]}" 7
		else
			serve far tcp "${at[$to]}" 7
		fi
		connection "$way" "${at[$to]}"
	done
}

connection() {
	local to=$2 fd

	[[ $to != *:* ]] || to="[$to]"
	mkfifo "$tap_dir/$1"
	in_ns node socat -u "PIPE:$tap_dir/$1" "TCP:$to:7" &
	at_exit kill $!
	exec {fd}<>"$tap_dir/$1"
	pipe[$1]=$fd
	wait_for 20 is_connected "$2" || bail "no connection to $2"
}

is_connected() { n node ss -Htn state established "dst = [$1]" | grep -q .; }

send() {
	[[ $1 != tunnel* ]] || watch=tunnel
	printf %s "$marker" >&"${pipe[$1]}"
}

row_run
