#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# The kernel's packet generator gives packets to the driver itself; it is not
# loaded while armed.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=34 title="pktgen"
ways=(pktgen4 pktgen6 card4)

setup() { cards; }

# pg FILE COMMAND...: each a line
pg() {
	local file=/proc/net/pktgen/$1 line

	shift
	for line; do
		# shellcheck disable=SC2016
		in_ns node sh -c 'echo "$1" >"$2"' pg "$line" "$file" || return
	done
}

# Five packets from a port of this try alone.
send() {
	local port v='' status=0 dev=eth0

	port=$(random_port)
	[ "$f" = 4 ] || v=6
	[[ $1 != card* ]] || dev=nic0 watch=nic
	look_tuple "${at[out$f]}" "$port" 7777
	modprobe pktgen || return
	pg kpktgend_0 rem_device_all "add_device $dev" &&
		pg $dev "count 5" "pkt_size 100" "dst_mac $far_mac" "dst$v ${at[out$f]}" \
			"udp_src_min $port" "udp_src_max $port" "udp_dst_min 7777" \
			"udp_dst_max 7777" &&
		pg pgctrl start || status=$?
	pg kpktgend_0 rem_device_all
	must modprobe -r pktgen
	return $status
}

row_run
