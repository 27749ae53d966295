#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# CVE-2019-14899: the local network asks for the tunnel's address, and the answer
# says that it is here. Answers are what counts: what far sends it does not see.
# "spoofed" comes from the local network with the address of somebody in the tunnel,
# and is answered through the tunnel.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=13 title="probes for the tunnel address, tunnel sources arriving elsewhere"
ways=(closed4 closed6 open4 open6 echo4 echo6 udp4 udp6
	spoofed4 spoofed6)

setup() {
	serve node tcp "${at[tun4]}" 7
	serve node tcp "${at[tun6]}" 7
}

# probe FIELD...: from far, to the node's device, whatever routes say
probe() {
	leak_in far -d $node_mac packet eth0 src="${at[gw$f]}" \
		dst="${at[tun$f]}" "$@"
}

# An answer from the port that was asked, to this try's.
probe_tcp() {
	local sport

	sport=$(random_port)
	look_tuple "${at[gw$f]}" "$1" "$sport"
	look=$(hex_address "${at[tun$f]}")$look
	probe proto=tcp flags=S sport="$sport" dport="$1" seq=$((SRANDOM / 2))
}

send() {
	case $1 in
	closed?) probe_tcp 7999 ;;
	open?) probe_tcp 7 ;;
	echo4) probe proto=icmp type=8 id=7 text="$marker" ;;
	echo6) probe proto=icmp6 type=128 id=7 text="$marker" ;;
	spoofed4)
		watch=tunnel
		probe src="${at[tunpeer4]}" proto=icmp type=8 id=7 \
			text="$marker"
		;;
	spoofed6)
		watch=tunnel
		probe src="${at[tunpeer6]}" proto=icmp6 type=128 id=7 \
			text="$marker"
		;;
	udp?) probe proto=udp sport=4000 dport=7999 text="$marker" ;;
	esac
}

row_run
