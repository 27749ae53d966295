#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# What an administrator's scripts do to firewalls and devices, then a packet. The
# module does not go while it is armed; where it is forced to, it closes the
# guarded devices first.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=40 title="nft flush ruleset, iptables -F, conntrack -F, link down and up, rmmod, rmmod -f"
ways=({nft,iptables,conntrack,link,rmmod,force}{4,6})

setup() {
	grep -q '^CONFIG_MODULE_FORCE_UNLOAD=y' "/lib/modules/$(uname -r)/build/.config" ||
		unforced
	must n node nft add table inet t
	must n node conntrack -L
}

unforced() {
	ways=({nft,iptables,conntrack,link,rmmod}{4,6})
	why="this kernel has no rmmod -f"
}

# forced: the module is gone while a packet is sent, and comes back. What it closed
# is opened again only then.
forced() {
	must rmmod -f merlon
	shoot udp - "${at[gw$f]}" 7777
	must modprobe merlon
	arm && wire_anew
	tunnel_up
}

is_armed() { ! in_ns node "$tools/askd" kernel status | grep -q state=disarmed; }

send() {
	case $1 in
	nft?) must n node nft flush ruleset ;;
	iptables4) must n node iptables -F ;;
	iptables6) must n node ip6tables -F ;;
	conntrack?) must n node conntrack -F ;;
	link?) wire_anew ;;
	rmmod?)
		if is_armed && rmmod merlon; then
			bail "the module went while it was armed"
		fi
		;;
	force?)
		if is_armed; then
			forced
			return
		fi
		;;
	esac
	shoot udp - "${at[gw$f]}" 7777
}

row_run
