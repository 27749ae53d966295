#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# An XDP program that sends what one device receives out of another: in the
# generic mode, and in the driver's own, for which veth wants one at its far end.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=32 title="XDP_REDIRECT to the device"
ways=(generic4 generic6 driver4 driver6)

setup() {
	bpf_dir=$tap_dir/bpf
	mkdir "$bpf_dir"
	must mount -t bpf bpf "$bpf_dir"
	at_exit umount "$bpf_dir"
	stub xdp0
	stub xdp1
	must in_ns node "$tools/leakbpf" redirect eth0 "$bpf_dir/redirect"
	must "$tools/leakbpf" pass "$bpf_dir/pass"
	attach far eth0 xdpdrv pass
}

attach() { must in_ns "$1" ip link set dev "$2" "$3" pinned "$bpf_dir/$4"; }

declare -A by=([generic]=xdp0 [driver]=xdp1) mode=([generic]=xdpgeneric [driver]=xdpdrv)

hole_open() {
	in_ns node ip link set dev "${by[${1%?}]}" "${mode[${1%?}]}" pinned "$bpf_dir/redirect"
}

hole_close() { must ip -n node link set dev "${by[${1%?}]}" "${mode[${1%?}]}" off; }

send() {
	leak_in inner -d $far_mac packet "${by[${1%?}]}" src="${at[node$f]}" \
		dst="${at[out$f]}" proto=udp sport=9 dport=7777 text="$marker"
}

row_alarmed xdp
