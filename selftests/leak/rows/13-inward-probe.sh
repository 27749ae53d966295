#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
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

send() {
	case $1 in
	spoofed?)
		watch=tunnel
		probe_by echo "${at[tun$f]}" src="${at[tunpeer$f]}"
		;;
	*) probe_by "${1%?}" "${at[tun$f]}" ;;
	esac
}

row_run
