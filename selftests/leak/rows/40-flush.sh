#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# What an administrator's scripts do to firewalls, then a packet. The module does
# not go while it is armed.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=40 title="nft flush ruleset, iptables -F, conntrack -F, rmmod"
ways=(nft4 nft6 iptables4 iptables6 conntrack4 conntrack6 rmmod4 rmmod6)

setup() {
	must n node nft add table inet t
	must n node conntrack -L
}

is_armed() { ! in_ns node "$tools/askd" kernel status | grep -q state=disarmed; }

send() {
	case $1 in
	nft?) must n node nft flush ruleset ;;
	iptables4) must n node iptables -F ;;
	iptables6) must n node ip6tables -F ;;
	conntrack?) must n node conntrack -F ;;
	rmmod?)
		if is_armed && rmmod merlon; then
			bail "the module went while it was armed"
		fi
		;;
	esac
	shoot udp - "${at[gw$f]}" 7777
}

row_run
