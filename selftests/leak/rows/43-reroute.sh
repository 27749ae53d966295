#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# A chain of type route gives a packet WireGuard's mark after it was routed: it
# leaves by the physical device, where LOCAL_OUT had seen the tunnel.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=43 title="an nft type route mark that reroutes behind LOCAL_OUT"
ways=(udp4 udp6 icmp4 icmp6)

setup() {
	local family

	for family in ip ip6; do
		must n node nft -f - <<-NFT
			table $family t {
				chain c {
					type route hook output priority 300
					meta mark set $wg_mark
				}
			}
		NFT
	done
}

send() { shoot "${1%?}" - "${at[out$f]}" 7777; }

row_run
