#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# TunnelVision (CVE-2024-3661): a DHCP server on the local network hands out a
# route that is more specific than the tunnel's (option 121); for IPv6 a router
# advertisement does (route information option). Both are taken for real, by
# busybox's DHCP client and by the kernel.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=4 title="a more specific route than the tunnel's (DHCP option 121, RA)"
ways=(udp4 udp6 tcp4 tcp6 icmp4 icmp6)

setup() {
	dhcp_server
	dhcp_client
	# RFC 4191: 2001:db8:9::/64, preferred, by the router that says so
	must n node sysctl -qw net.ipv6.conf.eth0.accept_ra=2 \
		net.ipv6.conf.eth0.accept_ra_rt_info_max_plen=64
	must leak_in far -x 0000000000000000180240080000ffff20010db800090000 \
		raw eth0 dst=ff02::1 proto=icmp6 type=134 ttl=255
	wait_for 10 routed -6 "${at[out6]}" || bail "no route by RA"
}

routed() { ip -n node "$1" route get "$2" | grep -q 'dev eth0'; }

dhcp_server() {
	cat >"$tap_dir/udhcpd.conf" <<-CONF
		start 192.0.2.1
		end 192.0.2.1
		interface eth0
		lease_file $tap_dir/leases
		opt subnet 255.255.255.0
		opt staticroutes 203.0.113.0/24 ${at[gw4]}
	CONF
	: >"$tap_dir/leases"
	in_ns far busybox udhcpd -f "$tap_dir/udhcpd.conf" >"$tap_dir/udhcpd" 2>&1 &
	at_exit kill $!
	wait_for 10 listens far udp 67
}

dhcp_client() {
	cat >"$tap_dir/script" <<-'SCRIPT'
		#!/bin/sh
		[ "$1" = bound ] || exit 0
		ip route replace ${staticroutes% *} via ${staticroutes#* } dev "$interface"
	SCRIPT
	chmod +x "$tap_dir/script"
	must in_ns node busybox udhcpc -i eth0 -f -q -n -t 20 -T 1 -O staticroutes \
		-s "$tap_dir/script"
	must routed -4 "${at[out4]}"
}

send() { shoot "${1%?}" - "${at[out$f]}" 7777; }

row_run
