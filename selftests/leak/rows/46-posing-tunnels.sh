#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Other tunnels of the kernel with WireGuard's ports, to the peer's endpoint: they
# too send from a socket of the kernel's, or from none at all.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=46 title="other kernel UDP tunnels posing as WireGuard"
ways=(vxlan4 vxlan6 geneve4 geneve6 fou4 fou6)

setup() {
	batch node <<-IP
		route add ${at[end4]} via ${at[gw4]} dev eth0
		route add ${at[end6]} via ${at[gw6]} dev eth0
	IP
	must modprobe fou
	must modprobe fou6
	pose vxlan4 vxlan id 4 local "${at[node4]}" remote "${at[end4]}" dstport 51821 \
		srcport 51820 51821
	pose vxlan6 vxlan id 6 local "${at[node6]}" remote "${at[end6]}" dstport 51822 \
		srcport 51820 51821
	pose geneve4 geneve id 4 remote "${at[end4]}" dstport 51823
	pose geneve6 geneve id 6 remote "${at[end6]}" dstport 51824
	pose fou4 ipip local "${at[node4]}" remote "${at[end4]}" encap fou \
		encap-sport 51820 encap-dport 51820
	pose fou6 ip6tnl mode ip4ip6 local "${at[node6]}" remote "${at[end6]}" \
		encap fou encap-sport 51820 encap-dport 51820
}

# pose WAY KIND…: a tunnel, and the network that it leads to
pose() {
	local dev=p-$1

	net[$1]=10.77.$((++nets)).9
	must ip -n node link add "$dev" type "${@:2}"
	case $2 in
	vxlan | geneve) must ip -n node link set "$dev" arp off ;;
	esac
	must ip -n node link set "$dev" up mtu 1200
	must ip -n node route add "${net[$1]}/32" dev "$dev" src "${at[node4]}"
}

declare -A net
nets=0

send() { shoot udp - "${net[$1]}" 7777; }

row_run
