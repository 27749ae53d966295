#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# Frames that tc or nftables send from one device's ingress to another's egress.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=31 title="tc mirred, nft fwd and dup to the device"
ways=(mirred4 mirred6 mirror4 fwd4 fwd6 dup4)

setup() {
	stub tc0
	stub tc1
	stub nft0
	stub nft1
	must tc -n node qdisc add dev tc0 clsact
	must tc -n node filter add dev tc0 ingress matchall action mirred egress redirect dev eth0
	must tc -n node qdisc add dev tc1 clsact
	must tc -n node filter add dev tc1 ingress matchall action mirred egress mirror dev eth0
	must n node nft -f - <<-NFT
		table netdev t {
			chain forwards {
				type filter hook ingress device nft0 priority 0
				fwd to eth0
			}
			chain doubles {
				type filter hook ingress device nft1 priority 0
				dup to eth0
			}
		}
	NFT
}

declare -A by=([mirred]=tc0 [mirror]=tc1 [fwd]=nft0 [dup]=nft1)

send() {
	leak_in inner -d $far_mac packet "${by[${1%?}]}" src="${at[node$f]}" \
		dst="${at[out$f]}" proto=udp sport=9 dport=7777 text="$marker"
}

row_run
