#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# NDP that a host has no business to send: solicitations for what is no neighbour,
# by the kernel and by hand; what only routers say; node information; a probe
# with a hop limit that NDP does not have.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=12 title="NDP beyond what neighbours need, router advertisement"
ways=(kernel6 solicit6 advertise6 router6 redirect6 information6 hops6)

setup() { must ip -n node route add 2001:db8:77::/64 dev eth0; }

ndp() { leak "${@:3}" raw eth0 dst="$1" proto=icmp6 type="$2" ttl="${ttl:-255}"; }

# A target of this try alone, and the solicited-node group that it listens to.
target() {
	target=20010db80077000002${hex:0:14}
	group=ff02::1:ff${target:26:2}:${target:28:4}
}

send() {
	local ttl=255 target group

	target
	case $1 in
	kernel6)
		look=00000000$target
		shoot udp - "$(sed 's/..../&:/g; s/:$//' <<<"$target")" 7777
		;;
	solicit6) look=$target && ndp "$group" 135 -x "$target" ;;
	advertise6) look=$target && ndp ff02::1 136 -x "$target" ;;
	router6) ndp ff02::1 134 -x "0000000000000000$hex" ;;
	redirect6) look=$target && ndp "${at[gw6]}" 137 -x "$target$target" ;;
	information6) ndp ff02::1 139 -x "0000000000000000$hex" ;;
	hops6) look=$target && ttl=64 ndp "$group" 135 -x "$target" ;;
	esac
}

row_run
