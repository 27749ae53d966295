#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# TunnelCrack LocalNet (CVE-2023-36672, CVE-2023-35838): the network says that
# somebody else's addresses are local ones.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=5 title="TunnelCrack LocalNet: foreign addresses declared local"
ways=(udp4 udp6 tcp4 tcp6 icmp4 icmp6)

setup() {
	batch node <<-IP
		addr add 203.0.113.77/24 dev eth0
		addr add 2001:db8:9::77/64 dev eth0 nodad
	IP
}

send() { shoot "${1%?}" - "${at[out$f]}" 7777; }

row_run
