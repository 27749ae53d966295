#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# A stub on the node, dnsmasq, whose upstream somebody rewrote: the program that
# asks is served by loopback, the stub asks the local network's resolver.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=18 title="a local stub (dnsmasq) whose upstream was rewritten"
ways=(dnsmasq4 dnsmasq6)

setup() {
	local f

	for f in 4 6; do
		in_ns node dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts \
			--port=53 --listen-address="127.0.0.$f" --bind-interfaces \
			--server="${at[gw$f]}" --pid-file= --user=root >"$tap_dir/dnsmasq$f" 2>&1 &
		at_exit kill $!
		wait_for 20 answers "$f" || bail "dnsmasq: $(cat "$tap_dir/dnsmasq$f")"
	done
}

answers() { n node ss -Hlnu "src = 127.0.0.$1 and sport = :53" | grep -q .; }

send() { leak -x "$(dns_hex)" udp - dst="127.0.0.$f" dport=53; }

row_run
