#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Tunnels of the kernel that are not WireGuard: what is inside leaves in them.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=23 title="GRE, VXLAN, GENEVE"
ways=(gre4 gre6 gretap4 gretap6 vxlan4 vxlan6 geneve4 geneve6)

setup() {
	local way f

	for way in "${ways[@]}"; do
		f=${way: -1}
		# shellcheck disable=SC2046 # words
		must ip -n node link add "$way" type $(kind "$way")
		[[ $way == gre? ]] || must ip -n node link set "$way" arp off
		must ip -n node link set "$way" up mtu 1200
		must ip -n node route add "10.77.$((++nets)).0/24" dev "$way" src "${at[node4]}"
		net[$way]=10.77.$nets.9
	done
}

declare -A net
nets=0

kind() {
	local ends="local ${at[node$f]} remote ${at[gw$f]}"

	case $1 in
	gre4) echo "gre $ends" ;;
	gre6) echo "ip6gre $ends" ;;
	gretap4) echo "gretap $ends" ;;
	gretap6) echo "ip6gretap $ends" ;;
	vxlan?) echo "vxlan id 4$f $ends dstport 478$f" ;;
	geneve?) echo "geneve id 4$f remote ${at[gw$f]}" ;;
	esac
}

send() { shoot udp "$1" "${net[$1]}" 7777; }

row_run
