#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Names asked of somebody else's resolver: by the physical device, of the local
# network's own resolver, and through the tunnel.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=15 title="DNS, UDP and TCP 53, to another resolver"
ways=(device-udp4 device-udp6 device-tcp4 device-tcp6 local-udp4 local-udp6
	local-tcp4 local-tcp6 tunnel-udp4 tunnel-udp6 tunnel-tcp4 tunnel-tcp6)

send() {
	local kind=${1#*-}

	kind=${kind%?}
	case $1 in
	device-*) ask_name "$kind" eth0 "${at[out$f]}" 53 ;;
	local-*) ask_name "$kind" - "${at[gw$f]}" 53 ;;
	tunnel-*) watch=tunnel && ask_name "$kind" - "${at[out$f]}" 53 ;;
	esac
}

row_run
