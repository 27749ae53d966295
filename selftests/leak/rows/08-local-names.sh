#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# What machines shout on a local network: names and services.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=8 title="mDNS, LLMNR, SSDP, NetBIOS, broadcast, multicast"
ways=(mdns4 mdns6 llmnr4 llmnr6 ssdp4 ssdp6 netbios4 broadcast4 multicast4 multicast6)

declare -A groups=(
	[mdns4]="224.0.0.251 5353" [mdns6]="ff02::fb 5353"
	[llmnr4]="224.0.0.252 5355" [llmnr6]="ff02::1:3 5355"
	[ssdp4]="239.255.255.250 1900" [ssdp6]="ff02::c 1900"
	[netbios4]="192.0.2.255 137" [broadcast4]="255.255.255.255 7777"
	[multicast4]="239.1.2.3 7777" [multicast6]="ff15::1234 7777"
)

send() {
	local to port device=-

	read -r to port <<<"${groups[$1]}"
	[ "$1" != broadcast4 ] || device=eth0
	shoot udp "$device" "$to" "$port" -i eth0
}

row_run
