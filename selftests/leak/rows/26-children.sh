#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Devices on top of the physical one that live in another namespace: their
# packets meet no hook of the node's. macvlan and VLAN on eth0, ipvlan on eth1.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=26 title="macvlan, ipvlan or VLAN child in another namespace"
ways=(macvlan4 macvlan6 vlan4 vlan6 ipvlan4 ipvlan6)

setup() {
	second_wire
	ns_add inner
	batch node <<-IP
		link add macvlan0 link eth0 netns inner type macvlan mode bridge
		link add vlan0 link eth0 netns inner type vlan id 5
		link add ipvlan0 link eth1 netns inner type ipvlan mode l2
	IP
	batch far <<-IP
		link add link eth0 name vlan5 type vlan id 5
		addr add 192.0.5.254/24 dev vlan5
		addr add 2001:db8:5::fe/64 dev vlan5 nodad
		link set vlan5 up
	IP
	batch inner <<-IP
		addr add 192.0.2.77/24 dev macvlan0
		addr add 2001:db8:1::77/64 dev macvlan0 nodad
		addr add 192.0.5.77/24 dev vlan0
		addr add 2001:db8:5::77/64 dev vlan0 nodad
		addr add 192.0.4.77/24 dev ipvlan0
		addr add 2001:db8:4::77/64 dev ipvlan0 nodad
		link set macvlan0 up
		link set vlan0 up
		link set ipvlan0 up
	IP
}

declare -A vlan=([4]=192.0.5.254 [6]=2001:db8:5::fe)
from_ns=inner

send() {
	case $1 in
	macvlan?) shoot udp - "${at[gw$f]}" 7777 ;;
	vlan?) shoot udp - "${vlan[$f]}" 7777 ;;
	ipvlan?) watch=wire2 && shoot udp - "${at[second$f]}" 7777 ;;
	esac
}

row_run
