#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Joining a group tells the network so. The report names the group, which is one
# of this try alone.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=9 title="IGMP, MLD"
ways=(join4 join6 raw4 raw6)
tries=2
settle_ms=3000

send() {
	case $1 in
	join4)
		printf -v look 04000000efff%04x $((SRANDOM % 65536))
		leak -w 2000 join eth0 dst="239.255.$((0x${look:12:2})).$((0x${look:14:2}))" &
		;;
	join6)
		hex=${hex:0:24}
		look=04000000ff150000$hex
		leak -w 2000 join eth0 "dst=ff15:0$(sed 's/..../:&/g' <<<"$hex")" &
		;;
	raw4) leak raw eth0 dst=224.0.0.22 proto=2 text="$marker" ttl=1 ;;
	raw6) leak raw eth0 dst=ff02::16 proto=icmp6 type=143 text="$marker" ttl=1 ;;
	esac
}

row_run
