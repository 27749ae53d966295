#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# A client of an exit that chooses its source port so that NAT hands it what is
# meant for the exit's WireGuard port. The node is the exit, with a policy; what
# gives the try away is that port, of the exit's own address, on the wire.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=41 title="port shadow on an exit (CVE-2021-3773)"
ways=(udp4 udp6)
state=policy

setup() {
	exit_node
	must n node nft -f - <<-NFT
		table inet nat {
			chain c {
				type nat hook postrouting priority 100
				oifname eth0 masquerade
			}
		}
	NFT
	why="scope tunnels, a policy that allows it"
}

arm() {
	exit_arm <<-RULES
		tunnel wg0
		allow ${at[tunpeer4]} ${at[gw4]} udp
		allow ${at[tunpeer6]} ${at[gw6]} udp
	RULES
}

# ask_by SPORT: the client, with that source port, which its own tunnel may hold
ask_by() {
	local dport

	dport=$(random_port)
	look_tuple "${at[gw$f]}" "$1" "$dport"
	look=$(hex_address "${at[node$f]}")$look
	leak_in peer packet-dgram wg0 src="${at[tunpeer$f]}" dst="${at[gw$f]}" proto=udp \
		sport="$1" dport="$dport" text="$marker"
}

send() { ask_by 51820; }

# Whoever asks by another port is served.
allowed() {
	for f in 4 6; do
		new_marker
		ask_by "$(random_port)"
		passes "the client of the exit by another port, IPv$f" wire "$look"
	done
}

row_run
