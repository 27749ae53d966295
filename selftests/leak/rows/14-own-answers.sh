#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
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

probe() {
	leak_in far -d $node_mac packet eth0 src="${at[gw$f]}" \
		dst="${at[node$f]}" "$@"
}

probe_tcp() {
	local sport

	sport=$(random_port)
	look_tuple "${at[gw$f]}" "$1" "$sport"
	probe proto=tcp flags=S sport="$sport" dport="$1" seq=$((SRANDOM / 2))
}

send() {
	case $1 in
	closed?) probe_tcp 7999 ;;
	open?) probe_tcp 7 ;;
	echo4) probe proto=icmp type=8 id=7 text="$marker" ;;
	echo6) probe proto=icmp6 type=128 id=7 text="$marker" ;;
	udp?) probe proto=udp sport=4000 dport=7999 text="$marker" ;;
	proto?) probe proto=253 text="$marker" ;;
	esac
}

row_run
