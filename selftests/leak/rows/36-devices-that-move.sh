#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Devices that come, are renamed, or move between namespaces while Merlon is armed,
# and what is sent by them at once.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=36 title="a device hot-plugged, renamed, moved in or out"
ways=(plugged4 plugged6 plugged-raw4 renamed4 renamed6 moved-in4 moved-in6
	moved-out4 moved-out6 card-in4 card-out4)
tries=2

setup() {
	second_wire
	cards
	ns_add inner
	# Devices that come and go are watched as they are.
	watch open any far any
	batch inner <<-IP
		link add eth6 type veth peer name eth6 netns far
	IP
	must ip -n far link set eth6 up
}

# move FROM TO DEVICE
move() {
	ip -n "$1" link set "$3" netns "$2"
	ip -n "$2" link set "$3" up
}

frame() { leak_from "$1" packet "$2"; }

leak_from() {
	leak_in "$1" -d $far_mac "$2" "$3" src="${at[node$f]}" \
		dst="${at[out$f]}" proto=udp sport=9 dport=7777 text="$marker"
}

# What was sent is on its way when its device goes.
gone() { watch await any "$look" 300; }

plug() {
	batch node <<-IP
		link add eth5 type veth peer name eth5 address $far_mac netns far
		addr add 192.0.9.1/24 dev eth5
		addr add 2001:db8:79::1/64 dev eth5 nodad
	IP
	ip -n far link set eth5 up
	ip -n node link set eth5 up
	ip -n node neigh replace 192.0.9.254 lladdr $far_mac dev eth5
	ip -n node neigh replace 2001:db8:79::fe lladdr $far_mac dev eth5
}

send() {
	local status=0

	watch=any
	case $1 in
	plugged-raw4)
		plug
		frame node eth5 || status=$?
		gone
		ip -n node link del eth5
		;;
	plugged?)
		plug
		if [ "$f" = 4 ]; then
			shoot udp - 192.0.9.254 7777 || status=$?
		else
			shoot udp - 2001:db8:79::fe 7777 || status=$?
		fi
		gone
		ip -n node link del eth5
		;;
	renamed?)
		ip -n node link set eth1 down
		ip -n node link set eth1 name other
		ip -n node link set other up
		frame node other || status=$?
		gone
		ip -n node link set other down
		ip -n node link set other name eth1
		;;
	moved-in?)
		move inner node eth6
		frame node eth6 || status=$?
		gone
		move node inner eth6
		;;
	card-in4)
		move node inner nic0
		move inner node nic0
		frame node nic0 || status=$?
		gone
		;;
	moved-out?)
		move node inner eth1
		frame inner eth1 || status=$?
		gone
		move inner node eth1
		;;
	card-out4)
		move node inner nic0
		frame inner nic0 || status=$?
		gone
		move inner node nic0
		;;
	esac
	watch=any
	return $status
}

row_run
