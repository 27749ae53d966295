#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# AF_XDP in copy mode: straight to the driver, veth's and a card's.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=30 title="AF_XDP"
ways=(xdp4 xdp6 card4 card6)
bound=''

setup() {
	cards
	at_exit hole_close
}

# The socket stays, so that there is something to tell of.
send() {
	local dev=eth0

	[[ $1 != card* ]] || dev=nic0 watch=nic
	: >"$tap_dir/xdp"
	"$tools/leakpkt" -n node -w 600000 -d $far_mac xdp $dev src="${at[node$f]}" \
		dst="${at[out$f]}" proto=udp sport=9 dport=7777 text="$marker" >"$tap_dir/xdp" 2>&1 &
	bound=$!
	wait_for 10 sent_or_gone
	cat "$tap_dir/xdp"
	kill -0 "$bound"
}

sent_or_gone() { grep -q sent "$tap_dir/xdp" || ! kill -0 "$bound" 2>/dev/null; }

hole_close() {
	[ -z "$bound" ] || kill "$bound"
	wait "$bound"
	bound=''
} 2>/dev/null

row_alarmed af-xdp
