#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# The kernel's own messages, sent by its network console. It gives frames to the
# driver and meets no hook; it is not loaded while armed. veth has no part in it:
# a card does.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=33 title="netconsole"
ways=(console4 console6)

setup() {
	cards
	config=$tap_dir/config
	mkdir "$config"
	must mount -t configfs config "$config"
	at_exit umount "$config"
}

declare -A from=([4]=192.0.6.1 [6]=2001:db8:6::1) to=([4]=192.0.6.254 [6]=2001:db8:6::fe)

# Loaded and configured anew for each try: what is refused shows.
send() {
	local target=$config/netconsole/$1 status=0

	watch=nic
	modprobe netconsole || return
	mkdir "$target" || return
	echo nic0 >"$target/dev_name" &&
		echo "${from[$f]}" >"$target/local_ip" &&
		echo "${to[$f]}" >"$target/remote_ip" &&
		echo ${card_mac}1 >"$target/remote_mac" &&
		in_ns node bash -c "echo 1 >'$target/enabled'" &&
		echo "<1>leak $marker" >/dev/kmsg || status=$?
	watch await nic "$look" 500
	[ "$(cat "$target/enabled")" = 0 ] || echo 0 >"$target/enabled"
	rmdir "$target"
	must modprobe -r netconsole
	return $status
}

row_run
