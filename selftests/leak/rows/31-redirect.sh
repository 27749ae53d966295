#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Frames that tc or nftables send from one device's ingress to another's egress.
# What tc sends is marked to skip egress hooks; what nftables sends is not.

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
	must tc -n node qdisc add dev tc1 clsact
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

hole_open() {
	local how=redirect

	[ -v "tc_ways[$1]" ] || return 0
	[[ $1 != mirror* ]] || how=mirror
	tc -n node filter add dev "${by[${1%?}]}" ingress matchall action mirred egress $how dev eth0
}

hole_close() {
	[ ! -v "tc_ways[$1]" ] || must tc -n node filter del dev "${by[${1%?}]}" ingress
}

declare -A tc_ways=([mirred4]=1 [mirred6]=1 [mirror4]=1)

send() {
	leak_in inner -d $far_mac packet "${by[${1%?}]}" src="${at[node$f]}" \
		dst="${at[out$f]}" proto=udp sport=9 dport=7777 text="$marker"
}

row_alarmed tc "${!tc_ways[@]}"
