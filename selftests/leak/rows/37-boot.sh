#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1500
# on: host
# A whole machine, from power-on to power-off, under systemd, with what is
# installed: not armed, then armed for everything. What is sent at each stage is in
# boot/prepare. The judge is QEMU, which keeps every frame of the card. A resume is
# not among them: this guest's root, over 9p, does not come back from one, and its
# clock did not wake it from suspend-to-idle.
#
#	guest (systemd, networkd, merlon-hold, merlond)
#	eth0 02:00:00:00:0b:00 ---- QEMU's own network: DHCP, a resolver, no way on

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=../result.bash
. selftests/leak/result.bash

row=37 title="boot, shutdown: before the daemon, after it"
ways=({early,net,stop,last}-{udp4,dns,frame} {early,up,stop,last}-udp6 up-{udp4,dns,frame,routed})
state=lockdown
[ -n "${MERLON_LEAK_SERIES:-}" ] || skip_all "selftests/leak/run says on which kernel"
dir=$PWD/build/leak/$series/boot
printf -v marker %08x $SRANDOM

# What is not a link's upkeep; reports of MLD have a header before theirs.
others="not arp and not icmp6 and not udp port 68 and not udp port 546"
others+=" and not (ip6 dst ff02::16 and ip6[6] == 0 and ip6[40] == 58)"

# boot plain|armed
boot() {
	mkdir -p "$dir/$1"
	selftests/vm/run --kernel "$series" --systemd --pcap "$dir/$1.pcap" --out "$dir/$1" \
		--timeout $((600 * ${MERLON_PATIENCE:-1})) -- \
		selftests/leak/boot/prepare "$dir/root" "$marker" "$1"
}

# frames plain|armed FILTER...: how many the machine sent
frames() {
	tcpdump -nr "$dir/$1.pcap" "ether src 02:00:00:00:0b:00 and (${*:2})" 2>/dev/null | wc -l
}

# said plain|armed WAY: how often
said() { grep -aoF "$marker-$2" "$dir/$1.pcap" | wc -l; }

not_armed() {
	local way

	ok "not armed: the machine boots, and powers off" boot plain || return
	for way in "${ways[@]}"; do
		if [ "$(said plain "$way")" != 0 ]; then
			pass "not armed: $way is seen"
			seen=$((seen + 1))
		else
			fail "not armed: $way is seen"
		fi
	done
	# Without the file it is the same machine: that is the control before and after.
	again=$seen
}

# passes DESCRIPTION FRAMES FILTER...: at least so many
passes() {
	checks=$((checks + 1))
	if [ "$(frames armed "${@:3}")" -ge "$2" ]; then
		passed=$((passed + 1))
		pass "armed: $1"
	else
		fail "armed: $1"
	fi
}

armed() {
	local way count

	if ! ok "armed: the machine boots, and powers off" boot armed; then
		why="armed, it did not power off"
		return 1
	fi
	for way in "${ways[@]}"; do
		tried=$((tried + 1)) count=$(said armed "$way")
		is "$count" 0 "armed: $way is not seen" || leaked=$((leaked + 1))
	done
	passes "DHCP asks, and is given a lease" 2 "udp src port 68 and udp dst port 67"
	passes "NDP passes" 1 "icmp6 and ip6[40] == 135"
	if ! is "$(frames armed "$others")" 0 "armed: and nothing else leaves"; then
		leaked=$((leaked + 1))
		diag "$(tcpdump -nr "$dir/armed.pcap" "$others" 2>&1)"
	fi
}

at_exit unreported
rm -rf "$dir"
mkdir -p "$dir"
must env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s install-programs "DESTDIR=$dir/root" PREFIX=/usr
why="no resume: this guest does not come back from one"
not_armed
if [ -n "${MERLON_LEAK_CONTROL:-}" ] || armed; then
	report "$(verdict)"
else
	report "not tested"
fi
done_testing
