#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Data in what looks like something else: big echo requests, and names whose
# labels are the message, asked of a resolver that would carry them on.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=19 title="tunnels over ICMP or DNS"
ways=(icmp4 icmp6 dns4 dns6)

send() {
	case $1 in
	icmp?) shoot icmp eth0 "${at[out$f]}" 0 -s 1200 ;;
	dns?) leak -x "$(dns_hex)" udp - dst="${at[gw$f]}" dport=53 ;;
	esac
}

row_run
