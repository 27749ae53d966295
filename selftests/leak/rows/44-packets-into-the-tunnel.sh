#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Packet sockets on the tunnel's own device: past every hook of IP, into the
# tunnel. Seen where they come out of it.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=44 title="AF_PACKET sent into the tunnel device"
ways=(packet4 packet6 bypass4 bypass6)

send() {
	local way=packet-dgram

	watch=tunnel
	[[ $1 != bypass* ]] || way=packet-dgram-bypass
	leak $way wg0 src="${at[tun$f]}" dst="${at[tunpeer$f]}" proto=udp sport=9 dport=7777 \
		text="$marker"
}

row_run
