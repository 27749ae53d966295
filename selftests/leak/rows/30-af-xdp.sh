#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# AF_XDP in copy mode: straight to the driver, veth's and a card's.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=30 title="AF_XDP"
ways=(xdp4 xdp6 card4 card6)

setup() { cards; }

send() {
	local dev=eth0

	[[ $1 != card* ]] || dev=nic0 watch=nic
	leak -d $far_mac xdp $dev src="${at[node$f]}" dst="${at[out$f]}" proto=udp sport=9 \
		dport=7777 text="$marker"
}

row_run
