#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# What the kernel says by itself on the physical device: ICMP errors, echo
# replies, RSTs, SYN-ACKs.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=14 title="the kernel's own ICMP errors, RSTs and SYN-ACKs"
ways=(closed4 closed6 open4 open6 echo4 echo6 udp4 udp6 proto4 proto6)

setup() {
	serve node tcp "${at[node4]}" 7
	serve node tcp "${at[node6]}" 7
}

send() {
	case $1 in
	proto?) probe "${at[node$f]}" proto=253 text="$marker" ;;
	*) probe_by "${1%?}" "${at[node$f]}" ;;
	esac
}

row_run
