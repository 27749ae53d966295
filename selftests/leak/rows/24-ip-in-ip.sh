#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# IP in IP, in all four combinations; 6to4; and Teredo, which is IPv6 in UDP.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=24 title="IPIP, protocol 41, 6to4, Teredo"
ways=(ipip4 sit4 ip6ip6 ipip6 6to4 teredo4)

setup() {
	must ip -n node link add t-ipip4 type ipip local "${at[node4]}" remote "${at[gw4]}"
	must ip -n node link add t-sit4 type sit local "${at[node4]}" remote "${at[gw4]}"
	must ip -n node link add t-ip6ip6 type ip6tnl mode ip6ip6 local "${at[node6]}" \
		remote "${at[gw6]}"
	# One tunnel between two addresses.
	must ip -n far addr add 2001:db8:1::fd/64 dev eth0 nodad
	must ip -n node link add t-ipip6 type ip6tnl mode ipip6 local "${at[node6]}" \
		remote 2001:db8:1::fd
	must ip -n node link add t-6to4 type sit local "${at[node4]}" remote any
	batch node <<-IP
		link set t-ipip4 up
		link set t-sit4 up
		link set t-ip6ip6 up
		link set t-ipip6 up
		link set t-6to4 up
		addr add 10.77.1.1/24 dev t-ipip4
		addr add 10.77.2.1/24 dev t-ipip6
		addr add 2001:db8:71::1/64 dev t-sit4 nodad
		addr add 2001:db8:72::1/64 dev t-ip6ip6 nodad
		addr add 2002:c000:201::1/16 dev t-6to4 nodad
	IP
}

send() {
	case $1 in
	ipip4) shoot udp - 10.77.1.9 7777 ;;
	ipip6) shoot udp - 10.77.2.9 7777 ;;
	sit4) shoot udp - 2001:db8:71::9 7777 ;;
	ip6ip6) shoot udp - 2001:db8:72::9 7777 ;;
	6to4) shoot udp - 2002:c000:2fe::9 7777 ;;	# in 192.0.2.254
	teredo4)	# UDP in IPv6 in UDP
		leak -x "6000000000181140$(hex_address 2001:0:c000:201::1 "${at[out6]}")\
1e611e6100180000$hex" udp - dst="${at[gw4]}" dport=3544
		;;
	esac
}

row_run
